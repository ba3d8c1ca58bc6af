"""`mpp mail notes` and `weekly`: the week of leagues, of classes and of clients."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClientCodes, EditionCode
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command()
def notes(
    edition: EditionCode,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be queued. Nothing is queued.")] = False,
) -> None:
    """Queue a note on the week: of each league for its players who agreed to alerts, of each class for its teachers.

    Run it on the last evening of the week. Run again in the same week, it queues only what is missing. Ambassadors of a
    client's league get the note of `mpp mail weekly` instead. `mpp mail send` sends the mails.

    Example: mpp mail notes adult-2026-06 --dry-run
    """
    with connection.with_key() as mpp, output.progress() as bars:
        leagues, queued, already = mpp.mails.queue_league_notes(
            edition, dry_run=dry_run, on_progress=lambda done: bars("Leagues", done, done)
        )
    output.say(
        f"{output.number(leagues)} leagues: {output.number(queued)} notes {'to queue' if dry_run else 'queued'}, "
        f"{output.number(already)} were already; "
        + ("nothing was queued (dry run)." if dry_run else "`mpp mail send` sends them.")
    )


@app.command()
@formatted
def weekly(
    edition: EditionCode,
    client: ClientCodes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be queued. Nothing is queued.")] = False,
    *,
    out: Output,
) -> None:
    """Queue the weekly mails of clients: to their staff with access, and to ambassadors who agreed to alerts.

    Run it on the last evening of the week. Run again in the same week, it queues only what is missing. `mpp mail send`
    sends the mails.

    Example: mpp mail weekly adult-2026-06 --dry-run
    """
    from mpp_supabase import Refusal, ReportError

    failed: list[str] = []
    said: list[dict[str, Any]] = []
    with connection.with_key() as mpp, output.progress() as bars:
        found = mpp.editions.get(edition)
        edition_id = found.id
        parts = (
            [mpp.clients.participation(code, edition) for code in dict.fromkeys(client)]
            if client
            else list(mpp.clients.participations(edition_id=edition_id))
        )
        if parts and found.phase in ("draft", "registration"):
            # Said once for the edition, and not once for each of its clients.
            failed, parts = [f"{edition} has not started: there is a week to write about then."], []
        ranks = {line.subject_id: line.rank for line in mpp.rankings.iterate(edition_id, "league")} if parts else {}
        for number, part in enumerate(parts, start=1):
            try:
                mails = mpp.reports.weekly_mails(part.participation_id, ranks)
            except (Refusal, ReportError) as error:
                failed.append(str(error))
                continue
            finally:
                bars("Clients", number, len(parts))
            reports = sum(mail["template"] == "weekly_report" for mail in mails)
            said.append(
                {
                    "client": part.organisation_code,
                    "reports": reports,
                    "notes": len(mails) - reports,
                    "queued": 0 if dry_run else mpp.mails.queue(mails),
                }
            )
    out.rows(
        said,
        (
            Column("Client", lambda row: row["client"]),
            Column("Reports to staff", lambda row: row["reports"], right=True),
            Column("Notes to ambassadors", lambda row: row["notes"], right=True),
            Column("Queued now", lambda row: row["queued"], right=True),
        ),
        fields=("client", "reports", "notes", "queued"),
        empty="Nothing was queued."
        if failed
        else f"No client takes part in {edition}: `mpp client take-part ORG {edition}`.",
    )
    if dry_run:
        output.say("Nothing was queued (dry run).")
    elif any(row["queued"] for row in said):
        output.say("`mpp mail send` sends them.")
    for reason in failed:
        output.say(f"mpp: {reason}")
    if failed:
        raise typer.Exit(Exit.REFUSED)
