"""A clean outbox on the running stack, people who agreed to mails, and servers to send them through."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from mpp_supabase import MPP, MailSettings, Settings
from supabase_embedded import StackStatus
from tests.support.fickle import FickleServer

MARK = "mail-tests.example.org"


@dataclass
class Office:
    """The outbox of the stack: what the staff's client does, and what the database holds."""

    stack: StackStatus
    settings: Settings
    mpp: MPP
    db: psycopg.Connection[Any]
    env: dict[str, str] = field(default_factory=dict)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.db.execute(query, values).fetchall()  # type: ignore[arg-type]

    def states(self) -> dict[str, str]:
        """State of every mail by key."""
        return dict(self.rows("select key, state::text from mpp.outbox"))  # type: ignore[arg-type]

    def subscribers(self, count: int, *, granted: bool = True, language: str = "fr") -> list[tuple[uuid.UUID, str]]:
        """New people who agreed to the newsletter, or withdrew: account and address."""
        made = []
        for _ in range(count):
            account = uuid.uuid4()
            address = f"{account.hex}@{MARK}"
            self.db.execute(
                "insert into auth.users (id, instance_id, aud, role, email, is_anonymous, created_at,"
                " email_confirmed_at) values (%s, '00000000-0000-0000-0000-000000000000', 'authenticated',"
                " 'authenticated', %s, false, private.clock(), private.clock())",
                (account, address),
            )
            self.db.execute(
                "insert into mpp.profile (id, first_name, last_name, language) values (%s, 'Ana', 'Belin', %s)",
                (account, language),
            )
            for consent in (True, granted):
                self.db.execute(
                    "insert into mpp.consent (account_id, purpose, granted, text_version, channel)"
                    " values (%s, 'newsletter', %s, '2026-01', 'app')",
                    (account, consent),
                )
            made.append((account, address))
        return made

    def queue_invitations(self, count: int) -> dict[str, str]:
        """Queue invitations to addresses; return address by key."""
        addresses = {f"invitation/{n}/{uuid.uuid4().hex[:6]}": f"p{n}@{MARK}" for n in range(count)}
        new = self.mpp.mails.queue([invitation(key, address) for key, address in addresses.items()])
        assert new == count
        return addresses

    def time_passes(self) -> None:
        """Everything that waits is due; claims have ended."""
        self.db.execute("update mpp.outbox set next_attempt_at = private.clock() where state = 'queued'")
        self.db.execute(
            "update mpp.outbox set claim_expires_at = private.clock() where state in ('sending', 'uncertain')"
        )

    def through(self, port: int, **changes: Any) -> MailSettings:
        """Settings for a server on this port."""
        options: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "sender_name": "Ma Petite Planète",
            "sender": f"bonjour@{MARK}",
            "domain": MARK,
            "unsubscribe_url": f"{self.stack.api_url}/functions/v1/unsubscribe",
            "guardian_url": f"{self.stack.api_url}/functions/v1/guardian",
            **changes,
        }
        return MailSettings(**options)

    def command(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start `mpp` in a process of its own, which a test may kill."""
        return subprocess.Popen(
            [sys.executable, "-c", "from mpp_cli.app import main; main()", *map(str, arguments)],
            env={**os.environ, **self.env, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def smtp_environment(self, port: int, **more: str) -> dict[str, str]:
        """The environment in which `mpp mail` uses the server on this port."""
        return {
            "MPP_SMTP_HOST": "127.0.0.1",
            "MPP_SMTP_PORT": str(port),
            "MPP_SMTP_SECURITY": "none",
            "MPP_SMTP_FROM": f"Ma Petite Planète <bonjour@{MARK}>",
            **more,
        }


def invitation(key: str, address: str, **changes: Any) -> dict[str, Any]:
    """An invitation to play, as SQL or a service queues it."""
    return {
        "key": key,
        "template": "player_invitation",
        "purpose": "invitation",
        "address": address,
        "data": {
            "league": "Les Tilleuls",
            "join_code": "ABCD-EFGH",
            "edition": "Édition d’essai",
            "starts_at": "2026-06-01T00:00:00+02:00",
            "ends_at": "2026-06-22T00:00:00+02:00",
            "organisation": "Exemple & Cie",
            "link": "https://example.org/rejoindre",
        },
        **changes,
    }


@pytest.fixture
def office(stack: StackStatus) -> Iterator[Office]:
    """A clean outbox and a client of the staff."""
    env = stack.env()
    settings = Settings(
        url=env["API_URL"],
        publishable_key=SecretStr(env["PUBLISHABLE_KEY"]),
        secret_key=SecretStr(env["SECRET_KEY"]),
    )
    keys = {
        "SUPABASE_URL": env["API_URL"],
        "SUPABASE_PUBLISHABLE_KEY": env["PUBLISHABLE_KEY"],
        "SUPABASE_SECRET_KEY": env["SECRET_KEY"],
    }
    with psycopg.connect(stack.db_url, autocommit=True) as db, MPP.connect(settings) as mpp:
        _empty(db)
        yield Office(stack, settings, mpp, db, keys)
        _empty(db)


def _empty(db: psycopg.Connection[Any]) -> None:
    for table in ("outbox", "mail_bounce", "mail_suppression", "unsubscribe_token", "newsletter"):
        db.execute(f"delete from mpp.{table}".encode())
    db.execute("delete from auth.users where email like %s", (f"%@{MARK}",))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., FickleServer]]:
    """Start fickle servers; they end with the test."""
    running: list[FickleServer] = []

    def start(plan: Callable[[str], str | None] = lambda _: None) -> FickleServer:
        made = FickleServer(tmp_path / f"delivered-{len(running)}.log", plan)
        made.__enter__()
        running.append(made)
        return made

    yield start
    for made in running:
        made.__exit__()
