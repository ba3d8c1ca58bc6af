"""Reads reports back, as somebody with a browser, a PDF reader or a spreadsheet program would."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import openpyxl
import pypdf

NARROW = "\u202f"


@dataclass
class Page:
    """What a browser finds: elements with their attributes, sections by id, and the rows of each section's table."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    headings: dict[str, str] = field(default_factory=dict)
    cards: dict[str, list[str]] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)
    styles: str = ""
    text: str = ""

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.section = ""
        self.inside: list[str] = []
        self.card = ""
        self.again = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.page.elements.append((tag, given))
        if tag not in ("meta", "link", "br", "img", "input"):
            self.inside.append(tag)
        if tag == "section":
            self.section = given["id"]
        elif tag == "table":
            # A long narrow table stands in pieces, each under the same headings.
            self.again = self.section in self.page.tables
            self.page.tables.setdefault(self.section, [])
        elif tag == "tr":
            self.page.tables[self.section].append([])
        elif tag in ("th", "td"):
            self.page.tables[self.section][-1].append("")
        elif tag == "h2" and self.section:
            self.page.headings[self.section] = ""
        elif tag == "dt":
            self.card = ""
        elif tag == "dd":
            self.page.cards[self.card].append("")
        elif tag == "li" and self.section == "advice":
            self.page.advice.append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag, tag
        if tag == "section":
            self.section = ""
        elif tag == "thead" and self.again:
            rows = self.page.tables[self.section]
            assert rows.pop() == rows[0]

    def handle_data(self, data: str) -> None:
        if "style" in self.inside:
            self.page.styles += data
            return
        self.page.text += data
        last = self.inside[-1] if self.inside else ""
        if last in ("th", "td"):
            self.page.tables[self.section][-1][-1] += data
        elif last == "h2" and self.section:
            self.page.headings[self.section] += data
        elif last == "dt":
            self.card = data
            self.page.cards[data] = []
        elif last == "dd":
            self.page.cards[self.card][-1] += data
        elif last == "li" and self.section == "advice":
            self.page.advice[-1] += data


def read_page(content: bytes) -> Page:
    reader = _Reader()
    reader.feed(content.decode())
    reader.close()
    assert not reader.inside
    return reader.page


def read_pdf(content: bytes) -> str:
    """All the text of a PDF, with every kind of space as one."""
    reader = pypdf.PdfReader(io.BytesIO(content))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).replace("\u200b", "").split())


def read_workbook(content: bytes) -> dict[str, list[list[Any]]]:
    """The values of each sheet by its name."""
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    return {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in workbook}


def shown(value: Any, language: str) -> str:
    """A value of the data as a reader of this language expects it, written without the code under test."""
    point, thousands = (",", NARROW) if language == "fr" else (".", ",")
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, (date, datetime)):
        months = _MONTHS[language].split()
        day = "1er" if language == "fr" and value.day == 1 else str(value.day)
        return f"{day} {months[value.month - 1]}"
    if isinstance(value, int):
        return f"{abs(value):,}".replace(",", thousands).join(("−" if value < 0 else "", ""))
    cents = int((Decimal(str(value)) * 1000 + 5) // 10)
    return f"{cents // 100:,}".replace(",", thousands) + f"{point}{cents % 100:02d}"


def spaced(text: str) -> str:
    return " ".join(text.split())


_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}
