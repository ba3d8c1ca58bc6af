"""One conversation with an SMTP server for each mail, and what it proves about the delivery.

Until the server has asked for the content (354), nothing was delivered, whatever breaks. Once the content has left,
only the server's answer counts; without it, nobody knows, and that is what is said. RFC 5321, 4.2.5 and 6.1.
"""

from __future__ import annotations

import contextlib
import io
import re
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Literal

from mpp_supabase.errors import TransportError
from mpp_supabase.mail.settings import MailSettings, clean_header

CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 60.0
CONTENT_SECONDS = 300.0
"""How long the server may take to answer the content."""
REPLY_BYTES = 65_536
"""How long a reply may be, all lines together: no server has more to say."""

Outcome = Literal["sent", "later", "unavailable", "refused", "bounced", "unknown"]


class MailServerError(TransportError):
    """The mail server will not take mails from us at all: nothing was sent."""

    code = "mail_server"


class MailServerAbsent(MailServerError):
    """The mail server does not answer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one conversation proved, and the server's last words."""

    outcome: Outcome
    reply: str


def instant() -> float:
    """Seconds on a clock that goes on while the machine sleeps: a claim ends then, too."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.time()


class _Bounded:
    """Reads a reply of bounded size and within the timeout of the socket as a whole, however slowly it drips.

    `smtplib` itself waits anew for every byte, and keeps as many lines as the server likes to send.
    """

    file: io.BufferedReader | None
    sock: socket.socket | None

    def close(self) -> None:
        super().close()  # type: ignore[misc]

    def getreply(self) -> tuple[int, bytes]:
        assert self.sock is not None
        if self.file is None:
            self.file = self.sock.makefile("rb")
        seconds = self.sock.gettimeout() or ANSWER_SECONDS
        ends, reply, size = time.monotonic() + seconds, [], 0
        try:
            while True:
                line = b""
                while not line.endswith(b"\n"):
                    self.sock.settimeout(max(ends - time.monotonic(), 0.001))
                    # What has come already, else one read of the socket.
                    waiting = self.file.peek(1)
                    if not waiting:
                        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
                    line += self.file.read((waiting.find(b"\n") + 1) or len(waiting))
                    size += len(line)
                    if size > REPLY_BYTES:
                        raise smtplib.SMTPServerDisconnected("the reply does not end")
                    if time.monotonic() > ends:
                        raise smtplib.SMTPServerDisconnected("the reply takes too long")
                reply.append(line[4:].strip(b" \t\r\n"))
                if not line[:3].isdigit():
                    return -1, b"\n".join(reply)
                if line[3:4] != b"-":
                    return int(line[:3]), b"\n".join(reply)
        except OSError as error:
            # Most of these are of smtplib, which are errors of the system, too.
            self.close()
            if isinstance(error, smtplib.SMTPServerDisconnected):
                raise
            raise smtplib.SMTPServerDisconnected(f"Connection unexpectedly closed: {error}") from None
        finally:
            if self.sock is not None:
                self.sock.settimeout(seconds)


class _Plain(_Bounded, smtplib.SMTP):
    pass


class _Encrypted(_Bounded, smtplib.SMTP_SSL):
    pass


class Courier:
    """Delivers mails over one connection, opened when it is needed and again after it broke. Close it."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None
        self.content_left = False
        """Whether the content of the latest mail was on its way: from then on only the server knows."""

    def close(self) -> None:
        """Take leave of the server."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.sock.settimeout(2)  # type: ignore[union-attr]
                server.quit()
            server.close()

    def deliver(self, address: str, message: bytes, deadline: float) -> Delivery:
        """Hand one mail over. Its content only leaves when its answer can come before `deadline` (of `instant`).

        Raises MailServerError when the server is not there or refuses us as a sender.
        """
        self.content_left = False
        fresh = self._server is None
        server = self._connected()
        try:
            code, reply = server.mail(self._settings.sender)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._drop()
            if not fresh:
                # A server may close a connection that was idle; a new one is asked before it counts.
                return self.deliver(address, message, deadline)
            return Delivery("later", _said(error))
        try:
            if 500 <= code < 600:
                raise MailServerError(
                    f"The mail server does not take mails from {self._settings.sender}: {_line(code, reply)}.",
                    "Check MPP_SMTP_FROM and the account of the mail server.",
                )
            if code != 250:
                return self._put_off("later", code, reply)
            code, reply = server.rcpt(address)
            if code not in (250, 251):
                return self._put_off(_of_recipient(code, reply), code, reply)
            code, reply = server.docmd("DATA")
            if code != 354:
                return self._put_off("refused" if 500 <= code < 600 else "later", code, reply)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._drop()
            return Delivery("later", _said(error))
        # However short the claim is, half of it is the server's.
        if instant() + min(CONTENT_SECONDS, self._settings.lease_seconds / 2) > deadline:
            # Between DATA and the content there is no way back but to hang up.
            self._drop()
            return Delivery("unavailable", "the claim was about to end")
        return self._hand_over(server, message, deadline)

    def _hand_over(self, server: smtplib.SMTP, message: bytes, deadline: float) -> Delivery:
        assert server.sock is not None
        self.content_left = True
        try:
            server.sock.settimeout(min(CONTENT_SECONDS, max(deadline - instant(), 0.1)))
            # A line that is only a dot would end the content: every line that begins with one gets another.
            server.send(re.sub(rb"(?m)^\.", b"..", message) + b".\r\n")
            server.sock.settimeout(min(CONTENT_SECONDS, max(deadline - instant(), 0.1)))
            code, reply = server.getreply()
            server.sock.settimeout(ANSWER_SECONDS)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Delivery("unknown", f"no answer to the content: {_said(error)}")
        if 200 <= code < 300:
            return Delivery("sent", _line(code, reply))
        if 400 <= code < 600:
            return self._put_off("later" if code < 500 else "refused", code, reply)
        self._drop()
        return Delivery("unknown", _line(code, reply))

    def _put_off(self, outcome: Outcome, code: int, reply: bytes) -> Delivery:
        if code == 421 or self._server is None:
            self._drop()
        else:
            try:
                if self._server.rset()[0] != 250:
                    self._drop()
            except (smtplib.SMTPException, OSError):
                self._drop()
        return Delivery(outcome, _line(code, reply))

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        wanted = self._settings
        where = f"{wanted.host}:{wanted.port}"
        server: smtplib.SMTP | None = None
        try:
            if wanted.security == "ssl":
                server = _Encrypted(
                    wanted.host, wanted.port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
                )
            else:
                server = _Plain(wanted.host, wanted.port, timeout=CONNECT_SECONDS)
            assert server.sock is not None
            server.sock.settimeout(ANSWER_SECONDS)
            server.ehlo_or_helo_if_needed()
            if wanted.security == "starttls":
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if wanted.user is not None and wanted.password is not None:
                server.login(wanted.user, wanted.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            raise self._failed(
                server,
                f"{where} refuses the user and password ({error.smtp_code}).",
                "Check MPP_SMTP_USER and MPP_SMTP_PASSWORD.",
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise self._failed(server, f"{where}: {error}", "Check MPP_SMTP_PORT and MPP_SMTP_SECURITY.") from None
        except ssl.SSLError as error:
            raise self._failed(
                server,
                f"{where} cannot be spoken to in private ({error.reason}).",
                "Check MPP_SMTP_HOST and MPP_SMTP_SECURITY.",
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            message = f"The mail server {where} does not answer ({_said(error)})."
            raise self._failed(server, message, "Try again later.", MailServerAbsent) from None
        return server

    def _failed(
        self, server: smtplib.SMTP | None, message: str, hint: str, kind: type[MailServerError] = MailServerError
    ) -> MailServerError:
        if server is not None:
            server.close()
        return kind(message, hint)


def _of_recipient(code: int, reply: bytes) -> Outcome:
    """What a refused recipient means: 4xx is later; 5xx for good, a bounce when it says that there is no such address.

    A policy (X.7.X) or a full mailbox (X.2.2) says nothing about the address.
    """
    if not 500 <= code < 600:
        return "later"
    said = re.match(rb"5\.(\d{1,3})\.(\d{1,3})\b", reply.strip())
    if said is not None:
        kind, detail = int(said[1]), int(said[2])
        return "bounced" if (kind, detail) in ((1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)) else "refused"
    return "bounced" if code in (550, 551, 553) else "refused"


def _line(code: int, reply: bytes) -> str:
    # Clean, because the database keeps no NUL, and whoever lists the mails has a terminal.
    return f"{code} {clean_header(reply.decode('utf-8', 'replace'))}"[:500]


def _said(error: BaseException) -> str:
    return clean_header(str(error) or type(error).__name__)[:300]
