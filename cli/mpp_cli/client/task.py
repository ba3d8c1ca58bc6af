"""`mpp client task`: the tasks of a plan."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output

app = typer.Typer(no_args_is_help=True)


@app.command()
def done(
    number: Annotated[int, typer.Argument(metavar="TASK", help="Number of the task; `mpp client plan` shows it.")],
    undo: Annotated[bool, typer.Option("--undo", help="Mark it as not done.")] = False,
) -> None:
    """Mark a task of a plan as done.

    Example: mpp client task done 12
    """
    with connection.staff() as mpp:
        mpp.plans.complete(number, not undo)
    output.say(f"Task {number} is {'to do again' if undo else 'done'}.")
