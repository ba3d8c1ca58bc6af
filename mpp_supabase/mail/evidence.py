"""Who can tell what became of a mail whose sender died: its Message-ID never changes, and finds it again."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from mpp_supabase.errors import ConfigError
from mpp_supabase.mail.outbox import StrandedMail

Verdict = Literal["delivered", "not_delivered", "unknown"]


class Evidence(Protocol):
    """Somebody to ask."""

    def about(self, mail: StrandedMail) -> Verdict:
        """Tell what became of a mail: a no is only said by who would know of a yes."""


class Nobody:
    """A server that keeps no record we could read: a person decides."""

    def about(self, mail: StrandedMail) -> Verdict:
        """Tell that nobody knows."""
        return "unknown"


class MailboxRecord:
    """A mailbox that speaks Mailpit's HTTP: the one of the local stack, or Mailpit itself.

    It lives in memory. Not finding a mail proves something only if it was up when the mail was claimed, and has
    forgotten none since.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def about(self, mail: StrandedMail) -> Verdict:
        """Look the mail up by its Message-ID."""
        import httpx

        try:
            found = httpx.get(
                f"{self._url}/api/v1/search",
                params={"query": f'message-id:"{mail.message_id}"', "limit": 1},
                timeout=10,
            )
            found.raise_for_status()
            if any(each.get("MessageID") == mail.message_id for each in found.json()["messages"]):
                return "delivered"
            answer = httpx.get(f"{self._url}/api/v1/info", timeout=10)
            answer.raise_for_status()
            about, answered_at = answer.json(), answer.headers["date"]
            stats = about["RuntimeStats"]
            up_for = (_http_date(answered_at) - mail.claimed_at).total_seconds() + 2
            remembers = float(stats["Uptime"]) > up_for and int(stats["MessagesDeleted"]) == 0
        except (httpx.HTTPError, KeyError, TypeError, ValueError, AttributeError):
            return "unknown"
        return "not_delivered" if remembers else "unknown"


class DeliveredFile:
    """A file that names the Message-IDs a server took: its log, or an export.

    A mail that is not in it may be in an older log: that proves something only if the file is said to be `complete`.
    """

    def __init__(self, path: Path, *, complete: bool) -> None:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise ConfigError(f"{path} cannot be read ({error.strerror}).", "Name a file of Message-IDs.") from None
        self._known = set(re.findall(r"[0-9a-f]{40}@[a-z0-9.-]*[a-z0-9]", text))
        self._complete = complete

    def about(self, mail: StrandedMail) -> Verdict:
        """Look the mail up in the file."""
        if mail.message_id in self._known:
            return "delivered"
        return "not_delivered" if self._complete else "unknown"


def mail_evidence(mailbox_url: str | None, delivered: Path | None = None, *, complete: bool = False) -> Evidence:
    """Return who can be asked: the file that is given, else the mailbox that takes the mails, else nobody."""
    if delivered is not None:
        return DeliveredFile(delivered, complete=complete)
    return MailboxRecord(mailbox_url) if mailbox_url else Nobody()


def _http_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)
