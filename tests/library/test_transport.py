"""The transport over real sockets: what is tried again, what is not, and what each failure becomes."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mpp_supabase import CursorError, KeyRefused, MPPError, Settings, TransportError
from mpp_supabase.errors import EditionNotFound
from mpp_supabase.transport import Order, Query, Transport, _beyond, decode_cursor, encode_cursor

SECRET_KEY = "sb_secret_qrstuvwxyz0123456789"
LIST = Query("audit_log", ("id", "at"), (Order("at", descending=True), Order("id")))

Answer = tuple[int, Any] | None
"""Status and body of an answer, JSON unless it is bytes; None closes the connection without a word."""

NO_ANSWERS: list[Answer] = [
    None,
    (503, {"code": "PGRST000", "message": "Database connection error"}),
    (503, {"code": "PGRST001", "message": "Database client error"}),
    (503, {"code": "PGRST002", "message": "Could not query the database for the schema cache"}),
    (504, {"code": "PGRST003", "message": "Timed out acquiring connection"}),
    (504, {"message": "The upstream server is timing out"}),
    (500, {"code": "57P01", "message": "terminating connection due to administrator command"}),
    (500, {"code": "53100", "message": "could not extend file: No space left on device"}),
    (405, {"code": "25006", "message": "cannot execute INSERT in a read-only transaction"}),
    (500, {"code": "40P01", "message": "deadlock detected"}),
    (500, {"code": "XX000", "message": "internal"}),
    (500, {"message": "an unexpected error"}),
    (500, b"Something went wrong"),
    (422, b"Unprocessable"),
    (400, {"code": "", "message": "server closed the connection unexpectedly"}),
]


@contextmanager
def server(answers: Callable[[int], Answer]) -> Iterator[tuple[Transport, list[str]]]:
    """A web server that gives `answers(n)` to its n-th request, a transport to it, and the requests it saw."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(f"{self.command} {self.path}")
            answer = answers(len(seen))
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            plain = isinstance(answer[1], bytes)
            body = answer[1] if plain else json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "text/plain" if plain else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    try:
        settings = Settings(url=f"http://127.0.0.1:{httpd.server_port}", secret_key=SECRET_KEY)
        with Transport(settings, "secret") as transport:
            yield transport, seen
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def test_a_read_is_tried_again_when_the_connection_breaks_or_the_server_is_not_there() -> None:
    def answers(number: int) -> Answer:
        return (None, (503, {"message": "starting"}), (200, []))[min(number, 3) - 1]

    with server(answers) as (transport, seen):
        assert transport.rows(LIST, 10) == ([], None)
    assert len(seen) == 3


def test_an_idempotent_call_is_tried_again_and_another_is_not() -> None:
    with server(lambda number: None if number == 1 else (200, "done")) as (transport, seen):
        assert transport.call("open_edition", {"edition_code": "x"}, idempotent=True) == "done"
    assert len(seen) == 2
    with server(lambda _: None) as (transport, seen), pytest.raises(TransportError, match="broke"):
        transport.call("close_edition", {"edition_code": "x"})
    assert len(seen) == 1


@pytest.mark.parametrize("failure", NO_ANSWERS, ids=str)
def test_an_answer_without_a_code_of_the_list_is_no_answer(failure: Answer) -> None:
    with server(lambda number: failure if number < 3 else (200, "done")) as (transport, seen):
        assert transport.call("validate_for_pupils", {"request_key": "x"}, idempotent=True) == "done"
    assert len(seen) == 3
    with server(lambda _: failure) as (transport, seen), pytest.raises(TransportError) as raised:
        transport.call("announce_maintenance")
    assert len(seen) == 1
    assert "look, then try again" in raised.value.hint


