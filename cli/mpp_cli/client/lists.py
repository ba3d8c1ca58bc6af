"""What the lists of leagues and of people that a client brings have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import output

Tab = Annotated[
    str | None, typer.Option("--sheet", metavar="NAME", help="Name of the sheet, when several sheets hold such a list.")
]


def say_ignored(headers: tuple[str, ...]) -> None:
    if headers:
        output.say(f"Not read: {', '.join(headers)}.")
