"""Finds the table of pupils in a workbook: the sheet, the header row and what each column is for.

The header is looked for in the first 20 rows, because teachers put a title above. Header names are French, English or
German, compared without case, accents and punctuation. A column that would hold other personal data of a pupil is
refused by its name, even empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mpp_supabase.sheets.cells import Cell, Sheet, column_name, has_sign
from mpp_supabase.sheets.names import is_label, loosely
from mpp_supabase.sheets.problems import Problems
from mpp_supabase.sheets.workbook import Workbook
from mpp_supabase.typed import holds_mail_address

HEADER_ROWS = 20

Role: TypeAlias = Literal["first name", "initial", "team", "numbering", "total", "personal", "other"]


def either(words: str) -> frozenset[str]:
    """Return the words between bars."""
    return frozenset(words.split("|"))


_FIRST_NAME = re.compile(
    r"(?:premiers? |1ers? |the )?(?:prenoms?|fore ?names?|first ?names?|given ?names?|preferred name|vornamen?|rufname)"
    r"(?: s)?(?: (?:usuels?|usages?|d usage|courants?|principal|principaux|1))?"
    r"(?: (?:de l |des |d |of the )?(?:eleves?|enfants?|pupils?|students?|schulers?|kindes))?"
    r"(?: (?:seuls?|seulement|uniquement|only))?"
    r"(?: (?:et )?(?:l )?initiale?(?: d[eu] (?:nom|famille|nom de famille))?)?\Z"
)
_PUPIL = re.compile(
    r"(?:eleves?|eleve s|enfants?|enfant s|pupils?|students?|child(?:ren)?|schuler|schulerin|schuler in|schulerinnen"
    r"|eleves? (?:de|du|de la) .{1,30})\Z"
)
_INITIAL = re.compile(
    r"(?:(?:l )?(?:initiales?|init)(?: (?:du |de |de leur )?nom(?: de famille)?)?"
    r"|(?:1re|1ere|premiere) lettre (?:du |de leur )?nom(?: de famille)?"
    r"|initials?(?: of (?:the )?(?:last name|surname))?|first letter of (?:the )?(?:last name|surname)"
    r"|(?:last(?: name)?|surname|nom(?: de famille)?) initiale?"
    r"|anfangsbuchstabe|initiale des nachnamens)\Z"
)
_TEAM = re.compile(
    r"(?:(?:nom |n |no |numero |couleur )?(?:de l |d |de )?(?:equipes?|groupe)(?: couleur| n| no| numero)?"
    r"|team|team name|teams|gruppe|group|mannschaft)\Z"
)
# A row that heads those below it, or says something of them: the first name of nobody.
_HEADING = re.compile(
    r"(?:equipe|groupe|team|group|gruppe|mannschaft|classe|klasse)(?: .*)?\Z"
    r"|(?:absente?s?|absent e s|abwesend)\Z"
    r"|(?:filles|garcons|eleves|enfants|girls|boys|pupils|students|children|schuler|madchen|jungen)(?: [0-9]+)?\Z"
)
_NUMBERING = either("|n|no|nr|num|numero|number|nummer|rang|ordre|lfd nr")
_TOTAL = either("total|totals|totaux|sum|somme|summe|gesamt|points|total points|total des points|punkte")
_WHOSE = (
    r"(?: (?:des?|du|de l|d un|d une|la|le|les|parents?|pere|mere|eleves?|enfants?|pupils?|responsables?|legal|legaux"
    r"|legale|maman|papa|famille|domicile|maison|portable|mobile|fixe|pro|professionnel|of|the|guardians?|der|eltern|1|2))*"
)
_PERSONAL = re.compile(
    r"(?:(?:votre|son|le|the|sein|ihr) )?(?:"
    r"noms?|nom(?: de)? (?:famille|naissance|usage|l eleve|eleve)|noms? (?:et )?prenoms?|prenoms? (?:et )?noms?"
    r"|(?:deuxiemes?|troisiemes?|seconds?|autres?|2e|2eme|3e|3eme) prenoms?|prenoms? [2-9]|(?:middle|second) names?"
    r"|zweiter vorname|patronyme|nom complet|name|names|last ?names?|family name|surnames?|full ?name|maiden name"
    r"|nachname|familienname|zuname|vor und nachname|vollstandiger name"
    r"|(?:e ?|adresse )?mails?|adresse e ?mail|e ?mail address|courriels?|mel"
    r"|tel|telephone|telephones|portable|mobile|gsm|phone|phone number|telefon|telefonnummer|handy"
    r"|date (?:de )?naissance|naissance|ne|nee|ne e|ne le|nee le|ne e le|lieu de naissance|ddn"
    r"|birth ?date|birthday|date of birth|dob|born|anniversaire|geburtsdatum|geburtstag|geboren|geboren am|age|alter"
    r"|adresse|adresses|adresse postale|address|anschrift|rue|street|strasse|code postal|postcode|zip|plz|ville|commune"
    r"|sexe|genre|sex|gender|geschlecht|nationalite|nationality|religion"
    r"|ine|id national|identifiant|identifiant national|identifiant eleve|numero (?:ine|national)|n ine|be1d"
    r"|parents?|responsables?|pere|mere|father|mother|guardian|tuteur|eltern|vater|mutter|erziehungsberechtigte"
    r"|photos?|image|bild|sante|allergies?|pai|handicap"
    rf"){_WHOSE}(?: ?[0-9])?\Z"
)
_NUMBER = re.compile(r"\s*(n\s*[°º]|#)?\s*[0-9]{1,6}\s*[.)°º]?\s*", re.IGNORECASE)
_PASTE = "replace it by its value (copy, then paste values only)"


@dataclass(frozen=True, slots=True)
class Table:
    """The table of pupils in a sheet: header cells by column, their roles, and the rows below that hold something.

    `other_sheets` are the names of those that are not read.
    """

    file: str
    sheet: str
    header_row: int
    header: dict[int, Cell]
    roles: dict[int, Role]
    rows: dict[int, dict[int, Cell]] = field(repr=False)
    other_sheets: tuple[str, ...] = ()

    def column(self, role: Role) -> int | None:
        """Return the column of a role, the first if there are several."""
        return next((column for column, found in sorted(self.roles.items()) if found == role), None)

    def columns(self, role: Role) -> list[int]:
        """Return the columns of a role, from left to right."""
        return sorted(column for column, found in self.roles.items() if found == role)

    def first_name(self, row: dict[int, Cell]) -> Cell | None:
        """Return the first-name cell of a row."""
        column = self.column("first name")
        return row.get(column) if column is not None else None


def role_of(header: str) -> Role:
    """Return what a column of this name is for."""
    name = loosely(header)
    if _FIRST_NAME.match(name) or _PUPIL.match(name):
        return "first name"
    if _INITIAL.match(name):
        return "initial"
    if _TEAM.match(name):
        return "team"
    if name in _NUMBERING:
        return "numbering"
    if name in _TOTAL:
        return "total"
    return "personal" if _PERSONAL.match(name) else "other"


def find_table(
    workbook: Workbook, sheet: str | None = None, ignored: tuple[Role, ...] = (), *, of_names: bool = False
) -> tuple[Table, Problems]:
    """Return the table of pupils, and the problems found in it so far. Raises SheetError without one table only.

    Where only names are read (`of_names`), sheets that hold the same ones, such as one for each week, are one table.

    Named by `sheet` or not, the sheet is the one whose header is recognised. What cannot be read for sure is refused:
    hidden rows and columns that hold something, merged cells, formulas, errors, and cells outside the limits. Formulas
    and errors do no harm in columns of numbers and totals, nor in the `ignored` ones, which are not read.
    """
    chosen, header_row = _choose(workbook, sheet, of_names)
    problems = Problems(workbook.file, chosen.name)
    if chosen.hidden:
        fix = "show the sheet (right click on a tab, Unhide), look at it, and save"
        problems.refuse("", None, "the sheet with the pupils is hidden", fix)
    if chosen.beyond:
        fix = "delete what is there, or copy the class's table alone into a new workbook"
        problems.refuse(chosen.beyond, None, "the sheet goes on far beyond a class", fix)
    header = {column: cell for column, cell in chosen.rows[header_row].items() if cell.text}
    roles = {column: role_of(cell.text) for column, cell in header.items()}
    rows = {row: cells for row, cells in chosen.rows.items() if row > header_row}
    roles |= _numbered(header, roles, rows)
    others = tuple(one.name for one in workbook.sheets if one.name != chosen.name)
    table = Table(workbook.file, chosen.name, header_row, header, roles, rows, others)
    for row in rows.values():
        if is_label_row(table, row) == "code":
            # With a challenge's code under it, whatever stands there ("Photo", "Total") is the title of a challenge.
            roles.update({column: "other" for column in row if column != table.column("first name")})
    _check_header(table, problems)
    check_layout(chosen, table, problems)
    _check_cells(chosen, table, (*ignored, "numbering", "total", "personal"), problems)
    return table, problems


def _numbered(header: dict[int, Cell], roles: dict[int, Role], rows: dict[int, dict[int, Cell]]) -> dict[int, Role]:
    """The columns of numbers left of the first names that have no heading, as class lists are often numbered."""
    first = min((column for column, role in roles.items() if role == "first name"), default=0)
    found: dict[int, Role] = {}
    for column in range(1, first):
        cells = [cells[column] for cells in rows.values() if column in cells]
        if column not in header and cells and all(_NUMBER.fullmatch(cell.text) for cell in cells):
            found[column] = "numbering"
    return found


def is_repeated_header(table: Table, row: dict[int, Cell]) -> bool:
    """Whether a row only says the headings again, as prints of several pages do."""
    return len(row) > 0 and all(
        column in table.header and loosely(cell.text) == loosely(table.header[column].text)
        for column, cell in row.items()
    )


def heads_a_group(text: str) -> bool:
    """Whether this names a group, or a column, rather than a pupil: "Équipe A", "Prénom", "Absents"."""
    name = loosely(text)
    return _HEADING.match(name) is not None or _FIRST_NAME.match(name) is not None


def is_label_row(table: Table, row: dict[int, Cell]) -> str | None:
    """Return the label (total, points, code) of a row that is no pupil's, or None."""
    first = table.first_name(row)
    if first is not None:
        return loosely(first.text) if first.kind == "text" and is_label(first.text) else None
    beside = [row[c] for c in sorted(row) if table.roles.get(c, "other") != "other" or c not in table.header]
    return next((loosely(cell.text) for cell in beside if cell.kind == "text" and is_label(cell.text)), None)


