"""A client's report says the same in a page, a PDF and a workbook: what the data says, and nothing suppressed."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest

from mpp_supabase.models import ClientLeague
from mpp_supabase.reports import (
    ATTENTION_REASONS,
    FORMATS,
    LANGUAGES,
    ClientReport,
    ReportError,
    report_bytes,
    write_report,
    write_reports,
)
from mpp_supabase.reports.wording import TEXTS, Words
from mpp_supabase.sheets.cells import column_name
from tests.library.reports.examples import (
    DEPARTMENTS,
    EDITION,
    authority,
    award,
    changed,
    company,
    departments,
    final,
    league,
    organisation,
    overview,
    theme,
    unit,
    week,
)
from tests.library.reports.reading import NARROW, Page, read_page, read_pdf, read_workbook, shown, spaced
from tests.support import ROOT

EXAMPLES: dict[str, Callable[[], ClientReport]] = {"company": company, "final": final, "authority": authority}


def page(report: ClientReport, language: Any = "fr") -> Page:
    return read_page(report_bytes(report, language, "html"))


def but(row: Any, **changes: Any) -> Any:
    """The same row with other values."""
    return row.model_copy(update=changes)


def leagues_of(report: ClientReport) -> tuple[ClientLeague, ...]:
    return report.follow_up.leagues


def pdf(report: ClientReport, language: Any = "fr") -> str:
    return read_pdf(report_bytes(report, language, "pdf"))


def workbook(report: ClientReport, language: Any = "fr") -> dict[str, list[list[Any]]]:
    return read_workbook(report_bytes(report, language, "xlsx"))


def cells(report: ClientReport, language: Any = "fr") -> str:
    """All that stands in the workbook."""
    found = workbook(report, language)
    return spaced(" ".join([*found, *(str(cell) for rows in found.values() for row in rows for cell in row)]))


def everything(report: ClientReport, language: Any = "fr") -> str:
    """All that somebody could read in any of the three files, markup of the page and drawings included."""
    html = report_bytes(report, language, "html").decode()
    return spaced(" ".join((html, pdf(report, language), cells(report, language))))


# ------------------------------------------------------------------------------------------------------------- figures


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tables_of_the_page_hold_the_data(language: Any) -> None:
    report = company()
    tables = page(report, language).tables

    def rows(section: str) -> list[list[str]]:
        return tables[section][1:]

    def text(*values: Any) -> list[str]:
        return [shown(value, language) for value in values]

    assert rows("leagues") == [
        text(one.rank, one.name, one.unit, one.players, one.active_players, one.validations, one.points)
        + text(one.points_per_player)
        + [f"+{one.points_this_week}"]
        for one in leagues_of(report)
    ]
    assert rows("weeks") == [
        text(one.week, one.first_day, one.last_day, one.new_players, one.active_players, one.validations, one.points)
        for one in report.weeks
    ]
    assert rows("days") == [text(one.day, one.validations, one.points) for one in report.days]
    assert rows("units") == [
        text(one.rank, one.label, one.leagues, one.players, one.points, one.points_per_player)
        for one in report.follow_up.units
    ]
    found = {name: (name, validations, points) for name, validations, points in rows("themes")}
    assert found == {one.name["fr"]: tuple(text(one.name["fr"], one.validations, one.points)) for one in report.themes}
    assert [row[0] for row in rows("map")] == ["75", "92", "93", "69", "94", "59", "13", "974", "2A", ""]
    assert [row[2] for row in rows("map")] == [
        "61",
        "33",
        "24",
        "21",
        "17",
        "9",
        "8",
        "6",
        "5",
        Words(language)("suppressed"),
    ]


def test_the_cards_hold_the_totals_with_their_changes() -> None:
    cards = page(company()).cards
    assert cards == {
        "Joueurs": ["203", "+14 cette semaine", f"81{NARROW}% des 250 attendus"],
        "Joueurs actifs cette semaine": ["151", "−11 sur la semaine précédente", f"74{NARROW}% des joueurs"],
        "Ligues": ["12", "rien de nouveau cette semaine"],
        "Défis relevés": [f"4{NARROW}000", f"+1{NARROW}769 cette semaine"],
        "Points": [f"13{NARROW}576", f"+6{NARROW}142 cette semaine"],
        "Points par joueur": ["66,88", "+27,54 cette semaine"],
    }
    english = page(company(), "en").cards
    assert english["Challenges done"] == ["4,000", "+1,769 this week"]
    assert english["Points per player"] == ["66.88", "+27.54 this week"]
    assert english["Players"] == ["203", "+14 this week", "81% of the 250 expected"]


def test_the_workbook_holds_numbers_as_numbers_and_days_as_days() -> None:
    report = company()
    sheets = workbook(report)
    assert sheets["Classement des ligues"][1:] == [
        [
            one.rank,
            one.name,
            one.unit,
            one.players,
            one.active_players,
            one.validations,
            one.points,
            float(Decimal(str(one.points_per_player)).quantize(Decimal("0.01"), ROUND_HALF_UP)),
            one.points_this_week,
        ]
        for one in leagues_of(report)
    ]
    assert sheets["Semaine après semaine"][1:] == [
        [
            one.week,
            datetime.combine(one.first_day, datetime.min.time()),
            datetime.combine(one.last_day, datetime.min.time()),
            one.new_players,
            one.active_players,
            one.validations,
            one.points,
        ]
        for one in report.weeks
    ]
    front = [row[:3] for row in sheets["Bilan de la semaine 2"]]
    for row in (
        ["Joueurs", 203, 14],
        ["Joueurs attendus", 250, None],
        ["Joueurs actifs cette semaine", 151, -11],
        ["Ligues", 12, 0],
        ["Défis relevés", 4000, 1769],
        ["Points", 13576, 6142],
        ["Points par joueur", 66.88, 27.54],
    ):
        assert row in front


def test_the_workbook_keeps_headings_in_sight_and_gives_columns_their_width() -> None:
    loaded = openpyxl.load_workbook(io.BytesIO(report_bytes(company(), "fr", "xlsx")))
    assert loaded.sheetnames[0] == "Bilan de la semaine 2"
    for sheet in loaded.worksheets[1:]:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref
        names = [column_name(number) for number in range(1, sheet.max_column + 1)]
        assert all(sheet.column_dimensions[name].width >= 11 for name in names)
    leagues = loaded["Classement des ligues"]
    assert leagues["H2"].number_format == "#,##0.00"
    assert loaded["Semaine après semaine"]["B2"].number_format == "dd/mm/yyyy"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_page_pdf_and_workbook_say_the_same(example: str, language: Any) -> None:
    report = EXAMPLES[example]()
    html, sheets, paper = page(report, language), workbook(report, language), pdf(report, language)
    assert html.tables
    names = list(sheets)[1:]
    assert [html.headings[section][:31].strip() for section in html.tables] == names
    for (section, rows), name in zip(html.tables.items(), names, strict=True):
        assert rows[0] == sheets[name][0], section
        for row, cells in zip(rows[1:], sheets[name][1:], strict=False):
            for text, cell, heading in zip(row, cells, rows[0], strict=True):
                assert as_shown(cell, text, heading, language) == text, (section, heading)
            assert spaced(" ".join(row)) in paper or narrow(row, paper), (section, row)
    for label, (value, *notes) in html.cards.items():
        assert spaced(" ".join((label, value, *notes))) in paper
    for advice in html.advice:
        assert spaced(advice) in paper
        assert advice in [row[0] for row in next(iter(sheets.values()))]


def as_shown(cell: Any, text: str, heading: str, language: str) -> str:
    if cell is None:
        return text if text in ("", "–") else "nothing"
    if isinstance(cell, float) and text.endswith("%"):
        return f"{round(cell * 100)}{NARROW if language == 'fr' else ''}%"
    # A workbook that is read back gives 101.0 as 101.
    if isinstance(cell, int) and re.search(r"[.,]\d\d$", text):
        cell = float(cell)
    sign = "+" if text.startswith("+") else "±" if text.startswith("±") else ""
    return sign + shown(Decimal(str(cell)) if isinstance(cell, float) else cell, language)


def narrow(row: list[str], paper: str) -> bool:
    """Whether each cell is in the PDF: where a cell has two lines, they stand between those of its neighbours."""
    return all(word in paper for cell in row for word in re.split(r"(?<=-)|\s", cell))


def test_a_pdf_row_reads_as_its_row_of_the_page() -> None:
    paper = pdf(company())
    assert "1 Les Colibris du 3e Siège 19 17 612 2 011 105,84 +801" in paper
    assert "Comptes" not in paper
    assert "Semaine 2 sur 3, du 8 au 14 juin 2026" in paper
    assert "Chiffres arrêtés au 15 juin 2026 à 8 h 00" in paper
    assert "Page 1 sur" in paper


def test_figures_are_rounded_half_up_in_each_file_alike() -> None:
    leagues = (but(leagues_of(company())[0], points_per_player=Decimal("10.125")),)
    report = company(leagues=leagues)
    assert page(report).tables["leagues"][1][7] == "10,13"
    assert workbook(report)["Classement des ligues"][1][7] == 10.13
    assert "10,13" in pdf(report)


def test_moments_are_those_of_the_editions_time_zone() -> None:
    island = but(EDITION, time_zone="Indian/Reunion")
    text = page(company(edition=island)).text
    assert f"Chiffres arrêtés au 15 juin 2026 à 10{NARROW}h{NARROW}00" in text
    assert "Indian/Reunion" in text
    assert "Figures as of 15 June 2026 at 08:00" in page(company(), "en").text


def test_an_edition_across_a_clock_change_ends_on_its_last_day() -> None:
    spring = but(
        EDITION,
        starts_at=datetime.fromisoformat("2026-03-09T00:00:00+01:00"),
        ends_at=datetime.fromisoformat("2026-03-30T00:00:00+02:00"),
    )
    assert (spring.first_day, spring.last_day, spring.weeks) == (date(2026, 3, 9), date(2026, 3, 29), 3)


# ---------------------------------------------------------------------------------------------------------- suppressed


@pytest.mark.parametrize("form", FORMATS)
def test_departments_under_five_leave_no_trace_of_how_many_or_where(form: Any) -> None:
    kept = [one for one in DEPARTMENTS if one[1] is not None]

    def content(*few: tuple[str, int | None]) -> Any:
        made = report_bytes(company(departments=departments(*kept, *few)), "fr", form)
        return read_workbook(made) if form == "xlsx" else made

    suppressed = content(("44", None), ("33", None))
    assert content(("44", 4), ("33", 1)) == suppressed
    assert content(("29", None)) == suppressed
    assert content(("29", 3), ("35", 2), ("56", None)) == suppressed
    assert content() != suppressed


def test_a_department_under_five_is_neither_named_nor_shaded() -> None:
    report = company(departments=departments(("44", 3), ("75", 61)))
    html = page(report)
    assert [row[1:] for row in html.tables["map"][1:]] == [["Paris", "61"], ["Autres départements", "masqués"]]
    assert "Loire-Atlantique" not in pdf(report)
    assert "Loire-Atlantique" not in cells(report)
    raw = report_bytes(report, "fr", "html").decode()
    assert re.findall(r"<title>(Loire-Atlantique[^<]*)</title>", raw) == ["Loire-Atlantique (44): 0 ou masqué"]
    empty = set(re.findall(r'fill="(#\w+)"[^>]*><title>(?:Loire-Atlantique|Finistère) ', raw))
    assert empty == {"#eef1ef"}


def test_a_withheld_number_of_people_shows_nowhere_nor_what_would_give_it_away() -> None:
    small = league(9, "Les Discrètes", None, None, 3105, 3105, Decimal("776.25"), points_this_week=12)
    report = company(
        leagues=(*leagues_of(company())[:8], small),
        units=(unit(1, "Petit site", 1, None, 3105, Decimal("776.25")),),
        weeks=(week(1, date(2026, 6, 1), None, None, 2231, 7434),),
        departments=(),
    )
    text = everything(report)
    assert "776" not in text
    row = next(row for row in page(report).tables["leagues"] if row[1] == "Les Discrètes")
    assert row[3:] == ["masqué", "masqué", f"3{NARROW}105", f"3{NARROW}105", "–", "+12"]
    assert page(report).tables["units"][1][3:] == ["masqué", f"3{NARROW}105", "–"]
    assert page(report).tables["weeks"][1][3:5] == ["masqué", "masqué"]


def test_withheld_totals_show_neither_their_change_nor_points_per_player() -> None:
    report = company(
        players=None,
        players_change=9871,
        active_players=None,
        active_players_change=-9872,
        points_per_player=Decimal("9873.5"),
        points_per_player_change=Decimal("9874.5"),
    )
    assert not re.search("987[1234]|9.87[1234]", everything(report))
    cards = page(report).cards
    assert cards["Joueurs"] == ["masqué"]
    assert cards["Joueurs actifs cette semaine"] == ["masqué"]
    assert cards["Points par joueur"] == ["–"]


def test_a_class_with_few_pupils_shows_neither_pupils_nor_points_per_pupil() -> None:
    row = page(authority()).tables["territory"][30]
    assert row[5:8] == ["masqué", "363", "–"]


# ------------------------------------------------------------------------------------------------------------ injection

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><svg onload=alert(1)>",
    "&lt;b&gt; & <b>",
    "{{ 7 * 7 }}{% raw %}{n}{0}",
    '#panic() #read("/etc/passwd") $x$ *b* _i_',
    "a]#panic()[b `c` <d> @e \\f",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "%s %(x)s",
)


def nasty(text: str) -> ClientReport:
    report = final()
    found = report.follow_up
    return changed(
        report,
        organisation=organisation("exemple", text),
        edition=but(report.edition, title={"fr": text}),
        leagues=(but(found.leagues[0], name=text, unit=text),),
        units=(but(found.units[0], label=text),),
        themes=(theme("food", text, 5, 7),),
        awards=award(text, [text], text),
        general=(but(found.general[0], name=text),),
        territory=(but(authority().follow_up.territory[0], name=text, school=text, city=text),),
    )


@pytest.mark.parametrize("text", NASTY)
def test_a_name_is_text_whatever_it_looks_like(text: str) -> None:
    report = nasty(text)
    html, plain = page(report), page(final(territory=authority().follow_up.territory[:1]))
    assert {tag for tag, _ in html.elements} <= {tag for tag, _ in plain.elements}
    assert not [name for _, attributes in html.elements for name in attributes if name.startswith("on")]
    assert html.tables["awards"][1] == [text] * 3
    assert html.tables["leagues"][1][1:3] == [text] * 2
    assert html.tables["territory"][1][1:3] == [text] * 2
    assert text in html.text

    loaded = openpyxl.load_workbook(io.BytesIO(report_bytes(report, "fr", "xlsx")))
    cells = [cell for sheet in loaded for row in sheet.iter_rows() for cell in row]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    same = [cell for cell in cells if cell.value == text]
    assert len(same) >= 9
    assert all(cell.data_type == "s" for cell in same)
    assert all(cell.quotePrefix == (text[0] in "=+-@") for cell in same)

    assert pdf(report).replace(" ", "").count(text.replace(" ", "")) >= 9


def test_invisible_and_control_characters_are_left_out() -> None:
    report = nasty("Li\u202ena\x00\x1b\u200b\ufffe\n\tM.")
    assert page(report).tables["awards"][1] == ["Lina M."] * 3
    assert "Lina M." in pdf(report)
    assert ["Lina M."] * 3 in workbook(report)["Le palmarès"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_page_asks_for_nothing_from_anywhere(example: str, language: Any) -> None:
    html = page(EXAMPLES[example](), language)
    for tag, attributes in html.elements:
        assert tag not in (
            "script",
            "iframe",
            "object",
            "embed",
            "form",
            "base",
            "img",
            "image",
            "use",
            "foreignobject",
        )
        for name, value in attributes.items():
            if name in ("href", "src", "srcset", "xlink:href", "action", "poster", "data", "background"):
                assert value.startswith("#") or value == "data:,", (tag, name, value)
            assert "url(" not in value
            if name != "xmlns":
                assert "://" not in value, (tag, name, value)
    assert "url(" not in html.styles
    assert "@import" not in html.styles
    policies = [meta["content"] for meta in html.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]


def test_the_template_of_the_pdf_loads_nothing() -> None:
    import mpp_supabase.reports

    template = Path(mpp_supabase.reports.__file__).with_name("report.typ").read_text(encoding="utf-8")
    assert not re.search(r"@preview|#?\b(?:import|include|read|plugin|eval)\b\s*[(\"]", template)
    assert re.findall(r"image\(([^,]*),", template) == ["bytes(section.chart.svg)"]


# -------------------------------------------------------------------------------------------------------- accessibility


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_page_can_be_read_without_seeing_it(example: str, language: Any) -> None:
    html = page(EXAMPLES[example](), language)
    assert html.of("html") == [{"lang": language}]
    assert len(html.of("h1")) == 1
    # The days stand in three tables under one heading.
    assert len(html.of("caption")) == len(html.of("table")) == len(html.tables) + 2 * ("days" in html.tables)
    assert all(heading.get("scope") in ("col", "row") for heading in html.of("th"))
    for rows in html.tables.values():
        assert all(rows[0])
    ids = [attributes["id"] for _, attributes in html.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [label for _, attributes in html.elements for label in attributes.get("aria-labelledby", "").split()]
    assert set(labels) <= set(ids)
    for drawing in html.of("svg"):
        inner = "viewbox" in drawing and "role" not in drawing and "class" not in drawing
        assert (
            inner
            or drawing.get("aria-hidden") == "true"
            or (drawing["role"] == "img" and len(drawing["aria-labelledby"].split()) == 2)
        )
    for link in html.of("a"):
        assert link["href"].removeprefix("#") in ids


def test_every_text_has_the_contrast_of_level_aa() -> None:
    html = page(company())
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", html.styles))
    pairs = [
        ("#ffffff", colours["forest"]),
        ("#d9ecc9", colours["forest"]),
        ("#eaf4e2", colours["forest"]),
        (colours["ink"], "#ffffff"),
        (colours["ink"], "#fff8e6"),
        (colours["ink"], "#f8fbf6"),
        (colours["faint"], "#ffffff"),
        (colours["faint"], colours["pale"]),
        (colours["forest"], colours["pale"]),
    ]
    assert all(contrast(*pair) >= 4.5 for pair in pairs)
    raw = report_bytes(company(), "fr", "html").decode()
    written = set(re.findall(r'<text [^>]*fill="(#\w+)"', raw))
    assert written <= {colours["ink"], colours["faint"], "#ffffff"}


def contrast(first: str, second: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(first), light(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_pdf_is_an_accessible_one_on_a4_with_bookmarks() -> None:
    reader = pypdf.PdfReader(io.BytesIO(report_bytes(company(), "en", "pdf")))
    sizes = {(round(page.mediabox.width / 72 * 25.4), round(page.mediabox.height / 72 * 25.4)) for page in reader.pages}
    assert sizes == {(210, 297)}
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert reader.trailer["/Root"]["/Lang"] == "en"  # type: ignore[index]
    assert reader.metadata is not None
    assert reader.metadata.title == "Report of week 2 · Exemple Industries"
    assert len(list(reader.outline)) == 2


# ------------------------------------------------------------------------------------------------------ kinds of client


NOBODY = dict.fromkeys(("players", "active_players", "active_players_ever", "validations", "points"), 0)


def test_a_client_without_a_league_yet_is_told_what_to_do() -> None:
    days = {"week": 1, "week_first": date(2026, 6, 1), "week_last": date(2026, 6, 7)}
    report = company(
        overview=overview(**NOBODY, **days, expected_players=250),
        **dict.fromkeys(("weeks", "days", "leagues", "units", "themes", "departments"), ()),
    )
    html = page(report)
    assert html.tables == {}
    assert "Aucune ligue n’est encore créée" in html.text
    assert html.advice == [TEXTS["advice_no_league"][0]]
    assert html.cards["Joueurs"] == ["0", f"0{NARROW}% des 250 attendus"]
    assert "Aucune ligue n’est encore créée" in pdf(report)
    assert list(workbook(report)) == ["Bilan de la semaine 1"]


def test_week_one_has_no_changes() -> None:
    names = ("players", "active_players", "leagues", "validations", "points", "points_per_player")
    leagues = tuple(but(one, points_this_week=None) for one in leagues_of(company()))
    unchanged: Any = dict.fromkeys(f"{name}_change" for name in names)
    report = company(**unchanged, leagues=leagues, week=1, weeks=company().weeks[:1])
    for language in LANGUAGES:
        html = page(report, language)
        assert all("+" not in "".join(lines) for lines in html.cards.values())
        words = Words(language)
        assert words("this_week") not in html.tables["leagues"][0]
        assert words("change") not in str(workbook(report, language))
        assert words("this_week") not in pdf(report, language)


def test_a_final_report_has_awards_places_and_averages_and_no_weekly_change() -> None:
    html = page(final())
    assert html.tables["awards"][1] == [
        "Grand Zizou de l’écologie",
        "Les Colibris du 3e",
        "1re du classement des ligues",
    ]
    assert html.tables["general"][1] == ["17", f"1{NARROW}043", "Les Colibris du 3e", f"2{NARROW}011", "105,84"]
    assert html.tables["comparison"][1:] == [
        ["Points par joueur", "68,71", "58,21"],
        ["Joueurs par ligue", "17,50", "12,51"],
    ]
    assert "attention" not in html.tables
    assert "cette semaine" not in html.text
    assert "Points de la semaine" not in html.tables["leagues"][0]
    assert html.advice[0] == TEXTS["advice_thank_titles"][0]
    assert "Alimentation" in html.advice[1]


def test_a_local_authority_sees_its_classes_and_no_empty_league_ranking() -> None:
    html = page(authority())
    assert list(html.tables) == ["territory"]
    assert html.cards["Classes"] == ["30"]
    assert html.cards["Établissements"] == ["4"]
    assert html.cards["Points"] == [shown(sum(one.points for one in authority().follow_up.territory), "fr")]
    assert html.tables["territory"][1] == [
        "1", "Classe des Hérissons 1", "École des Tilleuls", "Maternelle", "Aubeval-sur-Loutre", "29",
        f"1{NARROW}900", "65,52", "31",
    ]  # fmt: skip
    assert "ligue" not in " ".join(html.advice)


def of_a_town(**changes: Any) -> ClientReport:
    """An authority in an edition of classes, before the first one has joined."""
    return authority(**({"territory": ()} | changes))


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_authority_without_a_class_yet_is_told_so_and_not_to_create_leagues(language: Any) -> None:
    report, words = of_a_town(), Words(language)
    html = page(report, language)
    assert html.cards == {words("classes"): ["0"], words("schools"): ["0"]}
    assert html.advice == [words("advice_no_class")]
    for text in (html.text, pdf(report, language), everything(report, language)):
        assert spaced(words("no_class")) in spaced(text)
        assert words("league").lower() not in text.lower()
    ended = of_a_town(kind="final", week=None, week_first=None, week_last=None)
    assert words("no_class_final") in page(ended, language).text
    assert page(ended, language).advice == [words("advice_next_classes")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["weekly", "final"])
def test_an_authority_reads_of_pupils_and_classes_and_of_no_player(kind: Any, language: Any) -> None:
    classes = tuple(but(one, points_this_week=7 + n) for n, one in enumerate(authority().follow_up.territory))
    days = {} if kind == "weekly" else dict.fromkeys(("week", "week_first", "week_last"))
    (champion,) = award("Classe championne", [classes[0].name], "1re", scope="class")
    awards = () if kind == "weekly" else (but(champion, subject_id=classes[0].class_id),)
    report = authority(kind=kind, territory=classes, awards=awards, **days)
    html, words = page(report, language), Words(language)
    counted = [one for one in classes if one.pupils is not None]
    pupils = sum(one.pupils or 0 for one in counted)
    note = words("without_small", n=1)
    assert html.cards[words("pupils")] == [shown(pupils, language), note]
    average = Decimal(sum(one.points or 0 for one in counted)) / pupils
    assert html.cards[words("points_per_pupil")] == [shown(average, language), note]
    if kind == "weekly":
        assert html.cards[words("points_of_week")] == [shown(sum(7 + n for n in range(30)), language)]
        assert html.tables["territory"][1][-2] == "+7"
    else:
        assert html.cards[words("playing_classes")] == ["30"]
        assert html.tables["awards"][1][1] == f"{classes[0].name} ({classes[0].school})"
        assert html.advice[0] == words("advice_thank_classes_titles")
    text = everything(report, language).lower()
    for word in ("players", "leagues") if language == "en" else ("joueur", "ligue", "ambassad"):
        assert word not in text, word


def test_players_are_said_to_be_named_where_they_are(tmp_path: Path) -> None:
    for language in LANGUAGES:
        words = Words(language)
        named, unnamed = words("about_aliases"), words("about_people")
        shown = everything(final(awards=award("Touche-à-tout", ["Mésange"], "", scope="player")), language)
        assert spaced(named) in shown
        assert spaced(unnamed) not in shown
        assert spaced(unnamed) in everything(final(), language)
        assert spaced(unnamed) in everything(company(), language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_final_report_before_the_freeze_says_so_in_every_file(language: Any) -> None:
    report, words = final(edition=EDITION, awards=()), Words(language)
    raw = report_bytes(report, language, "html").decode()
    for text in (raw, pdf(report, language), cells(report, language)):
        assert spaced(words("provisional_title")) in spaced(text)
        assert spaced(words("provisional")) in spaced(text)
    assert page(report, language).advice[0] == words("advice_thank")
    assert "awards" not in page(report, language).tables
    for text in (everything(final(), language),):
        assert spaced(words("provisional_title")) not in text


def test_after_an_edition_without_leagues_nothing_is_promised() -> None:
    report = final(
        overview=overview(**NOBODY),
        **dict.fromkeys(("weeks", "days", "leagues", "units", "themes", "departments", "awards", "general"), ()),
    )
    html = page(report)
    assert TEXTS["no_league_final"][0] in html.text
    assert "dès la première" not in html.text
    assert html.advice == [TEXTS["advice_start_earlier"][0]]
    assert TEXTS["no_league_final"][0] in cells(report)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_league_that_opted_out_is_told_where_sums_and_lists_differ(language: Any) -> None:
    words = Words(language)
    report = company(leagues=leagues_of(company())[:-1])
    one = spaced(words("opted_out", n=1))
    # Under the leagues, and under the units, which are the sums of those listed.
    for text in (page(report, language).text, pdf(report, language), cells(report, language)):
        assert spaced(text).count(one) == 2
    assert one not in everything(company(), language)
    none = company(leagues=(), units=())
    assert words("no_league") not in page(none, language).text
    assert words("opted_out", n=12) in page(none, language).text


def at(day: int, hour: int) -> datetime:
    return datetime.fromisoformat(f"2026-06-{day:02d}T{hour:02d}:00:00+02:00")


def test_the_last_week_is_announced_on_the_evening_before_it_and_then_said_to_be_on() -> None:
    calm: dict[str, Any] = {"themes": (), "expected_players": None}
    leagues = tuple(but(one, attention=()) for one in leagues_of(company()))
    starts, is_on = TEXTS["advice_last_days"][0], TEXTS["advice_last_week"][0].format(day="21 juin")

    def said(**changes: Any) -> list[str]:
        return advice(company(leagues=leagues, **calm, **changes))

    assert starts not in said(as_of=at(9, 12))
    assert starts not in said(as_of=at(14, 17))
    assert starts in said(as_of=at(14, 18))
    third = {"week": 3, "week_first": date(2026, 6, 15), "week_last": date(2026, 6, 21)}
    assert is_on in said(as_of=at(15, 9), **third)
    assert starts not in said(as_of=at(15, 9), **third)
    assert is_on not in said(as_of=at(21, 19), **third)


def test_fewer_challenges_than_last_week_are_told_from_the_last_evening_on() -> None:
    weeks = company().weeks
    early, late = company(as_of=at(13, 20), weeks=weeks), company(as_of=at(14, 19), weeks=weeks)
    falls = "défis relevés cette semaine après"
    assert falls not in spaced(" ".join(advice(early)))
    assert falls in spaced(" ".join(advice(late)))


def test_many_winners_are_counted_on_the_page_and_all_in_the_workbook() -> None:
    names = tuple(f"Mésange {n}" for n in range(50))
    report = final(awards=award("Touche-à-tout", names, "Au moins un défi dans chaque thème. " * 3))
    assert page(report).tables["awards"][1][1] == ", ".join(names[:6]) + " et 44 autres"
    rows = workbook(report)["Le palmarès"][1:]
    assert [row[1] for row in rows] == list(names)
    sheet = openpyxl.load_workbook(io.BytesIO(report_bytes(report, "fr", "xlsx")))["Le palmarès"]
    assert sheet["C2"].alignment.wrap_text
    assert not sheet["B2"].alignment.wrap_text


@pytest.mark.parametrize(("language", "name"), [("fr", "Joueur·se effacé·e"), ("en", "Erased player")])
def test_erased_players_keep_their_awards_in_the_language_of_the_report(language: Any, name: str) -> None:
    """The rows were read in the staff's language; two players who are no more stay two."""
    won = award("Touche-à-tout", ["a", "b", "Mésange"], "", scope="player")
    erased = tuple(but(one, label="Erased player", is_erased=True) for one in won[:2])
    assert page(final(awards=(*erased, won[2])), language).tables["awards"][1][1] == f"{name}, {name}, Mésange"


