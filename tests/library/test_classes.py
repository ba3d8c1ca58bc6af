"""Classes on a real stack: pupils, validations, families' code, colleagues, spreadsheets, diplomas, rankings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_supabase import DiplomaError, Edition, MPPError, SchoolClass, SheetError
from mpp_supabase import errors as refused
from tests.support import clock
from tests.support.spreadsheets import write_sheet
from tests.support.world import World

NOBODY = uuid.UUID("0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77")


@pytest.fixture(scope="module")
def edition(world: World) -> Edition:
    """A running school edition, for classes of each test's own."""
    return world.school_edition()


def challenge(world: World, class_: SchoolClass, code: str) -> int:
    (found,) = world.ops.classes.find_challenges(class_.class_id, [code])
    return found.challenge_id


def names(world: World, class_: SchoolClass) -> list[str]:
    return [pupil.name for pupil in world.ops.classes.pupils(class_.class_id)]


def points(world: World, class_: SchoolClass) -> dict[str, int]:
    return {pupil.name: pupil.points for pupil in world.ops.classes.pupils(class_.class_id)}


class TestClass:
    def test_a_class_is_created_for_a_teacher_listed_and_shown(self, world: World, edition: Edition) -> None:
        teacher, school = world.teacher(), world.school("college")
        class_id = world.ops.classes.create(
            edition.id, school.school_id, "5e A", "college", teacher.account.id, teams=["Loutres", "Hérissons"]
        )
        found = world.ops.classes.get(class_id)
        assert (found.name, found.level, found.school_label, found.pupils, found.teams) == (
            "5e A",
            "college",
            school.name,
            0,
            2,
        )
        assert [team.name for team in world.ops.classes.teams(class_id)] == ["Hérissons", "Loutres"]
        (principal,) = world.ops.classes.teachers(class_id)
        assert (principal.teacher_id, principal.is_principal) == (teacher.account.id, True)
        assert found in world.ops.classes.iterate(edition.id, level="college")
        assert list(world.ops.classes.iterate(edition.id, school_id=school.school_id)) == [found]
        assert found not in world.ops.classes.iterate(edition.id, level="lycee")
        # The teacher sees in the app what the staff made.
        assert [row["class_id"] for row in teacher.read("my_classes")] == [str(class_id)]

    def test_pages_of_classes_follow_one_another(self, world: World) -> None:
        edition, school = world.school_edition(), world.school()
        for name in ("B", "A", "C"):
            world.class_(edition, school=school, name=name)
        seen, after = [], None
        for _ in range(3):
            page = world.ops.classes.page(edition.id, 1, after)
            seen += [class_.name for class_ in page.rows]
            after = page.after
        assert (seen, after) == (["A", "B", "C"], None)

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"level": "lycee"}, refused.InvalidField),
            ({"name": " "}, refused.InvalidField),
            ({"school_id": NOBODY}, refused.SchoolUnknown),
            ({"teacher_id": NOBODY}, refused.NotATeacher),
            ({"teams": ["a", "b", "c", "d", "e", "f", "g"]}, refused.TeamLimit),
            ({"teams": ["Loutres", "loutres"]}, refused.NameTaken),
        ],
        ids=str,
    )
    def test_a_class_with_something_wrong_is_refused(
        self, world: World, edition: Edition, changes: dict[str, Any], error: type[MPPError]
    ) -> None:
        given = {
            "school_id": world.school().school_id,
            "name": "CM1",
            "level": "elementaire",
            "teacher_id": world.teacher().account.id,
        } | changes
        before = world.fingerprint()
        with pytest.raises(error):
            world.ops.classes.create(edition.id, **given)
        assert world.fingerprint() == before

    def test_an_account_that_is_no_teacher_is_asked_to_register(self, world: World, edition: Edition) -> None:
        with pytest.raises(refused.NotATeacher) as error:
            world.ops.classes.create(edition.id, world.school().school_id, "CM1", "elementaire", NOBODY)
        assert "register as a teacher in the app" in error.value.hint

    def test_the_classes_of_a_school_are_those_of_every_edition(self, world: World, edition: Edition) -> None:
        school = world.school()
        made = {world.class_(of, school=school).class_id for of in (edition, world.school_edition())}
        assert {class_.class_id for class_ in world.ops.classes.of_school(school.school_id)} == made

    def test_a_public_edition_takes_no_class_and_a_school_edition_no_league(
        self, world: World, edition: Edition
    ) -> None:
        with pytest.raises(refused.WrongAudience):
            world.class_(world.edition())
        answer = world.http.post(
            "/rest/v1/rpc/create_league",
            json={"edition_id": edition.id, "name": "Non"},
            headers={"Authorization": f"Bearer {world.person('Ada').token}", "Content-Profile": "api"},
        )
        assert answer.json()["code"] == "MP028"

    def test_a_class_is_renamed_and_its_level_is_fixed_by_its_first_validation(
        self, world: World, edition: Edition
    ) -> None:
        class_ = world.class_(edition, "Lina")
        world.ops.classes.update(class_.class_id, name="6e", level="college")
        assert world.ops.classes.get(class_.class_id).level == "college"
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-walk"))
        with pytest.raises(refused.InvalidField):
            world.ops.classes.update(class_.class_id, level="elementaire")
        assert (world.ops.classes.get(class_.class_id).name) == "6e"

    def test_what_is_not_there_is_named(self, world: World) -> None:
        acts: tuple[Callable[[], object], ...] = (
            lambda: world.ops.classes.get(NOBODY),
            lambda: world.ops.classes.update(NOBODY, name="x"),
            lambda: world.ops.classes.add_pupils(NOBODY, [{"first_name": "Lina"}]),
            lambda: world.ops.classes.choose(NOBODY, None),
            lambda: world.ops.classes.validate(NOBODY, 1),
            lambda: world.ops.classes.renew_code(NOBODY),
            lambda: world.ops.classes.revoke_code(NOBODY),
            lambda: world.ops.classes.invite_teacher(NOBODY),
            lambda: world.ops.classes.hand_over(NOBODY, NOBODY),
            lambda: world.ops.classes.diplomas(NOBODY),
        )
        for act in acts:
            with pytest.raises(refused.NotAllowed, match=f"no class {NOBODY}"):
                act()
        with pytest.raises(refused.NotAllowed, match=f"pupil {NOBODY}"):
            world.ops.classes.remove_pupil(NOBODY)

    def test_the_publishable_key_reads_and_changes_nothing(
        self, world: World, edition: Edition, tmp_path: Path
    ) -> None:
        class_ = world.class_(edition, "Lina")
        file = write_sheet(tmp_path / "r.csv", ["Prénom"], ["Noé"])
        before = world.fingerprint()
        acts: tuple[Callable[[], object], ...] = (
            lambda: world.visitor.classes.page(edition.id),
            lambda: world.visitor.classes.get(class_.class_id),
            lambda: list(world.visitor.classes.pupils(class_.class_id)),
            lambda: list(world.visitor.classes.teams(class_.class_id)),
            lambda: list(world.visitor.classes.challenges(class_.class_id)),
            lambda: list(world.visitor.classes.validations(class_.class_id)),
            lambda: world.visitor.classes.teachers(class_.class_id),
            lambda: world.visitor.classes.add_pupils(class_.class_id, [{"first_name": "Noé"}]),
            lambda: world.visitor.classes.validate(class_.class_id, 1),
            lambda: world.visitor.classes.renew_code(class_.class_id),
            lambda: world.visitor.classes.import_roster(class_.class_id, file),
        )
        for act in acts:
            with pytest.raises(MPPError):
                act()
        assert world.fingerprint() == before


