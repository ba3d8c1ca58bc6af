"""Draws a report as one HTML file that needs nothing from the network, and asks browsers to refuse anything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mpp_supabase.reports.layout import COLUMNS_OF_FOLDED, NUMBERS, Kind, Layout, Section, Table, written
from mpp_supabase.reports.wording import Words

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"

# A little planet with trees, the mark of the page's head.
_PLANET = (
    '<svg class="planet" viewBox="0 0 120 120" aria-hidden="true" focusable="false">'
    '<circle cx="60" cy="62" r="55" fill="none" stroke="#6aa760" stroke-width="1.5" stroke-dasharray="0.1 6" '
    'stroke-linecap="round"/><circle cx="102" cy="27" r="6" fill="#f2c14e"/>'
    '<g fill="#9a7b5b"><path d="M58 18h4v16h-4z"/><path d="M36 28h3v12h-3z" transform="rotate(-28 37 34)"/>'
    '<path d="M82 28h3v12h-3z" transform="rotate(28 84 34)"/></g>'
    '<circle cx="60" cy="17" r="11" fill="#6aa760"/><circle cx="32" cy="25" r="8" fill="#b7d6a4"/>'
    '<path d="M90 12l11 15-19 3z" fill="#b7d6a4"/><circle cx="60" cy="68" r="38" fill="#cfe6ef"/>'
    '<path d="M28 60c6-18 20-24 30-22 9 2 2 10-2 14s-8 3-10 9-12 11-18-1z" fill="#6aa760"/>'
    '<path d="M70 58c6-6 18-6 24 0s3 18-4 26-14 8-15 0 2-10-2-14-7-8-3-12z" fill="#6aa760"/>'
    '<path d="M44 84c6-4 14-2 15 4s-5 10-9 9-11-9-6-13z" fill="#6aa760"/></svg>'
)


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    style: str
    heads: bool


def draw_page(layout: Layout, words: Words) -> bytes:
    """Return the page as UTF-8. Everything that is not markup of ours is escaped by the template."""
    from markupsafe import Markup

    def drawing(section: Section) -> Markup:
        # Ours, and escaped where it was drawn.
        return Markup(section.chart.draw(_FONT) if section.chart else "")  # noqa: S704

    def cells(table: Table) -> Iterator[list[_Cell]]:
        for number, row in enumerate(table.rows):
            kinds = [table.kind(number, at) for at in range(len(row))]
            yield [
                _Cell(written(value, kind, words), _style(kind), at == table.heading)
                for at, (value, kind) in enumerate(zip(row, kinds, strict=True))
            ]

    def row_groups(section: Section) -> list[list[list[_Cell]]]:
        rows = list(cells(section.table)) if section.table else []
        size = max(1, -(-len(rows) // COLUMNS_OF_FOLDED)) if section.folded else max(1, len(rows))
        return [rows[at : at + size] for at in range(0, max(1, len(rows)), size)]

    page = _template().render(
        layout=layout,
        planet=Markup(_PLANET),  # noqa: S704
        drawing=drawing,
        row_groups=row_groups,
        style=_style,
    )
    return page.encode()


def _style(kind: Kind) -> str:
    return "n" if kind in NUMBERS else kind


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    text = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    settings = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return settings.from_string(text)