def test_long_names_that_begin_alike_can_be_told_apart_in_a_chart() -> None:
    from mpp_supabase.reports.charts import distinct_labels

    names = [f"Direction générale des affaires régionales, pôle {n}" for n in range(15)]
    labels = distinct_labels([*names, "Les Colibris"], 198)
    assert len(set(labels)) == 16
    assert labels[-1] == "Les Colibris"
    assert labels[3].endswith("pôle 3")
    assert all(len(label) < 40 for label in labels)
    assert distinct_labels(["Une seule ligue dont le nom est vraiment trop long"], 198)[0].startswith("Une seule ligue")


def test_four_hundred_leagues_are_all_there_and_fifteen_are_drawn(tmp_path: Path) -> None:
    leagues = tuple(
        league(n + 1, f"Ligue numéro {n:03d}", 20, 10, 900 - n, 3000 - n, Decimal(3000 - n) / 20) for n in range(400)
    )
    report = company(leagues=leagues)
    assert len(page(report).tables["leagues"]) == 401
    assert len(workbook(report)["Classement des ligues"]) == 401
    paper = pdf(report)
    assert all(one.name in paper for one in leagues)
    raw = report_bytes(report, "fr", "html").decode()
    assert raw.count("<title>Ligue numéro") == 15
    assert "Le graphique montre les 15 premières ligues sur 400" in spaced(raw)


