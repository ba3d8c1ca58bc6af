"""Lists of a client: people to invite (address, league), leagues to make (name, unit). Other columns are not read.

Addresses come out of every kind of program, so their column is known by what stands in its cells; headings only choose
between several such columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

from mpp_supabase.sheets.cells import Cell, Sheet, address, column_name, has_sign, position
from mpp_supabase.sheets.names import loosely
from mpp_supabase.sheets.problems import Problems, addresses
from mpp_supabase.sheets.table import HEADER_ROWS, Table, check_layout, either
from mpp_supabase.sheets.workbook import read_workbook
from mpp_supabase.typed import is_mail_address

Role: TypeAlias = Literal["e-mail", "league", "unit"]

LONGEST_NAME = 60

_HEADERS: Mapping[Role, frozenset[str]] = {
    "e-mail": either(
        "e mail|email|mail|e mails|emails|mails|courriel|courriels|mel|adresse e mail|adresse email|adresse mail"
        "|adresse courriel|adresse electronique|adresse electronique principale|adresse de messagerie|messagerie"
        "|e mail professionnel|email professionnel|mail professionnel|courriel professionnel|e mail pro|email pro|mail"
        " pro|adresse e mail professionnelle|adresse mail professionnelle|e mail address|email address|mail address"
        "|primary email|primary e mail|e mail adresse|e mail 1 value"
    ),
    "league": either(
        "ligue|ligues|nom de la ligue|nom de ligue|nom ligue|league|leagues|league name|name of the league|liga"
    ),
    "unit": either(
        "unite|departement|service|site|direction|division|pole|equipe|unit|units|department|abteilung|standort"
    ),
}

# Headings of addresses that are not the first one of somebody, or not theirs; then any other heading of addresses.
_SECOND = re.compile(
    r"\b(?:[2-9]|secondaires?|secondary|second|autres?|other|alternate|perso(?:nnel)?(?:le)?s?|personal|prive|private"
    r"|home|domicile|recuperation|recovery|manager|responsable|superieur|chef|n 1|assistante?|assistant|parents?"
    r"|resp|hierarch\w+|supervisor|boss|vorgesetzter?|rh|drh|hr|tut(?:eur|rice|or)|conjointe?|spouse|partner|suppleante?|referente?"
    r"|famil\w+|mere|pere|n 2"
    r"|urgence|emergency|type|nom complet|nom affiche|nom a afficher|display name|label|proxy)\b"
)
# "E-mail du …": of whom nobody knows, but for those who are asked themselves.
_OF_SOMEBODY = re.compile(
    r"\b(?:du|de la|de l|des|d un|d une|of the|of|von|vom|der|des) (?!(?:la |l |the )?(?:participant|salarie|collabora"
    r"|joueu|agent|employe|etudiant|personne|membre|adherent|benevole|inscrit|player|employee|member|spieler|mitarbeiter|teilnehmer))"
)
_OF_THE_READER = re.compile(
    r"\b(?:ton|votre|tes|vos|your|deine?|ihre?|mon|my|participant\w*|salarie\w*|joueu\w+|player|employee)\b"
)
_LEAGUE = re.compile(r"\b(?:ligues?|leagues?|liga)\b")
_MAILISH = re.compile(
    r"\b(?:e ?mails?|mails?|courriels?|mel|messagerie|adresses? electroniques?|upn|(?:utilisateur|user) principal)\b"
)

# ada@example.org, in <>, () or [] after a name, or before a name in brackets.
_AN_ADDRESS = r"(?:mailto:|smtp:)?(?P<{}>[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\"',;:?]+)(?:\?[^\s<>()\[\]]*)?"
_ADDRESSED = (
    re.compile(rf"['\"<]*{_AN_ADDRESS.format('alone')}[>'\"]*\Z", re.IGNORECASE),
    re.compile(rf"[^@<(\[]*[<(\[]\s*{_AN_ADDRESS.format('after')}\s*[>)\]]\Z", re.IGNORECASE),
    re.compile(rf"{_AN_ADDRESS.format('before')}\s*[<(\[][^@]*[>)\]]\Z", re.IGNORECASE),
)
# Of a text that holds an address somewhere.
_INSIDE = re.compile(r"[^\s@]@[^\s@]")
_BETWEEN = re.compile(r"[\s,;:/|<>()\[\]]+")
_QUOTED = re.compile(r'"[^"]*"')
# A line of a group chat as WhatsApp and Signal copy and export it: [12/03/2026 14:02] Lea: …, or
# 12/03/2026, 14:02 - Lea: …
_CHAT = re.compile(
    r"\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?(?: (?:à|at|um))? \d{1,2}[:.h]\d{2}(?:[:.]\d{2})?(?: ?[ap]\.?m\.?)?"
    r"(?:\]| ?[-–])\s*(?:[^:@]{1,80}:\s*)?(?P<said>.*)\Z",
    re.IGNORECASE,
)


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
    """Who is to be invited, in the order of the rows, each once.

    `ignored` are the headers of columns that were not read, `repeated` the cells that say again what another one said,
    `talk` the lines of a chat without an address. `other_sheets` were not read.
    """

    file: str
    sheet: str
    guests: tuple[Guest, ...]
    ignored: tuple[str, ...]
    repeated: tuple[str, ...] = ()
    talk: tuple[str, ...] = ()
    other_sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedLeague:
    """A league to make, and its unit."""

    name: str
    unit: str | None
    cell: str
    unit_cell: str

    @property
    def element(self) -> dict[str, str]:
        """As api.create_client_leagues takes it."""
        return {"name": self.name} | ({"unit": self.unit} if self.unit else {})


@dataclass(frozen=True, slots=True)
class LeagueList:
    """Leagues to make, in the order of the rows.

    `ignored` are the headers of columns that were not read, `other_sheets` the sheets that were not.
    """

    file: str
    sheet: str
    leagues: tuple[ListedLeague, ...]
    ignored: tuple[str, ...]
    other_sheets: tuple[str, ...] = ()


def read_guests(path: str | Path, sheet: str | None = None, leagues: Iterable[str] | None = None) -> Guests:
    """Read people to invite from .xlsx or .csv: a column of addresses, perhaps one of leagues; or a copied group chat.

    With `leagues` every league named must be one of them, compared without case. Raises SheetError with all that is
    wrong; a league that is not there is told once, with all its cells.
    """
    known = None if leagues is None else tuple(leagues)
    table, columns, ignored, problems = _open(path, sheet, "e-mail", ("league",), known or ())
    is_chat = table.header_row == 0
    talk: list[str] = []
    heading = loosely(table.header[columns["e-mail"]].text)
    guests: list[Guest] = []
    named: dict[str, list[Cell]] = {}
    for row, cells in table.rows.items():
        email_cell, league_cell = cells.get(columns["e-mail"]), cells.get(columns.get("league", 0))
        if email_cell is not None and loosely(email_cell.text) == heading:
            # A report of several parts has its headings again above each.
            continue
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
        if is_chat and not _INSIDE.search(email_cell.text):
            talk.append(email_cell.address)
            continue
        beside = any(cell not in (email_cell, league_cell) for cell in cells.values())
        for email in _addresses(email_cell, problems, of_one_person=beside):
            guests.append(Guest(email, league, email_cell.address, league_cell.address if league_cell else ""))
    guests, repeated = _once(guests, problems)
    if known is not None:
        _check_leagues(named, known, problems)
    problems.check()
    if not guests:
        problems.refuse(
            address(table.header_row + 1, columns["e-mail"]), None, "no address below the header", "write one"
        )
    return Guests(table.file, table.sheet, tuple(guests), ignored, repeated, tuple(talk), table.other_sheets)


def _once(guests: Iterable[Guest], problems: Problems) -> tuple[list[Guest], tuple[str, ...]]:
    """Everybody once, and the cells that say no more: reports name people again in each part, and forms are sent twice.

    Somebody in two leagues is a problem.
    """
    kept: dict[str, Guest] = {}
    repeated: list[str] = []
    for guest in guests:
        before = kept.setdefault(guest.email, guest)
        if before is guest:
            continue
        if guest.league and before.league and guest.league.casefold() != before.league.casefold():
            wrong = f"the address is there more than once (first in {before.cell}), with another league"
            problems.add(guest.cell, guest.email, wrong, "keep it once", position(guest.cell))
            continue
        repeated.append(guest.cell)
        if guest.league and not before.league:
            kept[guest.email] = guest
    return list(kept.values()), tuple(repeated)


def _check_leagues(named: Mapping[str, list[Cell]], leagues: Iterable[str], problems: Problems) -> None:
    known = {name.casefold(): name for name in leagues if name}
    for name, cells in named.items():
        if name in known:
            continue
        near = problems.near(cells[0].text, known.values(), 0.6)
        fix = f"write {near[0]}, if that is it" if near else "make it first with `mpp client leagues import`"
        problems.add(
            addresses([cell.address for cell in cells]), cells[0].text, "no league of this client", fix, cells[0].place
        )


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
            leagues.append(ListedLeague(name, unit, cell.address, unit_cell.address if unit_cell else ""))
    _check_twice(((league.name, league.cell) for league in leagues), "the league", "keep it once", problems)
    problems.check()
    if not leagues:
        problems.refuse(
            address(table.header_row + 1, columns["league"]), None, "no league below the header", "write one"
        )
    return LeagueList(table.file, table.sheet, tuple(leagues), ignored, table.other_sheets)


def too_long(carried: str) -> str:
    """What to do about a league's name that does not fit after the client's."""
    room = LONGEST_NAME - len(carried)
    plain = "let the leagues go without the client's name (`mpp client take-part ORG EDITION --plain-name`)"
    return f"use {room} characters at most, or {plain}" if room > 0 else plain


def _open(
    path: str | Path, sheet: str | None, needed: Role, wanted: tuple[Role, ...], leagues: Sequence[str] = ()
) -> tuple[Table, dict[Role, int], tuple[str, ...], Problems]:
    """Find the table with a header for `needed`, and the columns of the roles; note what cannot be read for sure."""
    workbook = read_workbook(path)
    problems = Problems(workbook.file)
    sheets = [one for one in workbook.sheets if sheet is None or loosely(one.name) == loosely(sheet)]
    if not sheets:
        there = ", ".join(one.name for one in workbook.sheets if one.name) or "a single sheet without a name"
        problems.refuse("", sheet, "there is no such sheet", f"the file has: {there}")
    found = [place for one in sheets if (place := _found(one, needed)) is not None]
    shown = [place for place in found if not place.sheet.hidden] or found
    # A page of explanations may name somebody's address too.
    shown = [place for place in shown if place.rank == min(other.rank for other in shown)]
    if len(shown) > 1:
        names = ", ".join(place.sheet.name for place in shown)
        problems.refuse(
            "", names, "several sheets hold such a list", "say which one (--sheet), or keep one in the file"
        )
    if not shown:
        _no_header(sheets, needed, problems)
    chosen, header_row = shown[0].sheet, shown[0].header_row
    problems = Problems(workbook.file, chosen.name)
    if chosen.hidden:
        problems.refuse(
            "", None, "the sheet with the list is hidden", "show it (right click on a tab, Unhide), and save"
        )
    if chosen.beyond:
        problems.refuse(chosen.beyond, None, "the sheet goes on too far", "send it in parts of up to 1,999 rows")
    header = {column: cell for column, cell in chosen.rows[header_row].items() if cell.text}
    rows = {row: cells for row, cells in chosen.rows.items() if row > header_row}
    others = tuple(one.name for one in workbook.sheets if one.name != chosen.name)
    table = Table(workbook.file, chosen.name, header_row, header, {}, rows, others)
    columns: dict[Role, int] = {needed: shown[0].column}
    rivals = shown[0].rivals
    for role in (needed, *wanted):
        named = [column for column, found_cell in sorted(header.items()) if loosely(found_cell.text) in _HEADERS[role]]
        if role == "league" and role != needed and not named:
            named = _of_leagues(table, leagues, columns[needed])
        if role == "e-mail":
            # Of two columns so called, the one without addresses says nothing.
            named = [columns[role], *rivals]
        for column in named[1:]:
            cell = header[column]
            problems.add(cell.address, cell.text, f"a second column {role}", "keep one of the two", cell.place)
        if named:
            columns[role] = named[0]
    check_layout(chosen, table, problems, unread=frozenset(header) - frozenset(columns.values()))
    for cells in rows.values():
        for column, cell in cells.items():
            if column not in header:
                fix = "write a header above it, or delete it"
                problems.add(cell.address, cell.text, "something under no header", fix, cell.place)
    ignored = tuple(cell.text for column, cell in sorted(header.items()) if column not in columns.values())
    return table, columns, ignored, problems


def _of_leagues(table: Table, leagues: Sequence[str], emails: int) -> list[int]:
    """The columns that may be of leagues though no heading says just that: "Dans quelle ligue ?", or by their cells."""
    known = {name.casefold() for name in leagues if name}
    worded, holding = [], []
    for column, heading in sorted(table.header.items()):
        if column == emails:
            continue
        cells = [cells[column] for cells in table.rows.values() if column in cells]
        if _LEAGUE.search(loosely(heading.text)):
            worded.append(column)
        if cells and all(cell.text.casefold() in known for cell in cells):
            holding.append(column)
    return [column for column in worded if column in holding] or holding or worded


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a list is: sheet, header row, the column that is needed, and others that might as well be meant.

    `rank` says how surely: 0 by its heading, 1 by its cells alone.
    """

    sheet: Sheet
    header_row: int
    column: int
    rank: int = 0
    rivals: tuple[int, ...] = ()


