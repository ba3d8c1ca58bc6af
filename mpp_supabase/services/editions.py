"""Editions: apply a file, open, close, freeze, statistics, proof of the scores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mpp_supabase.errors import EditionNotFound
from mpp_supabase.models import Challenge, Change, Edition, EditionStatistics, Mismatch
from mpp_supabase.services._service import Service, Where, query
from mpp_supabase.transport import LONG_SECONDS


class Editions(Service):
    """Editions and what is in them (A1–A7, C4, C7, C8)."""

    def iterate(self, phase: str | None = None) -> Iterator[Edition]:
        """Yield the editions the key may see, the latest start first; `phase` keeps draft, registration, running…"""
        where: Where = (("phase", "eq", phase),) if phase else ()
        return self._iterate(Edition, query(Edition, "editions", "starts_at desc, id desc", where))

    def get(self, code: str) -> Edition:
        """Return an edition. Raises EditionNotFound when there is none of this code that the key may see."""
        found = self._first(Edition, query(Edition, "editions", "id", (("code", "eq", code),)))
        if found is None:
            hint = "List them with `mpp edition list`." if self._transport.role == "secret" else _PRIVATE
            raise EditionNotFound(f"There is no edition {code}.", hint)
        return found

    def challenges(self, edition_id: int) -> Iterator[Challenge]:
        """Yield the challenges of an edition by code: all of them for the secret key, those in play for others."""
        where: Where = (("edition_id", "eq", edition_id),)
        return self._iterate(Challenge, query(Challenge, "challenges", "code, id", where))

    def apply(self, document: dict[str, Any], *, dry_run: bool = False) -> list[Change]:
        """Make an edition what its file says, all or nothing; return what changed, nothing when it already was.

        `document` comes from read_edition_file. With `dry_run` the differences are returned and nothing is written.
        Raises EditionFileInvalid, EditionStarted (rules are fixed once it runs), EditionFrozen, OpsOnly.
        """
        arguments = {"document": document, "dry_run": dry_run}
        return self._call_rows(Change, "apply_edition", arguments, idempotent=True, timeout=LONG_SECONDS)

    def open(self, code: str) -> None:
        """Open a draft edition to registration; does nothing when it is open. Raises EditionNotFound, OpsOnly."""
        self._transport.call("open_edition", {"edition_code": code}, idempotent=True)

    def close(self, code: str, reason: str) -> None:
        """End a running edition now, before its announced end. Raises EditionNotRunning, InvalidField, OpsOnly."""
        self._transport.call("close_edition", {"edition_code": code, "reason": reason})

    def freeze(self, code: str) -> datetime:
        """Freeze the ranking of an edition that is over; return when it was frozen, also when it already was.

        Raises EditionNotOver, EditionNotFound, OpsOnly.
        """
        arguments = {"edition_code": code}
        at = self._transport.call("freeze_edition", arguments, idempotent=True, timeout=LONG_SECONDS)
        return datetime.fromisoformat(str(at))

    def statistics(self, edition_id: int) -> EditionStatistics | None:
        """Return the counts of an edition: listed players, teams, leagues and their points; None when not seen."""
        where: Where = (("edition_id", "eq", edition_id),)
        return self._first(EditionStatistics, query(EditionStatistics, "edition_statistics", "edition_id", where))

    def verify(self, code: str | None = None) -> list[Mismatch]:
        """Compare every score with the sum of its credited validations; an empty list is the proof.

        Covers one edition, or all of them when `code` is None. Raises EditionNotFound, OpsOnly.
        """
        arguments = {"edition_code": code}
        return self._read_rows(Mismatch, "verify_scores", arguments, timeout=LONG_SECONDS)


_PRIVATE = "The publishable key sees open, public editions only; drafts and private ones need the secret key."