def test_long_names_are_whole_in_each_file_and_stay_on_the_paper() -> None:
    long_word, many_words = "Anticonstitutionnellement" * 6, "Les amis de la forêt et de la rivière " * 6
    report = company(
        organisation=organisation("long", many_words),
        leagues=(but(leagues_of(company())[0], name=long_word, unit=many_words),),
        themes=(theme("food", long_word, 3, 4),),
    )
    assert page(report).tables["leagues"][1][1:3] == [long_word, many_words.strip()]
    assert workbook(report)["Classement des ligues"][1][1:3] == [long_word, many_words.strip()]
    reader = pypdf.PdfReader(io.BytesIO(report_bytes(report, "fr", "pdf")))
    assert long_word in "".join(page.extract_text() for page in reader.pages).replace("\n", "").replace("\u200b", "")
    for one in reader.pages:
        starts: list[float] = []

        def see(text: str, matrix: list[float], at: list[float], *_: Any, starts: list[float] = starts) -> None:
            if text.strip():
                starts.append(matrix[0] * at[4] + matrix[2] * at[5] + matrix[4])

        one.extract_text(visitor_text=see)
        assert all(0 < x < 595 for x in starts)


def test_letters_that_no_font_has_do_not_keep_a_client_from_its_report() -> None:
    report = company(leagues=(but(leagues_of(company())[0], name="Les abeilles 🐝 李娜"),))
    assert page(report).tables["leagues"][1][1] == "Les abeilles 🐝 李娜"
    assert workbook(report)["Classement des ligues"][1][1] == "Les abeilles 🐝 李娜"
    assert re.search(r"1 Les abeilles .?\?\? Siège", pdf(report))


