"""`mpp terms`: versions of the terms of use."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import Yes
from mpp_cli.moments import ZONE, typed_day
from mpp_cli.output import Column, Output, formatted
from mpp_cli.texts import read_texts

if TYPE_CHECKING:
    from mpp_supabase import MPP

app = typer.Typer(no_args_is_help=True)

Version = Annotated[str, typer.Argument(metavar="VERSION", help="Name of the version, by its month, such as 2026-11.")]


@app.command()
def publish(
    version: Version,
    effective: Annotated[
        date,
        typer.Option("--effective", metavar="DATE", parser=typed_day, help="First day from which it holds, in Paris."),
    ],
    french: Annotated[str, typer.Option("--fr", metavar="TEXT", help="A file with the text, or its https address.")],
    english: Annotated[str, typer.Option("--en", metavar="TEXT", help="The same in English.")],
    german: Annotated[
        str | None, typer.Option("--de", metavar="TEXT", help="The same in German; without it, English is shown.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Publish a version of the terms of use, and queue a mail that announces it to everybody with an account.

    The setting terms_notice_days says how long ahead. From its first day on the app asks everybody to accept it; the
    setting terms_due says what an account may do until then. After an interruption, run the command again: nobody gets
    the mail twice. `mpp mail send` sends the mails.

    Example: mpp terms publish 2026-11 --effective 2026-11-20 --fr https://example.org/cgu --en https://example.org/terms
    """
    given = {"fr": french, "en": english, "de": german}
    addresses = {language: text for language, text in given.items() if text is not None and "://" in text}
    if addresses and len(addresses) < sum(text is not None for text in given.values()):
        raise typer.BadParameter("give files or addresses, not both", param_hint="--fr")
    bodies = None if addresses else read_texts(given)
    with connection.staff() as mpp:
        output.confirm(
            f"Publish version {version}, which holds from {effective:%Y-%m-%d}, and announce it to everybody?", yes=yes
        )
        new = mpp.terms.publish(version, effective, address=addresses or None, body=bodies)
        output.say(f"Version {version} {'is' if new else 'was'} published; it holds from {effective:%Y-%m-%d}.")
        _announce(mpp, version)


@app.command()
def announce(version: Version) -> None:
    """Queue the announcement of the version published last for whoever came since and has not accepted it.

    Example: mpp terms announce 2026-11
    """
    with connection.staff() as mpp:
        _announce(mpp, version)


@app.command("list")
@formatted
def list_versions(*, out: Output) -> None:
    """List the versions of the terms of use, the one published last first.

    Example: mpp terms list
    """
    from mpp_supabase import TermsVersion

    with connection.staff() as mpp:
        out.rows(
            mpp.terms.iterate(),
            (
                Column("Version", lambda t: t.version),
                Column("Published (UTC)", lambda t: output.clock(t.published_at)),
                Column(f"Holds from ({ZONE})", lambda t: output.clock(t.effective_at, ZONE)),
                Column("State", _state),
                Column("Languages", lambda t: " ".join(t.address or t.body or ()), optional=True),
                Column("Address", lambda t: (t.address or {}).get("fr"), folds=True, optional=True),
            ),
            fields=TermsVersion,
        )


def _state(version: object) -> str:
    from mpp_supabase import TermsVersion

    assert isinstance(version, TermsVersion)
    return "holds" if version.is_current else "published"


def _announce(mpp: MPP, version: str) -> None:
    with output.progress() as bars:
        queued, already = mpp.terms.announce(version, lambda done: bars("Readers", done, done))
    output.say(f"{output.number(queued)} queued, {output.number(already)} were already; `mpp mail send` sends them.")