class TestPupils:
    def test_initials_come_when_a_first_name_repeats_and_go_when_it_does_not(
        self, world: World, edition: Edition
    ) -> None:
        class_ = world.class_(edition, "Lina", "Noé")
        (lina,) = world.ops.classes.find_pupils(class_.class_id, ["lina"])
        with pytest.raises(refused.ImportRefused):
            world.ops.classes.add_pupils(class_.class_id, [{"first_name": "LINA"}])
        added = world.ops.classes.add_pupils(
            class_.class_id,
            [{"pupil_id": str(lina.pupil_id), "initial": "M"}, {"first_name": "Lina", "initial": "b."}],
        )
        assert [pupil.name for pupil in added] == ["Lina M.", "Lina B."]
        assert names(world, class_) == ["Lina M.", "Noé", "Lina B."]
        world.ops.classes.remove_pupil(lina.pupil_id)
        assert names(world, class_) == ["Noé", "Lina"]

    def test_a_dry_run_says_what_would_be_and_writes_nothing(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition)
        before = world.fingerprint()
        (pupil,) = world.ops.classes.add_pupils(
            class_.class_id, [{"first_name": "Zoé", "team": "Castors"}], dry_run=True
        )
        assert (pupil.name, pupil.pupil_id) == ("Zoé", None)
        assert world.fingerprint() == before

    def test_a_pupil_is_corrected_and_moved(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition, "Lea", "Noé")
        (lea,) = world.ops.classes.find_pupils(class_.class_id, ["Lea"])
        corrected = world.ops.classes.correct_pupil(class_.class_id, lea.pupil_id, first_name="Léa", team="Castors")
        team = world.ops.classes.find_team(class_.class_id, "castors")
        assert (corrected.name, corrected.team_id, team.players) == ("Léa", team.team_id, 1)

    def test_who_leaves_after_the_end_is_in_no_list_any_more(self, world: World, tmp_path: Path) -> None:
        edition = world.school_edition()
        class_ = world.class_(edition, "Lina", "Noé", "Zoé")
        world.ops.editions.close(edition.code, "A test")
        for pupil in world.ops.classes.find_pupils(class_.class_id, ["Lina", "Noé"]):
            world.ops.classes.remove_pupil(pupil.pupil_id)
        assert names(world, class_) == ["Zoé"]
        assert [pupil.name for pupil in world.ops.classes.diplomas(class_.class_id).pupils] == ["Zoé"]
        assert world.ops.classes.export_roster(class_.class_id, tmp_path / "roster.csv") == 1

    @pytest.mark.parametrize("name", ["Lina Martin", "lina@example.org", "Lina2", "", "L" * 31])
    def test_there_is_nowhere_to_write_more_than_a_first_name(self, world: World, edition: Edition, name: str) -> None:
        class_ = world.class_(edition)
        before = world.fingerprint()
        with pytest.raises(refused.ImportRefused) as error:
            world.ops.classes.add_pupils(class_.class_id, [{"first_name": name}])
        assert [(fault.row, fault.fault) for fault in error.value.faults] == [(1, "first_name_wrong")]
        assert world.fingerprint() == before

    def test_pupils_are_found_by_name_and_whoever_is_not_is_named(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition, "Lina M", "Lina B", "Élodie")
        found = world.ops.classes.find_pupils(class_.class_id, ["elodie", "Lina B.", "lina m"])
        assert [pupil.name for pupil in found] == ["Élodie", "Lina B.", "Lina M."]
        assert world.ops.classes.find_pupils(class_.class_id, [str(found[0].pupil_id)]) == found[:1]
        with pytest.raises(refused.NotInClass) as error:
            world.ops.classes.find_pupils(class_.class_id, ["Lina", "Elodi", "Zoé"])
        assert "Lina could be Lina M. or Lina B." in error.value.message
        assert "nobody is called Elodi (did you mean Élodie?)" in error.value.message
        assert "nobody is called Zoé" in error.value.message
        with pytest.raises(refused.NotInClass, match="no team Castors"):
            world.ops.classes.find_team(class_.class_id, "Castors")


