"""An edition file becomes the document of api.apply_edition, or an EditionFileError and nothing else."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_supabase import EditionFileError, FileProblem, parse_edition, read_edition_file
from mpp_supabase.files.edition_file import LEVELS, normal_secret
from tests.support import ROOT

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


SCHOOL_LINES = "levels: [elementaire, college]\n    curriculum: [svt]"


def school(card: str = SCHOOL_LINES, top: str = "curriculum: {svt: {fr: SVT, en: Biology}}", **changes: Any) -> str:
    """A school edition: `card` are the challenge's own lines, `top` those of the file; changes as for plain()."""
    changes = {"points": 4} | changes
    return plain(**(changes | {"audience": "school", "points": f"{changes['points']}\n    {card}", "more": top}))


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


def test_the_rules_of_a_school_edition_fit_a_class_unless_it_says_otherwise() -> None:
    assert document(school())["rules"] == {
        "league_size": {"min": 6, "max": 40},
        "teams_per_league": 6,
        "ranking": "average",
        "unlock_guesses_per_hour": 10,
    }
    top = "curriculum: {svt: {fr: SVT, en: Biology}}\nrules: {ranking: total, league_size: {max: 35}}"
    rules = document(school(top=top))["rules"]
    assert (rules["ranking"], rules["league_size"]) == ("total", {"min": 6, "max": 35})


def test_a_school_challenge_has_levels_and_curriculum_themes_and_a_public_one_neither() -> None:
    found = document(school(card="levels: [lycee, maternelle]\n    curriculum: [svt]"))
    assert found["curriculum"] == [{"code": "svt", "title": {"fr": "SVT", "en": "Biology"}}]
    assert found["challenges"][0]["levels"] == ["maternelle", "lycee"]
    assert found["challenges"][0]["curriculum"] == ["svt"]
    public = document(plain())
    assert "curriculum" not in public
    assert not {"levels", "curriculum"} & set(public["challenges"][0])


CARD = "challenges[first-card]"
MANY = (
    "curriculum: {a1: {fr: A, en: A}, a2: {fr: A, en: A}, a3: {fr: A, en: A}, a4: {fr: A, en: A}, a5: {fr: A, en: A}}"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            school(card="proof: true"),
            [
                f"11:5: {CARD}.curriculum: missing — add `curriculum: [svt, histoire-geographie]`",
                f"11:5: {CARD}.levels: missing — add `levels: [elementaire, college]`",
            ],
        ),
        (
            school(card="levels:\n    curriculum: [svt]"),
            [f"15:5: {CARD}.levels: has no value — write `levels: [elementaire, college]`"],
        ),
        (
            school(card="levels: []\n    curriculum: []"),
            [
                f"15:13: {CARD}.levels: is empty — write a list of levels: [maternelle, elementaire, college, lycee]",
                f"16:17: {CARD}.curriculum: is empty — write 1 to 4 codes declared under `curriculum:` at the top",
            ],
        ),
        (
            school(card="levels: college\n    curriculum: svt"),
            [
                f"15:13: {CARD}.levels: must be a list, not text (college)"
                " — write a list of levels: [maternelle, elementaire, college, lycee]",
                f"16:17: {CARD}.curriculum: must be a list, not text (svt)"
                " — write 1 to 4 codes declared under `curriculum:` at the top",
            ],
        ),
        (
            school(card="levels: [Élémentaire, cp, college, college, [lycee]]\n    curriculum: [svt]"),
            [
                f"15:14: {CARD}.levels: unknown level (Élémentaire) — did you mean elementaire?",
                f"15:27: {CARD}.levels: unknown level (cp) — use one of: maternelle, elementaire, college, lycee",
                f"15:40: {CARD}.levels: given twice (college) — keep it once",
                f"15:49: {CARD}.levels: unknown level (a list) — use one of: maternelle, elementaire, college, lycee",
            ],
        ),
        (
            school(card="levels: [lycee]\n    curriculum: [SVT, svt, svt]"),
            [
                f"16:18: {CARD}.curriculum: unknown curriculum theme (SVT) — did you mean svt?",
                f"16:28: {CARD}.curriculum: given twice (svt) — keep it once",
            ],
        ),
        (
            school(card="levels: [lycee]\n    curriculum: [a1, a2, a3, a4, a5]", top=MANY),
            [f"16:17: {CARD}.curriculum: too many (5) — keep at most 4"],
        ),
        (
            school(top=""),
            [
                "2:1: curriculum: missing — add `curriculum: {svt: {fr: SVT, en: Life and earth sciences}}`",
                f"16:18: {CARD}.curriculum: unknown curriculum theme (svt) — declare it under `curriculum:` at the top",
            ],
        ),
        (
            school(top="curriculum: [svt]"),
            [
                f"16:18: {CARD}.curriculum: unknown curriculum theme (svt) — declare it under `curriculum:` at the top",
                "19:13: curriculum: must be a mapping of codes to names, not a list"
                " — write one line per theme: `svt: {fr: SVT, en: Life and earth sciences}`",
            ],
        ),
        (
            school(top="curriculum: {svt: {fr: SVT}}"),
            ["19:19: curriculum.svt.en: translation missing — add the English text: {fr: …, en: …}"],
        ),
        (
            school(kind="hidden", card=f"secret: coquelicot\n    {SCHOOL_LINES}"),
            [
                f"12:11: {CARD}.kind: not in a school edition (hidden): pupils have no account to find a word with"
                " — use one of: standard, collective, boost, flash, malus"
            ],
        ),
        (
            plain(points=f"4\n    {SCHOOL_LINES}", more="curriculum: {svt: {fr: SVT, en: Biology}}"),
            [
                f"15:5: {CARD}.levels: only for a school edition, this one is public"
                " — remove levels or write audience: school",
                f"16:5: {CARD}.curriculum: only for a school edition, this one is public"
                " — remove curriculum or write audience: school",
                "19:1: curriculum: only for a school edition, this one is public"
                " — remove curriculum or write audience: school",
            ],
        ),
    ],
)
def test_what_is_wrong_with_levels_or_curriculum_is_said_with_its_place_and_fix(text: str, expected: list[str]) -> None:
    with pytest.raises(EditionFileError) as refused:
        parse_edition(text, "school.yaml")
    assert [str(problem) for problem in refused.value.problems] == [f"school.yaml:{line}" for line in expected]


