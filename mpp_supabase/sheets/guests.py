"""Lists of a client: people to invite (address, league), leagues to make (name, unit). Other columns are not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mpp_supabase.sheets.cells import Cell, address, has_sign, position
from mpp_supabase.sheets.names import loosely
from mpp_supabase.sheets.problems import Problems
from mpp_supabase.sheets.table import HEADER_ROWS, Table, check_layout, either
from mpp_supabase.sheets.workbook import read_workbook

Role: TypeAlias = Literal["e-mail", "league", "unit"]

LONGEST_NAME = 60
SHOWN_CELLS = 20

_HEADERS: Mapping[Role, frozenset[str]] = {
    "e-mail": either(
        "e mail|email|mail|e mails|emails|mails|courriel|courriels|mel|adresse|adresse e mail|adresse email"
        "|adresse mail|adresse courriel|adresse electronique|e mail professionnel|email professionnel"
        "|mail professionnel|e mail pro"
        "|email pro|mail pro|adresse e mail professionnelle|e mail address|email address|mail address|e mail adresse"
    ),
    "league": either("ligue|ligues|nom de la ligue|nom ligue|league|leagues|league name|name of the league|liga"),
    "unit": either(
        "unite|departement|service|site|direction|division|pole|equipe|unit|units|department|abteilung|standort"
    ),
}


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody to invite, with the cells that say so."""

    email: str
    league: str | None
    cell: str
    league_cell: str

    @property
    def element(self) -> dict[str, str]:
        """As api.invite_participants takes it."""
        return {"email": self.email} | ({"league": self.league} if self.league else {})


