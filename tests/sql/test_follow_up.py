"""What a client follows, against the same figures counted in Python from the facts that the test made up.

The facts are written into the ledger at the instants of the test, and the game's clock stands where the test puts it.
"""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.game import DAY, HOUR, Edition, Game, Jsonb, Person, translated

from .conftest import SharedScene

PARIS = ZoneInfo("Europe/Paris")
MICROSECOND = timedelta(microseconds=1)
WEEK = timedelta(days=7)

POSTCODES = {
    "75011": "75", "69003": "69", "20090": "2A", "20200": "2B", "97400": "974", "01000": "01", "99999": None,
}  # fmt: skip


@dataclass
class Player:
    """Somebody who plays: where they are now (None: they left), and since when."""

    id: uuid.UUID
    league: int | None
    joined_at: datetime
    listed: bool
    country: str
    postcode: str


@dataclass
class Deed:
    """A row of the ledger."""

    player: Player
    league: int
    card: str
    at: datetime
    state: str


@dataclass
class Group:
    """A league; client None plays for nobody."""

    id: uuid.UUID
    name: str
    client: int | None
    unit: str | None
    listed: bool
    led: bool
    created_at: datetime
    teams: list[uuid.UUID]


#: By card: its theme and points.
CARDS = {"t-a": ("t-food", 4), "t-b": ("t-food", 1), "t-c": ("t-move", 7), "t-d": ("t-home", -5), "t-e": ("t-idle", 3)}


@dataclass
class World:
    """An edition with two clients, made up by a seed, as it stands at an instant."""

    game: Game
    start: datetime
    end: datetime
    at: datetime
    by_average: bool
    edition: Edition
    parts: list[int] = field(default_factory=list)
    staff: list[Person] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    players: list[Player] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)

    # what the test knows about it

    def week_of(self, instant: datetime) -> int:
        """The week of an instant by the calendar on the wall in Paris."""
        return ((instant.astimezone(PARIS)).date() - self.start.astimezone(PARIS).date()).days // 7 + 1

    @property
    def weeks(self) -> int:
        """How many weeks have begun."""
        if self.at < self.start:
            return 0
        return self.week_of(min(self.at, self.end - MICROSECOND))

    def leagues(self, client: int) -> set[int]:
        return {n for n, group in enumerate(self.groups) if group.client == client}

    def credited(self, leagues: Iterable[int]) -> list[Deed]:
        wanted = set(leagues)
        return [deed for deed in self.deeds if deed.league in wanted and deed.state == "credited"]

    def people(self, leagues: Iterable[int]) -> list[Player]:
        """Who is there, and who left after having tried something."""
        wanted = set(leagues)
        found = {player.id: player for player in self.players if player.league in wanted}
        found |= {deed.player.id: deed.player for deed in self.deeds if deed.league in wanted}
        return list(found.values())

    def value(self, leagues: Sequence[int], least: int) -> int:
        """What ranks a league or a unit."""
        points = points_of(self.credited(leagues))
        if not self.by_average:
            return points
        heads = sum(max(len(self.people([n])), least) for n in leagues)
        return int((Decimal(points) * 100 / heads).quantize(Decimal(1), ROUND_HALF_UP))


def points_of(deeds: Iterable[Deed]) -> int:
    return sum(CARDS[deed.card][1] for deed in deeds)


def active(deeds: Iterable[Deed]) -> int:
    return len({deed.player.id for deed in deeds})


def suppressed(people: int) -> int | None:
    return None if 1 <= people <= 4 else people


def per_head(points: int, heads: int) -> Decimal | None:
    return (Decimal(points) / heads).quantize(Decimal("0.01"), ROUND_HALF_UP) if heads >= 5 else None


def minus(one: Any, other: Any) -> Any:
    return None if one is None or other is None else one - other


LEAST = 6


def make(
    game: Game,
    seed: int,
    start: datetime,
    at: datetime,
    *,
    days: int = 21,
    by_average: bool = False,
    people: int = 120,
    leagues: tuple[int, int, int] = (7, 4, 3),
) -> World:
    """Two clients and some leagues of nobody's; only what had happened by then is in the database."""
    dice = random.Random(seed)
    end = (start.astimezone(PARIS).replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=PARIS).astimezone(UTC)
    edition = game.edition(
        "draft", starts=start - game.now, ends=end - game.now, league_min_players=LEAST, league_max_players=500,
        ranking_basis="average" if by_average else "total",
    )  # fmt: skip
    deal(game, edition)
    game.run("update mpp.edition set opened_at = %s where id = %s", (start - 60 * DAY, edition.id))
    world = World(game, start, end, at, by_average, edition)
    for client in range(2):
        organisation = game.organisation()
        world.staff.append(game.employed(organisation, "manager", since=-10_000 * DAY, until=10_000 * DAY))
        world.parts.append(game.participation(organisation, edition, expected_players=100 + client))
    game.clock(start - 10 * DAY)
    for client, number in zip((0, 1, None), leagues, strict=True):
        for n in range(number):
            unit = dice.choice([None, "Nord", "Sud", "Est"]) if client is not None else None
            add_league(world, client, f"{seed}-{client}-{n}-{uuid.uuid4().hex[:6]}", unit)
    for group in world.groups:
        group.listed = dice.random() < 0.75
        group.led = dice.random() < 0.8
        group.created_at = start + dice.choice([-8, -5, 2, 9]) * DAY
        if group.created_at >= at:
            group.created_at = at - 9 * DAY
    populate(world, dice, people)
    write(world)
    game.clock(at)
    return world


def deal(game: Game, edition: Edition) -> None:
    for theme in ("t-food", "t-move", "t-home", "t-idle", "t-unused"):
        game.run(
            "insert into mpp.theme (code, name) values (%s, %s) on conflict do nothing",
            (theme, Jsonb(translated(theme))),
        )
    edition.challenges.clear()
    game.run("delete from mpp.edition_challenge where edition_id = %s", (edition.id,))
    for card, (theme, points) in CARDS.items():
        game.run(
            "insert into mpp.challenge (code, theme, title, description) select %(code)s, %(theme)s, %(text)s, %(text)s"
            " where not exists (select from mpp.challenge k where k.code = %(code)s)",
            {"code": card, "theme": theme, "text": Jsonb(translated(card))},
        )
        edition.challenges[card] = game.one(
            "insert into mpp.edition_challenge (edition_id, challenge_id, kind, points)"
            " select %s, k.id, %s, %s from mpp.challenge k where k.code = %s returning id",
            (edition.id, "malus" if points < 0 else "standard", points, card),
        )


def add_league(world: World, client: int | None, name: str, unit: str | None = None) -> None:
    game = world.game
    if client is None:
        league = game.one(
            "insert into mpp.league (edition_id, name, category) values (%s, %s, 'friends') returning id",
            (world.edition.id, name),
        )
        game.run(
            "insert into mpp.team (league_id, edition_id, name) select %s, %s, n::text from generate_series(1, 2) n",
            (league, world.edition.id),
        )
    else:
        (made,) = game.service.table(
            "create_client_leagues", participation_id=world.parts[client], leagues=Jsonb([{"name": name, "unit": unit}])
        )
        league = made["league_id"]
    teams = [row["id"] for row in game.rows("select id from mpp.team where league_id = %s", (league,))]
    world.groups.append(Group(league, name, client, unit, True, False, world.start, teams))


