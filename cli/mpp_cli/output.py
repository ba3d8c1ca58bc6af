"""How every command prints: tables for people, --json and --csv for programs; data on stdout, messages on stderr."""

from __future__ import annotations

import functools
import inspect
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from mpp_cli.exits import Exit

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header line, for spreadsheets.")]

Record = Any
"""A model of mpp_supabase, or a dict of plain values."""

# Control, format, surrogate, private and unassigned characters, and line separators.
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_FORMULA = re.compile(r"(\A|[;,|]\s*)(?=[=+\-@＝＋－＠\t\n])")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table for people: its header, how its text is found in a row, and which side it leans to.

    Only a column that `folds` may go on over several lines: an id, a code or a date in two parts cannot be copied. One
    that is `optional` is left out when it has nothing to say.
    """

    header: str
    text: Callable[[Any], object]
    right: bool = False
    folds: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """How a command prints what it found: as a table for people unless programs get JSON or CSV."""

    as_json: bool = False
    as_csv: bool = False

    @property
    def for_programs(self) -> bool:
        """Whether it is JSON or CSV."""
        return self.as_json or self.as_csv

    def rows(
        self,
        records: Iterable[Record],
        columns: Sequence[Column],
        *,
        fields: type[BaseModel] | Sequence[str],
        empty: str = "Nothing to show.",
    ) -> int:
        """Print records and return how many there were.

        JSON is a list of objects with every field, CSV a header and a line each (`fields`, or the model that has them,
        name the columns even when there is no row); both are written as the records come. A table shows `columns`, or
        says `empty` on stderr.
        """
        if self.as_json:
            return _json_rows(records)
        if self.as_csv:
            return _csv_rows(records, tuple(fields.model_fields) if isinstance(fields, type) else fields)
        found = table(records, columns)
        if found.row_count:
            console(least=_least_width(found)).print(found)
        else:
            say(empty)
        return found.row_count

    def record(self, value: Record, lines: Sequence[tuple[str, object]] = ()) -> None:
        """Print one record: `lines` of name and value for people, an object in JSON, a header and one line in CSV."""
        if self.as_json:
            print(json.dumps(plain(value), ensure_ascii=False, indent=2))
            return
        if self.as_csv:
            _csv_rows([value], list(plain(value)))
            return
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, text in lines:
            grid.add_row(name, _cell(text))
        console().print(grid)


def formatted(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --json and --csv; it takes what was asked for as `out`, an Output."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "out"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("as_json", Json), ("as_csv", Csv))
    ]

    @functools.wraps(command)
    def run(*args: Any, as_json: bool, as_csv: bool, **given: Any) -> None:
        if as_json and as_csv:
            raise typer.BadParameter("choose --json or --csv, not both", param_hint="--csv")
        command(*args, **given, out=Output(as_json, as_csv))

    # Typer reads both; what is a type already need not be evaluated again.
    run.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *options]}
    return run


def say(message: str) -> None:
    """Tell the person at the terminal something; never part of the data."""
    print(clean(message), file=sys.stderr)


def say_sheet(read: str, others: Sequence[str]) -> None:
    """Tell which sheet of a workbook was read, where it has others."""
    if others:
        say(f"Read from the sheet {read}; not read: {first_of(others)}.")


def first_of(names: Sequence[str]) -> str:
    """The first twenty, and how many more there are."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more


def confirm(question: str, *, yes: bool) -> None:
    """Ask before doing what cannot be undone. Without a terminal nobody can answer: it is refused unless `--yes`."""
    if yes:
        return
    if not sys.stdin.isatty():
        say(f"mpp: {question} Nobody can answer here: add --yes.")
        raise typer.Exit(Exit.USAGE)
    if not typer.confirm(clean(question), default=False, err=True):
        say("Nothing was changed.")
        raise typer.Exit(Exit.REFUSED)


def retype(question: str, word: str, given: str | None) -> None:
    """Ask for a word once more before doing what nobody can undo; `given` is what an option says in its place.

    Without a terminal nobody can type: it is refused unless the option repeats the word.
    """
    if given is None and not sys.stdin.isatty():
        say(f"mpp: {question} Nobody can type here: add --retype {word}")
        raise typer.Exit(Exit.USAGE)
    typed = given if given is not None else typer.prompt(clean(f"{question} Type {word} again"), err=True)
    if typed.strip().casefold() != word.casefold():
        say(f"That is not {word}. Nothing was changed.")
        raise typer.Exit(Exit.REFUSED)


@contextmanager
def progress(every: int = 0) -> Iterator[Callable[[str, int, int], None]]:
    """Lines of progress on stderr, one for each stage: call what is given with the stage, how much is done and of what.

    They are bars on a terminal. Elsewhere a plain line is said whenever `every` more are done; none without it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    stages: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=28), MofNCompleteColumn())
    bars = Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True
    )

    def show(stage: str, done: int, total: int) -> None:
        if bars.disable:
            if every and done % every == 0 and done < total:
                say(f"{stage}: {number(done)} of {number(total)}")
            return
        if stage not in stages:
            stages[stage] = bars.add_task(stage, total=total)
        bars.update(stages[stage], completed=done, total=total)

    with bars:
        yield show


def console(least: int = 0) -> Console:
    """The terminal of stdout, at `least` so wide; unlimited when it is a pipe, so that nothing is cut.

    NO_COLOR is respected.
    """
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            # Rich would end the process with 1; main() knows what to answer.
            raise BrokenPipeError

    wide = None if sys.stdout.isatty() else 100_000
    made = Terminal(file=sys.stdout, width=wide, highlight=False, markup=False, emoji=False, soft_wrap=wide is not None)
    # The terminal itself goes on to the next line where it is narrower.
    made.width = max(made.width, least)
    return made


def coloured(text: str, colour: str) -> str:
    """The text in an ANSI colour where stdout is a terminal that wants colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return typer.style(text, fg=colour)


