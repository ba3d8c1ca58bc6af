"""Reads a text file of separated values: .csv as Excel and LibreOffice write it, and Excel's "Unicode text".

The encoding is told by the byte order mark, else it is UTF-8, else Windows' (cp1252). The separator is the one of ; ,
and tab that most lines hold, or what Excel's first line `sep=;` says.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from mpp_supabase.sheets.cells import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT,
    MAX_TEXT_IN_ALL,
    Cell,
    Sheet,
    address,
    boolean,
    has_sign,
    unescape,
)
from mpp_supabase.sheets.problems import Problems
from mpp_supabase.typed import joins_unseen, trimmed

MAX_LINE = 100_000
MAX_LINES_OF_A_ROW = 500
# No spreadsheet program has more rows, empty ones included.
LAST_ROW = 1_048_576

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SEPARATORS = ";\t,"
_UTF8 = 'save it as "CSV UTF-8", or as .xlsx'
_QUOTED = re.compile(r'"[^"]*"')
# What the é and è of an old Mac become when they are read as Windows' letters: LŽa, L ƒo.
_FROM_MAC = re.compile("ƒ|[a-zß-ÿ]Ž|[^\\W\\d_]Ž[a-z]")


def read_delimited(data: bytes, problems: Problems) -> tuple[Sheet, ...]:
    """Return the one sheet of a .csv; its name is empty. Raises SheetError."""
    text = _decoded(data, problems)
    lines = _Lines(text, problems)
    separator = lines.declared or _separator(text)
    rows: dict[int, dict[int, Cell]] = {}
    cells = length = 0
    beyond = None
    reader = csv.reader(lines, delimiter=separator, strict=True)
    number = 1 if lines.declared else 0
    try:
        for fields in reader:
            number += 1
            lines.row_done()
            if number > LAST_ROW:
                beyond = address(number, 1)
                break
            for column, field in enumerate(fields, start=1):
                if not field or not (value := trimmed(field)):
                    continue
                if number > MAX_ROWS or column > MAX_COLUMNS or cells == MAX_CELLS or length > MAX_TEXT_IN_ALL:
                    beyond = address(number, column)
                    break
                value, escaped = unescape(value[:MAX_TEXT])
                cells += 1
                length += len(value)
                # A single - or +1 is no formula, and what begins with + or - in a name is refused with the names.
                computed = not escaped and has_sign(value) and len(value) > 1 and value[0] not in "+-＋－"
                said = boolean(value) if computed else None
                if said is None:
                    cell = Cell(number, column, "formula" if computed else "text", value, escaped, joins_unseen(field))
                else:
                    cell = Cell(number, column, "boolean", said)
                rows.setdefault(number, {})[column] = cell
            if beyond:
                break
    except csv.Error as wrong:
        fix = 'close every quotation mark, and write a " inside a text as ""'
        problems.refuse(f"{number + 1}:{number + 1}", str(wrong), "the row cannot be read", fix)
    return (Sheet("", rows, beyond=beyond),)


class _Lines:
    """The lines of a text, none longer than a class's sheet needs, and no row of endlessly many."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._stream = io.StringIO(text, newline="")
        self._problems = problems
        self._number = self._since_row = 0
        first = self._stream.readline(20).strip().strip('"').lower()
        self.declared = first[4] if re.fullmatch("sep=[;,|]", first) else "\t" if first == "sep=" else ""
        if not self.declared:
            self._stream.seek(0)

    def row_done(self) -> None:
        self._since_row = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE + 1):
            self._number += 1
            self._since_row += 1
            if len(line) > MAX_LINE or self._since_row > MAX_LINES_OF_A_ROW:
                fix = "save the class's sheet alone as .csv or .xlsx; is a quotation mark left open?"
                self._problems.refuse("", None, f"line {self._number} is far longer than a class's sheet needs", fix)
            yield line


def _decoded(data: bytes, problems: Problems) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding:
            problems.refuse("", None, f"the text is not {encoding[:6].upper()}, though it begins as if", _UTF8)
        text = _from_windows(data, problems)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problems.refuse("", None, f"line {line} holds NUL bytes: this is not a plain .csv", _UTF8)
    return text


def _from_windows(data: bytes, problems: Problems) -> str:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if not text or _FROM_MAC.search(text):
        problems.refuse("", None, "the encoding of the text is not known: accents would be wrong", _UTF8)
    return text


def _separator(text: str) -> str:
    stream = io.StringIO(text, newline="")
    lines = [_QUOTED.sub("", stream.readline(MAX_LINE)) for _ in range(60)]
    return max(_SEPARATORS, key=lambda s: (sum(s in line for line in lines), sum(line.count(s) for line in lines)))
