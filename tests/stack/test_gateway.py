"""The gateway: what it passes on, what it answers itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.types import Message

from mpp_supabase.local import Stack, StackStatus
from mpp_supabase.local.gateway.app import Gateway, GatewayConfig
from mpp_supabase.local.state import State


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


@pytest.mark.parametrize("query", [b"a=\x01", b"a=\xff", b"a=" + b"a" * 65_540])
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


def in_pieces(size: int) -> Iterator[bytes]:
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
        assert http.post("/rest/v1/rpc/echo", json={"body": body}, headers=headers, timeout=30).json() == body
    typed = {"apikey": values["SECRET_KEY"], "content-type": "application/json"}
    answer = http.post("/rest/v1/rpc/echo", content=in_pieces(3_000_000), headers=typed, timeout=30)
    assert answer.json() == "a" * 3_000_000
    answer = http.post("/rest/v1/rpc/echo", content=in_pieces(64_000_000), headers=typed, timeout=60)
    assert answer.status_code == 413


def test_others_may_send_a_megabyte(http: httpx.Client, key: dict[str, str]) -> None:
    typed = {**key, "content-type": "application/json"}
    for size in (140_000, 990_000):
        answer = http.post("/rest/v1/rpc/echo", content=in_pieces(size), headers=typed)
        assert answer.json() == "a" * size
    streamed = http.post("/rest/v1/rpc/echo", content=in_pieces(1_000_000), headers=typed)
    announced = http.post("/rest/v1/rpc/echo", content=b"".join(in_pieces(1_000_000)), headers=typed)
    without_key = http.post("/auth/v1/verify", content=in_pieces(1_000_000))
    for answer in (streamed, announced, without_key):
        assert answer.status_code == 413
        assert answer.json() == {"message": "The body of the request is too large"}
        assert answer.headers["access-control-allow-origin"] == "*"
    assert http.post("/rest/v1/rpc/echo", json={"body": "on"}, headers=key).json() == "on"


def test_a_hundred_requests_at_once_are_all_answered(http: httpx.Client, key: dict[str, str]) -> None:
    def ask(number: int) -> str:
        text: str = http.post("/rest/v1/rpc/echo", json={"body": str(number)}, headers=key, timeout=30).json()
        return text

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(100))) == [str(number) for number in range(100)]


def test_a_request_after_a_head_is_answered(http: httpx.Client, key: dict[str, str]) -> None:
    def ask(number: int) -> list[int]:
        head = http.head("/rest/v1/note", headers=key, timeout=30)
        post = http.post("/rest/v1/rpc/echo", json={"body": str(number)}, headers=key, timeout=30)
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
            serving.result(10)
    assert asked == [b"GET", b"GET", b"POST"]


def test_a_changed_schema_is_served_without_a_restart(
    http: httpx.Client, key: dict[str, str], running: StackStatus
) -> None:
    import psycopg

    with psycopg.connect(running.db_url, autocommit=True) as connection:
        connection.execute("create function api.newborn() returns int language sql set search_path = '' as 'select 7'")
        deadline = time.monotonic() + 5
        while (answer := http.get("/rest/v1/rpc/newborn", headers=key)).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        connection.execute("drop function api.newborn()")


def test_a_dead_service_is_a_503_and_start_brings_it_back(
    probe: Stack, http: httpx.Client, key: dict[str, str], running: StackStatus
) -> None:
    State.read(probe.home).processes["postgrest"].signal(signal.SIGKILL)
    time.sleep(0.1)
    answer = http.get("/rest/v1/rpc/whoami", headers=key)
    assert answer.status_code == 503
    assert "message" in answer.json()
    status = probe.status()
    assert status is not None
    assert [service.name for service in status.services if not service.running] == ["postgrest"]
    assert not probe.start().already_running
    assert http.get("/rest/v1/rpc/whoami", headers=key).status_code == 200
