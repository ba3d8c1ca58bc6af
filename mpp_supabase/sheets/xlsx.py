"""Reads the sheets of an .xlsx, part by part, as streams, and trusts nothing in it.

openpyxl would build every cell and every style in memory before anybody could look at them: a file of 53 kB made to
hurt took it 4.7 GB and more than a minute. Here each part goes through defusedxml's parser once, only cells that hold
something are kept, and size, depth, cells and text are counted while reading. Document types, and with them entities,
are refused.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING
from xml.sax import SAXException
from xml.sax.handler import ContentHandler  # nosemgrep: only the interface; the parser is defusedxml's

from defusedxml.common import DefusedXmlException
from defusedxml.sax import make_parser

from mpp_supabase.sheets.cells import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_SHEETS,
    MAX_TEXT,
    MAX_TEXT_IN_ALL,
    Cell,
    Kind,
    Merge,
    Sheet,
    Value,
    address,
    boolean,
    has_sign,
    position,
)
from mpp_supabase.sheets.problems import Problems
from mpp_supabase.typed import joins_unseen, trimmed

if TYPE_CHECKING:
    from xml.sax.xmlreader import AttributesImpl

MAX_UNZIPPED = 50_000_000
MAX_ENTRIES = 2_000
# A sheet whose used range goes to the last row, with a formatted cell in each, has some 2.1 million.
MAX_ELEMENTS = 2_200_000
# Beginnings, ends and pieces of text: the parser tells each line of a text apart.
MAX_EVENTS = 6_000_000
MAX_DEPTH = 40
MAX_MERGES = 10_000
MAX_STYLES = 70_000
MAX_FORMULA = 60

_CHUNK = 1 << 16
# A parser that was given this much and told nothing is inside one endless tag or comment.
_SILENCE = 1_000_000
_ENTRY = b"PK\x01\x02"
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_LAST_SERIAL = 2_958_466
_RESAVE = "open the file in Excel or LibreOffice, save it again as .xlsx and try once more"
_SPLIT = "copy the class's sheet alone into a new workbook and save that"


def read_xlsx(data: bytes, problems: Problems) -> tuple[Sheet, ...]:
    """Return the worksheets of a workbook, hidden ones too, in the order of its tabs. Raises SheetError."""
    try:
        return _Workbook(data, problems).sheets()
    except DefusedXmlException:
        problems.refuse("", None, "the file declares a document type or entities, which no spreadsheet needs", _RESAVE)
    except zipfile.BadZipFile as damage:
        problems.refuse("", str(damage), "the file is damaged", _RESAVE)
    except (SAXException, zlib.error, EOFError, NotImplementedError, RuntimeError, LookupError, ValueError):
        problems.refuse("", None, "the file is damaged, or is no Excel workbook", _RESAVE)


class _Workbook:
    def __init__(self, data: bytes, problems: Problems) -> None:
        self._problems = problems
        # Counted before zipfile makes an object of each.
        if data.count(_ENTRY) > MAX_ENTRIES:
            problems.refuse("", data.count(_ENTRY), f"the file has more than {MAX_ENTRIES} parts", _SPLIT)
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            if self._entries.setdefault(entry.filename.lower(), entry) is not entry:
                problems.refuse("", entry.filename, "the file holds the same part twice", _RESAVE)
        if sum(entry.file_size for entry in self._zip.infolist()) > MAX_UNZIPPED:
            self._too_large()
        self._budget = MAX_UNZIPPED
        self._elements = MAX_ELEMENTS
        self._events = MAX_EVENTS

    def sheets(self) -> tuple[Sheet, ...]:
        self._refuse_other_kinds()
        book = _Book()
        root = next((t for _, kind, t in self._relations("") if kind == "officeDocument"), "xl/workbook.xml")
        if not self._parse(root, book):
            self._problems.refuse("", None, "the file is no Excel workbook", "save the class's sheet as .xlsx")
        relations = self._relations(root)
        styles = _Styles()
        for _, kind, target in relations:
            if kind == "styles":
                self._parse(target, styles)
        parts = {identity: target for identity, kind, target in relations if kind == "worksheet"}
        named = [(name, hidden, parts[part]) for name, hidden, part in book.sheets if part in parts]
        if len(named) > MAX_SHEETS:
            self._problems.refuse("", len(named), f"the workbook has more than {MAX_SHEETS} sheets", _SPLIT)
        left = _Left(MAX_CELLS)
        readers = [(name, hidden, _Rows(left), part) for name, hidden, part in named]
        for _, _, reader, part in readers:
            try:
                self._parse(part, reader)
            except _Enough:
                continue
        strings = _Strings({int(c.raw) for _, _, r, _ in readers for c in r.cells if c.kind == "s" and c.raw.isdigit()})
        if strings.wanted:
            for _, kind, target in relations:
                if kind == "sharedStrings":
                    self._parse(target, strings)
        if strings.too_much or sum(reader.text for _, _, reader, _ in readers) > MAX_TEXT_IN_ALL:
            self._problems.refuse("", None, "the workbook holds far more text than a class does", _SPLIT)
        dates = _Dates(styles, book.since_1904)
        return tuple(_sheet(name, hidden, reader, strings, dates) for name, hidden, reader, _ in readers)

    def _refuse_other_kinds(self) -> None:
        names = self._entries
        if any(name.endswith("vbaproject.bin") for name in names):
            fix = "save it as .xlsx, without macros (File, Save As, Excel Workbook)"
            self._problems.refuse("", None, "the workbook contains macros", fix)
        if "xl/workbook.bin" in names:
            self._problems.refuse("", None, "this is a binary workbook (.xlsb)", "save it as .xlsx (Excel Workbook)")
        if "content.xml" in names or "mimetype" in names:
            fix = "save it as .xlsx (File, Save As, Excel 2007-365)"
            self._problems.refuse("", None, "this is an OpenDocument file (.ods)", fix)
        if "index/document.iwa" in names:
            self._problems.refuse("", None, "this is a Numbers file", "export it from Numbers as Excel (.xlsx)")

    def _relations(self, part: str) -> list[tuple[str, str, str]]:
        folder, name = posixpath.split(part)
        relations = _Relations()
        self._parse(posixpath.join(folder, "_rels", f"{name}.rels"), relations)
        return [
            (identity, kind.rpartition("/")[2], posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/"))
            for identity, kind, target in relations.found
        ]

    def _parse(self, part: str, reader: _Reader) -> bool:
        entry = self._entries.get(part.lower())
        if entry is None:
            return False
        if entry.flag_bits & 1:
            fix = "remove the password (File, Info, Protect Workbook) and save it again"
            self._problems.refuse("", None, "the workbook is protected by a password", fix)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            self._problems.refuse("", None, "the file is compressed in a way Excel does not use", _RESAVE)
        with self._zip.open(entry) as stream:
            self._feed(stream, reader)
        return True

    def _feed(self, stream: IO[bytes], reader: _Reader) -> None:
        parser = make_parser()
        parser.forbid_dtd = True
        parser.setContentHandler(reader)
        silence = events = 0
        elements = reader.elements
        while chunk := stream.read(_CHUNK):
            # What really comes out, whatever the file said about its size.
            self._budget -= len(chunk)
            if self._budget < 0:
                self._too_large()
            parser.feed(chunk)
            self._elements -= reader.elements - elements
            elements = reader.elements
            silence = silence + len(chunk) if reader.events == events else 0
            self._events -= reader.events - events
            events = reader.events
            if min(self._elements, self._events) < 0 or silence > _SILENCE or reader.too_deep:
                self._problems.refuse("", None, "the file holds far more than a class's sheet does", _SPLIT)
        parser.close()

    def _too_large(self) -> None:
        wrong = f"unzipped, the file is larger than {MAX_UNZIPPED // 1_000_000} MB"
        self._problems.refuse("", None, wrong, _SPLIT)


class _Enough(Exception):
    """The sheet is known to be too large: reading on would say nothing more."""


class _Left:
    """How many cells may still be kept, over all sheets."""

    def __init__(self, cells: int) -> None:
        self.cells = cells


class _Reader(ContentHandler):
    """Base of the readers of parts: local names, without their prefixes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0
        self.events = 0
        self.too_deep = False
        self._depth = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self.elements += 1
        self.events += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.too_deep = True
            return
        self.start(name.rpartition(":")[2] if ":" in name else name, attrs)

    def endElement(self, name: str) -> None:
        self.events += 1
        self._depth -= 1
        if not self.too_deep:
            self.end(name.rpartition(":")[2] if ":" in name else name)

    def characters(self, content: str) -> None:
        self.events += 1
        self.said(content)

    def start(self, name: str, attrs: AttributesImpl) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def said(self, content: str) -> None:
        """Some text of the element that is open."""


