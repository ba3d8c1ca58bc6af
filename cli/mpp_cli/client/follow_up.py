"""What a client follows: its overview, its weeks, its own ranking, its themes and its map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import output
from mpp_cli.arguments import ClientCode, EditionCode
from mpp_cli.client.figures import average, followed, people, signed
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import ClientOverview, ClientWeek, FollowUp

app = typer.Typer(no_args_is_help=True)


@app.command()
@formatted
def overview(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """Show where a client stands: players, activity, points, and what changed since the week before.

    For a client that follows classes: its classes, schools and points, and the pupils of classes of five or more.

    Example: mpp client overview acme adult-2026-06
    """
    found = followed(org, edition)
    if found.follows_only:
        _show_territory(found, out)
        return
    out.record(found.overview, _figures(found.overview))


@app.command()
@formatted
def weekly(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """Show a client week by week. The change since the week before appears on the last evening of a week.

    Example: mpp client weekly acme adult-2026-06
    """
    from mpp_supabase import ClientWeek

    found = followed(org, edition)
    if found.follows_only:
        output.say(
            f"{found.organisation.name} has no league and follows classes:"
            f" `mpp client territory classes {org} {edition}`."
        )

    def change(week: ClientWeek, value: int | None) -> str:
        # A week that is on is behind a whole one.
        return "" if week.week == found.overview.week and not found.week_is_over else signed(value)

    out.rows(
        () if found.follows_only else found.weeks,
        (
            Column("Week", lambda w: w.week, right=True),
            Column("From", lambda w: w.first_day),
            Column("To", lambda w: w.last_day),
            Column("New players", lambda w: people(w.new_players), right=True),
            Column("Active", lambda w: people(w.active_players), right=True),
            Column("Validations", lambda w: output.number(w.validations), right=True),
            Column("Change", lambda w: change(w, w.validations_change), right=True),
            Column("Points", lambda w: output.number(w.points), right=True),
            Column("Change", lambda w: change(w, w.points_change), right=True),
        ),
        fields=ClientWeek,
        empty=f"There are no weeks of players in {edition}." if found.follows_only else f"{edition} has not started.",
    )


@app.command()
@formatted
def ranking(
    org: ClientCode,
    edition: EditionCode,
    units: Annotated[bool, typer.Option("--units", help="Rank the units instead of the leagues.")] = False,
    *,
    out: Output,
) -> None:
    """Show a client's own ranking of its leagues, or of its units.

    Example: mpp client ranking acme adult-2026-06 --units
    """
    from mpp_supabase import ClientLeague, ClientUnit

    found = followed(org, edition)
    common = (
        Column("Players", lambda one: people(one.players), right=True),
        Column("Points", lambda one: output.number(one.points), right=True),
        Column("Per player", lambda one: average(one.points_per_player), right=True),
    )
    rank = Column("Rank", lambda one: one.rank, right=True)
    if units:
        out.rows(
            found.units,
            (
                rank,
                Column("Unit", lambda one: one.label, folds=True),
                Column("Leagues", lambda one: one.leagues, right=True),
                *common,
            ),
            fields=ClientUnit,
            empty=f"No league of {org} is under a unit.",
        )
        return
    out.rows(
        found.leagues,
        (
            rank,
            Column("League", lambda one: one.name, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            *common,
        ),
        fields=ClientLeague,
        empty=f"{org} has no league in the ranking of {edition}.",
    )


@app.command()
@formatted
def themes(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """Show what a client did in each theme, the most points first.

    Example: mpp client themes acme adult-2026-06
    """
    from mpp_supabase import ClientTheme

    out.rows(
        followed(org, edition).themes,
        (
            Column("Theme", lambda one: one.name.get("en") or one.theme, folds=True),
            Column("Validations", lambda one: output.number(one.validations), right=True),
            Column("Points", lambda one: output.number(one.points), right=True),
        ),
        fields=ClientTheme,
    )


@app.command("map")
@formatted
def map_(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """Show where the players of a client live, by French department. A number under five is suppressed.

    Example: mpp client map acme adult-2026-06
    """
    from mpp_supabase import ClientDepartment

    out.rows(
        followed(org, edition).departments,
        (
            Column("Department", lambda one: one.department),
            Column("Players", lambda one: people(one.players), right=True),
        ),
        fields=ClientDepartment,
        empty=f"{org} has no listed player in {edition} who lives in France.",
    )


def _figures(found: ClientOverview) -> list[tuple[str, object]]:
    def moved(value: object, change: Any) -> str:
        shown = "–" if value is None else f"{value}"
        return shown if change is None else f"{shown}  ({signed(change)} this week)"

    week = None if found.week is None else f"{found.week}, {found.week_first} to {found.week_last}"
    return [
        ("Week", week),
        ("Players", moved(people(found.players), found.players_change)),
        ("Expected", output.number(found.expected_players)),
        ("Active this week", people(found.active_players)),
        ("Active ever", people(found.active_players_ever)),
        ("Leagues", moved(output.number(found.leagues), found.leagues_change)),
        ("Validations", moved(output.number(found.validations), found.validations_change)),
        ("Points", moved(output.number(found.points), found.points_change)),
        (
            "Per player",
            None
            if found.points_per_player is None
            else moved(average(found.points_per_player), found.points_per_player_change),
        ),
    ]


def _show_territory(found: FollowUp, out: Output) -> None:
    sums, seen = found.territory_sums, found.overview
    per_pupil = None if sums.points_per_pupil is None else round(sums.points_per_pupil, 2)
    small = sums.classes - sums.counted
    without = f"  (without {output.number(small)} class{'es' * (small > 1)} of fewer than 5)" if small else ""
    out.record(
        {
            "participation_id": seen.participation_id,
            "organisation_id": seen.organisation_id,
            "week": seen.week,
            "week_first": seen.week_first and seen.week_first.isoformat(),
            "week_last": seen.week_last and seen.week_last.isoformat(),
            "classes": sums.classes,
            "schools": sums.schools,
            "pupils": sums.pupils,
            "points": sums.points,
            "points_this_week": sums.points_this_week,
            "points_per_pupil": per_pupil and float(per_pupil),
        },
        [
            ("Week", None if seen.week is None else f"{seen.week}, {seen.week_first} to {seen.week_last}"),
            ("Classes", output.number(sums.classes)),
            ("Schools", output.number(sums.schools)),
            ("Pupils", f"{output.number(sums.pupils)}{without}"),
            ("Points", f"{output.number(sums.points)}  (+{output.number(sums.points_this_week)} this week)"),
            ("Per pupil", None if per_pupil is None else f"{per_pupil}{without}"),
        ],
    )
    if not found.territory:
        output.say("No class of its territory has joined yet, or no territory is set: `mpp client territory`.")
