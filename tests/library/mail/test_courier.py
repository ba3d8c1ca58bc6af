"""One conversation with a mail server: encryption, sign-in, and what each answer proves."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from pydantic import SecretStr

from mpp_supabase import MailServerError, MailSettings
from mpp_supabase.mail.courier import Courier, MailServerAbsent, _of_recipient, instant
from tests.support.fickle import FickleServer
from tests.support.waiting import LIMIT, pause

Start = Callable[..., FickleServer]
MESSAGE = b"Subject: x\r\nMessage-ID: <m@example.org>\r\n\r\n.a line that begins with a dot\r\n.\r\n..\r\nend\r\n"


def settings(port: int, **changes: object) -> MailSettings:
    base = {
        "host": "127.0.0.1", "port": port, "security": "none", "sender_name": "MPP", "sender": "bonjour@example.org",
        "domain": "example.org", "unsubscribe_url": "https://example.org/u", "guardian_url": "https://example.org/g",
    }  # fmt: skip
    return MailSettings(**(base | changes))  # type: ignore[arg-type]


def deliver(courier: Courier, address: str = "a@example.org", seconds: float = 900) -> tuple[str, str]:
    said = courier.deliver(address, MESSAGE, instant() + seconds)
    return said.outcome, said.reply


@pytest.mark.parametrize(
    ("trouble", "outcome", "delivered"),
    [
        (None, "sent", 1), ("late", "sent", 1), ("refuse_sender", "later", 0), ("refuse_recipient", "later", 0),
        ("close", "later", 0), ("drop_early", "later", 0), ("refuse_content", "later", 0),
        ("drop_at_data", "unknown", 0), ("drop_unkept", "unknown", 0), ("drop_kept", "unknown", 1),
    ],
)  # fmt: skip
def test_only_what_is_proven_is_said(server: Start, trouble: str | None, outcome: str, delivered: int) -> None:
    smtp = server(lambda _: trouble)
    courier = Courier(settings(smtp.port))
    assert deliver(courier)[0] == outcome
    assert len(smtp.taken) == delivered
    # The next mail starts afresh, whatever became of the connection.
    smtp.plan = lambda _: None
    assert deliver(courier, "b@example.org")[0] == "sent"
    courier.close()


def test_lines_that_begin_with_a_dot_arrive_as_they_were(server: Start) -> None:
    smtp = server()
    courier = Courier(settings(smtp.port))
    assert deliver(courier)[0] == "sent"
    courier.close()
    assert smtp.taken[0].raw.split(b"\r\n\r\n", 1)[1] == b".a line that begins with a dot\r\n.\r\n..\r\nend\r\n"


def test_no_content_leaves_when_the_claim_is_about_to_end(server: Start) -> None:
    smtp = server()
    courier = Courier(settings(smtp.port, lease_seconds=900))
    assert deliver(courier, seconds=10)[0] == "unavailable"
    assert not courier.content_left
    courier.close()
    assert smtp.taken == []


@pytest.mark.parametrize(
    ("code", "reply", "outcome"),
    [
        (550, b"5.1.1 no such user", "bounced"), (550, b"no such user", "bounced"), (553, b"5.1.3 bad", "bounced"),
        (551, b"user not local", "bounced"), (550, b"5.2.1 disabled", "bounced"), (550, b"5.7.1 spam", "refused"),
        (550, b"5.7.26 not authenticated", "refused"), (552, b"5.2.2 mailbox full", "refused"),
        (554, b"no", "refused"), (450, b"4.2.1 greylisted", "later"), (452, b"full", "later"), (421, b"bye", "later"),
    ],
)  # fmt: skip
def test_a_bounce_is_only_what_says_that_there_is_no_such_address(code: int, reply: bytes, outcome: str) -> None:
    assert _of_recipient(code, reply) == outcome


def test_a_server_that_is_not_there_is_said(server: Start) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(MailServerAbsent, match="does not answer"):
            deliver(Courier(settings(free.getsockname()[1])))


def scripted(replies: Callable[[bytes], Iterator[bytes]]) -> int:
    """A server that says what a test wants; its port. It ends with the process."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as lines:
            connection.sendall(b"220 here\r\n")
            content = False
            for line in lines:
                if content and line != b".\r\n":
                    continue
                for reply in replies(b"." if content else line):
                    connection.sendall(reply)
                content = line.upper().startswith(b"DATA")

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def test_what_a_server_says_is_kept_clean() -> None:
    def replies(line: bytes) -> Iterator[bytes]:
        yield b"354 go\r\n" if line.startswith(b"DATA") else b"250 o\x00k \x1b[31mqueued\xc2\x9b\r\n"

    courier = Courier(settings(scripted(replies)))
    assert deliver(courier) == ("sent", "250 o k [31mqueued")
    courier.close()


