"""What a client follows: sums, and never one person."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import Field

from mpp_supabase.models.base import Average, Model

if TYPE_CHECKING:
    from mpp_supabase.reports.figures import TerritorySums


class ClientAmbassador(Model):
    """Who runs a league of a client, by alias."""

    league_id: UUID
    league: str
    unit: str | None
    alias: str | None
    is_principal: bool


class ClientOverview(Model):
    """A client in an edition: sums since the start, active players of the week, changes since the week before.

    A number of people under five is None.
    """

    participation_id: int
    organisation_id: int
    week: int | None
    week_first: date | None
    week_last: date | None
    expected_players: int | None
    players: int | None
    players_change: int | None
    active_players: int | None
    active_players_change: int | None
    active_players_ever: int | None
    leagues: int
    leagues_change: int | None
    validations: int | None
    validations_change: int | None
    points: int | None
    points_change: int | None
    points_per_player: Average | None
    points_per_player_change: Average | None


class ClientLeague(Model):
    """A league among those of its client; `attention` says why it needs one.

    Of a league with fewer than five players, and of the next one where it could be told from the whole, only what is
    public is known: rank, points and value, and in a private edition nothing.
    """

    league_id: UUID
    name: str
    unit: str | None
    rank: int | None
    players: int | None
    active_players: int | None
    active_players_ever: int | None
    validations: int | None
    points: int | None
    points_per_player: Average | None
    value: int | None
    points_this_week: int | None
    points_last_week: int | None
    last_validated_at: datetime | None
    has_ambassador: bool | None
    attention: tuple[str, ...]


class ClientUnit(Model):
    """A unit among those of its client: the sum of what its leagues show."""

    subject_id: str
    label: str
    rank: int
    leagues: int
    players: int | None
    points: int
    points_per_player: Average | None
    value: int


class ClientWeek(Model):
    """A week of a client, and the change since the week before."""

    week: int
    first_day: date
    last_day: date
    new_players: int | None
    active_players: int | None
    validations: int | None
    points: int | None
    validations_change: int | None
    points_change: int | None


class ClientDay(Model):
    """A day of a client; days without a validation have none."""

    day: date
    validations: int
    points: int


class ClientTheme(Model):
    """What a client did for a theme of its edition."""

    theme: str
    name: dict[str, str]
    validations: int
    points: int


class ClientDepartment(Model):
    """Listed players of a client in a French department; None for fewer than five."""

    department: str | None
    players: int | None


class TerritoryClass(Model):
    """A listed class of an authority's territory; no pupil is named."""

    class_id: UUID
    name: str = Field(validation_alias="class_name")
    level: str | None
    school_id: UUID
    school: str
    rne: str | None
    postcode: str
    city: str
    pupils: int | None
    points: int
    points_per_pupil: Average | None
    points_this_week: int | None
    rank: int
    general_rank: int | None
    value: int


class GeneralRank(Model):
    """One of a client's best leagues in the general ranking."""

    name: str
    rank: int
    points: int
    points_per_player: Average | None


class EditionTotals(Model):
    """Sums over everybody who is listed in an edition."""

    players: int | None
    leagues: int
    points: int | None


class FollowedEdition(Model):
    """The edition of a follow-up."""

    code: str
    title: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    frozen_at: datetime | None
    audience: str


class FollowedOrganisation(Model):
    """The client of a follow-up."""

    code: str
    name: str
    kind: str
    language: str


class FollowUp(Model):
    """Everything a client follows, as it was at one moment: the figures of its views and of its reports."""

    as_of: datetime
    organisation: FollowedOrganisation
    edition: FollowedEdition
    overview: ClientOverview
    weeks: tuple[ClientWeek, ...]
    days: tuple[ClientDay, ...]
    leagues: tuple[ClientLeague, ...]
    units: tuple[ClientUnit, ...]
    themes: tuple[ClientTheme, ...]
    departments: tuple[ClientDepartment, ...] = Field(validation_alias="map")
    territory: tuple[TerritoryClass, ...]
    general: tuple[GeneralRank, ...]
    edition_totals: EditionTotals
    edition_compared: EditionTotals

    @property
    def follows_only(self) -> bool:
        """Whether the client follows the classes of its territory, and has no league: that is so in school editions."""
        return self.edition.audience == "school" and not self.overview.leagues

    @property
    def territory_sums(self) -> TerritorySums:
        """The classes of the territory together; pupils are those of classes of five or more."""
        from mpp_supabase.reports.figures import sums_of

        return sums_of(self.territory)

    @property
    def week_is_over(self) -> bool:
        """Whether the week is in its last evening or past it, and may be compared with a whole one."""
        from mpp_supabase.reports.figures import is_over

        last = self.overview.week_last
        return last is not None and is_over(last, self.as_of, self.edition.time_zone)
