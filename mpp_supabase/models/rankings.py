"""Lines of the rankings."""

from __future__ import annotations

from uuid import UUID

from mpp_supabase.models.base import Model


class Standing(Model):
    """A line of a ranking: equal values share a rank. `value` is what is compared, points or an average × 100.

    Only players and teams have a `league_label`; players count as one player with their own points.
    """

    rank: int
    subject_id: UUID
    label: str
    league_label: str | None = None
    points: int
    players: int = 1
    points_per_player: float | None = None
    value: int
    tie_order: int


class ClassStanding(Standing):
    """A class in its ranking: `rank` among all of the edition, `level_rank` within its level; `players` are pupils."""

    level_rank: int
    level: str
    school_id: UUID
    school_label: str | None
    city: str | None
    country: str | None


class SchoolStanding(Standing):
    """A school in its ranking: the sum of its listed classes, of one `level` or (None) of all."""

    level: str | None
    city: str
    country: str
    classes: int


class Neighbour(Standing):
    """A line around a subject; `is_me` marks the subject itself."""

    is_me: bool
