"""The diplomas of a class are one PDF: a page for each pupil and the certificate, with every name as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pypdf
import pytest

from mpp_supabase.diplomas import LANGUAGES, ClassDiplomas, DiplomaError, PupilDiploma, write_all, write_diplomas
from mpp_supabase.diplomas.wording import WORDINGS
from tests.support import ROOT

MILLIMETRE = 72 / 25.4

LONG_CLASS = (
    "Classe de CE2-CM1-CM2 des petits explorateurs de la forêt, de la rivière, des étangs et du grand jardin de l’école"
)
LONG_SCHOOL = (
    "École primaire publique intercommunale du regroupement pédagogique des Trois Vallées et du Plateau des Genêts"
)


def a_class(**changes: Any) -> ClassDiplomas:
    values: dict[str, Any] = {
        "edition": "Ma Petite Planète à l’école",
        "starts_on": date(2026, 3, 9),
        "ends_on": date(2026, 3, 29),
        "class_name": "CM1 des Hérissons",
        "school": "École des Tilleuls",
        "city": "Aubeval-sur-Loutre",
        "teacher": "Camille Exemple",
        "pupils": (PupilDiploma("Zoé", 23, 61), PupilDiploma("Lina M.", 1, 2)),
        "challenges": 640,
        "points": 2310,
        "rank": 12,
        "classes": 650,
    }
    return ClassDiplomas(**(values | changes))


def of_pupils(*names: str) -> ClassDiplomas:
    return a_class(pupils=tuple(PupilDiploma(name, 3) for name in names))


def texts(path: Path) -> list[str]:
    """What stands on each page, with every kind of space as one."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(path).pages]


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    return tmp_path / "diplomas.pdf"


def test_each_pupil_has_a_page_and_the_class_has_the_last(pdf: Path) -> None:
    names = [f"Élève-{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert write_diplomas(pdf, of_pupils(*names)) == 27
    pages = texts(pdf)
    assert len(pages) == 27
    for name, page in zip(names, pages, strict=False):
        assert f"décerné à {name} pour avoir relevé 3 défis pour la planète" in page
    assert "Certificat de la classe" in pages[-1]
    assert not any(name in pages[-1] for name in names)


def test_the_pages_are_a4_and_the_names_are_bookmarks(pdf: Path) -> None:
    write_diplomas(pdf, a_class())
    reader = pypdf.PdfReader(pdf)
    sizes = {
        (round(page.mediabox.width / MILLIMETRE), round(page.mediabox.height / MILLIMETRE)) for page in reader.pages
    }
    assert sizes == {(297, 210)}
    assert [entry.title for entry in reader.outline if isinstance(entry, pypdf.generic.Destination)] == [
        "Zoé",
        "Lina M.",
        "CM1 des Hérissons",
    ]
    assert reader.metadata is not None
    assert reader.metadata.title == "Diplômes, CM1 des Hérissons"


@pytest.mark.parametrize(
    ("language", "pupil", "one_challenge", "certificate"),
    [
        (
            "fr",
            "Diplôme Ma Petite Planète à l’école · du 9 au 29 mars 2026 décerné à Zoé pour avoir relevé 23 défis",
            "pour avoir relevé 1 défi pour la planète",
            "2 640 2 310 12e élèves défis relevés points place sur 650 classes",
        ),
        (
            "en",
            "Diploma Ma Petite Planète à l’école · 9 to 29 March 2026 awarded to Zoé for taking up 23 challenges",
            "for taking up 1 challenge for the planet",
            "2 640 2,310 12th pupils challenges done points place out of 650 classes",
        ),
        (
            "de",
            "Urkunde Ma Petite Planète à l’école · vom 9. bis 29. März 2026 verliehen an Zoé für 23 gemeisterte",
            "für 1 gemeisterte Herausforderung rund um",
            "2 640 2.310 12. Kinder gemeisterte Herausforderungen Punkte Platz von 650 Klassen",
        ),
    ],
)
def test_every_language_says_it_in_its_own_words(
    pdf: Path, language: Any, pupil: str, one_challenge: str, certificate: str
) -> None:
    write_diplomas(pdf, a_class(), language)
    first, second, last = texts(pdf)
    assert pupil in first
    assert one_challenge in second
    assert certificate in last
    for page in (first, second, last):
        assert "CM1 des Hérissons" in page
        assert "École des Tilleuls, Aubeval-sur-Loutre" in page
        assert "Camille Exemple" in page
        assert WORDINGS[language].date_line in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_class_without_a_teachers_name_has_a_line_to_sign(pdf: Path, language: Any) -> None:
    write_diplomas(pdf, a_class(teacher=None), language)
    assert all(WORDINGS[language].signature_line in page for page in texts(pdf))


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ("challenges", "pour avoir relevé 23 défis pour la planète"),
        ("points", "pour avoir gagné 61 points pour la planète"),
        ("both", "pour avoir relevé 23 défis et gagné 61 points"),
        ("none", "pour avoir pris part à l’aventure avec toute la classe"),
    ],
)
def test_a_pupils_page_tells_the_figures_that_were_chosen_and_no_rank(pdf: Path, figures: Any, expected: str) -> None:
    write_diplomas(pdf, a_class(), figures=figures)
    page = texts(pdf)[0]
    assert expected in page
    assert "12" not in page
    assert "650" not in page
    assert ("23" in page) == (figures in ("challenges", "both"))
    assert ("61" in page) == (figures in ("points", "both"))


