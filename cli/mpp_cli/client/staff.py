"""`mpp client staff`: who works for a client, from when to when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import ClientCode, Yes
from mpp_cli.choices import StaffRole
from mpp_cli.client.access import From, Until, check_dates, first_day, last_day, moment
from mpp_cli.exits import Exit
from mpp_cli.moments import ZONE
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MPP, StaffInvitation, StaffMember

app = typer.Typer(no_args_is_help=True)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="E-mail address or id of the account.")]


@app.command("list")
@formatted
def list_staff(
    org: ClientCode,
    invited: Annotated[bool, typer.Option("--invited", help="List the invitations instead.")] = False,
    *,
    out: Output,
) -> None:
    """List who works for a client, and from when to when; or, with --invited, who was invited.

    Example: mpp client staff list acme
    """
    from mpp_supabase import StaffInvitation, StaffMember

    dates = (
        Column("Role", lambda one: one.role),
        Column(f"From ({ZONE})", lambda one: first_day(one.access_from)),
        Column("Until", lambda one: last_day(one.access_until)),
    )
    with connection.staff() as mpp:
        organisation_id = mpp.clients.get(org).organisation_id
        if invited:
            now = mpp.read_clock()
            out.rows(
                mpp.clients.invitations(organisation_id),
                (
                    Column("E-mail", lambda one: one.email),
                    Column("State", lambda one: _state(one, now)),
                    *dates,
                    Column("Taken (UTC)", lambda one: output.clock(one.accepted_at)),
                    Column("Good until (UTC)", lambda one: output.clock(one.expires_at)),
                ),
                fields=StaffInvitation,
                empty=f"Nobody was invited: `mpp client invite {org} EMAIL --until DAY`.",
            )
            return
        out.rows(
            mpp.clients.staff(organisation_id),
            (
                Column("E-mail", lambda one: one.email),
                *dates,
                Column("Account", lambda one: one.account_id),
            ),
            fields=StaffMember,
            empty=f"Nobody works for {org} yet: `mpp client invite {org} EMAIL --until DAY`.",
        )


def _state(invitation: StaffInvitation, now: datetime) -> str:
    if invitation.accepted_at is not None:
        return "taken"
    return "waits" if invitation.expires_at > now else "over"


@app.command("set")
def set_staff(
    org: ClientCode,
    account: Account,
    role: Annotated[
        StaffRole | None, choices.option(StaffRole, "--role", metavar="ROLE", help="Role: viewer, manager or owner.")
    ] = None,
    since: From = None,
    until: Until = None,
) -> None:
    """Change the role or the dates of somebody who works for a client. It holds from the next request on.

    Example: mpp client staff set acme ada@example.org --until 2026-09-30
    """
    if role is None and since is None and until is None:
        raise typer.BadParameter("say what to change: --role, --from or --until", param_hint="ACCOUNT")
    opens, closes = moment(since, "--from"), moment(until, "--until", last=True)
    with connection.staff() as mpp:
        organisation_id = mpp.clients.get(org).organisation_id
        member = _member(mpp, organisation_id, account)
        if since is not None or until is not None:
            check_dates(mpp, since, until, opens or member.access_from, closes or member.access_until)
        mpp.clients.set_staff(organisation_id, member.account_id, role=role, access_from=opens, access_until=closes)
        member = _member(mpp, organisation_id, account)
    output.say(
        f"{account} is {member.role} of {org} from {first_day(member.access_from)} to {last_day(member.access_until)}."
    )


@app.command("remove")
def remove_staff(org: ClientCode, account: Account, yes: Yes = False) -> None:
    """Remove the access of somebody who works for a client, at once; or cancel a waiting invitation.

    Example: mpp client staff remove acme ada@example.org
    """
    from mpp_supabase import trimmed

    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        waiting = next(
            (
                one
                for one in mpp.clients.invitations(organisation.organisation_id)
                if one.accepted_at is None and one.email == trimmed(account).lower()
            ),
            None,
        )
        member = _find_member(mpp, organisation.organisation_id, account)
        if member is None and waiting is not None:
            output.confirm(f"Cancel the invitation of {account} to {organisation.name}?", yes=yes)
            mpp.clients.cancel_invitation(organisation.organisation_id, waiting.invitation_id)
            output.say(f"The invitation of {account} is cancelled.")
            return
        member = member or _member(mpp, organisation.organisation_id, account)
        output.confirm(f"Take the access of {account} to {organisation.name} away?", yes=yes)
        mpp.clients.remove_staff(organisation.organisation_id, member.account_id)
    output.say(f"{account} no longer works for {organisation.name}.")


def _find_member(mpp: MPP, organisation_id: int, who: str) -> StaffMember | None:
    from mpp_supabase import trimmed

    wanted = trimmed(who).casefold()
    for one in mpp.clients.staff(organisation_id):
        if wanted in (str(one.account_id), (one.email or "").casefold()):
            return one
    return None


def _member(mpp: MPP, organisation_id: int, who: str) -> StaffMember:
    found = _find_member(mpp, organisation_id, who)
    if found is None:
        output.say(
            f"mpp: {output.clean(who)} does not work for this organisation; `mpp client staff list` shows who does."
        )
        raise typer.Exit(Exit.REFUSED)
    return found