def populate(world: World, dice: random.Random, people: int) -> None:
    """Players and deeds up to the instant, in leagues of very different sizes."""
    sizes = [dice.choice([0, 1, 3, 5, 9, 20]) for _ in world.groups]
    for _ in range(people):
        league = dice.choices(range(len(world.groups)), weights=[size + 0.2 for size in sizes])[0]
        joined = world.start + timedelta(hours=dice.uniform(-200, 400))
        if joined >= world.at:
            joined = world.at - timedelta(hours=dice.uniform(1, 100))
        country = "BE" if dice.random() < 0.1 else "FR"
        player = Player(
            uuid.uuid4(), league, joined, dice.random() < 0.85, country,
            "1000" if country == "BE" else dice.choices(list(POSTCODES), weights=[20, 12, 8, 5, 3, 2, 2])[0],
        )  # fmt: skip
        world.players.append(player)
        until = min(world.at, world.end)
        eager = dice.choice([0, 0, 2, 6, 15])
        for _ in range(eager):
            instant = world.start + (until - world.start) * dice.random() if until > world.start else None
            if instant is None:
                continue
            state = dice.choices(["credited", "pending", "cancelled"], weights=[8, 1, 2])[0]
            world.deeds.append(Deed(player, league, dice.choice([*CARDS, "t-a", "t-b"]), instant, state))
        # Some leave, and some of those go on in another league: what they did stays where it was done.
        fate = dice.random()
        if fate < 0.1:
            player.league = None
        elif fate < 0.2:
            player.league = dice.randrange(len(world.groups))
    # Whatever happens exactly at an edge of a week belongs to the later one.
    for week in range(1, 4):
        edge = (world.start.astimezone(PARIS).replace(tzinfo=None) + (week - 1) * WEEK).replace(tzinfo=PARIS)
        for instant in (edge.astimezone(UTC), edge.astimezone(UTC) - MICROSECOND):
            if world.players and world.start <= instant < min(world.at, world.end):
                somebody = dice.choice([p for p in world.players if p.league is not None])
                world.deeds.append(Deed(somebody, somebody.league or 0, "t-c", instant, "credited"))


def write(world: World) -> None:
    """Put the facts into the tables."""
    game, edition = world.game, world.edition
    for group in world.groups:
        game.run(
            "update mpp.league set listed = %s, created_at = %s where id = %s",
            (group.listed, group.created_at, group.id),
        )
    accounts = {player.id: uuid.uuid4() for player in world.players}
    fill(
        game,
        "auth.users (id, email, is_anonymous, created_at, email_confirmed_at)",
        "uuid, text, bool, timestamptz, timestamptz",
        [(account, f"{account.hex}@example.org", False, game.now, game.now) for account in accounts.values()],
    )
    fill(
        game,
        "mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)",
        "uuid, text, text, text, text, text, date",
        [
            (accounts[p.id], "Ana", "Belin", f"alias {p.id.hex[:8]}", p.country, p.postcode, date(1990, 6, 15))
            for p in world.players
        ],
    )
    fill(
        game,
        "mpp.player (id, edition_id, account_id, league_id, team_id, alias, first_name, listed, joined_at)",
        "uuid, int, uuid, uuid, uuid, text, text, bool, timestamptz",
        [
            (
                p.id,
                edition.id,
                accounts[p.id],
                *membership(world, p),
                f"alias {p.id.hex[:8]}",
                "Ana",
                p.listed,
                p.joined_at,
            )
            for p in world.players
        ],
    )
    fill(
        game,
        "mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, validated_at)",
        "uuid, int, int, uuid, uuid, uuid, smallint, api.validation_state, timestamptz",
        [
            (
                uuid.uuid4(),
                edition.id,
                edition.challenges[d.card],
                d.player.id,
                world.groups[d.league].teams[0],
                world.groups[d.league].id,
                CARDS[d.card][1],
                d.state,
                d.at,
            )
            for d in world.deeds
        ],
    )
    for n, group in enumerate(world.groups):
        members = [player for player in world.players if player.league == n]
        group.led = group.led and bool(members)
        if group.led:
            game.run(
                "insert into mpp.ambassador (league_id, account_id, player_id, is_principal) values (%s, %s, %s, true)",
                (group.id, accounts[members[0].id], members[0].id),
            )
    # Whoever left was counted again when they did; here they were never seen to leave.
    game.run("select private.count_players(%s)", ([group.id for group in world.groups],))


def fill(game: Game, table: str, types: str, rows: list[tuple[Any, ...]]) -> None:
    """Insert many rows in one statement."""
    if rows:
        arrays = ", ".join(f"%s::{type_}[]" for type_ in types.split(", "))
        game.run(f"insert into {table} select * from unnest({arrays})", list(map(list, zip(*rows, strict=True))))


def membership(world: World, player: Player) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    if player.league is None:
        return None, None
    group = world.groups[player.league]
    return group.id, group.teams[player.id.int % len(group.teams)]


# the same figures, counted here


def expected_overview(world: World, client: int) -> dict[str, Any]:
    leagues = world.leagues(client)
    deeds, people, week = world.credited(leagues), world.people(leagues), world.weeks
    opens = None if week == 0 else week
    current = [d for d in deeds if world.week_of(d.at) == week] if opens else []
    earlier = [d for d in deeds if world.week_of(d.at) < week] if opens else []
    last = [d for d in deeds if world.week_of(d.at) == week - 1] if opens else []
    edge = opening(world, week) if opens else None
    before = [p for p in people if edge is not None and p.joined_at < edge]
    later = week > 1
    came = newcomers(world, client)
    enough = later and came[week] is not None and len(people) >= 5 and len(before) >= 5
    few = 1 <= len(people) <= 4
    first_day = world.start.astimezone(PARIS).date() + (week - 1) * WEEK if opens else None
    last_day = (world.end - MICROSECOND).astimezone(PARIS).date()
    return {
        "participation_id": world.parts[client],
        "edition_id": world.edition.id,
        "week": week or None,
        "week_first": first_day,
        "week_last": min(first_day + 6 * DAY, last_day) if first_day else None,
        "expected_players": 100 + client,
        "players": suppressed(len(people)),
        "players_change": came[week] if later else None,
        "active_players": suppressed(active(current)),
        "active_players_change": minus(suppressed(active(current)), suppressed(active(last))) if later else None,
        "active_players_ever": suppressed(active(deeds)),
        "leagues": len(leagues),
        "leagues_change": sum(1 for n in leagues if world.groups[n].created_at >= edge) if later and edge else None,
        "validations": None if few else len(deeds),
        "validations_change": len(deeds) - len(earlier) if later and not few else None,
        "points": None if few else points_of(deeds),
        "points_change": points_of(deeds) - points_of(earlier) if later and not few else None,
        "points_per_player": per_head(points_of(deeds), len(people)),
        "points_per_player_change": minus(
            per_head(points_of(deeds), len(people)), per_head(points_of(earlier), len(before))
        )
        if enough
        else None,
    }


