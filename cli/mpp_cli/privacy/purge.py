"""`mpp privacy purge`: delete what was kept long enough."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import Yes
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command()
@formatted
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted. Nothing is deleted.")] = False,
    yes: Yes = False,
    *,
    out: Output,
) -> None:
    """Delete addresses that are no longer needed: old mails, invitations, bounces and contact requests.

    It also erases the accounts whose owners asked for it and whose waiting time is over. It may be interrupted and run
    again, every night for instance. docs/privacy.md says how long each is kept.

    Example: mpp privacy purge --dry-run
    """
    with connection.staff() as mpp:
        found = mpp.privacy.expired()
        due = sum(rule.rows for rule in found)
        if not dry_run and due:
            output.confirm(f"Delete {output.number(due)} rows for good?", yes=yes)
            with output.progress() as bars:
                found = mpp.privacy.purge(lambda done: bars("Rows", done, max(done, due)))
        if not dry_run and (erased := mpp.privacy.erase_due()):
            output.say(f"Accounts erased, as their owners asked: {output.number(erased)}")
    out.rows(
        found,
        (
            Column("What", lambda rule: rule.what),
            Column("Kept", lambda rule: rule.kept),
            Column("To delete" if dry_run else "Deleted", lambda rule: output.number(rule.rows), right=True),
        ),
        fields=("what", "kept", "rows"),
        empty="There are no rules.",
    )
