"""`mpp demo`: a whole edition on the local stack, from the file to the frozen ranking."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import output
from mpp_cli.exits import Exit
from mpp_cli.output import Column

if TYPE_CHECKING:
    from mpp_supabase.demo import Outcome
    from mpp_supabase.local import StackStatus

app = typer.Typer(help="Play a whole edition on the local stack.")


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    scale: Annotated[
        float, typer.Option(min=0.01, max=2, help="1 plays 1,000 leagues, 20,000 players and 300,000 validations.")
    ] = 1.0,
) -> None:
    """Play a whole edition on the local stack, started if need be: leagues, phones, rankings, freeze and proof.

    Example: mpp demo --scale 0.1
    """
    if context.invoked_subcommand is not None:
        return
    from mpp_supabase.demo import Plan, play
    from mpp_supabase.local.project import find_project

    project = find_project()
    status = _local_stack()
    plan = Plan.of(scale)
    output.say(
        f"Playing {plan.leagues:,} leagues, {plan.players:,} players and {plan.validations:,} validations"
        f" on {status.api_url}."
    )
    reports = (project.files if project.checkout else status.home.parent) / "reports"
    with _Bars() as bars:
        outcome = play(status.env(), project.files, reports, plan, bars.show)
    _tell(outcome)
    if outcome.mismatches:
        raise typer.Exit(Exit.CHECK_FAILED)


def _local_stack() -> StackStatus:
    """The local stack, running. A demonstration fills its database with made-up people: never any other."""
    from mpp_supabase import ConfigError
    from mpp_supabase.local import Stack

    stack = Stack()
    status = stack.status()
    if status is None or not status.running:
        status = stack.start(output.say)
    asked = os.environ.get("SUPABASE_URL", "").strip().rstrip("/")
    if asked and asked != status.api_url:
        raise ConfigError(
            f"SUPABASE_URL names {asked}, and a demonstration only plays on the local stack ({status.api_url}).",
            "Unset SUPABASE_URL, then run mpp demo again.",
        )
    return status


class _Bars:
    """One line of progress a stage, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description:<42}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._stages: dict[str, int] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, stage: str, done: int, total: int) -> None:
        from rich.progress import TaskID

        # The days of play share a line.
        key = "play" if stage.startswith("Day ") else stage
        if key not in self._stages:
            self._stages[key] = self._progress.add_task(stage, total=total)
        self._progress.update(TaskID(self._stages[key]), description=stage, completed=done, total=total)


def _tell(outcome: Outcome) -> None:
    points = Column("Points", lambda row: f"{row.points:,}", right=True)
    rank = Column("Rank", lambda row: row.rank, right=True)
    _title("Leagues")
    output.console().print(
        output.table(
            outcome.leagues,
            [
                rank,
                Column("League", lambda row: row.label),
                points,
                Column("Players", lambda row: row.players, right=True),
                Column("Per player", lambda row: f"{row.points_per_player:.2f}", right=True),
            ],
        )
    )
    _title("Players")
    alias, league = Column("Alias", lambda row: row.label), Column("League", lambda row: row.league_label or "–")
    output.console().print(output.table(outcome.players, [rank, alias, league, points]))
    _title("One of the phones, and its neighbours")
    marked = Column("Alias", lambda row: f"{row.label}  ◀ me" if row.is_me else row.label)
    output.console().print(output.table(outcome.one_player, [rank, marked, league, points]))
    if outcome.statistics:
        s = outcome.statistics
        output.say(
            f"\n{outcome.validations:,} validations; {s.players:,} players, {s.teams:,} teams and {s.leagues:,} leagues"
            f" are listed, with {s.points:,} points."
        )
    if outcome.refusals:
        said = ", ".join(f"{count} × {code}" for code, count in sorted(outcome.refusals.items()))
        output.say(f"Phones were refused what the rules forbid: {said}.")
    if outcome.mismatches:
        output.say(f"{len(outcome.mismatches)} scores differ from the ledger: mpp edition verify {outcome.edition}")
    else:
        output.say("Frozen and proven: every score is the sum of its credited validations.")
    took = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in outcome.seconds.items())
    output.say(f"{sum(outcome.seconds.values()):.0f} s in all: {took}.")
    mpp = "mpp" if shutil.which("mpp") else os.path.relpath(sys.argv[0])
    output.say(
        f"\nLook next at:\n  the report                  {os.path.relpath(outcome.report)}\n"
        f"  the whole ranking           {mpp} ranking leagues {outcome.edition} --all\n"
        f"  the proof, again            {mpp} edition verify {outcome.edition}\n"
        f"  keys, URLs and the mailbox  {mpp} stack status\n"
        f"  every command               {mpp} --help\n"
        f"  stop the stack              {mpp} stack stop"
    )


def _title(text: str) -> None:
    output.console().print(f"\n{text}", style="bold")
