"""Pupils of the same first name, and the initial that tells them apart."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import output

Known = Annotated[
    list[str] | None,
    typer.Option(
        "--known",
        metavar="NAME:INITIAL",
        help="A pupil of the class and their initial, when a newcomer has the same name. Repeat it for several.",
    ),
]


def name_and_initial(text: str, parameter: str, *, needed: bool = False) -> tuple[str, str]:
    """The two parts of NAME:INITIAL; the initial may be left out unless it is `needed`."""
    name, _, initial = (part.strip() for part in text.partition(":"))
    if not name or (needed and not initial):
        raise typer.BadParameter(f"write it as Lina:M ({output.clean(text)[:60]})", param_hint=parameter)
    return name, initial