def opening(world: World, week: int) -> datetime:
    """When a week opens: at midnight in Paris, and the first at the start of the edition."""
    day = world.start.astimezone(PARIS).date() + (week - 1) * WEEK
    return max(datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC), world.start)


def newcomers(world: World, client: int) -> dict[int, int | None]:
    """Who came in each week, as it may be shown."""
    people = world.people(world.leagues(client))
    # Who came before the start came in the first week; nobody joins after the end.
    counted = Counter(max(world.week_of(p.joined_at), 1) for p in people if p.joined_at < world.end)
    return shown({week: counted[week] for week in range(1, world.weeks + 1)})


def expected_weekly(world: World, client: int) -> list[dict[str, Any]]:
    leagues = world.leagues(client)
    came = newcomers(world, client)
    rows: list[dict[str, Any]] = []
    for week in range(1, world.weeks + 1):
        deeds = [d for d in world.credited(leagues) if world.week_of(d.at) == week]
        first_day = world.start.astimezone(PARIS).date() + (week - 1) * WEEK
        row = {
            "participation_id": world.parts[client],
            "week": week,
            "first_day": first_day,
            "last_day": min(first_day + 6 * DAY, (world.end - MICROSECOND).astimezone(PARIS).date()),
            "new_players": came[week],
            "active_players": suppressed(active(deeds)),
            "validations": len(deeds),
            "points": points_of(deeds),
        }
        previous = rows[-1] if rows else None
        if 1 <= len(world.people(leagues)) <= 4:
            row |= dict.fromkeys(("validations", "points", "validations_change", "points_change"))
            rows.append(row)
            continue
        row["validations_change"] = row["validations"] - previous["validations"] if previous else None
        row["points_change"] = row["points"] - previous["points"] if previous else None
        rows.append(row)
    return rows


def members(world: World, client: int) -> int:
    """How many are in the leagues of a client now."""
    return sum(player.league in world.leagues(client) for player in world.players)


def expected_daily(world: World, client: int) -> list[dict[str, Any]]:
    days: dict[date, list[Deed]] = {}
    if members(world, client) < 5:
        return []
    for deed in world.credited(world.leagues(client)):
        days.setdefault(deed.at.astimezone(PARIS).date(), []).append(deed)
    return [
        {"participation_id": world.parts[client], "day": day, "validations": len(deeds), "points": points_of(deeds)}
        for day, deeds in sorted(days.items())
    ]


def expected_leagues(world: World, client: int) -> dict[uuid.UUID, dict[str, Any]]:
    rows = {}
    listed = [n for n in world.leagues(client) if world.groups[n].listed]
    values = {n: world.value([n], LEAST) for n in listed}
    # Those that opted out count among what is suppressed, or the next one would be uncovered.
    every = world.leagues(client)
    sizes = {n: len(world.people([n])) for n in every}
    players_shown = {n: size or None for n, size in shown(sizes).items()}
    now, ever = (
        shown(
            {
                n: active([d for d in world.credited([n]) if not this or world.week_of(d.at) == world.weeks])
                for n in every
            }
        )
        for this in (True, False)
    )
    for n in listed:
        group, deeds = world.groups[n], world.credited([n])
        heads, week, is_small = sizes[n], world.weeks, players_shown[n] is None
        current = [d for d in deeds if week and world.week_of(d.at) == week]
        last = [d for d in deeds if world.week_of(d.at) == week - 1]
        latest = max((d.at for d in deeds), default=None)
        rows[group.id] = {
            "participation_id": world.parts[client],
            "league_id": group.id,
            "name": group.name,
            "unit": group.unit,
            "rank": 1 + sum(value > values[n] for value in values.values()),
            "players": players_shown[n],
            "active_players": now[n],
            "active_players_ever": ever[n],
            "validations": len(deeds),
            "points": points_of(deeds),
            "points_per_player": per_head(points_of(deeds), heads),
            "value": values[n],
            "points_this_week": points_of(current),
            "points_last_week": points_of(last) if week > 1 else None,
            "last_validated_at": midnight(latest) if latest else None,
            "has_ambassador": group.led,
            "attention": expected_attention(world, group, deeds, current, last, heads, is_small=is_small),
        }
        if is_small:
            rows[group.id] |= dict.fromkeys(
                ("active_players", "active_players_ever", "validations", "points_per_player", "points_this_week",
                 "points_last_week", "last_validated_at")
            )  # fmt: skip
    return rows


def midnight(instant: datetime) -> datetime:
    """The day of an instant in Paris, and no more of it."""
    return instant.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0)


def expected_attention(
    world: World, group: Group, deeds: list[Deed], current: list[Deed], last: list[Deed], heads: int, *, is_small: bool
) -> list[str]:
    running = world.start <= world.at < world.end
    into = world.at - opening(world, world.weeks) if world.weeks else timedelta()
    # By the same hour on the wall a week ago.
    week_ago = (world.at.astimezone(PARIS).replace(tzinfo=None) - WEEK).replace(tzinfo=PARIS)
    so_far = [deed for deed in last if deed.at < week_ago]
    return [
        reason
        for reason, so in (
            ("no_ambassador", not group.led),
            ("not_started", running and not deeds),
            ("quiet", running and bool(deeds) and not current and into > 2 * DAY),
            # Of one to four it is said when it is true of four.
            ("few_active", running and bool(current) and 2 * max(active(current), 4) < heads and into > 2 * DAY),
            (
                "falling",
                running
                and world.weeks > 1
                and bool(current)
                and into > 2 * DAY
                and 4 * points_of(current) < 3 * points_of(so_far),
            ),
            ("few_players", heads < LEAST),
        )
        if so and not (is_small and reason in ("quiet", "few_active", "falling"))
    ]


def expected_units(world: World, client: int) -> dict[str, dict[str, Any]]:
    members: dict[str, list[int]] = {}
    for n in world.leagues(client):
        group = world.groups[n]
        if group.unit and group.listed:
            members.setdefault(group.unit, []).append(n)
    values = {unit: world.value(leagues, LEAST) for unit, leagues in members.items()}
    players_shown = {row["league_id"]: row["players"] for row in expected_leagues(world, client).values()}
    rows = {}
    for unit, leagues in members.items():
        # Somebody who played in two leagues of a unit counts in both, as in the leagues' own figures.
        shown_heads = [players_shown[world.groups[n].id] for n in leagues]
        heads = sum(head or 0 for head in shown_heads)
        points = points_of(world.credited(leagues))
        rows[unit] = {
            "participation_id": world.parts[client],
            "scope": "unit",
            "rank": 1 + sum(value > values[unit] for value in values.values()),
            "label": unit,
            "leagues": len(leagues),
            "players": heads or None,
            "points": points,
            "points_per_player": None if None in shown_heads else per_head(points, heads),
            "value": values[unit],
        }
    return rows


