"""Writes a report as a workbook: a sheet for each table, figures as numbers and days as dates."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from mpp_supabase.reports.layout import NUMBERS, Kind, Layout, Table, Value, written
from mpp_supabase.reports.wording import Words
from mpp_supabase.sheets.cells import column_name, has_sign

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

_FORMATS: dict[Kind, str] = {
    "count": "#,##0",
    "rank": "0",
    "decimal": "#,##0.00",
    "change": "+#,##0;-#,##0;0",
    "date": "dd/mm/yyyy",
}
_DECIMAL_CHANGE = "+#,##0.00;-#,##0.00;0.00"
_NOT_IN_A_TITLE = re.compile(r"[\[\]:*?/\\'<>|]")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FOREST, _PALE, _LINE = "1F5C3F", "EFF6EA", "D5E3DA"
_FONT = "Calibri"
_WIDEST = 60


def write_workbook(layout: Layout, words: Words) -> bytes:
    """Return the workbook; its first sheet says what it is and holds the key figures and the advice."""
    from openpyxl import Workbook

    workbook = Workbook()
    first = workbook.worksheets[0]
    first.title = _sheet_title(workbook, layout.title)
    _front(first, layout, words)
    for section in layout.sections:
        if section.table is not None and not section.cards:
            sheet = workbook.create_sheet(_sheet_title(workbook, section.title))
            _table(sheet, 1, section.table, words)
            sheet.freeze_panes = "A2"
            rows = _rows(section.table)
            sheet.auto_filter.ref = f"A1:{column_name(len(section.table.columns))}{len(rows) + 1}"
            sheet.print_title_rows = "1:1"
            if section.note:
                _put(sheet, len(rows) + 3, 1, section.note, "text")
    for sheet in workbook.worksheets:
        _print(sheet)
    workbook.properties.title, workbook.properties.creator = layout.file_title, layout.brand
    workbook.properties.created = datetime.combine(layout.day, time(12))
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def _front(sheet: Worksheet, layout: Layout, words: Words) -> None:
    from openpyxl.styles import Font

    _put(sheet, 1, 1, f"{layout.title} · {layout.organisation}", "text").font = Font(
        name=_FONT, bold=True, size=15, color=_FOREST
    )
    row = 2
    for line in layout.lines:
        _put(sheet, row, 1, line, "text")
        row += 1
    for section in layout.sections:
        if section.cards and section.table is not None:
            row = _table(sheet, row + 1, section.table, words)
        for text in section.texts if section.table is None else ():
            _put(sheet, row + 1, 1, text, "text")
            row += 1
        if section.points:
            _put(sheet, row + 1, 1, section.title, "text").font = Font(name=_FONT, bold=True, color=_FOREST)
            row += 2
            for point in section.points:
                _put(sheet, row, 1, point, "text")
                row += 1
    _put(sheet, row + 1, 1, layout.about_title, "text").font = Font(name=_FONT, bold=True, color=_FOREST)
    for number, line in enumerate(layout.about, start=row + 2):
        _put(sheet, number, 1, line, "text")
    sheet.column_dimensions["A"].width = 34
    for name in ("B", "C"):
        sheet.column_dimensions[name].width = 14


def _table(sheet: Worksheet, top: int, table: Table, words: Words) -> int:
    """Write a table with its headings in row `top` and return the row under it."""
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

    centre = Alignment(horizontal="center")
    line = Border(bottom=Side(style="thin", color=_LINE))
    fill = PatternFill("solid", fgColor=_PALE)
    bold, right, left = (
        Font(name=_FONT, bold=True),
        Alignment(horizontal="right"),
        Alignment(horizontal="left", vertical="top"),
    )
    wrapped = Alignment(horizontal="left", vertical="top", wrap_text=True)
    for place, column in enumerate(table.columns, start=1):
        cell = _put(sheet, top, place, column.title, "text")
        cell.font, cell.fill, cell.border = bold, fill, Border(bottom=Side(style="medium", color=_FOREST))
        cell.alignment = Alignment(
            horizontal="center" if column.kind == "rank" else "right" if column.kind in NUMBERS else "left",
            vertical="center",
            wrap_text=True,
        )
    rows = _rows(table)
    for number, row in enumerate(rows):
        for place, value in enumerate(row):
            kind = table.kind(number, place)
            cell = _put(sheet, top + 1 + number, place + 1, _cell_value(value, kind, words), kind)
            cell.border = line
            wraps = isinstance(value, str) and len(value) + 2 > _WIDEST
            cell.alignment = centre if kind == "rank" else right if kind in NUMBERS else wrapped if wraps else left
    sheet.row_dimensions[top].height = 32
    for place, column in enumerate(table.columns):
        shown = [written(row[place], table.kind(number, place), words) for number, row in enumerate(rows)]
        sheet.column_dimensions[column_name(place + 1)].width = _width(column.title, column.kind, shown)
    return top + 1 + len(rows)


def _rows(table: Table) -> tuple[tuple[Value, ...], ...]:
    return table.rows if table.sheet_rows is None else table.sheet_rows


def _cell_value(value: Value, kind: Kind, words: Words) -> str | int | float | date | None:
    if value is None or isinstance(value, (int, date)):
        return value
    return float(value) if isinstance(value, Decimal) else written(value, kind, words)


def _put(sheet: Worksheet, row: int, column: int, value: str | int | float | date | None, kind: Kind) -> Cell:
    cell = cast("Cell", sheet.cell(row, column))
    if value is None:
        return cell
    if not isinstance(value, str):
        cell.value = value
        decimal_change = kind == "change" and isinstance(value, float)
        cell.number_format = _DECIMAL_CHANGE if decimal_change else _FORMATS.get(kind, "General")
        return cell
    cell.value = _UNWRITABLE.sub("", value)
    # openpyxl takes what begins with = for a formula.
    cell.data_type = "s"
    if has_sign(value):
        cell.quotePrefix = True
    return cell


def _width(title: str, kind: Kind, shown: Sequence[str]) -> float:
    words_of_title = max(len(word) for word in title.split())
    longest = max((len(text) for text in shown), default=0)
    least = 11 if kind in NUMBERS else 14
    return min(_WIDEST, max(least, words_of_title + 3, longest + 3))


def _sheet_title(workbook: Workbook, title: str) -> str:
    """A name that spreadsheet programs accept: 31 characters, some signs left out, once in a workbook."""
    name = _NOT_IN_A_TITLE.sub("", title).strip()[:31].strip()
    taken, number, found = {one.casefold() for one in workbook.sheetnames}, 2, name
    while found.casefold() in taken:
        found, number = f"{name[:28]} {number}", number + 1
    return found


def _print(sheet: Worksheet) -> None:
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
