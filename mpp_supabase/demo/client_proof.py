"""What a client follows, computed a second time in Python from the ledger alone, and compared with its views.

Nothing here is taken from the database's scores, counts or ranks: only who is in which league, what was validated and
when, and the rules of the edition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, LiteralString, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.sql import SQL

from mpp_supabase.models import Edition

Shown = dict[str, Any]
LEAST_PEOPLE = 5
Key = TypeVar("Key")
#: What of a league is told only with its number of players.
_OF_ENOUGH_PEOPLE = (
    "active_players",
    "active_players_ever",
    "validations",
    "points_per_player",
    "points_this_week",
    "points_last_week",
)


@dataclass(frozen=True, slots=True)
class Done:
    """A credited validation."""

    player: UUID
    league: UUID
    theme: str
    points: int
    at: datetime


@dataclass(slots=True)
class Group:
    """A league or a class: its people, and what they did."""

    id: UUID
    name: str
    unit: str | None
    listed: bool
    run: bool
    created_at: datetime
    people: dict[UUID, datetime] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)

    @property
    def points(self) -> int:
        """The sum of its ledger."""
        return sum(each.points for each in self.done)


@dataclass(frozen=True, slots=True)
class WeekSpan:
    """Seven civil days of an edition, and the instants around them."""

    number: int
    first: date
    last: date
    opens: datetime
    closes: datetime


@dataclass(slots=True)
class ClientProof:
    """How many figures were compared, how many agree, and those that do not."""

    compared: Counter[str] = field(default_factory=Counter)
    agree: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def same(self, what: str, name: str, shown: object, right: object) -> None:
        """Compare one figure."""
        self.compared[what] += 1
        if shown == right:
            self.agree[what] += 1
        else:
            self.differences.append(f"{what}, {name}: {shown!r} is shown, {right!r} is right")

    def rows(self, what: str, key: str, shown: Iterable[Shown], right: Sequence[Shown]) -> None:
        """Compare rows by their key, column by column; a row too few or too many is a difference."""
        found = {str(row[key]): row for row in shown}
        wanted = {str(row[key]): row for row in right}
        self.same(what, "rows", sorted(found), sorted(wanted))
        for name in sorted(found.keys() & wanted.keys()):
            for column, value in wanted[name].items():
                self.same(what, f"{column} of {name}", _plain(found[name][column]), _plain(value))


def weeks_of(edition: Edition, at: datetime) -> list[WeekSpan]:
    """Return the weeks of an edition that have begun."""
    zone = ZoneInfo(edition.time_zone)
    first = edition.starts_at.astimezone(zone).date()
    last = (edition.ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    spans = []
    for number in range(1, 2 + (last - first).days // 7):
        day = first + timedelta(days=7 * (number - 1))
        opens = datetime.combine(day, time(), zone)
        if opens <= at:
            closes = datetime.combine(day + timedelta(days=7), time(), zone)
            spans.append(
                WeekSpan(
                    number,
                    day,
                    min(day + timedelta(days=6), last),
                    max(opens, edition.starts_at),
                    min(closes, edition.ends_at),
                )
            )
    return spans


def groups_of(connection: psycopg.Connection[Any], where: LiteralString, value: object) -> list[Group]:
    """Read leagues or classes with their people and their ledger, row by row; `where` is about mpp.league l."""
    query = SQL(
        "select l.id, l.name, u.name, l.listed,"
        " exists (select from mpp.ambassador a where a.league_id = l.id and a.is_principal), l.created_at"
        " from mpp.league l left join mpp.unit u on u.id = l.unit_id where {}"
    ).format(SQL(where))
    groups = {row[0]: Group(*row) for row in connection.execute(query, (value,))}
    ids = list(groups)
    joined: dict[UUID, datetime] = {}
    for league, player, at in connection.execute(
        "select league_id, id, joined_at from mpp.player where league_id = any (%s)", (ids,)
    ):
        groups[league].people[player] = joined[player] = at
    for player, league, theme, points, state, at, came in connection.execute(
        "select v.player_id, v.league_id, k.theme, v.points, v.state::text, v.validated_at, p.joined_at"
        " from mpp.validation v join mpp.player p on p.id = v.player_id"
        " join mpp.edition_challenge c on c.id = v.challenge_id join mpp.challenge k on k.id = c.challenge_id"
        " where v.league_id = any (%s)",
        (ids,),
    ):
        # Who left counts for as long as something of theirs is in the ledger.
        groups[league].people.setdefault(player, came)
        if state == "credited":
            groups[league].done.append(Done(player, league, theme, points, at))
    return list(groups.values())


def prove_client(
    connection: psycopg.Connection[Any],
    edition: Edition,
    participation_id: int,
    views: dict[str, list[Shown]],
    at: datetime,
) -> ClientProof:
    """Compare the views that somebody of the client reads with what the ledger says at the same moment."""
    proof = ClientProof()
    leagues = groups_of(connection, "l.participation_id = %s", participation_id)
    weeks = weeks_of(edition, at)
    this = weeks[-1]
    before = weeks[-2] if len(weeks) > 1 else None
    done = [each for league in leagues for each in league.done]
    players = {player: came for league in leagues for player, came in league.people.items()}
    earlier = [each for each in done if each.at < this.opens]

    overview: Shown = {
        "participation_id": participation_id,
        "week": this.number,
        "week_first": this.first,
        "week_last": this.last,
        "players": _few(len(players)),
        "active_players": _few(len({each.player for each in done if each.at >= this.opens})),
        "active_players_ever": _few(len({each.player for each in done})),
        "leagues": len(leagues),
        "validations": len(done),
        "points": sum(each.points for each in done),
        "points_per_player": _per_head(sum(each.points for each in done), len(players)),
    }
    # Distinct people: somebody who moved to another league of the client came once.
    new_in = _shown(
        {
            week.number: sum(
                came < week.closes and (week.number == 1 or came >= week.opens) for came in players.values()
            )
            for week in weeks
        }
    )
    if before:
        overview |= {
            "players_change": new_in[this.number],
            "leagues_change": sum(league.created_at >= this.opens for league in leagues),
            "validations_change": len(done) - len(earlier),
            "points_change": sum(each.points for each in done) - sum(each.points for each in earlier),
        }
    proof.rows("overview", "participation_id", views["client_overview"], [overview])

    in_week = [[each for each in done if week.opens <= each.at < week.closes] for week in weeks]
    proof.rows(
        "weeks",
        "week",
        views["client_weekly"],
        [
            {
                "week": week.number,
                "first_day": week.first,
                "last_day": week.last,
                "new_players": new_in[week.number],
                "active_players": _few(len({each.player for each in found})),
                "validations": len(found),
                "points": sum(each.points for each in found),
                "points_change": sum(each.points for each in found) - sum(each.points for each in in_week[place - 1])
                if place
                else None,
            }
            for place, (week, found) in enumerate(zip(weeks, in_week, strict=True))
        ],
    )

    zone = ZoneInfo(edition.time_zone)
    days = Counter(each.at.astimezone(zone).date() for each in done)
    proof.rows(
        "days", "day", views["client_daily"], [{"day": day, "validations": count} for day, count in days.items()]
    )
    themes = Counter(each.theme for each in done)
    shown_themes = [row for row in views["client_themes"] if row["validations"]]
    proof.rows(
        "themes",
        "theme",
        shown_themes,
        [
            {
                "theme": theme,
                "validations": count,
                "points": sum(each.points for each in done if each.theme == theme),
            }
            for theme, count in themes.items()
        ],
    )

    listed = [league for league in leagues if league.listed]
    # Leagues that opted out count among what is suppressed.
    sizes = {place: size or None for place, size in _shown({one.id: len(one.people) for one in leagues}).items()}
    now = _shown({one.id: len({each.player for each in one.done if each.at >= this.opens}) for one in leagues})
    ever = _shown({one.id: len({each.player for each in one.done}) for one in leagues})
    values = {league.id: _value(edition, [league]) for league in listed}
    proof.rows(
        "leagues",
        "league_id",
        views["client_leagues"],
        [
            _league(edition, league, (sizes[league.id], now[league.id], ever[league.id]), values, this, before, at)
            for league in listed
        ],
    )
    units: dict[str, list[Group]] = {}
    for league in listed:
        if league.unit:
            units.setdefault(league.unit, []).append(league)
    worth = {name: _value(edition, members) for name, members in units.items()}
    proof.rows(
        "units",
        "label",
        [row for row in views["client_ranking"] if row["scope"] == "unit"],
        [
            {
                "label": name,
                "rank": 1 + sum(other > worth[name] for other in worth.values()),
                "leagues": len(members),
                "players": sum(sizes[member.id] or 0 for member in members) or None,
                "points": sum(member.points for member in members),
                "value": worth[name],
            }
            for name, members in units.items()
        ],
    )
    proof.rows("departments", "department", views["client_map"], _departments(connection, participation_id))
    return proof


def prove_territory(
    connection: psycopg.Connection[Any],
    edition: Edition,
    followed: set[UUID],
    shown: list[Shown],
    at: datetime,
) -> ClientProof:
    """Compare the classes that an authority reads with those of the `followed` schools, ranked here."""
    proof = ClientProof()
    every_class = groups_of(connection, "l.edition_id = %s and l.school_id is not null", edition.id)
    everybody = [each for each in every_class if each.listed]
    schools = dict(
        connection.execute("select id, school_id from mpp.league where edition_id = %s", (edition.id,)).fetchall()
    )
    classes = [each for each in everybody if schools[each.id] in followed]
    values = {each.id: _value(edition, [each]) for each in classes}
    general = [_value(edition, [each]) for each in everybody]
    opens = weeks_of(edition, at)[-1].opens
    proof.rows(
        "classes",
        "class_id",
        shown,
        [
            {
                "class_id": each.id,
                "class_name": each.name,
                "pupils": _few(len(each.people)),
                "points": each.points,
                "points_per_pupil": _per_head(each.points, len(each.people)),
                "points_this_week": sum(one.points for one in each.done if one.at >= opens)
                if len(each.people) >= LEAST_PEOPLE
                else None,
                "rank": 1 + sum(other > values[each.id] for other in values.values()),
                "general_rank": 1 + sum(other > values[each.id] for other in general),
            }
            for each in classes
        ],
    )
    return proof


def _league(
    edition: Edition,
    league: Group,
    shown: tuple[int | None, int | None, int | None],
    values: dict[UUID, int],
    this: WeekSpan,
    before: WeekSpan | None,
    at: datetime,
) -> Shown:
    size, active_shown, active_ever_shown = shown
    active = len({each.player for each in league.done if each.at >= this.opens})
    earned = sum(each.points for each in league.done if each.at >= this.opens)
    last = sum(each.points for each in league.done if before and before.opens <= each.at < this.opens)
    people, running = len(league.people), edition.starts_at <= at < edition.ends_at
    attention = []
    if not league.run:
        attention.append("no_ambassador")
    if running and not league.done:
        attention.append("not_started")
    if size and running and league.done and not active and at > this.opens + timedelta(days=2):
        attention.append("quiet")
    # Of one to four active people, what is true of each of these numbers.
    if size and running and active and 2 * max(active, 4) < people and at > this.opens + timedelta(days=2):
        attention.append("few_active")
    so_far = at - timedelta(days=7)
    by_now = sum(each.points for each in league.done if before and before.opens <= each.at < so_far)
    if size and running and active and before and at > this.opens + timedelta(days=2) and 4 * earned < 3 * by_now:
        attention.append("falling")
    if people < max(edition.league_min_players, LEAST_PEOPLE):
        attention.append("few_players")
    row: Shown = {
        "league_id": league.id,
        "name": league.name,
        "unit": league.unit,
        "rank": 1 + sum(other > values[league.id] for other in values.values()),
        "players": size,
        "active_players": active_shown,
        "active_players_ever": active_ever_shown,
        "validations": len(league.done),
        "points": league.points,
        "points_per_player": _per_head(league.points, people),
        "value": values[league.id],
        "points_this_week": earned,
        "points_last_week": last if before else None,
        "has_ambassador": league.run,
        "attention": attention,
    }
    return row if size else row | dict.fromkeys(_OF_ENOUGH_PEOPLE)


def _departments(connection: psycopg.Connection[Any], participation_id: int) -> list[Shown]:
    people = connection.execute(
        "select f.postcode, q.listed and f.country = 'FR' from mpp.player q join mpp.league l on l.id = q.league_id"
        " left join mpp.profile f on f.id = q.account_id where l.participation_id = %s",
        (participation_id,),
    ).fetchall()
    living = Counter(department_of(postcode) for postcode, on_the_map in people if on_the_map)
    shown = _shown(living, elsewhere=len(people) - living.total())
    return [{"department": name, "players": count} for name, count in shown.items()]


def department_of(postcode: str) -> str:
    """Return the French department of a postcode."""
    if postcode.startswith(("97", "98")):
        return postcode[:3]
    if postcode.startswith("20"):
        return "2A" if postcode[2] in "01" else "2B"
    return postcode[:2]


def _value(edition: Edition, groups: Sequence[Group]) -> int:
    """What ranks them: their points, or hundredths of a point a head, where none counts as fewer than the least."""
    points = sum(group.points for group in groups)
    if edition.ranking_basis == "total":
        return points
    heads = max(1, sum(max(len(group.people), edition.league_min_players) for group in groups))
    return int((Decimal(points * 100) / heads).quantize(Decimal(1), ROUND_HALF_UP))


def _per_head(points: int, people: int) -> Decimal | None:
    if people < LEAST_PEOPLE:
        return None
    return (Decimal(points) / people).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _few(people: int) -> int | None:
    return people if people == 0 or people >= LEAST_PEOPLE else None


def _shown(cells: Mapping[Key, int], elsewhere: int = 0) -> dict[Key, int | None]:
    """Cells as they may be shown: the small ones suppressed, and the next until five people are suppressed together.

    Those `elsewhere` are in no cell, and suppressed anyway.
    """
    shown: dict[Key, int | None] = {}
    for cell, people in cells.items():
        smaller = elsewhere + sum(other for other in cells.values() if other < people)
        shown[cell] = people if people == 0 or (people >= LEAST_PEOPLE and not 0 < smaller < LEAST_PEOPLE) else None
    return shown


def _plain(value: object) -> object:
    """A value as the API and Python both may write it."""
    if isinstance(value, (date, UUID)):
        return str(value)
    if isinstance(value, (float, Decimal)):
        return f"{Decimal(str(value)):.2f}"
    return value