def expected_themes(world: World, client: int) -> dict[str, tuple[int, int]]:
    found = {theme: (0, 0) for theme, _ in CARDS.values()} if members(world, client) >= 5 else {}
    for theme in found:
        deeds = [d for d in world.credited(world.leagues(client)) if CARDS[d.card][0] == theme]
        found[theme] = (len(deeds), points_of(deeds))
    return found


def shown(cells: dict[Any, int], elsewhere: int = 0) -> dict[Any, int | None]:
    """Cells as they may be shown: from the smallest on, people are suppressed until they are five together."""
    result = {}
    for place, players in cells.items():
        smaller = elsewhere + sum(other for other in cells.values() if other < players)
        result[place] = None if 1 <= players < 5 or (players and 1 <= smaller <= 4) else players
    return result


def cells_of(world: World, client: int) -> dict[Any, int]:
    leagues = world.leagues(client)
    return dict(
        Counter(POSTCODES[p.postcode] for p in world.players if p.league in leagues and p.listed and p.country == "FR")
    )


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert {name: found[name] for name in expected} == expected


#: Seeds, and where the clock stands after the start, which is 19 October 2026: the clocks change on the 25th.
AUTUMN = datetime(2026, 10, 19, tzinfo=PARIS).astimezone(UTC)
SPRING = datetime(2026, 3, 23, 9, 30, tzinfo=PARIS).astimezone(UTC)
MOMENTS = {
    "before the start": (AUTUMN, -HOUR),
    "the day of the start, before its hour": (SPRING, -9 * HOUR),
    "the first instant": (AUTUMN, timedelta()),
    "in week one": (AUTUMN, 3 * DAY),
    "the last instant of week one": (AUTUMN, 7 * DAY + HOUR - MICROSECOND),
    "the first instant of week two": (AUTUMN, 7 * DAY + HOUR),
    "in week two": (AUTUMN, 9 * DAY + 5 * HOUR),
    "in spring, over the other change": (SPRING, 12 * DAY),
    "in week three": (AUTUMN, 19 * DAY),
    "after the end": (AUTUMN, 40 * DAY),
    "after the end in spring": (SPRING, 22 * DAY),
}


#: With the scope of the file, so that the tests of one world follow each other.
@pytest.fixture(
    scope="module", params=[(moment, by_average) for moment in MOMENTS for by_average in (False, True)], ids=str
)
def moment(request: pytest.FixtureRequest) -> tuple[str, bool]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def world(shared_scene: SharedScene, moment: tuple[str, bool]) -> Iterator[World]:
    name, by_average = moment
    start, after = MOMENTS[name]
    seed = list(MOMENTS).index(name) * 2 + by_average
    with shared_scene.scene(
        moment, lambda game: make(game, seed, start, start + after, by_average=by_average)
    ) as world:
        yield world


def test_every_figure_is_the_one_that_is_counted_from_the_facts(world):
    assert world.game.faults(world.edition) == []
    for client, person in enumerate(world.staff):
        (overview,) = person.view("client_overview")
        assert overview["organisation_id"] is not None
        same(overview, expected_overview(world, client))
        weekly = person.view("client_weekly")
        assert weekly == expected_weekly(world, client)
        daily = person.view("client_daily")
        assert daily == expected_daily(world, client)
        leagues = {row["league_id"]: row for row in person.view("client_leagues")}
        expected = expected_leagues(world, client)
        assert set(leagues) == set(expected)
        for league, row in expected.items():
            same(leagues[league], row)
        ranking = person.view("client_ranking")
        units = {row["label"]: row for row in ranking if row["scope"] == "unit"}
        wanted = expected_units(world, client)
        assert set(units) == set(wanted)
        for unit, row in wanted.items():
            same(units[unit], row)
        of_leagues = {uuid.UUID(row["subject_id"]): row for row in ranking if row["scope"] == "league"}
        assert set(of_leagues) == set(expected)
        for league, row in of_leagues.items():
            same(expected[league], {k: row[k] for k in ("rank", "players", "points", "points_per_player", "value")})
            assert (row["label"], row["leagues"]) == (expected[league]["name"], 1)
        themes = {row["theme"]: (row["validations"], row["points"]) for row in person.view("client_themes")}
        assert themes == expected_themes(world, client)
        map_ = {row["department"]: row["players"] for row in person.view("client_map")}
        cells = cells_of(world, client)
        assert map_ == shown(cells, members(world, client) - sum(cells.values()))
        # The parts add up to the whole.
        for column in ("validations", "points"):
            if members(world, client) >= 5:
                assert overview[column] == sum(r[column] for r in daily)
                assert overview[column] == sum(n[column == "points"] for n in themes.values())
            if world.at >= world.start and overview[column] is not None:
                assert overview[column] == sum(r[column] for r in weekly)
        # Ordered as they are to be shown.
        assert [r["value"] for r in person.view("client_leagues")] == sorted(
            (r["value"] for r in leagues.values()), reverse=True
        )


def test_a_report_is_the_same_figures_as_the_views(world):
    for client, person in enumerate(world.staff):
        part = world.parts[client]
        report = person.call("client_report", participation_id=part)

        def view(name: str, where: str = "true", person: Person = person) -> list[Any]:
            return [row["r"] for row in person.rows(f"select to_jsonb(v) as r from api.{name} v where {where}")]

        assert [report["overview"]] == view("client_overview")
        for key, name, where in (
            ("weeks", "client_weekly", "true"), ("days", "client_daily", "true"), ("leagues", "client_leagues", "true"),
            ("units", "client_ranking", "v.scope = 'unit'"), ("themes", "client_themes", "true"),
            ("map", "client_map", "true"), ("territory", "client_territory", "true"),
        ):  # fmt: skip
            assert report[key] == view(name, where), key
        # Of the public ranking, the client's best.
        public = {row["label"]: row for row in world.game.anon.view("league_ranking", edition_id=world.edition.id)}
        listed = sorted(
            (
                row
                for row in public.values()
                if row["subject_id"] in {world.groups[n].id for n in world.leagues(client)}
            ),
            key=lambda row: row["rank"],
        )
        assert len(report["general"]) == min(5, len(listed))
        assert sorted(g["rank"] for g in report["general"]) == [row["rank"] for row in listed[:5]]
        for line in report["general"]:
            assert (line["rank"], line["points"]) == (public[line["name"]]["rank"], public[line["name"]]["points"])
        assert report["edition_totals"]["leagues"] == len(public)
        assert report["edition_totals"]["points"] == (sum(row["points"] for row in public.values()) if public else None)
        averages = {row["name"]: row["points_per_player"] for row in report["leagues"]}
        assert all(line["points_per_player"] == averages[line["name"]] for line in report["general"])
        enough = [row for row in public.values() if row["players"] >= 5]
        assert report["edition_compared"] == {
            "leagues": len(enough),
            "players": sum(row["players"] for row in enough) if enough else None,
            "points": sum(row["points"] for row in enough) if enough else None,
        }
        assert report["edition"]["code"] == world.edition.code
        assert datetime.fromisoformat(report["as_of"]) == world.at