class TestPlaying:
    def test_a_challenge_is_validated_for_the_class_for_pupils_and_for_a_team(
        self, world: World, edition: Edition
    ) -> None:
        class_ = world.class_(edition, "Lina", "Noé", "Zoé")
        lina, noe, _ = world.ops.classes.find_pupils(class_.class_id, ["Lina", "Noé", "Zoé"])
        world.ops.classes.correct_pupil(class_.class_id, noe.pupil_id, team="Castors")
        walk = challenge(world, class_, "s-walk")
        assert len(world.ops.classes.validate(class_.class_id, walk)) == 3
        world.ops.classes.validate(class_.class_id, walk, pupil_ids=[lina.pupil_id])
        team = world.ops.classes.find_team(class_.class_id, "Castors")
        (done,) = world.ops.classes.validate(class_.class_id, walk, team_id=team.team_id)
        assert (done.pupil_id, done.state, done.points) == (noe.pupil_id, "credited", 2)
        assert points(world, class_) == {"Lina": 4, "Noé": 4, "Zoé": 2}
        assert world.ops.classes.get(class_.class_id).points == 10

    def test_one_request_key_does_it_once_and_means_one_thing(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition, "Lina")
        walk, soup = challenge(world, class_, "s-walk"), challenge(world, class_, "s-soup")
        key = uuid.uuid4()
        first = world.ops.classes.validate(class_.class_id, walk, request_key=key)
        assert world.ops.classes.validate(class_.class_id, walk, request_key=key) == first
        with pytest.raises(refused.RequestKeyReused):
            world.ops.classes.validate(class_.class_id, soup, request_key=key)
        assert points(world, class_) == {"Lina": 2}

    def test_who_is_at_the_limit_stays_there_and_proofs_are_asked_for(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition, "Lina", "Noé")
        (lina,) = world.ops.classes.find_pupils(class_.class_id, ["Lina"])
        soup, proof = challenge(world, class_, "s-soup"), challenge(world, class_, "s-proof")
        world.ops.classes.validate(class_.class_id, soup, pupil_ids=[lina.pupil_id])
        rows = world.ops.classes.validate(class_.class_id, soup)
        assert [row.validation_id is None for row in rows] == [True, False]
        with pytest.raises(refused.RepeatLimit):
            world.ops.classes.validate(class_.class_id, soup)
        with pytest.raises(refused.ProofRequired):
            world.ops.classes.validate(class_.class_id, proof)
        world.ops.classes.validate(class_.class_id, proof, proof_sent=True)
        with pytest.raises(refused.OutsideWindow):
            world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-flash"))

    def test_validations_are_taken_back_and_a_quorum_with_them(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition, "Lina", "Noé")
        lamps = challenge(world, class_, "s-lamps")
        done = world.ops.classes.validate(class_.class_id, lamps)
        assert points(world, class_) == {"Lina": 4, "Noé": 4}
        first = done[0].validation_id
        assert first is not None
        (cancelled,) = world.ops.classes.cancel(class_.class_id, [first])
        assert cancelled.state == "cancelled"
        (left,) = world.ops.classes.validations(class_.class_id, challenge_id=lamps)
        assert (left.state, points(world, class_)) == ("pending", {"Lina": 0, "Noé": 0})
        with pytest.raises(refused.NotInClass):
            world.ops.classes.cancel(class_.class_id, [uuid.uuid4()])

    def test_a_class_plays_what_its_teacher_chose(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition, "Lina")
        walk, soup = (c.challenge_id for c in world.ops.classes.find_challenges(class_.class_id, ["s-walk", "S-SOUP"]))
        assert world.ops.classes.choose(class_.class_id, [walk]) == 1
        in_play = {c.code for c in world.ops.classes.challenges(class_.class_id) if c.is_in_play}
        assert in_play == {"s-walk"}
        with pytest.raises(refused.ChallengeNotChosen):
            world.ops.classes.validate(class_.class_id, soup)
        assert world.ops.classes.choose(class_.class_id, None) == 6
        assert world.ops.classes.get(class_.class_id).has_chosen is False
        with pytest.raises(refused.ChallengeNotFound, match=r"s-walkk \(did you mean s-walk\?\)"):
            world.ops.classes.find_challenges(class_.class_id, ["s-walkk"])


