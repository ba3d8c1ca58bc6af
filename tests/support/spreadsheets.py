"""Spreadsheets as a teacher would make them, for the tests of services and commands."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

Row = Sequence[object]


def write_sheet(path: Path, *rows: Row) -> Path:
    """Write rows as .xlsx or .csv, by the ending of the path."""
    if path.suffix == ".xlsx":
        from openpyxl import Workbook

        workbook = Workbook()
        sheet = workbook.worksheets[0]
        sheet.title = "Classe"
        for row in rows:
            sheet.append(list(row))
        workbook.save(path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows(rows)
    return path