class _Relations(_Reader):
    """xl/_rels/*.rels: (identity, type, target)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []

    def start(self, name: str, attrs: AttributesImpl) -> None:
        if name == "Relationship" and attrs.get("TargetMode") != "External" and len(self.found) < MAX_ENTRIES:
            self.found.append((attrs.get("Id", "")[:200], attrs.get("Type", "")[:200], attrs.get("Target", "")[:200]))


class _Book(_Reader):
    """xl/workbook.xml: the sheets (name, hidden, relation) and the first day of the calendar."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, bool, str]] = []
        self.since_1904 = False

    def start(self, name: str, attrs: AttributesImpl) -> None:
        if name == "workbookPr":
            self.since_1904 = _is_true(attrs.get("date1904"))
        elif name == "sheet" and len(self.sheets) < MAX_ENTRIES:
            relation = next((attrs[key] for key in attrs.getNames() if key.endswith(":id")), "")
            hidden = attrs.get("state", "visible") != "visible"
            self.sheets.append((trimmed(attrs.get("name", "")[:100]), hidden, relation[:200]))


class _Styles(_Reader):
    """xl/styles.xml: by style, its number format and whether it marks text with a quote prefix."""

    def __init__(self) -> None:
        super().__init__()
        self.formats: dict[str, str] = {}
        self.styles: list[tuple[str, bool]] = []
        self._inside = False

    def start(self, name: str, attrs: AttributesImpl) -> None:
        if name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside and len(self.styles) < MAX_STYLES:
            self.styles.append((attrs.get("numFmtId", "0")[:10], _is_true(attrs.get("quotePrefix"))))
        elif name == "numFmt" and len(self.formats) < MAX_STYLES // 10:
            self.formats[attrs.get("numFmtId", "")[:10]] = attrs.get("formatCode", "")[:300]

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._inside = False