def test_a_client_whose_name_is_emoji_alone_is_called_by_its_code_on_paper() -> None:
    report = company(organisation=organisation("globe", "🌍🌱"))
    assert "🌍🌱" in page(report).text
    assert "globe" in pdf(report)


# --------------------------------------------------------------------------------------------------------------- advice


def advice(report: ClientReport, language: Any = "fr") -> list[str]:
    return page(report, language).advice


def all_well(**changes: Any) -> ClientReport:
    """The company in week 2 of 8, with nothing to say against it."""
    first, second = company().weeks
    report = company(
        edition=but(EDITION, ends_at=datetime.fromisoformat("2026-07-27T00:00:00+02:00")),
        week=2,
        expected_players=None,
        leagues=tuple(but(one, attention=()) for one in leagues_of(company())),
        themes=company().themes[:3],
        weeks=(but(first, validations=1700), but(second, validations=1710)),
    )
    return changed(report, **changes)


def test_where_all_is_well_the_advice_says_so() -> None:
    assert advice(all_well()) == [TEXTS["advice_all_well"][0].split("|")[1]]
    assert advice(all_well(), "en") == [TEXTS["advice_all_well"][1].split("|")[1]]
    alone = all_well(leagues=leagues_of(all_well())[:1])
    assert advice(alone) == [TEXTS["advice_all_well"][0].split("|")[0]]


