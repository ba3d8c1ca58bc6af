"""The outbox of the database: queueing, taking mails in hand, settling them, bounces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mpp_supabase.errors import MailUnknown
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, Where, parse_row, query
from mpp_supabase.transport import Query

STATES = ("queued", "sending", "sent", "failed", "dropped", "uncertain")
BATCH = 500


class OutboxMail(Model):
    """A mail and what became of it; its address and content stay in the database. `reply` is the server's last word."""

    id: int
    key: str
    message_id: str | None
    purpose: str
    account_id: UUID | None
    organisation_id: int | None
    template: str
    language: str
    state: str
    attempt: int
    failures: int
    next_attempt_at: datetime
    claim_expires_at: datetime | None
    reply: str | None
    queued_at: datetime
    sent_at: datetime | None


class DueMail(Model):
    """A mail that would leave now; `obstacle` says why it would be dropped instead."""

    id: int
    key: str
    purpose: str
    template: str
    language: str
    address: str | None
    obstacle: str | None


class ClaimedMail(Model):
    """A mail in its sender's hand. `attempt` names this claim; `data` may hold a code: it is never printed."""

    id: int
    attempt: int
    message_id: str
    address: str
    first_name: str | None = None
    purpose: str
    template: str
    language: str
    data: dict[str, Any]
    unsubscribe_token: str | None = None
    claim_expires_at: datetime

    def __repr__(self) -> str:
        return f"ClaimedMail(id={self.id}, attempt={self.attempt}, template={self.template!r})"


class StrandedMail(Model):
    """A mail whose sender died, or lost the server's last answer: delivered or not, somebody else must know."""

    id: int
    key: str
    attempt: int
    message_id: str
    state: str
    claimed_at: datetime
    address: str


class Bounce(Model):
    """An address that refused a mail; a hard bounce that is not cleared stops every mail to it."""

    id: int
    address: str
    is_hard: bool
    reason: str
    outbox_id: int | None
    bounced_at: datetime
    cleared_at: datetime | None


class NewsletterBatch(Model):
    """What one batch of a newsletter added, and where the next one begins (None at the end)."""

    queued: int
    already: int
    after: UUID | None


class LeagueNoteBatch(Model):
    """What one batch of a week's league notes added, and where the next one begins (None at the end)."""

    leagues: int
    queued: int
    already: int
    after: UUID | None


