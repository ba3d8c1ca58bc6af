"""`mpp class list` and its like: the classes of an edition, and what is known about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import After, ClassId, OfLevel, SchoolEditionCode, all_of, limit_of
from mpp_cli.choices import Level
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import SchoolClass

app = typer.Typer(no_args_is_help=True)


@app.command("list")
@formatted
def list_classes(
    edition: SchoolEditionCode,
    level: OfLevel = None,
    school: Annotated[
        str | None, typer.Option("--school", metavar="SCHOOL", help="Only this school, by id or RNE.")
    ] = None,
    limit: Annotated[int, limit_of("classes")] = 50,
    everything: Annotated[bool, all_of("class")] = False,
    after: After = None,
    *,
    out: Output,
) -> None:
    """List the classes of an edition by name.

    Example: mpp class list school-2026-11 --school 0759999L
    """
    from mpp_supabase import SchoolClass

    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        school_id = mpp.schools.get(school).school_id if school is not None else None
        page = None if everything else mpp.classes.page(edition_id, limit, after, level=level, school_id=school_id)
        out.rows(
            mpp.classes.iterate(edition_id, after, level=level, school_id=school_id) if page is None else page.rows,
            (
                Column("Id", lambda c: c.class_id),
                Column("Class", lambda c: c.name, folds=True),
                Column("Level", lambda c: c.level),
                Column("School", lambda c: c.school_label, folds=True),
                Column("City", lambda c: c.city, folds=True),
                Column("Pupils", lambda c: output.number(c.pupils), right=True),
                Column("Points", lambda c: output.number(c.points), right=True),
            ),
            fields=SchoolClass,
            empty=f"{edition} has no such class." if level or school else f"{edition} has no class yet.",
        )
        if page is not None and page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


@app.command()
@formatted
def show(class_id: ClassId, *, out: Output) -> None:
    """Show one class.

    Example: mpp class show 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        _show(mpp.classes.get(wanted), out)


@app.command()
@formatted
def create(
    edition: SchoolEditionCode,
    name: Annotated[str, typer.Option("--name", help="Name of the class, such as CE2 B.")],
    level: Annotated[
        Level,
        choices.option(Level, "--level", metavar="LEVEL", help="Level: maternelle, elementaire, college or lycee."),
    ],
    school: Annotated[str, typer.Option("--school", metavar="SCHOOL", help="Id or RNE of the school.")],
    teacher: Annotated[
        str, typer.Option("--teacher", metavar="EMAIL", help="E-mail address or id of the teacher's account.")
    ],
    teams: Annotated[
        list[str] | None,
        typer.Option("--team", metavar="NAME", help="Name of a team. Repeat it for several. Default: one team."),
    ] = None,
    *,
    out: Output,
) -> None:
    """Create a class for a teacher who has registered.

    Example: mpp class create school-2026-11 --school 0759999L --name CE2 --level elementaire --teacher ada@example.org
    """
    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        school_id = mpp.schools.get(school).school_id
        teacher_id = mpp.users.find(teacher).id
        class_id = mpp.classes.create(edition_id, school_id, name, level, teacher_id, teams=teams or ())
        _show(mpp.classes.get(class_id), out)


@app.command()
def correct(
    class_id: ClassId,
    name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    level: Annotated[
        Level | None,
        choices.option(Level, "--level", metavar="LEVEL", help="New level, possible until the first validation."),
    ] = None,
    listed: Annotated[
        bool | None,
        typer.Option(
            "--in-rankings/--out-of-rankings",
            help="Put the class in the rankings, or take it out of all of them. Teachers cannot undo this.",
        ),
    ] = None,
) -> None:
    """Rename a class, correct its level, or take it out of the rankings.

    A new level clears the class's choice of challenges.

    Example: mpp class correct 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --name "CM1 A"
    """
    wanted = output.uuid_of(class_id, "CLASS")
    if name is None and level is None and listed is None:
        raise typer.BadParameter("say what to correct", param_hint="--name")
    with connection.staff() as mpp:
        if name is not None or level is not None:
            mpp.classes.update(wanted, name=name, level=level)
        if listed is not None:
            mpp.classes.set_listed(wanted, listed)
    output.say(f"Class {wanted} is corrected.")


@app.command()
@formatted
def pupils(class_id: ClassId, *, out: Output) -> None:
    """List the pupils of a class and their points, in the order in which they were added.

    Example: mpp class pupils 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import Pupil

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        teams = {team.team_id: team.name for team in mpp.classes.teams(wanted)}
        out.rows(
            mpp.classes.pupils(wanted),
            (
                Column("Pupil", lambda p: p.name),
                Column("Team", lambda p: teams.get(p.team_id), folds=True),
                Column("Validations", lambda p: output.number(p.validations), right=True),
                Column("Points", lambda p: output.number(p.points), right=True),
                Column("Id", lambda p: p.pupil_id),
            ),
            fields=Pupil,
            empty="This class has no pupil yet: import a roster, or use `mpp pupil add`.",
        )


@app.command()
@formatted
def teams(class_id: ClassId, *, out: Output) -> None:
    """List the teams of a class and their points.

    Example: mpp class teams 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import LeagueTeam

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        out.rows(
            mpp.classes.teams(wanted),
            (
                Column("Team", lambda t: t.name, folds=True),
                Column("Pupils", lambda t: output.number(t.players), right=True),
                Column("Points", lambda t: output.number(t.points), right=True),
                Column("Id", lambda t: t.team_id),
            ),
            fields=LeagueTeam,
        )


def _show(found: SchoolClass, out: Output) -> None:
    families = "none can enter" if found.class_code is None else output.counted(found.families, "account")
    lines = [
        ("Class", found.name),
        ("Id", found.class_id),
        ("Edition", found.edition_code),
        ("Level", found.level),
        ("School", f"{found.school_label}, {found.postcode} {found.city} ({found.rne or found.country})"),
        ("Pupils", output.number(found.pupils)),
        ("Teams", found.teams),
        ("Challenges", "the teacher's choice" if found.has_chosen else "all of its level"),
        ("Class code", found.class_code),
        ("Families", families),
        ("In rankings", "yes" if found.listed else "no"),
        ("Points", output.number(found.points)),
        ("Created", output.moment(found.created_at)),
    ]
    out.record(found, lines)
