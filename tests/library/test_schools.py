"""Schools on a real stack: the directory, search, and corrections."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from mpp_supabase import DirectoryError, MPPError
from mpp_supabase import errors as refused
from tests.support.world import World, new_rne

HEADER = (
    "Identifiant_de_l_etablissement",
    "Nom_etablissement",
    "Type_etablissement",
    "Code_postal",
    "Nom_commune",
    "Ecole_maternelle",
    "Ecole_elementaire",
)


def row(rne: str, name: str = "École du Test", kind: str = "Ecole", **other: str) -> tuple[str, ...]:
    return (rne, name, kind, other.get("postcode", "01000"), other.get("city", "Exempleville"), "0", "1")


def directory(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([HEADER, *rows])
    return path


class TestDirectory:
    def test_loading_it_twice_changes_nothing_and_a_new_name_changes_one(self, world: World, tmp_path: Path) -> None:
        codes = [new_rne() for _ in range(3)]
        file = directory(tmp_path / "schools.csv", *map(row, codes))
        first = world.ops.schools.import_directory(file)
        assert (first.schools, first.added, first.changed, first.unchanged, first.problem_count) == (3, 3, 0, 0, 0)
        before = world.fingerprint()
        again = world.ops.schools.import_directory(file)
        assert (again.added, again.changed, again.unchanged) == (0, 0, 3)
        assert world.fingerprint() == before
        directory(file, row(codes[0], "École renommée"), *map(row, codes[1:]))
        assert world.ops.schools.import_directory(file).changed == 1
        assert world.ops.schools.get(codes[0]).name == "École renommée"

    def test_bad_rows_are_named_and_the_others_are_loaded(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mpp_supabase.services.schools.BATCH", 4)
        good = [new_rne() for _ in range(9)]
        wrong_letter = good[0][:-1] + ("A" if good[0][-1] != "A" else "B")
        rows = [
            *map(row, good[1:5]),
            row(wrong_letter),
            row(good[0], "x" * 121),
            row(new_rne(), city="y" * 81),
            # What only the database refuses: an accent upon an accent upon an accent.
            row(new_rne(), "Ecole e\u0302\u0302\u0302\u0302"),
            row(good[5], kind="Service Administratif"),
            *map(row, good[6:]),
        ]
        seen: list[tuple[int, int]] = []
        file = directory(tmp_path / "schools.csv", *rows)
        outcome = world.ops.schools.import_directory(file, on_progress=lambda done, total: seen.append((done, total)))
        assert (outcome.schools, outcome.added, outcome.problem_count) == (8, 8, 3)
        assert outcome.left_out == {"type Service Administratif": 1}
        assert [problem.line for problem in outcome.problems] == [6, 8, 9]
        assert all(problem.fix for problem in outcome.problems)
        assert seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1]
        assert world.ops.schools.get(good[8]).city == "Exempleville"
        # Too long for a name, which is no fault of the school's.
        assert len(world.ops.schools.get(good[0]).name) <= 120
        with pytest.raises(refused.SchoolUnknown):
            world.ops.schools.get(good[5])

    def test_a_dry_run_sends_nothing(self, world: World, tmp_path: Path) -> None:
        before = world.fingerprint()
        file = directory(tmp_path / "schools.csv", *(row(new_rne()) for _ in range(2)))
        outcome = world.ops.schools.import_directory(file, dry_run=True)
        assert (outcome.schools, outcome.added, outcome.dry_run) == (2, 0, True)
        assert world.fingerprint() == before

    def test_another_file_is_refused_before_anything_is_sent(self, world: World, tmp_path: Path) -> None:
        file = tmp_path / "other.csv"
        file.write_text("a;b\n1;2\n")
        before = world.fingerprint()
        with pytest.raises(DirectoryError, match="has no column"):
            world.ops.schools.import_directory(file)
        assert world.fingerprint() == before


class TestSchools:
    def test_a_school_is_found_by_every_word_of_its_name_place_and_code(self, world: World) -> None:
        school = world.school("college", name="Collège Hélène-de-l’Essai")
        assert school.rne is not None
        for text in ("helene essai exempleville", "COLLEGE Hélène", school.rne, f"01000 {school.rne[:5]}"):
            assert school in world.ops.schools.search(text, limit=100), text
        assert school not in world.ops.schools.search("helene essai", level="lycee")
        assert school not in world.ops.schools.search("helene essai", country="DE")
        with pytest.raises(refused.InvalidField):
            world.ops.schools.search("ab")

    def test_a_school_is_got_by_id_or_code_however_it_is_typed(self, world: World) -> None:
        school = world.school()
        assert school.rne is not None
        for who in (school.school_id, str(school.school_id), school.rne, f" {school.rne[:4]} {school.rne[4:].lower()}"):
            assert world.ops.schools.get(who) == school
        for nobody in ("0000000A", "nothing"):
            with pytest.raises(refused.SchoolUnknown):
                world.ops.schools.get(nobody)

    def test_the_same_school_abroad_is_added_once(self, world: World) -> None:
        name = f"Beispielschule {new_rne()}"
        first = world.ops.schools.add(name, "Musterstadt", "12345", ["college"], country="DE")
        again = world.ops.schools.add(name.upper(), "musterstadt", "12345", ["lycee"], country="DE")
        assert again == first
        assert first.levels == ("college",)

    @pytest.mark.parametrize(
        "changes",
        [
            {"rne": None},
            {"rne": "0000000B"},
            {"postcode": "1000"},
            {"levels": []},
            {"levels": ["prepa"]},
            {"name": " "},
        ],
        ids=str,
    )
    def test_a_school_with_something_wrong_is_refused(self, world: World, changes: dict[str, Any]) -> None:
        given = {"name": "École", "city": "Ville", "postcode": "01000", "levels": ["lycee"], "rne": new_rne()} | changes
        before = world.fingerprint()
        with pytest.raises(refused.InvalidField):
            world.ops.schools.add(**given)
        assert world.fingerprint() == before

    def test_a_school_is_corrected_taken_off_the_lists_and_put_back(self, world: World) -> None:
        school = world.school()
        world.ops.schools.correct(school.school_id, name="École des Érables", levels=["lycee", "college"])
        corrected = world.ops.schools.get(school.school_id)
        assert (corrected.name, corrected.levels, corrected.city) == (
            "École des Érables",
            ("college", "lycee"),
            school.city,
        )
        world.ops.schools.correct(school.school_id, hidden=True)
        with pytest.raises(refused.SchoolUnknown):
            world.ops.schools.get(school.school_id)
        world.ops.schools.correct(school.school_id, hidden=False)
        assert world.ops.schools.get(school.school_id) == corrected
        (act, *_) = world.ops.audit.page(1, action="school.correct").rows
        assert act.subject == str(school.school_id)

    def test_a_visitor_reads_schools_and_changes_none(self, world: World, tmp_path: Path) -> None:
        school = world.school()
        assert world.visitor.schools.get(school.school_id) == school
        file = directory(tmp_path / "schools.csv", row(new_rne()))
        before = world.fingerprint()
        for act in (
            lambda: world.visitor.schools.search("tilleuls"),
            lambda: world.visitor.schools.add("École", "Ville", "01000", ["lycee"], rne=new_rne()),
            lambda: world.visitor.schools.correct(school.school_id, name="Non"),
            lambda: world.visitor.schools.import_directory(file),
        ):
            with pytest.raises(MPPError):
                act()
        assert world.fingerprint() == before
