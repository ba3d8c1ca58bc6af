"""What the server asks the database: who may listen, what was missed, and what is new."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

log = logging.getLogger("embedded.realtime")

Connection = AsyncConnection[DictRow]

#: How long messages are kept, in days, as hosted; and how often older ones are deleted, in seconds.
KEPT_DAYS = 3
PURGE_EVERY = 3600.0

#: Pauses between two looks for new messages while there are some, in seconds: the shortest and the longest.
PAUSES = (0.04, 0.25)
#: How long nothing must come before the server sleeps until it is woken, and how long it sleeps at most, in seconds.
AWAKE = 2.0
ASLEEP = 30.0

#: The lock that the server holds alone while it sleeps (`realtime.wake` in `postgres/realtime.sql`).
SLEEP_LOCK = 5927103846511

_SCOPE = """
    select set_config('role', %(role)s, true),
        set_config('request.jwt.claim.role', %(role)s, true),
        set_config('request.jwt.claim.sub', %(subject)s, true),
        set_config('request.jwt.claims', %(claims)s, true),
        set_config('realtime.topic', %(topic)s, true)
"""


@dataclass(frozen=True)
class Message:
    """A row of `realtime.messages`: its id, topic, event and payload, and which transaction wrote it."""

    id: str
    topic: str
    event: str
    payload: dict[str, Any]
    transaction_id: int


@dataclass(frozen=True)
class Snapshot:
    """Which transactions a query saw: all before ``first``, none from ``end`` on, between them not the ``running``."""

    first: int
    end: int
    running: frozenset[int]

    @classmethod
    def read(cls, text: str) -> Snapshot:
        """A `pg_snapshot` as Postgres writes it: xmin:xmax:running,running."""
        first, end, running = text.split(":")
        return cls(int(first), int(end), frozenset(map(int, filter(None, running.split(",")))))

    def saw(self, transaction_id: int) -> bool:
        """Whether what a transaction wrote was there, provided that it has committed."""
        return transaction_id < self.first or (transaction_id < self.end and transaction_id not in self.running)


class Database:
    """Asks with the role and claims of a caller. ``pool`` connects as supabase_admin, as hosted Realtime does."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    async def may_read(
        self, claims: dict[str, Any], topic: str, *, since: float | None = None, limit: int = 0
    ) -> tuple[Snapshot, list[Message]] | None:
        """None where row-level security keeps a topic's messages from a caller.

        Else what the answer saw, and the last ``limit`` messages since an instant (seconds), oldest first. The
        database is asked about a message that is written for it and taken back. Raises psycopg.Error.
        """
        role = claims.get("role")
        if role not in ("anon", "authenticated", "service_role"):
            return None
        scope = {"role": role, "subject": str(claims.get("sub") or ""), "claims": json.dumps(claims), "topic": topic}
        async with self._pool.connection() as db, db.transaction(force_rollback=True):
            # No trigger: this row is nobody's news.
            await db.execute("set local session_replication_role = replica")
            probe = await (await db.execute(_PROBE, [topic])).fetchone()
            assert probe is not None
            await db.execute("set local session_replication_role = origin")
            await db.execute(_SCOPE, scope)
            await db.execute("set local statement_timeout = '3s'")
            found = await db.execute("select from realtime.messages where topic = %s and id = %s", [topic, probe["id"]])
            if found.rowcount == 0:
                return None
            # As the caller: what row-level security hides is not replayed either.
            rows = await (
                await db.execute(_MISSED, {"topic": topic, "since": since, "limit": limit, "probe": probe["id"]})
            ).fetchall()
        messages = [_message(row) for row in reversed(rows) if row["id"] is not None]
        return Snapshot.read(rows[0]["snapshot"]), messages

    async def answers(self) -> bool:
        """Whether the database answers."""
        try:
            async with asyncio.timeout(2), self._pool.connection() as db:
                await db.execute("select 1")
        except (psycopg.Error, TimeoutError, OSError):
            return False
        return True


