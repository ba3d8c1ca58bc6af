"""`mpp mail`: the outbox, sending it, newsletters, bounces."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import ClientCodes, EditionCode, Yes, limit_of
from mpp_cli.choices import Language, MailPurpose, MailState, Verdict
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MPP, MailSender, MailSettings, OutboxMail

app = typer.Typer(no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of the mail; `mpp mail list` shows it.")]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="E-mail address.")]
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
            output.say("More: add a higher --limit, --state or --purpose")


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
    with connection.staff() as mpp:
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

    with connection.staff() as mpp:
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

        with connection.staff() as mpp:
            if not _settle(mpp, load_mail_settings(load_settings()), delivered, complete):
                output.say("Nothing to settle.")
        return
    with connection.staff() as mpp:
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


@app.command()
def newsletter(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The text, Markdown or plain; its first line is `# Subject`.")
    ],
    language: Annotated[
        Language,
        choices.option(Language, "--language", "-l", metavar="LANGUAGE", help="Language of its readers: fr or en."),
    ],
    subject: Annotated[
        str | None, typer.Option("--subject", help="The subject, when the file has no such line.")
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", help="Code of the newsletter. Default: the name of the file.")
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option("--preview", metavar="PAGE", help="Only write it to this file, as an HTML page to look at."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Queue a newsletter for everybody who subscribed; `mpp mail send` sends the mails.

    After an interruption, run it again: nobody gets it twice. German readers get the English one.

    Example: mpp mail newsletter spring.md --language fr --preview spring.html
    """
    from mpp_supabase import ConfigError, newsletter_page, read_newsletter

    try:
        text = read_newsletter(file, code=code, subject=subject)
    except ConfigError as error:
        output.say(f"mpp: {error} {error.hint}")
        raise typer.Exit(Exit.FILE_INVALID) from None
    if preview is not None:
        preview.write_text(newsletter_page(text, "fr" if language == "fr" else "en"), encoding="utf-8")
        output.say(f"{text.subject}: see {preview}; nothing was queued.")
        return
    with connection.staff() as mpp:
        output.confirm(f"Queue “{text.subject}” ({text.code}) for everybody who subscribed in {language}?", yes=yes)
        with output.progress() as bars:
            queued, already = mpp.mails.queue_newsletter(
                text.code, language, text.subject, text.body, lambda done: bars("Readers", done, done)
            )
    output.say(f"{output.number(queued)} queued, {output.number(already)} were already; `mpp mail send` sends them.")


@app.command()
def notes(
    edition: EditionCode,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be queued. Nothing is queued.")] = False,
) -> None:
    """Queue a note on the week: of each league for its players who agreed to alerts, of each class for its teachers.

    Run it on the last evening of the week. Run again in the same week, it queues only what is missing. Ambassadors of a
    client's league get the note of `mpp mail weekly` instead. `mpp mail send` sends the mails.

    Example: mpp mail notes adult-2026-06 --dry-run
    """
    with connection.staff() as mpp, output.progress() as bars:
        leagues, queued, already = mpp.mails.queue_league_notes(
            edition, dry_run=dry_run, on_progress=lambda done: bars("Leagues", done, done)
        )
    output.say(
        f"{output.number(leagues)} leagues: {output.number(queued)} notes {'to queue' if dry_run else 'queued'}, "
        f"{output.number(already)} were already; "
        + ("nothing was queued (dry run)." if dry_run else "`mpp mail send` sends them.")
    )


@app.command()
@formatted
def weekly(
    edition: EditionCode,
    client: ClientCodes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be queued. Nothing is queued.")] = False,
    *,
    out: Output,
) -> None:
    """Queue the weekly mails of clients: to their staff with access, and to ambassadors who agreed to alerts.

    Run it on the last evening of the week. Run again in the same week, it queues only what is missing. `mpp mail send`
    sends the mails.

    Example: mpp mail weekly adult-2026-06 --dry-run
    """
    from mpp_supabase import Refusal, ReportError

    failed: list[str] = []
    said: list[dict[str, Any]] = []
    with connection.staff() as mpp, output.progress() as bars:
        found = mpp.editions.get(edition)
        edition_id = found.id
        parts = (
            [mpp.clients.participation(code, edition) for code in dict.fromkeys(client)]
            if client
            else list(mpp.clients.participations(edition_id=edition_id))
        )
        if parts and found.phase in ("draft", "registration"):
            # Said once for the edition, and not once for each of its clients.
            failed, parts = [f"{edition} has not started: there is a week to write about then."], []
        ranks = {line.subject_id: line.rank for line in mpp.rankings.iterate(edition_id, "league")} if parts else {}
        for number, part in enumerate(parts, start=1):
            try:
                mails = mpp.reports.weekly_mails(part.participation_id, ranks)
            except (Refusal, ReportError) as error:
                failed.append(str(error))
                continue
            finally:
                bars("Clients", number, len(parts))
            reports = sum(mail["template"] == "weekly_report" for mail in mails)
            said.append(
                {
                    "client": part.organisation_code,
                    "reports": reports,
                    "notes": len(mails) - reports,
                    "queued": 0 if dry_run else mpp.mails.queue(mails),
                }
            )
    out.rows(
        said,
        (
            Column("Client", lambda row: row["client"]),
            Column("Reports to staff", lambda row: row["reports"], right=True),
            Column("Notes to ambassadors", lambda row: row["notes"], right=True),
            Column("Queued now", lambda row: row["queued"], right=True),
        ),
        fields=("client", "reports", "notes", "queued"),
        empty="Nothing was queued."
        if failed
        else f"No client takes part in {edition}: `mpp client take-part ORG {edition}`.",
    )
    if dry_run:
        output.say("Nothing was queued (dry run).")
    elif any(row["queued"] for row in said):
        output.say("`mpp mail send` sends them.")
    for reason in failed:
        output.say(f"mpp: {reason}")
    if failed:
        raise typer.Exit(Exit.REFUSED)


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
