"""`mpp setting`: settings of the whole game."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command("list")
@formatted
def list_settings(*, out: Output) -> None:
    """List the settings, with what they decide.

    Example: mpp setting list
    """
    from mpp_supabase import Rule

    with connection.staff() as mpp:
        out.rows(
            mpp.rules.iterate(),
            (
                Column("Setting", lambda r: r.name),
                Column("Value", lambda r: r.value),
                Column("What it decides", lambda r: r.about, folds=True),
            ),
            fields=Rule,
        )


@app.command("set")
def set_setting(
    name: Annotated[str, typer.Argument(metavar="SETTING", help="Name of the setting; `mpp setting list` shows it.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
) -> None:
    """Change a setting. It holds from the next request on; the audit keeps both values.

    Example: mpp setting set terms_due allowed
    """
    with connection.staff() as mpp:
        mpp.rules.set(name, value)
    output.say(f"{name} is {value}.")