def _choose(workbook: Workbook, name: str | None, of_names: bool) -> tuple[Sheet, int]:
    problems = Problems(workbook.file)
    sheets = workbook.sheets
    if name is not None:
        sheets = tuple(s for s in sheets if loosely(s.name) == loosely(name))
        if not sheets:
            there = ", ".join(s.name for s in workbook.sheets if s.name) or "a single sheet without a name"
            problems.refuse("", name, "there is no such sheet", f"the file has: {there}")
    if not any(s.rows or s.beyond for s in sheets):
        problems.refuse("", None, "the file holds no pupils: it is empty", "fill in one row for each pupil")
    found = [(s, row) for s in sheets if (row := _header_row(s)) is not None]
    shown = [(s, row) for s, row in found if not s.hidden] or found
    if len(shown) > 1 and not (of_names and len({_names(s, row) for s, row in shown}) == 1):
        names = ", ".join(s.name for s, _ in shown)
        problems.refuse("", names, "several sheets hold pupils", "say which one (--sheet), or keep one in the file")
    if not shown:
        _no_header(sheets, problems)
    return shown[0]


def _names(sheet: Sheet, header_row: int) -> frozenset[tuple[tuple[Role, str], ...]]:
    """The pupils of a sheet as they stand there, in any order."""
    roles = {column: role_of(cell.text) for column, cell in sheet.rows[header_row].items()}
    said = {column: role for column, role in roles.items() if role in ("first name", "initial", "team")}
    return frozenset(
        tuple(sorted((said[column], loosely(cell.text)) for column, cell in cells.items() if column in said))
        for row, cells in sheet.rows.items()
        if row > header_row
    )


