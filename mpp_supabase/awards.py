"""Symbolic awards of an edition, given by rule once it is frozen (C6, E6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from mpp_supabase._service import Service, Where, reading
from mpp_supabase.models import Model
from mpp_supabase.transport import LONG_SECONDS


class Award(Model):
    """An award to a player, team, league, class or school; `value` is what earned it (rank, points a player, days…).

    Ties share an award. Who opted out has left the list.
    """

    award_id: int
    edition_id: int
    place: int
    rule: str
    scope: str
    title: dict[str, str]
    description: dict[str, str]
    subject_id: UUID
    label: str
    league_label: str | None
    value: float
    granted_at: datetime


class ClientAward(Award):
    """The same among the leagues of one client."""

    participation_id: int
    organisation_id: int


class Awards(Service):
    """Awards. Granting needs the secret key; everybody may read those of public editions."""

    def grant(self, code: str) -> int:
        """Give the awards of a frozen edition, over all and within each client; return how many, 0 the second time.

        Raises EditionNotFound, EditionNotFrozen, OpsOnly.
        """
        arguments = {"edition_code": code}
        return int(self._transport.call("grant_awards", arguments, idempotent=True, patience=LONG_SECONDS))

    def iterate(self, edition_id: int) -> Iterator[Award]:
        """Yield the awards of an edition in the order in which they are read out."""
        where: Where = (("edition_id", "eq", edition_id),)
        return self._iterate(Award, reading(Award, "awards", "place, award_id", where))

    def of_client(self, participation_id: int) -> Iterator[ClientAward]:
        """Yield the awards among the leagues of a client, for its staff and the association."""
        where: Where = (("participation_id", "eq", participation_id),)
        return self._iterate(ClientAward, reading(ClientAward, "client_awards", "place, award_id", where))
