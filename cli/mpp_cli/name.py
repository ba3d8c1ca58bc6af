"""`mpp name`: names that must go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import Yes
from mpp_cli.choices import NameKind
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import ChangedName

app = typer.Typer(no_args_is_help=True)

Kind = Annotated[NameKind, choices.argument(NameKind, metavar="KIND", help="league, team, alias, class or school.")]
Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Id of the league, team, class or school; for an alias, of the player or account."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; whoever owned the name reads it in a mail.")]


@app.command()
def rename(
    kind: Kind,
    subject: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Replace a name, also in a frozen edition. Its owner gets a mail, and cannot take the old one again.

    Example: mpp name rename league 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 "Les Tilleuls" --reason "It insulted somebody"
    """
    wanted = output.uuid_of(subject, "ID")
    with connection.staff() as mpp:
        output.confirm(f"Name {kind} {wanted} {name}, and tell its owner?", yes=yes)
        _tell(mpp.names.rename(kind, wanted, name, reason))


@app.command()
def hide(kind: Kind, subject: Id, reason: Reason, yes: Yes = False) -> None:
    """Replace a name by one that says nothing, also in a frozen edition; or take a school off the lists.

    Example: mpp name hide alias 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --reason "It is the surname of somebody else"
    """
    wanted = output.uuid_of(subject, "ID")
    with connection.staff() as mpp:
        what = "Take school" if kind == NameKind.SCHOOL else f"Hide the name of {kind}"
        rest = " off the lists and its classes out of the rankings" if kind == NameKind.SCHOOL else ""
        output.confirm(f"{what} {wanted}{rest}, and tell its owner?", yes=yes)
        _tell(mpp.names.hide(kind, wanted, reason))


@app.command("list")
@formatted
def list_names(*, out: Output) -> None:
    """List the names that were taken away, the latest first.

    Example: mpp name list
    """
    from mpp_supabase import NameChange

    with connection.staff() as mpp:
        out.rows(
            mpp.names.changes(),
            (
                Column("When (UTC)", lambda n: output.clock(n.changed_at)),
                Column("What", lambda n: n.kind),
                Column("Id", lambda n: n.subject_id),
                Column("Old name", lambda n: n.old_name, folds=True),
                Column("New name", lambda n: n.new_name, folds=True),
                Column("Reason", lambda n: n.reason, folds=True),
            ),
            fields=NameChange,
            empty="No name was taken away.",
        )


def _tell(changed: ChangedName) -> None:
    now = "is off the lists" if changed.name is None else f"is called {changed.name}"
    told = output.counted(changed.told, "person", "people")
    output.say(
        f"The {changed.kind} {now}; {told} will be told by mail." if changed.told else f"The {changed.kind} {now}."
    )