def few(reason: Any) -> tuple[ClientLeague, ...]:
    return tuple(but(one, attention=(reason,) if n < 5 else ()) for n, one in enumerate(leagues_of(company())))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"players": 0}, "invitations"),
        ({"expected_players": 300}, "203 joueurs inscrits sur 300 attendus"),
        ({"leagues": few("no_ambassador")}, "5 ligues n’ont pas d’ambassadeur (Les Colibris du 3e, Vélo, boulot, dodo"),
        ({"leagues": few("quiet")}, "5 ligues n’ont relevé aucun défi"),
        ({"leagues": few("not_started")}, "et 2 autres)"),
        ({"active_players": 100}, "49 % des joueurs"),
        ({"weeks": company().weeks}, "1 769 défis relevés cette semaine après 2 231"),
        (
            {"weeks": (but(company().weeks[0], validations=1000), company().weeks[1])},
            "1 769 défis relevés cette semaine après 1 000",
        ),
        ({"themes": company().themes}, "(Mode, Argent et citoyenneté)"),
        ({"week": 3}, "La mi-parcours"),
        ({"week": 7}, "La dernière semaine commence demain"),
        (
            {"leagues": (but(leagues_of(all_well())[0], points=1900), *leagues_of(all_well())[1:])},
            "Les Colibris du 3e et Vélo, boulot, dodo se tiennent à 36 points",
        ),
    ],
)
def test_advice_is_chosen_by_rule_from_the_figures(changes: dict[str, Any], expected: str) -> None:
    assert expected not in spaced(" ".join(advice(all_well())))
    assert expected in spaced(" ".join(advice(all_well(**changes))))


