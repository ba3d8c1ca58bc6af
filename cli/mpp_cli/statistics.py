"""`mpp statistics`: what all editions came to, and where people play."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import EditionCode
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command()
@formatted
def total(*, out: Output) -> None:
    """Show the totals over all public editions, including those played before this system.

    Example: mpp statistics total
    """
    with connection.staff() as mpp:
        found = mpp.statistics.lifetime()
    played = (("Editions", found.editions, found.past_editions), ("Players", found.players, found.past_players))
    lines: list[tuple[str, object]] = [
        (name, f"{output.number(all_)}, {output.number(past)} of them until {found.past_as_of}" if past else all_)
        for name, all_, past in (*played, ("Validated challenges", found.challenges, found.past_challenges))
    ]
    lines.append(
        ("Running editions counted", output.moment(found.counted_at) if found.counted_at else "none is running")
    )
    out.record(found, lines)


@app.command("map")
@formatted
def map_(
    edition: Annotated[
        str | None, typer.Argument(metavar="[EDITION]", help="Code of the edition. Default: all editions together.")
    ] = None,
    *,
    out: Output,
) -> None:
    """Show how many people play in each country and French department, as last counted. No number is under five.

    Example: mpp statistics map adult-2026-06
    """
    from mpp_supabase import MapCell

    with connection.staff() as mpp:
        edition_id = None if edition is None else mpp.editions.get(edition).id
        out.rows(
            mpp.statistics.player_map(edition_id),
            (
                Column("Country", lambda c: c.country or "places with fewer than five people"),
                Column("Department", lambda c: c.department, optional=True),
                Column("Players", lambda c: output.number(c.players), right=True),
            ),
            fields=MapCell,
            empty="Nothing was counted yet; `mpp statistics count EDITION` counts an edition that is running.",
        )


@app.command()
def count(
    edition: EditionCode,
) -> None:
    """Count a running edition for the challenges done, the totals and the map. The freeze counts it by itself.

    Example: mpp statistics count adult-2026-06
    """
    with connection.staff() as mpp:
        at = mpp.statistics.count(edition)
    output.say(f"{edition} was counted at {output.moment(at)}.")
