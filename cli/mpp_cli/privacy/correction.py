"""`mpp privacy correct`: correct what is written about a person."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.moments import typed_day

app = typer.Typer(no_args_is_help=True)


def _text(option: str, help_: str) -> object:
    return typer.Option(option, metavar="TEXT", help=help_)


@app.command()
def correct(
    who: Annotated[str, typer.Argument(metavar="WHO", help="E-mail address or id of the account.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Who asked, and how you know them; kept in the audit.")
    ],
    first_name: Annotated[str | None, _text("--first-name", "The first name.")] = None,
    last_name: Annotated[str | None, _text("--last-name", "The surname.")] = None,
    alias: Annotated[str | None, _text("--alias", "The name in public.")] = None,
    country: Annotated[str | None, _text("--country", "The country, such as FR.")] = None,
    postcode: Annotated[str | None, _text("--postcode", "The postcode.")] = None,
    birth_date: Annotated[
        date | None,
        typer.Option("--birth-date", metavar="DATE", parser=typed_day, help="The date of birth, as YYYY-MM-DD."),
    ] = None,
    language: Annotated[str | None, _text("--language", "fr, en or de.")] = None,
    sector: Annotated[str | None, _text("--sector", "The sector; an empty one clears it.")] = None,
    acquisition_channel: Annotated[
        str | None, _text("--channel", "How the person came to the game; an empty one clears it.")
    ] = None,
    role: Annotated[str | None, _text("--role", "The role of a teacher.")] = None,
    subject: Annotated[str | None, _text("--subject", "The subject of a teacher; an empty one clears it.")] = None,
) -> None:
    """Correct what is written about a person who asked for it. The audit keeps which fields changed, and no value.

    Example: mpp privacy correct ada@example.org --last-name Belin --reason "her mail of 3 June"
    """
    fields: dict[str, str | date | None] = {
        "first_name": first_name,
        "last_name": last_name,
        "alias": alias,
        "country": country,
        "postcode": postcode,
        "birth_date": birth_date,
        "language": language,
        "sector": sector,
        "acquisition_channel": acquisition_channel,
        "role": role,
        "subject": subject,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        raise typer.BadParameter("say what to correct", param_hint="--first-name")
    with connection.staff() as mpp:
        account, name = mpp.users.named(who)
        changed = mpp.privacy.correct(account, reason, **given)
    words = ", ".join(field.replace("_", " ") for field in changed)
    output.say(f"Corrected of {name}: {words}." if changed else f"All of this was so already: {name} is as before.")
