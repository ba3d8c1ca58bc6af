"""`mpp watch`: the top of a ranking, live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, output, ranking
from mpp_cli.arguments import EditionCode, limit_of
from mpp_cli.choices import Scope
from mpp_cli.exits import Exit

if TYPE_CHECKING:
    from rich.console import Group

    from mpp_supabase import MPP, Edition


def watch(
    edition: EditionCode,
    scope: Annotated[
        Scope,
        choices.option(Scope, "--scope", metavar="SCOPE", help="What to rank: player, team, league, class or school."),
    ] = Scope.LEAGUE,
    limit: Annotated[int, limit_of("lines", most=200)] = 20,
    every: Annotated[float, typer.Option("--every", min=0.5, max=3600, help="Seconds between two refreshes.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show the ranking once, and end.")] = False,
    private: ranking.Private = False,
) -> None:
    """Watch the top of a ranking, live, until Ctrl-C.

    Example: mpp watch adult-2026-06 --scope player --limit 10
    """
    if not once and not sys.stdout.isatty():
        output.say("mpp: there is no terminal to refresh here; add --once.")
        raise typer.Exit(Exit.USAGE)
    with ranking.connect(private) as mpp:
        found = mpp.editions.get(edition)
        if once:
            ranking.table(mpp.rankings.page(found.id, scope, limit).rows, scope, output.Output())
            return
        _follow(mpp, found, scope, limit, every)


def _follow(mpp: MPP, edition: Edition, scope: str, limit: int, every: float) -> None:
    from rich.live import Live

    with Live(console=output.console(), auto_refresh=False, screen=False) as live:
        while True:
            live.update(_picture(mpp, edition.code, scope, limit), refresh=True)
            time.sleep(every)


def _picture(mpp: MPP, code: str, scope: str, limit: int) -> Group:
    from rich.console import Group
    from rich.text import Text

    edition = mpp.editions.get(code)
    lines = mpp.rankings.page(edition.id, scope, limit).rows
    title = f"{edition.title['en']} · {scope} ranking · {edition.phase} · {mpp.read_clock():%H:%M:%S} UTC"
    body = output.table(lines, ranking.columns(scope)) if lines else Text("Nobody is in this ranking yet.")
    return Group(Text(output.clean(title), style="bold"), body, Text("Ctrl-C ends.", style="dim"))
