"""What the spreadsheets of a class have in common: the file to read or to write, and its language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import choices, output
from mpp_cli.choices import SchoolLanguage
from mpp_cli.exits import Exit

Sheet = Annotated[
    Path, typer.Argument(metavar="FILE", help="The spreadsheet to read, .xlsx or .csv; a template shows its form.")
]
Tab = Annotated[
    str | None, typer.Option("--sheet", metavar="NAME", help="Name of the sheet, when several sheets hold pupils.")
]
Target = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write, .xlsx or .csv.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that exists already.")]
Language = Annotated[
    SchoolLanguage,
    choices.option(SchoolLanguage, "--language", metavar="CODE", help="Language of the file: fr, en or de."),
]


@contextmanager
def written() -> Iterator[None]:
    """A file that cannot be written is no fault of what is in it."""
    from mpp_supabase import SheetError

    try:
        yield
    except SheetError as error:
        output.say(str(error))
        raise typer.Exit(Exit.OUTPUT) from None


def check_target(file: Path, force: bool) -> None:
    """Refuse a form that is not written, and a file that is there already."""
    if file.suffix.lower() not in (".xlsx", ".csv"):
        raise typer.BadParameter(
            f"neither a .xlsx nor a .csv ({output.clean(file.name)}); name one of them", param_hint="--output"
        )
    not_over(file, force)


def not_over(file: Path, force: bool) -> None:
    """Refuse to write over a file, which may be the one that a teacher filled in."""
    if not force and file.is_file():
        raise typer.BadParameter(
            f"{file} is there already: choose another name, or add --force to write over it", param_hint="--output"
        )


def say_read_as(remarks: tuple[tuple[str, str, str], ...]) -> None:
    """Say which cells were read as another name or challenge than they hold."""
    for cell, said, meant in remarks:
        output.say(f"{cell}: {said} is read as {meant}, the only one in the class.")
