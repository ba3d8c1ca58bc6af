"""`mpp mail bounces` and its like: mails that came back."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import limit_of
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="E-mail address.")]


@app.command()
@formatted
def bounces(
    limit: Annotated[int, limit_of("bounces", most=None)] = 50,
    *,
    out: Output,
) -> None:
    """List the mails that came back, the latest first.

    Example: mpp mail bounces --csv > bounces.csv
    """
    from mpp_supabase import Bounce

    with connection.staff() as mpp:
        out.rows(
            islice(mpp.mails.bounces(), limit),
            (
                Column("Address", lambda b: b.address, folds=True),
                Column("Kind", lambda b: "hard" if b.is_hard else "soft"),
                Column("When (UTC)", lambda b: output.clock(b.bounced_at)),
                Column("Cleared (UTC)", lambda b: output.clock(b.cleared_at), optional=True),
                Column("Reason", lambda b: b.reason, folds=True),
            ),
            fields=Bounce,
            empty="No mail came back.",
        )


@app.command()
def bounce(
    address: Address,
    hard: Annotated[
        bool | None,
        typer.Option(
            "--hard/--soft",
            help="Hard: the address does not exist. Soft: the mailbox was full or away. One of the two is required.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="What the returned mail said.")] = "",
) -> None:
    """Record that a mail to an address came back. After a hard bounce nothing is sent to it any more.

    Example: mpp mail bounce ada@example.org --hard
    """
    if hard is None:
        raise typer.BadParameter(
            "say which: --hard (no such address) or --soft (full, away)", param_hint="--hard/--soft"
        )
    with connection.staff() as mpp:
        mpp.mails.record_bounce(address, hard=hard, reason=reason)
    output.say(f"Noted; {'nothing is sent there any more.' if hard else 'mails go on.'}")


@app.command()
def allow(address: Address) -> None:
    """Allow mails again to an address that bounced. Whoever unsubscribed stays unsubscribed.

    Example: mpp mail allow ada@example.org
    """
    with connection.staff() as mpp:
        cleared = mpp.mails.clear_bounces(address)
    if not cleared:
        output.say(f"No bounce of {address} was in the way.")
        raise typer.Exit(Exit.REFUSED)
    output.say(f"{address} may get mail again.")
