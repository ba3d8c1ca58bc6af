"""`mpp ranking`: players, teams, leagues, classes and schools of an edition, as everybody sees them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import After, EditionCode, OfLevel, all_of, limit_of
from mpp_cli.choices import RankedName, SchoolLanguage
from mpp_cli.class_.spreadsheets import Language
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mpp_cli.choices import Level
    from mpp_supabase import MPP, Standing

app = typer.Typer(no_args_is_help=True)

Limit = Annotated[int, limit_of("lines")]
All = Annotated[bool, all_of("line")]
Private = Annotated[bool, typer.Option("--private", help="Use the secret key, for a private edition or a draft.")]


@app.command()
@formatted
def players(
    code: EditionCode,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Show the ranking of players.

    Example: mpp ranking players adult-2026-06 --limit 10
    """
    _ranking("player", code, limit, everything, after, private, out)


@app.command()
@formatted
def teams(
    code: EditionCode,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Show the ranking of teams.

    Example: mpp ranking teams adult-2026-06 --all --csv > teams.csv
    """
    _ranking("team", code, limit, everything, after, private, out)


@app.command()
@formatted
def leagues(
    code: EditionCode,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Show the ranking of leagues.

    Example: mpp ranking leagues adult-2026-06 --json
    """
    _ranking("league", code, limit, everything, after, private, out)


@app.command()
@formatted
def classes(
    code: EditionCode,
    level: OfLevel = None,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Show the ranking of classes, of all levels or of one.

    Example: mpp ranking classes school-2026-11 --level college
    """
    _ranking("class", code, limit, everything, after, private, out, level)


@app.command()
@formatted
def schools(
    code: EditionCode,
    level: OfLevel = None,
    limit: Limit = 50,
    everything: All = False,
    after: After = None,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Show the ranking of schools: the sum of their classes, of all levels or of one.

    Example: mpp ranking schools school-2026-11
    """
    _ranking("school", code, limit, everything, after, private, out, level)


@app.command()
@formatted
def find(
    code: EditionCode,
    name: Annotated[str, typer.Argument(metavar="NAME", help="How an alias begins, or words of another name begin.")],
    scope: Annotated[RankedName, typer.Option("--in", help="Which ranking to look in.")] = RankedName.PLAYER,
    limit: Annotated[int, limit_of("lines", 50)] = 20,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Find a player, a league, a class or a school in the ranking by name.

    Example: mpp ranking find adult-2026-06 marcheuses --in league
    """
    with connect(private) as mpp:
        found = mpp.rankings.find(mpp.editions.get(code).id, scope.value, name, limit)
        table(found, scope.value, out, empty="Nobody of that name is in this ranking.")


@app.command()
@formatted
def around(
    subject_id: Annotated[str, typer.Argument(metavar="SUBJECT_ID", help="Id of a player, team, league or class.")],
    neighbours: Annotated[
        int, typer.Option("--neighbours", min=0, max=50, help="How many lines to show above and below.")
    ] = 3,
    private: Private = False,
    *,
    out: Output,
) -> None:
    """Show one player, team, league or class, and its neighbours in the ranking.

    Example: mpp ranking around 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    subject = output.uuid_of(subject_id, "SUBJECT_ID")
    with connect(private) as mpp:
        found = mpp.rankings.around(subject, neighbours)
        table(found, "player" if all(line.players == 1 for line in found) else None, out)


@app.command()
def publish(
    code: EditionCode,
    target: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write: a new one, or that of before."),
    ],
    language: Language = SchoolLanguage.FR,
    live: Annotated[
        str, typer.Option("--live", metavar="URL", help="Address of the live page, for a link to it.")
    ] = "",
) -> None:
    """Write the ranking of a frozen edition as web pages that need no JavaScript.

    Publish again when somebody asks not to be shown: the pages hold what was public when they were written.

    Example: mpp ranking publish adult-2026-06 -o ranking-2026-06
    """
    if live and not live.startswith(("https://", "http://127.0.0.1")):
        raise typer.BadParameter("not an address that begins with https://", param_hint="--live")
    with connect(private=False) as mpp:
        made = mpp.rankings.publish(mpp.editions.get(code), target, language.value, live)
    lines, pages = output.counted(made.lines, "line"), output.counted(made.pages, "page")
    output.say(f"{lines} on {pages}. Begin with {made.first}.")


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
    out: Output,
    level: Level | None = None,
) -> None:
    with connect(private) as mpp:
        edition = mpp.editions.get(code)
        if everything:
            table(mpp.rankings.iterate(edition.id, scope, after, level=level), scope, out)
            return
        page = mpp.rankings.page(edition.id, scope, limit, after, level=level)
        table(page.rows, scope, out)
        if page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


def table(
    lines: Iterable[Standing], scope: str | None, out: Output, empty: str = "Nobody is in this ranking yet."
) -> None:
    """Print lines of a ranking, of a scope if it is known; the subject of `around` is pointed at."""
    from mpp_supabase import ClassStanding, SchoolStanding, Standing

    models: dict[str | None, type[Standing]] = {"class": ClassStanding, "school": SchoolStanding}
    out.rows(
        lines,
        columns(scope),
        fields=tuple(models.get(scope, Standing).model_fields),
        empty=empty,
    )


def _average(line: Standing) -> str:
    average = line.points if line.points_per_player is None else line.points_per_player
    return f"{average:,.2f}"


_RANK = (
    Column("Rank", lambda s: s.rank, right=True),
    Column("Name", lambda s: ("▶ " if getattr(s, "is_me", False) else "") + s.label, folds=True),
)
_LEAGUE = Column("League", lambda s: s.league_label, folds=True, optional=True)
_POINTS = Column("Points", lambda s: output.number(s.points), right=True)
_OF_SEVERAL = (
    Column("Players", lambda s: output.number(s.players), right=True),
    Column("Points per player", _average, right=True),
)


_OF_PUPILS = (
    Column("Pupils", lambda s: output.number(s.players), right=True),
    Column("Points per pupil", _average, right=True),
)
_CITY = Column("City", lambda s: s.city, folds=True, optional=True)


def columns(scope: str | None) -> tuple[Column, ...]:
    """The columns of a ranking: a league is in no league, and a player is one player with their own points."""
    if scope == "class":
        level = Column("In level", lambda s: f"{s.level_rank} {s.level}")
        school = Column("School", lambda s: s.school_label, folds=True, optional=True)
        return (*_RANK, level, school, _CITY, _POINTS, *_OF_PUPILS)
    if scope == "school":
        of_classes = Column("Classes", lambda s: output.number(s.classes), right=True)
        return (*_RANK, _CITY, of_classes, _POINTS, *_OF_PUPILS)
    league = () if scope == "league" else (_LEAGUE,)
    return (*_RANK, *league, _POINTS, *(() if scope == "player" else _OF_SEVERAL))
