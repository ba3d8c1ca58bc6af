"""What the demonstration's classes do: all together at school, each pupil alone at home; a sheet a week says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from mpp_supabase.demo.habits import Card

_PRESENT = 0.94
_TOGETHER = 5.0
"""Challenges that a class of mean keenness does all together."""
_ALONE = 7.5
"""Challenges that a pupil of mean keenness in such a class does besides."""
_MALUS = 0.25
_SCHOOL_DAYS = (0, 1, 3, 4)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A tracking sheet as columns of equal length, the form api.import_class_sheet takes."""

    pupils: list[UUID]
    challenges: list[int]
    times: list[int]
    done_on: list[date]


def sheets_of(
    pupils: Sequence[UUID], cards: Sequence[Card], starts_at: datetime, now: datetime, zone: ZoneInfo, rng: Random
) -> tuple[list[Sheet], int]:
    """Return the sheets of a class, one for each week up to yesterday, and how often all of it did a challenge.

    Each holds all that was done up to its Friday: like the file that a teacher keeps and sends again.
    """
    first, today = starts_at.astimezone(zone).date(), now.astimezone(zone).date()
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    school_days = [day for day in days if day.weekday() in _SCHOOL_DAYS]
    keen = rng.gammavariate(4.0, 1 / 4)
    done: dict[tuple[UUID, int], list[date]] = {}

    def do(pupil: UUID, card: Card, day: date) -> None:
        before = done.setdefault((pupil, card.id), [])
        if card.repeat_limit is None or len(before) < card.repeat_limit:
            before.append(day)

    able = [card for card in cards if _days_of(card, days, zone)]
    together = Counter(
        card.id for card in rng.choices(able, [_appeal(card) for card in able], k=max(1, round(_TOGETHER * keen)))
    )
    shared = 0
    for card in able:
        for _ in range(min(together[card.id], card.repeat_limit or 3)):
            day = rng.choice(_days_of(card, school_days, zone) or _days_of(card, days, zone))
            shared += 1
            for pupil in pupils:
                if rng.random() < _PRESENT:
                    do(pupil, card, day)
    for pupil in pupils:
        count = min(30, round(_ALONE * keen * rng.gammavariate(2.0, 0.5)))
        for card in rng.choices(able, [_appeal(card) for card in able], k=count):
            do(pupil, card, rng.choice(_days_of(card, days, zone)))
    ends = [day for number, day in enumerate(days) if number % 7 == 6 or number == len(days) - 1]
    return [_sheet(done, end) for end in ends], shared


def _sheet(done: dict[tuple[UUID, int], list[date]], end: date) -> Sheet:
    sheet = Sheet([], [], [], [])
    for (pupil, card), when in done.items():
        so_far = [day for day in when if day <= end]
        if so_far:
            sheet.pupils.append(pupil)
            sheet.challenges.append(card)
            sheet.times.append(len(so_far))
            sheet.done_on.append(max(so_far))
    return sheet


def _appeal(card: Card) -> float:
    return _MALUS if card.kind == "malus" else 1.0


def _days_of(card: Card, days: Sequence[date], zone: ZoneInfo) -> list[date]:
    """The days on which a card can be done; a boost counts on any, plain outside its window."""
    if card.opens_at is None or card.closes_at is None or card.kind == "boost":
        return list(days)
    opens, closes = card.opens_at.astimezone(zone), card.closes_at.astimezone(zone) - timedelta(microseconds=1)
    return [day for day in days if opens.date() <= day <= closes.date()]
