"""`mpp validation`: cancel what should not count."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import Yes

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Cancel validations that should not count."""


@app.command()
def cancel(
    validation_id: Annotated[str, typer.Argument(metavar="VALIDATION_ID", help="Id of the validation.")],
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