def _header_row(sheet: Sheet) -> int | None:
    maybe: dict[int, tuple[int, bool, int]] = {}
    for row in range(1, HEADER_ROWS + 1):
        cells = [cell for cell in sheet.rows.get(row, {}).values() if cell.kind == "text"]
        roles = [role_of(cell.text) for cell in cells]
        if "first name" in roles:
            sure = any(_FIRST_NAME.match(loosely(cell.text)) for cell in cells)
            maybe[row] = (sum(role != "other" for role in roles), sure, len(sheet.rows[row]))
    # "Prénoms des élèves" may also be the sheet's title, alone in its row: the row that knows most columns is meant.
    return max(maybe, key=lambda row: (*maybe[row], -row), default=None)


def _no_header(sheets: tuple[Sheet, ...], problems: Problems) -> None:
    for sheet in sheets:
        for row in range(1, HEADER_ROWS + 1):
            for cell in sheet.rows.get(row, {}).values():
                if cell.kind == "text" and role_of(cell.text) == "personal":
                    problems = Problems(problems.file, sheet.name)
                    fix = "write first names only, under a header cell Prénom (or First name, Vorname)"
                    problems.refuse(cell.address, cell.text, "no column of first names, but one of other data", fix)
    where = next((sheet for sheet in sheets if sheet.rows), None)
    first = next(iter(next(iter(where.rows.values())).values())) if where else None
    wrong = f"no header row with a column of first names in the first {HEADER_ROWS} rows"
    fix = "write Prénom (or First name, Vorname) above the first names"
    if where and first:
        problems = Problems(problems.file, where.name)
    problems.refuse(first.address if first else "", first.text if first else None, wrong, fix)