class _Strings(_Reader):
    """xl/sharedStrings.xml: those that some cell uses."""

    def __init__(self, wanted: set[int]) -> None:
        super().__init__()
        self.wanted = wanted
        self.found: dict[int, str] = {}
        self.too_much = False
        self._kept = 0
        self._index = -1
        self._taking = self._phonetic = False
        self._text: list[str] = []
        self._length = 0

    def start(self, name: str, attrs: AttributesImpl) -> None:
        if name == "si":
            self._index += 1
            self._text, self._length = [], 0
        elif name == "rPh":
            self._phonetic = True
        elif name == "t":
            self._taking = not self._phonetic and self._index in self.wanted and not self.too_much

    def said(self, content: str) -> None:
        if self._taking and self._length < MAX_TEXT:
            self._text.append(content[: MAX_TEXT - self._length])
            self._length += len(content)

    def end(self, name: str) -> None:
        if name == "t":
            self._taking = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "si" and self._text:
            text = "".join(self._text)
            self._kept += len(text)
            self.too_much = self._kept > MAX_TEXT_IN_ALL
            if not self.too_much:
                self.found[self._index] = text


class _Raw:
    """A cell as the sheet writes it; its meaning comes from the styles and the shared strings."""

    __slots__ = ("column", "formula", "kind", "raw", "row", "style")

    def __init__(self, row: int, column: int, kind: str, raw: str, style: str, formula: str | None) -> None:
        self.row = row
        self.column = column
        self.kind = kind
        self.raw = raw
        self.style = style
        self.formula = formula


class _Rows(_Reader):
    """xl/worksheets/sheetN.xml: cells that hold something, what is hidden, what is merged."""

    def __init__(self, left: _Left) -> None:
        super().__init__()
        self.cells: list[_Raw] = []
        self.text = 0
        self.hidden_rows: set[int] = set()
        self.hidden_columns: list[tuple[int, int]] = []
        self.merges: list[Merge] = []
        self.beyond: str | None = None
        self._left = left
        self._row = self._column = 0
        self._row_is_hidden = False
        self._cell: AttributesImpl | None = None
        self._taking: list[str] | None = None
        self._length = 0
        self._value: str | None = None
        self._formula: str | None = None
        self._phonetic = False

    def start(self, name: str, attrs: AttributesImpl) -> None:
        if name == "c":
            self._cell, self._value, self._formula = attrs, None, None
            self._column += 1
            place = attrs.get("r")
            if place is not None:
                _, self._column = position(place)
        elif name in ("v", "f") or (name == "t" and not self._phonetic):
            self._taking, self._length = [], 0
        elif name == "row":
            number = attrs.get("r")
            self._row = self._row + 1 if number is None else int(number)
            self._column = 0
            self._row_is_hidden = _is_true(attrs.get("hidden")) or _is_zero(attrs.get("ht"))
        elif name == "rPh":
            self._phonetic = True
        elif name == "col":
            if _is_true(attrs.get("hidden")) or _is_zero(attrs.get("width")):
                columns = (int(attrs["min"]), int(attrs["max"]))
                if len(self.hidden_columns) < MAX_MERGES:
                    self.hidden_columns.append(columns)
        elif name == "mergeCell":
            if len(self.merges) >= MAX_MERGES:
                self.too_deep = True
                return
            first, _, last = attrs["ref"].partition(":")
            self.merges.append(Merge(*position(first), *position(last or first)))

    def said(self, content: str) -> None:
        if self._taking is not None and self._length < MAX_TEXT:
            self._taking.append(content[: MAX_TEXT - self._length])
            self._length += len(content)

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            if self._taking is not None:
                # Rich text comes in several runs.
                self._value = ((self._value or "") + "".join(self._taking))[:MAX_TEXT]
            self._taking = None
        elif name == "f":
            self._formula = "".join(self._taking or ())[:MAX_FORMULA]
            self._taking = None
        elif name == "rPh":
            self._phonetic = False
        elif name == "c" and self._cell is not None:
            if self._formula is not None or (self._value is not None and self._value.strip()):
                self._keep(self._cell)
            self._cell = None

    def _keep(self, cell: AttributesImpl) -> None:
        if self._row > MAX_ROWS or self._column > MAX_COLUMNS or self._left.cells <= 0:
            self.beyond = address(self._row, self._column)
            raise _Enough
        self._left.cells -= 1
        raw = self._value or ""
        self.text += len(raw) + len(self._formula or "")
        if self.text > MAX_TEXT_IN_ALL:
            self.beyond = address(self._row, self._column)
            raise _Enough
        kind, style = cell.get("t", "n")[:20], cell.get("s", "0")[:10]
        self.cells.append(_Raw(self._row, self._column, kind, raw, style, self._formula))
        if self._row_is_hidden:
            self.hidden_rows.add(self._row)


