"""Arguments and options that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mpp_cli import choices
from mpp_cli.choices import Level

EditionCode = Annotated[str, typer.Argument(metavar="EDITION", help="Code of the edition, such as adult-2026-06.")]
SchoolEditionCode = Annotated[
    str, typer.Argument(metavar="EDITION", help="Code of the edition, such as school-2026-11.")
]
ClientCode = Annotated[str, typer.Argument(metavar="ORG", help="Code of the client; `mpp client list` shows it.")]
ClassId = Annotated[str, typer.Argument(metavar="CLASS", help="Id of the class; `mpp class list` shows it.")]

OfLevel = Annotated[
    Level | None,
    choices.option(
        Level, "--level", metavar="LEVEL", help="Only this level: maternelle, elementaire, college or lycee."
    ),
]
ClientCodes = Annotated[
    list[str] | None, typer.Option("--client", metavar="ORG", help="Only this client, by code. Repeat it for several.")
]
After = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Continue after a page: give the cursor it ended with.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and show what would change. Nothing is written.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Fonts = Annotated[
    Path | None,
    typer.Option("--fonts", metavar="DIR", help="Directory of more fonts, for letters that the usual ones lack."),
]


def limit_of(things: str, most: int | None = 10_000) -> Any:
    """The option --limit of a command that shows such things, `most` at once."""
    return typer.Option("--limit", "-n", min=1, max=most, help=f"How many {things} to show.")


def all_of(thing: str) -> Any:
    """The option --all of a command that otherwise shows as many as --limit says."""
    return typer.Option("--all", help=f"Show every {thing}, whatever --limit says.")