_PROBE = """
    insert into realtime.messages (topic, extension, private, event) values (%s, 'broadcast', true, 'may_read')
    returning id
"""
_COLUMNS = "m.id::text, m.topic, m.event, m.payload, m.transaction_id::text::bigint as transaction_id"
_MISSED = f"""
    select now_seen.snapshot, missed.*
    from (select pg_current_snapshot()::text as snapshot) now_seen
    left join lateral (
        select {_COLUMNS}, m.inserted_at, m.number
        from realtime.messages m
        where m.topic = %(topic)s and m.extension = 'broadcast' and m.private and m.id <> %(probe)s
            and m.inserted_at
                >= greatest(to_timestamp(%(since)s), now() - interval '{KEPT_DAYS} days') at time zone 'UTC'
        order by m.inserted_at desc, m.number desc
        limit %(limit)s
    ) missed on true
    order by missed.inserted_at desc, missed.number desc
"""  # noqa: S608
# One statement, hence one snapshot: what it sees and the one before did not.
_NEW = f"""
    select now_seen.snapshot, {_COLUMNS}
    from (select pg_current_snapshot()::text as snapshot) now_seen
    left join realtime.messages m on m.transaction_id >= pg_snapshot_xmin(%(before)s::pg_snapshot)
        and not pg_visible_in_snapshot(m.transaction_id, %(before)s::pg_snapshot)
        and m.extension = 'broadcast' and m.private
    order by m.transaction_id, m.number
"""  # noqa: S608


_PURGE = f"""
    delete from realtime.messages where inserted_at < (now() - interval '{KEPT_DAYS} days') at time zone 'UTC'
"""  # noqa: S608


def _message(row: DictRow) -> Message:
    payload = row["payload"]
    return Message(
        row["id"], row["topic"], row["event"] or "", payload if isinstance(payload, dict) else {}, row["transaction_id"]
    )


class Feed:
    """Passes every message on, once, in the order of commits as far as anybody can tell it."""

    def __init__(self, database_url: str, deliver: Callable[[Sequence[Message]], None]) -> None:
        self._url = database_url
        self._deliver = deliver
        self._seen = ""
        #: Set when the feed follows the database for the first time.
        self.following = asyncio.Event()

    async def run(self, lost: Callable[[], Awaitable[None]]) -> None:
        """Follow for ever. After an interruption it goes on where it was; ``lost`` is called when it cannot."""
        while True:
            try:
                async with await AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=5, row_factory=dict_row
                ) as db:
                    await self._follow(db, lost)
            except (psycopg.Error, OSError) as error:
                self.following.clear()
                log.warning("the database does not answer: %s", type(error).__name__)
                await asyncio.sleep(1)

    async def _follow(self, db: Connection, lost: Callable[[], Awaitable[None]]) -> None:
        await db.execute("listen realtime_messages")
        found = await (await db.execute("select pg_current_snapshot()::text as snapshot")).fetchone()
        assert found is not None
        if self._seen and Snapshot.read(self._seen).first > Snapshot.read(found["snapshot"]).end:
            # Another database, or one that was put back: what was seen says nothing about it.
            self._seen = ""
            await lost()
        self._seen = self._seen or found["snapshot"]
        self.following.set()
        loop = asyncio.get_running_loop()
        pause, last, purged = PAUSES[0], loop.time(), loop.time() - PURGE_EVERY
        while True:
            if loop.time() - purged >= PURGE_EVERY:
                purged = loop.time()
                await db.execute(_PURGE)
            if await self._read(db):
                pause, last = PAUSES[0], loop.time()
            elif loop.time() - last >= AWAKE:
                if await self._sleep(db):
                    pause, last = PAUSES[0], loop.time()
                    continue
                pause = PAUSES[1]
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, PAUSES[1])

    async def _sleep(self, db: Connection) -> bool:
        """Sleep until somebody sends; whether that, or anything new, ended it."""
        found = await (await db.execute("select pg_try_advisory_lock(%s) as got", [SLEEP_LOCK])).fetchone()
        if not (found and found["got"]):
            # Somebody is about to commit a message.
            return False
        try:
            # What was committed just before the lock was had.
            if await self._read(db):
                return True
            return bool([notify async for notify in db.notifies(timeout=ASLEEP, stop_after=1)])
        finally:
            await db.execute("select pg_advisory_unlock(%s)", [SLEEP_LOCK])

    async def _read(self, db: Connection) -> bool:
        """Deliver what is new; whether there was any."""
        rows = await (await db.execute(_NEW, {"before": self._seen}, prepare=True)).fetchall()
        self._seen = rows[0]["snapshot"]
        messages = [_message(row) for row in rows if row["id"] is not None]
        if messages:
            self._deliver(messages)
        return bool(messages)
