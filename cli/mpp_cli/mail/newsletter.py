"""`mpp mail newsletter`: the same mail for everybody who subscribed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import Yes
from mpp_cli.choices import Language
from mpp_cli.exits import Exit

app = typer.Typer(no_args_is_help=True)


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
    with connection.with_key() as mpp:
        output.confirm(f"Queue “{text.subject}” ({text.code}) for everybody who subscribed in {language}?", yes=yes)
        with output.progress() as bars:
            queued, already = mpp.mails.queue_newsletter(
                text.code, language, text.subject, text.body, lambda done: bars("Readers", done, done)
            )
    output.say(f"{output.number(queued)} queued, {output.number(already)} were already; `mpp mail send` sends them.")
