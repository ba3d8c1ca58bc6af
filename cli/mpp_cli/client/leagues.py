"""`mpp client leagues`: the leagues of a client, and their join codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClientCode, DryRun, EditionCode
from mpp_cli.client.figures import average, followed, people
from mpp_cli.client.lists import Tab, say_ignored
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MadeLeague

app = typer.Typer(no_args_is_help=True)


@app.command("import")
@formatted
def import_leagues(
    org: ClientCode,
    edition: EditionCode,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="The spreadsheet to read, .xlsx or .csv, with a column Ligue and maybe a column Unité."
        ),
    ] = None,
    league: Annotated[
        list[str] | None,
        typer.Option(
            "--league", metavar="NAME:UNIT", help="A league and, after a colon, its unit. Repeat it for several."
        ),
    ] = None,
    sheet: Tab = None,
    dry_run: DryRun = False,
    *,
    out: Output,
) -> None:
    """Create leagues of a client, all or none, and print their join codes. Whoever joins a league first runs it.

    Importing the same leagues again changes nothing. A unit that differs is corrected. Every problem is reported with
    its cell.

    Example: mpp client leagues import acme adult-2026-06 --league "Les Tilleuls:Lyon" --league "Les Mésanges:Lyon"
    """
    from mpp_supabase import MadeLeague

    if file is None and not league:
        raise typer.BadParameter("name a file, or leagues with --league", param_hint="FILE")
    given = [_league(text) for text in league or ()]
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        done = mpp.clients.import_leagues(part, file, sheet=sheet, leagues=given, dry_run=dry_run)
    out.rows(
        done.leagues,
        (
            Column("League", lambda made: made.name, folds=True),
            Column("Unit", lambda made: made.unit, folds=True, optional=True),
            Column("Join code", lambda made: made.join_code, optional=True),
            Column("", _state_of_league),
        ),
        fields=MadeLeague,
    )
    output.say_sheet(done.sheet, done.other_sheets)
    say_ignored(done.ignored)
    new, corrected = sum(made.is_new for made in done.leagues), sum(made.is_corrected for made in done.leagues)
    there = f"{output.counted(new, 'new league')}, {len(done.leagues) - new} there already"
    if corrected:
        there += f", of which {corrected} with another unit"
    output.say(f"{there}; nothing was written (dry run)." if dry_run else f"{there}.")


def _state_of_league(made: MadeLeague) -> str:
    if made.is_corrected:
        return f"unit corrected, was {made.unit_before or 'none'}"
    return "new" if made.is_new else "there already"


def _league(text: str) -> dict[str, str]:
    from mpp_supabase import trimmed

    name, _, unit = (trimmed(part) for part in text.partition(":"))
    if not name:
        raise typer.BadParameter(f"write it as NAME:UNIT ({output.clean(text)[:60]})", param_hint="--league")
    return {"name": name} | ({"unit": unit} if unit else {})


@app.command("list")
@formatted
def list_leagues(
    org: ClientCode,
    edition: EditionCode,
    needing: Annotated[bool, typer.Option("--needing-attention", help="Only leagues that need attention.")] = False,
    *,
    out: Output,
) -> None:
    """List the leagues of a client, ranked among themselves, and why some of them need attention.

    Leagues that opted out of the ranking are left out. A number of people under five is suppressed.

    Example: mpp client leagues list acme adult-2026-06 --needing-attention
    """
    from mpp_supabase import ClientLeague

    found = followed(org, edition)
    out.rows(
        [each for each in found.leagues if each.attention or not needing],
        (
            Column("Rank", lambda one: one.rank, right=True),
            Column("League", lambda one: one.name, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            Column("Players", lambda one: people(one.players), right=True),
            Column("Active", lambda one: people(one.active_players), right=True),
            Column("Points", lambda one: output.number(one.points), right=True),
            Column("Per player", lambda one: average(one.points_per_player), right=True),
            Column("This week", lambda one: output.number(one.points_this_week), right=True),
            Column(
                "Attention",
                lambda one: ", ".join(_REASONS[reason] for reason in one.attention),
                folds=True,
                optional=True,
            ),
        ),
        fields=ClientLeague,
        empty="No league needs attention." if needing else f"{org} has no league in the ranking of {edition}.",
    )


_REASONS = {
    "no_ambassador": "nobody runs it",
    "not_started": "no challenge yet",
    "quiet": "nothing this week",
    "few_active": "under half active",
    "falling": "behind last week",
    "few_players": "too few players",
}


@app.command("codes")
@formatted
def codes(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """List the join codes of a client's leagues, to hand out.

    Example: mpp client leagues codes acme adult-2026-06 --csv > codes.csv
    """
    from mpp_supabase import JoinCode

    with connection.staff() as mpp:
        found = mpp.clients.join_codes(mpp.clients.participation(org, edition).participation_id)
    out.rows(
        found,
        (
            Column("League", lambda one: one.name, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            Column("Join code", lambda one: one.join_code),
            Column("In rankings", lambda one: "" if one.listed is None else "yes" if one.listed else "no"),
            Column("Id", lambda one: one.league_id),
        ),
        fields=JoinCode,
        empty=f"{org} has no league in {edition}: `mpp client leagues import {org} {edition} FILE`.",
    )
