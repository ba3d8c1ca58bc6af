"""The rankings of classes and schools computed a second time, in Python and from the ledger alone, and compared.

Nothing here is taken from the database's scores, counts or ranks: only who is in which class, what was validated, and
the rules of the edition.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import psycopg


class Ranked(Protocol):
    """A line of a ranking as the API gives it."""

    @property
    def rank(self) -> int: ...
    @property
    def subject_id(self) -> UUID: ...
    @property
    def points(self) -> int: ...
    @property
    def players(self) -> int: ...
    @property
    def value(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Line:
    """Where a class or a school stands."""

    rank: int
    level_rank: int
    points: int
    pupils: int
    value: int


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A class that wants to be ranked: its school and level, the pupils who count in it, its points."""

    id: UUID
    school: UUID
    level: str
    pupils: int
    points: int


@dataclass(slots=True)
class Proof:
    """How many lines were compared, how many agree, and the first that do not."""

    validations: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    agree: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def compare(self, what: str, shown: Iterable[Ranked], computed: Mapping[UUID, Line]) -> None:
        """Compare a ranking as the API shows it, line by line, with the one computed here."""
        found = {line.subject_id: line for line in shown}
        self.compared[what] = self.compared.get(what, 0) + len(found.keys() | computed.keys())
        for subject in sorted(found.keys() | computed.keys()):
            own, other = computed.get(subject), found.get(subject)
            if own is None or other is None:
                self.differences.append(f"{what} {subject} is {'missing' if other is None else 'not expected'}")
                continue
            level_rank = getattr(other, "level_rank", own.level_rank)
            as_shown = Line(other.rank, level_rank, other.points, other.players, other.value)
            if as_shown == own:
                self.agree[what] = self.agree.get(what, 0) + 1
            else:
                self.differences.append(f"{what} {subject}: {as_shown} is shown, {own} is right")


def class_facts(connection: psycopg.Connection[Any], edition_id: int) -> tuple[list[ClassFacts], int]:
    """Read the listed classes of an edition and add its ledger up, row by row; also return how many rows that were."""
    members: dict[UUID, set[UUID]] = {}
    points: dict[UUID, int] = {}
    for class_id, pupil in connection.execute(
        "select league_id, id from mpp.player where edition_id = %s and league_id is not null", (edition_id,)
    ):
        members.setdefault(class_id, set()).add(pupil)
    rows = 0
    for class_id, pupil, earned, state in connection.execute(
        "select league_id, player_id, points, state from mpp.validation where edition_id = %s", (edition_id,)
    ):
        rows += 1
        # Who left the class counts in it for as long as something of theirs is in the ledger.
        members.setdefault(class_id, set()).add(pupil)
        if state == "credited":
            points[class_id] = points.get(class_id, 0) + earned
    classes = connection.execute(
        "select id, school_id, level from mpp.league where edition_id = %s and listed and school_id is not null",
        (edition_id,),
    )
    facts = [
        ClassFacts(id_, school, level, len(members.get(id_, ())), points.get(id_, 0)) for id_, school, level in classes
    ]
    return facts, rows


def rank_classes(classes: Sequence[ClassFacts], at_least: int) -> dict[UUID, Line]:
    """Rank classes by their average, among all and within their level. A class counts as `at_least` pupils or more."""
    values = {each.id: _average(each.points, max(each.pupils, at_least)) for each in classes}
    ranks = _ranks(values)
    by_level: dict[str, dict[UUID, int]] = {}
    for each in classes:
        by_level.setdefault(each.level, {})[each.id] = values[each.id]
    level_ranks = {id_: rank for group in by_level.values() for id_, rank in _ranks(group).items()}
    return {
        each.id: Line(ranks[each.id], level_ranks[each.id], each.points, each.pupils, values[each.id])
        for each in classes
    }


def rank_schools(classes: Sequence[ClassFacts], at_least: int, level: str | None = None) -> dict[UUID, Line]:
    """Rank schools by the average over all their classes, or over those of one level."""
    points: dict[UUID, int] = {}
    pupils: dict[UUID, int] = {}
    weight: dict[UUID, int] = {}
    for each in classes:
        if level is None or each.level == level:
            points[each.school] = points.get(each.school, 0) + each.points
            pupils[each.school] = pupils.get(each.school, 0) + each.pupils
            weight[each.school] = weight.get(each.school, 0) + max(each.pupils, at_least)
    values = {school: _average(points[school], weight[school]) for school in points}
    ranks = _ranks(values)
    return {
        school: Line(ranks[school], ranks[school], points[school], pupils[school], values[school]) for school in points
    }


def _average(points: int, pupils: int) -> int:
    """Hundredths of a point per pupil, in whole numbers: halves go away from zero."""
    hundredths = (200 * abs(points) + pupils) // (2 * pupils)
    return hundredths if points >= 0 else -hundredths


def _ranks(values: Mapping[UUID, int]) -> dict[UUID, int]:
    """1 + how many stand higher."""
    ordered = sorted(values.values())
    return {id_: 1 + len(ordered) - bisect_right(ordered, value) for id_, value in values.items()}