def test_an_opted_out_league_is_in_the_sums_and_in_no_list(world):
    hidden = {n for n, group in enumerate(world.groups) if not group.listed}
    for client, person in enumerate(world.staff):
        names = {world.groups[n].name for n in hidden & world.leagues(client)}
        ids = {str(world.groups[n].id) for n in hidden & world.leagues(client)}
        for view in (
            "client_overview", "client_leagues", "client_weekly", "client_daily", "client_ranking", "client_themes",
            "client_map", "client_territory", "client_ambassadors",
        ):  # fmt: skip
            said = str(person.view(view))
            assert not [x for x in names | ids if x in said], view
        said = json.dumps(person.call("client_report", participation_id=world.parts[client]))
        assert not [x for x in names | ids if x in said]


#: What counts people, by view: zero, five or more, or nothing.
PEOPLE_COUNTED = {
    "client_overview": {"players", "players_change", "active_players", "active_players_ever"},
    "client_leagues": {"players", "active_players", "active_players_ever"},
    "client_weekly": {"new_players", "active_players"},
    "client_ranking": {"players"},
    "client_map": {"players"},
    "client_territory": {"pupils"},
}
#: Numbers that count something else.
NOT_PEOPLE = {
    "participation_id", "organisation_id", "edition_id", "week", "expected_players",
    "active_players_change", "leagues", "leagues_change", "validations", "validations_change", "points",
    "points_change", "points_per_player", "points_per_player_change", "unit_id", "rank", "value", "points_this_week",
    "points_last_week", "points_per_pupil", "general_rank", "place", "award_id", "task_id", "priority",
    "invitation_id", "revision",
}  # fmt: skip


def test_every_number_of_a_client_view_is_known_to_count_people_or_not(game):
    columns = game.rows(
        "select c.relname as view, a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'api'::regnamespace and c.relkind = 'v' and c.relname like 'client\\_%%'"
        " and a.attnum > 0 and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)"
    )
    for column in columns:
        assert (column["name"] in PEOPLE_COUNTED.get(column["view"], set())) != (column["name"] in NOT_PEOPLE), column


def test_no_number_of_people_is_between_one_and_four(world):
    for person in (*world.staff, world.game.service):
        for view, columns in PEOPLE_COUNTED.items():
            for row in person.view(view):
                for column in columns:
                    assert row[column] is None or row[column] == 0 or row[column] >= 5, (view, column, row)
        for part in world.parts:
            if person is world.game.service:
                report = person.call("client_report", participation_id=part)
                parts = [report["overview"], *report["weeks"], *report["leagues"], *report["units"], *report["map"]]
                for row in parts:
                    for column in ("players", "active_players", "active_players_ever", "new_players"):
                        assert row.get(column) is None or row[column] == 0 or row[column] >= 5


# the map


def plain(game: Game, client_players: int, at: timedelta = 9 * DAY) -> World:
    """A client with one league of listed people in France, and nothing else; the clock stands in week two."""
    world = make(game, 0, AUTUMN, AUTUMN + at, people=0, leagues=(0, 0, 0))
    add_league(world, 0, f"Only {uuid.uuid4().hex[:6]}")
    for _ in range(client_players):
        world.players.append(Player(uuid.uuid4(), 0, AUTUMN - DAY, True, "FR", "75011"))
    write(world)
    return world


def compositions(total: int, parts: int) -> Iterable[tuple[int, ...]]:
    """Ways to write a number as an ordered sum of positive ones."""
    if parts == 1:
        yield (total,)
        return
    for first in range(1, total - parts + 2):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


CELLS = {"01": "01000", "2A": "20090", "69": "69003", "75": "75011", "974": "97400"}


def test_no_withheld_place_can_be_worked_out_from_the_total(game):
    """For every map: whoever knows the total and the rule still has two numbers to choose from for each place."""
    world = plain(game, 26)
    accounts = [
        row["account_id"]
        for row in game.rows("select account_id from mpp.player where edition_id = %s", (world.edition.id,))
    ]
    dice = random.Random(7)
    cases = [(1, 25), (1, 1, 24), (2, 2, 22), (4, 22), (4, 4, 18), (1, 5, 20), (1, 1, 1, 1, 22), (3, 3, 20), (5, 21)]
    cases += [
        (13, 13),
        (26,),
        (4, 5, 5, 6, 6),
        (1, 1, 1, 2, 21),
        (1, 2, 23),
        (1, 3, 22),
        (2, 3, 21),
        (6, 20),
        (1, 4, 21),
    ]
    while len(cases) < 45:
        case = tuple(dice.choice([1, 1, 2, 3, 4, 5, 6, 9]) for _ in range(dice.randint(2, 4)))
        if sum(case) < 26:
            cases.append((*case, 26 - sum(case)))
    for case in cases:
        cells = dict(zip(dice.sample(list(CELLS), len(case)), case, strict=True))
        homes = [CELLS[place] for place, players in cells.items() for _ in range(players)]
        game.run(
            "update mpp.profile f set postcode = h.postcode"
            " from unnest(%s::uuid[], %s::text[]) h (id, postcode) where h.id = f.id",
            (accounts, homes),
        )
        found = {row["department"]: row["players"] for row in world.staff[0].view("client_map")}
        assert found == shown(cells), case
        hidden = [place for place, players in found.items() if players is None]
        missing = 26 - sum(players or 0 for players in found.values())
        possible: dict[str, set[int]] = {place: set() for place in hidden}
        for guess in compositions(missing, len(hidden)) if hidden else ():
            guessed = {**found, **dict(zip(hidden, guess, strict=True))}
            if shown({place: n for place, n in guessed.items() if n is not None}) == found:
                for place, number in zip(hidden, guess, strict=True):
                    possible[place].add(number)
        assert all(len(numbers) > 1 for numbers in possible.values()), (case, possible)
        # The five that are hidden at least are five people, not five guesses.
        assert not hidden or missing >= 5


# small leagues


def test_of_a_small_league_only_what_is_public_is_told_and_of_none_or_four_the_same(game):
    world = plain(game, 30)
    add_league(world, 0, f"Small {uuid.uuid4().hex[:6]}")
    small = world.groups[1]
    for players in range(5):
        (row,) = [line for line in world.staff[0].view("client_leagues") if line["league_id"] == small.id]
        hidden = ("players", "active_players", "active_players_ever", "validations", "points_per_player",
                  "points_this_week", "points_last_week", "last_validated_at")  # fmt: skip
        assert {name: row[name] for name in hidden} == dict.fromkeys(hidden), players
        assert row["points"] is not None
        assert not {"quiet", "few_active", "falling"} & set(row["attention"])
        game.run(
            "update mpp.player set league_id = %s, team_id = %s where id = (select id from mpp.player"
            " where league_id = %s limit 1)",
            (small.id, small.teams[0], world.groups[0].id),
        )


