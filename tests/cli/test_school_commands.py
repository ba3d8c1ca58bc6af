"""Commands for schools, classes and pupils on a real stack: what they print, where, and how they end."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from mpp_cli.exits import Exit
from mpp_supabase import Edition, SchoolClass
from tests.library.test_schools import directory, row
from tests.support.spreadsheets import Row, write_sheet
from tests.support.world import World, new_rne

from .conftest import Mpp

NOBODY = "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77"


@pytest.fixture(scope="module")
def edition(world: World) -> Edition:
    """A running school edition, for classes of each test's own."""
    return world.school_edition()


@pytest.fixture
def class_(world: World, edition: Edition) -> SchoolClass:
    """A class with two Linas and a Noé."""
    return world.class_(edition, "Lina M", "Lina B", "Noé")


@pytest.fixture(scope="module")
def untouched(world: World, edition: Edition) -> SchoolClass:
    """A class as above, for what must not change it."""
    return world.class_(edition, "Lina M", "Lina B", "Noé")


class TestSchools:
    def test_the_directory_is_loaded_once_and_bad_rows_are_named(self, mpp: Mpp, world: World, tmp_path: Path) -> None:
        file = directory(tmp_path / "schools.csv", row(new_rne()), row("0000000X"), row(new_rne(), kind="Autre"))
        before = world.fingerprint()
        checked = mpp("school", "directory", "import", file, "--dry-run")
        assert (checked.code, checked.out) == (Exit.OK, "")
        assert "1 school and 1 bad row; nothing was sent (dry run)." in checked.err
        assert world.fingerprint() == before
        ended = mpp("school", "directory", "import", file)
        assert "schools.csv, line 3, Identifiant_de_l_etablissement: the letter does not go" in ended.err
        assert "1 type Autre" in ended.err
        assert "1 added, 0 changed, 0 as they were; 1 bad row." in ended.err
        assert "Nothing to change: 1 school" in mpp("school", "directory", "import", file).err
        (problem,) = mpp("school", "directory", "import", file, "--json").json()["problems"]
        assert (problem["line"], bool(problem["fix"])) == (3, True)

    def test_a_file_that_is_no_directory_is_an_invalid_file(self, mpp: Mpp, tmp_path: Path) -> None:
        for name, text in (("absent.csv", None), ("other.csv", "a;b\n1;2\n"), ("empty.csv", "")):
            if text is not None:
                (tmp_path / name).write_text(text)
            ended = mpp("school", "directory", "import", tmp_path / name)
            assert (ended.code, ended.out) == (Exit.FILE_INVALID, ""), name
            assert name in ended.err

    def test_a_school_is_added_found_shown_and_corrected(self, mpp: Mpp) -> None:
        rne, name = new_rne(), f"Collège de l’Épreuve {new_rne()}"
        place = ("--city", "Exempleville", "--postcode", "01000")
        added = mpp("school", "add", "--name", name, *place, "--rne", rne, "--level", "collège", "--json").json()
        assert (added["rne"], added["levels"]) == (rne, ["college"])
        assert mpp("school", "add", "--name", name, *place, "--level", "college").code == Exit.REFUSED
        found = mpp("school", "search", "epreuve", name[-8:])
        assert rne in found.out
        assert "Exempleville" in found.out
        assert mpp("school", "search", "epreuve", name[-8:], "--level", "lycee").out == ""
        assert mpp("school", "correct", rne).code == Exit.USAGE
        assert mpp("school", "correct", rne, "--city", "Nouvelleville").code == Exit.OK
        assert "01000 Nouvelleville, FR" in mpp("school", "show", rne).out
        asked = mpp("school", "correct", rne, "--hide")
        assert (asked.code, "0 of its classes leave the rankings" in asked.err) == (Exit.USAGE, True)
        assert "is off the lists" in mpp("school", "correct", rne, "--hide", "--yes").err
        gone = mpp("school", "show", rne)
        assert (gone.code, "[MP080]" in gone.err) == (Exit.REFUSED, True)
        assert mpp("school", "correct", added["school_id"], "--unhide").code == Exit.OK
        assert mpp("school", "show", rne, "--json").json()["city"] == "Nouvelleville"

    def test_hiding_a_school_says_which_classes_leave_the_rankings(self, mpp: Mpp, world: World) -> None:
        school, running, frozen = world.school(), world.school_edition(), world.school_edition()
        for edition in (running, running, frozen):
            world.class_(edition, "Lina", school=school, name=new_rne())
        world.ops.editions.close(frozen.code, "A test")
        world.ops.editions.freeze(frozen.code)
        before = world.fingerprint()
        asked = mpp("school", "correct", school.rne, "--hide")
        assert asked.code == Exit.USAGE
        assert "3 of its classes leave the rankings" in asked.err
        assert f"2 of {running.code}" in asked.err
        assert f"1 of {frozen.code}, which is frozen: no way back" in asked.err
        assert world.fingerprint() == before
        hidden = mpp("school", "correct", school.rne, "--hide", "--yes")
        assert "with its classes of editions that are not frozen" in hidden.err
        assert mpp("ranking", "classes", running.code, "--json").json() == []
        shown = mpp("school", "correct", school.school_id, "--unhide")
        assert (shown.code, "is on the lists" in shown.err) == (Exit.OK, True)
        assert len(mpp("ranking", "classes", running.code, "--json").json()) == 2
        assert mpp("ranking", "classes", frozen.code, "--json").json() == []

    def test_a_level_that_is_none_is_a_usage_error(self, mpp: Mpp, edition: Edition) -> None:
        for command in (
            ("school", "search", "ecole", "--level", "prepa"),
            ("class", "list", edition.code, "--level", "prepa"),
            ("ranking", "classes", edition.code, "--level", "prepa"),
            ("ranking", "schools", edition.code, "--level", "prepa"),
        ):
            ended = mpp(*command)
            assert (ended.code, "maternelle, elementaire, college, lycee" in ended.err) == (Exit.USAGE, True)