class TestFamiliesAndColleagues:
    def test_a_code_is_renewed_and_revoked(self, world: World, edition: Edition) -> None:
        class_ = world.class_(edition)
        fresh = world.ops.classes.renew_code(class_.class_id)
        assert (fresh != class_.class_code, world.ops.classes.get(class_.class_id).class_code) == (True, fresh)
        world.ops.classes.revoke_code(class_.class_id)
        assert world.ops.classes.get(class_.class_id).class_code is None

    def test_a_colleague_is_invited_made_principal_and_the_former_one_taken_out(
        self, world: World, edition: Edition
    ) -> None:
        class_ = world.class_(edition)
        (principal,) = world.ops.classes.teachers(class_.class_id)
        colleague, stranger = world.teacher(), world.signed_in()
        colleague.call("accept_class", code=world.ops.classes.invite_teacher(class_.class_id))
        world.ops.classes.hand_over(class_.class_id, colleague.account.id)
        assert [teacher.teacher_id for teacher in world.ops.classes.teachers(class_.class_id)] == [
            colleague.account.id,
            principal.teacher_id,
        ]
        with pytest.raises(refused.NotAllowed, match="not registered as a teacher"):
            world.ops.classes.hand_over(class_.class_id, stranger.account.id)
        with pytest.raises(refused.NotAllowed, match="no colleague"):
            world.ops.classes.remove_teacher(class_.class_id, colleague.account.id)
        world.ops.classes.remove_teacher(class_.class_id, principal.teacher_id)
        assert len(world.ops.classes.teachers(class_.class_id)) == 1


ROSTER = (
    ["N°", "Prénom", "Initiale", "Équipe"],
    [1, "Lina", "M", "Loutres"],
    [2, "Lina", "B", "loutres"],
    [3, "NOÉ", None, "Hérissons"],
    [4, "Marie-Lou", None, None],
)


