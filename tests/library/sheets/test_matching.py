"""A roster meets the class as it is: each child is found again, or nobody guesses. Marks meet pupils and challenges."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mpp_supabase.sheets import (
    KnownChallenge,
    KnownPupil,
    RosterPlan,
    SheetError,
    TrackingPlan,
    match_roster,
    match_tracking,
    read_roster,
    read_tracking,
)

LINA = KnownPupil("p1", "Lina", None, "Les loutres")
LINA_M = KnownPupil("p1", "Lina", "M", "Les loutres")
LINA_B = KnownPupil("p2", "Lina", "B", "Les loutres")
ZOE = KnownPupil("p3", "Zoé", None, "Les hérons")


def plan(tmp_path: Path, rows: str, *known: KnownPupil) -> RosterPlan:
    path = tmp_path / "classe.csv"
    path.write_text(f"Prénom;Équipe\n{rows.replace(' / ', chr(10))}\n", encoding="utf-8")
    return match_roster(read_roster(path), known)


def test_an_empty_class_takes_everybody(tmp_path: Path) -> None:
    found = plan(tmp_path, "Zoé;A / Lina M. / Lina B;a")
    assert found.to_add == (
        {"first_name": "Zoé", "team": "A"},
        {"first_name": "Lina", "initial": "M"},
        {"first_name": "Lina", "initial": "B", "team": "A"},
    )
    assert (found.to_correct, found.known, found.not_in_file) == ((), (), ())
    assert found.pupils == list(found.to_add)


def test_who_is_not_in_the_file_is_told_and_stays(tmp_path: Path) -> None:
    found = plan(tmp_path, "Zoé", ZOE, LINA)
    assert (found.known, found.not_in_file, found.pupils) == ((ZOE,), (LINA,), [])


@pytest.mark.parametrize("row", ["Lina", "LINA", "Lína", "Lina M.", "Lina;Les Loutres", "Lina;les loutres"])
def test_one_child_of_that_name_here_and_there_is_the_same(tmp_path: Path, row: str) -> None:
    found = plan(tmp_path, row, LINA)
    assert found.to_add == found.not_in_file == ()


def test_another_team_is_corrected_and_none_changes_nothing(tmp_path: Path) -> None:
    found = plan(tmp_path, "Zoé;Les Loutres / Lina", ZOE, LINA)
    assert found.to_correct == ({"pupil_id": "p3", "team": "Les loutres"},)
    assert found.known == (LINA,)


def test_accents_are_added_and_never_taken_away(tmp_path: Path) -> None:
    assert plan(tmp_path, "Zoe", ZOE).known == (ZOE,)
    plain = KnownPupil("p3", "ZOE")
    assert plan(tmp_path, "Zoé", plain).to_correct == ({"pupil_id": "p3", "first_name": "Zoé"},)


def test_initials_tell_who_is_who(tmp_path: Path) -> None:
    found = plan(tmp_path, "Lina B. / Lina M. / Lina K.", LINA_M, LINA_B)
    assert found.to_add == ({"first_name": "Lina", "initial": "K"},)
    assert found.not_in_file == ()
    assert plan(tmp_path, "Lina M.", LINA_M, LINA_B).not_in_file == (LINA_B,)
    assert plan(tmp_path, "Lina K.", LINA_M).to_add == ({"first_name": "Lina", "initial": "K"},)


def test_an_initial_given_to_the_only_one_goes_along_with_the_new_one(tmp_path: Path) -> None:
    found = plan(tmp_path, "Lina M. / Lina B.", LINA_M)
    assert found.pupils == [{"pupil_id": "p1", "initial": "M"}, {"first_name": "Lina", "initial": "B"}]


def test_the_only_one_gets_an_initial_even_if_the_file_has_the_newcomer_alone(tmp_path: Path) -> None:
    found = plan(tmp_path, "Lina B. / Zoé", LINA_M, ZOE)
    assert found.pupils == [{"pupil_id": "p1", "initial": "M"}, {"first_name": "Lina", "initial": "B"}]
    assert (found.known, found.not_in_file) == ((ZOE,), (LINA_M,))


def test_a_row_without_an_initial_is_who_was_told_to_have_one(tmp_path: Path) -> None:
    path = tmp_path / "classe.csv"
    path.write_text("Prénom\nlina\nLina B.\n", encoding="utf-8")
    found = match_roster(read_roster(path, initials={"LINA": "M"}), [LINA_M])
    assert found.pupils == [{"pupil_id": "p1", "initial": "M"}, {"first_name": "Lina", "initial": "B"}]
    for initials in ({}, {"Zoé": "M"}, {"Lina": "B"}):
        with pytest.raises(SheetError, match="more than once"):
            read_roster(path, initials=initials)


def test_who_has_an_initial_already_is_not_corrected(tmp_path: Path) -> None:
    assert plan(tmp_path, "Lina B. / Lina M. / Lina K.", LINA_M, LINA_B).to_correct == ()


def test_an_initial_that_the_class_cannot_confirm_is_told(tmp_path: Path) -> None:
    found = plan(tmp_path, "Zoé / Lina B.", ZOE, LINA)
    assert (found.pupils, found.read_as) == ([], (("A3", "Lina B.", "Lina"),))
    path = tmp_path / "classe.csv"
    path.write_text("Prénom;Initiale\nLina;B\n", encoding="utf-8")
    assert match_roster(read_roster(path), [LINA]).read_as == (("B2", "Lina B.", "Lina"),)
    assert plan(tmp_path, "Zoé / Lina M. / Lina K.", ZOE, LINA_M, LINA_B).read_as == ()


@pytest.mark.parametrize(
    ("rows", "known", "cells", "said", "fix"),
    [
        ("Lina M. / Lina B.", [LINA], ["A2", "A3"], "the class already has Lina: is it this child?", "--known Lina:X"),
        ("Zoé / Lina", [LINA_M, LINA_B], ["A3"], "several of that name: Lina M. or Lina B.", "such as Lina M."),
        ("Lina MA", [LINA_M, LINA_B], ["A2"], "the class already has Lina M.: is it this child?", "write Lina M. here"),
        (
            "Lina MA / Lina MO",
            [LINA_M],
            ["A2", "A3"],
            "the class already has Lina M.: is it this child?",
            "write Lina M. here",
        ),
    ],
)
def test_nobody_guesses_which_child_is_meant(
    tmp_path: Path, rows: str, known: list[KnownPupil], cells: list[str], said: str, fix: str
) -> None:
    with pytest.raises(SheetError) as error:
        plan(tmp_path, rows, *known)
    assert [problem.cell for problem in error.value.problems] == cells
    assert said in error.value.problems[0].problem
    assert fix in error.value.problems[0].fix


BIKE = KnownChallenge(1, "bike-to-school", {"fr": "Vélo boulot dodo", "en": "Ride, learn, repeat"}, 3)
JUICE = KnownChallenge(2, "street-juice", {"fr": "Jus de rue", "de": "Straßensaft"}, 1)
TWIN = KnownChallenge(3, "street-juice-2", {"fr": "Jus de rue !"}, None)
CHALLENGES = [BIKE, JUICE]
STARTS, ENDS, TODAY = date(2026, 3, 9), date(2026, 3, 29), date(2026, 3, 20)


def tracked(
    tmp_path: Path, table: str, *known: KnownPupil, challenges: list[KnownChallenge] = CHALLENGES
) -> TrackingPlan:
    path = tmp_path / "suivi.csv"
    path.write_text(table.replace(" / ", "\n") + "\n", encoding="utf-8")
    return match_tracking(read_tracking(path), known or (ZOE, LINA_M, LINA_B), challenges, STARTS, ENDS, TODAY)


def test_marks_become_validations(tmp_path: Path) -> None:
    found = tracked(tmp_path, "Prénom;velo BOULOT-dodo;Straßensaft / ZOE;3;12/03/2026 / Lina B;x;")
    assert [(r.pupil_id, r.challenge_id, r.times, r.done_on, r.cell) for r in found.rows] == [
        ("p3", 1, 3, None, "B2"),
        ("p3", 2, 1, date(2026, 3, 12), "C2"),
        ("p2", 1, 1, None, "B3"),
    ]
    assert (found.to_record, found.already) == (5, 0)
    assert found.arguments == {
        "pupil_ids": ["p3", "p3", "p2"],
        "challenge_ids": [1, 2, 1],
        "times": [3, 1, 1],
        "done_on": [None, "2026-03-12", None],
    }


def test_what_is_recorded_already_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "suivi.csv"
    path.write_text("Prénom;bike-to-school;street-juice\nZoé;3;x\nLina M;x;\n", encoding="utf-8")
    known = {("p3", 1): 1, ("p3", 2): 5, ("p1", 2): 1}
    found = match_tracking(read_tracking(path), (ZOE, LINA_M), CHALLENGES, STARTS, ENDS, TODAY, known)
    assert (len(found.rows), found.to_record, found.already) == (3, 3, 2)


def test_a_challenge_whose_names_are_all_near_is_proposed_once(tmp_path: Path) -> None:
    cooking = KnownChallenge(3, "season-cook", {"en": "Season’s cook", "fr": "Cuisine de saison"}, None)
    with pytest.raises(SheetError) as refused:
        tracked(tmp_path, "Prénom;Seasoned cooks / Zoé;x", challenges=[BIKE, cooking])
    (problem,) = refused.value.problems
    assert problem.fix == "did you mean season-cook?"


def test_a_code_wins_over_a_title_nobody_knows(tmp_path: Path) -> None:
    assert tracked(tmp_path, "Prénom;A vélo ! / Code;bike-to-school / Zoé;x").rows[0].challenge_id == 1


@pytest.mark.parametrize(
    ("table", "cell", "wrong", "fix"),
    [
        ("Prénom;bike-to-school / Zoè-Lou;x", "A2", "nobody of that name", "did you mean Zoé?"),
        ("Prénom;bike-to-school / Marguerite;x", "A2", "nobody of that name", "add the pupil to the class first"),
        ("Prénom;bike-to-school / Lina;x", "A2", "several of that name: Lina M. and Lina B.", "such as Lina M."),
        (
            "Prénom;bike-to-school / Lina K;x",
            "A2",
            "the class has Lina M. and Lina B., not Lina K.",
            "correct the initial",
        ),
        ("Prénom;Vélo dodo boulot / Zoé;x", "B1", "no challenge of the class", "did you mean Vélo boulot dodo"),
        ("Prénom;Qwertz / Zoé;x", "B1", "no challenge of the class", "delete column B"),
        ("Prénom;Vélo / Code;bike-to-scool / Zoé;x", "B2", "no challenge of the class", "did you mean bike-to-school"),
        (
            "Prénom;Jus de rue / Code;bike-to-school / Zoé;x",
            "B2",
            "the code of another challenge",
            "write street-juice",
        ),
        ("Prénom;bike-to-school;Ride learn repeat / Zoé;x;", "C1", "a second column", "one column"),
        ("Prénom;bike-to-school / Zoé;08/03/2026", "B2", "outside the edition", "from 09/03/2026 to 29/03/2026"),
        ("Prénom;bike-to-school / Zoé;30/03/2026", "B2", "outside the edition", "from 09/03/2026 to 29/03/2026"),
        ("Prénom;bike-to-school / Zoé;21/03/2026", "B2", "still to come", "in the edition's zone: write x"),
        ("Prénom;bike-to-school / Zoé;4", "B2", "more often than this challenge counts (3 times", "write 3 at most"),
        ("Prénom;street-juice / Zoé;2", "B2", "more often than this challenge counts (once", "write x"),
    ],
)
def test_a_mark_that_cannot_be_is_refused(tmp_path: Path, table: str, cell: str, wrong: str, fix: str) -> None:
    with pytest.raises(SheetError) as error:
        tracked(tmp_path, table)
    (problem,) = error.value.problems
    assert problem.cell == cell
    assert wrong in problem.problem
    assert fix in problem.fix


def test_the_first_and_the_last_day_count(tmp_path: Path) -> None:
    path = tmp_path / "suivi.csv"
    path.write_text("Prénom;bike-to-school;street-juice\nZoé;09/03/2026;29/03/2026\n", encoding="utf-8")
    assert len(match_tracking(read_tracking(path), (ZOE,), CHALLENGES, STARTS, ENDS, ENDS).rows) == 2


def test_one_title_for_two_challenges_asks_for_a_code(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"more than one challenge .* write its code: street-juice or street-juice-2"):
        tracked(tmp_path, "Prénom;Jus de rue / Zoé;x", challenges=[*CHALLENGES, TWIN])
    found = tracked(tmp_path, "Prénom;Jus de rue / Code;street-juice-2 / Zoé;7", challenges=[*CHALLENGES, TWIN])
    assert found.rows[0].challenge_id == 3


def test_another_initial_is_another_child_even_if_she_is_the_only_one(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"A2: the class has Lina M\., not Lina B\."):
        tracked(tmp_path, "Prénom;bike-to-school / Lina B;x", LINA_M)
    found = tracked(tmp_path, "Prénom;bike-to-school / Lina B;x", LINA)
    assert (found.rows[0].pupil_id, found.read_as) == ("p1", (("A2", "Lina B.", "Lina"),))
    assert tracked(tmp_path, "Prénom;bike-to-school / Lina B;x").read_as == ()


def test_two_rows_for_one_pupil_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"A3: a second row for Zoé \(the first is A2\)"):
        tracked(tmp_path, "Prénom;bike-to-school / Zoé A;x / Zoé B;x", ZOE)
