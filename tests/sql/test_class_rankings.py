"""Rankings of classes and schools: among all and within a level, by total and by average, against the ledger."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest

from tests.support.game import EVERY_LEVEL, HOUR, Class, Edition, Game, Person

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def validate(class_: Class, code: str, *names: str) -> list[dict[str, Any]]:
    more = {"pupil_ids": [class_.pupils[name] for name in names]} if names else {}
    return class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=class_.edition.challenges[code],
        request_key=uuid.uuid4(), **more,
    )  # fmt: skip


def class_rows(game: Game, edition: Edition, by: Person | None = None) -> dict[uuid.UUID, dict[str, Any]]:
    return {row["subject_id"]: row for row in (by or game.anon).view("class_ranking", edition_id=edition.id)}


def school_rows(game: Game, edition: Edition) -> dict[tuple[uuid.UUID, str | None], dict[str, Any]]:
    rows = game.anon.view("school_ranking", edition_id=edition.id)
    return {(row["subject_id"], row["level"]): row for row in rows}


# by hand


def test_a_class_is_ranked_among_all_and_within_its_level(game):
    edition = game.edition(audience="school", ranking_basis="total")
    made = [
        (level, points, game.class_(edition, level=level, pupils=("Ada",)))
        for level, points in (("college", 6), ("college", 2), ("lycee", 4), ("lycee", 2))
    ]
    for _, points, class_ in made:
        for _ in range(points // 2):
            validate(class_, "t-soup")
    rows = class_rows(game, edition)
    assert [
        (rows[c.id]["rank"], rows[c.id]["level_rank"], rows[c.id]["level"], rows[c.id]["points"]) for *_, c in made
    ] == [(1, 1, "college", 6), (3, 2, "college", 2), (2, 1, "lycee", 4), (3, 2, "lycee", 2)]
    assert game.faults(edition) == []


def test_an_average_counts_a_small_class_as_the_smallest_allowed(game):
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=4)
    small = game.class_(edition, pupils=("Ada", "Eve"))
    large = game.class_(edition, pupils=("Ada", "Eve", "Lou", "Max", "Noé", "Tom"))
    validate(small, "t-bike")
    validate(large, "t-soup")
    rows = class_rows(game, edition)
    # Eight points by four, not by two; twelve by six.
    assert [(rows[c.id]["value"], rows[c.id]["rank"]) for c in (small, large)] == [(200, 1), (200, 1)]
    assert (rows[small.id]["points_per_player"], rows[large.id]["points_per_player"]) == (4, 2)


def test_equal_classes_share_a_rank_and_the_next_is_skipped(game):
    edition = game.edition(audience="school", ranking_basis="total")
    classes = [game.class_(edition, pupils=("Ada",)) for _ in range(4)]
    for class_ in classes[:3]:
        validate(class_, "t-soup")
    rows = class_rows(game, edition)
    assert [rows[c.id]["rank"] for c in classes] == [1, 1, 1, 4]
    assert [rows[c.id]["level_rank"] for c in classes] == [1, 1, 1, 4]


def test_a_school_is_the_sum_of_its_classes_overall_and_by_level(game):
    edition = game.edition(audience="school", ranking_basis="total")
    school, other = game.school(name="École Deux Niveaux"), game.school()
    one = game.class_(edition, school_id=school, level="elementaire", pupils=("Ada", "Eve"))
    two = game.class_(edition, school_id=school, level="elementaire", pupils=("Lou",))
    three = game.class_(edition, school_id=school, level="college", pupils=("Max",))
    four = game.class_(edition, school_id=other, level="elementaire", pupils=("Noé",))
    for class_, code in ((one, "t-soup"), (two, "t-bike"), (three, "t-soup"), (four, "t-bike"), (four, "t-bike")):
        validate(class_, code)
    rows = school_rows(game, edition)
    shown = {key: (r["rank"], r["classes"], r["points"], r["players"], r["value"]) for key, r in rows.items()}
    assert shown == {
        (school, None): (1, 3, 10, 4, 10), (other, None): (2, 1, 8, 1, 8),
        (school, "elementaire"): (1, 2, 8, 3, 8), (other, "elementaire"): (1, 1, 8, 1, 8),
        (school, "college"): (1, 1, 2, 1, 2),
    }  # fmt: skip
    assert rows[school, None]["label"] == "École Deux Niveaux"


def test_a_malus_takes_a_class_below_one_that_did_nothing(game):
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=1)
    bad, idle = (game.class_(edition, level="lycee", pupils=("Ada", "Eve")) for _ in range(2))
    validate(bad, "t-plane", "Ada")
    rows = class_rows(game, edition)
    assert (rows[bad.id]["value"], rows[bad.id]["rank"], rows[idle.id]["rank"]) == (-250, 2, 1)
    assert game.faults(edition) == []


def test_a_school_that_is_hidden_takes_its_classes_out_of_every_ranking(game):
    edition = game.edition(audience="school", ranking_basis="total")
    class_, other = game.class_(edition, pupils=("Ada",)), game.class_(edition, pupils=("Eve",))
    validate(class_, "t-soup")
    game.service.call("correct_school", school_id=class_.school, is_hidden=True)
    (row,) = class_rows(game, edition).values()
    assert (row["subject_id"], row["rank"], row["level_rank"]) == (other.id, 1, 1)
    assert {key: row["rank"] for key, row in school_rows(game, edition).items()} == {
        (other.school, None): 1, (other.school, "elementaire"): 1,
    }  # fmt: skip
    assert game.anon.view("edition_statistics", edition_id=edition.id)[0]["classes"] == 1
    assert game.faults(edition) == []
    # Hidden again changes nothing; shown again, its classes come back with it.
    game.service.call("correct_school", school_id=class_.school, is_hidden=True)
    with game.refused("MP010"):
        class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
    game.service.call("correct_school", school_id=class_.school, is_hidden=False)
    assert {id_: row["rank"] for id_, row in class_rows(game, edition).items()} == {class_.id: 1, other.id: 2}
    assert game.faults(edition) == []


def test_a_class_that_had_opted_out_is_not_put_back_while_its_school_is_hidden(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Ada",))
    class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=False)
    game.service.call("correct_school", school_id=class_.school, is_hidden=True)
    with game.refused("MP010"):
        class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
    assert class_rows(game, edition) == {}
    # With the school it comes back as it was: out by its teacher's wish, and in when they wish.
    game.service.call("correct_school", school_id=class_.school, is_hidden=False)
    assert class_rows(game, edition) == {}
    class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
    assert len(class_rows(game, edition)) == 1
    assert game.faults(edition) == []


def test_around_a_class_are_its_neighbours(game):
    edition = game.edition(audience="school", ranking_basis="total")
    classes = [game.class_(edition, pupils=("Ada",)) for _ in range(7)]
    for times, class_ in enumerate(classes):
        for _ in range(times):
            validate(class_, "t-soup")
    rows = game.anon.table("ranking_around", subject_id=classes[3].id, neighbours=2)
    assert [(r["rank"], r["points"]) for r in rows] == [(2, 10), (3, 8), (4, 6), (5, 4), (6, 2)]


def test_classes_of_a_private_edition_are_ranked_for_their_own_people_only(game):
    client = game.one(
        "insert into mpp.organisation (code, name) values (%s, 'A network') returning id",
        (f"o-{uuid.uuid4().hex[:8]}",),
    )
    edition = game.edition(audience="school", organisation=client)
    teacher = game.teacher()
    id_ = game.service.call(
        "create_class", edition_id=edition.id, school_id=game.school(), name="Inside", level="college",
        teacher_id=teacher.account,
    )  # fmt: skip
    code = game.one("select code from mpp.class_code where league_id = %s", (id_,))
    family = game.anonymous()
    family.call("claim_class", code=code)
    for person, seen in (
        (teacher, 1), (family, 1), (game.staff(), 1), (game.service, 1), (game.anon, 0), (game.teacher(), 0),
        (game.anonymous(), 0),
    ):  # fmt: skip
        assert len(person.view("class_ranking", edition_id=edition.id)) == seen, person
        assert len(person.view("school_ranking", edition_id=edition.id)) == 2 * seen, person
        assert len(person.view("editions", id=edition.id)) == seen, person


# against an independent computation


@dataclass
class Known:
    """What the test itself did to a class."""

    class_: Class
    level: str
    players: int
    points: int = 0
    listed: bool = True


def play(game: Game, edition: Edition, classes: int, seed: int) -> list[Known]:
    """A random edition: schools with one to five classes of their levels, pupils, points, some who opted out."""
    chance = random.Random(seed)
    teachers = [game.teacher() for _ in range(6)]
    known: list[Known] = []
    school, left, levels = game.school(), 0, EVERY_LEVEL
    while len(known) < classes:
        if left == 0:
            levels = chance.sample(EVERY_LEVEL, chance.randint(1, 3))
            school, left = game.school(levels), chance.randint(1, 5)
        left -= 1
        level = chance.choice(levels)
        size = chance.choice((0, 1, 2, 3, 5, 8))
        class_ = game.class_(
            edition, teachers[len(known) // 11], level, [f"P{LETTERS[n]}" for n in range(size)], school_id=school
        )
        it = Known(class_, level, size)
        known.append(it)
        if not size:
            continue
        for code, points in (("t-bike", 4), ("t-soup", 2), ("t-window", 1), ("t-plane", -5)):
            if code == "t-plane" and level != "lycee":
                continue
            doing = chance.sample(list(class_.pupils), chance.randint(0, size))
            if doing:
                rows = validate(class_, code, *doing)
                gone = chance.sample(rows, chance.randint(0, len(rows) // 2))
                if gone:
                    class_.teacher.table(
                        "cancel_for_pupils", class_id=class_.id, validation_ids=[row["validation_id"] for row in gone]
                    )
                it.points += points * (len(rows) - len(gone))
        if chance.random() < 0.3:
            # A pupil who played and leaves still counts; one who did nothing does not.
            leaver = chance.choice(list(class_.pupils.values()))
            played = game.one("select exists (select from mpp.validation where player_id = %s)", (leaver,))
            class_.teacher.call("remove_pupil", pupil_id=leaver)
            it.players -= 0 if played else 1
        if chance.random() < 0.15:
            class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=False)
            it.listed = False
    return known


def half_up(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def ranks(values: dict[Any, int]) -> dict[Any, int]:
    """The competition rank of each: one more than how many have more."""
    return {key: 1 + sum(other > value for other in values.values()) for key, value in values.items()}


def expected_classes(known: list[Known], least: int | None) -> dict[uuid.UUID, tuple[Any, ...]]:
    values = {
        k.class_.id: k.points if least is None else half_up(Decimal(100 * k.points) / max(k.players, least))
        for k in known
        if k.listed
    }
    among_all = ranks(values)
    within: dict[uuid.UUID, int] = {}
    for level in EVERY_LEVEL:
        within |= ranks({k.class_.id: values[k.class_.id] for k in known if k.listed and k.level == level})
    return {
        k.class_.id: (values[k.class_.id], among_all[k.class_.id], within[k.class_.id], k.level, k.points, k.players)
        for k in known
        if k.listed
    }


def expected_schools(known: list[Known], least: int | None) -> dict[tuple[uuid.UUID, str | None], tuple[Any, ...]]:
    groups: dict[tuple[uuid.UUID, str | None], list[Known]] = defaultdict(list)
    for k in known:
        if k.listed:
            groups[k.class_.school, None].append(k)
            groups[k.class_.school, k.level].append(k)
    values = {
        key: sum(k.points for k in group)
        if least is None
        else half_up(Decimal(100 * sum(k.points for k in group)) / sum(max(k.players, least) for k in group))
        for key, group in groups.items()
    }
    ranked: dict[tuple[uuid.UUID, str | None], int] = {}
    for level in (None, *EVERY_LEVEL):
        ranked |= ranks({key: value for key, value in values.items() if key[1] == level})
    return {
        key: (values[key], ranked[key], len(group), sum(k.points for k in group), sum(k.players for k in group))
        for key, group in groups.items()
    }


def assert_ranked(game: Game, edition: Edition, known: list[Known], least: int | None) -> None:
    shown = {
        id_: (r["value"], r["rank"], r["level_rank"], r["level"], r["points"], r["players"])
        for id_, r in class_rows(game, edition).items()
    }
    assert shown == expected_classes(known, least)
    of_schools = {
        key: (r["value"], r["rank"], r["classes"], r["points"], r["players"])
        for key, r in school_rows(game, edition).items()
    }
    assert of_schools == expected_schools(known, least)
    (count,) = game.anon.view("edition_statistics", edition_id=edition.id)
    listed = [k for k in known if k.listed]
    assert (count["classes"], count["schools"]) == (len(listed), len({k.class_.school for k in listed}))
    assert (count["players"], count["points"]) == (sum(k.players for k in listed), sum(k.points for k in listed))
    assert game.faults(edition) == []


@pytest.mark.parametrize(("basis", "seed"), [("total", 1), ("average", 2), ("average", 3)])
def test_a_random_edition_is_ranked_as_an_independent_computation_says(game, basis, seed):
    edition = game.edition(audience="school", ranking_basis=basis, league_min_players=3, league_max_players=30)
    known = play(game, edition, 60, seed)
    least = 3 if basis == "average" else None
    assert len({k.class_.school for k in known}) > 10
    assert any(not k.listed for k in known)
    assert_ranked(game, edition, known, least)
    # Half of the counts folded, half not, some moved since.
    game.run("select private.fold_scores(%s, true)", (edition.id,))
    for k in known[::4]:
        if k.class_.pupils and game.one("select count(*) from mpp.player where league_id = %s", (k.class_.id,)):
            k.points += sum(row["points"] for row in validate(k.class_, "t-soup"))
    assert_ranked(game, edition, known, least)
    game.close(edition)
    game.freeze(edition)
    assert_ranked(game, edition, known, least)
    # A name that is taken away after the freeze moves no rank of the others.
    before = class_rows(game, edition)
    gone = next(k for k in known if k.listed)
    gone.class_.teacher.call("set_listing", scope="league", subject_id=gone.class_.id, listed=False)
    after = class_rows(game, edition)
    del before[gone.class_.id]
    assert after == before
    assert game.faults(edition) == []


def test_every_reader_sees_the_same_ranking(game):
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=2)
    play(game, edition, 12, 4)
    rows = class_rows(game, edition)
    for person in (game.anonymous(), game.teacher(), game.registered(), game.staff(), game.service):
        assert class_rows(game, edition, person) == rows, person


# the freeze, and what verify_scores finds


@pytest.fixture
def frozen(game: Game) -> tuple[Edition, Class]:
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=2)
    class_ = game.class_(edition, pupils=("Ada", "Eve"))
    game.class_(edition, level="college", pupils=("Lou",))
    validate(class_, "t-bike", "Ada")
    game.close(edition)
    game.freeze(edition)
    return edition, class_


@pytest.mark.parametrize(
    "change", ["points = points + 1", "players = players + 1", "level = 'lycee'", "school_id = null"]
)
def test_the_score_of_a_frozen_class_refuses_to_change(game, frozen, change):
    edition, class_ = frozen
    with game.refused("MP024"):
        game.run(f"update mpp.score set {change} where subject_id = %s", (class_.id,))
    assert game.faults(edition) == []


def test_a_frozen_class_keeps_level_and_name(game, frozen):
    edition, class_ = frozen
    for more in ({"name": "Other"}, {"level": "college"}):
        with game.refused("MP024"):
            class_.teacher.call("update_class", class_id=class_.id, **more)
    assert class_rows(game, edition)[class_.id]["level"] == "elementaire"


@pytest.mark.parametrize(
    "damage",
    [
        "update mpp.score_count set subjects = subjects + 1 where edition_id = %(edition)s and scope = 'elementaire'",
        "delete from mpp.score_count where edition_id = %(edition)s and scope = 'college'",
        "insert into mpp.score_delta (edition_id, level, league_to) values (%(edition)s, 'lycee', 7)",
    ],
)
def test_counts_of_a_level_that_were_broken_on_purpose_are_found(game, damage):
    for phase in ("running", "frozen"):
        edition = game.edition(audience="school", ranking_basis="total")
        for level in ("elementaire", "college"):
            validate(game.class_(edition, level=level, pupils=("Ada",)), "t-soup")
        game.run("select private.fold_scores(%s, true)", (edition.id,))
        if phase == "frozen":
            game.close(edition)
            game.freeze(edition)
        assert game.faults(edition) == []
        # As somebody who got round the triggers would.
        for table in ("score_count", "score_delta"):
            game.run(f"alter table mpp.{table} disable trigger user")
        game.run(damage, {"edition": edition.id})
        faults = game.faults(edition)
        assert faults, phase
        if phase == "running":
            assert {f["scope"] for f in faults} <= {*EVERY_LEVEL, *(["league"] if "score_delta" in damage else [])}


def test_a_level_rewritten_in_a_score_is_found(game):
    edition = game.edition(audience="school", ranking_basis="total")
    class_ = game.class_(edition, pupils=("Ada",))
    validate(class_, "t-soup")
    game.run("alter table mpp.score disable trigger user")
    game.run("update mpp.score set level = 'lycee' where subject_id = %s", (class_.id,))
    assert {f["scope"] for f in game.faults(edition)} == {"elementaire", "lycee"}


def test_a_ranking_of_classes_is_read_in_order_by_its_columns(game):
    edition = game.edition(audience="school", ranking_basis="total")
    classes = [game.class_(edition, pupils=("Ada",)) for _ in range(4)]
    for class_ in classes[1:3]:
        validate(class_, "t-soup")
    game.clock(game.now + HOUR / 2)
    validate(classes[3], "t-soup")
    rows = game.anon.rows(
        "select subject_id from api.class_ranking where edition_id = %s order by value desc, tie_order, subject_id",
        (edition.id,),
    )
    assert [r["subject_id"] for r in rows] == [classes[n].id for n in (1, 2, 3, 0)]


# schools after the freeze


@pytest.fixture
def frozen_edition(game: Game) -> tuple[Edition, Class, Class, Class]:
    """A frozen edition: a school with a strong and a weak class, and a rival between the two."""
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=1)
    school = game.school()
    strong = game.class_(edition, school_id=school, level="college", pupils=("Ada",))
    weak = game.class_(edition, school_id=school, level="college", pupils=("Eve",))
    rival = game.class_(edition, level="college", pupils=("Lou",))
    validate(strong, "t-bike")
    validate(rival, "t-soup")
    validate(rival, "t-window")
    game.close(edition)
    game.freeze(edition)
    return edition, strong, weak, rival


def test_a_class_that_opts_out_after_the_freeze_moves_no_school(game, frozen_edition):
    edition, strong, weak, rival = frozen_edition
    before = school_rows(game, edition)
    assert [(before[c.school, None]["rank"], before[c.school, None]["value"]) for c in (rival, weak)] == [
        (1, 300), (2, 200),
    ]  # fmt: skip
    for gone in (weak, strong):
        gone.teacher.call("set_listing", scope="league", subject_id=gone.id, listed=False)
        after = school_rows(game, edition)
        expected = before if gone is weak else {key: row for key, row in before.items() if key[0] == rival.school}
        assert after == expected
        assert game.faults(edition) == []


def test_a_school_that_is_hidden_or_renamed_after_the_freeze_moves_no_other(game, frozen_edition):
    edition, strong, _, rival = frozen_edition
    game.service.call("correct_school", school_id=rival.school, is_hidden=True)
    rows = school_rows(game, edition)
    assert {key: row["rank"] for key, row in rows.items()} == {
        (strong.school, None): 2, (strong.school, "college"): 2,
    }  # fmt: skip
    game.service.call("correct_school", school_id=strong.school, name="Renamed", levels=["lycee"])
    assert school_rows(game, edition)[strong.school, None]["label"] == "Renamed"
    assert game.faults(edition) == []


@pytest.mark.parametrize(
    "change",
    [
        "update mpp.school_standing set value = value + 1 where edition_id = %s",
        "delete from mpp.school_standing where edition_id = %s",
    ],
)
def test_the_standing_of_schools_refuses_to_change_and_its_seal_finds_who_got_round_it(game, frozen_edition, change):
    edition, *_ = frozen_edition
    with pytest.raises(psycopg.Error), game.db.transaction():
        game.db.execute(change.encode(), (edition.id,))
    game.run("alter table mpp.school_standing disable trigger user")
    assert game.run(change, (edition.id,)) == 4
    (fault,) = game.faults(edition)
    assert "seal" in fault["fault"]


def test_a_row_added_to_the_standing_of_schools_is_found(game, frozen_edition):
    edition, strong, *_ = frozen_edition
    game.run(
        "insert into mpp.school_standing (edition_id, level, rank, school_id, classes, points, players, value,"
        " tie_order) values (%s, 'lycee', 1, %s, 1, 1, 1, 1, 1)",
        (edition.id, strong.school),
    )
    assert len(game.faults(edition)) == 1


def test_pupils_taken_out_after_the_end_raise_no_average(game):
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=1)
    class_ = game.class_(edition, pupils=("Ada", "Eve", "Lou"))
    validate(class_, "t-soup", "Ada")
    game.close(edition)
    before = class_rows(game, edition)
    for name in ("Eve", "Lou"):
        class_.teacher.call("remove_pupil", pupil_id=class_.pupils[name])
    assert class_rows(game, edition) == before
    names = {r["first_name"] for r in class_.teacher.view("league_members", league_id=class_.id)}
    assert names == {"Ada", "—"}
    game.freeze(edition)
    assert class_rows(game, edition) == before
    assert game.faults(edition) == []
