"""`mpp client ambassadors`: who runs the leagues of a client."""

from __future__ import annotations

import typer

from mpp_cli import connection
from mpp_cli.arguments import ClientCode, EditionCode
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command()
@formatted
def ambassadors(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """List the ambassadors of the leagues of a client, by alias.

    Example: mpp client ambassadors acme adult-2026-06
    """
    from mpp_supabase import ClientAmbassador

    with connection.staff() as mpp:
        found = mpp.clients.ambassadors(mpp.clients.participation(org, edition).participation_id)
    out.rows(
        found,
        (
            Column("League", lambda one: one.league, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            Column("Ambassador", lambda one: one.alias, folds=True),
            Column("Role", lambda one: "ambassador" if one.is_principal else "co-ambassador"),
        ),
        fields=ClientAmbassador,
        empty=f"Nobody runs a league of {org} yet: whoever joins one first does.",
    )
