"""Cells and sheets as plain values, whatever file they came from, and how large they may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from mpp_supabase.typed import trimmed

MAX_BYTES = 10_000_000
MAX_ROWS = 2_000
MAX_COLUMNS = 300
MAX_CELLS = 100_000
MAX_SHEETS = 100
MAX_TEXT = 2_000
MAX_TEXT_IN_ALL = 4_000_000

Kind: TypeAlias = Literal["text", "number", "date", "boolean", "error", "formula"]
Value: TypeAlias = str | int | float | bool | datetime

# What makes a spreadsheet program compute a text instead of showing it; the wide forms count in some editions.
SIGNS = "=+-@＝＋－＠"

_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})\Z")
# What LibreOffice makes of a TRUE that is typed, and Excel of one that is chosen from its functions.
_BOOLEAN = {
    f"={word}{end}": word in ("TRUE", "VRAI", "WAHR")
    for word in ("TRUE", "VRAI", "WAHR", "FALSE", "FAUX", "FALSCH")
    for end in ("()", "")
}
_MARKED = re.compile(f"'+[{re.escape(SIGNS)}]")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell that holds something: row and column from 1.

    Text is trimmed (mpp_supabase.typed). `escaped` marks text that begins with a sign such as = and says of itself that
    it is text: the quote prefix of Excel, or the ' of an export as .csv. `unseen` marks text that had a space without
    width between two letters, which trimming made a plain one.
    """

    row: int
    column: int
    kind: Kind
    value: Value
    escaped: bool = False
    unseen: bool = False

    @property
    def address(self) -> str:
        """As spreadsheet programs say it: B7."""
        return address(self.row, self.column)

    @property
    def place(self) -> tuple[int, int]:
        """Row and column: the order of reading."""
        return self.row, self.column

    @property
    def text(self) -> str:
        """The value as somebody sees it."""
        if isinstance(self.value, datetime):
            whole = self.value.hour == self.value.minute == self.value.second == 0
            return f"{self.value:%d/%m/%Y}" if whole else f"{self.value:%d/%m/%Y %H:%M}"
        if isinstance(self.value, bool):
            return "TRUE" if self.value else "FALSE"
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged range: first row and column, last row and column."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @property
    def range(self) -> str:
        """As spreadsheet programs say it: A1:D1."""
        return f"{address(self.first_row, self.first_column)}:{address(self.last_row, self.last_column)}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its non-empty cells by row and column. `beyond`: the first cell outside the limits, if any."""

    name: str
    rows: dict[int, dict[int, Cell]]
    hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: tuple[tuple[int, int], ...] = ()
    merges: tuple[Merge, ...] = ()
    beyond: str | None = None


def column_name(column: int) -> str:
    """Return the letters of a column: 1 is A, 28 is AB."""
    letters = ""
    while column > 0:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def address(row: int, column: int) -> str:
    """Return the address of a cell: (7, 2) is B7."""
    return f"{column_name(column)}{row}"


def position(place: str) -> tuple[int, int]:
    """Return the row and column of an address. Raises ValueError when it is none."""
    found = _PLACE.match(place)
    if found is None:
        raise ValueError(f"not the address of a cell: {place[:20]!r}")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]), column


def has_sign(text: str) -> bool:
    """Whether a spreadsheet program might compute this text (= + - @) instead of showing it."""
    return text[:1] in tuple(SIGNS)


def boolean(formula: str) -> bool | None:
    """Return what =TRUE() and its like say, None for a formula that has to be computed."""
    return _BOOLEAN.get(formula.replace(" ", "").upper())


def escape(text: str) -> str:
    """Return trimmed text as a .csv may hold it: a ' before what would be computed."""
    text = trimmed(text)
    return f"'{text}" if has_sign(text) or _MARKED.match(text) else text


def unescape(text: str) -> tuple[str, bool]:
    """Return the text of a .csv without the ' that `escape` put there, and whether there was one."""
    return (text[1:], True) if _MARKED.match(text) else (text, False)