@pytest.mark.parametrize("figures", ["challenges", "points", "both"])
def test_nobody_is_shamed_by_a_nought_or_a_minus(pdf: Path, figures: Any) -> None:
    pupils = (PupilDiploma("Lina", 0, -4), PupilDiploma("Sam"))
    write_diplomas(pdf, a_class(pupils=pupils, challenges=0, points=-4, rank=None), figures=figures)
    lina, sam, certificate = texts(pdf)
    for page in (lina, sam):
        assert "pour avoir pris part à l’aventure" in page
    assert "2 élèves Un geste après l’autre" in certificate


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (
            date(2026, 3, 9),
            date(2026, 3, 29),
            ("du 9 au 29 mars 2026", "9 to 29 March 2026", "vom 9. bis 29. März 2026"),
        ),
        (
            date(2026, 4, 1),
            date(2026, 5, 1),
            ("du 1er avril au 1er mai 2026", "1 April to 1 May 2026", "vom 1. April bis 1. Mai 2026"),
        ),
        (
            date(2026, 12, 21),
            date(2027, 1, 10),
            (
                "du 21 décembre 2026 au 10 janvier 2027",
                "21 December 2026 to 10 January 2027",
                "vom 21. Dezember 2026 bis 10. Januar 2027",
            ),
        ),
        (date(2026, 3, 9), date(2026, 3, 9), ("le 9 mars 2026", "9 March 2026", "am 9. März 2026")),
    ],
)
def test_dates_are_written_as_each_language_writes_them(first: date, last: date, expected: tuple[str, ...]) -> None:
    assert tuple(WORDINGS[language].period(first, last) for language in LANGUAGES) == expected


@pytest.mark.parametrize(
    ("rank", "expected"),
    [(1, ("1re", "1st", "1.")), (2, ("2e", "2nd", "2.")), (3, ("3e", "3rd", "3.")), (11, ("11e", "11th", "11.")),
     (112, ("112e", "112th", "112.")), (121, ("121e", "121st", "121."))],
)  # fmt: skip
def test_ranks_are_written_as_each_language_writes_them(rank: int, expected: tuple[str, ...]) -> None:
    assert tuple(f"{rank}{''.join(WORDINGS[language].ordinal_mark(rank))}" for language in LANGUAGES) == expected


