"""Draws charts as plain SVG: the same drawing stands in the page and, with another font, in the PDF.

A chart never says more than its table: bars carry their figures, and what is suppressed is not drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TypeAlias

FOREST, LEAF, PALE, INK, FAINT, LINE, EMPTY = (
    "#1f5c3f",
    "#4c9a5a",
    "#b7d6a4",
    "#26352d",
    "#56665d",
    "#d5e3da",
    "#eef1ef",
)
SHADES = ("#d9ecc9", "#a9d196", "#6aae6b", "#37834f", "#1f5c3f")

WIDTH = 560
SIZE = 13
_WIDE = "MWmw@%ÆŒ—"
_NARROW = "iljtfrI.,:;'’|!()[] "
# The first of each step that a map may shade by.
_STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)

Shown: TypeAlias = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length, and its figure as it is written."""

    name: str
    value: int
    shown: str


def columns(key: str, title: str, description: str, panels: Sequence[tuple[str, Sequence[Bar]]], font: str) -> str:
    """Draw one or more groups of upright bars side by side, each with its own heading and its own scale."""
    height, top, floor, gap = 230, 44, 196, 36
    wide = (WIDTH - gap * (len(panels) - 1)) / max(len(panels), 1)
    parts = []
    for place, (heading, bars) in enumerate(panels):
        left = place * (wide + gap)
        most = max((bar.value for bar in bars), default=0) or 1
        names = max((_long(bar.name) for bar in bars), default=0) + 8
        figures = max((_long(bar.shown) for bar in bars), default=0)
        # Names wider than a bar's room stand under every second or third bar, the first one inside the drawing.
        inset = max(0.0, names - wide / max(len(bars), 1)) / 2
        step = (wide - 2 * inset) / max(len(bars), 1)
        thick = min(step * 0.7, 64)
        every = math.ceil(names / step)
        crowded = figures * 1.15 + 4 > step
        highest = max(range(len(bars)), key=lambda number: bars[number].value, default=0)
        parts.append(_text(left, 15, heading, weight=600))
        parts.append(f'<path d="M{left:.1f} {floor + 0.5}h{wide:.1f}" stroke="{FAINT}" stroke-width="1"/>')
        for number, bar in enumerate(bars):
            middle = left + inset + step * (number + 0.5)
            tall = (floor - top) * max(bar.value, 0) / most
            if tall > 0:
                radius = min(3.0, thick / 4, tall)
                parts.append(
                    f'<path d="M{middle - thick / 2:.1f} {floor}v{-(tall - radius):.1f}q0 {-radius:.1f} {radius:.1f} '
                    f"{-radius:.1f}h{thick - 2 * radius:.1f}q{radius:.1f} 0 {radius:.1f} {radius:.1f}"
                    f'v{tall - radius:.1f}z" fill="{LEAF}"><title>{_safe(bar.name)}: {_safe(bar.shown)}</title></path>'
                )
            if not crowded or number == highest:
                parts.append(_text(middle, floor - tall - 6, bar.shown, anchor="middle", fill=INK, weight=600))
            if number % every == 0:
                parts.append(_text(middle, floor + 18, bar.name, anchor="middle"))
    return _svg(key, title, description, WIDTH, height, parts, font)


def bars(key: str, title: str, description: str, rows: Sequence[Bar], font: str) -> str:
    """Draw lying bars, one under the other, names on the left; a long name is cut where the others still differ."""
    row, names = 27, 210
    room = WIDTH - names - 64
    most = max((bar.value for bar in rows), default=0) or 1
    parts = []
    labels = distinct_labels([bar.name for bar in rows], names - 12)
    for number, bar in enumerate(rows):
        y = number * row + 2
        long = room * max(bar.value, 0) / most
        parts.append(_text(names - 10, y + 16, labels[number], anchor="end", fill=INK))
        if long > 0:
            parts.append(
                f'<rect x="{names}" y="{y + 2}" width="{max(long, 1.5):.1f}" height="19" rx="3" fill="{LEAF}">'
                f"<title>{_safe(bar.name)}: {_safe(bar.shown)}</title></rect>"
            )
        parts.append(_text(names + max(long, 0) + 8, y + 16, bar.shown, fill=INK, weight=600))
    return _svg(key, title, description, WIDTH, max(len(rows), 1) * row + 4, parts, font)


@dataclass(frozen=True, slots=True)
class MapWords:
    """What a map says beside its places."""

    paris: str
    none: str
    span: Callable[[int, int | None], str]
    players: Shown


