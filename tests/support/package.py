"""Builds .xlsx files by hand, part by part, so that a test can write what Excel writes, or what an attacker would."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

RELATIONS = (
    f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{OFFICE}/{{}}" Target="{{}}"/></Relationships>'
)


def parts(
    rows: str, *, before: str = "", after: str = "", book: str = "", more: Mapping[str, str] = {}
) -> dict[str, str]:
    """Return the parts of a workbook of one sheet; `rows` is what stands in its <sheetData>."""
    more = more or {}
    others = {"xl/styles.xml": "styles", "xl/sharedStrings.xml": "sharedStrings"}
    relations = "".join(
        f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{part[3:]}"/>'
        for part, kind in others.items()
        if part in more
    )
    sheet = '<sheet name="Feuil1" sheetId="1" r:id="sheet1"/>'
    return {
        "_rels/.rels": RELATIONS.format("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheet}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}<Relationship Id="sheet1" '
        f'Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>',
        **more,
    }


def write(path: Path, contents: Mapping[str, str]) -> Path:
    """Write the parts as an .xlsx; quickly, since some are large."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, text in contents.items():
            package.writestr(name, text)
    return path


def text(value: str) -> str:
    """Return a cell of inline text, without an address."""
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def row(*values: str, attributes: str = "") -> str:
    """Return a row of inline texts; an empty text is an empty cell."""
    return f"<row{attributes}>{''.join(text(value) if value else '<c/>' for value in values)}</row>"
