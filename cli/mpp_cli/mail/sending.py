"""`mpp mail send` and `settle`: let mails leave, each once."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import Yes
from mpp_cli.choices import Verdict
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MPP, MailSender, MailSettings

app = typer.Typer(no_args_is_help=True)

Delivered = Annotated[
    Path | None,
    typer.Option(
        "--delivered", metavar="FILE", help="File with the Message-IDs that the server accepted, such as its log."
    ),
]
Complete = Annotated[
    bool, typer.Option("--complete", help="The file is complete: a mail that it does not name was not delivered.")
]
_SAID = {
    "sent": "sent",
    "later": "to be tried again",
    "refused": "refused",
    "bounced": "bounced",
    "unknown": "without an answer",
    "unavailable": "put back",
}
_VERDICTS = {Verdict.SENT: "delivered", Verdict.AGAIN: "not_delivered", Verdict.FAILED: "given_up"}


@app.command()
@formatted
def send(
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="How many mails to send at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent. Nothing is sent.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep sending what is queued later, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two runs with --watch.")] = 10.0,
    delivered: Delivered = None,
    complete: Complete = False,
    *,
    out: Output,
) -> None:
    """Send the mails that are due, each once. Mails that an interrupted run left open are settled first.

    The server is that of MPP_SMTP_HOST, or the mailbox of the local stack. Ctrl-C stops after the current mail.

    Example: mpp mail send --limit 100 --dry-run
    """
    from mpp_supabase import MailSender, load_mail_settings, load_settings

    if dry_run:
        _show_due(limit, out)
        return
    if watch and limit is not None:
        raise typer.BadParameter("--watch goes on; --limit ends", param_hint="--limit")
    with connection.with_key() as mpp:
        settings = load_mail_settings(load_settings())
        output.say(f"Sending through {settings.source}: {settings.host}:{settings.port} as {settings.sender}")
        sender = MailSender(mpp.mails, settings, on_mail=lambda mail, said: _tell(mail.id, said))
        total: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        with _gently(sender):
            while True:
                _settle(mpp, settings, delivered, complete)
                outcomes, left_out = _run(sender, limit, patient=watch)
                total, dropped = total + outcomes, dropped + left_out
                if not watch or sender.stopped:
                    break
                _wait(sender, every)
        uncertain = sum(1 for _ in mpp.mails.iterate(state="uncertain"))
    if out.for_programs:
        counts = {"uncertain": uncertain, "dropped": dropped.total(), "dropped_because": dict(dropped)}
        out.record(dict(total) | counts)
    output.say(_summary(total))
    if dropped:
        reasons = ", ".join(f"{output.number(count)} {reason}" for reason, count in sorted(dropped.items()))
        output.say(f"{output.number(dropped.total())} dropped, not sent: {reasons}. `mpp mail list --state dropped`")
    if uncertain:
        output.say(f"{uncertain} uncertain: `mpp mail list --state uncertain`, then `mpp mail settle`.")


def _run(sender: MailSender, limit: int | None, *, patient: bool) -> tuple[Counter[str], Counter[str]]:
    from mpp_supabase import TransportError

    try:
        done = sender.run(limit)
        return done.outcomes, done.dropped
    except TransportError as error:
        if not patient:
            raise
        output.say(f"mpp: {error} Trying again.")
        return Counter(), Counter()


def _wait(sender: MailSender, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not sender.stopped and time.monotonic() < until:
        time.sleep(0.1)


@contextmanager
def _gently(sender: MailSender) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the run after the mail in hand; the second one interrupts."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _: Any) -> None:
        if sender.stopped:
            raise KeyboardInterrupt
        sender.stop()
        output.say("Ending after the mail in hand.")

    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(mail_id: int, delivery: Any) -> None:
    if delivery.outcome != "sent":
        output.say(f"mail {mail_id}: {_SAID.get(delivery.outcome, delivery.outcome)} ({delivery.reply})")


def _summary(outcomes: Counter[str]) -> str:
    if not outcomes:
        return "No mail was due."
    return (
        ", ".join(f"{output.number(count)} {_SAID.get(name, name)}" for name, count in sorted(outcomes.items())) + "."
    )


def _show_due(limit: int | None, out: Output) -> None:
    from mpp_supabase import DueMail

    with connection.with_key() as mpp:
        due = mpp.mails.due(limit or 1000)
    out.rows(
        due,
        (
            Column("Key", lambda m: m.key, folds=True),
            Column("Purpose", lambda m: m.purpose),
            Column("To", lambda m: m.address, folds=True),
            Column("Template", lambda m: f"{m.template} ({m.language})"),
            Column("Would be", lambda m: f"dropped: {m.obstacle}" if m.obstacle else "sent"),
        ),
        fields=DueMail,
        empty="No mail is due.",
    )
    output.say("Nothing was sent (dry run).")


@app.command()
def settle(
    key: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="Key of one mail to decide on with --as. Default: all mails, by rule."),
    ] = None,
    verdict: Annotated[
        Verdict | None,
        choices.option(
            Verdict,
            "--as",
            metavar="VERDICT",
            help="Your decision: sent (it arrived), again (it did not arrive) or failed (give up).",
        ),
    ] = None,
    delivered: Delivered = None,
    complete: Complete = False,
    yes: Yes = False,
) -> None:
    """Settle mails that may have been delivered or not: all by their Message-ID, or one by your decision.

    A mail that is found counts as sent. A mail that was surely not delivered is queued again. Any other stays
    uncertain.

    Example: mpp mail settle --delivered /var/log/mail.log
    """
    if (key is None) != (verdict is None):
        raise typer.BadParameter("a KEY and --as go together", param_hint="--as")
    if key is None or verdict is None:
        from mpp_supabase import load_mail_settings, load_settings

        with connection.with_key() as mpp:
            if not _settle(mpp, load_mail_settings(load_settings()), delivered, complete):
                output.say("Nothing to settle.")
        return
    with connection.with_key() as mpp:
        mail = mpp.mails.get(key)
        if verdict is Verdict.AGAIN:
            output.confirm(f"Send {key} again? If it was delivered, it arrives twice.", yes=yes)
        state = mpp.mails.settle_stranded(mail.id, mail.attempt, _VERDICTS[verdict])
    output.say(f"{key} is {state} now.")


def _settle(mpp: MPP, settings: MailSettings, delivered: Path | None, complete: bool) -> int:
    from mpp_supabase import mail_evidence, settle_stranded_mails

    evidence = mail_evidence(settings.mailbox_url, delivered, complete=complete)
    states = settle_stranded_mails(mpp.mails, evidence, lambda mail, state: output.say(f"{mail.key}: {state}"))
    return states.total()