def test_a_reply_without_end_is_not_listened_to() -> None:
    sent = 0

    def replies(line: bytes) -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"250-" + b"A" * 1000 + b"\r\n"

    with pytest.raises(MailServerAbsent, match="does not end"):
        deliver(Courier(settings(scripted(replies))))
    # What the buffers between the two hold, and no more.
    assert sent < 20_000


def test_a_line_without_end_is_not_listened_to() -> None:
    def replies(line: bytes) -> Iterator[bytes]:
        yield b"250 " + b"A" * 10_000_000

    with pytest.raises(MailServerAbsent, match="does not end"):
        deliver(Courier(settings(scripted(replies))))


#: A byte each 0.2 seconds, for as long as no test takes.
DRIPS = LIMIT * 5


@pytest.mark.parametrize("content", [False, True])
def test_a_reply_that_drips_is_waited_for_as_long_as_one_that_does_not_come(
    monkeypatch: pytest.MonkeyPatch, content: bool
) -> None:
    monkeypatch.setattr(f"mpp_supabase.mail.courier.{'CONTENT' if content else 'ANSWER'}_SECONDS", 1.0)

    dripped = 0

    def replies(line: bytes) -> Iterator[bytes]:
        nonlocal dripped
        if content and line != b".":
            yield b"354 go\r\n" if line.startswith(b"DATA") else b"250 ok\r\n"
            return
        for _ in range(DRIPS):
            pause(0.2)
            dripped += 1
            yield b"2"

    courier = Courier(settings(scripted(replies)))
    if content:
        assert deliver(courier)[0] == "unknown"
    else:
        with pytest.raises(MailServerAbsent):
            deliver(courier)
    # It hung up before the server was done.
    assert dripped < DRIPS


class _Strict:
    """A server that wants a sign-in, and knows one sender."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.encrypted: list[bool] = []

    async def handle_MAIL(
        self, server: object, session: Session, envelope: Envelope, address: str, options: object
    ) -> str:
        if address != "bonjour@example.org":
            return "553 5.7.1 not your address"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope.content or b"")  # type: ignore[arg-type]
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself."""
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", directory / "key.pem",
         "-out", directory / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return directory


@pytest.fixture
def strict(certificate: Path) -> Iterator[tuple[_Strict, int]]:
    """The strict server behind STARTTLS; the handler and its port."""
    handler = _Strict()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def check(server: object, session: object, envelope: object, mechanism: object, data: object) -> AuthResult:
        return AuthResult(success=getattr(data, "password", b"") == b"hunter2", handled=False)

    controller = Controller(
        handler, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, authenticator=check,
        auth_required=True,
    )  # fmt: skip
    controller.start()
    yield handler, port
    controller.stop()


def secure(port: int, **changes: object) -> MailSettings:
    options = {"host": "localhost", "security": "starttls", "user": "mpp", "password": SecretStr("hunter2")}
    return settings(port, **(options | changes))


def test_mails_travel_encrypted_and_signed_in(
    strict: tuple[_Strict, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, port = strict
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    courier = Courier(secure(port))
    assert deliver(courier)[0] == "sent"
    courier.close()
    assert handler.encrypted == [True]


def test_a_certificate_that_nobody_vouches_for_is_refused(strict: tuple[_Strict, int]) -> None:
    handler, port = strict
    with pytest.raises(MailServerError, match="in private"):
        deliver(Courier(secure(port)))
    assert handler.taken == []


def test_a_server_without_encryption_is_refused_when_it_was_asked_for(server: Start) -> None:
    smtp = server()
    with pytest.raises(MailServerError, match="STARTTLS"):
        deliver(Courier(secure(smtp.port, host="127.0.0.1")))
    assert smtp.taken == []


def test_a_wrong_password_is_said_and_not_repeated(
    strict: tuple[_Strict, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = strict
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with pytest.raises(MailServerError, match="user and password") as caught:
        deliver(Courier(secure(port, password=SecretStr("not-it"))))
    assert "not-it" not in str(caught.value) + caught.value.hint


def test_a_server_that_does_not_want_us_as_a_sender_fails_no_mail(
    strict: tuple[_Strict, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = strict
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    courier = Courier(secure(port, sender="somebody@example.org"))
    with pytest.raises(MailServerError, match=r"does not take mails from somebody@example\.org"):
        deliver(courier)
    courier.close()