def _check_header(table: Table, problems: Problems) -> None:
    roles: tuple[Role, ...] = ("first name", "initial", "team")
    for role in roles:
        for column in table.columns(role)[1:]:
            cell = table.header[column]
            problems.add(cell.address, cell.text, f"a second column of {role}s", "keep one of the two", cell.place)
    for column in table.columns("personal"):
        cell = table.header[column]
        wrong = "a column of personal data that must not come in"
        problems.add(cell.address, cell.text, wrong, f"delete column {column_name(column)}", cell.place)


def check_layout(sheet: Sheet, table: Table, problems: Problems, unread: frozenset[int] = frozenset()) -> None:
    """Note what may be overlooked in a table: merged cells, hidden rows and columns that hold something.

    In columns that are not read nothing is overlooked.
    """
    last_row = max(table.rows, default=table.header_row)
    used = {column for cells in (table.header, *table.rows.values()) for column in cells}
    for merge in sheet.merges:
        inside = merge.first_row <= last_row and merge.last_row >= table.header_row
        read = not unread.issuperset(range(merge.first_column, merge.last_column + 1))
        if inside and read and merge.first_column <= max(used):
            place = (merge.first_row, merge.first_column)
            problems.add(merge.range, None, "merged cells", "unmerge them, and fill in each cell", place)
    for row in sorted(sheet.hidden_rows):
        if row >= table.header_row:
            fix = "show the row and look at it, or delete it"
            problems.add(f"{row}:{row}", None, "a hidden row that is not empty", fix, (row, 0))
    for first, last in sheet.hidden_columns:
        for column in sorted(c for c in used - unread if first <= c <= last):
            name = column_name(column)
            fix = "show the column and look at it, or delete it"
            problems.add(f"{name}:{name}", None, "a hidden column that is not empty", fix, (0, column))


def _check_cells(sheet: Sheet, table: Table, ignored: tuple[Role, ...], problems: Problems) -> None:
    for cell in _cells(sheet):
        if cell.kind == "text" and holds_mail_address(cell.text):
            wrong = "this looks like an e-mail address, which must not come in"
            problems.add(cell.address, cell.value, wrong, "delete it", cell.place)
    for cell in table.header.values():
        _check_cell(cell, problems)
    for row in table.rows.values():
        if is_label_row(table, row):
            continue
        for column, cell in row.items():
            if table.roles.get(column) not in ignored:
                _check_cell(cell, problems)
            elif table.roles.get(column) == "numbering" and cell.kind == "text" and not _NUMBER.fullmatch(cell.text):
                # Or a column of surnames would only need to be called "#".
                fix = f"delete it, or the whole of column {column_name(cell.column)}"
                problems.add(cell.address, cell.text, "this is no number, in a column of numbers", fix, cell.place)


def _check_cell(cell: Cell, problems: Problems) -> None:
    if cell.kind == "formula":
        problems.add(cell.address, cell.value, "a formula", _PASTE, cell.place)
    elif cell.kind == "error":
        problems.add(
            cell.address, cell.value, "an error of the spreadsheet", "type the value that belongs here", cell.place
        )


def _cells(sheet: Sheet) -> Iterator[Cell]:
    for row in sheet.rows.values():
        yield from row.values()


A_TEAM = "a team's name"


def check_words(cell: Cell | None, what: str, problems: Problems) -> str | None:
    """Return the text of a cell for a name, or None: empty, or refused as a number, a date, a formula…"""
    if cell is None or cell.kind in ("formula", "error"):
        return None
    if what == A_TEAM and cell.kind == "number" and isinstance(cell.value, int):
        return cell.text
    if cell.kind != "text":
        kind = {"number": "a number", "date": "a date", "boolean": "TRUE or FALSE"}[cell.kind]
        problems.add(cell.address, cell.text, f"{kind}, not {what}", f"type {what}", cell.place)
        return None
    if has_sign(cell.text) and not (cell.escaped and what == A_TEAM):
        wrong = f"begins with {cell.text[0]}, as formulas do"
        problems.add(cell.address, cell.value, wrong, f"type {what}, beginning with a letter", cell.place)
        return None
    return cell.text