def test_advice_stops_at_five() -> None:
    leagues = tuple(but(one, attention=ATTENTION_REASONS) for one in leagues_of(company()))
    assert len(advice(company(leagues=leagues, active_players=3, expected_players=900))) == 5


@pytest.mark.parametrize("reason", ATTENTION_REASONS)
def test_every_reason_for_attention_has_its_words(reason: Any) -> None:
    leagues = (but(leagues_of(company())[0], attention=(reason,)),)
    for place, language in enumerate(LANGUAGES):
        row = page(company(leagues=leagues), language).tables["attention"][1]
        assert row == ["Les Colibris du 3e", "Siège", TEXTS[f"attention_{reason}"][place]]


def test_both_languages_fill_in_the_same_values() -> None:
    for key, (french, english) in TEXTS.items():
        assert set(re.findall(r"\{(\w+)\}", french)) == set(re.findall(r"\{(\w+)\}", english)), key
        assert french.count("|") == english.count("|"), key
        assert not re.search(r" [:;!?»]|« ", french), key


# ---------------------------------------------------------------------------------------------------------------- files


def test_files_are_named_after_client_edition_and_week(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "reports"
    written = write_report(directory, company(), "en")
    assert [path.name for path in written] == [f"exemple-industries-adult-2026-06-week-2-en.{form}" for form in FORMATS]
    written = write_report(directory, final(), "fr", ("pdf",))
    assert [path.name for path in written] == ["exemple-industries-adult-2026-06-final-fr.pdf"]
    assert sorted(path.suffix for path in directory.iterdir()) == [".html", ".pdf", ".pdf", ".xlsx"]


def test_a_path_with_an_ending_names_the_file(tmp_path: Path) -> None:
    written = write_report(tmp_path / "bilan.pdf", company(), formats=("pdf", "html"))
    assert written == [tmp_path / "bilan.pdf", tmp_path / "bilan.html"]
    assert written[0].read_bytes() == report_bytes(company(), "fr", "pdf")
    assert written[1].read_bytes() == report_bytes(company(), "fr", "html")


def test_one_client_that_fails_does_not_stop_the_others_and_is_named(tmp_path: Path) -> None:
    broken = company(organisation=organisation("casse", "Client Cassé"), as_of=datetime(2026, 6, 15))
    other = company(organisation=organisation("autre", "Autre Exemple"))
    progress: list[tuple[int, int]] = []
    with pytest.raises(ReportError) as failed:
        write_reports(
            tmp_path,
            [(company(), "fr"), (broken, "fr"), (other, "en")],
            ("html", "pdf"),
            on_progress=lambda done, of: progress.append((done, of)),
        )
    assert failed.value.problems == ("Client Cassé: as_of has no time zone",)
    assert failed.value.hint
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "autre-adult-2026-06-week-2-en.html",
        "autre-adult-2026-06-week-2-en.pdf",
        "exemple-industries-adult-2026-06-week-2-fr.html",
        "exemple-industries-adult-2026-06-week-2-fr.pdf",
    ]


