"""`mpp photo`: pictures and photos that people upload."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import Yes
from mpp_cli.choices import PhotoState
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


Reference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="Reference of the photo; `mpp photo list` shows it.")
]


@app.command("list")
@formatted
def list_photos(
    state: Annotated[
        PhotoState | None, typer.Option("--state", metavar="STATE", help="Only photos in this state.")
    ] = None,
    *,
    out: Output,
) -> None:
    """List the photos that ambassadors and teachers shared for communication, the earliest first.

    Example: mpp photo list --state submitted
    """
    from mpp_supabase import Photo

    with connection.staff() as mpp:
        out.rows(
            mpp.photos.iterate(state.value if state else None),
            (
                Column("Reference", lambda p: p.reference),
                Column("Shared (UTC)", lambda p: output.clock(p.shared_at)),
                Column("League or class", lambda p: p.league, folds=True),
                Column("Caption", lambda p: p.caption, folds=True),
                Column("State", lambda p: p.state),
                Column("Used for", lambda p: p.used_for or "", folds=True, optional=True),
                Column("Remove by (UTC)", lambda p: output.clock(p.remove_by), optional=True),
            ),
            fields=Photo,
            empty="There is no photo.",
        )


@app.command()
def show(reference: Reference) -> None:
    """Print a link that shows a photo for a minute (`mpp setting set photo_link_seconds`).

    Anybody who has the link can see the photo until then: open it, and pass it to nobody.

    Example: mpp photo show 7K2MPQ4XZ9
    """
    with connection.staff() as mpp:
        photo = mpp.photos.get(reference)
        output.say(f"{photo.caption} ({photo.league}), {photo.state}")
        print(mpp.photos.link(photo))


@app.command()
def approve(reference: Reference) -> None:
    """Say that a photo may be used. Look at it first: those shown must be people who could agree.

    Example: mpp photo approve 7K2MPQ4XZ9
    """
    with connection.staff() as mpp:
        mpp.photos.decide(reference, "approved")
    output.say(f"{reference} may be used. Print the reference beside it, so that those shown can ask for its removal.")


@app.command()
def use(
    reference: Reference,
    place: Annotated[str, typer.Option("--for", metavar="TEXT", help="Where it is published, to find it again.")],
) -> None:
    """Record where a photo is published. Run it again for each place.

    Example: mpp photo use 7K2MPQ4XZ9 --for "Newsletter of October 2026"
    """
    with connection.staff() as mpp:
        mpp.photos.decide(reference, "used", used_for=place)
    output.say(f"{reference} is used for: {place}")


@app.command()
def refuse(reference: Reference) -> None:
    """Say that a photo is not used. Its file is removed.

    Example: mpp photo refuse 7K2MPQ4XZ9
    """
    with connection.staff() as mpp:
        mpp.photos.decide(reference, "refused")
    output.say(f"{reference} is refused; its file goes with the next `mpp photo check`.")


@app.command()
@formatted
def removals(
    done: Annotated[bool, typer.Option("--done", help="Show those that were removed instead.")] = False,
    *,
    out: Output,
) -> None:
    """List the photos that must be removed, and until when: somebody shown asked, or the sharer took it back.

    Take each down where it is used, then `mpp photo remove` it.

    Example: mpp photo removals
    """
    from mpp_supabase import PhotoRemoval

    with connection.staff() as mpp:
        out.rows(
            mpp.photos.removals(done=done),
            (
                Column("Reference", lambda r: r.reference),
                Column("Remove by (UTC)", lambda r: output.clock(r.due_at)),
                Column("Why", lambda r: r.cause),
                Column("Used for", lambda r: r.used_for or "", folds=True),
                Column("What they wrote", lambda r: r.note or "", folds=True, optional=True),
            ),
            fields=PhotoRemoval,
            empty="No photo must be removed.",
        )


@app.command()
def remove(
    reference: Reference,
    reason: Annotated[str, typer.Option("--reason", help="Why; the audit keeps it.")],
    yes: Yes = False,
) -> None:
    """Remove a photo for good, row and file, and settle what was asked about it. Take it down elsewhere first.

    Example: mpp photo remove 7K2MPQ4XZ9 --reason "asked by somebody shown"
    """
    with connection.staff() as mpp:
        output.confirm(f"Remove photo {reference} for good?", yes=yes)
        places = mpp.photos.remove(reference, reason)
    output.say(f"{reference} is removed." + (f" It was used for: {places}" if places else ""))


@app.command()
def check(
    most: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100_000, help="Check so many at most.")
    ] = 1000,
) -> None:
    """Check uploaded pictures and photos: until then nobody but their owners can see them.

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