def _found(sheet: Sheet, needed: Role) -> _Place | None:
    """Where a sheet has such a list, None when it has none."""
    if needed != "e-mail":
        return _by_heading(sheet, needed)
    sheet = _rejoined(sheet)
    return _of_a_chat(sheet) or _by_cells(sheet) or _by_heading(sheet, needed)


def _rejoined(sheet: Sheet) -> Sheet:
    """A plain text whose one column has lists of recipients, parted by what parts columns elsewhere."""
    first = next(iter(sheet.rows.values()), {})
    if sheet.name or len(first) != 1 or loosely(next(iter(first.values())).text) not in _HEADERS["e-mail"]:
        return sheet
    rows = dict(sheet.rows)
    for row, cells in sheet.rows.items():
        if len(cells) > 1 and all(cell.kind == "text" and "@" in cell.text for cell in cells.values()):
            column = min(cells)
            rows[row] = {column: Cell(row, column, "text", "; ".join(cell.text for _, cell in sorted(cells.items())))}
    return Sheet(sheet.name, rows, sheet.hidden, beyond=sheet.beyond)


def _of_a_chat(sheet: Sheet) -> _Place | None:
    """A group chat that was copied line by line, with a heading of our own above it; None when the sheet is none."""
    lines: dict[int, Cell] = {}
    dated = 0
    for row, cells in sheet.rows.items():
        # A date and a list of addresses hold what separates columns.
        text = ", ".join(cell.text for _, cell in sorted(cells.items()))
        line = _CHAT.match(text)
        if not lines and line is None:
            return None
        dated += line is not None
        lines[row] = Cell(row, 1, "text", line["said"].strip() if line else text)
    if 2 * dated < len(lines) or not lines:
        return None
    rows = {0: {1: Cell(0, 1, "text", "E-mail")}} | {row: {1: cell} for row, cell in lines.items()}
    return _Place(Sheet(sheet.name, rows, sheet.hidden, beyond=sheet.beyond), 0, 1)


