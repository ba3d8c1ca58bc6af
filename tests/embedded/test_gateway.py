"""The gateway: what it passes on, what it answers itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from supabase_embedded import Ports, Stack, StackStatus
from supabase_embedded.gateway import app as gateway_app
from supabase_embedded.gateway.app import Gateway, GatewayConfig
from supabase_embedded.state import State
from tests.support.waiting import LIMIT, wait_until


@pytest.fixture
def key(running: StackStatus) -> dict[str, str]:
    return {"apikey": running.env()["PUBLISHABLE_KEY"]}


def ask_a_gateway(
    running: StackStatus, method: str, query: bytes = b"", auth: str = "http://127.0.0.1:1"
) -> list[Message]:
    """What a gateway of its own, inside this process, sends back for a path of Auth that needs no key."""
    values = running.env()
    names = ("publishable", "secret", "anon", "service_role")
    keys = dict(zip(names, (values[f"{name.upper()}_KEY"] for name in names), strict=True))
    gateway = Gateway(GatewayConfig(1, "http://127.0.0.1:1", auth, jwt_secret="", **keys))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    path = {"path": "/auth/v1/verify", "raw_path": b"/auth/v1/verify", "query_string": query}
    asyncio.run(gateway({"type": "http", "method": method, "client": None, "headers": [], **path}, receive, send))
    return sent


def test_a_browser_may_call_from_any_origin(http: httpx.Client, key: dict[str, str]) -> None:
    asked = {"origin": "https://jeu.example", "access-control-request-method": "POST"}
    preflight = http.options(
        "/rest/v1/rpc/whoami", headers={**asked, "access-control-request-headers": "apikey,authorization"}
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "apikey,authorization"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    for headers in (key, {}):
        answer = http.get("/rest/v1/note", headers={"origin": "https://jeu.example", **headers})
        assert answer.headers.get_list("access-control-allow-origin") == ["*"], "also on a refusal, and only once"
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", ["/functions/v1/hello", "/realtime/v1/api/broadcast"])
def test_services_that_do_not_run_say_so(http: httpx.Client, key: dict[str, str], path: str) -> None:
    answer = http.get(path, headers=key)
    assert answer.status_code == 503
    assert answer.json()["message"] == f"The embedded stack does not run {path.split('/')[1]}"


@pytest.mark.parametrize(
    "path",
    ["/", "/rest/v10/note", "/pg/query", "/restv1", "/%61uth/v1/verify", "/auth%2fv1/verify", "/auth/v1%2fverify"],
)
def test_other_paths_lead_nowhere(http: httpx.Client, key: dict[str, str], path: str) -> None:
    assert http.get(path, headers=key).status_code == 404


@pytest.mark.parametrize("query", [b"a=\x01", b"a=\xff", b"a=%00"])
def test_an_address_that_cannot_be_sent_on_is_a_400(running: StackStatus, query: bytes) -> None:
    # Below uvicorn, which lets none of these through: what the application makes of them by itself.
    sent = ask_a_gateway(running, "GET", query)
    assert sent[0]["status"] == 400
    assert b"address" in sent[1]["body"]


def test_auth_answers_under_its_path_and_publishes_its_keys_to_everyone(
    http: httpx.Client, key: dict[str, str]
) -> None:
    assert http.get("/auth/v1/settings").status_code == 401
    assert http.get("/auth/v1/settings", headers=key).json()["external"]["email"] is True
    published = http.get("/auth/v1/.well-known/jwks.json").json()["keys"]
    assert [(found["kty"], found["alg"]) for found in published if found["kty"] == "EC"][:1] == [("EC", "ES256")]
    assert all("d" not in found and "k" not in found for found in published)


def test_rows_beyond_the_limit_are_cut_and_counted(
    http: httpx.Client, key: dict[str, str], running: StackStatus
) -> None:
    service = {"apikey": running.env()["SECRET_KEY"]}
    http.post("/rest/v1/note", json=[{"body": f"note {number}"} for number in range(5)], headers=service)
    answer = http.get("/rest/v1/note", headers={**service, "prefer": "count=exact"})
    assert answer.status_code == 206
    assert len(answer.json()) == 3
    assert int(answer.headers["content-range"].split("/")[1]) >= 5


def in_chunks(size: int) -> Iterator[bytes]:
    """The body of a call of echo, without a Content-Length and with ``size`` bytes around an empty text."""
    yield b'{"body": "'
    for _ in range(size // 10_000):
        yield b"a" * 10_000
    yield b'"}'


def test_large_bodies_of_the_secret_key_stream_both_ways(http: httpx.Client, running: StackStatus) -> None:
    values = running.env()
    body = "é" * 2_000_000
    both = {"apikey": values["PUBLISHABLE_KEY"], "authorization": f"Bearer {values['SERVICE_ROLE_KEY']}"}
    for headers in ({"apikey": values["SECRET_KEY"]}, {"apikey": values["SERVICE_ROLE_KEY"]}, both):
        assert http.post("/rest/v1/rpc/echo", json={"body": body}, headers=headers, timeout=LIMIT).json() == body
    typed = {"apikey": values["SECRET_KEY"], "content-type": "application/json"}
    answer = http.post("/rest/v1/rpc/echo", content=in_chunks(3_000_000), headers=typed, timeout=LIMIT)
    assert answer.json() == "a" * 3_000_000
    answer = http.post("/rest/v1/rpc/echo", content=in_chunks(64_000_000), headers=typed, timeout=LIMIT)
    assert answer.status_code == 413


def test_others_may_send_a_megabyte(http: httpx.Client, key: dict[str, str]) -> None:
    typed = {**key, "content-type": "application/json"}
    for size in (140_000, 990_000):
        answer = http.post("/rest/v1/rpc/echo", content=in_chunks(size), headers=typed)
        assert answer.json() == "a" * size
    streamed = http.post("/rest/v1/rpc/echo", content=in_chunks(1_000_000), headers=typed)
    announced = http.post("/rest/v1/rpc/echo", content=b"".join(in_chunks(1_000_000)), headers=typed)
    without_key = http.post("/auth/v1/verify", content=in_chunks(1_000_000))
    for answer in (streamed, announced, without_key):
        assert answer.status_code == 413
        assert answer.json() == {"message": "The body of the request is too large"}
        assert answer.headers["access-control-allow-origin"] == "*"
    assert http.post("/rest/v1/rpc/echo", json={"body": "on"}, headers=key).json() == "on"


def test_a_hundred_requests_at_once_are_all_answered(http: httpx.Client, key: dict[str, str]) -> None:
    def ask(number: int) -> str:
        text: str = http.post("/rest/v1/rpc/echo", json={"body": str(number)}, headers=key, timeout=LIMIT).json()
        return text

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(100))) == [str(number) for number in range(100)]


def test_a_request_after_a_head_is_answered(http: httpx.Client, key: dict[str, str]) -> None:
    def ask(number: int) -> list[int]:
        head = http.head("/rest/v1/note", headers=key, timeout=LIMIT)
        post = http.post("/rest/v1/rpc/echo", json={"body": str(number)}, headers=key, timeout=LIMIT)
        return [head.status_code, post.status_code]

    with ThreadPoolExecutor(8) as pool:
        assert set(map(tuple, pool.map(ask, range(200)))) == {(200, 200)}


def test_a_service_that_closes_the_connection_is_asked_again_only_to_read(running: StackStatus) -> None:
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as service:

        def serve() -> None:
            for answer in (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", b""):
                connection, _ = service.accept()
                with connection:
                    asked.append(connection.recv(65_536).split()[0])
                    connection.sendall(answer)

        with ThreadPoolExecutor(1) as pool:
            serving = pool.submit(serve)
            address = f"http://127.0.0.1:{service.getsockname()[1]}"
            assert [ask_a_gateway(running, method, auth=address)[0]["status"] for method in ("GET", "POST")] == [
                200,
                503,
            ]
            serving.result(LIMIT)
    assert asked == [b"GET", b"GET", b"POST"]


def half_sent(running: StackStatus, body: bytes) -> socket.socket:
    """A connection on which a request with a body of 1,000 bytes has begun."""
    connection = socket.create_connection(("127.0.0.1", running.ports.gateway))
    head = f"POST /rest/v1/rpc/echo HTTP/1.1\r\nhost: x\r\napikey: {running.env()['PUBLISHABLE_KEY']}\r\n"
    connection.sendall(f"{head}content-type: application/json\r\ncontent-length: 1000\r\n\r\n".encode() + body)
    return connection


def test_bodies_that_never_end_keep_nobody_out(running: StackStatus, http: httpx.Client, key: dict[str, str]) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(300):
            opened.enter_context(half_sent(running, b'{"body": "'))
        assert http.post("/rest/v1/rpc/echo", json={"body": "on"}, headers=key, timeout=LIMIT).json() == "on"


def test_headers_that_never_end_keep_nobody_out(running: StackStatus, key: dict[str, str]) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(700):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", running.ports.gateway)))
            connection.sendall(b"POST /rest/v1/rpc/echo HTTP/1.1\r\nhost: x\r\nx-slow: ")
        answer = httpx.post(f"{running.api_url}/rest/v1/rpc/echo", json={"body": "on"}, headers=key, timeout=LIMIT)
        assert (answer.status_code, answer.text) == (200, '"on"')


@contextlib.contextmanager
def impatient_gateway(running: StackStatus, directory: Path, **options: object) -> Iterator[StackStatus]:
    """The probe behind another gateway, which waits for nobody longer than a moment."""
    values, ports = running.env(), running.ports
    port = Ports.free().gateway
    config = {
        **options,
        "port": port,
        "postgrest": f"http://127.0.0.1:{ports.postgrest}",
        "auth": f"http://127.0.0.1:{ports.auth}",
        "jwt_secret": values["JWT_SECRET"],
        "timeout": 0.2,
        **{name: values[f"{name.upper()}_KEY"] for name in ("publishable", "secret", "anon", "service_role")},
    }
    log = directory / "gateway.log"
    with log.open("w") as output:
        gateway = subprocess.Popen(
            [sys.executable, "-m", "supabase_embedded.gateway"],
            env={**os.environ, "EMBEDDED_GATEWAY": json.dumps(config)},
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _is_up(f"{url}/health") or gateway.poll() is not None)
        moved = Ports(**{**vars(ports), "gateway": port})
        yield StackStatus(running.home, moved, running.services, {**values, "API_URL": url})
        assert "Traceback" not in log.read_text()
    finally:
        gateway.kill()
        gateway.wait()


@pytest.fixture
def impatient(running: StackStatus, directory: Path) -> Iterator[StackStatus]:
    with impatient_gateway(running, directory) as status:
        yield status


def _is_up(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=LIMIT).status_code == 200
    return False


def test_a_request_that_does_not_arrive_is_given_up(impatient: StackStatus) -> None:
    with half_sent(impatient, b'{"body": "') as connection:
        connection.settimeout(LIMIT)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 408 "), "and then the connection is closed"
    for begun in (b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nhost: x\r\nx-more: "):
        with socket.create_connection(("127.0.0.1", impatient.ports.gateway)) as connection:
            connection.settimeout(LIMIT)
            connection.sendall(begun)
            assert connection.recv(65_536) == b""
    with socket.create_connection(("127.0.0.1", impatient.ports.gateway)) as connection:
        connection.settimeout(LIMIT)
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.sendall(b"GET /health HTTP/1.1\r\n" + b"x-more: " + b"a" * 60_000)
        assert b"200 OK" not in connection.recv(65_536)
    with httpx.Client(base_url=impatient.api_url, timeout=LIMIT) as client:
        headers = {"apikey": impatient.env()["SECRET_KEY"], "content-type": "application/json"}
        body = "a" * 3_000_000

        def arrives() -> bool:
            # On a busy machine the next bytes may take longer than its moment.
            with contextlib.suppress(httpx.TransportError):
                answer = client.post("/rest/v1/rpc/echo", json={"body": body}, headers=headers)
                return answer.status_code == 200 and answer.json() == body
            return False

        wait_until(arrives)


def test_an_upload_that_drips_is_given_up_and_its_connection_to_storage_let_go(
    running: StackStatus, directory: Path
) -> None:
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as service, ThreadPoolExecutor(1) as pool:

        def serve() -> None:
            connection, _ = service.accept()
            with connection:
                taken.extend(iter(lambda: connection.recv(65_536), b""))

        serving = pool.submit(serve)
        storage = {"storage": f"http://127.0.0.1:{service.getsockname()[1]}", "largest_file": 50_000_000_000}
        with (
            impatient_gateway(running, directory, **storage) as impatient,
            socket.create_connection(("127.0.0.1", impatient.ports.gateway)) as sender,
        ):
            key = running.env()["PUBLISHABLE_KEY"]
            head = f"POST /storage/v1/object/bucket/film HTTP/1.1\r\nhost: x\r\napikey: {key}\r\n"
            sender.sendall(f"{head}content-length: 40000000000\r\n\r\n".encode() + b"a" * gateway_app.READ_AHEAD)
            sender.settimeout(0.05)
            answer = b""

            def is_over() -> bool:
                # Never so slow that the next bytes are late, and for as long as it is let.
                nonlocal answer
                with contextlib.suppress(TimeoutError):
                    sender.sendall(b"a")
                    answer += sender.recv(65_536)
                return serving.done()

            with contextlib.suppress(ConnectionError):
                wait_until(is_over)
            with contextlib.suppress(OSError):
                answer += sender.recv(65_536)
            serving.result(LIMIT)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert sum(map(len, taken)) > gateway_app.READ_AHEAD, "Storage was asked"


@pytest.mark.parametrize(
    "path",
    [
        "/storage/v1/object/sign/../../bucket",
        "/storage/v1/object/sign/%2e%2e/%2E./bucket",
        "/storage/v1/object/sign/x%2f..%2f..%2fbucket",
        "/storage/v1/object/sign/..%5cbucket",
        "/auth/v1/./verify",
        "/rest/v1/note%00",
        "/rest/v1/note?body=eq.%00",
        "/rest/v1/%0d%0anote",
    ],
)
def test_an_address_that_means_another_is_refused_before_anything_is_decided(running: StackStatus, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    for extra in ("", f"apikey: {running.env()['PUBLISHABLE_KEY']}\r\n"):
        # By hand: every client library writes such a path in another way.
        with socket.create_connection(("127.0.0.1", running.ports.gateway)) as connection:
            connection.sendall(f"{head}{extra}\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"The address of the request is not valid" in answer


def test_what_makes_postgrest_think_for_seconds_is_refused(http: httpx.Client, key: dict[str, str]) -> None:
    many = ",".join(["body"] * 5_000)
    for query in (f"select={many}", f"select={many[:4_000]}", f"select={many[:1_500]}&select={many[:1_500]}"):
        answer = http.get(f"/rest/v1/note?{query}", headers=key)
        assert answer.status_code == 414
        assert "longer than" in answer.json()["message"]
    assert http.get(f"/rest/v1/note?select={many[:1_999]}", headers=key).status_code == 200
    assert http.get("/rest/v1/note?body=eq." + "a" * 7_000, headers=key).status_code == 200


def test_a_websocket_is_told_like_any_other_request_that_realtime_does_not_run(
    http: httpx.Client, key: dict[str, str]
) -> None:
    asked = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    asked["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    answer = http.get("/realtime/v1/websocket", headers={**key, **asked})
    assert answer.status_code == 503
    assert answer.json()["message"] == "The embedded stack does not run realtime"


def test_a_machine_that_slept_sends_no_token_that_has_expired(
    running: StackStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jwt

    tokens: list[str] = []
    now = time.time()
    names = ("publishable", "secret", "anon", "service_role")
    keys = {name: running.env()[f"{name.upper()}_KEY"] for name in names}
    gateway = Gateway(GatewayConfig(1, "http://127.0.0.1:1", "http://127.0.0.1:1", jwt_secret="s" * 32, **keys))
    # The clock of the wall goes on while a machine is suspended, and may be set back; the other one stands still.
    monkeypatch.setattr(gateway_app.time, "monotonic", lambda: 5.0)
    for moment in (now, now + 30, now + 7_200, now + 60):
        monkeypatch.setattr(gateway_app.time, "time", lambda moment=moment: moment)
        tokens.append(gateway._token("anon").decode())
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    for moment, claim in zip((now, now + 30, now + 7_200, now + 60), claims, strict=True):
        assert claim["iat"] <= moment < claim["exp"]
    assert tokens[0] == tokens[1]


def test_every_answer_is_what_it_says_it_is(http: httpx.Client, key: dict[str, str]) -> None:
    for path, headers in (("/rest/v1/note", key), ("/rest/v1/note", {}), ("/auth/v1/settings", key), ("/health", {})):
        assert http.get(path, headers=headers).headers.get_list("x-content-type-options") == ["nosniff"]


def test_a_changed_schema_is_served_without_a_restart(
    http: httpx.Client, key: dict[str, str], running: StackStatus
) -> None:
    import psycopg

    with psycopg.connect(running.db_url, autocommit=True) as connection:
        connection.execute("create function api.newborn() returns int language sql set search_path = '' as 'select 7'")
        wait_until(lambda: http.get("/rest/v1/rpc/newborn", headers=key).status_code == 200)
        connection.execute("drop function api.newborn()")


def test_a_service_that_does_not_answer_keeps_nobody_from_the_others_and_a_dead_one_is_a_503(
    probe: Stack, http: httpx.Client, key: dict[str, str], running: StackStatus
) -> None:
    # Without the supervisor, who would start it again before we look.
    for name in ("supervisor", "postgrest"):
        State.read(probe.home).processes[name].signal(signal.SIGKILL)
    dead = State.read(probe.home).processes["postgrest"]
    wait_until(lambda: not dead.alive)
    answer = http.get("/rest/v1/rpc/whoami", headers=key)
    assert answer.status_code == 503
    assert "message" in answer.json()
    assert http.get("/auth/v1/settings", headers=key).status_code == 200
    status = probe.status()
    assert status is not None
    assert [service.name for service in status.services if not service.running] == ["postgrest"]
    assert not probe.start().already_running
    assert http.get("/rest/v1/rpc/whoami", headers=key).status_code == 200
