"""`mpp class code`: the code by which families enter a class."""

from __future__ import annotations

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClassId, Yes

app = typer.Typer(no_args_is_help=True)


@app.command("show")
def show_code(class_id: ClassId) -> None:
    """Print the code with which families enter a class.

    Example: mpp class code show 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
    if found.class_code is None:
        output.say(f"This class has no code: families are out. `mpp class code renew {wanted}` makes one.")
        return
    output.say(f"{output.counted(found.families, 'account')} entered {found.name} with its code:")
    print(found.class_code)


@app.command()
def renew(class_id: ClassId, yes: Yes = False) -> None:
    """Give a class a new code, and print it. Families lose access until they enter it.

    Example: mpp class code renew 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
        families = f", and put {output.counted(found.families, 'account')} out" if found.families else ""
        output.confirm(f"Give {found.name} a new code{families}?", yes=yes)
        print(mpp.classes.renew_code(wanted))


@app.command()
def revoke(class_id: ClassId, yes: Yes = False) -> None:
    """Revoke the code of a class. Families lose access at once, and nobody can enter until it is renewed.

    Example: mpp class code revoke 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
        output.confirm(
            f"Take the code of {found.name} away, and put {output.counted(found.families, 'account')} out?", yes=yes
        )
        mpp.classes.revoke_code(wanted)
    output.say(f"{found.name} has no code any more; `mpp class code renew {wanted}` makes a new one.")