def test_in_a_private_edition_nothing_of_a_small_league_is_told(game):
    organisation = game.organisation()
    edition = game.edition(organisation=organisation)
    part = game.participation(organisation, edition)
    large, next_one, small = (game.client_league(part, edition, unit="Nord") for _ in range(3))
    for league, others in ((large, 5), (next_one, 4), (small, 1)):
        for _ in range(others):
            game.player(league)
    for player in (large.ambassador, next_one.ambassador, small.ambassador, small.ambassador):
        game.validate(player, edition, "t-bike")
    staff = game.employed(organisation)
    first, *others = staff.view("client_leagues")
    # One place among those that show theirs: the second would say that the small one has more.
    assert (first["rank"], first["players"], first["points"], first["value"]) == (1, 6, 4, 4)
    for row in others:
        assert {row[name] for name in ("rank", "players", "points", "value", "validations")} == {None}
    # The unit is what its leagues show.
    (unit,) = staff.view("client_ranking", scope="unit")
    assert (unit["leagues"], unit["players"], unit["points"], unit["points_per_player"]) == (3, 6, 4, None)


def test_a_league_that_opts_out_uncovers_no_other(game):
    world = plain(game, 15)
    add_league(world, 0, f"Small {uuid.uuid4().hex[:6]}")
    small = world.groups[1]
    game.run(
        "update mpp.player set league_id = %s, team_id = %s where id in (select id from mpp.player"
        " where league_id = %s limit 3)",
        (small.id, small.teams[0], world.groups[0].id),
    )
    staff = world.staff[0]
    assert [row["players"] for row in staff.view("client_leagues")] == [None, None]
    game.run("update mpp.league set listed = false where id = %s", (small.id,))
    assert [row["players"] for row in staff.view("client_leagues")] == [None]


def test_the_report_of_a_private_edition_sums_nothing_that_is_withheld(game):
    organisation = game.organisation()
    edition = game.edition(organisation=organisation)
    part = game.participation(organisation, edition)
    for others in (11, 2):
        league = game.client_league(part, edition)
        for _ in range(others):
            game.player(league)
        game.validate(league.ambassador, edition, "t-bike")
    report = game.employed(organisation).call("client_report", participation_id=part)
    assert report["edition_totals"] == {"players": None, "leagues": 0, "points": None}
    assert report["edition_compared"] == {"players": None, "leagues": 0, "points": None}
    assert report["general"] == []


def test_what_a_client_of_one_to_four_people_did_is_told_nowhere(game):
    organisation = game.organisation()
    edition = game.edition(organisation=organisation)
    part = game.participation(organisation, edition)
    league = game.client_league(part, edition)
    game.validate(league.ambassador, edition, "t-bike")
    staff = game.employed(organisation)
    (overview,) = staff.view("client_overview")
    assert {overview[name] for name in ("players", "active_players", "validations", "points")} == {None}
    assert {row[name] for row in staff.view("client_weekly") for name in ("validations", "points")} == {None}
    assert staff.view("client_daily") == staff.view("client_themes") == []


def test_a_small_league_is_not_told_by_what_the_others_leave_of_the_whole(world):
    for client, person in enumerate(world.staff):
        rows = person.view("client_leagues")
        for column, count in (
            ("players", lambda n: len(world.people([n]))),
            ("active_players_ever", lambda n: active(world.credited([n]))),
            (
                "active_players",
                lambda n: active([d for d in world.credited([n]) if world.week_of(d.at) == world.weeks]),
            ),
        ):
            counted = {world.groups[n].id: count(n) for n in world.leagues(client)}
            shown_ones = {row["league_id"] for row in rows if row[column] is not None}
            missing = sum(people for league, people in counted.items() if league not in shown_ones)
            assert missing == 0 or missing >= 5 or not any(counted[league] for league in shown_ones), column
        came = [row["new_players"] for row in person.view("client_weekly")]
        people = [p for p in world.people(world.leagues(client)) if p.joined_at < world.end]
        missing = len(people) - sum(n or 0 for n in came)
        assert not came or missing == 0 or missing >= 5 or not any(came)


def test_moving_a_small_league_from_unit_to_unit_tells_nothing(game):
    world = plain(game, 24)
    part = world.parts[0]
    game.run("delete from mpp.league where participation_id = %s and id <> %s", (part, world.groups[0].id))
    add_league(world, 0, f"Small {uuid.uuid4().hex[:6]}", "Nord")
    add_league(world, 0, f"Second {uuid.uuid4().hex[:6]}", "Sud")
    for number, league in ((3, world.groups[1]), (8, world.groups[2])):
        game.run(
            "update mpp.player set league_id = %s, team_id = %s where id in (select id from mpp.player"
            " where league_id = %s limit %s)",
            (league.id, league.teams[0], world.groups[0].id, number),
        )

    def units() -> dict[str, int | None]:
        rows = world.staff[0].view("client_ranking", scope="unit")
        return {row["label"]: row["players"] for row in rows}

    before = units()
    moved = Jsonb([{"name": world.groups[1].name, "unit": "Sud"}])
    world.staff[0].table("create_client_leagues", participation_id=part, leagues=moved)
    assert {label: n for label, n in units().items() if label == "Sud"} == {"Sud": before["Sud"]}


# a attention


@dataclass
class Nudge:
    """A league whose reasons for attention are read as the clock moves."""

    world: World

    def reasons(self, at: datetime) -> list[str]:
        self.world.game.clock(at)
        (row,) = self.world.staff[0].view("client_leagues")
        return list(row["attention"])

    def deed(self, player: int, at: datetime, card: str = "t-a") -> None:
        world = self.world
        world.game.run(
            "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state,"
            " validated_at) values (gen_random_uuid(), %s, %s, %s, %s, %s, %s, 'credited', %s)",
            (
                world.edition.id, world.edition.challenges[card], world.players[player].id, world.groups[0].teams[0],
                world.groups[0].id, CARDS[card][1], at,
            ),
        )  # fmt: skip


def nudged(game: Game, players: int) -> Nudge:
    world = plain(game, players)
    world.game.run(
        "insert into mpp.ambassador (league_id, account_id, player_id, is_principal)"
        " select p.league_id, p.account_id, p.id, true from mpp.player p where p.id = %s",
        (world.players[0].id,),
    )
    return Nudge(world)


@pytest.fixture
def nudge(game: Game) -> Nudge:
    return nudged(game, 8)


WEEK_TWO = datetime(2026, 10, 26, tzinfo=PARIS).astimezone(UTC)


def test_a_league_that_has_done_nothing_has_not_started_while_the_edition_runs(nudge):
    end = nudge.world.end
    for at, expected in (
        (AUTUMN - MICROSECOND, []), (AUTUMN, ["not_started"]), (end - MICROSECOND, ["not_started"]), (end, []),
    ):  # fmt: skip
        assert nudge.reasons(at) == expected, at
    nudge.deed(0, AUTUMN + HOUR)
    assert nudge.reasons(AUTUMN + 2 * HOUR) == []


