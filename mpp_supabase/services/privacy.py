"""How long what is personal and no longer needed is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, not_found, parse_row


class Expired(Model):
    """One rule: what is kept for how long, as Postgres writes it (1 year, 30 days), and how many rows are past it."""

    what: str
    kept: str
    rows: int


class Erasure(Model):
    """An erasure of an account: done, or to be done at `erases_at` unless its owner keeps the account."""

    account_id: UUID
    asked_at: datetime
    erases_at: datetime
    is_erased: bool


class Privacy(Service):
    """What the staff do for everybody's privacy. Needs the secret key, or a session of the staff.

    `erase_my_account` and `keep_my_account` are for the person, whose session it takes.
    """

    def erase_my_account(self) -> Erasure:
        """Erase the account of this session for good: at once, or after the days of the setting `erasure_wait`.

        Raises SignInTooOld, and SecondFactorRequired for whoever has one and has not shown it.
        """
        return parse_row(Erasure, self._transport.call("erase_my_account", {}))

    def keep_my_account(self) -> None:
        """Take the erasure of the account of this session back while it waits. Raises NoErasureWaiting."""
        self._transport.call("keep_my_account", {})

    def erase(self, account_id: UUID, reason: str) -> Erasure:
        """Erase an account for good and at once; the audit keeps the reason, and a mail tells its address.

        Raises NotAllowed when there is no such account, OpsOnly for one of the staff without the secret key.
        """
        with not_found(f"There is no account {account_id}.", "List them with `mpp user list`."):
            row = self._transport.call("erase_person", {"account_id": str(account_id), "reason": reason})
        return parse_row(Erasure, row)

    def erase_due(self, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Erase the accounts whose owners asked for it and whose waiting time is over; return how many.

        Broken off, it is simply done again. `on_progress` is told how many are done so far.
        """
        erased = 0
        while more := self._transport.call("erase_due_accounts", {}, idempotent=True):
            erased += int(more)
            on_progress(erased)
        return erased

    def expired(self) -> list[Expired]:
        """Return every rule of how long something is kept, with the rows that are past it. Deletes nothing."""
        return self._call_rows(Expired, "purge_expired", {"dry_run": True}, idempotent=True)

    def purge(self, on_progress: Callable[[int], None] = lambda _: None) -> list[Expired]:
        """Delete what was kept long enough, a batch at a time; return the rules with the rows that went.

        Broken off, it is simply done again. `on_progress` is told the rows deleted so far.
        """
        gone: dict[str, Expired] = {}
        while True:
            batch = self._call_rows(Expired, "purge_expired", {}, idempotent=True)
            for rule in batch:
                before = gone[rule.what].rows if rule.what in gone else 0
                gone[rule.what] = rule.model_copy(update={"rows": before + rule.rows})
            on_progress(sum(rule.rows for rule in gone.values()))
            if not any(rule.rows for rule in batch):
                return list(gone.values())
