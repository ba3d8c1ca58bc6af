"""The roster of a class: first names, initials where they repeat, teams; read, and matched with the class as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from mpp_supabase.sheets import names
from mpp_supabase.sheets.cells import Cell, address, column_name, position
from mpp_supabase.sheets.problems import Problems
from mpp_supabase.sheets.table import (
    A_TEAM,
    Table,
    check_words,
    find_table,
    heads_a_group,
    is_label_row,
    is_repeated_header,
)
from mpp_supabase.sheets.workbook import read_workbook
from mpp_supabase.typed import trimmed

# With so many unknown columns, it is another kind of sheet, and one problem says more than thirty.
_MANY = 6

ReadAs: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class RosterPupil:
    """A pupil of the file, with the addresses of the cells that say so ("" where there is none)."""

    first_name: str
    initial: str | None
    team: str | None
    cell: str
    initial_cell: str
    team_cell: str

    @property
    def name(self) -> str:
        """Lina, or Lina M."""
        return names.display(self.first_name, self.initial)


@dataclass(frozen=True, slots=True)
class Roster:
    """What a roster says, in the order of its rows; `problems` are those that wait for match_roster.

    `other_sheets` are the names of those that were not read.
    """

    file: str
    sheet: str
    pupils: tuple[RosterPupil, ...]
    has_teams: bool
    problems: Problems | None = field(default=None, compare=False, repr=False)
    other_sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownPupil:
    """A pupil of the class as it is now."""

    pupil_id: UUID | str
    first_name: str
    initial: str | None = None
    team: str | None = None

    @property
    def name(self) -> str:
        """Lina, or Lina M."""
        return names.display(self.first_name, self.initial)


@dataclass(frozen=True, slots=True)
class RosterPlan:
    """What importing a roster would do. Nobody is ever removed: who is `not_in_file` stays in the class.

    `read_as` says where an initial could not be confirmed, the class's only Lina having none: the cell, what it says
    and who is meant ("B7", "Lina B.", "Lina"). `entries` says of each of `pupils` which one of the file it is: None for
    somebody of the class who gets an initial without being in the file.
    """

    to_add: tuple[dict[str, str], ...]
    to_correct: tuple[dict[str, str], ...]
    known: tuple[KnownPupil, ...]
    not_in_file: tuple[KnownPupil, ...]
    read_as: tuple[ReadAs, ...] = ()
    entries: tuple[RosterPupil | None, ...] = ()

    @property
    def pupils(self) -> list[dict[str, str]]:
        """The argument `pupils` of api.add_pupils; empty when there is nothing to do. Corrections come first."""
        return [*self.to_correct, *self.to_add]


def read_roster(
    path: str | Path, sheet: str | None = None, *, initials: Mapping[str, str] | None = None, to_match: bool = False
) -> Roster:
    """Read a class's roster from .xlsx or .csv; `sheet` names one when several hold pupils.

    Columns: first name (an initial may follow it: "Lina M."), initial, team; numbering is ignored, anything else is
    refused. Where a first name repeats, the row without an initial is the pupil whose initial is in `initials`
    ({"Lina": "M"}), if there is one. Raises SheetError with every problem of the file; those that leave somebody to
    match wait for match_roster with `to_match`, so that everything is told at once.
    """
    table, problems = find_table(read_workbook(path), sheet, of_names=True)
    _refuse_other_columns(table, problems)
    pupils = []
    for cells in table.rows.values():
        pupil = read_pupil(table, cells, problems)
        if pupil is not None:
            pupils.append(pupil)
        elif is_label_row(table, cells) is not None:
            first = next(iter(cells.values()))
            problems.add(first.address, first.text, "not a first name", "delete this row", first.place)
    pupils = _with_initials(pupils, initials or {})
    check_repeats(pupils, problems)
    if not (to_match and pupils):
        problems.check()
    if not pupils:
        below = address(table.header_row + 1, table.column("first name") or 1)
        problems.refuse(below, None, "no pupil below the header", "write one first name in each row")
    has_teams = table.column("team") is not None
    return Roster(table.file, table.sheet, tuple(pupils), has_teams, problems, table.other_sheets)


def match_roster(roster: Roster, known_pupils: Iterable[KnownPupil], *, to_record: bool = False) -> RosterPlan:
    """Return what has to be added and corrected so that the class holds everybody of the roster. No change is made.

    First names are compared without case and accents. With one Lina in the file and one in the class, they are the same
    child; with more, their initials tell. Accents missing in the class are corrected, never taken away; an empty team
    cell changes nothing. Raises SheetError where nobody could say which child is meant; with `to_record` what is wrong
    waits in the roster's `problems`, and the plan holds the rest, so that the database may be asked about it.

    To say which one the class's only Lina is, give her an initial in `known_pupils`: it becomes part of the same call.
    """
    problems = Problems(roster.file, roster.sheet) if roster.problems is None else roster.problems
    known = list(known_pupils)
    groups: dict[str, list[KnownPupil]] = {}
    for pupil in known:
        groups.setdefault(names.folded(pupil.first_name), []).append(pupil)
    wanted: dict[str, list[RosterPupil]] = {}
    for entry in roster.pupils:
        wanted.setdefault(names.folded(entry.first_name), []).append(entry)
    pairs: dict[str, KnownPupil] = {}
    for name, entries in wanted.items():
        pairs |= _pair(entries, groups.get(name, []), problems)
    if not to_record:
        problems.check()

    growing = {names.folded(entry.first_name) for entry in roster.pupils if entry.cell not in pairs}
    remarks = (unconfirmed(entry, pairs[entry.cell]) for entry in roster.pupils if entry.cell in pairs)
    read_as = tuple(remark for remark in remarks if remark is not None)
    spelling = _team_spelling(known, roster)
    to_add: list[dict[str, str]] = []
    to_correct: list[dict[str, str]] = []
    unchanged: list[KnownPupil] = []
    added: list[RosterPupil | None] = []
    corrected: list[RosterPupil | None] = []
    for entry in roster.pupils:
        team = spelling[names.folded(entry.team)] if entry.team else None
        pupil_ = pairs.get(entry.cell)
        if pupil_ is None and problems.names(entry.cell):
            continue
        if pupil_ is None:
            to_add.append(_given({"first_name": entry.first_name, "initial": entry.initial, "team": team}))
            added.append(entry)
            continue
        name = names.folded(entry.first_name)
        correction = _given(
            {
                "first_name": entry.first_name if _is_better_spelt(entry.first_name, pupil_.first_name) else None,
                "initial": pupil_.initial if name in growing and len(groups[name]) == 1 else None,
                "team": team if team and names.folded(team) != names.folded(pupil_.team or "") else None,
            }
        )
        if correction:
            to_correct.append({"pupil_id": str(pupil_.pupil_id), **correction})
            corrected.append(entry)
        else:
            unchanged.append(pupil_)
    met = {str(pupil.pupil_id) for pupil in pairs.values()}
    not_in_file = tuple(pupil for pupil in known if str(pupil.pupil_id) not in met)
    for pupil in not_in_file:
        # Alone until now, she gets her initial with the newcomer, whether the file names her or not.
        name = names.folded(pupil.first_name)
        if pupil.initial and name in growing and len(groups[name]) == 1:
            to_correct.append({"pupil_id": str(pupil.pupil_id), "initial": pupil.initial})
            corrected.append(None)
    return RosterPlan(
        tuple(to_add), tuple(to_correct), tuple(unchanged), not_in_file, read_as, entries=(*corrected, *added)
    )


def read_pupil(table: Table, row: dict[int, Cell], problems: Problems, with_team: bool = True) -> RosterPupil | None:
    """Return the pupil of a row, or None: another row (numbered but empty, total), or a problem that was noted."""
    if is_label_row(table, row) is not None or is_repeated_header(table, row):
        return None
    cell = table.first_name(row)
    column = table.column("first name") or 1
    initial_cell = row.get(table.column("initial") or 0)
    team_cell = row.get(table.column("team") or 0) if with_team else None
    if cell is None:
        silent = ("numbering", "total", "personal", "" if with_team else "team")
        saying = [c for k, c in sorted(row.items()) if table.roles.get(k) not in silent]
        if saying:
            empty = address(saying[0].row, column)
            wrong = f"no first name, though {saying[0].address} says {saying[0].text[:40]}"
            problems.add(empty, None, wrong, "write the first name, or empty the row", (saying[0].row, column))
        return None
    text = check_words(cell, "a first name", problems)
    if text is not None and heads_a_group(text):
        fix = "write the team in a column Équipe, one for each pupil, and delete this row"
        problems.add(cell.address, cell.text, "no first name: it heads those below", fix, cell.place)
        return None
    initial_text = check_words(initial_cell, "an initial", problems)
    team_text = check_words(team_cell, A_TEAM, problems)
    first_name, initial, team = "", None, None
    try:
        if text is not None and cell.unseen:
            raise names.NotAName(*names.UNSEEN)
        if text is not None:
            first_name, initial = names.first_name_and_initial(text)
    except names.NotAName as wrong_name:
        problems.add(cell.address, cell.text, wrong_name.problem, wrong_name.fix, cell.place)
    if initial_cell is not None and initial_text is not None:
        try:
            said = names.initial(initial_text)
            if initial is not None and said != initial:
                wrong = f"another initial than the one in {cell.address}"
                problems.add(initial_cell.address, said, wrong, "keep one of the two", initial_cell.place)
            initial = said
        except names.NotAName as wrong_name:
            problems.add(
                initial_cell.address, initial_cell.text, wrong_name.problem, wrong_name.fix, initial_cell.place
            )
    if team_cell is not None and team_text is not None:
        try:
            team = names.team(team_text)
        except names.NotAName as wrong_name:
            problems.add(team_cell.address, team_cell.text, wrong_name.problem, wrong_name.fix, team_cell.place)
    if not first_name:
        return None
    at = initial_cell.address if initial_cell else cell.address if initial else ""
    return RosterPupil(first_name, initial, team, cell.address, at, team_cell.address if team_cell else "")


def check_repeats(pupils: list[RosterPupil], problems: Problems) -> None:
    """Note every cell of a first name that repeats without distinct initials."""
    groups: dict[str, list[RosterPupil]] = {}
    for pupil in pupils:
        groups.setdefault(names.folded(pupil.first_name), []).append(pupil)
    for group in groups.values():
        initials = Counter(names.folded(pupil.initial or "") for pupil in group)
        for pupil in group:
            others = ", ".join([other.cell for other in group[:6] if other is not pupil][:5])
            if len(group) > 1 and not pupil.initial:
                wrong = f"the first name is there more than once (also in {others})"
                fix = "give each of them an initial, such as Lina M. and Lina B."
                problems.add(pupil.cell, pupil.name, wrong, fix, position(pupil.cell))
            elif initials[names.folded(pupil.initial or "")] > 1:
                wrong = f"the first name and initial are there more than once (also in {others})"
                fix = "give two letters (Lina MA and Lina MO), or delete the row if it is the same child"
                problems.add(pupil.cell, pupil.name, wrong, fix, position(pupil.cell))


def unconfirmed(entry: RosterPupil, pupil: KnownPupil) -> ReadAs | None:
    """Return the remark about an initial that the class has nobody to compare with, or None."""
    return (entry.initial_cell or entry.cell, entry.name, pupil.name) if entry.initial and not pupil.initial else None


def _with_initials(pupils: list[RosterPupil], initials: Mapping[str, str]) -> list[RosterPupil]:
    by_name = {names.folded(trimmed(name)): initial for name, initial in initials.items()}
    often = Counter(names.folded(pupil.first_name) for pupil in pupils)
    return [
        replace(pupil, initial=by_name[name])
        if pupil.initial is None and often[name := names.folded(pupil.first_name)] > 1 and name in by_name
        else pupil
        for pupil in pupils
    ]


def _refuse_other_columns(table: Table, problems: Problems) -> None:
    others = [table.header[c] for c in (*table.columns("other"), *table.columns("total"))]
    labels = {is_label_row(table, row) for row in list(table.rows.values())[:2]}
    if len(others) >= _MANY and labels & {"code", "points"}:
        fix = "import it as a tracking sheet; a roster has the columns first name, initial and team only"
        problems.refuse(others[0].address, others[0].text, "this is a tracking sheet, not a roster", fix)
    for cell in others:
        fix = f"delete column {column_name(cell.column)}, or name it Prénom, Initiale or Équipe if it is one of these"
        problems.add(cell.address, cell.text, "a column that a roster does not have", fix, cell.place)
    for row in table.rows.values():
        for column, cell in row.items():
            if column not in table.header and table.roles.get(column) != "numbering":
                fix = "delete it; a roster has the columns first name, initial and team only"
                problems.add(cell.address, cell.text, "something under no header", fix, cell.place)


def _pair(entries: list[RosterPupil], group: list[KnownPupil], problems: Problems) -> dict[str, KnownPupil]:
    """Return which pupil of the class each cell means, within one first name; a cell left out means a new child."""
    if not group:
        return {}
    if len(entries) == len(group) == 1 and (not entries[0].initial or not group[0].initial):
        return {entries[0].cell: group[0]}
    by_initial = {names.folded(pupil.initial or ""): pupil for pupil in group if pupil.initial}
    pairs = {
        e.cell: by_initial[names.folded(e.initial)]
        for e in entries
        if e.initial and names.folded(e.initial) in by_initial
    }
    left = [entry for entry in entries if entry.cell not in pairs]
    unmet = [pupil for pupil in group if pupil not in pairs.values()]
    for entry in left:
        if problems.names(entry.cell):
            continue
        doubtful = [pupil for pupil in unmet if _may_be(entry.initial, pupil.initial)]
        if not doubtful:
            continue
        there = " or ".join(pupil.name for pupil in doubtful)
        if entry.initial:
            wrong = f"the class already has {there}: is it this child?"
            pupil = doubtful[0]
            if pupil.initial:
                fix = f"if so, write {pupil.name} here; if not, lengthen the other's initial first (mpp pupil correct)"
            else:
                # Alone, nobody keeps an initial: it has to come with the newcomer, in the same call.
                fix = f"import with --known {pupil.first_name}:X, X being the initial of the one who is in the class"
        else:
            wrong = f"the class has several of that name: {there}"
            fix = f"add the initial of the one you mean, such as {doubtful[0].name}"
        problems.add(entry.cell, entry.name, wrong, fix, position(entry.cell))
    return pairs


def _may_be(here: str | None, there: str | None) -> bool:
    """Whether two initials may stand for one surname: one is missing, or M and MA."""
    a, b = names.folded(here or ""), names.folded(there or "")
    return a.startswith(b) or b.startswith(a)


def _team_spelling(known: list[KnownPupil], roster: Roster) -> Mapping[str, str]:
    """One spelling for each team, whatever its case and accents: the class's own, else the first of the file."""
    spelling: dict[str, str] = {}
    for team in (*(pupil.team for pupil in known), *(pupil.team for pupil in roster.pupils)):
        if team:
            spelling.setdefault(names.folded(team), team)
    return spelling


def _is_better_spelt(here: str, there: str) -> bool:
    return names.accents(here) > names.accents(there)


def _given(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}
