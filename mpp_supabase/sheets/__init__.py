"""Spreadsheets of teachers and clients, read from .xlsx and .csv; rosters and tracking sheets also written.

    roster = read_roster("classe.xlsx")
    plan = match_roster(roster, known_pupils)

Nothing here knows a database or a network. A file that cannot be read for sure is refused with SheetError, which names
every cell that is wrong and what to do. Each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpp_supabase.sheets.guests import Guest, Guests, LeagueList, read_guests, read_leagues
    from mpp_supabase.sheets.instructions import LANGUAGES
    from mpp_supabase.sheets.problems import SheetError, SheetProblem
    from mpp_supabase.sheets.roster import KnownPupil, Roster, RosterPlan, RosterPupil, match_roster, read_roster
    from mpp_supabase.sheets.tracking import (
        KnownChallenge,
        Mark,
        Tracking,
        TrackingChallenge,
        TrackingPlan,
        TrackingRow,
        match_tracking,
        read_tracking,
    )
    from mpp_supabase.sheets.writing import Done, write_roster, write_tracking

__all__ = [
    "LANGUAGES",
    "Done",
    "Guest",
    "Guests",
    "KnownChallenge",
    "KnownPupil",
    "LeagueList",
    "Mark",
    "Roster",
    "RosterPlan",
    "RosterPupil",
    "SheetError",
    "SheetProblem",
    "Tracking",
    "TrackingChallenge",
    "TrackingPlan",
    "TrackingRow",
    "match_roster",
    "match_tracking",
    "read_guests",
    "read_leagues",
    "read_roster",
    "read_tracking",
    "write_roster",
    "write_tracking",
]

_HOMES = {
    "guests": ("Guest", "Guests", "LeagueList", "read_guests", "read_leagues"),
    "instructions": ("LANGUAGES",),
    "problems": ("SheetError", "SheetProblem"),
    "roster": ("KnownPupil", "Roster", "RosterPlan", "RosterPupil", "match_roster", "read_roster"),
    "tracking": (
        "KnownChallenge",
        "Mark",
        "Tracking",
        "TrackingChallenge",
        "TrackingPlan",
        "TrackingRow",
        "match_tracking",
        "read_tracking",
    ),
    "writing": ("Done", "write_roster", "write_tracking"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
