"""What a report says of a client, as plain values. Whoever builds them has read them from the database already.

A number of people that is None is suppressed because it is under 5; no report shows it, and none counts with it.
Points per player and the like have two decimals, as in the rankings. Moments carry their time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias, get_args
from zoneinfo import ZoneInfo

ReportKind: TypeAlias = Literal["weekly", "final"]
KINDS: tuple[ReportKind, ...] = get_args(ReportKind)

Number: TypeAlias = int | float | Decimal

AttentionReason: TypeAlias = Literal["no_ambassador", "not_started", "quiet", "few_active", "falling", "few_players"]
ATTENTION_REASONS: tuple[AttentionReason, ...] = get_args(AttentionReason)
"""Why a league needs attention: nobody runs it, nothing validated yet, nothing this week, less than half of its players
active this week, far fewer points than at the same moment of the week before, too few players."""

Measure: TypeAlias = Literal["points_per_player", "validations_per_player", "active_share", "players_per_league"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
"""What is compared with the whole edition; a share is between 0 and 1."""

LAST_EVENING = time(18)
"""From this hour of its last day on a week counts as over: reports are written then, and a week that is on is always
behind a whole one."""


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
    """A figure, and by how much it changed: what is counted since the start, in this week, and what is counted by week,
    against the week before. No change is given in the first week."""

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
    validations: int | None
    points: int | None


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
    attention: tuple[AttentionReason, ...] = ()


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
    """A French department by its code (01, 2A, 974) and the client's players who live there; None when suppressed.

    Those suppressed (under 5, and one more that keeps a single one from being worked out) are not named in a report:
    they share one line.
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
    points_this_week: int | None = None


class OneClass(Protocol):
    """What a class of a territory is summed by."""

    @property
    def school(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def pupils(self) -> int | None: ...
    @property
    def points(self) -> int | None: ...
    @property
    def points_this_week(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class TerritorySums:
    """The classes of a territory together. `pupils` are those of the classes that are `counted`: those of five or more;
    None when there is no such class."""

    classes: int
    schools: int
    counted: int
    pupils: int | None
    points: int
    points_per_pupil: Decimal | None
    points_this_week: int
    playing: int


def sums_of(territory: Sequence[OneClass]) -> TerritorySums:
    """Return the sums over the classes of a territory."""
    counted = [one for one in territory if one.pupils is not None]
    pupils = sum(one.pupils or 0 for one in counted)
    points = sum(one.points or 0 for one in counted)
    return TerritorySums(
        classes=len(territory),
        schools=len({(one.school, one.city) for one in territory}),
        counted=len(counted),
        pupils=pupils if counted else None,
        points=sum(one.points or 0 for one in territory),
        points_per_pupil=Decimal(points) / pupils if pupils else None,
        points_this_week=sum(one.points_this_week or 0 for one in territory),
        playing=sum((one.points or 0) > 0 for one in territory),
    )


@dataclass(frozen=True, slots=True)
class Award:
    """A title and those who share it: players by alias, teams, leagues, classes; with a few words on what for."""

    title: str
    who: tuple[str, ...]
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
    """One report. A weekly one has `week`, `week_first` and `week_last`; what a client does not have is empty.

    `follows_classes` is said of a client in an edition of classes, also before the first one has joined. `provisional`
    is said of a final report whose figures may still change. `shows_players` is said when an award names a player.
    """

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
    follows_classes: bool = False
    provisional: bool = False
    shows_players: bool = False

    @property
    def follows_only(self) -> bool:
        """Whether the client has no league of its own and follows the classes of its territory."""
        has_league = bool(self.leagues or self.totals.leagues.value)
        return not has_league and (self.follows_classes or bool(self.territory))

    @property
    def week_is_over(self) -> bool:
        """Whether the week of a weekly report is in its last evening or past it."""
        return self.week_last is None or is_over(self.week_last, self.as_of, self.edition.time_zone)

    @property
    def opted_out(self) -> int:
        """How many leagues are in the sums and in no list, because they left the ranking."""
        return max(0, int(self.totals.leagues.value or 0) - len(self.leagues))


def is_over(last_day: date, at: datetime, time_zone: str) -> bool:
    """Whether a week that ends on a day is in its last evening or past it."""
    return at >= datetime.combine(last_day, LAST_EVENING, ZoneInfo(time_zone))
