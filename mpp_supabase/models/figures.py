"""What a client follows: sums, and never one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from mpp_supabase.models.base import Average, Model

LAST_EVENING = time(18)
"""From this hour of its last day on a week counts as over: reports are written then, and a week that is on is always
behind a whole one."""


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


@dataclass(frozen=True, slots=True)
class TerritorySums:
    """The classes of a territory together. `pupils` are those of the classes that are `counted`: those of five or more;
    None when there is no such class. `playing` counts the classes that have points."""

    classes: int
    schools: int
    counted: int
    pupils: int | None
    points: int
    points_per_pupil: Decimal | None
    points_this_week: int
    playing: int


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
    """The edition of a follow-up. `ends_at` is its first moment after; its days are those of its own time zone."""

    code: str
    title: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    frozen_at: datetime | None
    audience: str

    @property
    def first_day(self) -> date:
        """The civil day it starts on."""
        return self.starts_at.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def last_day(self) -> date:
        """The last civil day on which it runs."""
        return (self.ends_at - timedelta(microseconds=1)).astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def weeks(self) -> int:
        """How many weeks it lasts, the last one perhaps shorter."""
        return -(-((self.last_day - self.first_day).days + 1) // 7)


class FollowedOrganisation(Model):
    """The client of a follow-up. Its code names the files of reports, its kind chooses the words: company,
    local_authority, school_network…"""

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
        counted = [one for one in self.territory if one.pupils is not None]
        pupils = sum(one.pupils or 0 for one in counted)
        return TerritorySums(
            classes=len(self.territory),
            schools=len({(one.school, one.city) for one in self.territory}),
            counted=len(counted),
            pupils=pupils if counted else None,
            points=sum(one.points for one in self.territory),
            points_per_pupil=Decimal(sum(one.points for one in counted)) / pupils if pupils else None,
            points_this_week=sum(one.points_this_week or 0 for one in self.territory),
            playing=sum(one.points > 0 for one in self.territory),
        )

    @property
    def week_is_over(self) -> bool:
        """Whether the week is in its last evening or past it, and may be compared with a whole one."""
        last, zone = self.overview.week_last, ZoneInfo(self.edition.time_zone)
        return last is not None and self.as_of >= datetime.combine(last, LAST_EVENING, zone)

    def own_name(self, name: str) -> str:
        """Return the name of a league as its own client says it: without the client's name in front of every line."""
        return name.removeprefix(f"{self.organisation.name} · ")
