"""`mpp edition`: set an edition up from a file, open, close, freeze, and prove it."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import DryRun, EditionCode, Yes
from mpp_cli.choices import Phase
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import Change, Edition

app = typer.Typer(no_args_is_help=True)


@app.command()
@formatted
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The edition file (YAML); see catalogue/.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    *,
    out: Output,
) -> None:
    """Create an edition from its file, or change it to what the file says: all of it, or nothing.

    The differences are shown first. Applying the same file again changes nothing.

    Example: mpp edition apply catalogue/adult-2026-06.yaml --dry-run
    """
    from mpp_supabase import read_edition_file

    wanted = read_edition_file(file)
    with connection.staff() as mpp:
        changes = mpp.editions.apply(wanted.document, dry_run=True)
        _show_changes(changes, wanted.document["edition"]["time_zone"], out)
        if not changes:
            output.say(f"No change: {wanted.code} is what {file} says.")
            return
        count = output.counted(len(changes), "change")
        ends_at = datetime.fromisoformat(wanted.document["edition"]["ends_at"])
        if ends_at <= mpp.read_clock():
            output.say(f"Warning: {wanted.code} ends in the past, on {ends_at:%Y-%m-%d %H:%M}.")
        if dry_run:
            output.say(f"{count} to {wanted.code}; nothing was written (dry run).")
            return
        output.confirm(f"Apply {count} to {wanted.code}?", yes=yes)
        mpp.editions.apply(wanted.document)
    output.say(f"Applied: {count} to {wanted.code}.")


def _show_changes(changes: list[Change], zone: str, out: Output) -> None:
    if out.for_programs:
        out.rows(changes, (), fields=("action", "path", "before", "after"))
        return
    from mpp_cli.differences import lines

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line, colour in lines(changes, zone, width):
        print(output.coloured(line, colour))


@app.command("list")
@formatted
def list_editions(
    phase: Annotated[
        Phase | None,
        choices.option(
            Phase, "--phase", metavar="PHASE", help="Only this phase: draft, registration, running, closed or frozen."
        ),
    ] = None,
    *,
    out: Output,
) -> None:
    """List the editions, drafts included, the latest first.

    Example: mpp edition list --phase running
    """
    from mpp_supabase import Edition

    with connection.staff() as mpp:
        out.rows(
            mpp.editions.iterate(phase),
            (
                Column("Edition", lambda e: e.code),
                Column("Title", lambda e: e.title["en"], folds=True),
                Column("Audience", lambda e: e.audience + (" (private)" if e.is_private else "")),
                Column("Phase", lambda e: e.phase),
                Column("Starts", lambda e: output.clock(e.starts_at, e.time_zone)),
                Column("Ends", lambda e: output.clock(e.ends_at, e.time_zone)),
                Column("Zone", lambda e: e.time_zone),
            ),
            fields=Edition,
            empty="There is no edition yet: apply a file with `mpp edition apply`.",
        )


@app.command()
@formatted
def show(code: EditionCode, *, out: Output) -> None:
    """Show an edition: phase, dates and rules.

    Example: mpp edition show adult-2026-06
    """
    with connection.staff() as mpp:
        edition = mpp.editions.get(code)
    out.record(edition, _lines(edition))


def _lines(edition: Edition) -> list[tuple[str, object]]:
    zone = edition.time_zone
    return [
        ("Edition", edition.code),
        *((f"Title ({language})", text) for language, text in edition.title.items()),
        ("Audience", edition.audience + (", private" if edition.is_private else "")),
        ("Phase", edition.phase),
        ("Starts", output.moment(edition.starts_at, zone)),
        ("Ends", output.moment(edition.ends_at, zone)),
        ("Registration until", output.moment(edition.registration_closes_at, zone)),
        ("League size", f"{edition.league_min_players} to {edition.league_max_players} players"),
        ("Teams per league", edition.teams_per_league),
        ("Ranking by", edition.ranking_basis),
        ("Opened", output.moment(edition.opened_at, zone)),
        ("Frozen", output.moment(edition.frozen_at, zone)),
    ]


@app.command()
@formatted
def challenges(code: EditionCode, *, out: Output) -> None:
    """List the challenges of an edition and their rules, hidden and flash ones included.

    Example: mpp edition challenges adult-2026-06 --csv
    """
    from mpp_supabase import Challenge

    with connection.staff() as mpp:
        edition = mpp.editions.get(code)
        zone = edition.time_zone
        out.rows(
            mpp.editions.challenges(edition.id),
            (
                Column("Challenge", lambda c: c.code),
                Column("Title", lambda c: c.title["en"], folds=True),
                Column("Kind", lambda c: c.kind),
                Column("Theme", lambda c: c.theme),
                Column("Points", lambda c: c.points, right=True),
                Column("Repeat", lambda c: c.repeat_limit or "unlimited", right=True),
                Column("Opens", lambda c: output.clock(c.opens_at, zone), optional=True),
                Column("Closes", lambda c: output.clock(c.closes_at, zone), optional=True),
                Column("Zone", lambda c: zone if c.opens_at or c.closes_at else None, optional=True),
            ),
            fields=Challenge,
        )


@app.command("open")
def open_edition(code: EditionCode, yes: Yes = False) -> None:
    """Open a draft edition to registration. Opening it again changes nothing. This cannot be undone.

    Example: mpp edition open adult-2026-06
    """
    with connection.staff() as mpp:
        edition = mpp.editions.get(code)
        if edition.opened_at is not None:
            output.say(f"{code} has been open since {output.moment(edition.opened_at, edition.time_zone)}.")
            return
        _warn_of_the_past(edition, mpp.read_clock())
        output.confirm(f"Open {code}? Everybody sees it from then on, and it cannot be a draft again.", yes=yes)
        mpp.editions.open(code)
        edition = mpp.editions.get(code)
    output.say(f"{code} is open (phase: {edition.phase}).")


def _warn_of_the_past(edition: Edition, now: datetime) -> None:
    if edition.ends_at <= now:
        output.say(f"Warning: {edition.code} ended on {output.moment(edition.ends_at, edition.time_zone)}.")
    elif edition.starts_at <= now:
        output.say(f"Warning: {edition.code} started on {output.moment(edition.starts_at, edition.time_zone)}.")
    elif edition.registration_closes_at <= now:
        closed = output.moment(edition.registration_closes_at, edition.time_zone)
        output.say(f"Warning: registration to {edition.code} ended on {closed}.")


@app.command()
def close(
    code: EditionCode,
    reason: Annotated[str, typer.Option("--reason", help="Why it ends early; kept in the audit.")],
    yes: Yes = False,
) -> None:
    """End a running edition now, before its announced end. This cannot be undone.

    Example: mpp edition close adult-2026-06 --reason "Agreed with the client"
    """
    with connection.staff() as mpp:
        output.confirm(f"End {code} now? Nothing can be validated in it any more.", yes=yes)
        mpp.editions.close(code, reason)
    output.say(f"{code} is closed. Freeze its ranking with `mpp edition freeze {code}`.")


@app.command()
def freeze(code: EditionCode, yes: Yes = False) -> None:
    """Freeze the ranking of an edition that is over. This cannot be undone.

    Example: mpp edition freeze adult-2026-06
    """
    with connection.staff() as mpp:
        edition = mpp.editions.get(code)
        if edition.frozen_at is not None:
            output.say(f"{code} has been frozen since {output.moment(edition.frozen_at, edition.time_zone)}.")
            return
        output.confirm(f"Freeze the ranking of {code}? Nothing changes it afterwards.", yes=yes)
        mpp.editions.freeze(code)
    output.say(f"{code} is frozen. Prove its scores with `mpp edition verify {code}`.")


@app.command()
@formatted
def stats(code: EditionCode, *, out: Output) -> None:
    """Show the figures of an edition: players, teams, leagues, classes, points, and challenges done as last counted.

    Example: mpp edition stats adult-2026-06
    """
    with connection.staff() as mpp:
        edition = mpp.editions.get(code)
        found = mpp.editions.statistics(edition.id)
    if found is None:
        output.say(f"{code} has no statistics yet.")
        return
    lines: list[tuple[str, object]] = [
        ("Code", found.code),
        ("Players", output.number(found.players)),
        ("Teams", output.number(found.teams)),
        ("Leagues", output.number(found.leagues)),
        ("Classes", output.number(found.classes)),
        ("Schools", output.number(found.schools)),
        ("Points", output.number(found.points)),
        ("Challenges done", None if found.challenges is None else output.number(found.challenges)),
        ("Counted at", None if found.counted_at is None else output.moment(found.counted_at)),
    ]
    out.record(found, lines)
    if found.counted_at is None:
        output.say(
            f"Challenges were not counted yet: `mpp statistics count {code}` counts them, and so does the freeze."
        )


@app.command()
@formatted
def verify(
    code: Annotated[
        str | None, typer.Argument(metavar="[EDITION]", help="Code of the edition. Default: all editions.")
    ] = None,
    *,
    out: Output,
) -> None:
    """Prove that every score equals the sum of its credited validations. The exit code is 4 when one does not.

    Example: mpp edition verify adult-2026-06
    """
    prove(code, out)


def prove(code: str | None, out: Output) -> None:
    """Compare scores and validations, show what differs, and end with exit code 4 if anything does."""
    from mpp_supabase import Mismatch

    with connection.staff() as mpp:
        found = mpp.editions.verify(code)
    columns = tuple(
        Column(name.replace("_", " ").capitalize(), lambda m, name=name: getattr(m, name))  # type: ignore[misc]
        for name in Mismatch.model_fields
    )
    where = code or "every edition"
    verdict = f"Every score of {where} equals the sum of its validations." if code else "Every score is right."
    out.rows(found, columns, fields=Mismatch, empty=verdict)
    if found:
        output.say(f"{len(found)} score(s) of {where} differ from the validations.")
        raise typer.Exit(Exit.CHECK_FAILED)
