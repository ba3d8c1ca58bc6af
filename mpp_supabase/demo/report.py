"""The demonstration's report: one HTML file that needs nothing from the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from mpp_supabase.demo.plan import Outcome


def write_report(outcome: Outcome, daily: Sequence[tuple[Any, int, int]], themes: Sequence[tuple[str, int]]) -> None:
    """Write the report of a demonstration: figures, both rankings, the days and the themes, and the proof."""
    statistics = outcome.statistics
    figures = [
        (statistics.leagues if statistics else 0, "leagues listed"),
        (statistics.players if statistics else 0, "players listed"),
        (outcome.validations, "validations"),
        (statistics.points if statistics else 0, "points of listed players"),
    ]
    proof = (
        "Every score equals the sum of its credited validations, and the frozen ranking carries its seal."
        if not outcome.mismatches
        else f"{len(outcome.mismatches)} scores differ from the ledger."
    )
    page = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8")).substitute(
        edition=escape(outcome.edition),
        figures="".join(f"<div><b>{number:,}</b>{escape(name)}</div>" for number, name in figures),
        leagues=_ranking([(line.rank, line.label, "", line.points) for line in outcome.leagues]),
        players=_ranking([(line.rank, line.label, line.league_label or "", line.points) for line in outcome.players]),
        days=_bars([(f"{day:%d/%m}", count) for day, count, _ in daily]),
        themes=_rows(themes),
        proof=escape(proof),
    )
    outcome.report.parent.mkdir(parents=True, exist_ok=True)
    outcome.report.write_text(page, encoding="utf-8")


def _ranking(rows: Iterable[tuple[int, str, str, int]]) -> str:
    lines = "".join(
        f'<tr><td class="n">{rank}</td><td>{escape(label)}'
        + (f'<br><span class="note">{escape(under)}</span>' if under else "")
        + f'</td><td class="n">{points:,}</td></tr>'
        for rank, label, under, points in rows
    )
    return f'<table><tr><th class="n">Rank</th><th>Name</th><th class="n">Points</th></tr>{lines}</table>'


def _bars(values: Sequence[tuple[str, int]]) -> str:
    width, height, floor = 900, 240, 26
    top = max((count for _, count in values), default=1)
    step = width / max(len(values), 1)
    bars = []
    for number, (label, count) in enumerate(values):
        tall = (height - floor - 16) * count / top
        x = number * step
        bars.append(
            f'<rect x="{x + 3:.1f}" y="{height - floor - tall:.1f}" width="{step - 6:.1f}" height="{tall:.1f}" rx="3">'
            f"<title>{escape(label)}: {count:,}</title></rect>"
            f'<text x="{x + step / 2:.1f}" y="{height - 8}" text-anchor="middle">{escape(label)}</text>'
        )
    name = "Credited validations by day"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}">{"".join(bars)}</svg>'


def _rows(values: Sequence[tuple[str, int]]) -> str:
    top = max((count for _, count in values), default=1)
    lines = "".join(
        f'<tr><td class="theme">{escape(name)}</td>'
        f'<td><div class="bar" style="width:{100 * count / top:.1f}%"></div></td>'
        f'<td class="n count">{count:,}</td></tr>'
        for name, count in values
    )
    return f"<table>{lines}</table>"
