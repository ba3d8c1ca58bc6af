"""An edition file becomes the document of api.apply_edition, or an EditionFileError and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpp_supabase import EditionFileError, FileProblem, parse_edition, read_edition_file
from mpp_supabase.edition_file import normal_secret

ROOT = Path(__file__).resolve().parents[2]

PLAIN = """
edition:
  code: test-2026
  audience: {audience}
  title: {{fr: Édition, en: Edition, de: Ausgabe}}
  time_zone: {zone}
  {start}
themes:
  mobility: {{fr: Mobilité, en: Getting around}}
challenges:
  - code: first-card
    kind: {kind}
    theme: mobility
    points: {points}
    title: {{fr: Carte, en: Card}}
    description: {{fr: Texte, en: Text}}
{more}
"""


def plain(**changes: Any) -> str:
    values = {"audience": "public", "zone": "Europe/Paris", "start": "starts_on: 2026-06-01", "kind": "standard"}
    return PLAIN.format(**(values | {"points": 4, "more": ""} | changes))


def document(text: str) -> dict[str, Any]:
    return parse_edition(text).document


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(EditionFileError) as refused:
        parse_edition(text)
    return [f"{p.line}: {p.field}: {p.wrong}" for p in refused.value.problems]


def test_a_file_becomes_the_document_with_every_default_written_out() -> None:
    found = document(plain())
    assert found["edition"] == {
        "code": "test-2026",
        "audience": "public",
        "title": {"fr": "Édition", "en": "Edition", "de": "Ausgabe"},
        "time_zone": "Europe/Paris",
        "starts_at": "2026-06-01T00:00:00+02:00",
        "ends_at": "2026-06-22T00:00:00+02:00",
        "registration_closes_at": "2026-06-22T00:00:00+02:00",
        "organisation": None,
    }
    assert found["rules"] == {
        "league_size": {"min": 6, "max": 24},
        "teams_per_league": 2,
        "ranking": "total",
        "unlock_guesses_per_hour": 10,
    }
    assert found["themes"] == [{"code": "mobility", "title": {"fr": "Mobilité", "en": "Getting around"}}]
    assert found["challenges"] == [
        {
            "code": "first-card",
            "kind": "standard",
            "theme": "mobility",
            "points": 4,
            "repeat": 1,
            "proof": False,
            "quorum": None,
            "factor": None,
            "window": None,
            "secret": None,
            "goals": [],
            "title": {"fr": "Carte", "en": "Card"},
            "description": {"fr": "Texte", "en": "Text"},
        }
    ]
    json.dumps(found)


def test_a_school_edition_ranks_by_average_unless_it_says_otherwise() -> None:
    assert document(plain(audience="school"))["rules"]["ranking"] == "average"
    assert document(plain(audience="school", more="rules: {ranking: total}"))["rules"]["ranking"] == "total"


def test_a_malus_may_be_repeated_without_limit_unless_it_says_otherwise() -> None:
    assert document(plain(kind="malus", points=-2))["challenges"][0]["repeat"] is None
    assert document(plain(kind="malus", points="-2\n    repeat: 3"))["challenges"][0]["repeat"] == 3
    assert document(plain(points="4\n    repeat: unlimited"))["challenges"][0]["repeat"] is None


@pytest.mark.parametrize(
    ("start", "starts_at", "ends_at"),
    [
        ("starts_on: 2026-03-16", "2026-03-16T00:00:00+01:00", "2026-04-06T00:00:00+02:00"),
        ("starts_on: 2026-10-12", "2026-10-12T00:00:00+02:00", "2026-11-02T00:00:00+01:00"),
        ("starts_at: 2026-03-16 08:00", "2026-03-16T08:00:00+01:00", "2026-04-06T08:00:00+02:00"),
        ("starts_on: 2026-06-01\n  days: 1", "2026-06-01T00:00:00+02:00", "2026-06-02T00:00:00+02:00"),
    ],
)
def test_an_edition_lasts_civil_days_of_its_zone(start: str, starts_at: str, ends_at: str) -> None:
    edition = document(plain(start=start))["edition"]
    assert (edition["starts_at"], edition["ends_at"]) == (starts_at, ends_at)


def test_registration_closes_at_the_end_of_its_last_day() -> None:
    edition = document(plain(start="starts_on: 2026-06-01\n  registration_closes_on: 2026-06-14"))["edition"]
    assert edition["registration_closes_at"] == "2026-06-15T00:00:00+02:00"


def test_registration_on_the_last_day_of_an_edition_that_starts_at_eight_ends_with_the_edition() -> None:
    edition = document(plain(start="starts_at: 2026-06-01 08:00\n  registration_closes_on: 2026-06-22"))["edition"]
    assert edition["registration_closes_at"] == edition["ends_at"] == "2026-06-22T08:00:00+02:00"


def test_a_window_may_fill_the_edition_but_not_pass_its_end() -> None:
    fits = "4\n    window: {from: 2026-06-01 00:00, until: 2026-06-22 00:00}"
    assert document(plain(kind="flash", points=fits))["challenges"][0]["window"] == {
        "from": "2026-06-01T00:00:00+02:00",
        "until": "2026-06-22T00:00:00+02:00",
    }
    late = problems(plain(kind="flash", points=fits.replace("06-22 00:00", "06-22 00:01")))
    assert late == [
        "15: challenges[first-card].window.until: outside the edition: closes after the edition ends (2026-06-22 00:01)"
    ]


def test_an_offset_chooses_between_the_two_times_of_a_repeated_hour() -> None:
    window = "4\n    window: {from: 2026-10-25 02:30+01:00, until: 2026-10-25 04:00}"
    found = document(plain(kind="flash", start="starts_on: 2026-10-12", points=window))
    assert found["challenges"][0]["window"]["from"] == "2026-10-25T02:30:00+01:00"


def test_secret_words_are_compared_as_the_database_compares_them() -> None:
    assert normal_secret(" L'Été-Indien ") == normal_secret("lete indien") == "leteindien"


def test_a_title_stands_on_one_line_and_a_description_on_several() -> None:
    found = plain().replace("fr: Texte", 'fr: "Un\\nDeux"')
    assert document(found)["challenges"][0]["description"]["fr"] == "Un\nDeux"
    assert "holds a line break" in problems(plain().replace("fr: Carte", 'fr: "Un\\nDeux"'))[0]


def test_quotes_make_text_of_what_looks_like_a_number() -> None:
    assert "must be text" in problems(plain().replace("fr: Carte", "fr: 2026"))[0]
    assert document(plain().replace("fr: Carte", "fr: '2026'"))["challenges"][0]["title"]["fr"] == "2026"


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    found = problems(plain(audience="all", zone="Mars/Olympus", points=0, start="starts_on: 2026-13-01"))
    assert [line.split(":")[1].strip() for line in found] == [
        "edition.audience",
        "edition.time_zone",
        "edition.starts_on",
        "challenges[first-card].points",
    ]


@pytest.mark.parametrize("name", [".", "absent.yaml"])
def test_a_path_that_cannot_be_read_is_a_problem_of_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(EditionFileError) as refused:
        read_edition_file(tmp_path / name)
    assert "cannot be read" in str(refused.value)


def test_every_file_of_the_catalogue_is_valid() -> None:
    files = sorted((ROOT / "catalogue").glob("*.yaml"))
    assert files
    for file in files:
        read_edition_file(file)


@pytest.mark.parametrize(
    "hostile",
    [
        b"[" * 100_000,
        b"{" * 100_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"a: &a [*a]\n",
        b"<<: {a: 1}\n",
        b"x" * 2_000_001,
        b"a: b\n" * 60_000,
        b"\xff\xfe\x00",
        b"%YAML 9.9\n---\na: 1\n",
        b'"\\UFFFFFFFF"',
        b"a: 9999999999999999999999999999999999999999\n",
    ],
)
def test_hostile_text_is_refused_quickly(hostile: bytes) -> None:
    started = time.monotonic()
    problems(hostile)
    assert time.monotonic() - started < 10


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["2026-06-01", "2026-03-29 02:30", "Europe/Paris", "standard", "boost", "hidden", "unlimited", "*a"]
    ),
)
KEYS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "edition",
            "rules",
            "themes",
            "challenges",
            "code",
            "audience",
            "title",
            "time_zone",
            "starts_on",
            "starts_at",
            "days",
            "organisation",
            "kind",
            "theme",
            "points",
            "repeat",
            "proof",
            "quorum",
            "factor",
            "window",
            "from",
            "until",
            "secret",
            "goals",
            "description",
            "fr",
            "en",
            "league_size",
            "min",
            "max",
        ]
    ),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=40
)


def refused_or_valid(text: str | bytes) -> None:
    problems: list[FileProblem] = []
    try:
        json.dumps(parse_edition(text).document, allow_nan=False)
    except EditionFileError as refused:
        problems = refused.problems
        problems[0]
    assert all("\n" not in str(problem) for problem in problems)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES)
def test_any_tree_is_valid_or_refused_with_problems(tree: Any) -> None:
    refused_or_valid(json.dumps(tree))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_text_is_valid_or_refused_with_problems(text: str | bytes) -> None:
    refused_or_valid(text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 10_000),
    st.sampled_from([*":-{}[]&*!|>'\"%@#,\t\n\0é?", "<<: ", "- ", "null", "2026"]),
    st.booleans(),
)
def test_any_slip_of_the_keyboard_is_valid_or_refused_with_problems(place: int, slip: str, replace: bool) -> None:
    text = plain(kind="boost", points="3\n    factor: 2\n    window: {from: 2026-06-02 00:00, until: 2026-06-03 00:00}")
    at = place % len(text)
    refused_or_valid(text[:at] + slip + text[at + replace :])
