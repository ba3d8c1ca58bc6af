"""The tracking sheet of a class: a row for each pupil, a column for each challenge, a mark where it was done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

from mpp_supabase.files._yaml import shown
from mpp_supabase.sheets import names
from mpp_supabase.sheets.cells import Cell, address, column_name, position
from mpp_supabase.sheets.problems import Problems, addresses
from mpp_supabase.sheets.roster import KnownPupil, ReadAs, RosterPupil, check_repeats, read_pupil, unconfirmed
from mpp_supabase.sheets.table import Table, find_table, is_label_row, is_repeated_header
from mpp_supabase.sheets.workbook import read_workbook

MAX_TIMES = 99
FIRST_YEAR, LAST_YEAR = 2000, 2100

_DONE = re.compile("[x×✓✔√☑✅voy1]|oui|yes|ja|true|vrai|wahr|ok|faite?|done|valid[ée]e?|r[ée]ussie?|erledigt|gemacht")
_NOT_DONE = re.compile("[0n☐–—-]|non|no|nein|false|faux|falsch|(?:pas|non) faite?|not done|nicht gemacht")
# 2, also as 2.0 and 2,0 (a number that went through another program), 2x, x2 and 2 fois.
_TIMES = re.compile(r"(?:[x×] ?)?([0-9]{1,2})(?:[.,]0{1,9})?(?: ?(?:[x×]|fois|times?|mal))?\Z")
# The hour is not read, nor is that of a cell with a date and time.
_HOUR = r"(?:[ T](?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)?\Z"
_DAY_FIRST = re.compile(rf"([0-9]{{1,2}})([/.-])([0-9]{{1,2}})\2([0-9]{{4}}){_HOUR}")
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}}){_HOUR}")
_SHORT_YEAR = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{2})\Z")
_NO_YEAR = re.compile(r"([0-9]{1,2})(?:/([0-9]{1,2})|\.([0-9]{1,2})\.)\Z")
_MONTHS = "jan|f[ée]v|feb|mar|mär|avr|apr|mai|may|jui|jun|jul|ao[uû]|aug|sep|o[ck]t|nov|d[ée]c|dez"
_SPELT_OUT = re.compile(rf"[0-9]{{1,2}}\.?[ -]({_MONTHS})[^\W\d_]*\.?([ -][0-9]{{2,4}})?\Z")
_MARKS = "use x, a number of times (2 to 99) or a date such as 12/03/2026; leave the cell empty if it was not done"


@dataclass(frozen=True, slots=True)
class TrackingChallenge:
    """A column of the file: the title and the code it gives ("" where there is none), and their cells."""

    title: str
    code: str
    cell: str
    code_cell: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell that says a challenge was done: `times` times, undated, or once on `done_on`."""

    cell: str
    pupil: RosterPupil
    challenge: TrackingChallenge
    times: int
    done_on: date | None


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a tracking sheet says, row by row; `problems` are those that wait for match_tracking.

    `other_sheets` are the names of those that were not read.
    """

    file: str
    sheet: str
    pupils: tuple[RosterPupil, ...]
    challenges: tuple[TrackingChallenge, ...]
    marks: tuple[Mark, ...]
    problems: Problems | None = field(default=None, compare=False, repr=False)
    other_sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownChallenge:
    """A challenge that the class plays. `titles` by language; `repeat_limit` None is without limit."""

    challenge_id: int
    code: str
    titles: Mapping[str, str] = field(hash=False)
    repeat_limit: int | None = 1
    points: int | None = None


@dataclass(frozen=True, slots=True)
class TrackingRow:
    """One element of api.import_class_sheet, and the cell that says so."""

    pupil_id: UUID | str
    challenge_id: int
    times: int
    done_on: date | None
    cell: str


@dataclass(frozen=True, slots=True)
class TrackingPlan:
    """What importing a tracking sheet would record; `to_record` and `already` count times, by what is known so far.

    `read_as` says where an initial could not be confirmed, as in a roster: ("A7", "Lina B.", "Lina").
    """

    rows: tuple[TrackingRow, ...]
    to_record: int
    already: int
    read_as: tuple[ReadAs, ...] = ()
    problems: Problems | None = field(default=None, compare=False, repr=False)

    @property
    def arguments(self) -> dict[str, list[str] | list[int] | list[str | None]]:
        """The four lists of api.import_class_sheet; dates as ISO text."""
        return {
            "pupil_ids": [str(row.pupil_id) for row in self.rows],
            "challenge_ids": [row.challenge_id for row in self.rows],
            "times": [row.times for row in self.rows],
            "done_on": [row.done_on.isoformat() if row.done_on else None for row in self.rows],
        }


def read_tracking(path: str | Path, sheet: str | None = None, *, to_match: bool = False) -> Tracking:
    """Read a filled tracking sheet from .xlsx or .csv; `sheet` names one when several hold pupils.

    The header row has the first name, maybe initial and team (which is not read), then a challenge in each column, by
    title or code; a row that begins with "code" gives the codes, one that begins with "points" or "total" is ignored,
    and so are such columns. Raises SheetError with every problem of the file; those that leave something to match wait
    for match_tracking with `to_match`, so that everything is told at once.
    """
    table, problems = find_table(read_workbook(path), sheet, ignored=("team",))
    codes = _code_row(table, problems)
    columns = _challenges(table, codes, problems)
    pupils: list[RosterPupil] = []
    marks: list[Mark] = []
    unknown: _Unknown = {}
    for cells in table.rows.values():
        if is_label_row(table, cells) is not None or is_repeated_header(table, cells):
            continue
        pupil = read_pupil(table, cells, problems, with_team=False)
        if pupil is not None:
            pupils.append(pupil)
        for column, cell in cells.items():
            if column in columns:
                mark = _mark(cell, unknown, problems)
                if mark is not None and pupil is not None:
                    marks.append(Mark(cell.address, pupil, columns[column], *mark))
            elif column not in table.header and table.roles.get(column) != "numbering":
                fix = "write the challenge's title at the top of the column, or delete what is there"
                problems.add(cell.address, cell.text, "something under no challenge", fix, cell.place)
    for same in unknown.values():
        # A teacher's own sign stands in the whole column: it is told once.
        first = same[0]
        problems.add(addresses([cell.address for cell in same]), first.value, "not a mark", _MARKS, first.place)
    check_repeats(pupils, problems)
    if not (to_match and columns and pupils):
        problems.check()
    if not columns:
        place = address(table.header_row, max(table.header) + 1)
        problems.refuse(place, None, "no column of a challenge", "write a challenge's title or code above each column")
    if not pupils:
        below = address(table.header_row + 1, table.column("first name") or 1)
        problems.refuse(below, None, "no pupil below the header", "write one first name in each row")
    challenges = tuple(columns.values())
    return Tracking(table.file, table.sheet, tuple(pupils), challenges, tuple(marks), problems, table.other_sheets)


def match_tracking(
    tracking: Tracking,
    pupils: Iterable[KnownPupil],
    challenges: Iterable[KnownChallenge],
    starts_on: date,
    ends_on: date,
    today: date,
    known_counts: Mapping[tuple[UUID | str, int], int] | None = None,
    *,
    to_record: bool = False,
) -> TrackingPlan:
    """Return the validations that a tracking sheet stands for.

    `starts_on` and `ends_on` are the first and the last day of the edition, and `today` the day it is there, all in the
    edition's time zone. `known_counts` says how often each (pupil_id, challenge_id) is recorded already; it changes the
    counts of the plan only, since importing tops up what is there. Raises SheetError: unknown pupil or challenge, a
    name that could be two children, two rows or columns for one, a date outside the edition, more times than allowed.
    With `to_record` the plan has the rows that are right, and `problems` the rest: the database may have more to say.
    """
    problems = tracking.problems or Problems(tracking.file, tracking.sheet)
    found_pupils = _match_pupils(tracking, list(pupils), problems)
    found_challenges = _match_challenges(tracking, list(challenges), problems)
    rows: list[TrackingRow] = []
    for mark in tracking.marks:
        place = position(mark.cell)
        challenge = found_challenges.get(mark.challenge.cell)
        if mark.done_on is not None:
            day = f"{mark.done_on:%d/%m/%Y}"
            if not starts_on <= mark.done_on <= ends_on:
                fix = f"the edition goes from {starts_on:%d/%m/%Y} to {ends_on:%d/%m/%Y}: correct the date, or write x"
                problems.add(mark.cell, day, "a day outside the edition", fix, place)
            elif mark.done_on > today:
                fix = f"it is {today:%d/%m/%Y} in the edition's zone: write x for what was done today"
                problems.add(mark.cell, day, "a day that is still to come", fix, place)
        if challenge is None:
            continue
        if challenge.repeat_limit is not None and mark.times > challenge.repeat_limit:
            times = "once" if challenge.repeat_limit == 1 else f"{challenge.repeat_limit} times"
            wrong = f"more often than this challenge counts ({times} for each pupil)"
            fix = "write x" if challenge.repeat_limit == 1 else f"write {challenge.repeat_limit} at most"
            problems.add(mark.cell, mark.times, wrong, fix, place)
        pupil = found_pupils.get(mark.pupil.cell)
        if pupil is not None and not problems.names(mark.cell):
            rows.append(TrackingRow(pupil.pupil_id, challenge.challenge_id, mark.times, mark.done_on, mark.cell))
    if not to_record:
        problems.check()
    known = {(str(pupil), challenge): count for (pupil, challenge), count in (known_counts or {}).items()}
    already = sum(min(row.times, known.get((str(row.pupil_id), row.challenge_id), 0)) for row in rows)
    remarks = (unconfirmed(entry, found_pupils[entry.cell]) for entry in tracking.pupils if entry.cell in found_pupils)
    read_as = tuple(remark for remark in remarks if remark is not None)
    return TrackingPlan(tuple(rows), sum(row.times for row in rows) - already, already, read_as, problems)


def _code_row(table: Table, problems: Problems) -> dict[int, Cell]:
    rows = [row for row in table.rows.values() if is_label_row(table, row) in ("code", "codes")]
    for row in rows[1:]:
        first = next(iter(row.values()))
        problems.add(first.address, first.text, "a second row of codes", "delete one of the two", first.place)
    return rows[0] if rows else {}


def _challenges(table: Table, codes: dict[int, Cell], problems: Problems) -> dict[int, TrackingChallenge]:
    columns = {}
    first_names = table.column("first name")
    for column in sorted({*table.header, *codes} - {first_names}):
        title, code = table.header.get(column), codes.get(column)
        if table.roles.get(column, "other") != "other" or (title or code) is None:
            continue
        for cell in (title, code):
            if cell is not None and cell.kind not in ("text", "formula", "error"):
                fix = "write its title or its code as text"
                problems.add(cell.address, cell.text, "not the title or code of a challenge", fix, cell.place)
        columns[column] = TrackingChallenge(
            title.text if title else "",
            code.text if code else "",
            address(table.header_row, column),
            code.address if code else "",
        )
    return columns


_Unknown: TypeAlias = dict[tuple[int, str], list[Cell]]


#: Where the calendars of workbooks begin: a time of day is one of that day.
_DAYS_ZERO = (date(1899, 12, 31), date(1904, 1, 1))


def _mark(cell: Cell, unknown: _Unknown, problems: Problems) -> tuple[int, date | None] | None:
    """Return (times, day) of a mark; None when it says not done, is not known, or was noted as a problem."""
    if cell.kind in ("formula", "error"):
        return None
    if cell.kind == "boolean":
        return (1, None) if cell.value is True else None
    if isinstance(cell.value, datetime):
        if cell.value.date() in _DAYS_ZERO:
            fix = "write the day, such as 12/03/2026, or how often; a number needs the format General"
            problems.add(cell.address, f"{cell.value:%H:%M}", "a time of day", fix, cell.place)
            return None
        return _dated(cell, cell.value.date(), problems)
    text = cell.text
    mark = text.casefold()
    if _NOT_DONE.fullmatch(mark):
        return None
    if _DONE.fullmatch(mark):
        return 1, None
    if (found := _TIMES.match(mark)) is not None:
        return (int(found[1]), None) if int(found[1]) else None
    if cell.kind == "number":
        wrong = (
            "not a whole number of times" if isinstance(cell.value, float) else f"not a number from 0 to {MAX_TIMES}"
        )
        problems.add(cell.address, text, wrong, _MARKS, cell.place)
        return None
    if (found := _DAY_FIRST.match(text)) is not None:
        return _dated(cell, _day(int(found[4]), int(found[3]), int(found[1])), problems)
    if (found := _YEAR_FIRST.match(text)) is not None:
        return _dated(cell, _day(int(found[1]), int(found[2]), int(found[3])), problems)
    if (nearly := _nearly_a_date(text)) is not None:
        problems.add(cell.address, cell.value, *nearly, cell.place)
    else:
        unknown.setdefault((cell.column, mark), []).append(cell)
    return None


def _nearly_a_date(text: str) -> tuple[str, str] | None:
    """What is wrong with a date as spreadsheet programs show it, and the fix; None when it is no date."""
    if (found := _SHORT_YEAR.match(text)) is not None:
        day = _day(2000 + int(found[4]), int(found[3]), int(found[1]))
        return ("a year of two digits", f"write the year in full: {day:%d/%m/%Y}") if day else None
    if (found := _NO_YEAR.match(text)) is not None:
        # The 29th of February is a day of some year.
        if _day(2000, int(found[2] or found[3]), int(found[1])) is None:
            return None
        return "a day without its year", "write the year in full, such as 12/03/2026"
    if _SPELT_OUT.match(text.casefold()):
        return "a date with the month in letters", "write it in figures, the year in full, such as 12/03/2026"
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _dated(cell: Cell, day: date | None, problems: Problems) -> tuple[int, date] | None:
    if day is None:
        fix = "write day/month/year, such as 12/03/2026"
        problems.add(cell.address, cell.text, "no such day in the calendar", fix, cell.place)
    elif not FIRST_YEAR <= day.year <= LAST_YEAR:
        fix = "write the whole year; for a number or an x, give the cell the format General"
        problems.add(cell.address, cell.text, "a date of another time", fix, cell.place)
    else:
        return 1, day
    return None


def _match_pupils(tracking: Tracking, known: list[KnownPupil], problems: Problems) -> dict[str, KnownPupil]:
    groups: dict[str, list[KnownPupil]] = {}
    for pupil in known:
        groups.setdefault(names.folded(pupil.first_name), []).append(pupil)
    found: dict[str, KnownPupil] = {}
    taken: dict[str, str] = {}
    for entry in tracking.pupils:
        if problems.names(entry.cell):
            continue
        pupil_ = _match_pupil(entry, groups, problems)
        if pupil_ is None:
            continue
        before = taken.setdefault(str(pupil_.pupil_id), entry.cell)
        if before != entry.cell:
            wrong = f"a second row for {pupil_.name} (the first is {before})"
            problems.add(entry.cell, entry.name, wrong, "keep one row for each pupil", position(entry.cell))
        found[entry.cell] = pupil_
    return found


def _match_pupil(entry: RosterPupil, groups: dict[str, list[KnownPupil]], problems: Problems) -> KnownPupil | None:
    group = groups.get(names.folded(entry.first_name), [])
    exact = [p for p in group if entry.initial and names.folded(p.initial or "") == names.folded(entry.initial)]
    if exact:
        return exact[0]
    if len(group) == 1 and not (entry.initial and group[0].initial):
        return group[0]
    place = position(entry.cell)
    if not group:
        near = problems.near(names.folded(entry.first_name), groups, 0.6)
        close = ", ".join(pupil.name for name in near for pupil in groups[name])
        fix = (
            f"did you mean {close}? Else add the pupil to the class first"
            if close
            else "add the pupil to the class first"
        )
        problems.add(entry.cell, entry.name, "nobody of that name in the class", fix, place)
        return None
    there = " and ".join(pupil.name for pupil in group)
    if entry.initial:
        wrong, fix = (
            f"the class has {there}, not {entry.name}",
            "correct the initial, or add the pupil to the class first",
        )
    else:
        wrong, fix = f"the class has several of that name: {there}", f"add the initial, such as {group[0].name}"
    problems.add(entry.cell, entry.name, wrong, fix, place)
    return None


def _match_challenges(tracking: Tracking, known: list[KnownChallenge], problems: Problems) -> dict[str, KnownChallenge]:
    by_code = {names.loosely(challenge.code): challenge for challenge in known}
    by_title: dict[str, list[KnownChallenge]] = {}
    for challenge in known:
        for title in {names.loosely(title) for title in challenge.titles.values()} - {""}:
            by_title.setdefault(title, []).append(challenge)
    spelling = {names.loosely(t): (t, challenge) for challenge in known for t in challenge.titles.values()}
    spelling |= {names.loosely(challenge.code): (challenge.code, challenge) for challenge in known}
    found: dict[str, KnownChallenge] = {}
    taken: dict[int, str] = {}
    for column in tracking.challenges:
        header = names.loosely(column.title)
        titled = by_title.get(header) or ([by_code[header]] if header in by_code else [])
        cell, given = (column.code_cell, column.code) if column.code else (column.cell, column.title)
        place = position(cell)
        if column.code:
            challenge_ = by_code.get(names.loosely(column.code))
            if challenge_ is not None and titled and challenge_ not in titled:
                wrong = f"the code of another challenge than the title in {column.cell} ({shown(column.title, 40)})"
                fix = f"write {titled[0].code}, or correct the title"
                problems.add(cell, given, wrong, fix, place)
                continue
        elif len(titled) > 1:
            codes = " or ".join(challenge.code for challenge in titled)
            problems.add(cell, given, "the title of more than one challenge", f"write its code: {codes}", place)
            continue
        else:
            challenge_ = titled[0] if titled else None
        if challenge_ is None:
            near = problems.near(names.loosely(given), spelling, 0.55)
            # Each challenge once, however many of its names are near.
            nearest = {spelling[name][1].challenge_id: spelling[name][0] for name in reversed(near)}
            close = ", ".join(reversed(nearest.values()))
            fix = (
                f"did you mean {close}?"
                if close
                else f"use a title or code of the class's challenges; else delete column {column_name(place[1])}"
            )
            problems.add(cell, given, "no challenge of the class is called that", fix, place)
            continue
        before = taken.setdefault(challenge_.challenge_id, column.cell)
        if before != column.cell:
            fix = "keep one column for each challenge"
            problems.add(cell, given, f"a second column for this challenge (the first is {before})", fix, place)
            continue
        found[column.cell] = challenge_
    return found
