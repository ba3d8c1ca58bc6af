"""`mpp privacy files`: have Storage delete the files of erased accounts."""

from __future__ import annotations

import typer

from mpp_cli import connection, output

app = typer.Typer(no_args_is_help=True)


@app.command()
def files() -> None:
    """Delete the files of erased accounts, which Storage keeps. Needs the secret key.

    It may be interrupted and run again, every night for instance.

    Example: mpp privacy files
    """
    with connection.with_key() as mpp, output.progress() as bars:
        gone = mpp.privacy.remove_files(lambda done: bars("Files", done, done))
    output.say(f"{output.counted(gone, 'file')} deleted.")