@pytest.mark.parametrize(
    "name",
    ["Cœur-Aël", "L’Éloïse", "Weiß", "Łucja-Żaneta", "Şükrü-İpek", "Nguyệt-Ánh", "Đặng", "Анна-Юлія", "Ελένη", "Ñusta",
     "Þóra", "Ångström", "Čeněk", "Gheorghiță", "Արամ", "ნინო", "שרה"],
)  # fmt: skip
def test_letters_of_many_alphabets_are_printed(pdf: Path, name: str) -> None:
    write_diplomas(pdf, of_pupils(name))
    assert f"décerné à {name} pour" in texts(pdf)[0]


def test_arabic_is_printed_with_joined_letters(pdf: Path) -> None:
    write_diplomas(pdf, of_pupils("ليلى"))
    assert "ليلى" in texts(pdf)[0]


def test_a_decomposed_accent_is_the_same_letter(pdf: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pdf"
    write_diplomas(pdf, of_pupils("Zoe\u0301"))
    write_diplomas(other, of_pupils("Zo\u00e9"))
    assert pdf.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("name", "letters"), [("李娜", "李娜"), ("አበበ", "አበበ"), ("ส้ม", "ส")])
def test_a_letter_that_no_font_has_is_an_error_and_not_an_empty_box(pdf: Path, name: str, letters: str) -> None:
    with pytest.raises(DiplomaError, match="no font") as refused:
        write_diplomas(pdf, of_pupils("Zoé", name))
    assert name in str(refused.value)
    assert "CM1 des Hérissons" in str(refused.value)
    assert "font" in refused.value.hint
    assert not list(pdf.parent.iterdir())


def test_an_emoji_that_no_font_has_is_left_out(pdf: Path) -> None:
    write_diplomas(pdf, a_class(class_name="Les abeilles 🐝👩🏽‍🌾❤️ du CM1"))
    assert re.search(r"Les abeilles ?\S? du CM1 École", texts(pdf)[0])


def test_a_class_named_by_an_emoji_only_is_refused(pdf: Path) -> None:
    with pytest.raises(DiplomaError, match="no font"):
        write_diplomas(pdf, a_class(class_name="🐝🐝"))


@pytest.mark.parametrize(
    "text",
    ["#panic()", "*x*", "_x_", "$x^2$", "= x", "- x", "@x", "<x>", "[x]", "\\x", "`x`", "https://x.invalid/a", "// x",
     '"x"', "'x'", "x -- y", "#{1+1}", '#import "@preview/x:1.0.0"', '#read("/etc/passwd")', "a]#panic()[b",
     "%d {done}"],
)  # fmt: skip
def test_markup_in_a_name_is_printed_as_it_is_written(pdf: Path, text: str) -> None:
    write_diplomas(
        pdf, a_class(class_name=text, school=text, city=text, edition=text, teacher=text, pupils=(PupilDiploma(text),))
    )
    pupil, certificate = texts(pdf)
    assert pupil.count(text) == 6
    assert certificate.count(text) == 5


def test_invisible_characters_are_left_out(pdf: Path) -> None:
    write_diplomas(pdf, of_pupils("Li\u202ena\x00\u200b\n\tM."))
    assert "décerné à Lina M. pour" in texts(pdf)[0]


def test_long_names_stay_inside_the_frame(pdf: Path) -> None:
    names = ("Maximiliane-Wilhelmina-Gwendol", "W" * 30, "Ấ" * 30, "i" * 30)
    for language in LANGUAGES:
        for wide in (
            a_class(class_name=LONG_CLASS, school=LONG_SCHOOL),
            a_class(class_name="W" * 120, school="M" * 120),
        ):
            teacher = "Marie-Christine de la Fontaine-Exemple et Jean-Baptiste Personne-Inventée"
            pupils = tuple(PupilDiploma(name, 999_999, 999_999) for name in names)
            write_diplomas(
                pdf,
                a_class(
                    class_name=wide.class_name,
                    school=wide.school,
                    city="Saint-Exemple-les-Aubépines-sous-la-Montagne-Verte",
                    edition="Ma Petite Planète à l’école, " * 5,
                    teacher=teacher,
                    pupils=pupils,
                    challenges=9_999_999,
                    points=99_999_999,
                    rank=9999,
                    classes=99_999,
                ),
                language,
                figures="both",
            )
            pages = pypdf.PdfReader(pdf).pages
            assert len(pages) == len(names) + 1
            for page in pages:
                assert_inside_the_frame(page)


