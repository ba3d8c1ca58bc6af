"""`mpp demo`: whole editions on the local stack, from the file to the frozen ranking: leagues, or school classes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import output
from mpp_cli.exits import Exit
from mpp_cli.output import Column

if TYPE_CHECKING:
    from mpp_supabase.demo import ClientOutcome, Outcome, SchoolOutcome
    from mpp_supabase.project import Project
    from supabase_embedded import StackStatus

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
    from mpp_supabase.project import find_project

    project = find_project()
    status = _local_stack()
    plan = Plan.of(scale)
    output.say(
        f"Playing {plan.leagues:,} leagues, {plan.players:,} players and {plan.validations:,} validations"
        f" on {status.api_url}."
    )
    with _Bars() as bars:
        outcome = play(status.env(), project.files, _reports(project, status), plan, bars.show)
    _tell(outcome)
    if outcome.mismatches:
        raise typer.Exit(Exit.CHECK_FAILED)


@app.command()
def school(
    scale: Annotated[
        float, typer.Option(min=0.01, max=2, help="1 plays 650 classes with 18,200 pupils in 300 schools.")
    ] = 1.0,
) -> None:
    """Play a school edition on the local stack: directory, classes, sheets, phones, rankings, diplomas and proof.

    Example: mpp demo school --scale 0.1
    """
    from mpp_supabase.demo import SchoolPlan, play_school
    from mpp_supabase.project import find_project

    project = find_project()
    status = _local_stack()
    plan = SchoolPlan.of(scale)
    output.say(
        f"Playing {plan.classes:,} classes with {plan.pupils:,} pupils in {plan.schools:,} schools on {status.api_url}."
    )
    with _Bars() as bars:
        outcome = play_school(status.env(), project.files, _reports(project, status), plan, bars.show)
    _tell_school(outcome)
    if not outcome.proven:
        raise typer.Exit(Exit.CHECK_FAILED)


@app.command()
def client(
    scale: Annotated[
        float, typer.Option(min=0.01, max=5, help="1 plays 200 players with 4,000 validations, and 30 classes.")
    ] = 1.0,
) -> None:
    """Play a client on the local stack, from contract to final report: a company, and an authority with its classes.

    Its mails go to the mailbox of the stack, with any others that were waiting there.

    Example: mpp demo client --scale 0.3
    """
    from mpp_supabase import load_mail_settings, load_settings
    from mpp_supabase.demo import ClientPlan, play_client
    from mpp_supabase.project import find_project

    project = find_project()
    status = _local_stack()
    plan = ClientPlan.of(scale)
    output.say(
        f"Playing a company of {plan.players:,} with {plan.validations:,} validations, and an authority that follows"
        f" {plan.classes} classes, on {status.api_url}."
    )
    with _Bars() as bars:
        outcome = play_client(
            status.env(), project.files, _reports(project, status), plan, load_mail_settings(load_settings()), bars.show
        )
    _tell_client(outcome)
    if not outcome.proven:
        raise typer.Exit(Exit.CHECK_FAILED)


def _reports(project: Project, status: StackStatus) -> Path:
    return (project.files if project.checkout else status.home.parent) / "reports"


def _local_stack() -> StackStatus:
    """The local stack, running. A demonstration fills its database with made-up people: never any other."""
    from mpp_supabase import ConfigError
    from mpp_supabase.local_stack import local_stack

    stack = local_stack()
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
        f"{_page(outcome.edition)}"
        f"  the whole ranking           {mpp} ranking leagues {outcome.edition} --all\n"
        f"  the proof, again            {mpp} edition verify {outcome.edition}\n"
        f"  keys, URLs and the mailbox  {mpp} stack status\n"
        f"  every command               {mpp} --help\n"
        f"  stop the stack              {mpp} stack stop"
    )


def _tell_school(outcome: SchoolOutcome) -> None:
    from mpp_supabase.demo import LEVEL_NAMES, proof_lines

    rank = Column("Rank", lambda row: row.rank, right=True)
    label, home = Column("Class", lambda row: row.label), Column("School", lambda row: row.school_label or "–")
    pupils = Column("Pupils", lambda row: row.players, right=True)
    points = Column("Points", lambda row: f"{row.points:,}", right=True)
    average = Column("Average", lambda row: f"{row.value / 100:.2f}", right=True)
    city = Column("City", lambda row: row.city or "–")
    show = output.console().print
    _title("Classes")
    show(output.table(outcome.classes, [rank, label, home, city, pupils, points, average]))
    _title("The best three of each level")
    level = Column("Level", lambda row: LEVEL_NAMES[row.level])
    level_rank = Column("Rank", lambda row: row.level_rank, right=True)
    best = [line for lines in outcome.levels.values() for line in lines]
    show(output.table(best, [level, level_rank, label, home, pupils, average]))
    _title("Schools")
    schools = [Column("School", lambda row: row.label), city, Column("Classes", lambda row: row.classes, right=True)]
    show(output.table(outcome.schools, [rank, *schools, pupils, points, average]))
    _title("A teacher’s phone: the class and its neighbours")
    marked = Column("Class", lambda row: f"{row.label}  ◀ mine" if row.is_me else row.label)
    show(output.table(outcome.teacher, [rank, marked, pupils, average]))
    _title(f"A family’s phone: {outcome.family_class}")
    seen = [
        Column("Pupil", lambda row: row[0]),
        Column("Validations", lambda row: row[1], right=True),
        Column("Points", lambda row: row[2], right=True),
    ]
    show(output.table(outcome.family, seen))
    _title("What that class did")
    done = [
        Column("Challenge", lambda row: row[0]),
        Column("Pupils", lambda row: row[1], right=True),
        Column("Points", lambda row: row[2], right=True),
    ]
    show(output.table(outcome.family_challenges, done))
    if outcome.statistics:
        s = outcome.statistics
        output.say(
            f"\n{outcome.directory:,} schools in the directory; {s.classes:,} listed classes of {s.schools:,} of them,"
            f" with {s.players:,} pupils. {outcome.validations:,} validations,"
            f" {outcome.whole_class:,} times by a whole class at once."
        )
    if outcome.refusals:
        said = ", ".join(f"{count} × {code}" for code, count in sorted(outcome.refusals.items()))
        output.say(f"Phones were refused what the rules forbid: {said}.")
    changed, there = outcome.read_back
    output.say(
        f"{outcome.papers_class}: its spreadsheets, read back in, changed {changed} of {there + changed:,} entries."
    )
    if outcome.mismatches:
        output.say(f"{len(outcome.mismatches)} scores differ from the ledger: mpp edition verify {outcome.edition}")
    else:
        output.say("Frozen and proven: every score is the sum of its credited validations.")
    for line in proof_lines(outcome):
        output.say(line)
    took = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in outcome.seconds.items())
    output.say(f"{sum(outcome.seconds.values()):.0f} s in all: {took}.")
    mpp = "mpp" if shutil.which("mpp") else os.path.relpath(sys.argv[0])
    folder = os.path.relpath(outcome.report.parent)
    output.say(
        f"\nLook next at:\n  the report                  {os.path.relpath(outcome.report)}\n"
        f"  the papers of a class       {folder}/{{{','.join(path.name for path in outcome.papers)}}}\n"
        f"{_page(outcome.edition)}"
        f"  every class                 {mpp} ranking classes {outcome.edition} --all\n"
        f"  every school                {mpp} ranking schools {outcome.edition} --all\n"
        f"  a class, as the staff do    {mpp} class --help\n"
        f"  keys, URLs and the mailbox  {mpp} stack status\n"
        f"  stop the stack              {mpp} stack stop"
    )


def _tell_client(outcome: ClientOutcome) -> None:
    from mpp_cli.client.figures import people

    _title("The company’s leagues, as its staff see them")
    output.console().print(
        output.table(
            outcome.leagues,
            [
                Column("Rank", lambda row: row["rank"], right=True),
                Column("League", lambda row: row["name"]),
                Column("Unit", lambda row: row["unit"]),
                Column("Players", lambda row: people(row["players"]), right=True),
                Column("Active", lambda row: people(row["active_players"]), right=True),
                Column("Points", lambda row: output.number(row["points"]), right=True),
                Column("This week", lambda row: output.number(row["points_this_week"]), right=True),
                Column("Attention", lambda row: ", ".join(row["attention"])),
            ],
        )
    )
    seen = outcome.overview
    output.say(
        f"\n{seen['players']} players, {seen['active_players']} of them active this week, {seen['validations']:,}"
        f" validations, {seen['points']:,} points. {outcome.tasks} tasks planned, {outcome.invited} people invited,"
        f" {outcome.mails} mails sent, {outcome.awards} awards."
    )
    output.say(f"The authority follows {outcome.followed} of {outcome.classes} classes.")
    if outcome.proof is not None:
        right, all_ = outcome.proof.agree.total(), outcome.proof.compared.total()
        parts = ", ".join(f"{what} {count}" for what, count in outcome.proof.compared.items())
        output.say(f"{right:,} of {all_:,} figures are those computed again from the ledger ({parts}).")
        for difference in outcome.proof.differences[:20]:
            output.say(f"  {difference}")
    if outcome.mismatches:
        output.say(f"{len(outcome.mismatches)} scores differ from the ledger: mpp edition verify {outcome.edition}")
    took = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in outcome.seconds.items())
    output.say(
        f"{sum(outcome.seconds.values()):.0f} s in all: {took}; a report’s figures {outcome.seconds_of_a_call:.2f} s."
    )
    mpp = "mpp" if shutil.which("mpp") else os.path.relpath(sys.argv[0])
    output.say(
        f"\nLook next at:\n  the reports, and the plan   {os.path.relpath(outcome.folder)}\n"
        f"  the company                 {mpp} client overview {outcome.company} {outcome.edition}\n"
        f"  its leagues                 {mpp} client leagues list {outcome.company} {outcome.edition}\n"
        f"  keys, URLs and the mailbox  {mpp} stack status\n"
        f"  stop the stack              {mpp} stack stop"
    )


def _page(edition: str) -> str:
    """The line that leads to the public ranking in a browser, where the page is built."""
    from mpp_supabase.local_stack import running_stack
    from mpp_supabase.project import find_project

    folder, stack = find_project().pages.get("ranking"), running_stack()
    if stack is None or folder is None or not (folder / "index.html").is_file():
        return ""
    return f"  the ranking in a browser    {stack.api_url}/ranking/?edition={edition}\n"


def _title(text: str) -> None:
    output.console().print(f"\n{text}", style="bold")