def test_many_clients_are_written_in_one_run(tmp_path: Path) -> None:
    reports = [(company(organisation=organisation(f"c-{n}", f"Client {n}")), "fr") for n in range(5)]
    assert len(write_reports(tmp_path, reports, ("html",))) == 5  # type: ignore[arg-type]
    assert "Client 3" in (tmp_path / "c-3-adult-2026-06-week-2-fr.html").read_text(encoding="utf-8")


def test_codes_that_differ_in_a_hyphen_are_files_of_their_own(tmp_path: Path) -> None:
    codes = ("a-b", "a--b", "-a-b", "a-b-")
    reports = [(company(organisation=organisation(code, f"Client {code}")), "fr") for code in codes]
    assert len(set(write_reports(tmp_path, reports, ("html",)))) == 4  # type: ignore[arg-type]
    for code in codes:
        assert f"Client {code}<" in (tmp_path / f"{code}-adult-2026-06-week-2-fr.html").read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_named_and_nothing_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "taken.pdf").mkdir()
    (tmp_path / "taken.pdf" / "exemple-industries-adult-2026-06-week-2-fr.html").mkdir()
    for path in (tmp_path / "file" / "x", tmp_path / "absent" / "x.pdf", tmp_path / "taken.pdf"):
        with pytest.raises(ReportError) as refused:
            write_report(path, company(), formats=("html",))
        assert str(path.parent) in str(refused.value)
        assert refused.value.hint
    assert not list(tmp_path.rglob("*.part"))
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("form", FORMATS)
def test_where_one_file_cannot_be_written_the_others_are_not_either(tmp_path: Path, form: str) -> None:
    stem = "exemple-industries-adult-2026-06-week-2-fr"
    (tmp_path / f"{stem}.html").write_text("the one of yesterday")
    (tmp_path / f"{stem}.{form}").unlink(missing_ok=True)
    (tmp_path / f"{stem}.{form}").mkdir()
    with pytest.raises(ReportError) as refused:
        write_report(tmp_path, company())
    assert f"{stem}.{form}" in str(refused.value)
    left = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert left == ([] if form == "html" else [f"{stem}.html"])
    if left:
        assert (tmp_path / left[0]).read_text() == "the one of yesterday"


