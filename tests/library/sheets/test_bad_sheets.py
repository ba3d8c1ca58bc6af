"""Whatever is wrong in a teacher's file is refused with its sheet, cell, value and fix; everything wrong at once."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from mpp_supabase.sheets import SheetError, SheetProblem, read_roster, read_tracking
from tests.support import package

Make = Callable[[Path], Path]


def refused(read: Callable[[Path], object], path: Path) -> tuple[SheetProblem, ...]:
    with pytest.raises(SheetError) as error:
        read(path)
    for problem in error.value.problems:
        assert problem.file == path.name
        assert problem.problem
        assert problem.fix
    return error.value.problems


def excel(*rows: list[Any], change: Callable[[Worksheet], None] = lambda sheet: None) -> Make:
    """A workbook of one sheet, Classe, made by openpyxl."""

    def make(folder: Path) -> Path:
        workbook = openpyxl.Workbook()
        sheet = workbook.worksheets[0]
        sheet.title = "Classe"
        for row in rows:
            sheet.append(row)
        change(sheet)
        path = folder / "classe.xlsx"
        workbook.save(path)
        return path

    return make


def file(name: str, content: bytes | str) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def by_hand(rows: str, **others: Any) -> Make:
    return lambda folder: package.write(folder / "classe.xlsx", package.parts(rows, **others))


def of_tracking(*rows: list[Any], change: Callable[[Worksheet], None] = lambda sheet: None) -> Make:
    return excel(["Prénom", "Vélo boulot dodo", "Jus de rue"], *rows, change=change)


def hide_row(sheet: Worksheet) -> None:
    sheet.row_dimensions[3].hidden = True


def hide_column(sheet: Worksheet) -> None:
    sheet.column_dimensions["B"].hidden = True


def two_sheets(folder: Path) -> Path:
    workbook = openpyxl.Workbook()
    for sheet, name in ((workbook.worksheets[0], "Lina"), (workbook.create_sheet("CM2"), "Noé")):
        sheet.append(["Prénom"])
        sheet.append([name])
    workbook.worksheets[0].title = "CM1"
    workbook.save(folder / "classe.xlsx")
    return folder / "classe.xlsx"


def hidden_sheet(folder: Path) -> Path:
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].title = "Accueil"
    sheet = workbook.create_sheet("Secret")
    sheet.append(["Prénom"])
    sheet.append(["Lina"])
    sheet.sheet_state = "hidden"
    workbook.save(folder / "classe.xlsx")
    return folder / "classe.xlsx"


def zipped(name: str, *entries: tuple[str, str]) -> Make:
    return lambda folder: package.write(folder / name, dict(entries))


def as_text(name: str) -> Callable[[Worksheet], None]:
    """Put a text that begins with a sign as text, as openpyxl would not do by itself."""

    def put(sheet: Worksheet) -> None:
        sheet["A2"].value = name
        sheet["A2"].data_type = "s"

    return put


NAMES = ["Prénom"]
CMD = "=cmd|'/C calc'!A0"
DTD = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
SHEET = f'<worksheet xmlns="{package.MAIN}"><sheetData>'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
DATED = f'<styleSheet xmlns="{package.MAIN}"><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>'

ROSTERS: list[tuple[str, Make, str, str, str]] = [
    # name, file, cell, part of the value, part of the problem
    ("merged cells", excel(NAMES, ["Lina"], ["Noé"], change=lambda s: s.merge_cells("A2:A3")), "A2:A3", "", "merged"),
    (
        "a merged header",
        excel(["Prénom", None], ["Lina"], change=lambda s: s.merge_cells("A1:B1")),
        "A1:B1",
        "",
        "merged",
    ),
    ("a formula", excel(NAMES, ["=B2"]), "A2", "=B2", "a formula"),
    ("a command as formula", excel(NAMES, [CMD]), "A2", "=cmd|", "a formula"),
    ("a command as text", excel(NAMES, ["x"], change=as_text(CMD)), "A2", "=cmd|", "begins with ="),
    ("a command in a csv", file("a.csv", f"Prénom;Équipe\n{CMD};a\n"), "A2", "=cmd|", "a formula"),
    ("a plus in a csv", file("a.csv", "Prénom\n+Lina\n"), "A2", "+Lina", "begins with +"),
    ("a minus in a csv", file("a.csv", "Prénom\n-Lina\n"), "A2", "-Lina", "begins with -"),
    ("an at in a csv", file("a.csv", "Prénom\n@SUM(A1)\n"), "A2", "@SUM(A1)", "a formula"),
    ("a team like a formula", file("a.csv", "Prénom;Équipe\nLina;+1\n"), "B2", "+1", "begins with +"),
    ("a hidden row", excel(NAMES, ["Lina"], ["Noé"], change=hide_row), "3:3", "", "a hidden row"),
    (
        "a row without height",
        by_hand(package.row("Prénom") + package.row("Lina", attributes=' ht="0"')),
        "2:2",
        "",
        "a hidden row",
    ),
    ("a hidden column", excel(["Prénom", "Équipe"], ["Lina", "A"], change=hide_column), "B:B", "", "a hidden column"),
    ("a hidden sheet", hidden_sheet, "", "", "hidden"),
    ("two sheets of pupils", two_sheets, "", "CM1, CM2", "several sheets"),
    (
        "an error cell",
        by_hand(package.row("Prénom") + '<row><c t="e"><v>#REF!</v></c></row>'),
        "A2",
        "#REF!",
        "an error",
    ),
    ("a number as name", excel(NAMES, [12]), "A2", "12", "a number, not a first name"),
    ("a date as name", excel(NAMES, [date(2026, 3, 12)]), "A2", "12/03/2026", "a date, not a first name"),
    ("a boolean as name", excel(NAMES, [True]), "A2", "TRUE", "TRUE or FALSE"),
    ("a surname", excel(NAMES, ["Lina Martin"]), "A2", "Lina Martin", "more than a first name"),
    ("a short surname", excel(NAMES, ["Lina Ma"]), "A2", "Lina Ma", "more than a first name"),
    ("a digit in a name", excel(NAMES, ["Lina2"]), "A2", "Lina2", "a first name with 2"),
    ("an emoji as name", excel(NAMES, ["🦦"]), "A2", "🦦", "a first name with 🦦"),
    ("a long name", excel(NAMES, ["A" + "a" * 30]), "A2", "Aaaa", "a first name of 31 letters"),
    ("a surname as initial", excel(["Prénom", "Initiale"], ["Lina", "Martin"]), "B2", "Martin", "not an initial"),
    ("two initials", excel(["Prénom", "Initiale"], ["Lina M", "B"]), "B2", "B", "another initial"),
    ("repeated names", excel(NAMES, ["Léa"], ["Noé"], ["LEA"]), "A2", "Léa", "more than once (also in A4)"),
    ("repeated initials", excel(NAMES, ["Léa M"], ["Lea M."]), "A3", "Lea M.", "first name and initial"),
    ("a row without a name", excel(["Prénom", "Équipe"], [None, "A"], ["Lina", "A"]), "A2", "", "no first name"),
    ("a column of surnames", excel(["Prénom", "Nom"], ["Lina", None]), "B1", "Nom", "personal data"),
    ("an unknown column", excel(["Prénom", "Humeur"], ["Lina", "gaie"]), "B1", "Humeur", "a column that a roster"),
    ("a cell under no header", excel(["Prénom"], ["Lina", "?"]), "B2", "?", "under no header"),
    ("an e-mail", excel(["Prénom", "Équipe"], ["Lina", "lina@example.org"]), "B2", "lina@", "e-mail address"),
    ("a phone number", excel(["Prénom", "Équipe"], ["Lina", "06 12 34 56 78"]), "B2", "06 12", "telephone"),
    ("two columns of names", excel(["Prénom", "Élève"], ["Lina", "Lina"]), "B1", "Élève", "a second column"),
    ("a total row", excel(NAMES, ["Lina"], ["Total"]), "A3", "Total", "not a first name"),
    ("a total with its number", excel(NAMES, ["Lina"], ["Total : 2"]), "A3", "Total : 2", "not a first name"),
    ("a total of pupils", excel(NAMES, ["Lina"], ["Total : 1 élève"]), "A3", "Total : 1 élève", "not a first name"),
    ("a place to sign", excel(NAMES, ["Lina"], ["Signature"]), "A3", "Signature", "not a first name"),
    ("the foot of a page", excel(NAMES, ["Lina"], ["Page 1/2"]), "A3", "Page 1/2", "not a first name"),
    ("when it was printed", excel(NAMES, ["Lina"], ["Édité le 12/09/2026"]), "A3", "Édité le", "not a first name"),
    ("where it is from", excel(NAMES, ["Lina"], ["Source : ONDE"]), "A3", "Source : ONDE", "not a first name"),
    ("a grand total", excel(NAMES, ["Lina"], ["Total général"]), "A3", "Total général", "not a first name"),
    ("no header", excel(["Lina"], ["Noé"]), "A1", "Lina", "no header row"),
    ("only surnames", excel(["Nom"], ["Martin"]), "A1", "Nom", "no column of first names"),
    ("a header too low", excel(*[["x"]] * 20, NAMES, ["Lina"]), "A1", "x", "no header row"),
    ("no pupil", excel(NAMES), "A2", "", "no pupil"),
    ("an empty sheet", excel(), "", "", "empty"),
    (
        "a tracking sheet",
        excel(["Prénom", *"abcdef"], ["Code", *"uvwxyz"], ["Lina", "x"]),
        "B1",
        "a",
        "a tracking sheet",
    ),
    ("an empty file", file("a.xlsx", b""), "", "", "empty"),
    ("an empty csv", file("a.csv", "\n\n"), "", "", "empty"),
    ("NUL bytes", file("a.csv", b"Pr\0nom\nLina\n"), "", "", "line 1 holds NUL bytes"),
    ("UTF-16 without a mark", file("a.csv", "Prenom\nLina\n".encode("utf-16-le")), "", "", "NUL bytes"),
    ("half a UTF-16 letter", file("a.csv", "Prénom".encode("utf-16") + b"\n"), "", "", "not UTF-16"),
    ("an unknown encoding", file("a.csv", "Prenom\nZoé\n".encode("mac_roman")), "", "", "encoding"),
    ("an open quote", file("a.csv", 'Prénom\n"Lina\n'), "2:2", "unexpected end", "cannot be read"),
    ("a stray quote", file("a.csv", 'Prénom\n"Li"na\n'), "2:2", "expected after", "cannot be read"),
    ("a csv named xlsx", file("a.xlsx", "Prénom;Équipe\n"), "", "", "is no Excel workbook"),
    ("an xlsx named csv", lambda f: excel(NAMES)(f).rename(f / "a.csv"), "", "", "is no plain text"),
    ("a zip named xlsx", zipped("a.xlsx", ("hello.txt", "hello")), "", "", "is no Excel workbook"),
    ("an old xls", file("a.xls", OLE), "", "", "old Excel workbook"),
    ("an old xls named xlsx", file("a.xlsx", OLE), "", "", "old Excel workbook"),
    ("a password", file("a.xlsx", OLE + "EncryptedPackage".encode("utf-16-le")), "", "", "password"),
    ("an ods", zipped("a.ods", ("mimetype", "x")), "", "", ".ods files"),
    ("an ods named xlsx", zipped("a.xlsx", ("mimetype", "x"), ("content.xml", "<x/>")), "", "", "OpenDocument"),
    ("an xlsb named xlsx", zipped("a.xlsx", ("xl/workbook.bin", "x")), "", "", "binary workbook"),
    ("macros", file("a.xlsm", b"PK\x03\x04"), "", "", "macros"),
    ("macros named xlsx", by_hand(package.row("Prénom"), more={"xl/vbaProject.bin": "x"}), "", "", "contains macros"),
    ("a PDF", file("a.xlsx", b"%PDF-1.7"), "", "", "a PDF"),
    ("HTML named xls", file("a.xls", "<html><table><tr><td>Prénom"), "", "", "a web page"),
    ("HTML named csv", file("a.csv", "\ufeff <TABLE><tr><td>Prénom"), "", "", "a web page"),
    ("XML named xls", file("a.xls", "<?xml version='1.0'?><Workbook/>"), "", "", "an XML file"),
    ("a picture", file("a.xlsx", b"\x89PNG\r\n"), "", "", "a picture"),
    ("another kind", file("a.docx", b"PK\x03\x04"), "", ".docx", "only .xlsx and .csv"),
    ("no such file", lambda folder: folder / "none.xlsx", "", "", "no such file"),
    ("a folder", lambda folder: folder, "", "", "a folder"),
    ("a damaged zip", lambda f: file("a.xlsx", excel(NAMES)(f).read_bytes()[:-300])(f), "", "", "damaged"),
    ("damaged XML", by_hand("<row><c></row>"), "", "", "damaged"),
    ("an address that is none", by_hand('<row r="1"><c r="?"><v>1</v></c></row>'), "", "", "damaged"),
    (
        "entities",
        by_hand("", more={"xl/worksheets/sheet1.xml": f"{DTD}{SHEET}&b;</x>"}),
        "",
        "",
        "entities",
    ),
    (
        "an external entity",
        by_hand("", more={"xl/styles.xml": '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'}),
        "",
        "",
        "document type",
    ),
    ("a document type", by_hand("", more={"xl/styles.xml": "<!DOCTYPE x><x/>"}), "", "", "document type"),
    ("an entity in the styles", by_hand("", more={"xl/styles.xml": f"{DTD}<x/>"}), "", "", "entities"),
    (
        "a row far below",
        by_hand(package.row("Prénom") + '<row r="9000"><c><v>1</v></c></row>'),
        "A9000",
        "",
        "far beyond",
    ),
    (
        "a column far right",
        by_hand(package.row("Prénom") + '<row><c r="ZZ2"><v>1</v></c></row>'),
        "ZZ2",
        "",
        "far beyond",
    ),
]

# What the database takes for no first name, or for two.
ROSTERS += [
    (f"{typed!a} as a first name", excel(["Prénom"], [typed]), "A2", "", wrong)
    for typed, wrong in (
        ("Zo\u200be", "an invisible character"),
        ("Lina\u200bM.", "an invisible character"),
        ("'Olu", "not a first name"),
        ("\u02bbOlu", "not a first name"),
        ("Marie-", "not a first name"),
        ("Marie--Lou", "not a first name"),
        ("Zo\u02d0", "a first name with \u02d0"),
    )
]

TRACKINGS: list[tuple[str, Make, str, str, str]] = [
    ("an unknown mark", of_tracking(["Lina", "peut-être"]), "B2", "peut-être", "not a mark"),
    ("a cross that says nothing", of_tracking(["Lina", "✗"]), "B2", "✗", "not a mark"),
    ("half a time", of_tracking(["Lina", 2.5]), "B2", "2.5", "not a whole number"),
    ("a hundred times", of_tracking(["Lina", 100]), "B2", "100", "not a number from 0 to 99"),
    ("minus one", of_tracking(["Lina", -1]), "B2", "-1", "not a number from 0 to 99"),
    ("a day that is none", of_tracking(["Lina", "31/02/2026"]), "B2", "31/02/2026", "no such day"),
    ("a month before the day", of_tracking(["Lina", "03/25/2026"]), "B2", "03/25/2026", "no such day"),
    ("a date in words", of_tracking(["Lina", "12 mars 2026"]), "B2", "12 mars 2026", "the month in letters"),
    ("a date as Excel shows it", of_tracking(["Lina", "20-nov.-26"]), "B2", "20-nov.-26", "the month in letters"),
    ("a day and a month", of_tracking(["Lina", "19/11"]), "B2", "19/11", "a day without its year"),
    ("a division", of_tracking(["Lina", "19/13"]), "B2", "19/13", "not a mark"),
    ("a year of two digits", of_tracking(["Lina", "12/03/26"]), "B2", "12/03/26", "a year of two digits"),
    ("a time of day", of_tracking(["Lina", time(8, 30)]), "B2", "08:30", "a time of day"),
    ("an x in a date's format", of_tracking(["Lina", datetime(1900, 1, 1)]), "B2", "01/01/1900", "another time"),
    ("a formula as mark", of_tracking(["Lina", "=1+1"]), "B2", "=1+1", "a formula"),
    ("an error as mark", of_tracking(["Lina", "#N/A"]), "B2", "#N/A", "an error"),
    ("a mark without a pupil", of_tracking([None, "x"], ["Lina"]), "A2", "", "no first name, though B2 says x"),
    ("a mark without a challenge", of_tracking(["Lina", "x", "x", "x"]), "D2", "x", "under no challenge"),
    ("no challenge", excel(["Prénom", "Équipe"], ["Lina", "A"]), "C1", "", "no column of a challenge"),
    ("no pupil to track", of_tracking(["Code", "a", "b"]), "A2", "", "no pupil"),
    ("two rows of codes", of_tracking(["Code", "a", "b"], ["code", "a", "b"], ["Lina"]), "A3", "code", "second row"),
    ("a date above a column", excel(["Prénom", date(2026, 3, 9)], ["Lina"]), "B1", "09/03/2026", "not the title"),
    ("birth dates", excel(["Prénom", "Né(e) le", "Vélo"], ["Lina"]), "B1", "Né(e) le", "personal data"),
    ("repeated pupils", of_tracking(["Lina", "x"], ["lina", "x"]), "A3", "lina", "more than once"),
    ("a date out of range", by_hand(package.row("Prénom") + '<row><c s="0"><v>9e9</v></c></row>',
        more={"xl/styles.xml": DATED}), "A2", "9e9", "an error"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "cell", "value", "wrong"), [r[1:] for r in ROSTERS], ids=[r[0] for r in ROSTERS])
def test_a_bad_roster_is_refused_with_its_cell_and_value(
    tmp_path: Path, make: Make, cell: str, value: str, wrong: str
) -> None:
    expect(refused(read_roster, make(tmp_path)), cell, value, wrong)


@pytest.mark.parametrize(("make", "cell", "value", "wrong"), [r[1:] for r in TRACKINGS], ids=[r[0] for r in TRACKINGS])
def test_a_bad_tracking_sheet_is_refused_with_its_cell_and_value(
    tmp_path: Path, make: Make, cell: str, value: str, wrong: str
) -> None:
    expect(refused(read_tracking, make(tmp_path)), cell, value, wrong)


def test_a_sign_of_somebodys_own_is_told_once_for_its_column(tmp_path: Path) -> None:
    rows = [[f"{first}{second}", "bof", "BOF" if second == "a" else "x"] for first in "ABCDE" for second in "abcde"]
    (first, second) = refused(read_tracking, of_tracking(*rows)(tmp_path))
    assert (first.cell.startswith("B2, B3"), first.cell.endswith("B21 and 5 more")) == (True, True)
    assert (second.cell, second.value, second.problem) == ("C2, C7, C12, C17, C22", "BOF", "not a mark")


def test_a_year_of_two_digits_is_answered_with_the_whole_date(tmp_path: Path) -> None:
    (problem,) = refused(read_tracking, of_tracking(["Lina", "20.11.26"])(tmp_path))
    assert problem.fix == "write the year in full: 20/11/2026"


def expect(problems: tuple[SheetProblem, ...], cell: str, value: str, wrong: str) -> None:
    found = [p for p in problems if p.cell == cell and p.value.startswith(value) and wrong in p.problem]
    assert found or any(wrong in p.problem and value in p.value and p.cell == cell for p in problems), problems
    # The sheet is named wherever there are tabs.
    if cell and problems[0].file.endswith(".xlsx"):
        assert problems[0].sheet


PERSONAL = """Nom|nom de famille|NOM DE NAISSANCE|Nom et prénom|Last name|Surname|Name|Nachname|Familienname|E-mail|Mail
Courriel|Adresse e-mail|E-mail des parents|Mél|Téléphone|Tél.|Tél. parents|Tel 2|Phone|Telefon|Portable
Date de naissance|Né(e) le|Née le|Birth date|Date of birth|Geburtsdatum|Âge|Adresse|Address|Code postal|Ville
Sexe|Genre|Gender|INE|N° INE|Identifiant national|Parent|Parents|Parent 1|Responsable|Responsable légal|Mère|Photo
Deuxième prénom|Second prénom|Autres prénoms|Prénom 2|Middle name"""


@pytest.mark.parametrize("header", PERSONAL.replace("\n", "|").split("|"))
def test_a_column_of_personal_data_is_refused_by_its_name_even_if_empty(tmp_path: Path, header: str) -> None:
    path = tmp_path / "classe.csv"
    path.write_text(f"Prénom;{header}\nLina;\n", encoding="utf-8")
    for read in (read_roster, read_tracking):
        (problem, *others) = refused(read, path)
        assert not others or read is read_tracking
        assert (problem.cell, problem.value, problem.fix) == ("B1", header, "delete column B")
        assert "personal data" in problem.problem


@pytest.mark.parametrize(
    "title", ["Responsable des lumières", "Mails au régime", "Parents au vert", "Rue aux enfants", "Mon portable dort"]
)
def test_a_challenge_may_begin_like_a_column_of_personal_data(tmp_path: Path, title: str) -> None:
    path = tmp_path / "suivi.csv"
    path.write_text(f"Prénom;{title}\nLina;x\n", encoding="utf-8")
    assert read_tracking(path).challenges[0].title == title


def test_a_code_under_it_makes_a_column_a_challenge(tmp_path: Path) -> None:
    path = tmp_path / "suivi.csv"
    path.write_text("Prénom;Photo\nCode;nature-photo\nLina;x\n", encoding="utf-8")
    assert read_tracking(path).challenges[0].code == "nature-photo"


def test_everything_wrong_in_a_file_is_said_at_once_and_in_order(tmp_path: Path) -> None:
    make = excel(["Prénom", "Nom", "Équipe"], ["Lina Martin", "", "A"], [12], ["Noé", "x", "=1"], ["Zoé"], ["zoe"])
    problems = refused(read_roster, make(tmp_path))
    assert [(p.sheet, p.cell) for p in problems] == [("Classe", cell) for cell in ("B1", "A2", "A3", "C4", "A5", "A6")]
    error = SheetError("classe.xlsx", problems)
    assert error.message == "classe.xlsx: 6 problems"
    assert error.hint == "Correct the spreadsheet; nothing was changed."
    assert str(error).splitlines()[1] == (
        "classe.xlsx: Classe!A2: more than a first name (Lina Martin) — "
        "join a compound first name with a hyphen (Marie-Lou); leave the surname out, or give its initial (Lina M.)"
    )


def test_a_file_with_thousands_of_problems_tells_the_first_ones(tmp_path: Path) -> None:
    problems = refused(read_roster, excel(NAMES, *[["Lina Martin"]] * 1500)(tmp_path))
    assert len(problems) == 501
    assert problems[-1].problem == "1000 more problems of the same kinds"


def test_what_stands_in_a_cell_cannot_disturb_a_terminal(tmp_path: Path) -> None:
    (problem,) = refused(read_roster, file("a.csv", "Prénom\nLi\x1b[31mna" + "a" * 500 + "\n")(tmp_path))
    assert "\x1b" not in str(problem)
    assert len(problem.value) <= 62


def test_a_part_that_lies_about_its_size_is_not_believed(tmp_path: Path) -> None:
    rows = package.row("Prénom") + package.row("Lina") * 3000
    path = package.write(tmp_path / "classe.xlsx", package.parts(rows))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        true_size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    assert data.count(true_size) == 2
    path.write_bytes(bytes(data).replace(true_size, (500).to_bytes(4, "little")))
    (problem,) = refused(read_roster, path)
    assert "damaged" in problem.problem


def test_an_encrypted_part_is_refused(tmp_path: Path) -> None:
    path = package.write(tmp_path / "classe.xlsx", package.parts(package.row("Prénom")))
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(signature, start + 1)) >= 0:
            data[start + flags] |= 1
    path.write_bytes(data)
    (problem,) = refused(read_roster, path)
    assert "password" in problem.problem


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = two_sheets(tmp_path)
    with pytest.raises(SheetError, match=r"there is no such sheet \(CE1\) — the file has: CM1, CM2"):
        read_roster(path, sheet="CE1")
    assert read_roster(path, sheet="cm2").sheet == "CM2"


def test_surnames_in_a_column_of_numbers_are_refused_by_cell(tmp_path: Path) -> None:
    path = tmp_path / "class.csv"
    path.write_text("#;Prénom\nMartin;Lina\n2;Tom\nn° 3;Zoé\n", encoding="utf-8")
    with pytest.raises(SheetError) as caught:
        read_roster(path)
    assert [(problem.cell, problem.value) for problem in caught.value.problems] == [("A2", "Martin")]


def test_a_long_text_with_a_sign_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "class.csv"
    long = "a" * 900 + "@" + "b" * 900
    path.write_text("Prénom;Équipe\n" + f"Lina;{long}\n" * 900, encoding="utf-8")
    with pytest.raises(SheetError):
        read_roster(path)