class TestClasses:
    def test_a_class_is_created_listed_shown_and_corrected(self, mpp: Mpp, world: World, edition: Edition) -> None:
        school, teacher = world.school(), world.teacher()
        created = mpp(
            *("class", "create", edition.code, "--name", "CE2 B", "--level", "élémentaire"),
            *("--school", school.rne, "--teacher", teacher.account.email, "--team", "Loutres", "--json"),
        )
        class_id = created.json()["class_id"]
        (listed,) = mpp("class", "list", edition.code, "--school", school.rne, "--json").json()
        assert (listed["class_id"], listed["name"], listed["level"]) == (class_id, "CE2 B", "elementaire")
        assert mpp("class", "correct", class_id, "--name", "CM1 A").code == Exit.OK
        assert mpp("class", "correct", class_id).code == Exit.USAGE
        shown = mpp("class", "show", class_id).out
        assert "CM1 A" in shown
        assert f"01000 Exempleville ({school.rne})" in shown
        assert str(teacher.account.email) in mpp("class", "teachers", class_id).out
        assert "Loutres" in mpp("class", "teams", class_id).out
        assert "no pupil yet" in mpp("class", "pupils", class_id).err
        first = mpp("class", "list", edition.code, "--limit", 1)
        assert (
            "More: add --after" in first.err or len(mpp("class", "list", edition.code, "--all", "--json").json()) == 1
        )

    def test_who_or_what_is_not_there_is_refused_and_named(self, mpp: Mpp, class_: SchoolClass) -> None:
        for command, words in (
            (("class", "show", NOBODY), f"no class {NOBODY}"),
            (("class", "pupils", NOBODY), f"no class {NOBODY}"),
            (("class", "validate", NOBODY, "s-walk"), f"no class {NOBODY}"),
            (("class", "validate", class_.class_id, "s-wolk"), "s-wolk (did you mean s-walk?)"),
            (("class", "validate", class_.class_id, "s-walk", "--pupil", "Lina"), "Lina could be Lina M. or Lina B."),
            (("class", "validate", class_.class_id, "s-walk", "--team", "Castors"), "no team Castors"),
            (("class", "hand-over", class_.class_id, "nobody@example.org", "--yes"), "no account nobody@example.org"),
            (("pupil", "remove", class_.class_id, "Zoé", "--yes"), "nobody is called Zoé"),
        ):
            ended = mpp(*command)
            assert (ended.code, ended.out) == (Exit.REFUSED, ""), command
            assert words in ended.err
        assert mpp("class", "show", "nonsense").code == Exit.USAGE

    def test_a_challenge_is_validated_and_taken_back(self, mpp: Mpp, class_: SchoolClass) -> None:
        class_id = class_.class_id
        whole = mpp("class", "validate", class_id, "s-walk")
        assert "s-walk is validated for 3 pupils." in whole.err
        assert "Lina M." in whole.out
        one = mpp("class", "validate", class_id, "s-walk", "--pupil", "noe", "--json").json()
        assert [found["points"] for found in one] == [2]
        key = str(uuid.uuid4())
        same = ("class", "validate", class_id, "s-soup", "--pupil", "noe", "--request-key", key, "--json")
        assert mpp(*same).json() == mpp(*same).json()
        rest = mpp("class", "validate", class_id, "s-soup")
        assert "validated for 2 pupils; 1 had reached its limit." in rest.err
        assert "at the limit" in rest.out
        assert "[MP043]" in mpp("class", "validate", class_id, "s-proof").err
        assert mpp("class", "validate", class_id, "s-proof", "--proof-sent").code == Exit.OK
        assert (
            "until enough of their team did it" in mpp("class", "validate", class_id, "s-lamps", "--pupil", "noe").err
        )
        assert mpp("class", "validate", class_id, "s-walk", "--pupil", "noe", "--team", "x").code == Exit.USAGE
        asked = mpp("class", "cancel", class_id, "s-walk", "--pupil", "noe")
        assert (asked.code, "Cancel 1 validation of s-walk?" in asked.err) == (Exit.USAGE, True)
        assert "1 validation" in mpp("class", "cancel", class_id, "s-walk", "--pupil", "noe", "--yes").err
        assert "3 validations" in mpp("class", "cancel", class_id, "s-walk", "--every", "--yes").err
        assert "Nothing to cancel" in mpp("class", "cancel", class_id, "s-walk", "--yes").err
        earned = {c["code"]: c["points_earned"] for c in mpp("class", "challenges", class_id, "--json").json()}
        assert (earned["s-walk"], earned["s-soup"]) == (0, 9)

    def test_the_choice_of_challenges_is_shown(self, mpp: Mpp, class_: SchoolClass) -> None:
        class_id = class_.class_id
        assert "plays 2 challenges." in mpp("class", "choose", class_id, "s-walk", "s-soup").err
        chosen = mpp("class", "challenges", class_id, "--in-play", "--json").json()
        assert [c["code"] for c in chosen] == ["s-soup", "s-walk"]
        assert "[MP084]" in mpp("class", "validate", class_id, "s-lamps").err
        assert "(all of its level)" in mpp("class", "choose", class_id, "--all").err
        for wrong in ((), ("--all", "s-walk")):
            assert mpp("class", "choose", class_id, *wrong).code == Exit.USAGE

    def test_codes_are_data_and_taking_one_away_asks_first(self, mpp: Mpp, class_: SchoolClass) -> None:
        class_id = class_.class_id
        assert mpp("class", "code", "show", class_id).out == f"{class_.class_code}\n"
        for command in ("renew", "revoke"):
            assert (mpp("class", "code", command, class_id).code) == Exit.USAGE
        renewed = mpp("class", "code", "renew", class_id, "--yes").out.strip()
        assert mpp("class", "code", "show", class_id).out.strip() == renewed != class_.class_code
        assert mpp("class", "code", "revoke", class_id, "--yes").code == Exit.OK
        assert mpp("class", "code", "show", class_id).out == ""

    def test_a_colleague_is_invited_and_takes_over(self, mpp: Mpp, world: World, class_: SchoolClass) -> None:
        class_id, colleague = class_.class_id, world.teacher()
        email = str(colleague.account.email)
        colleague.call("accept_class", code=mpp("class", "invite", class_id).out.strip())
        assert mpp("class", "hand-over", class_id, email).code == Exit.USAGE
        assert mpp("class", "hand-over", class_id, email, "--yes").code == Exit.OK
        principal, former = mpp("class", "teachers", class_id, "--json").json()
        assert principal["teacher_id"] == str(colleague.account.id)
        assert mpp("class", "remove-teacher", class_id, email, "--yes").code == Exit.REFUSED
        assert mpp("class", "remove-teacher", class_id, former["teacher_id"], "--yes").code == Exit.OK
        assert len(mpp("class", "teachers", class_id, "--json").json()) == 1


