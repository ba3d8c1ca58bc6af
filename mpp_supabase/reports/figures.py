"""What a report says of a client, as plain values. Whoever builds them has read them from the database already.

A number of people that is None is withheld because it is under 5; no report shows it, and none counts with it.
Points per player and the like have two decimals, as in the rankings. Moments carry their time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

ReportKind: TypeAlias = Literal["weekly", "final"]
KINDS: tuple[ReportKind, ...] = get_args(ReportKind)

Number: TypeAlias = int | float | Decimal

PushReason: TypeAlias = Literal["no_ambassador", "not_started", "quiet", "few_active", "falling", "few_players"]
PUSH_REASONS: tuple[PushReason, ...] = get_args(PushReason)
"""Why a league needs a push: nobody runs it, nothing validated yet, nothing this week, less than half of its players
active this week, fewer points than the week before, too few players."""

Measure: TypeAlias = Literal["points_per_player", "validations_per_player", "active_share", "players_per_league"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
"""What is compared with the whole edition; a share is between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """The client. Its code names the files, its kind chooses the words: company, local_authority, school_network…"""

    code: str
    name: str
    kind: str = "company"


@dataclass(frozen=True, slots=True)
class Edition:
    """The edition: `ends_at` is its first moment after, both are shown in its own time zone (Europe/Paris…)."""

    code: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str = "Europe/Paris"

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


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, and by how much it changed since the week before; no change is given in the first week."""

    value: Number | None
    change: Number | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The client's figures since the start, except the active players, who are those of the week (of the edition, in a
    final report)."""

    players: Figure
    active_players: Figure
    leagues: Figure
    validations: Figure
    points: Figure
    points_per_player: Figure
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the edition with its first and last day. Players are new when they joined in it."""

    number: int
    first: date
    last: date
    new_players: int | None
    active_players: int | None
    validations: int
    points: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day in the edition's time zone."""

    day: date
    validations: int
    points: int


@dataclass(frozen=True, slots=True)
class League:
    """A league of the client, with its place among the client's own. `change` is the points won this week.

    Of a league with fewer than five players only rank and points are known, in a private edition nothing.
    """

    rank: int | None
    name: str
    players: int | None
    active_players: int | None
    validations: int | None
    points: int | None
    points_per_player: Number | None
    unit: str | None = None
    change: int | None = None
    push: tuple[PushReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A department, site or service of the client, with its place among them."""

    rank: int | None
    name: str
    leagues: int
    players: int | None
    points: int
    points_per_player: Number | None


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the catalogue, by its name in the report's language. One that nobody touched counts 0."""

    code: str
    name: str
    validations: int
    points: int


@dataclass(frozen=True, slots=True)
class Department:
    """A French department by its code (01, 2A, 974) and the client's players who live there; None when withheld.

    Those withheld (under 5, and one more that keeps a single one from being worked out) are not named in a report: they
    share one line.
    """

    code: str
    players: int | None


@dataclass(frozen=True, slots=True)
class TerritoryClass:
    """A school class of a local authority's territory: what its page in the public ranking says, and no pupil."""

    name: str
    school: str
    level: str | None
    city: str
    pupils: int | None
    points: int | None
    points_per_pupil: Number | None
    rank: int | None = None
    national_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """A title and the league, team or unit it goes to, with a few words on what for."""

    title: str
    who: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GeneralRank:
    """The place of one of the client's leagues in the general ranking, among `leagues`."""

    name: str
    rank: int
    leagues: int
    points: int
    points_per_player: Number | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measure of the client beside the average of the edition."""

    measure: Measure
    own: Number
    edition: Number


@dataclass(frozen=True, slots=True)
class ClientReport:
    """One report. A weekly one has `week`, `week_first` and `week_last`; what a client does not have is empty."""

    kind: ReportKind
    organisation: Organisation
    edition: Edition
    as_of: datetime
    totals: Totals
    week: int | None = None
    week_first: date | None = None
    week_last: date | None = None
    weeks: tuple[Week, ...] = ()
    days: tuple[Day, ...] = ()
    leagues: tuple[League, ...] = ()
    units: tuple[Unit, ...] = ()
    themes: tuple[Theme, ...] = ()
    departments: tuple[Department, ...] = ()
    territory: tuple[TerritoryClass, ...] = ()
    awards: tuple[Award, ...] = ()
    general: tuple[GeneralRank, ...] = ()
    comparison: tuple[Comparison, ...] = ()

    @property
    def follows_only(self) -> bool:
        """Whether the client has no league of its own and follows the classes of its territory."""
        return bool(self.territory) and not self.leagues and not self.totals.leagues.value