def test_a_league_is_quiet_once_two_days_of_its_week_have_passed(nudge):
    nudge.deed(0, AUTUMN + HOUR)
    assert nudge.reasons(WEEK_TWO) == []
    assert nudge.reasons(WEEK_TWO + 2 * DAY) == []
    assert nudge.reasons(WEEK_TWO + 2 * DAY + MICROSECOND) == ["quiet"]
    for player in range(8):
        nudge.deed(player, WEEK_TWO)
    assert nudge.reasons(WEEK_TWO + 2 * DAY + MICROSECOND) == []


def test_few_are_active_when_less_than_half_are(game):
    nudge = nudged(game, 12)
    for player in range(5):
        nudge.deed(player, WEEK_TWO)
    assert nudge.reasons(WEEK_TWO + 2 * DAY) == []
    assert nudge.reasons(WEEK_TWO + 2 * DAY + MICROSECOND) == ["few_active"]
    nudge.deed(5, WEEK_TWO)
    assert nudge.reasons(WEEK_TWO + 2 * DAY + MICROSECOND) == []


@pytest.mark.parametrize(("players", "said"), [(8, []), (9, ["few_active"])])
def test_few_active_does_not_tell_how_many_of_one_to_four_are(game, players, said):
    nudge = nudged(game, players)
    for player in range(4):
        nudge.deed(player, WEEK_TWO)
        assert nudge.reasons(WEEK_TWO + 2 * DAY + MICROSECOND) == said


def test_a_league_falls_when_it_has_less_than_three_quarters_of_the_week_before_by_the_same_hour(nudge):
    late = WEEK_TWO + 2 * DAY + MICROSECOND
    # Twelve points by Wednesday 0:00 of the first week, and more later on; the clocks change in between.
    by_then = datetime(2026, 10, 21, tzinfo=PARIS).astimezone(UTC)
    for player in range(3):
        nudge.deed(player, by_then)
    nudge.deed(4, by_then + MICROSECOND, "t-c")
    nudge.deed(4, WEEK_TWO - MICROSECOND, "t-c")
    for player in range(4):
        nudge.deed(player, WEEK_TWO, "t-b")
    nudge.deed(4, WEEK_TWO, "t-a")
    # Eight of twelve.
    assert nudge.reasons(WEEK_TWO + 2 * DAY) == []
    assert nudge.reasons(late) == ["falling"]
    nudge.deed(5, WEEK_TWO, "t-b")
    # Nine of twelve; a moment later nineteen are to be held against.
    assert nudge.reasons(late) == []
    assert nudge.reasons(late + MICROSECOND) == ["falling"]
    for _ in range(2):
        nudge.deed(5, WEEK_TWO, "t-e")
    assert nudge.reasons(late + MICROSECOND) == []


def test_nothing_falls_in_the_first_week_or_after_the_end_and_what_is_quiet_does_not_fall(nudge):
    for player in range(5):
        nudge.deed(player, AUTUMN, "t-d")
    assert nudge.reasons(AUTUMN + 5 * DAY) == []
    for player in range(5):
        nudge.deed(player, AUTUMN, "t-c")
    assert nudge.reasons(WEEK_TWO + 3 * DAY) == ["quiet"]
    for player in range(5):
        nudge.deed(player, WEEK_TWO + 8 * DAY, "t-b")
    assert nudge.reasons(nudge.world.end) == []


def test_a_league_without_an_ambassador_or_with_few_players_needs_attention_at_any_time(nudge):
    world = nudge.world
    world.game.run("delete from mpp.ambassador where league_id = %s", (world.groups[0].id,))
    assert nudge.reasons(AUTUMN - DAY) == ["no_ambassador"]
    for player in world.players[5:]:
        world.game.run("update mpp.player set league_id = null, team_id = null where id = %s", (player.id,))
    assert nudge.reasons(AUTUMN - DAY) == ["no_ambassador", "few_players"]
    assert nudge.reasons(world.end + DAY) == ["no_ambassador", "few_players"]
    assert set(nudge.reasons(AUTUMN)) == {"no_ambassador", "not_started", "few_players"}


# the territory of an authority


SCHOOLS = [("69003", None), ("69100", None), ("20090", None), ("20200", None), ("97400", None), ("75011", None)]


def test_a_territory_is_its_listed_classes_as_the_authority_drew_it(game):
    dice = random.Random(3)
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=4, starts=-10 * DAY)
    classes: list[dict[str, Any]] = []
    for postcode, _ in SCHOOLS:
        school = game.school(postcode=postcode)
        rne = game.one("select rne from mpp.school where id = %s", (school,))
        for _ in range(2):
            names = ["Ada", "Eve", "Lou", "Max", "Noé", "Tom", "Zoé"][: dice.choice([0, 1, 3, 4, 5, 7])]
            class_ = game.class_(edition, school_id=school, pupils=names)
            classes.append({"class": class_, "postcode": postcode, "rne": rne, "deeds": deeds_of(game, class_, dice)})
    opted_out = classes[0]["class"]
    opted_out.teacher.call("set_listing", scope="league", subject_id=opted_out.id, listed=False)
    hidden = game.school(postcode="69003")
    game.class_(edition, school_id=hidden, pupils=("Ada",) * 1)
    game.service.call("correct_school", school_id=hidden, is_hidden=True)
    abroad = game.school(name="Schule am Wald", city="Musterstadt", country="DE", postcode="69003", rne=None)
    foreign = game.class_(edition, school_id=abroad, pupils=("Ada",))
    classes.append({"class": foreign, "postcode": None, "rne": None, "deeds": deeds_of(game, foreign, dice)})

    authority = game.organisation(kind="local_authority")
    part = game.participation(authority, edition)
    person = game.employed(authority)
    listed = [c for c in classes if c["class"] is not opted_out]
    values = {c["class"].id: class_value(c) for c in listed}
    corsican = next(c["rne"] for c in classes if c["postcode"] == "20090")
    for codes, belongs in (
        ({"postcode": ["69003"]}, lambda c: c["postcode"] == "69003"),
        ({"department": ["69"]}, lambda c: (c["postcode"] or "").startswith("69")),
        ({"department": ["2B"]}, lambda c: c["postcode"] == "20200"),
        ({"department": ["974"], "rne": [corsican]}, lambda c: c["postcode"] in ("97400", "20090")),
        # What is named twice is there once.
        ({"department": ["69"], "postcode": ["69100", "75011"]}, lambda c: (c["postcode"] or "x")[:2] in ("69", "75")),
        ({}, lambda c: False),
    ):  # fmt: skip
        game.service.call("set_territory", organisation_id=authority, codes=codes)
        wanted = {c["class"].id: c for c in listed if belongs(c)}
        rows = person.view("client_territory")
        assert {row["class_id"] for row in rows} == set(wanted), codes
        assert len(rows) == len(wanted)
        for row in rows:
            c = wanted[row["class_id"]]
            heads, points = len(c["class"].pupils), sum(p for _, p in c["deeds"])
            this_week = sum(p for at, p in c["deeds"] if at >= week_began(game, edition))
            same(
                row,
                {
                    "participation_id": part, "pupils": suppressed(heads), "points": points,
                    "points_per_pupil": per_head(points, heads), "points_this_week": this_week if heads >= 5 else None,
                    "value": values[row["class_id"]],
                    "rank": 1 + sum(values[other] > values[row["class_id"]] for other in wanted),
                    "general_rank": 1 + sum(value > values[row["class_id"]] for value in values.values()),
                    "postcode": c["postcode"], "rne": c["rne"],
                },
            )  # fmt: skip
        # No pupil and no teacher is named.
        said = str(rows) + json.dumps(person.call("client_report", participation_id=part))
        assert not [name for name in ("Ada", "Eve", "Lou", "Max", "Noé", "Tom", "Zoé", "Tess") if f"{name}" in said]
        ids = game.rows("select id from mpp.player where edition_id = %s", (edition.id,))
        assert not [row for row in ids if str(row["id"]) in said]
    # An authority that takes part in another edition sees the classes of that one alone.
    game.service.call("set_territory", organisation_id=authority, codes={"department": ["69"]})
    other = game.edition(audience="school")
    game.participation(authority, other)
    assert {row["participation_id"] for row in person.view("client_territory")} == {part}