def test_a_wrong_audience_does_not_make_levels_wrong() -> None:
    found = problems(school().replace("audience: school", "audience: schools"))
    assert found == ["4: edition.audience: unknown value (schools)"]


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


@pytest.mark.parametrize(
    ("title", "place", "advice"),
    [
        ("{fr: Carte #1, en: Card}", "", "contains ` #` between quotes"),
        ("{fr: Manger: boire, en: Card}", "15:23", "contains `: ` between quotes"),
        ("\n      fr: Défi : manger\n      en: Card", "16:16", "contains `: ` between quotes"),
        ("{fr: Manger, boire, en: Card}", "15:25", "contains a comma between quotes"),
        ("\n      fr: Carte\tdeux\n      en: Card", "16:16", "a space for the tab"),
        ("\n      fr: @home\n      en: Card", "16:11", "begins with @ between quotes"),
        ("\n      fr: - un\n      en: Card", "16:11", "begins with - between quotes"),
        ("\n      fr: [x] home\n      en: Card", "16:15", "begins with [ between quotes"),
        ("\n      fr: > home\n      en: Card", "16:13", "begins with > between quotes"),
        ("\n      fr: *home*\n      en: Card", "16:11", "text between quotes"),
        ("\n      fr: !home\n      en: Card", "16:11", "text between quotes"),
    ],
)
def test_what_yaml_makes_of_a_text_without_quotes_is_answered_with_quotes(title: str, place: str, advice: str) -> None:
    with pytest.raises(EditionFileError) as refused:
        parse_edition(plain().replace("{fr: Carte, en: Card}", title))
    first = refused.value.problems[0]
    assert advice in first.fix
    assert f"{first.line}:{first.column}".startswith(place)


@pytest.mark.parametrize(
    ("right", "typed", "advice"),
    [
        ("  - code: first-card", "  -code: first-card", "write a space behind the hyphen"),
        ("    kind:", "      kind:", "indent this line as those beside it"),
        ("    kind:", "   kind:", "indent this line as the other keys beside it"),
        ("    kind:", "\u00a0   kind:", "indent with plain spaces"),
        ("    kind:", "  \u202f kind:", "indent with plain spaces"),
        ("    kind: ", "    kind:\u00a0", "a plain space behind the `:`"),
        ("  - code: first-card", "  -\u00a0code: first-card", "a plain space behind the `:` or the `-`"),
    ],
)
def test_an_indent_or_a_space_that_yaml_does_not_take_is_answered_as_such(right: str, typed: str, advice: str) -> None:
    text = plain()
    assert right in text
    with pytest.raises(EditionFileError) as refused:
        parse_edition(text.replace(right, typed, 1))
    assert any(advice in problem.fix for problem in refused.value.problems), refused.value.problems
    assert all("`: ` between quotes" not in p.fix or "indent" in p.fix for p in refused.value.problems)