class TestPupils:
    def test_a_second_lina_gets_an_initial_with_the_first(self, mpp: Mpp, world: World, edition: Edition) -> None:
        class_id = world.class_(edition, "Lina").class_id
        refused = mpp("pupil", "add", class_id, "Lina:B", "Zoé")
        assert (refused.code, "--known Lina:M" in refused.err) == (Exit.REFUSED, True)
        tried = mpp("pupil", "add", class_id, "Lina:B", "Zoé", "--known", "Lina:M", "--dry-run")
        assert "2 pupils would be added; nothing was written (dry run)." in tried.err
        added = mpp("pupil", "add", class_id, "Lina:B", "Zoé", "--known", "Lina:M", "--json").json()
        assert [pupil["name"] for pupil in added] == ["Lina M.", "Lina B.", "Zoé"]
        assert mpp("pupil", "add", class_id, "Noé", "--known", "Lina").code == Exit.USAGE

    def test_a_pupil_is_corrected_moved_and_removed(self, mpp: Mpp, class_: SchoolClass) -> None:
        class_id = class_.class_id
        corrected = mpp("pupil", "correct", class_id, "noe", "--first-name", "Noa", "--team", "Castors")
        assert "Noé is now Noa, in team Castors." in corrected.err
        assert "initial was left out" in mpp("pupil", "correct", class_id, "Noa", "--initial", "B").err
        assert mpp("pupil", "correct", class_id, "Noa").code == Exit.USAGE
        asked = mpp("pupil", "remove", class_id, "Lina M.")
        assert (asked.code, "Take Lina M. out of CE2 for good?" in asked.err) == (Exit.USAGE, True)
        assert mpp("pupil", "remove", class_id, "Lina M.", "--yes").code == Exit.OK
        assert [p["name"] for p in mpp("class", "pupils", class_id, "--json").json()] == ["Lina", "Noa"]

    def test_keys_of_json_and_columns_of_csv_are_those_of_the_model(self, mpp: Mpp, class_: SchoolClass) -> None:
        keys = [
            "class_id",
            "pupil_id",
            "team_id",
            "first_name",
            "initial",
            "name",
            "points",
            "validations",
            "joined_at",
        ]
        assert list(mpp("class", "pupils", class_.class_id, "--json").json()[0]) == keys
        header, *rows = csv.reader(io.StringIO(mpp("class", "pupils", class_.class_id, "--csv").out))
        assert (header, len(rows)) == (keys, 3)


