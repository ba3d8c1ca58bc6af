"""What applying an edition file would change, in lines that people read before they agree."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mpp_cli import output

if TYPE_CHECKING:
    from mpp_supabase import Change

_MARKS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("−", "red")}


def lines(changes: Iterable[Change], zone: str, width: int | None) -> Iterator[tuple[str, str]]:
    """Yield each line with its colour; that of a card is at most `width` wide, its title comes last."""
    changes = list(changes)
    codes = [_code(change.path) for change in changes if isinstance(change.after or change.before, dict)]
    # In line below one another only where there is room: the rules matter more.
    longest = min(max(map(len, codes), default=0), 32) if width is None or width >= 120 else 0
    for change in changes:
        mark, colour = _MARKS.get(change.action, ("?", "blue"))
        for text in _texts(change, zone, longest):
            line = f"{mark} {output.clean(text)}"
            is_card = change.action != "change" and change.path.startswith("challenges.")
            yield (_cut(line, width) if is_card and width is not None else line), colour


def _texts(change: Change, zone: str, longest: int) -> Iterator[str]:
    if change.action == "change":
        yield from _fields(change.path, change.before, change.after, zone)
        return
    value = change.after if change.action == "add" else change.before
    part = change.path.partition(".")[0]
    if part == "challenges" and isinstance(value, dict):
        yield f"{_code(change.path):{longest}}  {_rules(value, zone)}  {_title(value)}"
    elif part == "themes" and isinstance(value, dict):
        yield f"{change.path}  {_translations(value.get('name') or value.get('title'))}"
    elif part == "edition" and isinstance(value, dict):
        yield f"edition  {value.get('code')}  {_translations(value.get('title'))}"
        dates = (_value(value.get(key), zone) for key in ("starts_at", "ends_at", "registration_closes_at"))
        starts, ends, closes = dates
        yield f"edition  {value.get('audience')}, {starts} to {ends}, registration until {closes} ({zone})"
    elif isinstance(value, dict):
        yield f"{change.path}  " + ", ".join(
            f"{key} {_value(v, zone)}" for key, v in sorted(value.items()) if v is not None
        )
    else:
        yield f"{change.path}: {_value(value, zone)}"


def _fields(path: str, before: Any, after: Any, zone: str) -> Iterator[str]:
    """A line for each value that changes, however deep it is."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield from _fields(f"{path}.{key}", before.get(key), after.get(key), zone)
        return
    was, becomes = _value(before, zone), _value(after, zone)
    if isinstance(before, str) and isinstance(after, str) and max(len(was), len(becomes)) > 60:
        was, becomes = _around_the_change(was, becomes)
    yield f"{path}: {was} → {becomes}"


def _around_the_change(was: str, becomes: str, kept: int = 20) -> tuple[str, str]:
    """Two long texts without most of what they begin and end with alike."""
    start = next((i for i, (a, b) in enumerate(zip(was, becomes, strict=False)) if a != b), min(len(was), len(becomes)))
    most = min(len(was), len(becomes)) - start
    end = next((i for i in range(most) if was[-1 - i] != becomes[-1 - i]), most)
    left, right = max(start - kept, 0), max(end - kept, 0)
    return tuple(  # type: ignore[return-value]
        ("…" if left else "") + text[left : len(text) - right] + ("…" if right else "") for text in (was, becomes)
    )


def _rules(card: dict[str, Any], zone: str) -> str:
    """What a challenge is worth and when, in words: `standard, 2 points, home, proof`."""
    points = card.get("points")
    said = [str(card.get("kind")), f"{points} point" + ("" if points in (1, -1) else "s"), str(card.get("theme"))]
    if card.get("opens_at") or card.get("closes_at"):
        # The edition's own line tells the year.
        opens, closes = (_value(card.get(key), zone)[5:] for key in ("opens_at", "closes_at"))
        said.append(f"{opens} to {closes}")
    if card.get("kind") != "malus" and card.get("repeat") != 1:
        said.append(f"{card['repeat']} times" if card.get("repeat") else "unlimited")
    if card.get("quorum"):
        said.append(f"quorum {card['quorum']}")
    if card.get("factor"):
        said.append(f"factor {card['factor']}")
    if card.get("proof"):
        said.append("proof")
    return ", ".join(said)


def _title(value: dict[str, Any]) -> str:
    title = value.get("title") or {}
    return str(title.get("en") or next(iter(title.values()), ""))


def _translations(texts: Any) -> str:
    return " / ".join(str(text) for text in texts.values()) if isinstance(texts, dict) else ""


def _code(path: str) -> str:
    return path.partition(".")[2]


def _value(value: Any, zone: str) -> str:
    if value is None:
        return "–"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if len(value) >= 20 and value[4:5] == "-" and value[10:11] == "T":
        try:
            return output.clock(datetime.fromisoformat(value), zone)
        except ValueError:
            pass
    return " ".join(value.split())


def _cut(line: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return line if cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + "…"
