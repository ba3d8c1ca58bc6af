"""`mpp client invite`: an invitation to the space of a client."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import ClientCode
from mpp_cli.choices import StaffRole
from mpp_cli.client.access import From, check_dates, first_day, last_day, moment

app = typer.Typer(no_args_is_help=True)


@app.command()
def invite(
    org: ClientCode,
    email: Annotated[
        str, typer.Argument(metavar="EMAIL", help="E-mail address to invite. Nobody else can use the invitation.")
    ],
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="WHEN", help="Last day of access in Paris, such as 2026-07-31; or a time with offset."
        ),
    ],
    role: Annotated[
        StaffRole, choices.option(StaffRole, "--role", metavar="ROLE", help="Role: viewer, manager or owner.")
    ] = StaffRole.VIEWER,
    since: From = None,
) -> None:
    """Queue an invitation to a client's space, with a last day. A second one to the same address replaces the first.

    Example: mpp client invite acme ada@example.org --role owner --from 2026-05-18 --until 2026-07-31
    """
    opens, closes = moment(since, "--from"), moment(until, "--until", last=True)
    with connection.staff() as mpp:
        check_dates(mpp, since, until, opens, closes)
        organisation = mpp.clients.get(org)
        mpp.clients.invite(organisation.organisation_id, email, role, access_from=opens, access_until=closes)
    start = "now" if opens is None else first_day(opens)
    output.say(
        f"{email} is invited as {role} of {organisation.name}, from {start} to {last_day(closes)};"
        " `mpp mail send` sends the mail."
    )