def clean(text: object) -> str:
    """Text as it may reach a terminal: control and direction characters, which could rewrite the screen, are shown."""
    return "".join(c if c == "\n" or _is_safe(c) else f"\\u{ord(c):04x}" for c in str(text))


def _is_safe(character: str) -> bool:
    return (character.isascii() and character.isprintable()) or unicodedata.category(character) not in _UNSAFE


def moment(at: datetime | None, zone: str | None = None) -> str:
    """A time as `2026-06-01 00:00 Europe/Paris` (UTC without a zone), or a dash."""
    return "–" if at is None else f"{clock(at, zone)} {zone or 'UTC'}"


def clock(at: datetime | None, zone: str | None = None) -> str:
    """A time as `2026-06-01 00:00` in a zone (UTC without one) that is named elsewhere, or a dash."""
    if at is None:
        return "–"
    if zone is None:
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
    from zoneinfo import ZoneInfo

    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def number(value: float | None) -> str:
    """A number with thousands set apart."""
    return "–" if value is None else f"{value:,}"


def counted(count: int, noun: str, several: str = "") -> str:
    """How many there are of something: `several` is its plural where an s does not make it."""
    return f"{number(count)} {noun if count == 1 else several or noun + 's'}"


def plain(value: Record) -> dict[str, Any]:
    """A record as a dict of JSON values, keys in the order of the model."""
    if isinstance(value, dict):
        return value
    dumped: dict[str, Any] = value.model_dump(mode="json")
    return dumped


def _cell(value: object) -> str:
    return "–" if value is None or value == "" else clean(value).replace("\n", " ")


def table(records: Iterable[Record], columns: Sequence[Column]) -> Table:
    """Return the records as a table for people."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    lines = [[_cell(column.text(value)) for column in columns] for value in records]
    kept = [i for i, column in enumerate(columns) if not column.optional or any(line[i] != "–" for line in lines)]
    for column in (columns[i] for i in kept):
        side: Literal["right", "left"] = "right" if column.right else "left"
        made.add_column(column.header, justify=side, no_wrap=not column.folds, overflow="fold")
    for line in lines:
        made.add_row(*(line[i] for i in kept))
    return made


_FOLDED = 12


def _least_width(made: Table) -> int:
    """The width at which nothing is cut, and what folds has room for a word or two."""
    from rich.cells import cell_len

    widths = []
    for column in made.columns:
        widest = max(cell_len(str(text)) for text in (column.header, *column.cells))
        widths.append(widest if column.no_wrap else min(widest, _FOLDED))
    return sum(widths) + 3 * (len(widths) - 1)


def _json_rows(records: Iterable[Record]) -> int:
    count = 0
    out = sys.stdout
    for value in records:
        out.write("[\n" if count == 0 else ",\n")
        out.write("  " + json.dumps(plain(value), ensure_ascii=False))
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


def write_for_excel(wanted: bool) -> None:
    """Say whether CSV is for somebody who opens it by a double click, or plain, for programs."""
    _state["excel"] = wanted


_state = {"excel": False}


def _csv_rows(records: Iterable[Record], fields: Sequence[str]) -> int:
    return write_csv(sys.stdout, (plain(value) for value in records), fields, for_excel=_state["excel"])


def write_csv(out: TextIO, records: Iterable[dict[str, Any]], fields: Sequence[str], *, for_excel: bool = False) -> int:
    """Write records as CSV. Text that a spreadsheet would run as a formula gets a leading apostrophe.

    `for_excel` is for a double click in Excel in French: a byte order mark, without which accents break, semicolons
    between the columns and a comma in numbers.
    """
    import csv

    if for_excel:
        # UTF-8 whatever the locale: another encoding has no such mark.
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(encoding="utf-8")
        out.write("\ufeff")
    writer = csv.writer(out, delimiter=";" if for_excel else ",", lineterminator="\r\n" if for_excel else "\n")
    writer.writerow(fields)
    count = 0
    for values in records:
        count += 1
        cells = [_csv_cell(values.get(field)) for field in fields]
        if for_excel:
            cells = [str(cell).replace(".", ",") if isinstance(cell, float) else cell for cell in cells]
        writer.writerow(cells)
    return count


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A bare carriage return would end the line for some readers and not for others.
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    # A spreadsheet may cut the line elsewhere than at our commas: French Excel does at a semicolon.
    return _FORMULA.sub(r"\1'", whole)


def uuid_of(text: str, argument: str) -> str:
    """The identifier, checked and in its usual form; a usage error when it is not one."""
    from uuid import UUID

    try:
        return str(UUID(text))
    except ValueError:
        raise typer.BadParameter(f"not an identifier ({clean(text)[:60]})", param_hint=argument) from None