BROKEN_ROSTERS: dict[str, tuple[tuple[Row, ...], list[str], str]] = {
    "surname column": ((["Prénom", "Nom"], ["Zoé", "Martin"]), ["B1"], "delete column B"),
    "e-mail column": ((["Prénom", "E-mail"], ["Zoé", "zoe@example.org"]), ["B1", "B2"], "delete"),
    "birth date column": ((["Prénom", "Date de naissance"], ["Zoé", "2017-03-12"]), ["B1"], "delete column B"),
    "a surname in the cell": ((["Prénom"], ["Lina Martin"], ["Noé"]), ["A2"], "leave the surname out"),
    "the same name twice": ((["Prénom"], ["Zoé"], ["Ana"], ["zoe"]), ["A2", "A4"], "initial"),
    "nobody": ((["Prénom"],), ["A2"], "write one first name in each row"),
    "several at once": ((["Prénom"], ["Zo3"], ["L" * 31], ["Ana Belin"]), ["A2", "A3", "A4"], ""),
    "which Lina": ((["Prénom"], ["Lina"]), ["A2"], "add the initial"),
}
BROKEN_TRACKING: dict[str, tuple[tuple[Row, ...], list[str], str]] = {
    "unknown challenge": ((["Prénom", "s-wolk"], ["Noé", "x"]), ["B1"], "did you mean"),
    "unknown pupil": ((["Prénom", "s-walk"], ["Noe", "x"], ["Nora", "x"]), ["A3"], "add the pupil"),
    "which Lina": ((["Prénom", "s-walk"], ["Lina", "x"]), ["A2"], "add the initial"),
    "no mark": ((["Prénom", "s-walk"], ["Noé", "maybe"]), ["B2"], "use x"),
    "too often": ((["Prénom", "s-soup", "s-walk"], ["Noé", 2, 6]), ["B2", "C2"], "write"),
    "before the edition": ((["Prénom", "s-walk"], ["Noé", "01/02/2020"]), ["B2"], "the edition goes from"),
    "outside a window": ((["Prénom", "s-flash"], ["Noé", "x"]), ["B2"], "write the day it was done"),
    "the days of a window": ((["Prénom", "s-flash"], ["Noé", "01/02/2020"]), ["B2"], "the edition goes from"),
    "two columns": ((["Prénom", "s-walk", "Marche"], ["Noé", "x", "x"]), ["C1"], "keep one column"),
}


