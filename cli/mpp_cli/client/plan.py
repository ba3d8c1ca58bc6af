"""`mpp client plan`: what is to be done for a client, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import ClientCode, EditionCode
from mpp_cli.choices import Language
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command()
@formatted
def plan(
    org: ClientCode,
    edition: EditionCode,
    ics: Annotated[
        Path | None,
        typer.Option("--ics", metavar="FILE", help="Also write the plan to this file, as a calendar (iCalendar)."),
    ] = None,
    language: Annotated[
        Language, choices.option(Language, "--language", metavar="CODE", help="Language of the tasks: fr or en.")
    ] = Language.FR,
    keep: Annotated[bool, typer.Option("--keep", help="Only show the plan, and do not renew its days.")] = False,
    *,
    out: Output,
) -> None:
    """Make or renew the plan of a client, and show it. Done tasks stay done, and no new day is in the past.

    Example: mpp client plan acme adult-2026-06 --ics acme.ics
    """
    from mpp_supabase import Task

    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        if not keep:
            outcome = mpp.plans.plan(part.participation_id)
        found = mpp.plans.tasks(part.participation_id)
        calendar = mpp.plans.ics(part.participation_id, language) if ics is not None else ""
    if ics is not None:
        try:
            ics.write_bytes(calendar.encode())
        except OSError as error:
            output.say(f"mpp: {ics} cannot be written ({error.strerror}).")
            raise typer.Exit(Exit.OUTPUT) from None
    out.rows(
        found,
        (
            Column("Task", lambda one: one.task_id, right=True),
            Column("Stage", lambda one: one.stage),
            Column("Day", lambda one: one.day),
            Column("Until", lambda one: one.until_day if one.until_day != one.day else None, optional=True),
            Column("What", lambda one: one.title.get(language) or one.title["en"], folds=True),
            Column("Who", lambda one: one.owner),
            Column("State", lambda one: one.state),
        ),
        fields=Task,
        empty=f"There is no plan yet: `mpp client plan {org} {edition}` makes it.",
    )
    if not keep:
        said = f"{outcome.planned} to do, {outcome.done} done"
        output.say(f"{said}, {outcome.dropped} left out for want of time." if outcome.dropped else f"{said}.")
    if ics is not None:
        output.say(f"The calendar is in {ics}.")
