"""`mpp class teachers` and its like: who runs a class."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClassId, Yes
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

Teacher = Annotated[str, typer.Argument(metavar="TEACHER", help="E-mail address or id of the teacher's account.")]


@app.command()
@formatted
def teachers(class_id: ClassId, *, out: Output) -> None:
    """List the teachers of a class, the principal teacher first.

    Example: mpp class teachers 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import Teacher

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        found = mpp.classes.teachers(wanted)
        addresses = {} if out.for_programs else {t.teacher_id: mpp.users.find(str(t.teacher_id)).email for t in found}
    out.rows(
        found,
        (
            Column("Teacher", lambda t: f"{t.first_name} {t.last_name}", folds=True),
            Column("Role", lambda t: "principal" if t.is_principal else "colleague"),
            Column("E-mail", lambda t: addresses.get(t.teacher_id)),
            Column("Id", lambda t: t.teacher_id),
        ),
        fields=Teacher,
        empty=f"Nobody runs this class any more: `mpp class hand-over {wanted} TEACHER`.",
    )


@app.command()
def invite(class_id: ClassId) -> None:
    """Print an invitation for a colleague: a code that works once, within seven days. It replaces an earlier one.

    Example: mpp class invite 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        invitation = mpp.classes.invite_teacher(wanted)
    output.say("A teacher who gives this code within seven days runs the class too:")
    print(invitation)


@app.command("hand-over")
def hand_over(class_id: ClassId, teacher: Teacher, yes: Yes = False) -> None:
    """Make a teacher the principal teacher of a class. The former one stays as a colleague.

    Example: mpp class hand-over 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 ada@example.org
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found, account = mpp.classes.get(wanted), mpp.users.find(teacher)
        name = account.email or account.id
        output.confirm(f"Give {found.name} ({found.school_label}) to {name}?", yes=yes)
        mpp.classes.hand_over(wanted, account.id)
    output.say(f"{name} is now the principal teacher of {found.name}.")


@app.command("remove-teacher")
def remove_teacher(class_id: ClassId, teacher: Teacher, yes: Yes = False) -> None:
    """Remove a colleague from a class. A principal teacher must hand the class over first.

    The colleague knew the code of the class, so the class gets a new one. Families lose access until they enter it.

    Example: mpp class remove-teacher 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 ada@example.org
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found, account = mpp.classes.get(wanted), mpp.users.find(teacher)
        name = account.email or account.id
        families = f", and put {output.counted(found.families, 'account')} out" if found.families else ""
        output.confirm(f"Take {found.name} ({found.school_label}) from {name}{families}?", yes=yes)
        mpp.classes.remove_teacher(wanted, account.id)
    output.say(f"{name} no longer runs {found.name}, which has a new code: `mpp class code show {wanted}`.")