@pytest.mark.parametrize("title", ["fr: Carte #1", "fr: #1", "fr: Carte\n        #1 du lundi", "de: #1"])
def test_a_text_is_not_cut_by_a_comment_without_a_word(title: str) -> None:
    block = "title:\n      fr: Carte\n      en: Card".replace("fr: Carte", title)
    if title[:2] != "fr":
        block = f"title:\n      fr: Carte\n      en: Card\n      {title}"
    with pytest.raises(EditionFileError) as refused:
        parse_edition(plain().replace("title: {fr: Carte, en: Card}", block))
    (problem,) = refused.value.problems
    lines = plain().replace("title: {fr: Carte, en: Card}", block).splitlines()
    assert lines[problem.line - 1][problem.column - 1] == "#"
    assert "between quotes" in problem.fix


def test_a_comment_that_can_be_no_part_of_a_text_is_one() -> None:
    text = plain(points="4  # four").replace("zone: Europe/Paris", "zone: Europe/Paris # here")
    text = text.replace(
        "title: {fr: Carte, en: Card}", "title: # both\n      fr: 'Carte' # one\n      # two\n      en: Card"
    )
    assert document(text)["challenges"][0]["title"] == {"fr": "Carte", "en": "Card"}
    assert document(text + "    # the end\n# of the file\n") == document(text)


@pytest.mark.parametrize("days", ["010", "+021", "007"])
def test_a_number_that_begins_with_a_nought_is_not_guessed(days: str) -> None:
    (problem,) = problems(plain(start=f"starts_on: 2026-06-01\n  days: {days}"))
    assert f"a number that begins with 0 ({days})" in problem


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    found = problems(plain(audience="all", zone="Mars/Olympus", points=0, start="starts_on: 2026-13-01"))
    assert [line.split(":")[1].strip() for line in found] == [
        "edition.audience",
        "edition.time_zone",
        "edition.starts_on",
        "challenges[first-card].points",
    ]


def test_a_day_that_the_zone_skipped_is_refused() -> None:
    (problem,) = problems(plain(zone="Pacific/Apia", start="starts_on: 2011-12-30"))
    assert "edition.starts_on: the calendar of Pacific/Apia skips 2011-12-30" in problem


@pytest.mark.parametrize(
    ("written", "wrong", "example"),
    [
        ("code: first-card", "code: é", "velo-boulot-dodo"),
        ("code: test-2026", "code: é", "adult-2026-06"),
        ("  mobility: {fr", "  é: {fr", "mobility"),
    ],
)
def test_the_example_of_a_code_is_one_of_its_kind(written: str, wrong: str, example: str) -> None:
    assert written in plain()
    with pytest.raises(EditionFileError) as refused:
        parse_edition(plain().replace(written, wrong, 1))
    assert refused.value.problems[0].fix.endswith(f"for example {example}")


@pytest.mark.parametrize("name", [".", "absent.yaml"])
def test_a_path_that_cannot_be_read_is_a_problem_of_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(EditionFileError) as refused:
        read_edition_file(tmp_path / name)
    assert "cannot be read" in str(refused.value)


def test_every_file_of_the_catalogue_is_valid() -> None:
    assert CATALOGUE
    for file in CATALOGUE:
        read_edition_file(file)


CATALOGUE = sorted((ROOT / "catalogue").glob("*.yaml"))
SCHOOL_CATALOGUE = [file for file in CATALOGUE if file.stem.startswith("school-")]
CARD_KEYS = ("theme", "goals", "title", "description", "curriculum", "levels")
TAUGHT = {
    "maternelle": {
        "explorer-le-monde",
        "langage",
        "activites-artistiques",
        "activites-physiques",
        "premiers-outils-mathematiques",
        "vivre-ensemble",
    },
    "elementaire": {"questionner-le-monde", "sciences-et-technologie", "arts-plastiques", "education-musicale"},
    "college": {
        "sciences-et-technologie",
        "arts-plastiques",
        "education-musicale",
        "svt",
        "physique-chimie",
        "technologie",
        "parcours-avenir",
    },
    "lycee": {
        "svt",
        "physique-chimie",
        "parcours-avenir",
        "enseignement-scientifique",
        "ses",
        "snt",
        "philosophie",
    },
}
TAUGHT_AFTER_MATERNELLE = {
    "emc",
    "histoire-geographie",
    "francais",
    "mathematiques",
    "langues-vivantes",
    "eps",
    "emi",
}


@cache
def catalogue(file: Path) -> dict[str, Any]:
    return read_edition_file(file).document


def each_school_edition() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", SCHOOL_CATALOGUE, ids=lambda file: file.stem)


def test_the_catalogue_has_both_school_editions() -> None:
    found = {file.stem: catalogue(file)["edition"]["starts_at"] for file in SCHOOL_CATALOGUE}
    assert found == {
        "school-2026-03": "2026-03-09T00:00:00+01:00",
        "school-2026-11": "2026-11-16T00:00:00+01:00",
    }


