"""How long what is personal and no longer needed is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, Literal, cast
from uuid import UUID

from mpp_supabase.errors import StorageError
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, not_found, parse_row, query


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


class PrivacyRequest(Model):
    """What somebody asked about their own data, and what became of it.

    `kind` is access, portability, rectification, erasure, restriction or objection; `state` is open, done, refused,
    withdrawn, or waiting for an erasure that its owner may still take back. `due_at` is until when the person must have
    an answer. Somebody without an account has an `address` until the request is handled.
    """

    id: int
    kind: str
    state: str
    account_id: UUID | None
    address: str | None
    channel: str
    asked_at: datetime
    due_at: datetime
    erases_at: datetime | None
    note: str | None
    handled_at: datetime | None
    handled_by: UUID | None
    outcome: str | None


class _FileToRemove(Model):
    id: int
    bucket_id: str
    path: str
    queued_at: datetime


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

    def export_my_data(self) -> dict[str, Any]:
        """Return what the database holds about the account of this session: exported_at, and data by table."""
        return cast(dict[str, Any], self._transport.read("export_my_data", {}))

    def export(self, account_id: UUID, reason: str) -> dict[str, Any]:
        """Return the same document for an account whose owner asked for it; the audit keeps the reason.

        Raises NotAllowed when there is no such account, InvalidField, OpsOnly.
        """
        with not_found(f"There is no account {account_id}.", "Look with `mpp user list`."):
            answer = self._transport.call("export_person", {"account_id": str(account_id), "reason": reason})
            return cast(dict[str, Any], answer)

    @staticmethod
    def page(document: dict[str, Any], language: Literal["fr", "en"] = "fr") -> str:
        """Return an exported document as one HTML page, for the person to read."""
        from mpp_supabase.personal_data import draw_page

        return draw_page(document, language)

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
        while self._transport.call("erase_due_account", {}, idempotent=True):
            erased += 1
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

    def requests(self, *, open_only: bool = True) -> Iterator[PrivacyRequest]:
        """Yield what people asked about their own data, the one that is due first before; all, or those not handled."""
        where = (("handled_at", "is", "null"),) if open_only else ()
        return self._iterate(PrivacyRequest, query(PrivacyRequest, "privacy_requests", "due_at, id", where))

    def record(
        self,
        kind: str,
        channel: str,
        note: str,
        *,
        account_id: UUID | None = None,
        address: str | None = None,
        asked_on: date | None = None,
    ) -> int:
        """Record what somebody asked by `mail`, `letter` or `telephone`; return its number.

        Names an account, or the address of somebody without one. `asked_on` is the day on which it came, today without.
        Raises InvalidField, NotAllowed when there is no such account.
        """
        given = {
            "kind": kind,
            "channel": channel,
            "note": note,
            "account_id": None if account_id is None else str(account_id),
            "address": address,
            "asked_on": None if asked_on is None else asked_on.isoformat(),
        }
        sent = {name: value for name, value in given.items() if value is not None}
        with not_found(f"There is no account {account_id}.", "List them with `mpp user list`."):
            return int(self._transport.call("record_privacy_request", sent))

    def settle(self, request_id: int, outcome: str, *, refused: bool = False) -> None:
        """Say what was answered: that it was done, or refused and why. An erasure of an account is settled by `erase`.

        Raises NotAllowed when there is no such request, PrivacyRequestClosed when it is not open, InvalidField.
        """
        with not_found(f"There is no request {request_id}.", "List them with `mpp privacy requests --all`."):
            self._transport.call(
                "settle_privacy_request", {"request_id": request_id, "outcome": outcome, "refused": refused}
            )

    def correct(self, account_id: UUID, reason: str, **fields: str | date) -> tuple[str, ...]:
        """Correct what is written about a person who asked for it; return the names of the fields that changed.

        Fields are those of the profile (`first_name`, `last_name`, `alias`, `country`, `postcode`, `birth_date`,
        `language`, `sector`, `acquisition_channel`) and of a teacher (`role`, `subject`). An empty text clears a field
        that may be empty. Raises NotAllowed when nobody has a profile under this account, InvalidField,
        OpenLeagueTooYoung and TeacherTooYoung.
        """
        given = {name: value.isoformat() if isinstance(value, date) else value for name, value in fields.items()}
        with not_found(f"Nobody has a profile under account {account_id}.", "List accounts with `mpp user list`."):
            changed = self._transport.call(
                "correct_profile", {"account_id": str(account_id), "reason": reason, **given}, idempotent=True
            )
        return tuple(changed)

    def remove_files(self, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Have Storage delete the files of erased accounts; return how many went. Needs the secret key.

        Broken off, it is simply done again. `on_progress` is told how many went so far. Raises StorageError.
        """
        gone = 0
        before: set[int] = set()
        while batch := self._call_rows(_FileToRemove, "files_to_remove", {}, idempotent=True):
            if stayed := before & {file.id for file in batch}:
                # Storage says that it deleted them, and they are there.
                raise StorageError(
                    f"{len(stayed)} files stay where they were.", "Look at the log of Storage.", "stayed"
                )
            before = {file.id for file in batch}
            by_bucket: dict[str, list[str]] = defaultdict(list)
            for file in batch:
                by_bucket[file.bucket_id].append(file.path)
            for bucket, paths in by_bucket.items():
                self._remove(bucket, paths)
                gone += len(paths)
                on_progress(gone)
        return gone

    def _remove(self, bucket: str, paths: list[str]) -> None:
        self._transport.storage(bucket, lambda files: files.remove(paths), idempotent=True)
