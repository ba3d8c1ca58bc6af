"""The demonstration's report: one HTML file that needs nothing from the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from mpp_supabase.demo.plan import Outcome, SchoolOutcome
from mpp_supabase.models import ClassStanding, Mismatch, SchoolStanding, Standing

LEVEL_NAMES = {
    "maternelle": "École maternelle",
    "elementaire": "École élémentaire",
    "college": "Collège",
    "lycee": "Lycée",
}
PAPERS = {
    "roster.xlsx": "who is in the class, as a teacher sends it",
    "tracking.xlsx": "what every pupil did, challenge by challenge",
    "diplomas.pdf": "a diploma for each pupil, and the certificate of the class",
}


def write_report(outcome: Outcome, daily: Sequence[tuple[Any, int, int]], themes: Sequence[tuple[str, int]]) -> None:
    """Write the report of a demonstration: figures, both rankings, the days and the themes, and the proof."""
    statistics = outcome.statistics
    figures = [
        (statistics.leagues if statistics else 0, "leagues listed"),
        (statistics.players if statistics else 0, "players listed"),
        (outcome.validations, "validations"),
        (statistics.points if statistics else 0, "points of listed players"),
    ]
    leagues = _ranking([(line.rank, line.label, "", line.points) for line in outcome.leagues])
    players = _ranking([(line.rank, line.label, line.league_label or "", line.points) for line in outcome.players])
    _write(
        outcome.report,
        outcome.edition,
        "A demonstration edition with made-up players, played on a local stack and frozen.",
        figures,
        _side_by_side(("Leagues", leagues), ("Players", players)),
        daily,
        themes,
        [_scores_proof(outcome.mismatches)],
    )


def write_school_report(
    outcome: SchoolOutcome, daily: Sequence[tuple[Any, int, int]], themes: Sequence[tuple[str, int]]
) -> None:
    """Write the report of a school demonstration: rankings, what a family sees, the papers of a class, the proofs."""
    statistics = outcome.statistics
    figures = [
        (statistics.classes if statistics else 0, "classes listed"),
        (statistics.players if statistics else 0, "pupils in them"),
        (statistics.schools if statistics else 0, "schools"),
        (outcome.validations, "validations"),
        (outcome.whole_class, "by a whole class at once"),
    ]
    classes = _averages([(each.rank, each.label, _place(each), each) for each in outcome.classes])
    schools = _averages([(each.rank, each.label, _classes(each), each) for each in outcome.schools])
    levels = [
        (LEVEL_NAMES[level], _averages([(each.level_rank, each.label, _place(each), each) for each in top]))
        for level, top in outcome.levels.items()
    ]
    family = _table(
        ("Pupil", "Validations", "Points"),
        [(escape(name), f"{validations:,}", f"{points:,}") for name, validations, points in outcome.family],
    )
    family = f'<p class="place">{escape(outcome.family_class)}</p>{family}'
    done = _table(
        ("Challenge", "Pupils", "Points"),
        [(escape(title), f"{pupils:,}", f"{points:,}") for title, pupils, points in outcome.family_challenges],
    )
    papers = "".join(
        f'<li><a href="{escape(path.name)}">{escape(path.name)}</a>: {escape(PAPERS[path.name])}</li>'
        for path in outcome.papers
    )
    changed, there = outcome.read_back
    papers = (
        f'<p class="place">{escape(outcome.papers_class)}</p><ul>{papers}</ul>'
        f'<p class="place">Both spreadsheets were read back in: {there:,} entries were there already,'
        f" {changed:,} changed.</p>"
    )
    _write(
        outcome.report,
        outcome.edition,
        "A demonstration school edition: made-up classes in made-up schools, pupils by first name only, played on a"
        " local stack and frozen. Rankings are by average: points for each pupil.",
        figures,
        _side_by_side(("Classes", classes), ("Schools", schools))
        + _side_by_side(*levels)
        + _side_by_side(("What a family’s phone shows", family), ("What that class did", done))
        + _side_by_side(("One class on paper", papers)),
        daily,
        themes,
        [_scores_proof(outcome.mismatches), *proof_lines(outcome)],
    )


def proof_lines(outcome: SchoolOutcome) -> list[str]:
    """Say what the second computation of the rankings found."""
    proof = outcome.proof
    if proof is None:
        return []
    compared = ", ".join(f"{proof.agree.get(what, 0):,} of {count:,} {what}" for what, count in proof.compared.items())
    lines = [f"Ranked again in Python from the {proof.validations:,} rows of the ledger: {compared} agree."]
    if proof.differences:
        lines += [f"{len(proof.differences)} lines differ; the first: {proof.differences[0]}."]
    return lines


def _write(
    path: Path,
    edition: str,
    note: str,
    figures: Sequence[tuple[int, str]],
    body: str,
    daily: Sequence[tuple[Any, int, int]],
    themes: Sequence[tuple[str, int]],
    proofs: Sequence[str],
) -> None:
    page = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8")).substitute(
        edition=escape(edition),
        note=escape(note),
        figures="".join(f"<div><b>{number:,}</b>{escape(name)}</div>" for number, name in figures),
        body=body,
        days=_bars([(f"{day:%d/%m}", count) for day, count, _ in daily]),
        themes=_rows(themes),
        proof="".join(f'<p class="proof">{escape(proof)}</p>' for proof in proofs),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _scores_proof(mismatches: Sequence[Mismatch]) -> str:
    if mismatches:
        return f"{len(mismatches)} scores differ from the ledger."
    return "Every score equals the sum of its credited validations, and the frozen ranking carries its seal."


def _side_by_side(*sections: tuple[str, str]) -> str:
    inside = "".join(f"<section><h2>{escape(title)}</h2>{content}</section>" for title, content in sections)
    return f'<div class="pair">{inside}</div>'


def _place(line: ClassStanding) -> str:
    return ", ".join(part for part in (line.school_label, line.city) if part)


def _classes(line: SchoolStanding) -> str:
    return f"{line.city}, {line.classes} {'class' if line.classes == 1 else 'classes'}"


def _averages(rows: Iterable[tuple[int, str, str, Standing]]) -> str:
    return _table(
        ("Rank", "Name", "Pupils", "Average"),
        [
            (
                str(rank),
                f'{escape(label)}<br><span class="note">{escape(under)}</span>',
                f"{line.players:,}",
                f"{line.value / 100:.2f}",
            )
            for rank, label, under, line in rows
        ],
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML cells; all but names lean to the right."""

    def cells(tag: str, values: Sequence[str]) -> str:
        numbers = (name not in ("Name", "Pupil", "Challenge") for name in header)
        return "".join(
            f'<{tag} class="n">{value}</{tag}>' if number else f"<{tag}>{value}</{tag}>"
            for value, number in zip(values, numbers, strict=True)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', header)}</tr>{lines}</table>"


def _ranking(rows: Iterable[tuple[int, str, str, int]]) -> str:
    return _table(
        ("Rank", "Name", "Points"),
        [
            (
                str(rank),
                escape(label) + (f'<br><span class="note">{escape(under)}</span>' if under else ""),
                f"{points:,}",
            )
            for rank, label, under, points in rows
        ],
    )


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