def _by_heading(sheet: Sheet, needed: Role) -> _Place | None:
    for row in range(1, HEADER_ROWS + 1):
        for column, cell in sorted(sheet.rows.get(row, {}).items()):
            if cell.kind == "text" and loosely(cell.text) in _HEADERS[needed]:
                return _Place(sheet, row, column)
    return None


def _by_cells(sheet: Sheet) -> _Place | None:
    """The column that holds addresses, below its heading. Of several, the one whose heading says so best."""
    holding: dict[int, list[Cell]] = {}
    for cells in sheet.rows.values():
        for column, cell in cells.items():
            if _email(cell) is not None:
                holding.setdefault(column, []).append(cell)
    headed = {column: row for column, cells in holding.items() if (row := _row_above(sheet, column, cells[0].row))}
    if not headed:
        return None
    rank = {column: _rank(sheet.rows[row][column].text) for column, row in headed.items()}
    column = min(headed, key=lambda column: (rank[column], column))
    heading = sheet.rows[headed[column]][column].text
    if rank[column] > 0 and not _OF_THE_READER.search(loosely(heading)):
        # The people's own column is there, and empty: the addresses are somebody else's.
        for other, cell in sorted(sheet.rows[headed[column]].items()):
            if other not in holding and cell.kind == "text" and loosely(cell.text) in _HEADERS["e-mail"]:
                return _Place(sheet, headed[column], other)
    if rank[column] > 1:
        # Nobody is written to at an address that may be the manager's: _no_header names the column.
        return None
    header_row = headed[column]
    emails = [_email(cell) for cell in holding[column]]
    rivals = tuple(
        other
        for other in sorted(headed)
        if other != column
        and headed[other] == header_row
        # As likely, and other addresses; or addresses of far more people.
        and (
            (rank[other] == rank[column] and [_email(cell) for cell in holding[other]] != emails)
            or (rank[other] < 2 and len(holding[other]) > 2 * len(emails))
        )
    )
    return _Place(sheet, header_row, column, rank[column], rivals)


