"""`mpp client files`: the communication kit of a client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClientCode, Yes
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

LONGEST_LINK = 30 * 86_400

FileName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the file in the kit; `mpp client files list` shows it.")
]
_FILES = (
    Column("Name", lambda f: f.name, folds=True),
    Column("Size", lambda f: _size(f.size), right=True),
    Column("Type", lambda f: f.type, folds=True),
    Column("Changed (UTC)", lambda f: output.clock(f.updated_at)),
)


@app.command("list")
@formatted
def list_files(org: ClientCode, *, out: Output) -> None:
    """List the files of a client's kit. Those in own/ were added by the client.

    Example: mpp client files list acme
    """
    from mpp_supabase import ClientFile

    with connection.staff() as mpp:
        found = list(mpp.files.iterate(mpp.clients.get(org).organisation_id))
    out.rows(
        found,
        _FILES,
        fields=ClientFile,
        empty=f"The kit of {org} has no file yet: `mpp client files add {org} FILE`.",
    )


@app.command("add")
@formatted
def add_files(
    org: ClientCode,
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="PDF, image, MP4, office document, ZIP, CSV, ICS or text.")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Name in the kit, such as guides/start.pdf, kept as it is; for one file."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file of that name.")] = False,
    *,
    out: Output,
) -> None:
    """Add files to a client's kit, all or none. Those who work for the client read them in their app.

    Storage tells anybody whether a file of some name exists. So each file gets a name that nobody can guess, such as
    poster-5f0c3a1d9b7e2468.pdf. The other commands also take it without that part. Accents are dropped from the name,
    and the other commands also take it with them. A --name is kept as it is.

    Example: mpp client files add acme poster.pdf --name posters/june.pdf
    """
    from mpp_supabase import ClientFile

    if name is not None and len(paths) != 1:
        raise typer.BadParameter(f"{len(paths)} files cannot have one name", param_hint="--name")
    with connection.staff() as mpp:
        organisation_id = mpp.clients.get(org).organisation_id
        added = mpp.files.add(organisation_id, paths, name=name, replace=replace)
    out.rows(
        added,
        _FILES,
        fields=ClientFile,
        empty="Nothing was added.",
    )


@app.command("get")
def get_file(
    org: ClientCode,
    name: FileName,
    to: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write. Default: its own name, in this directory."
        ),
    ] = None,
) -> None:
    """Save a file of a client's kit on this computer. It replaces a file of the same name.

    Example: mpp client files get acme poster.pdf -o /tmp/poster.pdf
    """
    into = Path(name.rpartition("/")[2]) if to is None else to
    with connection.staff() as mpp:
        size = mpp.files.save(mpp.clients.get(org).organisation_id, name, into)
    output.say(f"{into} is written ({_size(size)}).")


@app.command("remove")
def remove_files(
    org: ClientCode,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of files in the kit.")],
    yes: Yes = False,
) -> None:
    """Remove files from a client's kit. This cannot be undone.

    Example: mpp client files remove acme poster.pdf
    """
    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        mpp.files.check(organisation.organisation_id, names)
        output.confirm(f"Remove {', '.join(names)} from the kit of {organisation.name}?", yes=yes)
        mpp.files.remove(organisation.organisation_id, names)
    output.say(f"{output.counted(len(set(names)), 'file')} removed from the kit of {organisation.name}.")


@app.command("link")
def link_file(
    org: ClientCode,
    name: FileName,
    period: Annotated[
        str,
        typer.Option("--for", metavar="PERIOD", help="How long the link works, such as 45m, 12h or 7d; 30d at most."),
    ] = "7d",
) -> None:
    """Print a link to a file of a client's kit. Anybody who has the link can read the file until it expires.

    Only removing the file ends a link early.

    Example: mpp client files link acme poster.pdf --for 2d
    """
    number, unit = period[:-1], {"m": 60, "h": 3600, "d": 86_400}.get(period[-1:])
    if unit is None or not (number.isascii() and number.isdigit()) or not 1 <= int(number[:9]) * unit <= LONGEST_LINK:
        raise typer.BadParameter(f"not a time from 1m to 30d ({output.clean(period)[:40]})", param_hint="--for")
    with connection.staff() as mpp:
        address = mpp.files.link(mpp.clients.get(org).organisation_id, name, int(number) * unit)
    print(address)


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1_000_000:.1f} MB" if count >= 100_000 else f"{count / 1000:.1f} kB"
