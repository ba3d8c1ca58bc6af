"""`mpp demo school`: its plan, its made-up classes and sheets, its second computation of the rankings, a tiny run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from mpp_supabase.demo import SchoolPlan, play_school, proof_lines
from mpp_supabase.demo.classes import PlaceToLearn, enrol, register_of
from mpp_supabase.demo.habits import Card
from mpp_supabase.demo.lessons import sheets_of
from mpp_supabase.demo.school_proof import ClassFacts, Proof, rank_classes, rank_schools
from mpp_supabase.project import find_project
from supabase_embedded import StackStatus

PARIS = ZoneInfo("Europe/Paris")
LEVELS = ("maternelle", "elementaire", "college", "lycee")


def places(count: int) -> list[PlaceToLearn]:
    """Schools of one level each, and some with two."""
    levels = [*((level,) for level in LEVELS), ("maternelle", "elementaire")]
    return [PlaceToLearn(UUID(int=n), f"École {n}", "Ville", levels[n % len(levels)]) for n in range(count)]


def test_a_plan_of_scale_1_is_what_the_association_expects() -> None:
    assert SchoolPlan.of(1) == SchoolPlan(classes=650, pupils=18_200, schools=300)
    tenth = SchoolPlan.of(0.1)
    assert (tenth.classes, tenth.pupils, tenth.schools) == (65, 1_820, 30)
    assert SchoolPlan.of(0.01).classes == 12, "a class of each level by phone, and some more"


@pytest.mark.parametrize("scale", [0.01, 0.1, 1])
def test_classes_are_spread_over_schools_and_levels(scale: float) -> None:
    plan = SchoolPlan.of(scale)
    term = enrol(places(400), plan, Random(1))
    classes = [*term.phones, *term.staff]
    assert len(classes) == plan.classes
    assert sum(each.size for each in classes) == plan.pupils
    assert {each.level for each in classes} == {each.level for each in term.phones} == set(LEVELS)
    assert all(each.level in each.school.levels for each in classes)
    assert all(20 <= each.size <= 34 for each in classes)
    assert len({each.school.id for each in classes}) <= plan.schools
    names = Counter((each.school.id, each.name) for each in classes)
    assert max(names.values()) == 1, "a school has each class once"
    assert max(Counter(each.school.id for each in classes).values()) > 1, "and several classes"


@pytest.mark.parametrize("size", [20, 28, 34, 36, 40])
def test_the_pupils_of_a_class_have_different_names_and_initials_only_where_needed(size: int) -> None:
    for seed in range(20):
        pupils = register_of(size, Random(seed))
        assert len({tuple(pupil.values()) for pupil in pupils}) == len(pupils)
        repeated = {name for name, count in Counter(pupil["first_name"] for pupil in pupils).items() if count > 1}
        assert {pupil["first_name"] for pupil in pupils if "initial" in pupil} == repeated


def test_the_sheets_of_a_class_grow_and_keep_to_limits_and_windows() -> None:
    starts = datetime(2026, 11, 2, tzinfo=PARIS)
    now = starts + timedelta(days=19, hours=10)
    window = (datetime(2026, 11, 7, 8, tzinfo=PARIS), datetime(2026, 11, 9, tzinfo=PARIS))
    cards = [
        Card(1, "standard", 2, 1, None, None), Card(2, "standard", 1, 5, None, None), Card(3, "flash", 3, 1, *window),
        Card(4, "boost", 1, 3, *window), Card(5, "malus", -2, None, None, None),
    ]  # fmt: skip
    limits = {card.id: card.repeat_limit for card in cards}
    pupils = [UUID(int=number) for number in range(28)]
    for seed in range(10):
        sheets, together = sheets_of(pupils, cards, starts.astimezone(UTC), now.astimezone(UTC), PARIS, Random(seed))
        assert len(sheets) == 3
        assert together > 0
        before: dict[tuple[UUID, int], int] = {}
        for sheet, last in zip(sheets, (date(2026, 11, 8), date(2026, 11, 15), date(2026, 11, 20)), strict=True):
            rows = list(zip(sheet.pupils, sheet.challenges, sheet.times, sheet.done_on, strict=True))
            times = {(pupil, card): count for pupil, card, count, _ in rows}
            assert len(times) == len(rows), "a challenge once for each pupil"
            assert all(times.get(key, 0) >= count for key, count in before.items()), "a sheet only grows"
            assert all(limits[card] is None or count <= limits[card] for (_, card), count in times.items())
            assert all(date(2026, 11, 2) <= day <= last for _, _, _, day in rows)
            assert all(date(2026, 11, 7) <= day <= date(2026, 11, 8) for _, card, _, day in rows if card == 3)
            before = times


@dataclass
class Shown:
    """A line as the API would show it."""

    subject_id: UUID
    rank: int
    level_rank: int
    points: int
    players: int
    value: int


def test_the_second_computation_knows_the_rules_and_finds_every_difference() -> None:
    ids = [UUID(int=number) for number in range(6)]
    east, west = UUID(int=100), UUID(int=200)
    facts = [
        ClassFacts(ids[0], east, "college", 20, 250),  # 12.50
        ClassFacts(ids[1], east, "lycee", 8, 61),  # 7.625: a half goes up
        ClassFacts(ids[2], west, "college", 3, 75),  # as if they were 6: 12.50
        ClassFacts(ids[3], west, "college", 10, 0),
        ClassFacts(ids[4], west, "lycee", 8, -61),  # and away from zero
        ClassFacts(ids[5], west, "lycee", 0, 0),
    ]
    lines = rank_classes(facts, at_least=6)
    assert [(lines[id_].rank, lines[id_].level_rank, lines[id_].value) for id_ in ids] == [
        (1, 1, 1250), (3, 1, 763), (1, 1, 1250), (4, 3, 0), (6, 3, -763), (4, 2, 0),
    ]  # fmt: skip
    schools = rank_schools(facts, at_least=6)
    assert (schools[east].rank, schools[east].points, schools[east].pupils, schools[east].value) == (1, 311, 28, 1111)
    # 14 points for 6 + 10 + 8 + 6.
    assert (schools[west].rank, schools[west].points, schools[west].pupils, schools[west].value) == (2, 14, 21, 47)
    assert rank_schools(facts, at_least=6, level="lycee")[west].value == -436

    shown = [
        Shown(id_, line.rank, line.level_rank, line.points, line.pupils, line.value) for id_, line in lines.items()
    ]
    right = Proof()
    right.compare("classes", shown, lines)
    assert (right.compared, right.agree, right.differences) == ({"classes": 6}, {"classes": 6}, [])
    for change in ({"rank": 2}, {"level_rank": 9}, {"points": 251}, {"players": 21}, {"value": 1251}):
        wrong = Proof()
        wrong.compare("classes", [replace(shown[0], **change), *shown[1:]], lines)
        assert wrong.agree == {"classes": 5}, change
        assert len(wrong.differences) == 1, change
    incomplete, too_many = Proof(), Proof()
    incomplete.compare("classes", shown[1:], lines)
    too_many.compare("classes", [*shown, replace(shown[0], subject_id=east)], lines)
    for proof in (incomplete, too_many):
        assert len(proof.differences) == 1


def test_a_tiny_school_edition_is_played_and_proven(stack: StackStatus, tmp_path: Path) -> None:
    progress: dict[str, tuple[int, int]] = {}

    def on_progress(stage: str, done: int, total: int) -> None:
        progress[stage] = (done, total)

    plan = SchoolPlan.of(0.01)
    outcome = play_school(stack.env(), find_project().files, tmp_path, plan, on_progress)
    assert all(done == total for done, total in progress.values()), progress
    assert outcome.proven
    assert outcome.proof is not None
    # One of the classes has opted out of the ranking.
    assert outcome.proof.compared["classes"] == plan.classes - 1
    assert outcome.proof.agree == outcome.proof.compared
    assert "11 of 11 classes" in proof_lines(outcome)[0]
    with psycopg.connect(stack.db_url) as connection:
        seen = connection.execute(
            "select count(*), count(*) filter (where v.validated_at < private.clock() - interval '14 days'),"
            " count(*) filter (where v.state <> 'cancelled') from mpp.validation v"
            " join mpp.edition e on e.id = v.edition_id where e.code = %s",
            (outcome.edition,),
        ).fetchone()
        pupils = connection.execute(
            "select count(*), count(*) filter (where p.alias is null and p.account_id is null and not p.listed)"
            " from mpp.player p join mpp.edition e on e.id = p.edition_id where e.code = %s",
            (outcome.edition,),
        ).fetchone()
    assert seen is not None
    assert (seen[0], seen[2]) == (outcome.proof.validations, outcome.validations)
    assert seen[1] > 0, "the sheets go back to the first days"
    assert pupils == (plan.pupils, plan.pupils)
    assert set(outcome.refusals) == {"MP002", "MP042", "MP084"}
    assert outcome.family
    assert outcome.family_challenges
    assert sum(line.is_me for line in outcome.teacher) == 1
    assert outcome.read_back[0] == 0 < outcome.read_back[1]
    assert [path.name for path in outcome.papers] == ["roster.xlsx", "tracking.xlsx", "diplomas.pdf"]
    assert all(path.stat().st_size > 1000 for path in outcome.papers)
    page = outcome.report.read_text(encoding="utf-8")
    for text in (
        outcome.edition,
        outcome.classes[0].label,
        "11 of 11 classes",
        *(path.name for path in outcome.papers),
    ):
        assert text in page
    assert "http://" not in page
    assert "https://" not in page