def assert_inside_the_frame(page: pypdf.PageObject) -> None:
    """Every text is set around a middle, so that one that starts inside the left margin ends inside the right one."""
    starts: list[tuple[float, float, str]] = []

    def see(text: str, matrix: list[float], text_matrix: list[float], *_: object) -> None:
        if text.strip():
            x = matrix[0] * text_matrix[4] + matrix[2] * text_matrix[5] + matrix[4]
            y = matrix[1] * text_matrix[4] + matrix[3] * text_matrix[5] + matrix[5]
            starts.append((x / MILLIMETRE, y / MILLIMETRE, text))

    page.extract_text(visitor_text=see)
    assert starts
    for x, y, text in starts:
        assert 18 < x < 280, text
        assert 15 < y < 195, text


def test_a_long_class_name_is_whole_on_the_page(pdf: Path) -> None:
    write_diplomas(pdf, a_class(class_name=LONG_CLASS, school=LONG_SCHOOL))
    for page in texts(pdf):
        assert LONG_CLASS in page
        assert LONG_SCHOOL in page


def test_the_same_class_gives_the_same_bytes_everywhere(pdf: Path, tmp_path: Path) -> None:
    write_diplomas(pdf, a_class(), "de")
    program = (
        "from tests.library.diplomas.test_diplomas import a_class, write_diplomas\n"
        f"write_diplomas({str(tmp_path / 'again.pdf')!r}, a_class(), 'de')"
    )
    environment = os.environ | {"TZ": "Asia/Tokyo", "LANG": "C", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "again.pdf").read_bytes() == pdf.read_bytes()


def test_the_fonts_are_in_the_file_and_came_with_typst(pdf: Path) -> None:
    write_diplomas(pdf, of_pupils("Zoé", "ليلى", "Анна"))
    found = set()
    for page in pypdf.PdfReader(pdf).pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            below = font.get_object()["/DescendantFonts"][0].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(below["/FontDescriptor"])
            found.add(below["/FontDescriptor"]["/FontName"].split("+")[1].split("-")[0])
    assert "LibertinusSerif" in found
    assert found <= {"LibertinusSerif", "DejaVuSansMono", "NewCM10", "NewCMMath"}


def test_nothing_is_fetched_by_the_template() -> None:
    import mpp_supabase.diplomas

    template = Path(mpp_supabase.diplomas.__file__).with_name("diploma.typ").read_text(encoding="utf-8")
    assert not re.search(r"@preview|#?\b(?:import|include|read|image|plugin)\b\s*[(\"]", template)


def test_two_hundred_pages_are_written(pdf: Path) -> None:
    pupils = tuple(PupilDiploma(f"Élève-{number} É.", number) for number in range(200))
    assert write_diplomas(pdf, a_class(pupils=pupils)) == 201


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pupils": ()}, "it has no pupils"),
        ({"pupils": (PupilDiploma("A"),) * 501}, "it has 501 pupils, and 500 is the most"),
        ({"pupils": (PupilDiploma("A"), PupilDiploma(" \u200b"))}, "the name of pupil 2 is empty"),
        ({"school": "\n"}, "the name of the school is empty"),
        ({"edition": ""}, "the edition's title is empty"),
        ({"class_name": "x" * 201}, "the name of the class has 201 characters, and 200 is the most"),
        ({"ends_on": date(2026, 3, 8)}, "the edition ends before it starts"),
        ({"rank": 0}, "the rank is 0"),
    ],
)
def test_a_class_that_cannot_have_diplomas_is_refused_by_name(pdf: Path, changes: Any, problem: str) -> None:
    with pytest.raises(DiplomaError) as refused:
        write_diplomas(pdf, a_class(**changes))
    assert problem in str(refused.value)
    assert "École des Tilleuls" in str(refused.value) or "CM1 des Hérissons" in str(refused.value)
    assert not pdf.exists()


