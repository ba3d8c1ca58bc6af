"""`mpp contact`: what visitors write to the association."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import After, Yes, limit_of
from mpp_cli.choices import RequestState
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

Which = Annotated[
    int, typer.Argument(metavar="REQUEST", min=1, help="Number of the request; `mpp contact list` shows it.")
]
Note = Annotated[
    str | None,
    typer.Option("--note", help="A note for colleagues. Left out, the old note stays; an empty one clears it."),
]


@app.command("list")
@formatted
def list_(
    state: Annotated[
        RequestState | None,
        choices.option(
            RequestState,
            "--state",
            metavar="STATE",
            help="Only this state: new, in_progress, answered or spam. Default: new.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show requests of every state.")] = False,
    held: Annotated[
        bool,
        typer.Option(
            "--held", help="Show held requests: those that came when an address, or everybody, sent too many."
        ),
    ] = False,
    limit: Annotated[int, limit_of("requests")] = 50,
    after: After = None,
    *,
    out: Output,
) -> None:
    """List contact, quote and webinar requests, the latest first. Without an option these are new and not held.

    Example: mpp contact list --state in_progress
    """
    from mpp_supabase import ContactRequest

    wanted = None if everything and state is None else state or RequestState.NEW
    with connection.staff() as mpp:
        # --all and a state show both kinds.
        page = mpp.contacts.page(
            limit, after, state=wanted, held=True if held else None if wanted != "new" or state else False
        )
        out.rows(
            page.rows,
            (
                Column("Request", lambda c: c.id, right=True),
                Column("Received (UTC)", lambda c: output.clock(c.received_at)),
                Column("Kind", lambda c: c.kind),
                Column("State", lambda c: c.state),
                Column("Name", lambda c: c.name, folds=True),
                Column("Organisation", lambda c: c.organisation, folds=True, optional=True),
                Column("E-mail", lambda c: c.email),
            ),
            fields=ContactRequest,
            empty="No request." if wanted is None else f"No {wanted.replace('_', ' ')} request.",
        )
        if wanted == "new" and not held and (waiting := mpp.contacts.page(1, state="new", held=True)).rows:
            output.say(f"Others are held, the latest from {waiting.rows[0].email}: mpp contact list --held")
        if page.after is not None:
            output.say(f"More: add --after {page.after}")


@app.command()
@formatted
def show(request: Which, *, out: Output) -> None:
    """Show one request with its message.

    Example: mpp contact show 12
    """
    with connection.staff() as mpp:
        found = mpp.contacts.get(request)
    lines = [
        ("Request", f"{found.id} ({found.kind}, {found.state})"),
        ("Received", output.moment(found.received_at)),
        ("From", f"{found.name} <{found.email}>" if found.email else found.name),
        ("Organisation", found.organisation),
        ("Players", found.size),
        ("Language", found.language),
        ("Handled", output.moment(found.handled_at) if found.handled_at else None),
        ("Note", found.note),
        ("Taken down", found.removal_reason),
        ("Message", found.message),
    ]
    out.record(found, [line for line in lines if line[1] is not None])


@app.command()
def answer(
    request: Which,
    begun: Annotated[
        bool, typer.Option("--begun", help="Somebody has begun; the request is not answered yet.")
    ] = False,
    note: Note = None,
) -> None:
    """Mark a request as answered, or, with --begun, as in progress. Write the answer itself in a mail of your own.

    Example: mpp contact answer 12 --note "Quote sent on Monday"
    """
    state = "in_progress" if begun else "answered"
    with connection.staff() as mpp:
        mpp.contacts.handle(request, state, note)
    output.say(f"Request {request} is {state.replace('_', ' ')}.")


@app.command()
def spam(request: Which, note: Note = None) -> None:
    """Mark a request as spam.

    Example: mpp contact spam 13
    """
    with connection.staff() as mpp:
        mpp.contacts.handle(request, "spam", note)
    output.say(f"Request {request} is spam; `mpp contact answer {request}` takes it back.")


@app.command()
def remove(
    request: Which,
    reason: Annotated[
        str, typer.Option("--reason", help="Why they are taken down; kept with the request and in the audit.")
    ],
    yes: Yes = False,
) -> None:
    """Take down the text, name and address of an unlawful request. When and why are kept. This cannot be undone.

    Example: mpp contact remove 14 --reason "Threats"
    """
    with connection.staff() as mpp:
        mpp.contacts.get(request)
        output.confirm(f"Take down text, name and address of request {request} for good?", yes=yes)
        mpp.contacts.remove(request, reason)
    output.say(f"Text, name and address of request {request} are taken down.")