class TestRosters:
    @pytest.mark.parametrize("ending", [".xlsx", ".csv"])
    def test_a_roster_adds_everybody_and_again_nobody(
        self, world: World, edition: Edition, tmp_path: Path, ending: str
    ) -> None:
        class_ = world.class_(edition)
        file = write_sheet(tmp_path / f"roster{ending}", *ROSTER)
        before = world.fingerprint()
        preview = world.ops.classes.import_roster(class_.class_id, file, dry_run=True)
        assert (len(preview.added), preview.dry_run, world.fingerprint()) == (4, True, before)
        done = world.ops.classes.import_roster(class_.class_id, file)
        assert [pupil.name for pupil in done.added] == ["Lina M.", "Lina B.", "Noé", "Marie-Lou"]
        assert {team.name: team.players for team in world.ops.classes.teams(class_.class_id)} == {
            "Loutres": 2,
            "Hérissons": 2,
        }
        before = world.fingerprint()
        again = world.ops.classes.import_roster(class_.class_id, file)
        assert (again.added, again.corrected, again.unchanged, again.not_in_file) == ((), (), 4, ())
        assert world.fingerprint() == before

    def test_a_roster_corrects_who_is_there_and_names_who_is_not_in_it(
        self, world: World, edition: Edition, tmp_path: Path
    ) -> None:
        class_ = world.class_(edition, "Lea", "Noé", "Zoé")
        rows = (["First name", "Team"], ["Léa", "Castors"], ["Noé", None])
        done = world.ops.classes.import_roster(class_.class_id, write_sheet(tmp_path / "roster.csv", *rows))
        assert [pupil.name for pupil in done.corrected] == ["Léa"]
        assert (done.unchanged, done.not_in_file) == (1, ("Zoé",))
        assert names(world, class_) == ["Léa", "Noé", "Zoé"]

    def test_the_lina_of_the_class_is_told_from_the_one_who_comes(
        self, world: World, edition: Edition, tmp_path: Path
    ) -> None:
        class_ = world.class_(edition, "Lina")
        (lina,) = world.ops.classes.find_pupils(class_.class_id, ["Lina"])
        rows = (["Prénom", "Initiale"], ["Lina", "M"], ["Lina", "B"])
        file = write_sheet(tmp_path / "roster.csv", *rows)
        before = world.fingerprint()
        with pytest.raises(SheetError) as error:
            world.ops.classes.import_roster(class_.class_id, file)
        assert [problem.cell for problem in error.value.problems] == ["A2", "A3"]
        assert world.fingerprint() == before
        with pytest.raises(refused.NotInClass):
            world.ops.classes.import_roster(class_.class_id, file, initials={"Zoé": "M"})
        world.ops.classes.import_roster(class_.class_id, file, initials={"lina": "M"})
        assert names(world, class_) == ["Lina M.", "Lina B."]
        assert world.ops.classes.find_pupils(class_.class_id, ["Lina M."])[0].pupil_id == lina.pupil_id

    @pytest.mark.parametrize("first", [[], [["Noé", None]]], ids=["alone", "with a plain row"])
    def test_a_newcomer_brings_the_initial_of_who_is_there(
        self, world: World, edition: Edition, tmp_path: Path, first: list[list[str | None]]
    ) -> None:
        class_ = world.class_(edition, "Noé")
        file = write_sheet(tmp_path / "roster.csv", ["Prénom", "Initiale"], *first, ["Noé", "B"])
        done = world.ops.classes.import_roster(class_.class_id, file, initials={"Noé": "l."})
        assert [pupil.name for pupil in done.corrected + done.added] == ["Noé L.", "Noé B."]
        assert names(world, class_) == ["Noé L.", "Noé B."]

    def test_what_the_database_refuses_is_told_by_cell(self, world: World, edition: Edition, tmp_path: Path) -> None:
        class_ = world.class_(edition, *(f"{a}{b}" for a in "ABCDE" for b in "abcdefgh"))
        # (rows, cells that are named, part of what is said); the class is full with its 40 pupils.
        cases = (
            ((["Prénom"], ["Zoé"]), [""], "full"),
            (
                (["Prénom", "Équipe"], *([f"{letter}a", f"T{letter}"] for letter in "ABCDE"), ["Ab", "Trop"]),
                ["B2", "B3", "B4", "B5", "B6", "B7"],
                "teams at most",
            ),
            # Too much like a date of birth for the database, though not for the reader of sheets.
            ((["Prénom", "Équipe"], ["Aa", "Lutins"], ["Ab", "Nés 1-2-17"]), ["B3"], "looks like"),
            # All of them in one answer.
            (
                (["Prénom", "Équipe"], ["Aa", "Nés 3-4-16"], ["Ab", "Lutins"], ["Ac", "Nés 1-2-17"]),
                ["B2", "B4"],
                "the team is not valid: it looks like",
            ),
        )
        before = world.fingerprint()
        for rows, cells, words in cases:
            file = write_sheet(tmp_path / "roster.csv", *rows)
            with pytest.raises(SheetError) as error:
                world.ops.classes.import_roster(class_.class_id, file)
            assert [problem.cell for problem in error.value.problems] == cells
            assert all(words in problem.problem and problem.fix for problem in error.value.problems)
            # A fix goes on after a dash: the database's hint is a sentence of its own.
            assert not any(problem.fix[0].isupper() for problem in error.value.problems)
            assert world.fingerprint() == before

    @pytest.mark.parametrize("language", ["fr", "en", "de"])
    @pytest.mark.parametrize("ending", [".xlsx", ".csv"])
    def test_what_is_exported_is_imported_again(
        self, world: World, edition: Edition, tmp_path: Path, ending: str, language: str
    ) -> None:
        class_ = world.class_(edition, "Lina M", "Lina B", "Noé")
        file = tmp_path / f"roster{ending}"
        assert world.ops.classes.export_roster(class_.class_id, file, language) == 3
        again = world.ops.classes.import_roster(class_.class_id, file)
        assert (again.added, again.corrected, again.unchanged, again.not_in_file) == ((), (), 3, ())
        other = world.class_(edition)
        world.ops.classes.import_roster(other.class_id, file)
        assert names(world, other) == ["Lina M.", "Lina B.", "Noé"]

    def test_an_edition_that_is_over_takes_no_roster(self, world: World, tmp_path: Path) -> None:
        edition = world.school_edition()
        class_ = world.class_(edition)
        world.ops.editions.close(edition.code, "A test")
        file = write_sheet(tmp_path / "roster.csv", *ROSTER)
        before = world.fingerprint()
        with pytest.raises(refused.EditionNotRunning):
            world.ops.classes.import_roster(class_.class_id, file)
        assert world.fingerprint() == before


