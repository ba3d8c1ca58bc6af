"""`mpp client participants`: people whom a client invites by mail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClientCode, DryRun, EditionCode, Yes
from mpp_cli.client.lists import Tab, say_ignored
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import InvitedParticipant

app = typer.Typer(no_args_is_help=True)


@app.command("import")
@formatted
def import_participants(
    org: ClientCode,
    edition: EditionCode,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The spreadsheet to read, .xlsx or .csv, with addresses and maybe a column Ligue."
        ),
    ],
    sheet: Tab = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    *,
    out: Output,
) -> None:
    """Queue an invitation by mail for everybody in a spreadsheet: all of them, or none. Nobody is invited twice.

    Take an export of an address book, a form or staff software as it is. Only the columns of addresses and leagues are
    read; the others are listed, and never sent. People without a league are spread over the client's leagues. Whoever
    was invited before stays in their league. Every problem is reported with its cell. `mpp mail send` sends the mails.

    Example: mpp client participants import acme adult-2026-06 people.xlsx --dry-run
    """
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        done = mpp.clients.import_participants(part, file, sheet=sheet, dry_run=True)
        output.say_sheet(done.sheet, done.other_sheets)
        if not dry_run and done.invited:
            output.confirm(
                f"Invite {output.counted(done.invited, 'person', 'people')} for {part.organisation_name} by mail?",
                yes=yes,
            )
            done = mpp.clients.import_participants(part, file, sheet=sheet)
        elif not dry_run:
            done = done.model_copy(update={"dry_run": False})
    if out.for_programs:
        out.record(done)
    say_ignored(done.ignored)
    if done.talk:
        output.say(f"Lines without an address: {output.first_of(done.talk)}.")
    if done.repeated:
        output.say(f"There more than once, and read once: {output.first_of(done.repeated)}.")
    for guest in done.kept[:20]:
        output.say(f"{guest.cell}: {guest.email} stays in {guest.league}, not {guest.named}: invited there before.")
    if done.kept:
        more = f"{len(done.kept) - 20} more stay where they are. " if len(done.kept) > 20 else ""
        output.say(f"{more}To move somebody, `mpp client participants remove` them first, then import again.")
    if not done.invited:
        there = output.counted(done.unchanged, "person", "people")
        output.say(f"Nothing to do: the {there} of {done.file} were invited before.")
        return
    said = f"{done.invited} invited, {done.unchanged} were before"
    output.say(f"{said}; nothing was written (dry run)." if dry_run else f"{said}; `mpp mail send` sends the mails.")


@app.command("list")
@formatted
def list_participants(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """List who was invited, to which league, and what became of the mail. It does not show who came.

    Example: mpp client participants list acme adult-2026-06 --csv > invited.csv
    """
    from mpp_supabase import InvitedParticipant

    with connection.staff() as mpp:
        out.rows(
            mpp.clients.invited(mpp.clients.participation(org, edition).participation_id),
            (
                Column("E-mail", lambda one: one.email),
                Column("League", lambda one: one.league, folds=True),
                Column("Invited (UTC)", lambda one: output.clock(one.invited_at)),
                Column("Mail", _state_of_mail),
            ),
            fields=InvitedParticipant,
            empty=f"{org} invited nobody to {edition} yet.",
        )


def _state_of_mail(one: InvitedParticipant) -> str:
    if one.mail_state is None:
        return "none"
    told = one.mail_state in ("dropped", "failed", "uncertain") and one.mail_reply
    return f"{one.mail_state}: {one.mail_reply}" if told else one.mail_state


@app.command("remove")
def remove_participants(
    org: ClientCode,
    edition: EditionCode,
    emails: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="Addresses that were invited.")],
    yes: Yes = False,
) -> None:
    """Remove people from the list of those invited, with their unsent mails: all of them, or none.

    Whoever has the join code of the league may still join it. Whoever is invited again gets another mail, up to three.

    Example: mpp client participants remove acme adult-2026-06 ada@example.org
    """
    from mpp_supabase import trimmed

    wanted = list(dict.fromkeys(trimmed(email).lower() for email in emails))
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        there = {one.email: one for one in mpp.clients.invited(part.participation_id)}
        if absent := [email for email in wanted if email not in there]:
            output.say(
                f"mpp: not invited by {part.organisation_name} to {edition}: {', '.join(map(output.clean, absent))}."
            )
            raise typer.Exit(Exit.REFUSED)
        gone = sum(there[email].mail_state in ("sent", "sending", "uncertain") for email in wanted)
        output.confirm(
            f"Take {output.counted(len(wanted), 'person', 'people')} off the list of {part.organisation_name}?", yes=yes
        )
        mpp.clients.remove_participants(part.participation_id, wanted)
    removed = output.counted(len(wanted), "person", "people")
    output.say(f"{removed} removed; {output.counted(gone, 'invitation')} had left before.")
