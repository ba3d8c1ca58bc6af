"""`mpp league`: the leagues of an edition, their members, and what is reported about them."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import After, EditionCode, Yes, all_of, limit_of
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

League = Annotated[str, typer.Argument(metavar="LEAGUE_ID", help="Id of the league; `mpp league list` shows it.")]
Player = Annotated[str, typer.Argument(metavar="PLAYER_ID", help="Id of the player; `mpp league members` shows it.")]


@app.command("list")
@formatted
def list_leagues(
    edition: EditionCode,
    limit: Annotated[int, limit_of("leagues")] = 50,
    everything: Annotated[bool, all_of("league")] = False,
    after: After = None,
    *,
    out: Output,
) -> None:
    """List the leagues of an edition by name.

    Example: mpp league list adult-2026-06 --all --csv
    """
    from mpp_supabase import League

    columns = (
        Column("Id", lambda league: league.league_id),
        Column("League", lambda league: league.name, folds=True),
        Column("Category", lambda league: league.category),
        Column("Open", lambda league: "open" if league.is_open else "by code"),
        Column("Players", lambda league: output.number(league.players), right=True),
        Column("Points", lambda league: output.number(league.points), right=True),
    )
    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        page = None if everything else mpp.leagues.page(edition_id, limit, after)
        out.rows(
            mpp.leagues.iterate(edition_id, after) if page is None else page.rows,
            columns,
            fields=League,
            empty=f"{edition} has no league yet.",
        )
        if page is not None and page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


@app.command()
@formatted
def show(league_id: League, *, out: Output) -> None:
    """Show one league.

    Example: mpp league show 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(league_id, "LEAGUE_ID")
    with connection.staff() as mpp:
        league = mpp.leagues.get(wanted)
    players = output.number(league.players) + (" (fewer than the edition asks for)" if league.is_short else "")
    lines = [
        ("League", league.name),
        ("Id", league.league_id),
        ("Edition", league.edition_code),
        ("Category", league.category),
        ("Joined", "by everybody" if league.is_open else "by code"),
        ("Join code", league.join_code),
        ("In rankings", "yes" if league.listed else "no"),
        ("Players", players),
        ("Points", output.number(league.points)),
        ("Ambassador", league.ambassador_player_id),
        ("Created", output.moment(league.created_at)),
    ]
    out.record(league, lines)


@app.command()
@formatted
def members(league_id: League, *, out: Output) -> None:
    """List the players of a league, in the order in which they joined.

    Example: mpp league members 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import LeagueMember

    wanted = output.uuid_of(league_id, "LEAGUE_ID")
    with connection.staff() as mpp:
        mpp.leagues.get(wanted)
        teams = {team.team_id: team.name for team in mpp.leagues.teams(wanted)}
        out.rows(
            mpp.leagues.members(wanted),
            (
                Column("Player", lambda m: m.player_id),
                Column("Alias", lambda m: m.alias, folds=True),
                Column("First name", lambda m: m.first_name, folds=True),
                Column("Team", lambda m: teams.get(m.team_id), folds=True, optional=True),
                Column("Role", lambda m: "ambassador" if m.is_ambassador else ""),
                Column("Points", lambda m: output.number(m.points), right=True),
            ),
            fields=LeagueMember,
            empty="Nobody plays in this league.",
        )


@app.command()
def expel(
    player_id: Player,
    reason: Annotated[
        str, typer.Option("--reason", help="Why they are expelled; kept with the report of the expulsion.")
    ],
    yes: Yes = False,
) -> None:
    """Expel a player from their league, at once and for good. This cannot be undone.

    Example: mpp league expel 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --reason "Insults"
    """
    wanted = output.uuid_of(player_id, "PLAYER_ID")
    with connection.staff() as mpp:
        output.confirm(f"Expel player {wanted} from their league?", yes=yes)
        mpp.leagues.expel(wanted, reason)
    output.say(f"Player {wanted} is expelled.")


@app.command("hand-over")
def hand_over(league_id: League, player_id: Player) -> None:
    """Make a player the ambassador of their league. The former one stays as a co-ambassador.

    Example: mpp league hand-over 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 0190f3c2-91d0-7c44-8a17-5be2c6f0a3d8
    """
    league, player = output.uuid_of(league_id, "LEAGUE_ID"), output.uuid_of(player_id, "PLAYER_ID")
    with connection.staff() as mpp:
        mpp.leagues.hand_over(league, player)
    output.say(f"Player {player} is now the ambassador of league {league}.")


@app.command()
@formatted
def reports(
    edition: EditionCode,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="Only the reports that are not resolved.")] = False,
    *,
    out: Output,
) -> None:
    """List the expulsions and reports of an edition, the latest first.

    Example: mpp league reports adult-2026-06 --unresolved
    """
    from mpp_supabase import ConductReport

    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        out.rows(
            mpp.conduct.reports(edition_id, unresolved=unresolved),
            (
                Column("Report", lambda r: r.id, right=True),
                Column("Kind", lambda r: r.kind),
                Column("When (UTC)", lambda r: output.clock(r.reported_at)),
                Column("Player", lambda r: r.alias, folds=True),
                Column("League", lambda r: r.league, folds=True),
                Column("Reason", lambda r: r.reason, folds=True),
                Column("Resolution", lambda r: r.resolution, folds=True),
            ),
            fields=ConductReport,
            empty=f"{edition} has no report.",
        )


@app.command()
def resolve(
    report: Annotated[
        int, typer.Argument(metavar="REPORT", help="Number of the report; `mpp league reports` shows it.")
    ],
    note: Annotated[str, typer.Option("--note", help="What was decided; kept with the report.")],
) -> None:
    """Resolve a report with a note.

    Example: mpp league resolve 12 --note "Talked to both; nothing more to do"
    """
    with connection.staff() as mpp:
        mpp.conduct.resolve(report, note)
    output.say(f"Report {report} is closed.")