class TestTracking:
    @pytest.fixture
    def class_(self, world: World, edition: Edition) -> SchoolClass:
        return world.class_(edition, "Lina M", "Lina B", "Noé")

    def test_marks_become_validations_and_again_none(
        self, world: World, edition: Edition, class_: SchoolClass, tmp_path: Path
    ) -> None:
        flash_day = clock.now().date() - timedelta(days=2)
        yesterday = clock.now().date() - timedelta(days=1)
        file = write_sheet(
            tmp_path / "suivi.xlsx",
            ["Prénom", "Walk", "Soupe", "Éclair", "Lampes"],
            ["Code", "s-walk", "s-soup", "s-flash", "s-lamps"],
            ["Lina M.", 3, "x", flash_day, "✓"],
            ["Lina B.", yesterday, None, None, "oui"],
            ["noe", None, "X", None, "0"],
        )
        before = world.fingerprint()
        preview = world.ops.classes.import_tracking(class_.class_id, file, dry_run=True)
        assert (preview.recorded, preview.already, world.fingerprint()) == (9, 0, before)
        done = world.ops.classes.import_tracking(class_.class_id, file)
        assert (done.pupils, done.challenges, done.recorded, done.already) == (3, 4, 9, 0)
        assert points(world, class_) == {"Lina M.": 6 + 3 + 5 + 4, "Lina B.": 2 + 4, "Noé": 3}
        dated = {v.validated_at.astimezone(UTC).date() for v in world.ops.classes.validations(class_.class_id)}
        assert {flash_day, yesterday} <= dated
        before = world.fingerprint()
        again = world.ops.classes.import_tracking(class_.class_id, file)
        assert (again.recorded, again.already, world.fingerprint()) == (0, 9, before)
        assert world.ops.editions.verify(edition.code) == []

    def test_a_sheet_that_grew_adds_what_is_missing(self, world: World, class_: SchoolClass, tmp_path: Path) -> None:
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-walk"))
        file = write_sheet(tmp_path / "s.csv", ["Prénom", "s-walk"], ["Lina M", 2], ["Lina B", "x"], ["Noé", 5])
        done = world.ops.classes.import_tracking(class_.class_id, file)
        assert (done.recorded, done.already) == (5, 3)

    def test_every_cell_that_the_database_refuses_is_named(
        self, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        flash_day = clock.now().date() - timedelta(days=2)
        world.ops.classes.choose(
            class_.class_id,
            [challenge(world, class_, code) for code in ("s-walk", "s-flash")],
        )
        file = write_sheet(
            tmp_path / "suivi.xlsx",
            ["Prénom", "s-walk", "s-flash", "s-soup"],
            ["Lina M", 1, "x", None],
            ["Lina B", 2, flash_day, "x"],
            ["Noé", 3, flash_day + timedelta(days=1), "x"],
        )
        before = world.fingerprint()
        for dry_run in (True, False):
            with pytest.raises(SheetError) as error:
                world.ops.classes.import_tracking(class_.class_id, file, dry_run=dry_run)
            found = {problem.cell: problem for problem in error.value.problems}
            assert list(found) == ["C2", "D3", "C4", "D4"]
            assert all(problem.sheet == "Classe" and problem.value for problem in found.values())
            assert "write the day it was done" in found["C2"].fix
            assert "correct the day" in found["C4"].fix
            assert "not in play" in found["D3"].problem
        assert world.fingerprint() == before

    def test_a_rosters_own_faults_and_those_beside_the_class_are_told_at_once(
        self, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        file = write_sheet(tmp_path / "r.csv", ["Prénom"], ["Zoé Martin"], ["Lina"], ["Ada2"])
        with pytest.raises(SheetError) as error:
            world.ops.classes.import_roster(class_.class_id, file)
        assert [problem.cell for problem in error.value.problems] == ["A2", "A3", "A4"]

    def test_every_row_that_the_database_refuses_is_told_in_one_round(
        self, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        file = write_sheet(
            tmp_path / "r.csv", ["Prénom", "Équipe"], ["Zoé", "www.fr"], ["Ada", "Loutres"], ["Tom", "06 12 34 56.78"],
            ["Eli", "Ma Petite Planète"], ["Mia Exemple", "Loutres"], ["Noa", "12-03-15"],
        )  # fmt: skip
        before = world.fingerprint()
        with pytest.raises(SheetError) as error:
            world.ops.classes.import_roster(class_.class_id, file)
        assert [problem.cell for problem in error.value.problems] == ["B2", "B4", "B5", "A6", "B7"]
        # A telephone number and a surname by the sheet itself, the others by the database.
        assert ["link" in problem.problem for problem in error.value.problems] == [True, False, False, False, False]
        assert world.fingerprint() == before

    def test_what_is_wrong_in_the_sheet_and_what_the_database_refuses_are_told_at_once(
        self, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        world.ops.classes.choose(class_.class_id, [challenge(world, class_, "s-walk")])
        file = write_sheet(
            tmp_path / "suivi.xlsx",
            ["Prénom", "s-walk", "s-soup", "Inconnu"],
            ["Lina M", "bof", None, "x"],
            ["Zorglub", "x", None, None],
            ["Noé Martin", "x", None, None],
            ["Lina B", 2, "x", None],
        )
        before = world.fingerprint()
        for dry_run in (True, False):
            with pytest.raises(SheetError) as error:
                world.ops.classes.import_tracking(class_.class_id, file, dry_run=dry_run)
            # An unknown challenge, a mark, a child of another class, a surname; and a challenge that is not in play.
            assert [problem.cell for problem in error.value.problems] == ["D1", "B2", "A3", "A4", "C5"]
            assert "not in play" in error.value.problems[-1].problem
        assert world.fingerprint() == before

    def test_what_was_done_before_the_choice_changed_is_no_fault(
        self, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        file = write_sheet(tmp_path / "s.csv", ["Prénom", "s-soup", "s-walk"], ["Lina M", "x", ""], ["Noé", "", "x"])
        world.ops.classes.import_tracking(class_.class_id, file)
        world.ops.classes.choose(class_.class_id, [challenge(world, class_, "s-walk")])
        again = world.ops.classes.import_tracking(class_.class_id, file)
        assert (again.recorded, again.already) == (0, 2)

    @pytest.mark.parametrize("dates", [False, True], ids=["marks", "dates"])
    @pytest.mark.parametrize("language", ["fr", "en", "de"])
    @pytest.mark.parametrize("ending", [".xlsx", ".csv"])
    def test_what_is_exported_is_imported_again(
        self, world: World, edition: Edition, tmp_path: Path, ending: str, language: str, dates: bool
    ) -> None:
        class_ = world.class_(edition, "Lina", "Noé")
        (lina,) = world.ops.classes.find_pupils(class_.class_id, ["Lina"])
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-walk"))
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-walk"), pupil_ids=[lina.pupil_id])
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-soup"))
        file = tmp_path / f"suivi{ending}"
        assert world.ops.classes.export_tracking(class_.class_id, file, language, dates=dates) == 2
        again = world.ops.classes.import_tracking(class_.class_id, file)
        assert (again.recorded, again.already, again.challenges) == (0, 5, 6)
        other = world.class_(edition, "Lina", "Noé")
        assert world.ops.classes.import_tracking(other.class_id, file).recorded == 5
        assert points(world, other) == points(world, class_)

    def test_a_template_has_the_pupils_and_the_challenges_and_no_mark(
        self, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-soup"))
        world.ops.classes.choose(class_.class_id, [challenge(world, class_, "s-walk")])
        file = tmp_path / "suivi.csv"
        world.ops.classes.export_tracking(class_.class_id, file, marks=False)
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        assert lines[1] == "Code;;;s-walk"
        assert lines[3].startswith("Lina;M;")
        assert lines[3].endswith(";")
        world.ops.classes.export_tracking(class_.class_id, file)
        assert file.read_text(encoding="utf-8-sig").splitlines()[1] == "Code;;;s-soup;s-walk"

    def test_the_staff_type_in_what_comes_after_the_end_and_nothing_after_the_freeze(
        self, world: World, tmp_path: Path
    ) -> None:
        edition = world.school_edition()
        class_ = world.class_(edition, "Lina")
        world.ops.editions.close(edition.code, "A test")
        file = write_sheet(tmp_path / "s.csv", ["Prénom", "s-walk"], ["Lina", 2])
        assert world.ops.classes.import_tracking(class_.class_id, file).recorded == 2
        world.ops.editions.freeze(edition.code)
        write_sheet(file, ["Prénom", "s-walk"], ["Lina", 3])
        before = world.fingerprint()
        with pytest.raises(refused.EditionFrozen):
            world.ops.classes.import_tracking(class_.class_id, file)
        assert world.fingerprint() == before


class TestDiplomas:
    def test_a_diploma_tells_what_a_pupil_did_and_the_certificate_ranks_once_it_is_over(
        self, world: World, tmp_path: Path
    ) -> None:
        from pypdf import PdfReader

        edition = world.school_edition()
        class_ = world.class_(edition, "Lina", "Noé")
        (lina,) = world.ops.classes.find_pupils(class_.class_id, ["Lina"])
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-walk"))
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-soup"))
        world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-car"), pupil_ids=[lina.pupil_id])
        running = world.ops.classes.diplomas(class_.class_id, "en")
        # A malus takes points away, and is no challenge to be praised for.
        assert [(pupil.name, pupil.challenges, pupil.points) for pupil in running.pupils] == [
            ("Lina", 2, 4),
            ("Noé", 2, 5),
        ]
        assert (running.challenges, running.points, running.rank) == (4, 9, None)
        assert (running.edition, running.teacher) == (f"Edition {edition.code}", "Tess Exemple")
        world.ops.editions.close(edition.code, "A test")
        over = world.ops.classes.diplomas(class_.class_id, "fr")
        assert (over.rank, over.classes) == (1, 1)
        file = tmp_path / "diplomas.pdf"
        assert world.ops.classes.write_diplomas(class_.class_id, file, "fr") == 3
        assert "Lina" in PdfReader(file).pages[0].extract_text()

    def test_every_class_with_pupils_gets_its_file(self, world: World, tmp_path: Path) -> None:
        edition, school = world.school_edition(), world.school()
        for name, pupils in (("CE2", ("Lina",)), ("CM1", ("Noé", "Zoé")), ("CM2", ())):
            world.class_(edition, *pupils, school=school, name=name)
        seen: list[tuple[str, int, int]] = []
        files = world.ops.classes.write_all_diplomas(
            edition.id, tmp_path / "all", "de", on_progress=lambda *stage: seen.append(stage)
        )
        assert [file.name for file in files] == ["ecole-des-tilleuls-ce2.pdf", "ecole-des-tilleuls-cm1.pdf"]
        assert all(file.read_bytes().startswith(b"%PDF") for file in files)
        assert seen == [(s, n, 2) for s in ("Reading classes", "Printing diplomas") for n in (1, 2)]

    def test_a_class_without_pupils_has_no_diplomas(self, world: World, edition: Edition, tmp_path: Path) -> None:
        class_ = world.class_(edition)
        with pytest.raises(DiplomaError, match="no pupils"):
            world.ops.classes.write_diplomas(class_.class_id, tmp_path / "d.pdf")
        assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def ranked(world: World) -> Edition:
    """Four classes of three schools: A1 and A2 of one school, B1, and C1 of a collège."""
    edition = world.school_edition()
    first, second = world.school(name="A"), world.school(name="B")
    for name, school, level, size, times in (
        ("A1", first, "elementaire", 8, 1),
        ("A2", first, "college", 6, 3),
        ("B1", second, "elementaire", 10, 2),
        ("C1", world.school("college", name="C"), "college", 2, 4),
    ):
        class_ = world.class_(edition, *(f"P{chr(97 + i)}" for i in range(size)), school=school, level=level, name=name)
        for _ in range(times):
            world.ops.classes.validate(class_.class_id, challenge(world, class_, "s-walk"))
    return edition


class TestRankings:
    def test_classes_rank_by_points_per_pupil_among_all_and_within_their_level(
        self, world: World, ranked: Edition
    ) -> None:
        lines = list(world.visitor.rankings.iterate(ranked.id, "class"))
        # Two pupils count as six, the least size of a class: 16 points are 2.67 for each.
        assert [(line.rank, line.level_rank, line.label, line.value) for line in lines] == [  # type: ignore[attr-defined]
            (1, 1, "A2", 600),
            (2, 1, "B1", 400),
            (3, 2, "C1", 267),
            (4, 2, "A1", 200),
        ]
        of_level = world.visitor.rankings.page(ranked.id, "class", level="college").rows
        assert [line.label for line in of_level] == ["A2", "C1"]
        assert list(world.visitor.rankings.iterate(ranked.id, "league")) == []
        assert list(world.visitor.rankings.iterate(ranked.id, "player")) == []

    def test_schools_are_the_sum_of_their_classes_over_all_levels_and_in_one(
        self, world: World, ranked: Edition
    ) -> None:
        lines = list(world.visitor.rankings.iterate(ranked.id, "school"))
        assert [(line.rank, line.label, line.classes, line.points, line.players, line.value) for line in lines] == [  # type: ignore[attr-defined]
            (1, "B", 1, 40, 10, 400),
            (2, "A", 2, 16 + 36, 14, round(5200 / 14)),
            (3, "C", 1, 16, 2, round(1600 / 6)),
        ]
        college = world.visitor.rankings.page(ranked.id, "school", level="college").rows
        assert [(line.rank, line.label, line.points) for line in college] == [(1, "A", 36), (2, "C", 16)]

    def test_pages_follow_one_another_and_belong_to_their_ranking(self, world: World, ranked: Edition) -> None:
        for scope, level in (("class", None), ("class", "college"), ("school", None), ("school", "elementaire")):
            whole = [line.subject_id for line in world.visitor.rankings.iterate(ranked.id, scope, level=level)]
            seen, after = [], None
            for _ in whole:
                page = world.visitor.rankings.page(ranked.id, scope, 1, after, level=level)
                seen += [line.subject_id for line in page.rows]
                after = page.after
            assert (seen, after) == (whole, None)
        with pytest.raises(ValueError, match="level"):
            world.visitor.rankings.page(ranked.id, "player", level="college")

    def test_statistics_count_pupils_classes_and_schools(self, world: World, ranked: Edition) -> None:
        found = world.visitor.editions.statistics(ranked.id)
        assert found is not None
        assert (found.players, found.classes, found.schools, found.leagues, found.points) == (26, 4, 3, 0, 108)
