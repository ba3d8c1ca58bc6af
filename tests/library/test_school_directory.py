"""The Ministry's directory is read row by row: schools with their code and levels, and a reason for every other row."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from mpp_supabase.demo.directory import COLUMNS, SAMPLE_ROWS, SAMPLE_SEED, write_directory
from mpp_supabase.files.school_directory import (
    CHECK_LETTERS,
    LEVELS,
    MAX_PROBLEMS,
    DirectoryError,
    DirectoryReading,
    DirectorySchool,
    check_letter,
    is_rne,
    read_directory,
)
from tests.support import ROOT

SAMPLE = ROOT / "catalogue" / "directory-sample.csv"

HEADER = (
    "Identifiant_de_l_etablissement",
    "Nom_etablissement",
    "Type_etablissement",
    "Code_postal",
    "Nom_commune",
    "Code_departement",
    "Ecole_maternelle",
    "Ecole_elementaire",
    "etat",
    "libelle_nature",
    "multi_uai",
)
SCHOOL = {
    "Identifiant_de_l_etablissement": "0019999N",
    "Nom_etablissement": "Ecole primaire des Tilleuls",
    "Type_etablissement": "Ecole",
    "Code_postal": "01430",
    "Nom_commune": "Hêtre-les-Étangs",
    "Code_departement": "001",
    "Ecole_maternelle": "1",
    "Ecole_elementaire": "1",
    "etat": "OUVERT",
    "libelle_nature": "ECOLE DE NIVEAU ELEMENTAIRE",
    "multi_uai": "0",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.csv"


def text_of(*rows: dict[str, str], header: tuple[str, ...] = HEADER, separator: str = ";") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow((SCHOOL | row).values())
    return text.getvalue()


def read(path: Path, *rows: dict[str, str]) -> tuple[list[DirectorySchool], DirectoryReading]:
    path.write_text(text_of(*rows), encoding="utf-8")
    reading = read_directory(path)
    return list(reading), reading


def a_code(number: int) -> str:
    return f"{number:07d}{check_letter(f'{number:07d}')}"


# ------------------------------------------------------------------------------------------------------ codes


@pytest.mark.parametrize("rne", ["0781977A", "0301674G", "0019999N", "6209999Z", "9769999P"])
def test_a_code_with_the_letter_of_its_digits_is_an_rne(rne: str) -> None:
    assert is_rne(rne)
    assert check_letter(rne) == rne[7]


@pytest.mark.parametrize(
    "text",
    ["", "0781977", "0781977B", "0781977a", " 0781977A", "0781977A\n", "0781977AA", "781977A", "O781977A", "٠٧٨١٩٧٧A",
     "0781977À", "078197AA", "²781977A"],
)  # fmt: skip
def test_anything_else_is_no_rne(text: str) -> None:
    assert not is_rne(text)


def test_every_letter_but_i_o_and_q_is_the_letter_of_some_code() -> None:
    assert {check_letter(f"{number:07d}") for number in range(23)} == set(CHECK_LETTERS)
    assert set(CHECK_LETTERS) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ") - set("IOQ")


def test_one_wrong_digit_or_two_swapped_ones_give_another_letter() -> None:
    for number in range(7_500_000, 7_500_100):
        digits = f"{number:07d}"
        wrong = {digits[:i] + d + digits[i + 1 :] for i in range(7) for d in "0123456789"} - {digits}
        swapped = {digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :] for i in range(6)} - {digits}
        assert all(check_letter(other) != check_letter(digits) for other in wrong | swapped)


@pytest.mark.parametrize("text", ["", "078197", "078197A", "A781977"])
def test_there_is_no_letter_without_seven_digits(text: str) -> None:
    with pytest.raises(ValueError, match="seven digits"):
        check_letter(text)


# ------------------------------------------------------------------------------------------------------ schools


def test_a_row_becomes_a_school(path: Path) -> None:
    schools, reading = read(path, {})
    assert schools == [
        DirectorySchool(
            rne="0019999N",
            name="Ecole primaire des Tilleuls",
            levels=("maternelle", "elementaire"),
            country="FR",
            postcode="01430",
            city="Hêtre-les-Étangs",
            line=2,
            department="01",
        )
    ]
    assert (reading.rows, reading.schools, reading.problem_count, reading.lines) == (1, 1, 0, 2)


@pytest.mark.parametrize(
    ("row", "levels"),
    [
        ({"Ecole_elementaire": "0"}, ("maternelle",)),
        ({"Ecole_maternelle": "0"}, ("elementaire",)),
        ({"Ecole_maternelle": "", "Ecole_elementaire": "1.0"}, ("elementaire",)),
        ({"Ecole_maternelle": "Oui", "Ecole_elementaire": "Non"}, ("maternelle",)),
        ({"Type_etablissement": "École"}, ("maternelle", "elementaire")),
        ({"Type_etablissement": "Collège", "Ecole_maternelle": "", "Ecole_elementaire": ""}, ("college",)),
        ({"Type_etablissement": "COLLEGE"}, ("college",)),
        ({"Type_etablissement": "Lycée"}, ("lycee",)),
        ({"Type_etablissement": "EREA"}, ("college", "lycee")),
        (
            {"Ecole_maternelle": "", "Ecole_elementaire": "", "Nom_etablissement": "ECOLE MATERNELLE DES PINS"},
            ("maternelle",),
        ),
        (
            {"Ecole_maternelle": "", "Ecole_elementaire": "", "Nom_etablissement": "École élémentaire des Pins"},
            ("elementaire",),
        ),
        (
            {"Ecole_maternelle": "", "Ecole_elementaire": "", "Nom_etablissement": "Les Pins", "libelle_nature": ""},
            ("maternelle", "elementaire"),
        ),
        (
            {
                "Ecole_maternelle": "0",
                "Ecole_elementaire": "0",
                "Nom_etablissement": "Les Pins",
                "libelle_nature": "ECOLE MATERNELLE",
            },
            ("maternelle",),
        ),
    ],
)
def test_levels_come_from_the_type_and_the_columns_and_else_from_the_name(
    path: Path, row: dict[str, str], levels: tuple[str, ...]
) -> None:
    schools, _ = read(path, row)
    assert [school.levels for school in schools] == [levels]
    assert all(level in LEVELS for level in levels)


def test_names_are_kept_as_they_are_written_but_for_stray_spaces(path: Path) -> None:
    schools, _ = read(path, {"Nom_etablissement": "  ECOLE  PRIMAIRE D'ÉTÉ ; «Les Œillets» \n"})
    assert schools[0].name == "ECOLE PRIMAIRE D'ÉTÉ ; «Les Œillets»"


def test_a_code_in_small_letters_is_written_in_capitals(path: Path) -> None:
    schools, _ = read(path, {"Identifiant_de_l_etablissement": " 0019999n "})
    assert schools[0].rne == "0019999N"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"Type_etablissement": "Service Administratif", "Code_postal": ""}, "type Service Administratif"),
        ({"Type_etablissement": "Information et orientation"}, "type Information et orientation"),
        ({"Type_etablissement": "Médico-social"}, "type Médico-social"),
        ({"Type_etablissement": "Autre"}, "type Autre"),
        ({"etat": "FERME"}, "closed"),
        ({"etat": "Fermé"}, "closed"),
        ({"etat": "A OUVRIR"}, "not open yet"),
        ({"Code_departement": "099", "Code_postal": "W1A 1AA"}, "abroad"),
        ({"libelle_nature": "ECOLE PRIMAIRE FRANCAISE A L ETRANGER", "Code_postal": ""}, "abroad"),
        ({"multi_uai": "1", "Nom_etablissement": "Collège des Saules (annexe)"}, "the annexe of a school"),
        (
            {"Type_etablissement": "", "libelle_nature": "ECOLES COMPOSEES UNIQT DE STS ET OU CPGE"},
            "after the baccalauréat",
        ),
    ],
)
def test_rows_that_are_no_schools_of_the_game_are_left_out_with_the_reason(
    path: Path, row: dict[str, str], reason: str
) -> None:
    schools, reading = read(path, row)
    assert schools == []
    assert reading.problems == []
    assert dict(reading.left_out) == {reason: 1}


def test_a_name_that_is_too_long_is_cut_between_two_words(path: Path) -> None:
    long = (
        "Section d'enseignement professionnel du Lycée polyvalent des Saules - Lycée des métiers du bois, " + "xy " * 20
    )
    schools, reading = read(path, {"Nom_etablissement": long})
    assert reading.problems == []
    assert long.startswith(schools[0].name.removesuffix("…"))
    assert 110 < len(schools[0].name) <= 120
    assert schools[0].name.endswith("xy…")
    (other,), _ = read(path, {"Nom_etablissement": "x" * 121})
    assert len(other.name) == 120


@pytest.mark.parametrize(
    ("stated", "department"),
    [
        ("024", "24"),
        ("001", "01"),
        ("1", "01"),
        ("02a", "2A"),
        ("2B", "2B"),
        ("974", "974"),
        ("35.0", "35"),
        ("1,0", "01"),
        ("", None),
    ],
)
def test_the_department_is_the_one_that_the_file_states(path: Path, stated: str, department: str | None) -> None:
    (school,), reading = read(path, {"Code_departement": stated, "Code_postal": "33220"})
    assert (school.department, reading.problems) == (department, [])


@pytest.mark.parametrize("declared", ["sep=;", '"sep=;"', "SEP=;;;;", "sep=~"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_a_file_that_excel_saved_again_is_read(path: Path, declared: str, encoding: str) -> None:
    separator = "~" if "~" in declared else ";"
    odd = {"Code_postal": "35 170", "Code_departement": "35.0", "Identifiant_de_l_etablissement": a_code(19998)}
    text = text_of(odd, {"Code_postal": "?"}, separator=separator)
    path.write_bytes(f"{declared}\n{text}".replace("\n", "\r\n").encode(encoding))
    reading = read_directory(path)
    assert [(school.postcode, school.department, school.line) for school in reading] == [("35170", "35", 3)]
    assert [problem.line for problem in reading.problems] == [4]


def test_the_commune_is_read_where_the_file_has_it(path: Path) -> None:
    header = tuple("Code_commune" if name == "multi_uai" else name for name in HEADER)
    path.write_text(text_of({"multi_uai": "35047"}, header=header), encoding="utf-8")
    assert [school.commune for school in read_directory(path)] == ["35047"]
    path.write_text(text_of({"multi_uai": "Bruz"}, header=header), encoding="utf-8")
    reading = read_directory(path)
    assert list(reading) == []
    assert "not the code of a commune" in reading.problems[0].problem


def test_a_school_that_closes_next_summer_is_still_a_school(path: Path) -> None:
    schools, _ = read(path, {"etat": "A FERMER"})
    assert len(schools) == 1


def test_another_site_of_the_same_school_is_left_out(path: Path) -> None:
    schools, reading = read(path, {"multi_uai": "1"}, {"multi_uai": "1", "Nom_commune": "Ailleurs"})
    assert [school.city for school in schools] == ["Hêtre-les-Étangs"]
    assert dict(reading.left_out) == {"another site of a school that is listed already": 1}
    assert reading.problems == []


# ------------------------------------------------------------------------------------------------------ bad rows


@pytest.mark.parametrize(
    ("row", "column", "value", "problem", "fix"),
    [
        (
            {"Identifiant_de_l_etablissement": ""},
            "Identifiant_de_l_etablissement",
            "",
            "there is no code",
            "seven digits",
        ),
        (
            {"Identifiant_de_l_etablissement": "0019999A"},
            "Identifiant_de_l_etablissement",
            "0019999A",
            "the letter does not go with the digits",
            "theirs is N",
        ),
        (
            {"Identifiant_de_l_etablissement": "19999N"},
            "Identifiant_de_l_etablissement",
            "19999N",
            "this is not an RNE",
            "write 0019999N; a spreadsheet dropped the zero",
        ),
        (
            {"Identifiant_de_l_etablissement": "19999A"},
            "Identifiant_de_l_etablissement",
            "19999A",
            "this is not an RNE",
            "seven digits and a letter",
        ),
        ({"Nom_etablissement": " "}, "Nom_etablissement", "", "there is no name", "give the school's name"),
        ({"Nom_commune": "x" * 81}, "Nom_commune", "x" * 59 + "…", "the city has 81", "shorten it to 80"),
        ({"Code_departement": "096"}, "Code_departement", "096", "not a French department", "035 or 02A"),
        ({"Nom_etablissement": "a\x1bb"}, "Nom_etablissement", "a\\x1bb", "cannot be seen", "remove them"),
        ({"Nom_commune": "a\u2800b"}, "Nom_commune", "a\u2800b", "cannot be seen", "remove them"),
        ({"Nom_commune": ""}, "Nom_commune", "", "there is no city", "give the school's city"),
        ({"Code_postal": ""}, "Code_postal", "", "there is no postcode", "give five digits"),
        ({"Code_postal": "1430"}, "Code_postal", "1430", "not a French postcode", "write 01430"),
        ({"Code_postal": "00100"}, "Code_postal", "00100", "not a French postcode", "five digits"),
        ({"Code_postal": "٠١٤٣٠"}, "Code_postal", "٠١٤٣٠", "not a French postcode", "five digits"),
        ({"Type_etablissement": ""}, "Type_etablissement", "", "there is no type", "Ecole, Collège"),
    ],
)
def test_a_bad_row_is_named_with_line_column_value_and_fix(
    path: Path, row: dict[str, str], column: str, value: str, problem: str, fix: str
) -> None:
    good = {"Identifiant_de_l_etablissement": a_code(19998)}
    schools, reading = read(path, good, row)
    assert [school.rne for school in schools] == [good["Identifiant_de_l_etablissement"]]
    assert reading.problem_count == 1
    found = reading.problems[0]
    assert (found.line, found.column, found.value) == (3, column, value)
    assert problem in found.problem
    assert fix in found.fix
    assert f"line 3, {column}: " in str(found)


def test_all_that_is_wrong_with_a_row_is_said_at_once(path: Path) -> None:
    _, reading = read(path, {"Identifiant_de_l_etablissement": "x", "Nom_etablissement": "", "Code_postal": "?"})
    assert [problem.column for problem in reading.problems] == [
        "Identifiant_de_l_etablissement",
        "Nom_etablissement",
        "Code_postal",
    ]


def test_the_second_row_with_a_code_is_refused_and_the_first_is_named(path: Path) -> None:
    schools, reading = read(path, {}, {"Nom_etablissement": "Une autre"})
    assert [school.name for school in schools] == ["Ecole primaire des Tilleuls"]
    assert reading.problems[0].problem == "this code is on line 2 already"
    assert reading.problems[0].line == 3


def test_a_row_with_a_value_too_many_or_too_few_is_refused(path: Path) -> None:
    row = ";".join(SCHOOL.values())
    path.write_text(text_of() + row + ";x\n" + row.rsplit(";", 1)[0] + "\n" + row + "\n", encoding="utf-8")
    reading = read_directory(path)
    assert [school.line for school in reading] == [4]
    assert [problem.problem for problem in reading.problems] == [
        "the row has 12 values for 11 columns",
        "the row has 10 values for 11 columns",
    ]


def test_lines_are_counted_as_an_editor_counts_them(path: Path) -> None:
    name = {"Nom_etablissement": "Ecole\ndes Pins", "Identifiant_de_l_etablissement": a_code(19998)}
    path.write_text(text_of(name).rstrip("\n") + "\n\n;;;;;;;;;;\n" + ";".join(SCHOOL.values()), encoding="utf-8")
    reading = read_directory(path)
    assert [(school.line, school.name) for school in reading] == [
        (2, "Ecole des Pins"),
        (6, "Ecole primaire des Tilleuls"),
    ]
    assert reading.rows == 2


def test_the_first_thousand_problems_are_kept_and_all_are_counted(path: Path) -> None:
    bad = "".join(";".join((SCHOOL | {"Nom_commune": ""}).values()) + "\n" for _ in range(MAX_PROBLEMS + 200))
    path.write_text(text_of() + bad, encoding="utf-8")
    reading = read_directory(path)
    assert list(reading) == []
    assert len(reading.problems) == MAX_PROBLEMS
    assert reading.problem_count == MAX_PROBLEMS + 200


def test_reading_twice_finds_the_same(path: Path) -> None:
    first, reading = read(path, {}, {"Identifiant_de_l_etablissement": "x"}, {"etat": "FERME"})
    counts = (reading.rows, reading.problem_count, dict(reading.left_out), tuple(reading.problems))
    assert list(reading) == first
    assert (reading.rows, reading.problem_count, dict(reading.left_out), tuple(reading.problems)) == counts


# ------------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_usual_encoding_and_separator_is_read(path: Path, encoding: str, separator: str, ending: str) -> None:
    text = text_of({"Nom_etablissement": "École; d’été, la nôtre"}, separator=separator).replace("\n", ending)
    path.write_bytes(text.encode(encoding))
    schools = list(read_directory(path))
    assert [(school.name, school.city) for school in schools] == [("École; d’été, la nôtre", "Hêtre-les-Étangs")]


@pytest.mark.parametrize(
    "header",
    [
        tuple(name.upper() for name in HEADER),
        tuple(name.lower() for name in HEADER),
        ("Identifiant de l'établissement", "Nom établissement", "Type établissement", "Code postal", "Nom commune",
         "Code département", "École maternelle", "École élémentaire", "État", "Libellé nature", "multi UAI"),
        ("\u00a0IDENTIFIANT_DE_L_ETABLISSEMENT ", *HEADER[1:]),
    ],
)  # fmt: skip
def test_headers_are_known_in_any_case_with_accents_or_without(path: Path, header: tuple[str, ...]) -> None:
    path.write_text(text_of({"Ecole_elementaire": "0"}, header=header), encoding="utf-8")
    assert [school.levels for school in read_directory(path)] == [("maternelle",)]


def test_columns_come_in_any_order(path: Path) -> None:
    names = list(reversed(HEADER))
    path.write_text(";".join(names) + "\n" + ";".join(SCHOOL[name] for name in names) + "\n", encoding="utf-8")
    assert [school.rne for school in read_directory(path)] == ["0019999N"]


def test_five_columns_are_enough(path: Path) -> None:
    path.write_text(";".join(HEADER[:5]) + "\n" + ";".join(list(SCHOOL.values())[:5]) + "\n", encoding="utf-8")
    assert [school.levels for school in read_directory(path)] == [("maternelle", "elementaire")]


def test_missing_columns_are_all_named_at_once(path: Path) -> None:
    path.write_text("Nom_etablissement;Code_postal;Autre\nx;y;z\n", encoding="utf-8")
    with pytest.raises(DirectoryError) as refused:
        read_directory(path)
    assert "Identifiant_de_l_etablissement, Type_etablissement, Nom_commune" in str(refused.value)
    assert "Code_postal" not in str(refused.value)
    assert "Nom_etablissement, Code_postal, Autre" in refused.value.hint


def test_a_column_that_is_there_twice_is_refused(path: Path) -> None:
    path.write_text(text_of(header=(*HEADER[:-1], "CODE_POSTAL")), encoding="utf-8")
    with pytest.raises(DirectoryError, match="two columns CODE_POSTAL"):
        read_directory(path)


def wrong_files() -> dict[str, tuple[bytes, str]]:
    good = text_of({"Nom_etablissement": "École"})
    broken = good.encode() + "été".encode() + b" \xe9t\xe9;\n"
    return {
        "empty": (b"", "is empty"),
        "zip": (b"PK\x03\x04rest", "a zip or Excel file"),
        "old-excel": (b"\xd0\xcf\x11\xe0\xa1\xb1rest", "an old Excel file"),
        "gzip": (b"\x1f\x8brest", "a gzip file"),
        "utf-16": (good.encode("utf-16") + b"\x00", "is not UTF-16, though it begins as if"),
        "nul": (good.encode() + b"a\0b\n", "is not a text file"),
        "mixed": (broken, "line 3: a letter there is not UTF-8"),
        "neither": (good.encode("cp1252") + b"\x81\x8d\n", "neither UTF-8 nor Windows-1252"),
        "quotation": (good.encode() + b'0019998P;"Ecole' + b"\n" * 200_000, "line 3: a quotation mark"),
        "one-line": (b"x" * (1 << 21), "longer than a million characters"),
        "long-line": (good.encode() + b"x;" * (1 << 20), "line 3: the line is longer"),
        "header-only-words": (b"bonjour\n", "has no column Identifiant_de_l_etablissement"),
        "html": (b"<!doctype html>\n<p>Erreur</p>\n", "has no column"),
    }


@pytest.mark.parametrize("kind", list(wrong_files()))
def test_another_kind_of_file_is_one_clear_error(path: Path, kind: str) -> None:
    data, message = wrong_files()[kind]
    path.write_bytes(data)
    with pytest.raises(DirectoryError) as refused:
        list(read_directory(path))
    assert message in str(refused.value)
    assert path.name in str(refused.value)
    assert refused.value.hint


def test_a_letter_cut_in_two_between_blocks_is_still_read(path: Path) -> None:
    start = text_of()
    filler = "x" * ((1 << 20) - len(start.encode()) - len("0019998P;") - 1)
    row = {"Identifiant_de_l_etablissement": a_code(19998), "Nom_etablissement": filler + "é"}
    path.write_text(start + ";".join((SCHOOL | row).values()) + "\n", encoding="utf-8")
    assert read_directory(path).encoding == "utf-8-sig"


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(DirectoryError) as refused:
            read_directory(path)
        assert str(path) in str(refused.value)


# ------------------------------------------------------------------------------------------------------ the made-up one


def test_the_sample_is_what_the_generator_gives(tmp_path: Path) -> None:
    write_directory(tmp_path / "again.csv", SAMPLE_ROWS, SAMPLE_SEED)
    assert (tmp_path / "again.csv").read_bytes() == SAMPLE.read_bytes()


def test_the_sample_has_schools_of_every_level_and_rows_that_are_none() -> None:
    reading = read_directory(SAMPLE)
    schools = list(reading)
    assert reading.rows == SAMPLE_ROWS
    assert reading.problems == []
    assert {level for school in schools for level in school.levels} == set(LEVELS)
    assert sum(reading.left_out.values()) == SAMPLE_ROWS - len(schools) > 0


def test_the_generator_gives_the_size_and_the_shares_of_france(path: Path) -> None:
    write_directory(path)
    reading = read_directory(path)
    levels: dict[tuple[str, ...], int] = {}
    departments = set()
    for school in reading:
        levels[school.levels] = levels.get(school.levels, 0) + 1
        departments.add(school.rne[:3])
        prefix = {"620": "20", "720": "20"}.get(school.rne[:3], school.rne[:3].lstrip("0").zfill(2))
        assert school.postcode.startswith(prefix)
    assert (reading.rows, reading.problem_count) == (68_000, 0)
    assert len(departments) == 101
    assert sum(count for level, count in levels.items() if set(level) <= {"maternelle", "elementaire"}) > 45_000
    assert 6_000 < levels["college",] < 8_000
    assert 3_000 < levels["lycee",] < 5_000
    assert 30 < levels["college", "lycee"] < 120


def test_only_the_codes_are_kept_while_reading(path: Path) -> None:
    write_directory(path, 10_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_directory(path)) > 8_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20 < path.stat().st_size * 2


def test_another_seed_gives_another_directory(tmp_path: Path) -> None:
    write_directory(tmp_path / "a.csv", 200, seed=1)
    write_directory(tmp_path / "b.csv", 200, seed=2)
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "b.csv").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("header", ["mixed", "upper", "lower"])
@pytest.mark.parametrize("bom", [False, True])
def test_every_style_of_header_gives_the_same_schools(tmp_path: Path, header: Any, bom: bool) -> None:
    write_directory(tmp_path / "plain.csv", 150)
    write_directory(tmp_path / "styled.csv", 150, header=header, bom=bom)
    first = (tmp_path / "styled.csv").read_text(encoding="utf-8-sig").split(";", 1)[0]
    assert first == {"mixed": COLUMNS[0], "upper": COLUMNS[0].upper(), "lower": COLUMNS[0].lower()}[header]
    assert (tmp_path / "styled.csv").read_bytes().startswith(b"\xef\xbb\xbf") == bom
    assert list(read_directory(tmp_path / "styled.csv")) == list(read_directory(tmp_path / "plain.csv"))


@pytest.mark.parametrize("rows", [1, 7, 100, 101, 5_000])
def test_the_generator_gives_exactly_the_rows_asked_for(path: Path, rows: int) -> None:
    write_directory(path, rows)
    reading = read_directory(path)
    list(reading)
    assert (reading.rows, reading.problem_count) == (rows, 0)


@pytest.mark.parametrize("rows", [0, -1, 150_001])
def test_a_directory_of_no_rows_or_too_many_is_refused(path: Path, rows: int) -> None:
    with pytest.raises(ValueError, match="rows must be"):
        write_directory(path, rows)
    assert not path.exists()


def test_the_made_up_directory_leads_to_nobody() -> None:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            assert row["Mail"].endswith(".invalid")
            assert row["Telephone"][:6] in ("019900", "026191", "035301", "046571", "053649")
            assert row["Identifiant_de_l_etablissement"][3] == "9"