class _Dates:
    """Which styles show a number as a date, and which date it is."""

    def __init__(self, styles: _Styles, since_1904: bool) -> None:
        self._styles = styles
        self._first = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
        self._known: dict[str, bool] = {}

    def quoted(self, style: str) -> bool:
        return self._of(style)[1]

    def shows_date(self, style: str) -> bool:
        number, _ = self._of(style)
        if number not in self._known:
            from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

            builtin = BUILTIN_FORMATS.get(int(number)) if number.isdecimal() else None
            self._known[number] = bool(is_date_format(self._styles.formats.get(number, builtin)))
        return self._known[number]

    def date(self, serial: float) -> datetime | None:
        if not 0 <= serial < _LAST_SERIAL:
            return None
        # Excel's calendar has a 29 February 1900, which never was.
        early = timedelta(days=serial < 60 and self._first.year < 1900)
        moment = self._first + timedelta(days=serial) + early
        return (moment + timedelta(microseconds=500_000)).replace(microsecond=0)

    def _of(self, style: str) -> tuple[str, bool]:
        index = int(style) if style.isdecimal() else 0
        return self._styles.styles[index] if index < len(self._styles.styles) else ("0", False)


def _sheet(name: str, hidden: bool, reader: _Rows, strings: _Strings, dates: _Dates) -> Sheet:
    rows: dict[int, dict[int, Cell]] = {}
    for raw in reader.cells:
        cell = _cell(raw, strings, dates)
        if cell is not None:
            rows.setdefault(raw.row, {})[raw.column] = cell
    return Sheet(
        name=name,
        rows={row: dict(sorted(rows[row].items())) for row in sorted(rows)},
        hidden=hidden,
        hidden_rows=frozenset(reader.hidden_rows & rows.keys()),
        hidden_columns=tuple(reader.hidden_columns),
        merges=tuple(reader.merges),
        beyond=reader.beyond,
    )


def _cell(raw: _Raw, strings: _Strings, dates: _Dates) -> Cell | None:
    def as_cell(kind: Kind, value: Value, escaped: bool = False, unseen: bool = False) -> Cell:
        return Cell(raw.row, raw.column, kind, value, escaped, unseen)

    if raw.formula is not None:
        formula = f"={_unescaped(raw.formula)}"
        said = boolean(formula)
        return as_cell("formula", formula) if said is None else as_cell("boolean", said)
    if raw.kind in ("s", "str", "inlineStr"):
        text = strings.found.get(int(raw.raw), "") if raw.kind == "s" and raw.raw.isdigit() else raw.raw
        typed = _unescaped(text)
        if not (text := trimmed(typed)):
            return None
        return as_cell("text", text, dates.quoted(raw.style) and has_sign(text), joins_unseen(typed))
    if raw.kind == "b":
        return as_cell("boolean", raw.raw.strip() == "1")
    if raw.kind == "e":
        return as_cell("error", raw.raw)
    if raw.kind == "d":
        return as_cell("date", datetime.fromisoformat(raw.raw.strip()).replace(tzinfo=None))
    try:
        number = float(raw.raw)
    except ValueError:
        return as_cell("error", raw.raw)
    if dates.shows_date(raw.style):
        moment = dates.date(number)
        return as_cell("error", raw.raw) if moment is None else as_cell("date", moment)
    return as_cell("number", int(number) if number.is_integer() and abs(number) < 1e15 else number)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _is_zero(value: str | None) -> bool:
    try:
        return value is not None and float(value) == 0
    except ValueError:
        return False
