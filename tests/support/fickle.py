"""A mail server for the tests that does what bad ones do, and keeps an honest log of what it delivered.

The log is what a real server's is: a line for each mail that it took responsibility for, whatever its sender came to
know of it.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

#: What may happen to a mail: at which step, and how.
TROUBLES = (
    "refuse_sender",  # 451 to MAIL
    "refuse_recipient",  # 450 to RCPT
    "close",  # 421 to RCPT, and the connection is gone
    "drop_early",  # the connection breaks before DATA
    "refuse_content",  # 452 after the content
    "drop_at_data",  # 354, then the connection breaks: nothing delivered
    "drop_unkept",  # the content came, the server breaks down before it kept it
    "drop_kept",  # delivered, and the connection breaks before the answer
    "late",  # delivered, and the answer takes its time
)

#: How often a server that is slow looks again; nothing hangs on it.
MOMENT = 0.05


@dataclass(frozen=True)
class Taken:
    """A mail that the server delivered."""

    recipient: str
    message_id: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


class FickleServer:
    """Listens on 127.0.0.1. ``plan`` says for a recipient what happens to the next attempt; None is a good server."""

    def __init__(self, log: Path, plan: Callable[[str], str | None] = lambda _: None) -> None:
        self.log = log
        self.plan = plan
        self.taken: list[Taken] = []
        self.met: Counter[str] = Counter()
        self.open = 0
        self.gone: set[str] = set()
        #: While it is cleared, the answer to a mail that meets "late" does not come.
        self.answer_late = threading.Event()
        self.answer_late.set()
        #: Called in the server's thread when the plan says "kill_…": ends the sender.
        self.kill: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        log.touch()
        self._controller = _Controller(self)

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    def __enter__(self) -> FickleServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answer_late.set()
        self._controller.stop()

    def deliver(self, recipient: str, raw: bytes) -> None:
        """Take responsibility: from here on the mail arrives."""
        message_id = str(message_from_bytes(raw, policy=policy.default)["Message-ID"])
        with self._lock:
            self.taken.append(Taken(recipient, message_id.strip("<>"), raw))
            with self.log.open("a") as log:
                log.write(f"delivered {message_id} to {recipient}\n")

    def to(self, recipient: str) -> list[Taken]:
        """What was delivered to an address."""
        return [mail for mail in self.taken if mail.recipient == recipient]


def at_random(seed: int, share: float, most: int = 6) -> Callable[[str], str | None]:
    """A plan in which a share of the attempts meets some trouble, and no mail more than ``most`` of them."""
    chance, met = random.Random(seed), Counter[str]()

    def plan(recipient: str) -> str | None:
        if chance.random() >= share or met[recipient] >= most:
            return None
        met[recipient] += 1
        return chance.choice(TROUBLES)

    return plan


class _Controller(Controller):
    def __init__(self, fickle: FickleServer) -> None:
        self._fickle = fickle
        super().__init__(_Handler(fickle), hostname="127.0.0.1", port=0)

    def factory(self) -> SMTP:
        return _Conversation(self._fickle, self.handler, hostname="fickle.test", enable_SMTPUTF8=False)

    def _trigger_server(self) -> None:
        # The base class knocks to see whether it listens: at the port that the system chose.
        self.port = self._fickle.port
        super()._trigger_server()


class _Conversation(SMTP):
    def __init__(self, fickle: FickleServer, *arguments: Any, **options: Any) -> None:
        self._fickle = fickle
        super().__init__(*arguments, **options)

    def connection_made(self, transport: Any) -> None:
        self._fickle.open += 1
        super().connection_made(transport)

    def connection_lost(self, error: Any) -> None:
        self._fickle.open -= 1
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:
        trouble = self.envelope.trouble  # type: ignore[union-attr]
        if trouble == "drop_early":
            self.transport.abort()  # type: ignore[union-attr]
            return
        if trouble == "kill_at_data":
            self._fickle.kill()
        if trouble == "drop_at_data":
            await self.push("354 go on")
            self.transport.abort()  # type: ignore[union-attr]
            return
        await super().smtp_DATA(arg)


class _Handler:
    def __init__(self, fickle: FickleServer) -> None:
        self._fickle = fickle

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.trouble = None  # type: ignore[attr-defined]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self._fickle.gone:
            return "550 5.1.1 no such address here"
        trouble = self._fickle.plan(address)
        envelope.trouble = trouble  # type: ignore[attr-defined]
        if trouble:
            self._fickle.met[trouble] += 1
        match trouble:
            case "kill_early":
                self._fickle.kill()
            case "refuse_sender":
                return "451 4.7.1 not now"
            case "refuse_recipient":
                return "450 4.2.0 greylisted"
            case "close":
                asyncio.get_running_loop().call_later(0.05, server.transport.close)  # type: ignore[union-attr]
                return "421 4.3.2 going down"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        (recipient,) = envelope.rcpt_tos
        trouble = envelope.trouble  # type: ignore[attr-defined]
        if trouble == "refuse_content":
            return "452 4.3.1 no room"
        if trouble in ("drop_unkept", "kill_unkept"):
            self._fickle.kill() if trouble == "kill_unkept" else None
            server.transport.abort()  # type: ignore[union-attr]
            return ""
        if trouble == "kill_slow":
            # The sender is gone, and the server goes on with what it has.
            self._fickle.kill()
            await asyncio.sleep(MOMENT)
        self._fickle.deliver(recipient, bytes(envelope.original_content or b""))
        if trouble in ("drop_kept", "kill_kept"):
            self._fickle.kill() if trouble == "kill_kept" else None
            server.transport.abort()  # type: ignore[union-attr]
            return ""
        if trouble == "late":
            await asyncio.sleep(MOMENT)
        while trouble == "late" and not self._fickle.answer_late.is_set():
            await asyncio.sleep(MOMENT)
        return "250 2.0.0 taken"