def france(key: str, title: str, description: str, players: Mapping[str, int], words: MapWords, font: str) -> str:
    """Draw the French departments shaded by players; those that are not given are empty, whatever the reason.

    Paris and around is drawn once more, larger, and departments overseas are squares with their code.
    """
    country = geography()
    steps = _steps(max(players.values(), default=0))

    def shade(code: str) -> str:
        count = players.get(code)
        if count is None:
            return EMPTY
        return SHADES[_level(sum(count >= step for step in steps) - 1, len(steps))]

    def said(code: str) -> str:
        count = players.get(code)
        return f"{country.names[code]} ({code}): {words.none if count is None else words.players(count)}"

    def outline(code: str, thickness: float) -> str:
        return (
            f'<path d="{country.outlines[code]}" fill="{shade(code)}" stroke="#ffffff" stroke-width="{thickness:g}" '
            f'stroke-linejoin="round"><title>{_safe(said(code))}</title></path>'
        )

    scale = 440 / country.width
    parts = [
        f'<g transform="translate(0 4) scale({scale:.5f})">',
        *(outline(code, 9) for code in country.outlines),
        "</g>",
    ]
    # Paris and around: (x, y) of its box in the outlines, drawn again larger.
    x, y, side, box, top = 3020, 1325, 240, 118, 30
    left = WIDTH - box - 1
    parts += [
        _text(WIDTH, top - 10, words.paris, anchor="end"),
        f'<svg x="{left}" y="{top}" width="{box}" height="{box}" viewBox="{x} {y} {side} {side}">',
        *(outline(code, 2) for code in ("75", "77", "78", "91", "92", "93", "94", "95")),
        "</svg>",
        f'<rect x="{left}" y="{top}" width="{box}" height="{box}" rx="3" fill="none" stroke="{FAINT}"/>',
    ]
    at = 456
    for number, code in enumerate(c for c in country.overseas if c in players or int(c) in _ALWAYS):
        cell_x, cell_y = 2 + number * 49, at
        dark = shade(code) in SHADES[3:]
        parts.append(
            f'<rect x="{cell_x}" y="{cell_y}" width="43" height="30" rx="4" fill="{shade(code)}">'
            f"<title>{_safe(said(code))}</title></rect>"
        )
        parts.append(_text(cell_x + 21.5, cell_y + 20, code, anchor="middle", fill="#ffffff" if dark else INK, size=12))
    legend_x, legend_y = 428, 190
    entries = [(EMPTY, words.none)]
    for number, step in enumerate(steps):
        last = steps[number + 1] - 1 if number + 1 < len(steps) else None
        entries.append((SHADES[_level(number, len(steps))], words.span(step, last)))
    return _svg(
        key,
        title,
        description,
        WIDTH,
        500,
        [*parts, *_legend(entries, legend_x, legend_y)],
        font,
    )


_ALWAYS = (971, 972, 973, 974, 976)
"""The overseas departments; the other overseas codes are drawn where somebody plays."""


@dataclass(frozen=True, slots=True)
class Country:
    """The departments by code: names of all, outlines of those of the mainland and Corsica, codes overseas."""

    width: int
    names: Mapping[str, str]
    outlines: Mapping[str, str]
    overseas: tuple[str, ...]


@cache
def geography() -> Country:
    """Return the departments, read once from france.json, which also says where they come from."""
    data = json.loads(Path(__file__).with_name("france.json").read_text(encoding="utf-8"))
    names = {code: name for code, (name, _) in data["outlines"].items()} | data["overseas"]
    outlines = {code: outline for code, (_, outline) in data["outlines"].items()}
    return Country(data["width"], names, outlines, tuple(data["overseas"]))


def shortened(text: str, width: float) -> str:
    """Return a text, cut with an ellipsis where it would be wider than `width`."""
    if _long(text) <= width:
        return text
    while text and _long(text) + SIZE > width:
        text = text[:-1]
    return text.rstrip() + "…"


def distinct_labels(texts: Sequence[str], width: float) -> list[str]:
    """Return texts no wider than `width`: cut at their end, or in the middle where they would then be the same."""
    cut = [shortened(text, width) for text in texts]
    return [
        _middle_out(text, width) if short != text and cut.count(short) > 1 else short
        for text, short in zip(texts, cut, strict=True)
    ]


def _middle_out(text: str, width: float) -> str:
    kept = len(text)
    while (
        kept > 1 and _long(text[: (kept + 1) // 3]) + _long(text[len(text) - kept + (kept + 1) // 3 :]) + SIZE > width
    ):
        kept -= 1
    head, tail = text[: (kept + 1) // 3], text[len(text) - kept + (kept + 1) // 3 :]
    return f"{head.rstrip()}…{tail.lstrip()}"


def _long(text: str) -> float:
    """How long a text is when it is drawn, estimated on the safe side: fonts differ."""
    return SIZE * sum(0.95 if c in _WIDE else 0.34 if c in _NARROW else 1.0 if ord(c) > 0x2E80 else 0.59 for c in text)


def _steps(most: int) -> list[int]:
    steps = [step for step in _STEPS if step <= most] or [_STEPS[0]]
    shades = len(SHADES)
    return steps if len(steps) <= shades else [steps[round(n * (len(steps) - 1) / (shades - 1))] for n in range(shades)]


def _level(number: int, levels: int) -> int:
    """The shade of a step, so that a few steps use the whole scale."""
    return round(max(number, 0) * (len(SHADES) - 1) / (levels - 1)) if levels > 1 else len(SHADES) // 2


def _legend(entries: Sequence[tuple[str, str]], x: float, y: float) -> list[str]:
    parts = []
    for number, (colour, text) in enumerate(entries):
        line = y + number * 22
        parts.append(
            f'<rect x="{x}" y="{line}" width="16" height="14" rx="2" fill="{colour}" stroke="{FAINT}" '
            f'stroke-width="0.5"/>'
        )
        parts.append(_text(x + 23, line + 12, text))
    return parts


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = FAINT, weight: int = 400, size: float = SIZE
) -> str:
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
    sized = f' font-size="{size:g}"' if size != SIZE else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{placed}{bold}{sized}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    return escape(text, quote=True)


def _svg(key: str, title: str, description: str, width: int, height: int, parts: Sequence[str], font: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="{key}-title {key}-desc" font-family="{_safe(font)}" font-size="{SIZE}">'
        f'<title id="{key}-title">{_safe(title)}</title><desc id="{key}-desc">{_safe(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )
