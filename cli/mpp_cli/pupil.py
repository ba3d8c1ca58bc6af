"""`mpp pupil`: pupils of a class, known by a first name and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClassId, DryRun, Yes
from mpp_cli.class_.names import Known, name_and_initial
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="PUPIL", help="Name or id of the pupil; `mpp class pupils` shows it.")]


@app.command()
@formatted
def add(
    class_id: ClassId,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME[:INITIAL]...", help="First names; with an initial where the class has a name twice."
        ),
    ],
    known: Known = None,
    team: Annotated[
        str | None,
        typer.Option(
            "--team", metavar="NAME", help="Name of their team, created if it is missing. Default: the smallest team."
        ),
    ] = None,
    dry_run: DryRun = False,
    *,
    out: Output,
) -> None:
    """Add pupils to a class, all or none.

    When a second Lina joins, both get an initial: Lina:B for the newcomer, --known Lina:M for the first.

    Example: mpp pupil add 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 Noé Lina:B --known Lina:M
    """
    from mpp_supabase import ImportRefused, NamedPupil

    wanted = output.uuid_of(class_id, "CLASS")
    asked: list[dict[str, str | None]] = []
    for text in names:
        name, initial = name_and_initial(text, "NAME")
        asked.append({"first_name": name, "initial": initial or None, "team": team})
    told = [name_and_initial(text, "--known", needed=True) for text in known or ()]
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        there = mpp.classes.find_pupils(wanted, [name for name, _ in told]) if told else []
        corrections: list[dict[str, str | None]] = [
            {"pupil_id": str(pupil.pupil_id), "initial": initial}
            for pupil, (_, initial) in zip(there, told, strict=True)
        ]
        try:
            made = mpp.classes.add_pupils(wanted, [*corrections, *asked], dry_run=dry_run)
        except ImportRefused as refused:
            if any(fault.fault == "first_name_twice" for fault in refused.faults):
                refused.hint = "Give each an initial: Lina:B for who comes, --known Lina:M for who is there."
            raise
        teams = {found.team_id: found.name for found in mpp.classes.teams(wanted)}
    out.rows(
        made,
        (
            Column("Pupil", lambda p: p.name),
            Column("Team", lambda p: teams.get(p.team_id), folds=True, optional=True),
            Column("Id", lambda p: p.pupil_id, optional=True),
        ),
        fields=NamedPupil,
    )
    count = output.counted(len(asked), "pupil")
    output.say(f"{count} would be added; nothing was written (dry run)." if dry_run else f"{count} added.")


@app.command()
def correct(
    class_id: ClassId,
    who: Who,
    first_name: Annotated[str | None, typer.Option("--first-name", help="New first name.")] = None,
    initial: Annotated[
        str | None, typer.Option("--initial", help="New initial, used while the class has the name twice.")
    ] = None,
    team: Annotated[str | None, typer.Option("--team", metavar="NAME", help="Name of the team to move to.")] = None,
) -> None:
    """Correct the first name or the initial of a pupil, or move them to another team.

    Example: mpp pupil correct 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 Lea --first-name Léa
    """
    wanted = output.uuid_of(class_id, "CLASS")
    if first_name is None and initial is None and team is None:
        raise typer.BadParameter("say what to correct", param_hint="--first-name")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        (pupil,) = mpp.classes.find_pupils(wanted, [who])
        corrected = mpp.classes.correct_pupil(wanted, pupil.pupil_id, first_name=first_name, initial=initial, team=team)
        teams = {found.team_id: found.name for found in mpp.classes.teams(wanted)}
    output.say(
        f"{pupil.name} is now {corrected.name}, in team {teams[corrected.team_id] if corrected.team_id else '–'}."
    )
    if initial is not None and corrected.initial is None:
        output.say("Nobody else in the class has this first name: the initial was left out.")


@app.command()
def remove(class_id: ClassId, who: Who, yes: Yes = False) -> None:
    """Remove a pupil from their class, and delete the name. The points stay with the class. This cannot be undone.

    Example: mpp pupil remove 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 "Lina B."
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
        (pupil,) = mpp.classes.find_pupils(wanted, [who])
        output.confirm(f"Take {pupil.name} out of {found.name} for good?", yes=yes)
        mpp.classes.remove_pupil(pupil.pupil_id)
    output.say(f"{pupil.name} is out of {found.name}; the points stay with the class.")
