"""What is exported goes in again and changes nothing; formulas are written as text, and files appear whole."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_supabase.sheets import (
    LANGUAGES,
    KnownChallenge,
    KnownPupil,
    SheetError,
    match_roster,
    match_tracking,
    read_roster,
    read_tracking,
    write_roster,
    write_tracking,
)
from mpp_supabase.sheets.names import folded, is_label, is_one_word, loosely
from mpp_supabase.sheets.table import heads_a_group
from tests.support import ROOT

STARTS, ENDS = date(2026, 3, 9), date(2026, 3, 29)
PUPILS = [
    KnownPupil("p1", "Lina", "M", "Les loutres"),
    KnownPupil("p2", "Lina", "B", "-30 °C"),
    KnownPupil("p3", "Marie-Lou", None, None),
    KnownPupil("p4", "N’Golo", None, "=cmd|'/C calc'!A0"),
]
CHALLENGES = [
    KnownChallenge(1, "bike-to-school", {"fr": "Vélo boulot dodo", "en": "Ride, learn; repeat", "de": "Rad"}, None, 4),
    KnownChallenge(2, "one-more-tree", {"fr": "+1 arbre", "en": "=1 tree"}, 1, 3),
    KnownChallenge(3, "quotes", {"fr": 'Le "zéro"\ndéchet', "en": "@home"}, 5, 3),
]
MARKS = {("p1", 1): 1, ("p2", 1): 12, ("p3", 2): date(2026, 3, 12), ("p4", 3): 5}


@pytest.mark.parametrize("extension", ["xlsx", "csv"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_exported_roster_changes_nothing_when_it_comes_back(tmp_path: Path, extension: str, language: str) -> None:
    path = tmp_path / f"classe.{extension}"
    write_roster(path, PUPILS, language)
    roster = read_roster(path)
    assert [(p.first_name, p.initial, p.team) for p in roster.pupils] == [
        (p.first_name, p.initial, p.team) for p in PUPILS
    ]
    plan = match_roster(roster, PUPILS)
    assert (plan.known, plan.pupils, plan.not_in_file) == (tuple(PUPILS), [], ())


@pytest.mark.parametrize("extension", ["xlsx", "csv"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_exported_tracking_sheet_says_the_same_when_it_comes_back(
    tmp_path: Path, extension: str, language: str
) -> None:
    path = tmp_path / f"suivi.{extension}"
    write_tracking(path, PUPILS, CHALLENGES, MARKS, language)
    plan = match_tracking(read_tracking(path), PUPILS, CHALLENGES, STARTS, ENDS, ENDS)
    assert {(r.pupil_id, r.challenge_id): r.done_on or r.times for r in plan.rows} == MARKS


@pytest.mark.parametrize("language", LANGUAGES)
def test_templates_wait_for_what_they_are_made_for(tmp_path: Path, language: str) -> None:
    write_roster(tmp_path / "classe.xlsx", language=language)
    with pytest.raises(SheetError, match="A2: no pupil below the header"):
        read_roster(tmp_path / "classe.xlsx")
    write_tracking(tmp_path / "suivi.xlsx", PUPILS, CHALLENGES, language=language)
    tracking = read_tracking(tmp_path / "suivi.xlsx")
    assert (len(tracking.pupils), len(tracking.challenges), tracking.marks) == (4, 3, ())
    for name in ("classe.xlsx", "suivi.xlsx"):
        assert openpyxl.load_workbook(tmp_path / name).sheetnames[1] == LANGUAGES[language].how_to


def test_a_workbook_is_ready_to_fill_in_and_to_print(tmp_path: Path) -> None:
    write_tracking(tmp_path / "suivi.xlsx", PUPILS, CHALLENGES, MARKS)
    sheet = openpyxl.load_workbook(tmp_path / "suivi.xlsx")["Suivi"]
    assert sheet.freeze_panes == "D4"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (
        "landscape",
        1,
        0,
    )
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet["D1"].alignment.wrap_text
    assert sheet["D4"].alignment.horizontal == "center"
    assert (sheet["D2"].font.size, sheet["D2"].font.color.rgb) == (8, "00808080")
    assert [cell.value for cell in sheet[3]] == ["Points", None, None, 4, 3, 3]
    assert sheet["E6"].is_date


def test_nothing_that_is_exported_is_computed(tmp_path: Path) -> None:
    write_roster(tmp_path / "classe.xlsx", PUPILS)
    cell = openpyxl.load_workbook(tmp_path / "classe.xlsx")["Classe"]["C5"]
    assert (cell.data_type, cell.value, cell.quotePrefix) == ("s", "=cmd|'/C calc'!A0", True)
    write_roster(tmp_path / "classe.csv", PUPILS)
    content = (tmp_path / "classe.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfPr\xc3\xa9nom;Initiale;\xc3\x89quipe\r\n")
    assert b";'=cmd|'/C calc'!A0\r\n" in content
    assert b";'-30" in content


@pytest.mark.parametrize("team", ["'", "'=", "''=a", "'a", "=", "+", "＝a", "'＋", "\t=a"])
def test_signs_and_apostrophes_come_back_as_they_were(tmp_path: Path, team: str) -> None:
    for extension in ("csv", "xlsx"):
        write_roster(tmp_path / f"a.{extension}", [KnownPupil("p", "Zoé", None, team)])
        assert read_roster(tmp_path / f"a.{extension}").pupils[0].team == team.strip()


def test_more_times_than_can_be_written_are_written_as_the_most(tmp_path: Path) -> None:
    write_tracking(tmp_path / "a.csv", PUPILS, CHALLENGES, {("p1", 1): 150, ("p2", 1): 0})
    assert [mark.times for mark in read_tracking(tmp_path / "a.csv").marks] == [99]


def test_a_file_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "a.ods", "only .xlsx and .csv files can be written"),
        (tmp_path / "none" / "a.xlsx", "the file cannot be written"),
    ):
        with pytest.raises(SheetError, match=said):
            write_roster(path, PUPILS)
    with pytest.raises(SheetError, match="in this language"):
        write_roster(tmp_path / "a.xlsx", PUPILS, "it")
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(SheetError, match="the file cannot be written"):
        write_roster(tmp_path / "taken.csv", PUPILS)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.csv"]


FULL_DISK = """
import resource, sys
from mpp_supabase.sheets import KnownPupil, SheetError, write_roster
from tests.support import ROOT
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_roster(sys.argv[1], [KnownPupil(n, f"Zoé-{'a' * 20}", "M") for n in range(900)])
except SheetError as error:
    print(error)
