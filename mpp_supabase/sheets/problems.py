"""What is wrong in a spreadsheet, told by file, sheet, cell, value and fix; everything found at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from mpp_supabase.errors import MPPError
from mpp_supabase.files._yaml import shown

MAX_PROBLEMS = 500
MAX_GUESSES = 20
SHOWN_CELLS = 20


@dataclass(frozen=True, slots=True)
class SheetProblem:
    """One thing wrong, and its fix.

    `cell` is an address (B7), a range (A3:B3), a row (7:7), a column (C:C), or "" for the whole sheet; `sheet` is ""
    in a .csv and when the whole file is meant; `value` is what stands there, shortened for one line.
    """

    file: str
    sheet: str
    cell: str
    value: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.sheet}!{self.cell}" if self.sheet and self.cell else self.sheet or self.cell
        where = f"{self.file}: {place}" if place else self.file
        value = f" ({self.value})" if self.value else ""
        return f"{where}: {self.problem}{value} — {self.fix}"


def as_fix(hint: str) -> str:
    """A hint of the database, which is a sentence, as a fix, which goes on after a dash."""
    return hint[:1].lower() + hint[1:].rstrip(".")


class SheetError(MPPError):
    """A spreadsheet is wrong. `problems` lists everything found, in reading order; `str()` is one line for each."""

    code = "sheet"

    def __init__(self, file: str, problems: Iterable[SheetProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem" + ("s" if len(self.problems) != 1 else "")
        super().__init__(f"{file}: {count}", "Correct the spreadsheet; nothing was changed.")

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def addresses(cells: Sequence[str]) -> str:
    """Return the addresses of cells with one and the same problem: B7, or B7, B9 and 31 more."""
    more = len(cells) - SHOWN_CELLS
    listed = ", ".join(cells[:SHOWN_CELLS])
    return f"{listed} and {more} more" if more > 0 else listed


class Problems:
    """Collects the problems of one sheet of one file. At most MAX_PROBLEMS are kept, and the last line says so."""

    def __init__(self, file: str, sheet: str = "") -> None:
        self.file = file
        self.sheet = shown(sheet, 100)
        self._found: dict[SheetProblem, tuple[int, int]] = {}
        self._cells: set[str] = set()
        self._left_out = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def names(self, cell: str) -> bool:
        """Whether something is wrong with this very cell already: what follows from that is not told too."""
        return cell in self._cells

    def near(self, text: str, known: Iterable[str], cutoff: float) -> list[str]:
        """Return what was probably meant, the nearest first; nothing any more when there is much to correct already.

        Looking for the nearest takes its time, and a sheet of another class has a wrong name in every row.
        """
        return [] if len(self._found) >= MAX_GUESSES else get_close_matches(text, known, n=3, cutoff=cutoff)

    def add(self, cell: str, value: object, problem: str, fix: str, place: tuple[int, int] = (0, 0)) -> None:
        """Note a problem; `place` (row, column) puts it in order."""
        if len(self._found) >= MAX_PROBLEMS:
            self._left_out += 1
            return
        text = "" if value is None else shown(value)
        found = SheetProblem(self.file, self.sheet, cell, text, shown(problem, 500), shown(fix, 500))
        self._found.setdefault(found, place)
        self._cells.add(cell)

    def refuse(self, cell: str, value: object, problem: str, fix: str) -> NoReturn:
        """Raise SheetError with this problem and those already found: nothing more can be read."""
        self.add(cell, value, problem, fix)
        raise self.error()

    def check(self) -> None:
        """Raise SheetError when anything was found."""
        if self._found:
            raise self.error()

    def error(self) -> SheetError:
        """Return the error that holds everything found."""
        ordered = sorted(self._found, key=lambda problem: self._found[problem])
        if self._left_out:
            more = f"{self._left_out} more problems of the same kinds"
            ordered.append(SheetProblem(self.file, self.sheet, "", "", more, "correct these first"))
        return SheetError(self.file, ordered)
