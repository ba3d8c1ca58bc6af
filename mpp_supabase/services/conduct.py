"""Conduct: what ambassadors and players report, and the patterns that do not look like people playing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from mpp_supabase.models import ConductReport, Misuse, Page, Validation
from mpp_supabase.services._service import Service, Where, not_found, query
from mpp_supabase.transport import Query


class Conduct(Service):
    """Reports, expulsions and suspicious patterns. Needs the secret key."""

    def reports(self, edition_id: int, *, unresolved: bool = False) -> Iterator[ConductReport]:
        """Yield the expulsions and reports of an edition, the latest first."""
        where: Where = (("edition_id", "eq", edition_id),)
        if unresolved:
            where += (("resolved_at", "is", "null"),)
        return self._iterate(ConductReport, query(ConductReport, "conduct_reports", "reported_at desc, id desc", where))

    def resolve(self, report_id: int, resolution: str) -> None:
        """Close a report with a note. Raises NotAllowed when it is not there or already closed."""
        with not_found(
            f"There is no open report {report_id}.", "List them with `mpp league reports EDITION --unresolved`."
        ):
            self._transport.call("resolve_conduct_report", {"id": report_id, "resolution": resolution})

    def validations(
        self, player_ids: Sequence[UUID | str], limit: int = 50, after: str | None = None
    ) -> Page[Validation]:
        """Return `limit` validations of these players and pupils, the latest first."""
        return self._page(Validation, _of_players(player_ids), limit, after)

    def iterate_validations(self, player_ids: Sequence[UUID | str], after: str | None = None) -> Iterator[Validation]:
        """Yield every validation of these players and pupils, the latest first."""
        return self._iterate(Validation, _of_players(player_ids), after)

    def cancel_validation(self, validation_id: UUID | str, reason: str) -> None:
        """Take back a validation until the ranking is frozen; the reason goes to the audit.

        Raises NotAllowed, AlreadyCancelled, EditionFrozen, InvalidField.
        """
        with not_found(f"There is no validation {validation_id}.", "List them with `mpp validation list PLAYER_ID`."):
            self._transport.call("cancel_validation", {"validation_id": str(validation_id), "reason": reason})

    def misuse(self, edition_id: int) -> Iterator[Misuse]:
        """Yield the suspicious patterns of an edition, the latest first: bursts, impossible rates, classes."""
        where: Where = (("edition_id", "eq", edition_id),)
        return self._iterate(Misuse, query(Misuse, "misuse", _MISUSE_ORDER, where))


def _of_players(player_ids: Sequence[UUID | str]) -> Query:
    where: Where = (("player_id", "in", f"({','.join(str(player) for player in player_ids)})"),)
    return query(Validation, "league_validations", "validated_at desc, validation_id", where)


_MISUSE_ORDER = "first_at desc, subject_id, pattern, league_id"