"""


@pytest.mark.parametrize("extension", ["xlsx", "csv"])
def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"classe.{extension}"
    write_roster(path, PUPILS)
    before = path.read_bytes()
    result = run(FULL_DISK, str(path))
    assert "the file cannot be written (File too large)" in result
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


LETTERS = st.characters(categories=["Lu", "Ll", "Lo"], max_codepoint=0x2FFF)
WORDS = st.text(LETTERS, min_size=1, max_size=7)
FIRST_NAMES = (
    st.lists(WORDS, min_size=1, max_size=3)
    .flatmap(lambda words: st.sampled_from(["-", "'", "’"]).map(lambda joint: joint.join(words)))
    .filter(lambda name: is_one_word(name) and not is_label(name) and not heads_a_group(name))
)
LINES = st.text(st.characters(exclude_categories=["C", "Z", "M"]) | st.just(" "), min_size=1, max_size=30).map(
    str.strip
)
TEAMS = LINES.filter(lambda text: text and sum(c.isdecimal() for c in text) < 8 and "@" not in text)
TITLES = LINES.filter(lambda text: loosely(text) != "" and "@" not in text)


@st.composite
def classes(draw: st.DrawFn) -> list[KnownPupil]:
    names = draw(st.lists(FIRST_NAMES, min_size=1, max_size=6, unique_by=folded))
    pupils: list[KnownPupil] = []
    for name in names:
        initials = draw(st.lists(st.sampled_from(["M", "MA", "B", "É", "ZZ"]), max_size=3, unique=True))
        for initial in initials if len(initials) > 1 else [None]:
            pupils.append(KnownPupil(f"p{len(pupils)}", name, initial, draw(st.none() | TEAMS)))
    return pupils


@settings(max_examples=60)
@given(pupils=classes(), extension=st.sampled_from(["xlsx", "csv"]), language=st.sampled_from(sorted(LANGUAGES)))
def test_whatever_the_class_its_exported_roster_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, pupils: list[KnownPupil], extension: str, language: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"class.{extension}"
    write_roster(path, pupils, language)
    plan = match_roster(read_roster(path), pupils)
    assert plan.pupils == []
    assert (plan.known, plan.not_in_file) == (tuple(pupils), ())


@settings(max_examples=60)
@given(data=st.data(), pupils=classes(), titles=st.lists(TITLES, min_size=1, max_size=6))
def test_whatever_was_done_the_exported_tracking_sheet_says_it_again(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, pupils: list[KnownPupil], titles: list[str]
) -> None:
    challenges = [KnownChallenge(n, f"card-{n}", {"fr": title}, None) for n, title in enumerate(titles)]
    done = st.integers(1, 99) | st.dates(STARTS, ENDS)
    keys = st.tuples(
        st.sampled_from([p.pupil_id for p in pupils]), st.sampled_from([c.challenge_id for c in challenges])
    )
    marks = data.draw(st.dictionaries(keys, done, max_size=12))
    path = tmp_path_factory.getbasetemp() / f"tracking.{data.draw(st.sampled_from(['xlsx', 'csv']))}"
    write_tracking(path, pupils, challenges, marks, data.draw(st.sampled_from(sorted(LANGUAGES))))
    plan = match_tracking(read_tracking(path), pupils, challenges, STARTS, ENDS, ENDS)
    assert {(row.pupil_id, row.challenge_id): row.done_on or row.times for row in plan.rows} == marks


def test_importing_the_package_loads_no_library_of_spreadsheets() -> None:
    heavy = "('openpyxl', 'defusedxml', 'csv', 'zipfile')"
    assert run(f"import sys, mpp_supabase.sheets; print([m for m in sys.modules if m in {heavy}])").strip() == "[]"


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
