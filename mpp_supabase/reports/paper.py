"""Prints a report as PDF on A4, with the charts of the page. Every text is data to the template, never markup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpp_supabase.diplomas.printing import FONT, breakable, drawn, is_decoration, ready
from mpp_supabase.reports.layout import COLUMNS_OF_FOLDED, NUMBERS, Column, Layout, Section, Table, written
from mpp_supabase.reports.wording import Words

if TYPE_CHECKING:
    import typst

# Shares of the width: a long text has the room of two, a rank and a number less than a text.
_SHARES = {"long": 2.6, "text": 1.9, "rank": 0.8, "code": 0.8, "date": 1.5}
# A narrow table of fewer rows stands beside its chart.
_BESIDE = 26
_NO_LETTER = "?"


def print_report(layout: Layout, words: Words) -> bytes:
    """Return the PDF; the same layout gives the same bytes everywhere.

    An emoji that no font has is left out, and a letter that no font has is printed as a question mark: one name in
    another alphabet must not keep a client from its report. Raises DrawingError.
    """
    when = datetime.combine(layout.day, time(12), UTC)
    missing: frozenset[str] = frozenset()
    while True:
        pdf, more = drawn(_compiler(), _inputs(layout, words, missing), when)
        if not more - missing:
            return pdf
        missing |= more


@cache
def _compiler() -> typst.Compiler:
    return ready(Path(__file__).with_name("report.typ"))


def _inputs(layout: Layout, words: Words, missing: frozenset[str]) -> dict[str, Any]:
    letters = str.maketrans({letter: "" if is_decoration(letter) else _NO_LETTER for letter in missing})

    def shown(text: str) -> str:
        return breakable(text.translate(letters), longest=24, part=12)

    return {
        "title": layout.file_title.translate(letters),
        "date": {"year": layout.day.year, "month": layout.day.month, "day": layout.day.day},
        "language": layout.language,
        "fonts": [FONT],
        "brand": layout.brand,
        "heading": layout.title,
        # A name of emoji alone leaves nothing to print, and a heading must say something.
        "organisation": shown(layout.organisation).strip() or layout.code,
        "lines": [shown(line) for line in layout.lines],
        "foot": shown(layout.file_title),
        "page": layout.page,
        "sections": [_section(section, words, shown, letters) for section in layout.sections],
        "about-title": layout.about_title,
        "about": [shown(line) for line in layout.about],
    }


def _section(section: Section, words: Words, shown: Callable[[str], str], letters: dict[int, str]) -> dict[str, Any]:
    chart = section.chart
    table = section.table if not section.cards else None
    return {
        "title": section.title,
        "texts": [shown(text) for text in section.texts],
        "cards": [
            {"label": card.label, "value": card.value, "notes": [shown(note) for note in card.notes]}
            for card in section.cards
        ],
        "points": [shown(point) for point in section.points],
        "chart": chart and {"svg": chart.draw(FONT).translate(letters), "alt": chart.description.translate(letters)},
        "table": table and _table(table, words, shown),
        "beside": chart is not None
        and table is not None
        and not section.folded
        and len(table.columns) < 4
        and len(table.rows) < _BESIDE,
        "folded": section.folded,
        "columns": COLUMNS_OF_FOLDED,
        "note": section.note,
    }


def _table(table: Table, words: Words, shown: Callable[[str], str]) -> dict[str, Any]:
    return {
        "columns": [
            {"title": column.title, "number": column.kind in NUMBERS, "width": _width(column)}
            for column in table.columns
        ],
        "rows": [
            [shown(written(value, table.kind(number, place), words)) for place, value in enumerate(row)]
            for number, row in enumerate(table.rows)
        ],
    }


def _width(column: Column) -> float:
    return _SHARES.get(column.kind, 1.15)
