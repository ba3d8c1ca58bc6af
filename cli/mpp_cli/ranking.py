"""`mpp ranking`: players, teams and leagues of an edition, as everybody sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.output import Column, Csv, Json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mpp_supabase import MPP, Standing

app = typer.Typer(no_args_is_help=True)

Code = Annotated[str, typer.Argument(metavar="EDITION", help="Code of the edition, such as adult-2026-06.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many lines to show.")]
All = Annotated[bool, typer.Option("--all", help="Show every line, whatever --limit says.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Go on after a page: the cursor it ended with.")
]
Private = Annotated[
    bool, typer.Option("--private", help="Use the secret key, for an edition that is private or a draft.")
]


@app.command()
def players(
    code: Code,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the ranking of players.

    Example: mpp ranking players adult-2026-06 --limit 10
    """
    _ranking("player", code, limit, everything, after, private, as_json, as_csv)


@app.command()
def teams(
    code: Code,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the ranking of teams.

    Example: mpp ranking teams adult-2026-06 --all --csv > teams.csv
    """
    _ranking("team", code, limit, everything, after, private, as_json, as_csv)


@app.command()
def leagues(
    code: Code,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the ranking of leagues.

    Example: mpp ranking leagues adult-2026-06 --json
    """
    _ranking("league", code, limit, everything, after, private, as_json, as_csv)


@app.command()
def around(
    subject_id: Annotated[str, typer.Argument(metavar="SUBJECT_ID", help="Id of a player, a team or a league.")],
    neighbours: Annotated[int, typer.Option("--neighbours", min=0, max=50, help="Lines above and below.")] = 3,
    private: Private = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show one player, team or league with its neighbours.

    Example: mpp ranking around 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    subject = output.uuid_of(subject_id, "SUBJECT_ID")
    with connect(private) as mpp:
        table(mpp.rankings.around(subject, neighbours), as_json, as_csv)


def connect(private: bool) -> MPP:
    """The client for a ranking: as everybody sees it, or with the secret key."""
    return connection.staff() if private else connection.visitor()


def _ranking(
    scope: str,
    code: str,
    limit: int,
    everything: bool,
    after: str | None,
    private: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    with connect(private) as mpp:
        edition = mpp.editions.get(code)
        if everything:
            table(mpp.rankings.iterate(edition.id, scope, after), as_json, as_csv)
            return
        page = mpp.rankings.page(edition.id, scope, limit, after)
        table(page.rows, as_json, as_csv)
        if page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


def table(lines: Iterable[Standing], as_json: bool, as_csv: bool) -> None:
    """Print lines of a ranking; the subject of `around` is pointed at."""
    from mpp_supabase import Standing

    output.rows(
        lines,
        COLUMNS,
        fields=tuple(Standing.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty="Nobody is in this ranking yet.",
    )


def _average(line: Standing) -> str:
    average = line.points if line.points_per_player is None else line.points_per_player
    return f"{average:,.2f}"


COLUMNS = (
    Column("Rank", lambda s: s.rank, right=True),
    Column("Name", lambda s: ("▶ " if getattr(s, "is_me", False) else "") + s.label),
    Column("League", lambda s: s.league_label),
    Column("Points", lambda s: output.number(s.points), right=True),
    Column("Players", lambda s: output.number(s.players), right=True),
    Column("Points per player", _average, right=True),
)
