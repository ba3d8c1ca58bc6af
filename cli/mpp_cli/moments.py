"""Times and days as people type them in options and arguments."""

from __future__ import annotations

import re
from datetime import date, datetime

import typer

from mpp_cli import output

#: Where the association is, whose days the commands mean.
ZONE = "Europe/Paris"

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def typed_time(text: str, option: str, *, write: str = "2026-06-10T22:00+02:00", days: bool = False) -> datetime:
    """Read a time with its offset, or with `days` also a day, whose midnight has none."""
    shown = output.clean(text)[:40]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(_wrong(text, "day or time" if days else "time", write), param_hint=option) from None
    if found.tzinfo is None and not (days and _DAY.fullmatch(text)):
        from zoneinfo import ZoneInfo

        # The offset of that day: +02:00 in winter would be another hour.
        there = found.replace(tzinfo=ZoneInfo(ZONE)).isoformat(timespec="minutes")
        raise typer.BadParameter(f"the offset is missing ({shown}); in Paris write {there}", param_hint=option)
    return found


def typed_day(text: str) -> date:
    """Read a day, for the `parser` of an option or an argument."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise typer.BadParameter(_wrong(text, "day", "2011-05-17")) from None


def _wrong(text: str, meant: str, write: str) -> str:
    shown = output.clean(text)[:40]
    if _DAY.match(text):
        return f"there is no such {meant} ({shown}); write one that exists"
    return f"not a {meant} ({shown}); write {write}"
