"""`mpp privacy requests`, `record` and `settle`: what people ask about their own data, and until when."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import limit_of
from mpp_cli.choices import PrivacyChannel, PrivacyKind
from mpp_cli.moments import typed_day
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import PrivacyRequest

app = typer.Typer(no_args_is_help=True)


@app.command("requests")
@formatted
def list_requests(
    everything: Annotated[bool, typer.Option("--all", help="Show those that were handled, too.")] = False,
    limit: Annotated[int, limit_of("requests")] = 50,
    *,
    out: Output,
) -> None:
    """List what people asked about their own data, and until when they must have an answer; the first to answer first.

    Example: mpp privacy requests
    """
    from mpp_supabase import PrivacyRequest

    with connection.staff() as mpp:
        now = mpp.privacy.read_clock()
        found = islice(mpp.privacy.requests(open_only=not everything), limit)
        out.rows(
            found,
            (
                Column("Request", lambda r: r.id, right=True),
                Column("Kind", lambda r: r.kind),
                Column("State", lambda r: r.state),
                Column("Asked (UTC)", lambda r: output.clock(r.asked_at)),
                Column("Due", lambda r: _due(r, now)),
                Column("Who", lambda r: r.account_id or r.address, folds=True),
                Column("Note", lambda r: r.note, folds=True, optional=True),
                Column("Outcome", lambda r: r.outcome, folds=True, optional=True),
            ),
            fields=PrivacyRequest,
            empty="Nobody has asked anything." if everything else "No request waits for an answer.",
        )


@app.command()
def record(
    kind: Annotated[
        PrivacyKind,
        choices.option(PrivacyKind, "--kind", metavar="KIND", help=f"What is asked: {', '.join(PrivacyKind)}."),
    ],
    channel: Annotated[
        PrivacyChannel,
        choices.option(PrivacyChannel, "--by", metavar="WAY", help=f"How it came: {', '.join(PrivacyChannel)}."),
    ],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What is asked, in your words.")],
    who: Annotated[
        str | None, typer.Option("--account", metavar="WHO", help="E-mail address or id of the account.")
    ] = None,
    address: Annotated[
        str | None, typer.Option("--address", metavar="EMAIL", help="Where to answer somebody without an account.")
    ] = None,
    asked_on: Annotated[
        date | None,
        typer.Option("--on", metavar="DATE", parser=typed_day, help="The day on which it came. Default: today."),
    ] = None,
) -> None:
    """Record what somebody asked by mail, by letter or by telephone. They must have an answer within 30 days.

    Example: mpp privacy record --kind access --by letter --account ada@example.org --note "a copy of all her data"
    """
    if (who is None) == (address is None):
        raise typer.BadParameter("give one of --account and --address", param_hint="--account")
    with connection.staff() as mpp:
        account = mpp.users.named(who)[0] if who is not None else None
        number = mpp.privacy.record(kind, channel, note, account_id=account, address=address, asked_on=asked_on)
    output.say(f"Request {number} is recorded; `mpp privacy settle {number}` says what was answered.")


@app.command()
def settle(
    request: Annotated[
        int, typer.Argument(metavar="REQUEST", min=1, help="Number of the request; `mpp privacy requests` shows it.")
    ],
    outcome: Annotated[str, typer.Option("--outcome", metavar="TEXT", help="What was answered, or why it is refused.")],
    refused: Annotated[bool, typer.Option("--refused", help="It is refused.")] = False,
) -> None:
    """Say what was answered to a request, which is then handled. `mpp privacy erase` settles an erasure by itself.

    Example: mpp privacy settle 12 --outcome "the export was sent to her address"
    """
    with connection.staff() as mpp:
        mpp.privacy.settle(request, outcome, refused=refused)
    output.say(f"Request {request} is {'refused' if refused else 'done'}.")


def _due(request: PrivacyRequest, now: datetime) -> str:
    if request.handled_at is not None:
        return "handled"
    if request.state == "waiting":
        return f"erased on {request.erases_at:%Y-%m-%d}"
    left = (request.due_at - now).days
    day = f"{request.due_at:%Y-%m-%d}"
    return f"{day} (overdue)" if request.due_at <= now else f"{day} ({output.counted(left, 'day')} left)"
