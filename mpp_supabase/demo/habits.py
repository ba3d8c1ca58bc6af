"""When and what the demonstration's players validate: keen and lazy leagues, evenings, week-ends, flash, malus."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

# Monday to Sunday: people act most on Wednesdays, Saturdays and Sundays.
_WEEKDAYS = (0.9, 0.95, 1.15, 0.95, 0.85, 1.25, 1.35)
# By hour of the day: a breakfast, a lunch and a long evening.
_HOURS = (1, 0, 0, 0, 0, 1, 4, 9, 9, 5, 4, 5, 10, 9, 5, 4, 5, 8, 12, 15, 16, 13, 8, 3)
# How likely a card is picked, by kind; who plays with others looks for what the team can do together.
_APPEAL = {"standard": 1.0, "collective": 2.2, "boost": 1.4, "hidden": 0.5, "malus": 0.55}
_FLASH_SHARE = 0.5
_REPEATS = 40


@dataclass(frozen=True, slots=True)
class Card:
    """A challenge as the demonstration sees it: which one, how often it counts, and when it is open."""

    id: int
    kind: str
    points: int
    repeat_limit: int | None
    opens_at: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Columns:
    """Validations as columns of equal length, the form api.import_validations takes."""

    players: list[Any]
    challenges: list[int]
    done_at: list[datetime]
    keys: list[UUID]

    def __len__(self) -> int:
        return len(self.players)


def days_of_play(
    leagues: Sequence[Sequence[Any]],
    cards: Sequence[Card],
    starts_at: datetime,
    until: datetime,
    zone: ZoneInfo,
    total: int,
    rng: Random,
) -> list[Columns]:
    """Return `total` validations between two instants, one set of columns for each civil day."""
    calendar = _Calendar(starts_at, until, zone)
    steady = [card for card in cards if (card.kind != "flash" and card.opens_at is None) or card.kind == "boost"]
    flash = [card for card in cards if card.kind == "flash" and card.opens_at and card.opens_at < until]
    weights = list(accumulate(_APPEAL[card.kind] * (1.6 if card.points <= 2 else 1.0) for card in steady))
    rows: list[tuple[datetime, Any, int]] = []
    for player, share in _shares(leagues, total, rng):
        rows.extend((at, player, card) for at, card in _one_player(share, steady, weights, flash, calendar, rng))
    rows.sort(key=lambda row: row[0])
    days: dict[Any, Columns] = {}
    for at, player, card in rows:
        day = days.setdefault(at.astimezone(zone).date(), Columns([], [], [], []))
        day.players.append(player)
        day.challenges.append(card)
        day.done_at.append(at)
        day.keys.append(time_ordered_key(at, rng))
    return [days[day] for day in sorted(days)]


def time_ordered_key(at: datetime, rng: Random) -> UUID:
    """Return a request key of version 7, as phones make them: keys of one moment lie side by side in the index."""
    milliseconds = int(at.timestamp() * 1000)
    bits = (milliseconds << 80) | rng.getrandbits(80)
    return UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62))


def _shares(leagues: Sequence[Sequence[Any]], total: int, rng: Random) -> list[tuple[Any, int]]:
    """How many validations each player does: keenness runs in leagues, and differs inside them."""
    keen = [
        (player, league_keen * rng.gammavariate(2.0, 0.5))
        for league in leagues
        for league_keen in [rng.gammavariate(3.0, 1 / 3)]
        for player in league
    ]
    scale = total / sum(weight for _, weight in keen)
    shares = [min(_REPEATS, int(weight * scale + rng.random())) for _, weight in keen]
    missing = total - sum(shares)
    while missing:
        index = rng.randrange(len(shares))
        step = 1 if missing > 0 else -1
        if 0 <= shares[index] + step <= _REPEATS:
            shares[index] += step
            missing -= step
    return [(player, share) for (player, _), share in zip(keen, shares, strict=True)]


def _one_player(
    share: int,
    steady: Sequence[Card],
    weights: Sequence[float],
    flash: Sequence[Card],
    calendar: _Calendar,
    rng: Random,
) -> list[tuple[datetime, int]]:
    done: dict[int, int] = {}
    played: list[tuple[datetime, int]] = []
    for card in flash:
        if len(played) < share and rng.random() < _FLASH_SHARE * min(1.0, share / 25):
            played.append((calendar.within(card, rng), card.id))
    while len(played) < share:
        card = steady[bisect(weights, rng.random() * weights[-1])]
        if done.get(card.id, 0) >= (card.repeat_limit or 3):
            continue
        done[card.id] = done.get(card.id, 0) + 1
        # A boost draws people into its window; outside it the card counts plain.
        at = calendar.within(card, rng) if card.opens_at and rng.random() < 0.6 else calendar.moment(rng)
        played.append((at, card.id))
    return played


class _Calendar:
    """Instants of an edition so far, more of them when people have time."""

    def __init__(self, starts_at: datetime, until: datetime, zone: ZoneInfo) -> None:
        self._starts_at, self._until, self._zone = starts_at, until, zone
        first = starts_at.astimezone(zone).date()
        count = (until.astimezone(zone).date() - first).days + 1
        self._days = [first + timedelta(days=number) for number in range(count)]
        # A rush on the first evening, then the rhythm of the week.
        self._weights = list(
            accumulate(
                _WEEKDAYS[day.weekday()] * (1.5 if number == 0 else 1.0) for number, day in enumerate(self._days)
            )
        )
        self._hours = list(accumulate(_HOURS))

    def moment(self, rng: Random) -> datetime:
        while True:
            day = self._days[bisect(self._weights, rng.random() * self._weights[-1])]
            hour = bisect(self._hours, rng.random() * self._hours[-1])
            local = datetime(
                day.year, day.month, day.day, hour, rng.randrange(60), rng.randrange(60), tzinfo=self._zone
            )
            at = local.astimezone(UTC)
            if self._starts_at <= at < self._until:
                return at

    def within(self, card: Card, rng: Random) -> datetime:
        assert card.opens_at is not None
        assert card.closes_at is not None
        opens, closes = card.opens_at, min(card.closes_at, self._until)
        if closes <= opens:
            return self.moment(rng)
        return opens + (closes - opens) * (rng.random() ** 2) * 0.999
