"""Awards: titles that an edition gives by rule, after its freeze."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mpp_supabase.models.base import Model


class Award(Model):
    """An award to a player, team, league, class or school; `value` is what earned it (rank, points a player, days…).

    Ties share an award. Who opted out has left the list. `is_erased`: the label stands for a player who is no more.
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
    value: float | None
    granted_at: datetime
    is_erased: bool = False


class ClientAward(Award):
    """The same among the leagues of one client."""

    participation_id: int
    organisation_id: int
