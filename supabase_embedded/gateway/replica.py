"""How far a standby is behind its primary, asked of the standby alone: it is known also when the primary is dead."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger("embedded.gateway")

#: How often the standby is asked, and how long it may take to answer, in seconds.
EVERY = 0.5
PATIENCE = 2.0

#: Up to which place of the log the primary has written, as the standby heard last, and up to which the standby is; null
#: without a primary. And for how many seconds nothing has been replayed.
_QUESTION = """
select
    (select greatest(w.latest_end_lsn, w.flushed_lsn) - '0/0' from pg_stat_wal_receiver w where w.status = 'streaming'),
    pg_last_wal_replay_lsn() - '0/0',
    coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float8
"""


class Lag:
    """How far behind a standby is, from what it says now and said before.

    It is as old as the first place of the log that it heard of and has not reached. The time of the last transaction
    would not do: a primary where nobody writes would look as if its standby fell behind.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self.bytes: int | None = None
        self._heard: deque[tuple[float, int]] = deque(maxlen=100_000)

    def heard(self, now: float, written: int | None, replayed: int, idle: float) -> None:
        """Take in an answer of the standby, at ``now`` on any clock that only goes forward."""
        if written is None:
            self.lost()
            return
        if self.seconds is None and written > replayed:
            # For how long is not known: at most since it replayed last.
            self._heard.append((now - idle, written))
        if written > (self._heard[-1][1] if self._heard else replayed):
            self._heard.append((now, written))
        while self._heard and self._heard[0][1] <= replayed:
            self._heard.popleft()
        self.seconds = max(now - self._heard[0][0], 0.0) if self._heard else 0.0
        self.bytes = max(written - replayed, 0)

    def lost(self) -> None:
        """Take in that the standby does not answer, or follows no primary."""
        self.seconds = self.bytes = None
        self._heard.clear()


class Replica:
    """Watches over a standby, and says whether it may answer reads."""

    def __init__(self, database_url: str, most_behind: float) -> None:
        self._url = database_url
        self._most_behind = most_behind
        self._lag = Lag()

    @property
    def serves(self) -> bool:
        """Whether it follows its primary and is not too far behind."""
        return self._lag.seconds is not None and self._lag.seconds <= self._most_behind

    def report(self) -> dict[str, Any]:
        """What the status shows of it."""
        seconds = self._lag.seconds
        return {
            "serves": self.serves,
            "seconds_behind": None if seconds is None else round(seconds, 1),
            "bytes_behind": self._lag.bytes,
        }

    async def watch(self) -> None:
        """Ask for ever."""
        import psycopg

        served = False
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=int(PATIENCE)
                )
                async with connection:
                    while True:
                        await self._ask(connection)
                        if served != self.serves:
                            served = self.serves
                            log.warning("the replica %s", "serves reads" if served else "is too far behind")
                        await asyncio.sleep(EVERY)
            except (psycopg.Error, TimeoutError, OSError) as error:
                self._lag.lost()
                if served:
                    log.warning("the replica does not answer: %s", type(error).__name__)
                served = False
            await asyncio.sleep(EVERY)

    async def _ask(self, connection: psycopg.AsyncConnection[Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            row = await (await connection.execute(_QUESTION)).fetchone()
        assert row is not None
        written, replayed, idle = row
        self._lag.heard(time.monotonic(), None if written is None else int(written), int(replayed), idle)
