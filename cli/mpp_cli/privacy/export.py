"""`mpp privacy export`: what is held about a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.choices import DataFormat, Language
from mpp_cli.class_.spreadsheets import not_over

app = typer.Typer(no_args_is_help=True)


@app.command()
def export(
    who: Annotated[str, typer.Argument(metavar="WHO", help="E-mail address or id of the account.")],
    target: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Who asked, and how you know them; kept in the audit.")
    ],
    format_: Annotated[
        DataFormat | None,
        choices.option(
            DataFormat, "--format", metavar="KIND", help="json for programs, html to read; else as FILE ends."
        ),
    ] = None,
    language: Annotated[
        Language, choices.option(Language, "--language", metavar="CODE", help="Language of the page: fr or en.")
    ] = Language.FR,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists already.")] = False,
) -> None:
    """Write everything that the database holds about an account, for its owner who asked for it.

    Example: mpp privacy export ada@example.org -o ada.html --reason "her mail of 3 June"
    """
    not_over(target, force)
    if format_ is None:
        format_ = DataFormat.HTML if target.suffix.lower() in (".html", ".htm") else DataFormat.JSON
    with connection.staff() as mpp:
        account, name = mpp.users.named(who)
        document = mpp.privacy.export(account, reason)
        if format_ is DataFormat.HTML:
            text = mpp.privacy.page(document, language.value)
        else:
            text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    # Personal: for nobody else on this machine.
    target.touch(mode=0o600)
    target.chmod(0o600)
    target.write_text(text, encoding="utf-8")
    output.say(f"What is held about {name} is in {target}.")