UNKNOWN: Any = ("luck",)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "daily"}, "'daily' is not a kind of report"),
        ({"week": None}, "needs the number and the days of its week"),
        ({"week_last": date(2026, 6, 1)}, "its week ends before it starts"),
        ({"organisation": organisation("x", " \u200b")}, "no name or no code"),
        ({"edition": but(EDITION, ends_at=EDITION.starts_at)}, "the edition ends before it starts"),
        ({"leagues": (but(leagues_of(company())[0], attention=UNKNOWN),)}, "'luck' is not a reason for attention"),
    ],
)
def test_a_report_that_cannot_be_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ReportError) as refused:
        write_report(tmp_path, company(**changes))
    assert problem in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_language_or_format_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    unknown: Any = "nl"
    with pytest.raises(ReportError, match="'nl'"):
        write_report(tmp_path, company(), unknown)
    with pytest.raises(ReportError, match="nl is not a format"):
        write_report(tmp_path, company(), "fr", (unknown,))


def test_the_same_report_gives_the_same_page_and_pdf_everywhere(tmp_path: Path) -> None:
    program = (
        "from mpp_supabase.reports import write_report\n"
        "from tests.library.reports.examples import final\n"
        f"write_report({str(tmp_path / 'again.pdf')!r}, final(), 'fr', ('pdf', 'html'))"
    )
    environment = os.environ | {"TZ": "Asia/Tokyo", "LANG": "C", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "again.pdf").read_bytes() == report_bytes(final(), "fr", "pdf")
    assert (tmp_path / "again.html").read_bytes() == report_bytes(final(), "fr", "html")
