"""Sending what the outbox holds, so that nothing is delivered twice and nothing is lost.

Why nothing is lost: a mail leaves the queue only for its sender's hand, and from there by a state that says what
happened. A sender that dies leaves it in hand; when the claim has ended it is found again and settled.

Why nothing is delivered twice: one transaction gives a mail to one sender, who has no other. Its content leaves at most
once in a claim, and another claim begins only after it was proven that the content was not taken: the server answered
no (4xx, 5xx), or the conversation broke before the content, or whoever keeps the record of deliveries says so after the
claim has ended. The claim is longer than a server goes on with a mail whose sender is gone, and no content leaves when
the claim is about to end, so that this record is no longer changing when it is asked. Where nobody can tell, the mail
is uncertain and waits for a person.

What that rests on: the server shows a mail in its record before the claim has ended, and forgets what was not ended by
the final dot (RFC 5321, 4.1.1.4). Beyond the server, mail programs know a mail by its Message-ID, which never changes.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from mpp_supabase.errors import MailMoved
from mpp_supabase.mail.composing import compose
from mpp_supabase.mail.courier import Courier, Delivery, MailServerAbsent, MailServerError, instant
from mpp_supabase.mail.evidence import Evidence
from mpp_supabase.mail.letters import LetterError
from mpp_supabase.mail.outbox import ClaimedMail, Mails, StrandedMail
from mpp_supabase.mail.settings import MailSettings

RECONNECTIONS = 5
"""How often in a row the server may not be there before a run gives up; the mails stay queued."""


@dataclass(slots=True)
class SendingRun:
    """What a run did: how many mails by outcome, and how many were dropped instead, by the reason."""

    outcomes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many mails were in hand."""
        return self.outcomes.total()


def retry_delay(attempt: int) -> int:
    """Seconds until a mail is tried again: a minute, doubled each time up to four hours, a little by chance."""
    return int(min(60 * 2 ** min(attempt - 1, 10), 14_400) * random.uniform(0.8, 1.2))


class MailSender:
    """Sends the mails of the outbox one after the other. Several may run at once: none gets the mail of another."""

    def __init__(
        self,
        mails: Mails,
        settings: MailSettings,
        *,
        on_mail: Callable[[ClaimedMail, Delivery], None] = lambda _mail, _delivery: None,
        retry_delay: Callable[[int], int] = retry_delay,
        pause: float = 1.0,
    ) -> None:
        self._mails = mails
        self._settings = settings
        self._on_mail = on_mail
        self._retry_delay = retry_delay
        self._pause = pause
        self._stopped = False

    def stop(self) -> None:
        """End the run after the mail in hand."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether the run was told to end."""
        return self._stopped

    def run(self, limit: int | None = None) -> SendingRun:
        """Send what is due now, or `limit` mails of it.

        Raises MailServerError when the server is not there or does not want us, and TransportError when the database
        is not; the mail in hand is then queued again, or settled later when its content had left.
        """
        sent = SendingRun()
        # Never reused: after an error nobody may take up where this run was.
        worker = uuid4()
        courier = Courier(self._settings)
        absences = 0
        try:
            while not self._stopped and (limit is None or sent.total < limit):
                claimed_at = instant()
                mail = self._mails.claim(worker, self._settings.lease_seconds, self._settings.domain)
                if mail is None:
                    break
                settled = False
                try:
                    try:
                        delivery = self._deliver(courier, mail, claimed_at + self._settings.lease_seconds)
                        absences = 0
                    except MailServerError as error:
                        absences += 1
                        settled = True
                        self._mails.settle(mail, worker, "unavailable", error.message[:500], 0)
                        if absences >= RECONNECTIONS or not isinstance(error, MailServerAbsent):
                            raise
                        time.sleep(self._pause * 2 ** (absences - 1))
                        continue
                    settled = True
                    delivery = self._settle(mail, delivery, worker)
                except BaseException:
                    if not settled and not courier.content_left:
                        # Interrupted before anything left: nobody has to ask the server about it.
                        self._mails.settle(mail, worker, "unavailable", "interrupted", 0)
                    raise
                sent.outcomes[delivery.outcome] += 1
                self._on_mail(mail, delivery)
        finally:
            courier.close()
        sent.dropped = self._mails.dropped_by(worker)
        return sent

    def _deliver(self, courier: Courier, mail: ClaimedMail, deadline: float) -> Delivery:
        courier.content_left = False
        try:
            message = compose(mail, self._settings)
        except LetterError as error:
            return Delivery("refused", error.message)
        except Exception as error:
            # One mail that cannot be written must not hold up all the others, run after run.
            return Delivery("refused", f"it could not be written ({type(error).__name__})")
        return courier.deliver(mail.address, message, deadline)

    def _settle(self, mail: ClaimedMail, delivery: Delivery, worker: UUID) -> Delivery:
        wait = self._retry_delay(mail.attempt) if delivery.outcome == "later" else 0
        try:
            self._mails.settle(mail, worker, delivery.outcome, delivery.reply, wait)
        except MailMoved:
            # The claim ended meanwhile, and others have asked what became of it.
            return Delivery("unknown", "it was settled by others")
        return delivery


def settle_stranded_mails(
    mails: Mails, evidence: Evidence, on_mail: Callable[[StrandedMail, str], None] = lambda _mail, _state: None
) -> Counter[str]:
    """Settle what dead senders left, by rule: found is sent, surely not there is queued again, else it is uncertain.

    Return how many went where. A mail that somebody else settles at the same time is theirs.
    """
    states: Counter[str] = Counter()
    for mail in mails.stranded():
        verdict = evidence.about(mail)
        if verdict == "unknown" and mail.state == "uncertain":
            state = "uncertain"
        else:
            try:
                state = mails.settle_stranded(mail.id, mail.attempt, verdict)
            except MailMoved:
                continue
        states[state] += 1
        on_mail(mail, state)
    return states
