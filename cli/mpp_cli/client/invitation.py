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
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address to invite; it opens to nobody else.")],
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="WHEN", help="Last day of access (2026-07-31, in Paris), or a time with offset."
        ),
    ],
    role: Annotated[
        StaffRole, choices.option(StaffRole, "--role", metavar="ROLE", help="viewer, manager or owner.")
    ] = StaffRole.VIEWER,
    since: From = None,
) -> None:
    """Queue an invitation to a client's space, open between two days. A second one of an address replaces the first.

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
