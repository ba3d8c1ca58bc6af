"""A class sheet from Excel, LibreOffice or a script goes in on the first try."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from mpp_supabase.sheets import Roster, SheetError, Tracking, read_roster, read_tracking
from mpp_supabase.sheets.cells import Cell
from mpp_supabase.sheets.workbook import read_workbook
from tests.support import package

LIBREOFFICE = Path(__file__).parent / "libreoffice"


def pupils(sheet: Roster | Tracking) -> list[tuple[str, str | None]]:
    return [(pupil.name, pupil.team) for pupil in sheet.pupils]


def marks(tracking: Tracking) -> list[tuple[str, str, int, date | None]]:
    return [(mark.pupil.name, mark.challenge.title, mark.times, mark.done_on) for mark in tracking.marks]


def saved(path: Path, *rows: list[Any], change: Callable[[Worksheet], None] = lambda sheet: None) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for row in rows:
        sheet.append(row)
    change(sheet)
    workbook.save(path)
    return path


def test_of_a_tab_for_each_week_one_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    first = workbook.worksheets[0]
    first.title = "Semaine 1"
    weeks = [first, *(workbook.create_sheet(f"Semaine {number}") for number in (2, 3))]
    # In another order, with numbers and in capitals it is the same class.
    for sheet, rows in zip(weeks, [("Lina", "Noé"), ("NOÉ", "Lina"), ("Lina", "Noé")], strict=True):
        sheet.append(["N°", "Prénom"])
        for number, name in enumerate(rows, 1):
            sheet.append([number, name])
    workbook.create_sheet("Aide").append(["Comment remplir"])
    workbook.save(tmp_path / "classe.xlsx")
    roster = read_roster(tmp_path / "classe.xlsx")
    assert pupils(roster) == [("Lina", None), ("Noé", None)]
    assert (roster.sheet, roster.other_sheets) == ("Semaine 1", ("Semaine 2", "Semaine 3", "Aide"))
    roster = read_roster(tmp_path / "classe.xlsx", "Semaine 3")
    assert (roster.sheet, roster.other_sheets) == ("Semaine 3", ("Semaine 1", "Semaine 2", "Aide"))
    # Marks differ from week to week: nobody chooses between them.
    with pytest.raises(SheetError, match="several sheets"):
        read_tracking(tmp_path / "classe.xlsx")
    weeks[1].append([3, "Zoé"])
    workbook.save(tmp_path / "classe.xlsx")
    with pytest.raises(SheetError, match="Semaine 1, Semaine 2, Semaine 3"):
        read_roster(tmp_path / "classe.xlsx")


OF_LIBREOFFICE = ["roster.xlsx", "roster-utf8-semicolon.csv", "roster-cp1252-comma.csv", "roster-utf16-tab.csv"]


@pytest.mark.parametrize("name", OF_LIBREOFFICE)
def test_a_roster_from_libreoffice_goes_in(name: str) -> None:
    roster = read_roster(LIBREOFFICE / name)
    assert pupils(roster) == [
        ("Zoé", "Les loutres"),
        ("Lina M.", "Les loutres"),
        ("Lina B.", "Les hérons"),
        ("Marie-Lou", "Les hérons"),
        ("N’Golo", None),
    ]
    assert [(p.cell, p.initial_cell, p.team_cell) for p in roster.pupils[:2]] == [("B4", "", "D4"), ("B5", "C5", "D5")]
    assert roster.has_teams


@pytest.mark.parametrize("name", ["tracking.xlsx", "tracking-utf8-comma.csv"])
def test_a_tracking_sheet_from_libreoffice_goes_in(name: str) -> None:
    tracking = read_tracking(LIBREOFFICE / name)
    assert [c.code for c in tracking.challenges] == ["bike-to-school", "street-juice", "no-waste-snack"]
    assert marks(tracking) == [
        ("Zoé", "Vélo boulot dodo", 1, None),
        ("Zoé", "Jus de rue", 1, date(2026, 3, 12)),
        ("Zoé", "Zéro déchet au goûter", 3, None),
        ("Lina M.", "Vélo boulot dodo", 1, None),
        ("Lina B.", "Vélo boulot dodo", 1, None),
        ("Lina B.", "Jus de rue", 1, date(2026, 3, 14)),
    ]


def test_an_export_saved_again_by_libreoffice_goes_in() -> None:
    tracking = read_tracking(LIBREOFFICE / "export-saved-again.xlsx")
    assert marks(tracking) == [
        ("Zoé", "Vélo boulot dodo", 1, None),
        ("Lina M.", "Jus de rue", 4, None),
        ("Lina B.", "+1 arbre", 1, date(2026, 3, 12)),
    ]


def test_a_title_may_stand_above_even_merged(tmp_path: Path) -> None:
    rows = [["Élèves de CM1"], [], ["  PRENOM ", "Équipe"], ["LINA M", "A"], ["Lina\u00a0B.", "A"], ["MARIE-LOU", None]]
    path = saved(tmp_path / "a.xlsx", *rows, change=lambda sheet: sheet.merge_cells("A1:D1"))
    assert pupils(read_roster(path)) == [("Lina M.", "A"), ("Lina B.", "A"), ("Marie-Lou", None)]


@pytest.mark.parametrize(
    "header",
    [
        "Prénom;Initiale;Équipe",
        "prenom,initiale du nom,equipe",
        "First name\tInitial\tTeam",
        "VORNAME;Initial;Gruppe",
        "Élève;init.;Team",
        "pupil,Initial,team",
        "Prénom de l'élève;Initiale;Equipe",
        "Prénom(s);Initiale;Équipe",
        "Prénom usuel;Initiale;Équipe",
        "Premier prénom;Initiale;Équipe",
        "Prénom 1;Initiale;Équipe",
        "Prénom de l'enfant;Initiale;Équipe",
        "Forename;Initial;Team",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_headers_separators_and_encodings_are_recognised(tmp_path: Path, header: str, encoding: str) -> None:
    separator = next(s for s in ";,\t" if s in header)
    path = tmp_path / "classe.csv"
    lines = [header, separator.join(["Zoé", "m.", '"Les ""loutres"", bleues; vertes"']), ""]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    (pupil,) = read_roster(path).pupils
    assert (pupil.first_name, pupil.initial, pupil.team) == ("Zoé", "M", 'Les "loutres", bleues; vertes')


def test_a_separator_may_be_declared_as_excel_does(tmp_path: Path) -> None:
    path = tmp_path / "classe.csv"
    path.write_text("sep=,\nPrénom,Équipe\nZoé,a;b;c\nNoé,a;b;c\n", encoding="utf-8")
    roster = read_roster(path)
    assert pupils(roster) == [("Zoé", "a;b;c"), ("Noé", "a;b;c")]
    assert roster.pupils[0].cell == "A3"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Lina", "Lina"),
        ("LINA", "Lina"),
        ("lina", "lina"),
        ("N'GOLO", "N'Golo"),
        ("Zoe\u0301", "Zoé"),
        (" Lina\u00a0M ", "Lina M."),
        ("Lina MA", "Lina MA."),
        ("Lina m.", "Lina M."),
        ("LI MA", "Li MA."),
        ("ÉLÉA-ROSE", "Éléa-Rose"),
        ("ELİF", "Elif"),
        ("Jean\u2011Luc", "Jean-Luc"),
        ("D’Arcy", "D’Arcy"),
        ("किरण", "किरण"),
        ("Олена", "Олена"),
        ("محمد", "محمد"),
        ("小明", "小明"),
        ("\u202a\u200b Li\u00adna \u202c", "Lina"),
        ("\ufb01ona", "fiona"),
        ("Sto\ufb00el", "Stoffel"),
        ("O\u02bcneal", "O’neal"),
        ("A" * 30, "A" + "a" * 29),
    ],
)
def test_first_names_and_initials_are_understood(tmp_path: Path, typed: str, name: str) -> None:
    (pupil,) = read_roster(saved(tmp_path / "a.xlsx", ["Prénom"], [typed])).pupils
    assert pupil.name == name


def test_excels_unicode_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "classe.txt"
    path.write_bytes((LIBREOFFICE / "roster-utf16-tab.csv").read_bytes())
    assert len(read_roster(path).pupils) == 5


def test_the_title_may_be_a_word_of_headers(tmp_path: Path) -> None:
    rows = [["Élèves"], ["Élève", "Équipe"], ["Zoé", "A"]]
    assert pupils(read_roster(saved(tmp_path / "a.xlsx", *rows))) == [("Zoé", "A")]


def test_teams_may_be_numbers(tmp_path: Path) -> None:
    assert pupils(read_roster(saved(tmp_path / "a.xlsx", ["Prénom", "Équipe"], ["Zoé", 2]))) == [("Zoé", "2")]


def test_numbered_rows_without_a_pupil_are_passed_over(tmp_path: Path) -> None:
    rows = [["N°", "Prénom", "#"], *([n, "Zoé" if n == 1 else None, n] for n in range(1, 31))]
    assert pupils(read_roster(saved(tmp_path / "a.xlsx", *rows))) == [("Zoé", None)]


MARKS = {
    1: ["x", "X", "×", "✓", "✔", "✔\ufe0f", "✅", "v", "V", "oui", "Oui", "YES", "ja", 1, "1", "o", True, "vrai", 1.0],
    0: [None, "", " ", 0, "0", "-", "–", "non", "No", "nein", False, "faux", "0,0", "n", "pas fait", "=FALSE()"],
    5: [5, "5", " 5 ", 5.0, "05", "5.0", "5,00", "x5", "X 5", "5x", "5 ×", "×5", "5 fois"],
}
MARKS[1] += [
    "1.0",
    "1,0",
    "OK",
    "ok",
    "fait",
    "Faite",
    "validé",
    "x1",
    "1x",
    "TRUE",
    "VRAI",
    "=TRUE()",
    "=VRAI()",
    "done",
]
DATES = [date(2026, 3, 12), datetime(2026, 3, 12, 15, 30), "12/03/2026", "12.03.2026", "12-3-2026", "2026-03-12"]
DATES += ["12/03/2026 15:30", "12.03.2026 09:05:59", "2026-03-12T15:30:00"]


@pytest.mark.parametrize(("times", "mark"), [(times, mark) for times, typed in MARKS.items() for mark in typed])
def test_marks_say_how_often(tmp_path: Path, times: int, mark: object) -> None:
    tracking = read_tracking(saved(tmp_path / "a.xlsx", ["Prénom", "Vélo"], ["Zoé", mark]))
    assert [found.times for found in tracking.marks] == ([times] if times else [])


@pytest.mark.parametrize("mark", ["1.0", "1,0", "OK", "TRUE", "VRAI", "=TRUE()", "=VRAI()", "=VRAI"])
def test_marks_of_a_text_file_say_the_same(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"Prénom;Vélo\nZoé;{mark}\n", encoding="utf-8-sig")
    assert [found.times for found in read_tracking(path).marks] == [1]


@pytest.mark.parametrize(
    "cell",
    ['<c t="b"><v>1</v></c>', '<c t="b"><f>TRUE()</f><v>1</v></c>', '<c t="b"><f aca="false">TRUE()</f><v>1</v></c>'],
)
def test_a_true_of_libreoffice_and_of_excel_is_a_mark(tmp_path: Path, cell: str) -> None:
    rows = package.row("Prénom", "Vélo") + f"<row>{package.text('Zoé')}{cell}</row>"
    tracking = read_tracking(package.write(tmp_path / "a.xlsx", package.parts(rows)))
    assert [found.times for found in tracking.marks] == [1]


@pytest.mark.parametrize("mark", DATES)
def test_marks_say_when(tmp_path: Path, mark: object) -> None:
    (found,) = read_tracking(saved(tmp_path / "a.xlsx", ["Prénom", "Vélo"], ["Zoé", mark])).marks
    assert (found.times, found.done_on, found.cell) == (1, date(2026, 3, 12), "B2")


def test_totals_in_formulas_and_rows_of_codes_and_points_are_passed_over(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.xlsx",
        ["N°", "Prénom", "Équipe", "Vélo\nboulot", None, "Jus", "TOTAL"],
        [None, "Points", None, 4, None, 3, "=D2"],
        [None, "code", None, "bike", None, "juice", None],
        ["=ROW()-3", "Zoé", "=VLOOKUP(B4,Z:Z,1)", "x", None, 2, "=COUNTA(D4:F4)"],
        ["Total", None, None, "=COUNTA(D4)", None, "=SUM(F4)", "=SUM(G4)"],
    )
    tracking = read_tracking(path)
    assert [(c.title, c.code, c.cell, c.code_cell) for c in tracking.challenges] == [
        ("Vélo boulot", "bike", "D1", "D3"),
        ("Jus", "juice", "F1", "F3"),
    ]
    assert marks(tracking) == [("Zoé", "Vélo boulot", 1, None), ("Zoé", "Jus", 2, None)]


def test_formats_without_content_are_nothing(tmp_path: Path) -> None:
    def paint(sheet: Worksheet) -> None:
        for row in range(1, 200):
            for column in range(1, 40):
                sheet.cell(row, column).fill = PatternFill("solid", fgColor="FFFF00")
        sheet.row_dimensions[150].hidden = True
        sheet.column_dimensions["Z"].hidden = True
        sheet.merge_cells("A180:C190")
        sheet.auto_filter.ref = "A1:B2"
        sheet["A2"].font = Font(bold=True)

    assert pupils(read_roster(saved(tmp_path / "a.xlsx", ["Prénom"], ["Zoé"], change=paint))) == [("Zoé", None)]


def test_other_sheets_are_passed_over_whatever_they_hold(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["Nom", "=1+1", "someone@example.org"])
    sheet = workbook.create_sheet("Classe")
    sheet.append(["Prénom"])
    sheet.append(["Zoé"])
    workbook.create_chartsheet("Graphique")
    hidden = workbook.create_sheet("Avant")
    hidden.append(["Prénom"])
    hidden.sheet_state = "hidden"
    for _ in range(2500):
        workbook.worksheets[-2].append([None])
    workbook.create_sheet("Longue").append(["x"])
    workbook["Longue"].cell(3000, 400).value = "x"
    workbook.save(tmp_path / "a.xlsx")
    roster = read_roster(tmp_path / "a.xlsx")
    assert (roster.sheet, pupils(roster)) == ("Classe", [("Zoé", None)])


def test_days_are_counted_from_1904_where_a_workbook_says_so(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.epoch = datetime(1904, 1, 1)
    workbook.worksheets[0].append(["Prénom", "Vélo"])
    workbook.worksheets[0].append(["Zoé", date(2026, 3, 12)])
    workbook.save(tmp_path / "a.xlsx")
    assert read_tracking(tmp_path / "a.xlsx").marks[0].done_on == date(2026, 3, 12)


def test_rich_text_is_one_text(tmp_path: Path) -> None:
    rich = CellRichText(TextBlock(InlineFont(b=True), "Li"), "na ", TextBlock(InlineFont(i=True), "M."))
    assert pupils(read_roster(saved(tmp_path / "a.xlsx", ["Prénom"], [rich]))) == [("Lina M.", None)]


def test_what_other_programs_write_is_read(tmp_path: Path) -> None:
    """Prefixed names, absolute targets, cells without addresses, strings with pronunciation, escaped characters."""
    strings = (
        f'<x:sst xmlns:x="{package.MAIN}"><x:si><x:t>Prénom</x:t></x:si>'
        "<x:si><x:r><x:t>Zo</x:t></x:r><x:r><x:t>é</x:t></x:r><x:rPh><x:t>zoe</x:t></x:rPh></x:si></x:sst>"
    )
    rows = (
        '<x:row r="3"><x:c r="C3" t="s"><x:v>0</x:v></x:c><x:c t="str"><x:v>V_x00e9_lo</x:v></x:c></x:row>'
        '<x:row><x:c r="C4" t="s"><x:v>1</x:v></x:c><x:c t="d"><x:v>2026-03-12T00:00:00</x:v></x:c></x:row>'
        '<x:row><x:c/><x:c r="C5" t="inlineStr"><x:is><x:t xml:space="preserve"> Noé </x:t></x:is></x:c>'
        '<x:c t="b"><x:v>1</x:v></x:c></x:row>'
    )
    parts = package.parts("", more={"xl/sharedStrings.xml": strings})
    parts["xl/worksheets/sheet1.xml"] = (
        f'<?xml version="1.0"?><x:worksheet xmlns:x="{package.MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    )
    relations = "xl/_rels/workbook.xml.rels"
    parts[relations] = parts[relations].replace('"worksheets/sheet1', '"/xl/worksheets/sheet1')
    tracking = read_tracking(package.write(tmp_path / "a.xlsx", parts))
    assert marks(tracking) == [("Zoé", "Vélo", 1, date(2026, 3, 12)), ("Noé", "Vélo", 1, None)]
    assert [mark.cell for mark in tracking.marks] == ["D4", "D5"]


@pytest.mark.parametrize("path", sorted(LIBREOFFICE.glob("*.xlsx")), ids=lambda path: path.name)
def test_cells_are_those_that_openpyxl_reads(path: Path) -> None:
    same_as_openpyxl(path)


def test_cells_of_every_kind_are_those_that_openpyxl_reads(tmp_path: Path) -> None:
    values = [
        0,
        -3,
        2.5,
        1e20,
        0.1 + 0.2,
        True,
        "x",
        "=A1",
        "1",
        "a\nb",
        date(2026, 3, 12),
        datetime(1999, 1, 2, 3, 4, 5),
    ]
    formats = ["0.00%", "d mmm", "[h]:mm", '0" jours"', "@", "yyyy-mm-dd", '"le" d', "[Red]0", "General", "h:mm"]

    def change(sheet: Worksheet) -> None:
        for column, number_format in enumerate(formats, start=1):
            cell = sheet.cell(5, column, 46093)
            cell.number_format = number_format

    same_as_openpyxl(saved(tmp_path / "a.xlsx", values, change=change))


def same_as_openpyxl(path: Path) -> None:
    ours = {sheet.name: sheet for sheet in read_workbook(path).sheets}
    theirs = openpyxl.load_workbook(path)
    assert list(ours) == theirs.sheetnames
    for sheet in theirs.worksheets:
        expected = {
            cell.coordinate: expected_value(cell.value)
            for row in sheet.iter_rows()
            for cell in row
            if cell.value is not None
        }
        found = {cell.address: found_value(cell) for row in ours[sheet.title].rows.values() for cell in row.values()}
        assert found == expected


def expected_value(value: object) -> object:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, date) or not isinstance(value, int | float | bool):
        return "a moment"
    return value


def found_value(cell: Cell) -> object:
    return "a moment" if isinstance(cell.value, datetime) else cell.value


GOOD = (LIBREOFFICE / "tracking.xlsx").read_bytes()
TEXT = (LIBREOFFICE / "tracking-utf8-comma.csv").read_bytes()


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_is_refused_and_nothing_else_happens(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    source, name = data.draw(st.sampled_from([(GOOD, "a.xlsx"), (TEXT, "a.csv")]))
    content = bytearray(source)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    with suppress(SheetError):
        read_tracking(path)


PIECES = (
    '<row> </row> <c> </c> <v> </v> <f> </f> <is> </is> <t> </t> 1 -1 é nan 1e999 <row~r="0"> <row~r="-2"> <c~r="A2"> '
    '<c~t="s"> <c~r="A0"~t="d"> <c~t="e"~s="99"> <c~t="b">'
)
XML = st.sampled_from([piece.replace("~", " ") for piece in PIECES.split()])


@settings(max_examples=150)
@given(st.lists(XML, max_size=25).map("".join))
def test_odd_xml_is_refused_or_read_and_nothing_else_happens(
    tmp_path_factory: pytest.TempPathFactory, rows: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.xlsx"
    package.write(path, package.parts(package.row("Prénom", "Vélo") + rows))
    with suppress(SheetError):
        read_tracking(path)


@pytest.mark.parametrize("title", ["Prénoms des élèves", "Prénom", "Élèves de CE2"])
def test_the_row_that_knows_most_columns_is_the_header(tmp_path: Path, title: str) -> None:
    path = saved(tmp_path / "class.xlsx", [title], ["N°", "Prénom", "Équipe"], [1, "Léa", "A"], [2, "Tom", "B"])
    assert pupils(read_roster(path)) == [("Léa", "A"), ("Tom", "B")]


def test_a_header_that_comes_again_on_the_next_page_is_nobody(tmp_path: Path) -> None:
    path = saved(tmp_path / "class.xlsx", ["Prénom", "Équipe"], ["Léa", "A"], ["Prénom", "Équipe"], ["Tom", "B"])
    assert pupils(read_roster(path)) == [("Léa", "A"), ("Tom", "B")]
    tracking = saved(tmp_path / "marks.xlsx", ["Prénom", "Vélo"], ["Léa", "x"], ["Prénom", "Vélo"], ["Tom", "x"])
    assert [mark.pupil.name for mark in read_tracking(tracking).marks] == ["Léa", "Tom"]


@pytest.mark.parametrize("head", ["Équipe A", "Groupe 2", "Team Otters", "Absents", "Prénoms", "Filles", "Garçons : 4"])
def test_a_row_that_heads_a_group_is_no_pupil(tmp_path: Path, head: str) -> None:
    with pytest.raises(SheetError) as refused:
        read_roster(saved(tmp_path / "class.xlsx", ["Prénom"], [head], ["Léa"]))
    (problem,) = refused.value.problems
    assert (problem.cell, problem.problem) == ("A2", "no first name: it heads those below")


@pytest.mark.parametrize(
    ("first", "initial", "team"),
    [
        ("Prénom seul", "Initiale du nom de famille", "Nom d'équipe"),
        ("Prénom uniquement", "Initiale nom", "N° équipe"),
        ("Prénom", "Nom (initiale)", "Équipe"),
        ("First name", "Last initial", "Team"),
        ("Enfant(s)", "1re lettre du nom", "Équipe (couleur)"),
        ("Élèves de CE2", "First letter of the surname", "Groupe"),
    ],
)
def test_teachers_headings_are_understood(tmp_path: Path, first: str, initial: str, team: str) -> None:
    roster = read_roster(
        saved(tmp_path / "class.xlsx", [first, initial, team], ["Léa", "M", "Rouge"], ["Léa", "B", ""])
    )
    assert pupils(roster) == [("Léa M.", "Rouge"), ("Léa B.", None)]


def test_a_first_name_and_its_initial_may_share_a_heading(tmp_path: Path) -> None:
    roster = read_roster(saved(tmp_path / "class.xlsx", ["Prénom et initiale du nom"], ["Léa M."], ["Tom"]))
    assert pupils(roster) == [("Léa M.", None), ("Tom", None)]


def test_numbers_left_of_the_names_need_no_heading(tmp_path: Path) -> None:
    path = saved(tmp_path / "class.xlsx", [None, "Prénom"], [1, "Léa"], ["2.", "Tom"])
    assert pupils(read_roster(path)) == [("Léa", None), ("Tom", None)]
    with pytest.raises(SheetError, match="something under no header"):
        read_roster(saved(tmp_path / "class.xlsx", [None, "Prénom"], [1, "Léa"], ["Exemple", "Tom"]))
