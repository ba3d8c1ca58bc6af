"""The demonstration's report: one HTML file that needs nothing from the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from mpp_supabase.demo.plan import Outcome

_STYLE = """
:root { --ink: #17324d; --leaf: #2f8f5b; --pale: #eef6f0; --line: #d5e3da; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
p.note { color: #52687d; margin: .25rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin-top: 1.5rem; }
.figures div { background: var(--pale); border-radius: .6rem; padding: .9rem 1rem; }
.figures b { display: block; font-size: 1.5rem; color: var(--leaf); }
table { border-collapse: collapse; width: 100%; } th, td { padding: .4rem .6rem; text-align: left; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: #52687d; font-size: .85rem; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 2rem; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: #52687d; }
.proof { background: var(--pale); border-left: .3rem solid var(--leaf); padding: .8rem 1rem; }
@media (max-width: 30rem) { .pair { grid-template-columns: 1fr; } }
"""


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
    body = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(outcome.edition)}</title><style>{_STYLE}</style></head><body>
<h1>Ma Petite Planète: {escape(outcome.edition)}</h1>
<p class="note">A demonstration edition with made-up players, played on a local stack and frozen.</p>
<div class="figures">{"".join(f"<div><b>{number:,}</b>{escape(name)}</div>" for number, name in figures)}</div>
<div class="pair"><section><h2>Leagues</h2>{_ranking([(r.rank, r.label, "", r.points) for r in outcome.leagues])}</section>
<section><h2>Players</h2>{_ranking([(r.rank, r.label, r.league_label or "", r.points) for r in outcome.players])}</section></div>
<h2>Credited validations by day</h2>{_bars([(f"{day:%d/%m}", count) for day, count, _ in daily])}
<h2>Credited validations by theme</h2>{_rows(themes)}
<h2>Proof</h2><p class="proof">{escape(proof)}</p>
</body></html>
"""
    outcome.report.parent.mkdir(parents=True, exist_ok=True)
    outcome.report.write_text(body, encoding="utf-8")


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
            f'<rect x="{x + 3:.1f}" y="{height - floor - tall:.1f}" width="{step - 6:.1f}" height="{tall:.1f}" rx="3" fill="#2f8f5b">'
            f"<title>{escape(label)}: {count:,}</title></rect>"
            f'<text x="{x + step / 2:.1f}" y="{height - 8}" text-anchor="middle">{escape(label)}</text>'
        )
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Credited validations by day">{"".join(bars)}</svg>'


def _rows(values: Sequence[tuple[str, int]]) -> str:
    top = max((count for _, count in values), default=1)
    lines = "".join(
        f'<tr><td style="width:14rem">{escape(name)}</td><td><div style="background:#2f8f5b;height:.8rem;border-radius:.2rem;'
        f'width:{100 * count / top:.1f}%"></div></td><td class="n" style="width:6rem">{count:,}</td></tr>'
        for name, count in values
    )
    return f"<table>{lines}</table>"