@dataclass(frozen=True, slots=True)
class Guests:
    """Who is to be invited, in the order of the rows; `ignored` are the headers of columns that were not read."""

    file: str
    sheet: str
    guests: tuple[Guest, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedLeague:
    """A league to make, and its unit."""

    name: str
    unit: str | None
    cell: str

    @property
    def element(self) -> dict[str, str]:
        """As api.create_client_leagues takes it."""
        return {"name": self.name} | ({"unit": self.unit} if self.unit else {})


@dataclass(frozen=True, slots=True)
class LeagueList:
    """Leagues to make, in the order of the rows; `ignored` are the headers of columns that were not read."""

    file: str
    sheet: str
    leagues: tuple[ListedLeague, ...]
    ignored: tuple[str, ...]


def read_guests(path: str | Path, sheet: str | None = None, leagues: Iterable[str] | None = None) -> Guests:
    """Read people to invite from .xlsx or .csv: a column of addresses, perhaps one of leagues.

    With `leagues` every league named must be one of them, compared without case. Raises SheetError with all that is
    wrong; a league that is not there is told once, with all its cells.
    """
    table, columns, ignored, problems = _open(path, sheet, "e-mail", ("league",))
    guests: list[Guest] = []
    named: dict[str, list[Cell]] = {}
    for row, cells in table.rows.items():
        email_cell, league_cell = cells.get(columns["e-mail"]), cells.get(columns.get("league", 0))
        league = _text(league_cell, "a league's name", problems)
        if league and league_cell is not None:
            named.setdefault(league.casefold(), []).append(league_cell)
        if email_cell is None:
            if league_cell is not None:
                problems.add(
                    address(row, columns["e-mail"]),
                    None,
                    f"no address, though {league_cell.address} names a league",
                    "write the address, or empty the row",
                    (row, columns["e-mail"]),
                )
            continue
        email = _address(email_cell, problems)
        if email is not None:
            guests.append(Guest(email, league, email_cell.address, league_cell.address if league_cell else ""))
    _check_twice(((guest.email, guest.cell) for guest in guests), "the address", "keep it once", problems)
    if leagues is not None:
        _check_leagues(named, leagues, problems)
    problems.check()
    if not guests:
        problems.refuse(
            address(table.header_row + 1, columns["e-mail"]), None, "no address below the header", "write one"
        )
    return Guests(table.file, table.sheet, tuple(guests), ignored)


def _check_leagues(named: Mapping[str, list[Cell]], leagues: Iterable[str], problems: Problems) -> None:
    known = {name.casefold(): name for name in leagues if name}
    for name, cells in named.items():
        if name in known:
            continue
        near = problems.near(cells[0].text, known.values(), 0.6)
        fix = f"write {near[0]}, if that is it" if near else "make it first with `mpp client leagues import`"
        problems.add(_addresses(cells), cells[0].text, "no league of this client", fix, cells[0].place)


def _addresses(cells: Sequence[Cell]) -> str:
    """B7, or B7, B9 and 31 more."""
    shown_cells, more = cells[:SHOWN_CELLS], len(cells) - SHOWN_CELLS
    listed = ", ".join(cell.address for cell in shown_cells)
    return f"{listed} and {more} more" if more > 0 else listed


def read_leagues(path: str | Path, sheet: str | None = None, carried: str = "") -> LeagueList:
    """Read leagues to make from .xlsx or .csv: a column of names, and perhaps one of units. Raises SheetError.

    `carried` is what their names will begin with, and counts for their length.
    """
    table, columns, ignored, problems = _open(path, sheet, "league", ("unit",))
    leagues: list[ListedLeague] = []
    for row, cells in table.rows.items():
        cell, unit_cell = cells.get(columns["league"]), cells.get(columns.get("unit", 0))
        unit = _text(unit_cell, "a unit's name", problems)
        if cell is None:
            if unit_cell is not None:
                problems.add(
                    address(row, columns["league"]),
                    None,
                    f"no league, though {unit_cell.address} names a unit",
                    "write the league's name, or empty the row",
                    (row, columns["league"]),
                )
            continue
        name = _text(cell, "a league's name", problems)
        if name is not None:
            whole = len(carried) + len(name)
            if whole > LONGEST_NAME:
                problems.add(
                    cell.address,
                    name,
                    f"with “{carried}” before it, it has {whole} characters",
                    too_long(carried),
                    cell.place,
                )
            leagues.append(ListedLeague(name, unit, cell.address))
    _check_twice(((league.name, league.cell) for league in leagues), "the league", "keep it once", problems)
    problems.check()
    if not leagues:
        problems.refuse(
            address(table.header_row + 1, columns["league"]), None, "no league below the header", "write one"
        )
    return LeagueList(table.file, table.sheet, tuple(leagues), ignored)


def too_long(carried: str) -> str:
    """What to do about a league's name that does not fit after the client's."""
    room = LONGEST_NAME - len(carried)
    plain = "let the leagues go without the client's name (`mpp client take-part ORG EDITION --plain-name`)"
    return f"use {room} characters at most, or {plain}" if room > 0 else plain


def _open(
    path: str | Path, sheet: str | None, needed: Role, wanted: tuple[Role, ...]
) -> tuple[Table, dict[Role, int], tuple[str, ...], Problems]:
    """Find the table with a header for `needed`, and the columns of the roles; note what cannot be read for sure."""
    workbook = read_workbook(path)
    problems = Problems(workbook.file)
    sheets = [one for one in workbook.sheets if sheet is None or loosely(one.name) == loosely(sheet)]
    if not sheets:
        there = ", ".join(one.name for one in workbook.sheets if one.name) or "a single sheet without a name"
        problems.refuse("", sheet, "there is no such sheet", f"the file has: {there}")
    found = [(one, row) for one in sheets for row in [_header_row(one.rows, needed)] if row is not None]
    shown = [(one, row) for one, row in found if not one.hidden] or found
    if len(shown) > 1:
        names = ", ".join(one.name for one, _ in shown)
        problems.refuse(
            "", names, "several sheets hold such a list", "say which one (--sheet), or keep one in the file"
        )
    if not shown:
        heading = {"e-mail": "E-mail", "league": "Ligue (or League)", "unit": ""}[needed]
        wrong = f"no header row with a column {needed} in the first {HEADER_ROWS} rows"
        problems.refuse("", None, wrong, f"write {heading} above the column")
    chosen, header_row = shown[0]
    problems = Problems(workbook.file, chosen.name)
    if chosen.hidden:
        problems.refuse(
            "", None, "the sheet with the list is hidden", "show it (right click on a tab, Unhide), and save"
        )
    if chosen.beyond:
        problems.refuse(chosen.beyond, None, "the sheet goes on too far", "send it in parts of up to 1,999 rows")
    header = {column: cell for column, cell in chosen.rows[header_row].items() if cell.text}
    rows = {row: cells for row, cells in chosen.rows.items() if row > header_row}
    table = Table(workbook.file, chosen.name, header_row, header, {}, rows)
    check_layout(chosen, table, problems)
    for cells in rows.values():
        for column, cell in cells.items():
            if column not in header:
                fix = "write a header above it, or delete it"
                problems.add(cell.address, cell.text, "something under no header", fix, cell.place)
    columns: dict[Role, int] = {}
    for role in (needed, *wanted):
        mine = [column for column, found_cell in sorted(header.items()) if loosely(found_cell.text) in _HEADERS[role]]
        for column in mine[1:]:
            cell = header[column]
            problems.add(cell.address, cell.text, f"a second column {role}", "keep one of the two", cell.place)
        if mine:
            columns[role] = mine[0]
    ignored = tuple(cell.text for column, cell in sorted(header.items()) if column not in columns.values())
    return table, columns, ignored, problems


def _header_row(rows: Mapping[int, dict[int, Cell]], needed: Role) -> int | None:
    for row in range(1, HEADER_ROWS + 1):
        if any(cell.kind == "text" and loosely(cell.text) in _HEADERS[needed] for cell in rows.get(row, {}).values()):
            return row
    return None


def _address(cell: Cell, problems: Problems) -> str | None:
    from mpp_supabase.mail.settings import is_address

    if not _plain(cell, problems):
        return None
    text = cell.text.strip().removeprefix("mailto:").lower()
    if cell.kind != "text" or not is_address(text):
        problems.add(cell.address, cell.text, "not an e-mail address", "write one such as ada@example.org", cell.place)
        return None
    return text


def _text(cell: Cell | None, what: str, problems: Problems) -> str | None:
    if cell is None or not _plain(cell, problems):
        return None
    if cell.kind not in ("text", "number") or isinstance(cell.value, float):
        kind = {"number": "a number", "date": "a date", "boolean": "TRUE or FALSE"}[cell.kind]
        problems.add(cell.address, cell.text, f"{kind}, not {what}", f"type {what}", cell.place)
        return None
    if cell.kind == "text" and has_sign(cell.text) and not cell.escaped:
        wrong = f"begins with {cell.text[0]}, as formulas do"
        problems.add(cell.address, cell.text, wrong, f"type {what}, beginning with a letter", cell.place)
        return None
    if len(cell.text) > LONGEST_NAME:
        problems.add(cell.address, cell.text, f"longer than {LONGEST_NAME} characters", f"shorten {what}", cell.place)
        return None
    return cell.text


def _plain(cell: Cell, problems: Problems) -> bool:
    if cell.kind == "formula":
        fix = "replace it by its value (copy, then paste values only)"
        problems.add(cell.address, cell.value, "a formula", fix, cell.place)
    elif cell.kind == "error":
        problems.add(cell.address, cell.value, "an error of the spreadsheet", "type what belongs here", cell.place)
    return cell.kind not in ("formula", "error")


def _check_twice(rows: Iterable[tuple[str, str]], what: str, fix: str, problems: Problems) -> None:
    first: dict[str, str] = {}
    for text, cell in rows:
        before = first.setdefault(text.casefold(), cell)
        if before != cell:
            problems.add(cell, text, f"{what} is there more than once (first in {before})", fix, position(cell))