def deeds_of(game: Game, class_: Any, dice: random.Random) -> list[tuple[datetime, int]]:
    """Some validations of the class, this week and before, with what they earned."""
    done = []
    for pupil in class_.pupils.values():
        for _ in range(dice.choice([0, 1, 3])):
            at = game.now - timedelta(days=dice.choice([1, 2, 5, 8]))
            game.run(
                "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points,"
                " state, validated_at) select gen_random_uuid(), p.edition_id, c.id, p.id, p.team_id, p.league_id,"
                " c.points, 'credited', %s from mpp.player p join mpp.edition_challenge c on c.id = %s where p.id = %s",
                (at, class_.edition.challenges["t-bike"], pupil),
            )
            done.append((at, 4))
    return done


def class_value(c: dict[str, Any]) -> int:
    heads = max(len(c["class"].pupils), 4)
    return int((Decimal(sum(p for _, p in c["deeds"])) * 100 / heads).quantize(Decimal(1), ROUND_HALF_UP))


def week_began(game: Game, edition: Edition) -> datetime:
    first = edition.starts_at.astimezone(PARIS).date()
    weeks = (game.now.astimezone(PARIS).date() - first).days // 7
    day = first + weeks * WEEK
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)


# ambassadors


def test_ambassadors_are_known_by_alias_and_not_at_all_where_they_opted_out(game):
    edition, client = game.edition(), game.organisation()
    part, person = game.participation(client, edition), game.employed(client)
    leagues = [game.client_league(part, edition, unit="Nord") for _ in range(3)]
    helper = game.player(leagues[0])
    leagues[0].ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    hidden, quiet = leagues[1].ambassador, leagues[2].ambassador
    hidden.call("set_listing", scope="league", subject_id=leagues[1].id, listed=False)
    quiet.call("set_listing", scope="player", subject_id=quiet.player_id, listed=False)
    alias = {row["id"]: row["alias"] for row in game.rows("select id, alias from mpp.player")}
    found = {(r["league_id"], r["alias"], r["is_principal"], r["unit"]) for r in person.view("client_ambassadors")}
    assert found == {
        (leagues[0].id, alias[leagues[0].ambassador.player_id], True, "Nord"),
        (leagues[0].id, alias[helper.player_id], False, "Nord"),
        (leagues[2].id, None, True, "Nord"),
    }  # fmt: skip


# how long it takes


def crowd(game: Game, participations: int, players: int, deeds: int) -> World:
    """Clients of an edition, each with as many players and validations, in leagues of twenty."""
    world = make(game, 0, AUTUMN, AUTUMN + 19 * DAY, people=0, leagues=(0, 0, 0))
    while len(world.parts) < participations:
        organisation = game.organisation()
        world.staff.append(game.employed(organisation, "viewer", since=-10_000 * DAY, until=10_000 * DAY))
        world.parts.append(game.participation(organisation, world.edition))
    game.clock(AUTUMN - DAY)
    for client in range(participations):
        first = len(world.groups)
        for n in range(players // 20):
            add_league(world, client, f"{client} {n} {uuid.uuid4().hex[:6]}", f"Site {n % 3}")
        for n in range(players):
            postcode = list(CELLS.values())[n % 5]
            world.players.append(Player(uuid.uuid4(), first + n // 20, AUTUMN - HOUR, True, "FR", postcode))
    cards = list(CARDS)
    for n, player in enumerate(itertools.islice(itertools.cycle(world.players), participations * deeds)):
        at = AUTUMN + timedelta(minutes=(n * 37) % (19 * 24 * 60))
        world.deeds.append(Deed(player, player.league or 0, cards[n % 5], at, "credited"))
    write(world)
    # What the tests before left behind looks like empty tables, which plans of thousands of rows must not believe.
    game.run("analyze mpp.validation, mpp.player, mpp.league, mpp.team, mpp.score, mpp.profile")
    game.clock(world.at)
    return world


def test_no_figure_of_a_frozen_edition_follows_whoever_is_erased_or_moves(game):
    edition = game.edition()
    client = game.organisation()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    players = [league.ambassador, *(game.player(league) for _ in range(5))]
    players += [game.player(league, game.registered(postcode="69003")) for _ in range(2)]
    for player in players:
        game.validate(player, edition, "t-soup")
    manager = game.employed(client, "manager")
    running = manager.view("client_map")
    game.close(edition)
    game.freeze(edition)
    views = (
        "client_map", "client_overview", "client_leagues", "client_weekly", "client_daily", "client_ranking",
        "client_themes",
    )  # fmt: skip
    before = {view: manager.view(view) for view in views}
    assert before["client_map"] == running
    assert {row["department"]: row["players"] for row in running} == {"69": None, "75": None}
    players[1].call("update_profile", postcode="33000")
    game.run("delete from auth.users where id in (%s, %s)", (players[2].account, players[-1].account))
    assert {view: manager.view(view) for view in views} == before
    other = game.employed(game.organisation(), "manager")
    assert other.view("client_map") == []


def test_the_report_of_a_client_with_200_players_and_4000_validations_counts_them_all(game):
    world = crowd(game, 1, 200, 4000)
    person = world.staff[0]
    report = person.call("client_report", participation_id=world.parts[0])
    assert (report["overview"]["players"], report["overview"]["validations"]) == (200, 4000)


def test_fifty_clients_have_a_row_and_a_report_each(game):
    world = crowd(game, 50, 40, 200)
    rows = game.service.view("client_overview", edition_id=world.edition.id)
    assert len(rows) == 50
    for part in world.parts:
        assert game.service.call("client_report", participation_id=part)["overview"]["validations"] == 200
