"""`mpp maintenance`: interruptions announced in advance."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.moments import typed_time
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command()
def announce(
    starts: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="Start: `now`, or a time with offset, such as 2026-06-10T22:00+02:00."
        ),
    ],
    ends: Annotated[
        str, typer.Option("--until", metavar="TIME", help="End: a time with offset, or a length such as 90m or 2h.")
    ],
    french: Annotated[str, typer.Option("--fr", metavar="TEXT", help="What French-speaking players read.")],
    english: Annotated[str, typer.Option("--en", metavar="TEXT", help="What English-speaking players read.")],
) -> None:
    """Announce a maintenance window, and print its number. Inside it players can read, and cannot write.

    Example: mpp maintenance announce --from 2026-06-10T22:00+02:00 --until 2h --fr "Mise à jour" --en "Update"
    """
    since = None if starts == "now" else typed_time(starts, "--from")
    length = timedelta(minutes=_minutes(ends)) if ends[-1:] in "mh" else None
    until = None if length is not None else typed_time(ends, "--until")
    with connection.staff() as mpp:
        starts_at = since or mpp.read_clock()
        ends_at = until or starts_at + (length or timedelta())
        window_id = mpp.maintenance.announce(starts_at, ends_at, {"fr": french, "en": english})
    output.say(f"Announced from {output.moment(starts_at)} to {output.moment(ends_at)}; cancel with its number:")
    print(window_id)


def _minutes(text: str) -> int:
    count, unit = text[:-1], text[-1:]
    if not (count.isascii() and count.isdigit() and 0 < int(count) < 10_000):
        raise typer.BadParameter(f"not a length ({text}); write 90m or 2h", param_hint="--until")
    return int(count) * (60 if unit == "h" else 1)


@app.command("list")
@formatted
def list_windows(*, out: Output) -> None:
    """List the maintenance windows: past, present and future.

    Example: mpp maintenance list
    """
    from mpp_supabase import MaintenanceWindow

    with connection.staff() as mpp:
        out.rows(
            mpp.maintenance.iterate(),
            (
                Column("Window", lambda w: w.id, right=True),
                Column("From (UTC)", lambda w: output.clock(w.starts_at)),
                Column("Until (UTC)", lambda w: output.clock(w.ends_at)),
                Column("Now", lambda w: "in progress" if w.is_active else ""),
                Column("Message", lambda w: w.message.get("en"), folds=True),
            ),
            fields=MaintenanceWindow,
            empty="No maintenance is announced.",
        )


@app.command()
def cancel(
    window: Annotated[
        int, typer.Argument(metavar="WINDOW", help="Number of the window; `mpp maintenance list` shows it.")
    ],
) -> None:
    """Cancel a maintenance window, or end it early.

    Example: mpp maintenance cancel 3
    """
    with connection.staff() as mpp:
        mpp.maintenance.cancel(window)
    output.say(f"Window {window} is cancelled.")
