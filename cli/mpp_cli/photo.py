"""`mpp photo`: pictures and photos that people upload."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output

app = typer.Typer(no_args_is_help=True)


@app.callback()
def photos() -> None:
    """Pictures and photos that people upload."""


@app.command()
def check(
    most: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100_000, help="Check so many at most.")
    ] = 1000,
) -> None:
    """Check uploaded pictures: until then nobody but their owners can see them.

    A file that is not the image it says is refused. The others are written anew, smaller and without their metadata,
    such as the place where they were taken. Files that are shown no more are removed. The command needs the secret key.
    It may be interrupted and run again, every minute for instance.

    Example: mpp photo check
    """
    with connection.with_key() as mpp, output.progress() as bars:
        done = mpp.photos.check(most, lambda count: bars("Uploads", count, count))
    output.say(
        f"{output.counted(done.taken, 'upload')} taken, {output.number(done.refused)} refused; "
        f"{output.counted(done.removed, 'file')} removed."
    )