class Mails(Service):
    """Mails to send and sent. Needs the secret key."""

    def queue(self, mails: Sequence[dict[str, Any]]) -> int:
        """Queue mails; return how many are new: a key is queued once, whatever comes later under it.

        Each is a dict of `key`, `template`, `data`, `purpose`, and `account_id` or `address`; also `language`,
        `organisation_id` (only while they work for it), `league_id` (only while they run it), `useful_until` and
        `send_after`. Raises InvalidField; then none of them is queued.
        """
        return int(self._transport.call("queue_mails", {"mails": list(mails)}, idempotent=True))

    def queue_newsletter(
        self, code: str, language: str, subject: str, body: str, on_progress: Callable[[int], None] = lambda _: None
    ) -> tuple[int, int]:
        """Queue a newsletter for everybody who agreed to it, in their language, a batch at a time.

        Return how many mails are new and how many were there before. Broken off, it is simply done again. Raises
        NewsletterChanged when the code was used for another text.
        """
        queued = already = 0
        after: UUID | None = None
        while True:
            arguments = {"code": code, "language": language, "subject": subject, "body": body, "how_many": BATCH}
            if after is not None:
                arguments["after"] = str(after)
            batch = parse_row(NewsletterBatch, self._transport.call("queue_newsletter", arguments, idempotent=True))
            queued, already = queued + batch.queued, already + batch.already
            on_progress(queued + already)
            if batch.after is None:
                return queued, already
            after = batch.after

    def queue_league_notes(
        self, edition: str, *, dry_run: bool = False, on_progress: Callable[[int], None] = lambda _: None
    ) -> tuple[int, int, int]:
        """Queue the week's note of every league of an edition, for its players and ambassadors who agreed to alerts.

        Return how many leagues there are, how many notes are new and how many were there before. Broken off, it is
        simply done again. `on_progress` is told the leagues done. With `dry_run` nothing is queued. Raises
        EditionNotFound, and EditionNotRunning before the start and more than a week after the end.
        """
        leagues = queued = already = 0
        after: UUID | None = None
        while True:
            arguments: dict[str, Any] = {"edition_code": edition, "dry_run": dry_run}
            if after is not None:
                arguments["after"] = str(after)
            batch = parse_row(LeagueNoteBatch, self._transport.call("queue_league_notes", arguments, idempotent=True))
            leagues, queued, already = leagues + batch.leagues, queued + batch.queued, already + batch.already
            on_progress(leagues)
            if batch.after is None:
                return leagues, queued, already
            after = batch.after

    def iterate(self, *, state: str | None = None, purpose: str | None = None) -> Iterator[OutboxMail]:
        """Yield every mail, the latest first; `state` and `purpose` keep those alone."""
        where: Where = ()
        if state is not None:
            where += (("state", "eq", state),)
        if purpose is not None:
            where += (("purpose", "eq", purpose),)
        return self._iterate(OutboxMail, _outbox(where))

    def dropped_by(self, worker: UUID) -> Counter[str]:
        """Return how many mails a sender dropped instead of sending them, by the reason."""
        where: Where = (("state", "eq", "dropped"), ("claimed_by", "eq", str(worker)))
        return Counter(mail.reply or "" for mail in self._iterate(OutboxMail, _outbox(where)))

    def get(self, key: str) -> OutboxMail:
        """Return the mail of a key. Raises MailUnknown."""
        found = self._first(OutboxMail, _outbox((("key", "eq", key),)))
        if found is None:
            raise MailUnknown(f"There is no mail {key}.", "List them with `mpp mail list`.")
        return found

    def due(self, limit: int) -> list[DueMail]:
        """Return the next mails to leave, and why some would not. Changes nothing."""
        return self._read_rows(DueMail, "due_mails", {"how_many": limit})

    def claim(self, worker: UUID, lease_seconds: int, domain: str) -> ClaimedMail | None:
        """Take the next mail in hand; None when none is due. Asked again before it is settled, the same mail comes."""
        arguments = {"worker": str(worker), "lease_seconds": lease_seconds, "message_domain": domain}
        found = self._call_rows(ClaimedMail, "claim_mail", arguments, idempotent=True)
        return found[0] if found else None

    def settle(
        self, mail: ClaimedMail, worker: UUID, outcome: str, reply: str, retry_seconds: int | None = None
    ) -> str:
        """Say what became of a mail in hand, and return its state. Raises MailMoved when it is not in hand any more."""
        arguments = {
            "id": mail.id,
            "attempt": mail.attempt,
            "worker": str(worker),
            "outcome": outcome,
            "reply": reply,
            "retry_seconds": retry_seconds,
        }
        return str(self._transport.call("settle_mail", arguments, idempotent=True))

    def stranded(self) -> list[StrandedMail]:
        """Return the mails that may have been delivered or not, once their claim has ended."""
        return self._read_rows(StrandedMail, "stranded_mails", {})

    def settle_stranded(self, mail_id: int, attempt: int, verdict: str) -> str:
        """Settle such a mail: `delivered`, `not_delivered` (queued again), `unknown` or `given_up`. Returns its state.

        Raises MailMoved when somebody else has settled it, or has it in hand.
        """
        arguments = {"id": mail_id, "attempt": attempt, "verdict": verdict}
        return str(self._transport.call("settle_stranded", arguments))

    def bounces(self) -> Iterator[Bounce]:
        """Yield the bounces, the latest first."""
        return self._iterate(Bounce, query(Bounce, "mail_bounces", "id desc"))

    def record_bounce(self, address: str, *, hard: bool, reason: str = "") -> None:
        """Note that a mail to this address came back; nothing goes there any more after a hard bounce."""
        self._transport.call("record_bounce", {"address": address, "is_hard": hard, "reason": reason})

    def clear_bounces(self, address: str) -> int:
        """Let an address get mail again; return how many bounces were cleared."""
        return int(self._transport.call("clear_bounces", {"address": address}, idempotent=True))


def _outbox(where: Where) -> Query:
    return query(OutboxMail, "ops_outbox", "id desc", where)
