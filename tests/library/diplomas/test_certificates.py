"""Certificates of leagues and teams: a page for each, with its figures and the titles it won."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pypdf
import pytest

from mpp_supabase.diplomas import LANGUAGES, Certificate, Certificates, DiplomaError, write_certificates
from mpp_supabase.diplomas.wording import WORDINGS
from tests.library.diplomas.test_diplomas import assert_inside_the_frame, texts

GRAND_ZIZOU = "Grand Zizou de l’écologie"
COLIBRIS = Certificate("Les Colibris", "league", "Exemple Industries", (GRAND_ZIZOU,), 19, 612, 2011, 1, 12)
RACINES = Certificate("Équipe Racines", "team", "Les Colibris", (), 9, 312, 1011, 2, 24)


def of(*certificates: Certificate, **changes: Any) -> Certificates:
    values: dict[str, Any] = {
        "edition": "Édition de juin 2026",
        "starts_on": date(2026, 6, 1),
        "ends_on": date(2026, 6, 21),
        "certificates": certificates,
    }
    return Certificates(**(values | changes))


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    return tmp_path / "certificates.pdf"


def test_a_league_and_a_team_have_a_page_each_with_figures_and_titles(pdf: Path) -> None:
    assert write_certificates(pdf, of(COLIBRIS, RACINES)) == 2
    league, team = texts(pdf)
    assert "Certificat de la ligue Édition de juin 2026 · du 1er au 21 juin 2026 décerné à Les Colibris" in league
    assert f"Exemple Industries {GRAND_ZIZOU}" in league
    assert "19 612 2 011 1re joueurs défis relevés points place sur 12 ligues" in league
    assert "Certificat de l’équipe" in team
    assert "9 312 1 011 2e joueurs défis relevés points place sur 24 équipes" in team
    assert GRAND_ZIZOU not in team


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ("League certificate", "players challenges done points place out of 12 leagues", "Team certificate")),
        ("de", ("Urkunde der Liga", "Platz von 12 Ligen", "Urkunde des Teams")),
    ],
)
def test_certificates_speak_the_other_languages(pdf: Path, language: Any, expected: tuple[str, ...]) -> None:
    write_certificates(pdf, of(COLIBRIS, RACINES), language)
    words = " ".join(texts(pdf))
    assert all(text in words for text in expected)


def test_what_is_not_known_is_not_printed(pdf: Path) -> None:
    write_certificates(pdf, of(Certificate("Les Colibris", points=0)))
    (page,) = texts(pdf)
    assert "décerné à Les Colibris Un défi après l’autre" in page


def test_who_signs_stands_on_the_line(pdf: Path) -> None:
    write_certificates(pdf, of(COLIBRIS, signed_by="Camille Exemple"))
    (page,) = texts(pdf)
    assert "Camille Exemple" in page
    assert WORDINGS["fr"].signature_line not in page


@pytest.mark.parametrize("text", ["#panic()", "*x*", "$x$", '#read("/etc/passwd")', "<x>", "\\x", "a]#panic()[b"])
def test_markup_in_a_name_is_printed_as_it_is_written(pdf: Path, text: str) -> None:
    write_certificates(pdf, of(Certificate(text, "team", text, (text,)), edition=text, signed_by=text))
    (page,) = texts(pdf)
    assert page.count(text) == 5


def test_long_names_and_many_titles_stay_inside_the_frame(pdf: Path) -> None:
    name = "La très longue ligue des amis de la forêt, de la rivière, des étangs et du grand jardin partagé " * 2
    titles = tuple(f"{GRAND_ZIZOU} numéro {number}" for number in range(6))
    for language in LANGUAGES:
        every = (Certificate(name, "league", name, titles, 99_999, 9_999_999, 9_999_999, 9_999, 9_999),)
        write_certificates(pdf, of(*every, Certificate("W" * 120)), language)
        pages = pypdf.PdfReader(pdf).pages
        assert len(pages) == 2
        for page in pages:
            assert_inside_the_frame(page)


def test_a_league_that_cannot_be_printed_is_named(pdf: Path) -> None:
    with pytest.raises(DiplomaError, match="李娜"):
        write_certificates(pdf, of(COLIBRIS, Certificate("李娜")))
    assert not pdf.exists()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (of(), "there are 0 certificates"),
        (of(Certificate("\u200b")), "certificate 1: the name is empty"),
        (of(COLIBRIS, Certificate("x" * 201)), "certificate 2: a text has over 200 characters"),
        (of(Certificate("x", rank=0)), "certificate 1: a rank is under 1"),
        (of(Certificate("x", awards=("y",) * 7)), "certificate 1: 7 titles, and 6 is the most"),
        (of(COLIBRIS, ends_on=date(2026, 5, 1)), "the edition ends before it starts"),
    ],
)
def test_certificates_that_cannot_be_are_refused_by_name(pdf: Path, wrong: Certificates, problem: str) -> None:
    with pytest.raises(DiplomaError) as refused:
        write_certificates(pdf, wrong)
    assert problem in str(refused.value)
    assert not pdf.exists()


def test_a_language_that_does_not_exist_is_refused(pdf: Path) -> None:
    unknown: Any = "nl"
    with pytest.raises(DiplomaError, match="'nl'"):
        write_certificates(pdf, of(COLIBRIS), unknown)
