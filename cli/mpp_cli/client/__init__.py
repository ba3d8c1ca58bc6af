"""`mpp client`: organisations, their part in an edition, their leagues, guests and staff, and what they follow."""

from __future__ import annotations

import typer

from mpp_cli.client import (
    ambassadors,
    files,
    follow_up,
    invitation,
    leagues,
    organisation,
    participants,
    participation,
    plan,
    staff,
    task,
    territory,
)

app = typer.Typer(no_args_is_help=True)

# Their commands stand under `mpp client` itself, in this order.
for _part in (organisation, participation, ambassadors, invitation, follow_up, plan):
    app.add_typer(_part.app)

app.add_typer(leagues.app, name="leagues", help="The leagues of a client: import, list, join codes.")
app.add_typer(participants.app, name="participants", help="People whom a client invites by mail: import, list, remove.")
app.add_typer(staff.app, name="staff", help="Who works for a client: list, change, remove.")
app.add_typer(files.app, name="files", help="The communication kit of a client: list, add, get, remove, link.")
app.add_typer(task.app, name="task", help="The tasks of a plan: mark as done.")
app.add_typer(
    territory.app, name="territory", help="The schools that a client follows: show, set, add, remove, classes."
)
