"""`mpp award`: symbolic awards at closing, by rule."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.output import Column, Csv, Json

app = typer.Typer(no_args_is_help=True)

Edition = Annotated[str, typer.Argument(metavar="EDITION", help="Code of the edition, such as adult-2026-06.")]


@app.command()
def grant(edition: Edition) -> None:
    """Give the awards of a frozen edition: over all, and among the leagues of each client. Again does nothing.

    Example: mpp award grant adult-2026-06
    """
    with connection.staff() as mpp:
        given = mpp.awards.grant(edition)
    if given:
        output.say(f"{output.number(given)} award{'s' * (given > 1)} given; `mpp award list {edition}` shows them.")
    else:
        output.say(f"Nothing to give: the awards of {edition} were given before, or nobody met a rule.")


@app.command("list")
def list_(
    edition: Edition,
    client: Annotated[
        str | None,
        typer.Option("--client", metavar="ORG", help="Only among the leagues of this organisation, by code."),
    ] = None,
    language: Annotated[str, typer.Option("--language", help="Language of the titles: fr or en.")] = "en",
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the awards of an edition in the order in which they are read out.

    Example: mpp award list adult-2026-06 --language fr
    """
    from mpp_supabase import Award, ClientAward

    if language not in ("fr", "en"):
        raise typer.BadParameter("use fr or en", param_hint="--language")
    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        found = (
            mpp.awards.iterate(edition_id)
            if client is None
            else mpp.awards.of_client(mpp.clients.participation(client, edition).participation_id)
        )
        output.rows(
            found,
            (
                Column("Award", lambda a: a.title[language], folds=True),
                Column("To", lambda a: a.label, folds=True),
                Column("League", lambda a: a.league_label, folds=True, optional=True),
                Column("Scope", lambda a: a.scope),
                Column("For", lambda a: output.number(a.value), right=True),
            ),
            fields=tuple((Award if client is None else ClientAward).model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty=f"No award in {edition}; `mpp award grant {edition}` gives them once it is frozen.",
        )
