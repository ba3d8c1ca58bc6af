"""`mpp privacy erase`: erase an account for good."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output

app = typer.Typer(no_args_is_help=True)


@app.command()
def erase(
    who: Annotated[str, typer.Argument(metavar="WHO", help="E-mail address or id of the account.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Who asked, and how you know them; kept in the audit.")
    ],
    retype: Annotated[
        str | None,
        typer.Option("--retype", metavar="WHO", help="The address or id once more, where nobody can type."),
    ] = None,
) -> None:
    """Erase an account for good, for somebody who asked for it. Nobody can undo it.

    Points, ranks and awards stay under no name. A mail tells the address of the account. `mpp privacy files` then
    deletes the files.

    Example: mpp privacy erase ada@example.org --reason "her mail of 3 June"
    """
    with connection.staff() as mpp:
        account, name = mpp.users.named(who)
        output.retype(f"Erase {name} for good?", name, retype)
        mpp.privacy.erase(account, reason)
    output.say(f"{name} is erased.")
