"""Writes rosters and tracking sheets in exactly the form that reading accepts; without pupils or marks, as templates.

What a spreadsheet program might compute (= + - @) is written as text: with a quote prefix in .xlsx, with a ' in .csv,
which reading takes away. A file appears whole under its name, or not at all.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias
from uuid import UUID

from mpp_supabase.files._files import written_whole
from mpp_supabase.sheets.cells import column_name, escape, has_sign
from mpp_supabase.sheets.instructions import LANGUAGES, Words
from mpp_supabase.sheets.problems import Problems
from mpp_supabase.sheets.roster import KnownPupil, RosterPupil
from mpp_supabase.sheets.tracking import MAX_TIMES, KnownChallenge
from mpp_supabase.typed import trimmed

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

Done: TypeAlias = int | date
"""How often a challenge was done, or the day it was done once."""

_Row: TypeAlias = Sequence[str | int | date | None]

_GREEN, _GREY, _LINE = "E2F0D9", "808080", "BFBFBF"
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DATE = "dd/mm/yyyy"
_FONT = "Calibri"


@dataclass(frozen=True, slots=True)
class _Layout:
    """A sheet to write: header rows and pupils, and how they look."""

    title: str
    header: _Row
    below: tuple[_Row, ...]
    pupils: tuple[_Row, ...]
    how_to: tuple[str, ...]
    words: Words
    marks_from: int


def write_roster(path: str | Path, pupils: Iterable[KnownPupil | RosterPupil] = (), language: str = "fr") -> None:
    """Write a class's roster as .xlsx or .csv; without pupils it is a template. `language`: fr, en or de.

    Raises SheetError when the extension is another or the file cannot be written; nothing half-written stays.
    """
    words = _words(path, language)
    rows = tuple((p.first_name, p.initial, p.team) for p in pupils)
    header = (words.first_name, words.initial, words.team)
    _write(path, _Layout(words.roster, header, (), rows, words.on_roster, words, len(header) + 1))


def write_tracking(
    path: str | Path,
    pupils: Iterable[KnownPupil],
    challenges: Iterable[KnownChallenge],
    marks: Mapping[tuple[UUID | str, int], Done] | None = None,
    language: str = "fr",
) -> None:
    """Write a class's tracking sheet as .xlsx or .csv; without marks it is a template. `language`: fr, en or de.

    `marks` says for (pupil_id, challenge_id) how often a challenge was done, or the day it was done once; more than 99
    times are written as 99. Raises SheetError when the extension is another or the file cannot be written.
    """
    words = _words(path, language)
    columns = list(challenges)
    done = {(str(pupil), challenge): mark for (pupil, challenge), mark in (marks or {}).items()}
    header = (words.first_name, words.initial, words.team, *(_title(c, language) for c in columns))
    codes = (words.code, None, None, *(c.code for c in columns))
    points = (words.points, None, None, *(c.points for c in columns))
    below = (codes, points) if any(c.points is not None for c in columns) else (codes,)
    rows = tuple(
        (p.first_name, p.initial, p.team, *(_mark(done.get((str(p.pupil_id), c.challenge_id))) for c in columns))
        for p in pupils
    )
    _write(path, _Layout(words.tracking, header, below, rows, words.on_tracking, words, 4))


def _words(path: str | Path, language: str) -> Words:
    if language not in LANGUAGES:
        fix = f"choose one of {', '.join(LANGUAGES)}"
        Problems(Path(path).name).refuse("", language, "there are no sheets in this language", fix)
    return LANGUAGES[language]


def _title(challenge: KnownChallenge, language: str) -> str:
    titles = challenge.titles
    return next((titles[key] for key in (language, "fr", "en", *titles) if titles.get(key)), challenge.code)


def _mark(done: Done | None) -> str | int | date | None:
    if done is None or isinstance(done, date):
        return done
    return None if done < 1 else "x" if done == 1 else min(done, MAX_TIMES)


def _write(path: str | Path, layout: _Layout) -> None:
    path = Path(path)
    writers: dict[str, Callable[[IO[bytes], _Layout], None]] = {".xlsx": _write_xlsx, ".csv": _write_csv}
    problems = Problems(path.name)
    writer = writers.get(path.suffix.lower())
    if writer is None:
        problems.refuse(
            "", path.suffix, "only .xlsx and .csv files can be written", "give the file one of these endings"
        )
    try:
        with written_whole(path) as file:
            writer(file, layout)
    except OSError as failure:
        problems.refuse(
            "", failure.strerror, "the file cannot be written", "check the folder, its rights and its space"
        )


def _write_csv(file: IO[bytes], layout: _Layout) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for row in (layout.header, *layout.below, *layout.pupils):
        writer.writerow([_as_text(value) for value in row])
    text.detach()


def _as_text(value: str | int | date | None) -> str:
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return escape(value) if isinstance(value, str) else "" if value is None else str(value)


def _write_xlsx(file: IO[bytes], layout: _Layout) -> None:
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = layout.title
    for number, row in enumerate((layout.header, *layout.below, *layout.pupils), start=1):
        for column, value in enumerate(row, start=1):
            if value is not None and value != "":
                _put(sheet, number, column, value)
    _format(sheet, layout)
    _how_to(workbook, layout)
    workbook.save(file)


def _put(sheet: Worksheet, row: int, column: int, value: str | int | date) -> None:
    cell = sheet.cell(row, column)
    if not isinstance(value, str):
        cell.value = value
        if isinstance(value, date):
            cell.number_format = _DATE
        return
    text = trimmed(_UNWRITABLE.sub("", value))
    cell.value = text
    # openpyxl takes what begins with = for a formula.
    cell.data_type = "s"
    if has_sign(text):
        cell.quotePrefix = True


def _format(sheet: Worksheet, layout: _Layout) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.worksheet.properties import PageSetupProperties

    tracking = bool(layout.below)
    line = Side(style="thin", color=_LINE)
    border = Border(left=line, right=line, top=line, bottom=line)
    centred = Alignment(horizontal="center", vertical="center")
    fill = PatternFill("solid", fgColor=_GREEN)
    last_header = 1 + len(layout.below)
    # An empty roster shows where its rows go; an empty tracking sheet has its pupils already.
    last_row = last_header + max(len(layout.pupils), 0 if tracking else 30)
    for row in range(1, last_row + 1):
        for column in range(1, len(layout.header) + 1):
            cell = sheet.cell(row, column)
            cell.border = border
            if row == 1:
                cell.font, cell.fill = Font(name=_FONT, bold=True), fill
                cell.alignment = Alignment(
                    horizontal="center" if column > 1 else None, vertical="center", wrap_text=True
                )
            elif row <= last_header:
                cell.font = Font(name=_FONT, size=8, color=_GREY)
                cell.alignment = Alignment(horizontal="center" if column > 1 else None, shrink_to_fit=True)
            elif column == 2 or column >= layout.marks_from:
                cell.alignment = centred
    sheet.column_dimensions["A"].width = 20
    sheet.column_dimensions["B"].width = 9
    sheet.column_dimensions["C"].width = 18
    for column in range(layout.marks_from, len(layout.header) + 1):
        sheet.column_dimensions[column_name(column)].width = 14
    longest = max((len(str(title)) for title in layout.header), default=0)
    sheet.row_dimensions[1].height = 15 * min(8, 1 + longest // 11) if tracking else 20
    sheet.freeze_panes = f"{'D' if tracking else 'A'}{last_header + 1}"
    sheet.page_setup.orientation = "landscape" if tracking else "portrait"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = f"1:{last_header}"


def _how_to(workbook: Workbook, layout: _Layout) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet = workbook.create_sheet(layout.words.how_to)
    sheet.column_dimensions["A"].width = 90
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.cell(1, 1, layout.words.how_to).font = Font(name=_FONT, bold=True, size=14)
    for number, text in enumerate(layout.how_to, start=3):
        sheet.cell(number, 1, text).alignment = Alignment(wrap_text=True, vertical="top")