def test_all_that_is_wrong_with_a_class_is_said_at_once(pdf: Path) -> None:
    with pytest.raises(DiplomaError) as refused:
        write_diplomas(pdf, a_class(pupils=(), edition="", rank=-1))
    assert len(refused.value.problems) == 3


def test_a_language_or_a_choice_that_does_not_exist_is_refused(pdf: Path) -> None:
    unknown: Any = "nl"
    with pytest.raises(DiplomaError, match="'nl'"):
        write_diplomas(pdf, a_class(), unknown)
    with pytest.raises(DiplomaError, match="'nl'"):
        write_diplomas(pdf, a_class(), figures=unknown)


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "absent" / "x.pdf", tmp_path / "taken", tmp_path / "file" / "x.pdf"):
        with pytest.raises(DiplomaError) as refused:
            write_diplomas(path, a_class())
        assert str(path) in str(refused.value)
        assert refused.value.hint
    assert sorted(found.name for found in tmp_path.iterdir()) == ["file", "taken"]


def test_a_directory_without_fonts_is_refused(pdf: Path, tmp_path: Path) -> None:
    for fonts in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DiplomaError, match="no fonts"):
            write_diplomas(pdf, a_class(), fonts=fonts)


def test_an_older_file_is_replaced_whole_and_nothing_else_is_left(pdf: Path) -> None:
    write_diplomas(pdf, of_pupils("Zoé", "Lina"))
    write_diplomas(pdf, of_pupils("Sam"))
    assert "Sam" in texts(pdf)[0]
    with pytest.raises(DiplomaError):
        write_diplomas(pdf, of_pupils("李娜"))
    assert "Sam" in texts(pdf)[0]
    assert list(pdf.parent.iterdir()) == [pdf]


def test_several_classes_have_a_file_each_under_names_of_their_own(tmp_path: Path) -> None:
    classes = [
        a_class(),
        a_class(class_name="CM1 des hérissons !"),
        a_class(class_name="CM1 des Hérissons 2"),
        a_class(class_name="../../4b", school="Grundschule an der Großen Straße"),
    ]
    seen: list[tuple[int, int]] = []
    directory = tmp_path / "new" / "diplomas"
    files = write_all(directory, classes, on_progress=lambda done, all_of_them: seen.append((done, all_of_them)))
    assert [file.name for file in files] == [
        "ecole-des-tilleuls-cm1-des-herissons.pdf",
        "ecole-des-tilleuls-cm1-des-herissons-2.pdf",
        "ecole-des-tilleuls-cm1-des-herissons-2-2.pdf",
        "grundschule-an-der-grossen-strasse-4b.pdf",
    ]
    assert sorted(directory.iterdir()) == sorted(files)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "CM1 des Hérissons 2" in texts(files[2])[0]


def test_a_class_that_fails_does_not_hold_up_the_others(tmp_path: Path) -> None:
    classes = [a_class(pupils=(), class_name="Vide"), a_class(), a_class(class_name="六年级")]
    with pytest.raises(DiplomaError, match="2 of 3 classes") as refused:
        write_all(tmp_path, classes)
    assert [problem.split(" (")[0] for problem in refused.value.problems] == ["Vide", "六年级"]
    assert [file.name for file in tmp_path.iterdir()] == ["ecole-des-tilleuls-cm1-des-herissons.pdf"]


def test_a_directory_that_cannot_be_made_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(DiplomaError, match="cannot be written"):
        write_all(tmp_path / "file" / "below", [a_class()])