def _row_above(sheet: Sheet, column: int, first: int) -> int | None:
    """The row of the heading of a column whose first address is in row `first`: not a title, which stands alone."""
    above = [
        (row, sheet.rows[row][column].text)
        for row in range(1, min(first, HEADER_ROWS + 1))
        if column in sheet.rows.get(row, {})
        and sheet.rows[row][column].kind == "text"
        and _email(sheet.rows[row][column]) is None
    ]
    if not above:
        return None
    return max(
        above,
        key=lambda at: (
            loosely(at[1]) in _HEADERS["e-mail"],
            len(sheet.rows[at[0]]),
            _MAILISH.search(loosely(at[1])) is not None,
            -at[0],
        ),
    )[0]


def _rank(heading: str) -> int:
    name = loosely(heading)
    if name in _HEADERS["e-mail"]:
        return 0
    return 2 if _SECOND.search(name) or (_MAILISH.search(name) and _OF_SOMEBODY.search(name)) else 1


def _no_header(sheets: Sequence[Sheet], needed: Role, problems: Problems) -> NoReturn:
    """Say that there is no such column, and which one looks as if it were meant."""
    heading = {"e-mail": "E-mail", "league": "Ligue (or League)", "unit": ""}[needed]
    wrong = f"no header row with a column {needed} in the first {HEADER_ROWS} rows"
    fix = f"write {heading} above the column"
    if needed == "e-mail":
        for sheet in sheets:
            if (near := _likely(sheet)) is not None:
                fix = f"if column {column_name(near.column)} is meant, write {heading} above its addresses"
                Problems(problems.file, sheet.name).refuse(near.address, near.text, wrong, fix)
    problems.refuse("", None, wrong, fix)


