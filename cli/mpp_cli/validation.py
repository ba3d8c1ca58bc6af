"""`mpp validation`: what players validated, and cancelling what should not count."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import After, Yes, all_of, limit_of
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command("list")
@formatted
def list_validations(
    players: Annotated[
        list[str],
        typer.Argument(metavar="PLAYER_ID...", help="Id of a player or pupil; `mpp misuse` and `mpp person` show it."),
    ],
    limit: Annotated[int, limit_of("validations")] = 50,
    everything: Annotated[bool, all_of("validation")] = False,
    after: After = None,
    *,
    out: Output,
) -> None:
    """List the validations of players, the latest first, with the id that `mpp validation cancel` takes.

    Example: mpp validation list 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --all
    """
    from mpp_supabase import Validation

    wanted = [output.uuid_of(player, "PLAYER_ID") for player in players]
    columns = (
        Column("Validation", lambda v: v.validation_id),
        Column("When (UTC)", lambda v: output.clock(v.validated_at)),
        Column("Player", lambda v: v.alias or v.player_id, folds=True),
        Column("Challenge", lambda v: v.challenge_code),
        Column("Points", lambda v: output.number(v.points), right=True),
        Column("State", lambda v: v.state),
    )
    with connection.staff() as mpp:
        page = None if everything else mpp.conduct.validations(wanted, limit, after)
        out.rows(
            mpp.conduct.iterate_validations(wanted, after) if page is None else page.rows,
            columns,
            fields=Validation,
            empty="Nothing was validated.",
        )
        if page is not None and page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


@app.command()
def cancel(
    validation_id: Annotated[
        str, typer.Argument(metavar="VALIDATION_ID", help="Id of the validation; `mpp validation list` shows it.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why it is cancelled; kept in the audit.")],
    yes: Yes = False,
) -> None:
    """Cancel a validation, as long as the ranking is not frozen. This cannot be undone.

    Example: mpp validation cancel 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --reason "Impossible rate"
    """
    wanted = output.uuid_of(validation_id, "VALIDATION_ID")
    with connection.staff() as mpp:
        output.confirm(f"Cancel validation {wanted}?", yes=yes)
        mpp.conduct.cancel_validation(wanted, reason)
    output.say(f"Validation {wanted} no longer counts.")
