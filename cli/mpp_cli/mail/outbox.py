"""`mpp mail list` and `show`: the mails, and what became of them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import limit_of
from mpp_cli.choices import MailPurpose, MailState
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import OutboxMail

app = typer.Typer(no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of the mail; `mpp mail list` shows it.")]


@app.command("list")
@formatted
def list_mails(
    state: Annotated[
        MailState | None,
        choices.option(MailState, "--state", metavar="STATE", help=f"Only this state: {', '.join(MailState)}."),
    ] = None,
    purpose: Annotated[
        MailPurpose | None,
        choices.option(
            MailPurpose, "--purpose", metavar="PURPOSE", help=f"Only this purpose: {', '.join(MailPurpose)}."
        ),
    ] = None,
    limit: Annotated[int, limit_of("mails", most=None)] = 50,
    *,
    out: Output,
) -> None:
    """List the mails of the outbox and what became of them, the latest first.

    Example: mpp mail list --state uncertain
    """
    from mpp_supabase import OutboxMail

    with connection.staff() as mpp:
        found = mpp.mails.iterate(state=state, purpose=purpose)
        out.rows(
            islice(found, limit),
            (
                Column("Key", lambda m: m.key, folds=True),
                Column("Purpose", lambda m: m.purpose),
                Column("State", lambda m: m.state),
                Column("Queued (UTC)", lambda m: output.clock(m.queued_at)),
                Column("Sent (UTC)", lambda m: output.clock(m.sent_at)),
                Column("Said", lambda m: m.reply, folds=True, optional=True),
            ),
            fields=OutboxMail,
            empty="There is no such mail.",
        )
        if next(found, None) is not None:
            output.say("More: give a higher --limit, or narrow the list with --state or --purpose")


@app.command()
@formatted
def show(key: Key, *, out: Output) -> None:
    """Show one mail: its state, its Message-ID and the server's last answer. The text is not shown.

    Example: mpp mail show newsletter/spring/00000000-0000-0000-0000-000000000000
    """
    with connection.staff() as mpp:
        mail = mpp.mails.get(key)
    out.record(mail, _lines(mail))


def _lines(mail: OutboxMail) -> list[tuple[str, object]]:
    return [
        ("Key", mail.key),
        ("State", mail.state),
        ("Purpose", mail.purpose),
        ("Template", f"{mail.template} ({mail.language})"),
        ("Message-ID", mail.message_id),
        ("Account", mail.account_id),
        ("Claims", mail.attempt),
        ("Failures", mail.failures),
        ("Queued", output.moment(mail.queued_at)),
        ("Next attempt", output.moment(mail.next_attempt_at) if mail.state == "queued" else None),
        ("Sent", output.moment(mail.sent_at)),
        ("Said", mail.reply),
    ]