def _likely(sheet: Sheet) -> Cell | None:
    """The cell that shows best where addresses might be: the heading of some, an address, or a heading alone."""
    cells = [cell for row in sorted(sheet.rows) for cell in sheet.rows[row].values() if cell.kind == "text"]
    first = next((cell for cell in cells if _email(cell) is not None), None)
    if first is None:
        first = next((cell for cell in cells if "@" in cell.text and " " not in cell.text), None)
    if first is not None:
        row = _row_above(sheet, first.column, first.row)
        return first if row is None else sheet.rows[row][first.column]
    headings = (cell for cell in cells if cell.row <= HEADER_ROWS and _MAILISH.search(loosely(cell.text)))
    return next(headings, None)


def _addresses(cell: Cell, problems: Problems, *, of_one_person: bool) -> tuple[str, ...]:
    """The addresses in a cell, or a problem noted.

    Several are of several people: a list of recipients alone in its row, or each with a name of its own. Where the row
    says more, it may be `of_one_person`, who is written to once.
    """
    if not _plain(cell, problems):
        return ()
    found = _named(cell)
    names = {name.casefold() for _, name in found if name}
    if found and (len(found) == 1 or not of_one_person or len(names) == len(found)):
        return tuple(email for email, _ in found)
    # A word with two @ is one address, mistyped.
    several = cell.kind == "text" and sum("@" in word for word in _BETWEEN.split(cell.text)) > 1
    wrong = "several addresses in one cell" if several else "not an e-mail address"
    fix = "write each in a row of its own" if several else "write one such as ada@example.org"
    if several and ":::" in cell.text:
        # Google Contacts: two addresses of one person.
        fix = "they are of one person: keep the one to write to"
    problems.add(cell.address, cell.text, wrong, fix, cell.place)
    return ()


def _email(cell: Cell) -> str | None:
    """The first address in a cell of addresses, None in any other."""
    return next((email for email, _ in _named(cell)), None)


def _named(cell: Cell) -> tuple[tuple[str, str], ...]:
    """The addresses in a cell, in small letters, with the names beside them; empty when it holds anything else.

    Each is alone, or as mail programs copy it: Lea Exemple <lea@example.org>; Tom <tom@example.org>.
    """
    if cell.kind != "text" or "@" not in cell.text:
        return ()
    # Outlook parts people by semicolons, and a surname from a first name by a comma.
    hidden = _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), cell.text)
    sign = ";" if ";" in hidden.strip(" ;,.") else ","
    ends = [at for at, letter in enumerate(hidden) if letter == sign]
    parts = [
        part
        for begin, end in zip([0, *(at + 1 for at in ends)], [*ends, len(hidden)], strict=True)
        if (part := cell.text[begin:end].strip(" ;,."))
    ]
    found = tuple(one for part in parts if (one := _one_address(part)) is not None)
    return found if len(found) == len(parts) else ()


def _one_address(text: str) -> tuple[str, str] | None:
    found = next((match for pattern in _ADDRESSED if (match := pattern.match(text))), None)
    if found is None or found[found.lastindex or 0].count("@") > 1:
        return None
    written = found[found.lastindex or 0]
    email = written.rstrip(".").lower()
    name = text.replace(written, "").strip(" <>()[]'\"")
    return (email, name) if is_mail_address(email) else None


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