class TestSpreadsheets:
    @pytest.mark.parametrize("ending", [".xlsx", ".csv"])
    @pytest.mark.parametrize(
        ("kind", "name"), [*(("roster", n) for n in BROKEN_ROSTERS), *(("tracking", n) for n in BROKEN_TRACKING)]
    )
    def test_a_broken_sheet_is_answered_cell_by_cell_and_changes_nothing(
        self, mpp: Mpp, world: World, untouched: SchoolClass, tmp_path: Path, kind: str, name: str, ending: str
    ) -> None:
        rows, cells, fix = (BROKEN_ROSTERS if kind == "roster" else BROKEN_TRACKING)[name]
        file = write_sheet(tmp_path / f"classe{ending}", *rows)
        before = world.fingerprint()
        ended = mpp("class", kind, "import", untouched.class_id, file)
        assert (ended.code, ended.out) == (Exit.FILE_INVALID, "")
        _, *answered, last = ended.err.splitlines()
        place = "Classe!" if ending == ".xlsx" else ""
        named = [re.fullmatch(rf"classe\{ending}: {place}([A-Z]+\d+): .+ — (.+)", line) for line in answered]
        assert [found and found[1] for found in named] == cells, ended.err
        assert all(found and fix in found[2] for found in named), ended.err
        assert last == f"mpp: {len(cells)} problem{'s' * (len(cells) > 1)}; nothing was changed."
        assert world.fingerprint() == before

    @pytest.mark.parametrize("kind", ["roster", "tracking"])
    def test_a_file_that_is_no_sheet_is_answered_before_anything_is_sent(
        self, mpp: Mpp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
        (tmp_path / "zip.xlsx").write_bytes(b"PK\x03\x04nothing")
        (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
        (tmp_path / "nul.csv").write_bytes(b"Pr\x00nom\n")
        for name in ("absent.xlsx", "zip.xlsx", "old.xls", "nul.csv"):
            ended = mpp("class", kind, "import", NOBODY, tmp_path / name)
            assert (ended.code, name in ended.err) == (Exit.FILE_INVALID, True), ended.err

    def test_a_roster_from_the_template_to_the_class(
        self, mpp: Mpp, world: World, edition: Edition, tmp_path: Path
    ) -> None:
        class_id, file = world.class_(edition).class_id, tmp_path / "classe.csv"
        assert mpp("class", "roster", "template", "-o", file, "--language", "en").code == Exit.OK
        with file.open("a", encoding="utf-8") as open_file:
            open_file.write("Lina;M;\nLina;B;\nNoé;;\n")
        before = world.fingerprint()
        tried = mpp("class", "roster", "import", class_id, file, "--dry-run")
        assert tried.out.splitlines() == ["+ Lina M.", "+ Lina B.", "+ Noé"]
        assert "3 added, 0 corrected, 0 as they were; nothing was written (dry run)." in tried.err
        assert world.fingerprint() == before
        assert mpp("class", "roster", "import", class_id, file, "--json").json()["unchanged"] == 0
        before = world.fingerprint()
        assert "Nothing to change: the class has the 3 pupils" in mpp("class", "roster", "import", class_id, file).err
        assert world.fingerprint() == before
        assert mpp("class", "roster", "export", class_id, "-o", tmp_path / "out.xlsx").code == Exit.OK
        workbook = openpyxl.load_workbook(tmp_path / "out.xlsx")
        workbook.create_sheet("Semaine 2")
        read, *others = workbook.sheetnames
        workbook.save(tmp_path / "weeks.xlsx")
        ended = mpp("class", "roster", "import", class_id, tmp_path / "weeks.xlsx")
        assert f"Read from the sheet {read}; not read: {', '.join(others)}." in ended.err
        file.write_text("Prénom;Initiale\nLina;M\nLina;B\nZoé;\n", encoding="utf-8")
        ended = mpp("class", "roster", "import", class_id, file)
        assert "Not in the file, and still in the class: Noé." in ended.err

    def test_an_initial_that_nobody_can_confirm_is_told(
        self, mpp: Mpp, world: World, edition: Edition, tmp_path: Path
    ) -> None:
        class_id = world.class_(edition, "Lina").class_id
        pupils = write_sheet(tmp_path / "r.csv", ["Prénom", "Initiale"], ["Lina", "B"])
        marks = write_sheet(tmp_path / "t.csv", ["Prénom", "Initiale", "s-walk"], ["Lina", "B", "x"])
        for kind, file in (("roster", pupils), ("tracking", marks)):
            for more in (("--dry-run",), ()):
                ended = mpp("class", kind, "import", class_id, file, *more)
                assert "B2: Lina B. is read as Lina, the only one in the class." in ended.err
            again = mpp("class", kind, "import", class_id, file, "--json").json()
            assert again["read_as"] == [["B2", "Lina B.", "Lina"]]

    def test_a_file_that_is_there_is_not_written_over(self, mpp: Mpp, class_: SchoolClass, tmp_path: Path) -> None:
        class_id = class_.class_id
        for command, name in (
            (("roster", "template"), "a.csv"),
            (("roster", "export", class_id), "b.xlsx"),
            (("tracking", "template", class_id), "c.xlsx"),
            (("tracking", "export", class_id), "d.csv"),
            (("diplomas", class_id), "e.pdf"),
        ):
            file = tmp_path / name
            file.write_text("mine")
            refused = mpp("class", *command, "-o", file)
            assert (refused.code, refused.out, file.read_text()) == (Exit.USAGE, "", "mine")
            assert "--force" in refused.err
            assert mpp("class", *command, "-o", file, "--force").code == Exit.OK
            assert file.read_bytes() != b"mine"

    def test_a_tracking_sheet_goes_out_is_filled_and_comes_back(
        self, mpp: Mpp, world: World, class_: SchoolClass, tmp_path: Path
    ) -> None:
        class_id, file = class_.class_id, tmp_path / "suivi.csv"
        mpp("class", "choose", class_id, "s-walk", "s-soup")
        assert "3 pupils" in mpp("class", "tracking", "template", class_id, "-o", file).err
        text = file.read_text(encoding="utf-8-sig")
        assert text.splitlines()[1] == "Code;;;s-soup;s-walk"
        file.write_text(text.replace("Team 1;;", "Team 1;x;2"), encoding="utf-8")
        before = world.fingerprint()
        tried = mpp("class", "tracking", "import", class_id, file, "--dry-run")
        assert "9 validations to record, 0 recorded already; nothing was written (dry run)." in tried.err
        assert world.fingerprint() == before
        assert "9 validations recorded" in mpp("class", "tracking", "import", class_id, file).err
        before = world.fingerprint()
        again = mpp("class", "tracking", "import", class_id, file)
        assert "Nothing to change: 3 pupils and 2 challenges in suivi.csv, 9 validations recorded" in again.err
        for more in ((), ("--dates",)):
            assert mpp("class", "tracking", "export", class_id, "-o", tmp_path / "out.xlsx", "--force", *more).code == 0
            assert mpp("class", "tracking", "import", class_id, tmp_path / "out.xlsx", "--json").json()["recorded"] == 0
        assert world.fingerprint() == before

    def test_a_file_that_cannot_be_written_is_a_usage_or_an_output_error(
        self, mpp: Mpp, class_: SchoolClass, tmp_path: Path
    ) -> None:
        class_id = class_.class_id
        for command in (
            ("class", "roster", "template"),
            ("class", "roster", "export", class_id),
            ("class", "tracking", "template", class_id),
            ("class", "tracking", "export", class_id),
        ):
            assert mpp(*command, "-o", tmp_path / "x.doc").code == Exit.USAGE
            assert mpp(*command, "-o", tmp_path / "x.csv", "--language", "it").code == Exit.USAGE
            ended = mpp(*command, "-o", tmp_path / "no such directory" / "x.csv")
            assert (ended.code, "cannot be written" in ended.err) == (Exit.OUTPUT, True)
        assert mpp("class", "diplomas", class_id, "-o", tmp_path / "no such" / "x.pdf").code == Exit.OUTPUT
        assert list(tmp_path.iterdir()) == []


class TestForgetting:
    def test_the_pupils_of_a_frozen_edition_are_forgotten_once_somebody_confirms(self, mpp: Mpp, world: World) -> None:
        edition = world.school_edition()
        made = world.class_(edition, "Lina", "Noé")
        early = mpp("class", "forget", edition.code, "--yes")
        assert (early.code, "is not frozen yet. [MP026]" in early.err) == (Exit.REFUSED, True)
        world.ops.editions.close(edition.code, "A test")
        world.ops.editions.freeze(edition.code)
        before = world.fingerprint()
        asked = mpp("class", "forget", edition.code)
        assert (asked.code, "first names of the 2 pupils in 1 class" in asked.err) == (Exit.USAGE, True)
        assert world.fingerprint() == before
        done = mpp("class", "forget", edition.code, "--yes")
        assert (done.code, "The first names of 2 pupils" in done.err) == (Exit.OK, True)
        assert mpp("class", "pupils", made.class_id, "--json").json() == []
        assert mpp("class", "code", "show", made.class_id).out == ""


class TestDiplomas:
    def test_a_class_and_a_whole_edition_are_printed(self, mpp: Mpp, world: World, tmp_path: Path) -> None:
        edition, school = world.school_edition(), world.school()
        first = world.class_(edition, "Lina", "Élodie", school=school, name="CE2")
        world.class_(edition, "Noé", school=school, name="CM1")
        one = mpp("class", "diplomas", first.class_id, "-o", tmp_path / "ce2.pdf", "--language", "de")
        assert (one.code, "3 pages in" in one.err) == (Exit.OK, True)
        every = mpp("class", "diplomas", "--edition", edition.code, "-o", tmp_path / "all", "--figures", "both")
        assert "The diplomas of 2 classes are in" in every.err
        names = sorted(path.name for path in (tmp_path / "all").iterdir())
        assert names == ["ecole-des-tilleuls-ce2.pdf", "ecole-des-tilleuls-cm1.pdf"]
        again = ("class", "diplomas", "--edition", edition.code, "-o", tmp_path / "all")
        refused = mpp(*again)
        assert (refused.code, "holds PDFs already" in refused.err) == (Exit.USAGE, True)
        assert mpp(*again, "--force").code == Exit.OK

    def test_what_it_should_print_must_be_clear(self, mpp: Mpp, class_: SchoolClass, tmp_path: Path) -> None:
        pdf = ("-o", tmp_path / "x.pdf")
        for wrong in (
            pdf,
            (class_.class_id, "--edition", "x", *pdf),
            (class_.class_id, "-o", tmp_path / "x.doc"),
            (class_.class_id, "--language", "it", *pdf),
            (class_.class_id, "--figures", "ranks", *pdf),
        ):
            assert mpp("class", "diplomas", *wrong).code == Exit.USAGE
        assert list(tmp_path.iterdir()) == []


class TestRankings:
    def test_classes_and_schools_are_ranked_over_all_levels_and_in_one(self, mpp: Mpp, world: World) -> None:
        edition, school = world.school_edition(), world.school(name="École des Frênes")
        for name, level, times in (("CE2", "elementaire", 1), ("6e", "college", 2)):
            made = world.class_(edition, *(f"P{letter}" for letter in "abcdef"), school=school, level=level, name=name)
            for _ in range(times):
                mpp("class", "validate", made.class_id, "s-walk")
        lines = mpp("ranking", "classes", edition.code).out.splitlines()
        assert [line.split()[:4] for line in lines[2:]] == [
            ["1", "6e", "1", "college"],
            ["2", "CE2", "1", "elementaire"],
        ]
        assert "École des Frênes" in lines[2]
        (line,) = mpp("ranking", "classes", edition.code, "--level", "college", "--json").json()
        assert (line["label"], line["points_per_player"], line["school_label"]) == ("6e", 4.0, "École des Frênes")
        (whole,) = mpp("ranking", "schools", edition.code, "--json").json()
        (part,) = mpp("ranking", "schools", edition.code, "--level", "elementaire", "--json").json()
        assert [(line["points"], line["classes"], line["level"]) for line in (whole, part)] == [
            (36, 2, None),
            (12, 1, "elementaire"),
        ]
        header = next(csv.reader(io.StringIO(mpp("ranking", "classes", edition.code, "--csv").out)))
        assert {"level_rank", "school_label", "city"} <= set(header)
        page = mpp("ranking", "classes", edition.code, "-n", 1)
        cursor = page.err.split("--after ")[1].split()[0]
        assert [
            row["label"] for row in mpp("ranking", "classes", edition.code, "--after", cursor, "--json").json()
        ] == ["CE2"]
        around = mpp("ranking", "around", line["subject_id"]).out
        assert "▶ 6e" in around
        for scope in ("class", "school"):
            assert "École des Frênes" in mpp("watch", edition.code, "--once", "--scope", scope).out
        assert "Classes" in mpp("edition", "stats", edition.code).out

    def test_an_edition_that_has_not_begun_takes_classes_and_no_validation(self, mpp: Mpp, world: World) -> None:
        edition = world.school_edition(starts_in=timedelta(days=3))
        made = world.class_(edition, "Lina")
        refused = mpp("class", "validate", made.class_id, "s-walk")
        assert (refused.code, "[MP022]" in refused.err) == (Exit.REFUSED, True)

    def test_a_class_that_is_none_is_taken_out_of_the_rankings(self, mpp: Mpp, world: World) -> None:
        edition = world.school_edition()
        made = world.class_(edition, "Lina")
        assert len(mpp("ranking", "classes", edition.code, "--json").json()) == 1
        mpp("class", "correct", str(made.class_id), "--out-of-rankings")
        for ranking in ("classes", "schools"):
            assert mpp("ranking", ranking, edition.code, "--json").json() == []
        mpp("class", "correct", str(made.class_id), "--in-rankings")
        assert len(mpp("ranking", "schools", edition.code, "--json").json()) == 1