@each_school_edition()
def test_every_level_has_at_least_32_challenges_to_choose_from(file: Path) -> None:
    challenges = catalogue(file)["challenges"]
    assert min(sum(level in card["levels"] for card in challenges) for level in LEVELS) >= 32


@each_school_edition()
def test_every_text_of_a_school_edition_is_in_french_and_english(file: Path) -> None:
    found = catalogue(file)
    texts = [text for card in found["challenges"] for text in (card["title"], card["description"])]
    texts += [name["title"] for name in (*found["themes"], *found["curriculum"])]
    assert all({"fr", "en"} <= set(text) for text in texts)
    assert not [text for text in texts if "'" in "".join(text.values())], "apostrophes are ’"


@each_school_edition()
def test_what_a_school_edition_declares_is_used(file: Path) -> None:
    found = catalogue(file)
    assert {name["code"] for name in found["themes"]} == {card["theme"] for card in found["challenges"]}
    used = {code for card in found["challenges"] for code in card["curriculum"]}
    assert {name["code"] for name in found["curriculum"]} == used


@each_school_edition()
def test_every_card_belongs_to_the_curriculum_of_each_of_its_levels(file: Path) -> None:
    for card in catalogue(file)["challenges"]:
        for level in card["levels"]:
            taught = {"developpement-durable"} | TAUGHT[level]
            taught |= TAUGHT_AFTER_MATERNELLE if level != "maternelle" else set()
            assert taught & set(card["curriculum"]), (card["code"], level)


@each_school_edition()
def test_windows_stay_inside_a_school_edition_and_fit_boost_and_flash(file: Path) -> None:
    edition, challenges = catalogue(file)["edition"], catalogue(file)["challenges"]
    starts, ends = (datetime.fromisoformat(edition[key]) for key in ("starts_at", "ends_at"))
    for card in challenges:
        assert (card["window"] is not None) == (card["kind"] in ("boost", "flash")), card["code"]
        if card["window"] is not None:
            opens, closes = (datetime.fromisoformat(card["window"][key]) for key in ("from", "until"))
            assert starts <= opens < closes <= ends, card["code"]


@each_school_edition()
def test_a_school_edition_is_gentle(file: Path) -> None:
    rules, challenges = catalogue(file)["rules"], catalogue(file)["challenges"]
    assert {card["kind"] for card in challenges} == {"standard", "collective", "boost", "flash", "malus"}
    for card in challenges:
        if card["kind"] == "malus":
            assert card["points"] >= -3, card["code"]
            assert set(card["levels"]) <= {"college", "lycee"}, card["code"]
            assert card["repeat"] is not None, card["code"]
        else:
            assert 1 <= card["points"] <= 5, card["code"]
        # The smallest class that may play can win it.
        assert card["quorum"] is None or card["quorum"] <= rules["league_size"]["min"], card["code"]


@pytest.mark.parametrize(
    "pair", list(combinations(CATALOGUE, 2)), ids=lambda pair: " ".join(file.stem for file in pair)
)
def test_a_card_found_in_two_files_of_the_catalogue_is_the_same_card(pair: tuple[Path, Path]) -> None:
    one, other = ({card["code"]: card for card in catalogue(file)["challenges"]} for file in pair)
    for code in one.keys() & other.keys():
        assert [one[code].get(key) for key in CARD_KEYS] == [other[code].get(key) for key in CARD_KEYS], code
    names, others = (
        {
            (key, name["code"]): name["title"]
            for key in ("themes", "curriculum")
            for name in catalogue(file).get(key, [])
        }
        for file in pair
    )
    assert all(names[code] == others[code] for code in names.keys() & others.keys())


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
def test_hostile_text_is_refused(hostile: bytes) -> None:
    problems(hostile)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["2026-06-01", "2026-03-29 02:30", "Europe/Paris", "standard", "boost", "hidden", "school", "unlimited", "*a"]
    ),
)
KEYS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "edition",
            "rules",
            "themes",
            "curriculum",
            "levels",
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


@settings(max_examples=150)
@given(TREES)
def test_any_tree_is_valid_or_refused_with_problems(tree: Any) -> None:
    refused_or_valid(json.dumps(tree))


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_text_is_valid_or_refused_with_problems(text: str | bytes) -> None:
    refused_or_valid(text)


@settings(max_examples=150)
@given(
    st.integers(0, 10_000),
    st.sampled_from([*":-{}[]&*!|>'\"%@#,\t\n\0é?", "<<: ", "- ", "null", "2026"]),
    st.booleans(),
)
def test_any_slip_of_the_keyboard_is_valid_or_refused_with_problems(place: int, slip: str, replace: bool) -> None:
    text = plain(kind="boost", points="3\n    factor: 2\n    window: {from: 2026-06-02 00:00, until: 2026-06-03 00:00}")
    at = place % len(text)
    refused_or_valid(text[:at] + slip + text[at + replace :])