def test_accounts_and_files_are_asked_again_too_when_their_server_fails() -> None:
    with server(lambda number: (500, b"no") if number < 3 else (200, {"users": []})) as (transport, seen):
        assert transport.admin(lambda admin: admin.list_users(), idempotent=True) == []
    assert len(seen) == 3
    failed = {"statusCode": "500", "error": "internal", "message": "Internal Server Error", "code": "InternalError"}
    with server(lambda number: (500, failed) if number < 3 else (200, [])) as (transport, seen):
        assert transport.storage("kit", lambda kit: kit.list("1"), idempotent=True) == []
    assert len(seen) == 3


def test_a_server_that_stays_away_is_given_up_after_four_tries() -> None:
    with server(lambda _: (502, {})) as (transport, seen), pytest.raises(TransportError, match="HTTP 502"):
        transport.rows(LIST, 1)
    assert len(seen) == 4


def test_nobody_listening_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = Settings(url=f"http://127.0.0.1:{taken.getsockname()[1]}", secret_key=SECRET_KEY)
        with Transport(settings, "secret") as transport, pytest.raises(TransportError, match="does not answer"):
            transport.call("close_edition")


@pytest.mark.parametrize(
    ("status", "body", "expected", "words"),
    [
        (401, {"message": "Invalid API key"}, KeyRefused, "does not accept the secret key"),
        (401, {"code": "PGRST301", "message": "JWT expired"}, KeyRefused, "does not accept the secret key"),
        (401, {"code": "42501", "message": "permission denied for view x"}, KeyRefused, "may not do this"),
        (403, {"code": "42501", "message": "permission denied for view x"}, KeyRefused, "may not do this"),
        (400, {"code": "MP020", "message": "There is no edition x.", "hint": "List."}, EditionNotFound, "no edition x"),
        (404, {"code": "PGRST202", "message": "no function"}, TransportError, "not the one this program knows"),
        (500, {"code": "57014", "message": "canceling statement"}, TransportError, "took too long"),
        (400, {"code": "22P02", "message": "invalid input syntax"}, TransportError, "22P02"),
        (413, {"message": "The body of the request is too large"}, TransportError, "as large as this"),
        (200, "<html>", MPPError, "is not"),
    ],
)
def test_each_failure_becomes_one_of_our_errors(status: int, body: Any, expected: type[MPPError], words: str) -> None:
    with server(lambda _: (status, body)) as (transport, seen), pytest.raises(expected) as raised:
        transport.rows(LIST, 1)
    assert words in str(raised.value)
    assert len(seen) == 1
    assert SECRET_KEY not in "".join(traceback.format_exception(raised.value))


def test_a_cursor_comes_back_as_it_left_and_only_to_its_list() -> None:
    row = {"at": "2026-06-01T00:00:00.123456+00:00", "id": 7}
    cursor = encode_cursor(LIST, row)
    assert decode_cursor(LIST, cursor) == [row["at"], 7]
    other = Query("player_ranking", LIST.columns, LIST.order)
    for wrong, query in (
        (cursor, other),
        ("", LIST),
        ("é", LIST),
        ("AAAA", LIST),
        (cursor[:-3], LIST),
        ("W10", LIST),
    ):
        with pytest.raises(CursorError):
            decode_cursor(query, wrong)


def test_what_comes_after_a_cursor_is_written_column_by_column() -> None:
    order = (Order("value", descending=True), Order("tie_order"), Order("subject_id"))
    assert _beyond(order, [5, 17, 'a"b\\c']) == (
        'and(value.lt."5"),'
        'and(value.eq."5",tie_order.gt."17"),'
        'and(value.eq."5",tie_order.eq."17",subject_id.gt."a\\"b\\\\c")'
    )


def test_a_server_that_never_goes_on_is_not_asked_for_ever() -> None:
    row = {"at": "2026-06-01T00:00:00+00:00", "id": 7}
    with server(lambda _: (200, [row])) as (transport, seen), pytest.raises(TransportError, match="does not go on"):
        list(transport.iterate(LIST))
    assert len(seen) == 2
