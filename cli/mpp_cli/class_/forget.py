"""`mpp class forget`: the end of what is known about the pupils of an edition."""

from __future__ import annotations

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import SchoolEditionCode, Yes

app = typer.Typer(no_args_is_help=True)


@app.command()
def forget(edition: SchoolEditionCode, yes: Yes = False) -> None:
    """Delete the first names of all pupils of a frozen edition, and end the access of families. This cannot be undone.

    Points, rankings and classes stay. Print the diplomas first: they cannot be printed afterwards.

    Example: mpp class forget school-2026-11
    """
    with connection.staff() as mpp:
        found = mpp.editions.get(edition)
        classes = [class_ for class_ in mpp.classes.iterate(found.id) if class_.pupils]
        pupils = output.counted(sum(class_.pupils for class_ in classes), "pupil")
        output.confirm(
            f"Delete the first names of the {pupils} in {output.counted(len(classes), 'class', 'classes')} of"
            f" {found.code}, and put families out? This cannot be undone, and"
            " diplomas cannot be printed any more.",
            yes=yes,
        )
        count = mpp.classes.forget_pupils(found.code)
    output.say(f"The first names of {output.counted(count, 'pupil')} of {found.code} are deleted.")
