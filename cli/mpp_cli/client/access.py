"""The days between which somebody has access to the space of a client."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli.moments import ZONE, typed_time

if TYPE_CHECKING:
    from mpp_supabase import MPP

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="WHEN", help="First day of access in Paris, such as 2026-05-18; or a time with offset."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="WHEN", help="Last day of access in Paris, such as 2026-07-31; or a time with offset."
    ),
]


def check_dates(
    mpp: MPP, since: str | None, until: str | None, opens: datetime | None, closes: datetime | None
) -> None:
    """Say in the words of the command what the database would refuse: an end before the beginning, or in the past."""
    option, typed = ("--until", until) if until is not None else ("--from", since)
    if closes is None:
        return
    if opens is not None and closes <= opens:
        wrong = (
            f"the access begins on {first_day(opens)}"
            if until is not None
            else f"the access ends on {last_day(closes)}"
        )
    elif closes <= mpp.read_clock():
        wrong = "it has passed" if until is not None else f"the access ended on {last_day(closes)}: give --until too"
    else:
        return
    hint = f"{typed}: {wrong}; choose another day, or take the access away with `mpp client staff remove`"
    raise typer.BadParameter(hint, param_hint=option)


def moment(text: str | None, option: str, *, last: bool = False) -> datetime | None:
    """A time with its offset, or a day in Paris: its first moment, or the one after its `last`."""
    if text is None:
        return None
    from zoneinfo import ZoneInfo

    found = typed_time(text, option, write="2026-05-18, or 2026-05-18T08:00+02:00", days=True)
    if found.tzinfo is None:
        return (found + timedelta(days=last)).replace(tzinfo=ZoneInfo(ZONE))
    return found


def first_day(moment: datetime) -> str:
    """When an access begins: the day, in Paris, or the minute where it is no midnight."""
    from zoneinfo import ZoneInfo

    there = moment.astimezone(ZoneInfo(ZONE))
    return f"{there:%Y-%m-%d}" if _is_midnight(there) else f"{there:%Y-%m-%d %H:%M}"


def last_day(until: datetime | None) -> str:
    """When an access ends: its last day, which is whole, or the minute where it is no midnight."""
    from zoneinfo import ZoneInfo

    if until is None:
        return "–"
    there = until.astimezone(ZoneInfo(ZONE))
    return f"{there - timedelta(days=1):%Y-%m-%d}" if _is_midnight(there) else f"{there:%Y-%m-%d %H:%M}"


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
