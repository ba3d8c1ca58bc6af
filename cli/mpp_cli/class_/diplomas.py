"""`mpp class diplomas`: the diplomas of classes, as PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import Fonts
from mpp_cli.choices import Figures, SchoolLanguage
from mpp_cli.class_.spreadsheets import Language, not_over

app = typer.Typer(no_args_is_help=True)

_SAID_EVERY = 10


@app.command()
def diplomas(
    target: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PATH", help="The PDF to write; with --edition, the directory to write into."
        ),
    ],
    class_id: Annotated[
        str | None, typer.Argument(metavar="[CLASS]", help="Id of the class; leave it out with --edition.")
    ] = None,
    edition: Annotated[
        str | None, typer.Option("--edition", metavar="CODE", help="Write a PDF for each class of this edition.")
    ] = None,
    language: Language = SchoolLanguage.FR,
    figures: Annotated[
        Figures,
        choices.option(
            Figures, "--figures", metavar="WHAT", help="What a page shows: challenges, points, both or none."
        ),
    ] = Figures.CHALLENGES,
    fonts: Fonts = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite diplomas that exist already.")] = False,
) -> None:
    """Write the diplomas of a class as a PDF: a page for each pupil, then one for the class.

    Example: mpp class diplomas 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o ce2-b.pdf --language fr
    """
    if (class_id is None) == (edition is None):
        raise typer.BadParameter("name either a class, or an edition with --edition", param_hint="CLASS")
    if class_id is not None:
        if target.suffix.lower() != ".pdf":
            raise typer.BadParameter(
                f"not a .pdf ({output.clean(target.name)}); name one, such as diplomas.pdf", param_hint="--output"
            )
        not_over(target, force)
        wanted = output.uuid_of(class_id, "CLASS")
        with connection.staff() as mpp:
            count = mpp.classes.write_diplomas(wanted, target, language, figures=figures, fonts=fonts)
        output.say(f"{output.counted(count, 'page')} in {target}.")
        return
    if not force and target.is_dir() and next(target.glob("*.pdf"), None) is not None:
        raise typer.BadParameter(
            f"{target} holds PDFs already: choose another directory, or add --force to write over those of the same"
            " classes",
            param_hint="--output",
        )
    with connection.staff() as mpp, output.progress(every=_SAID_EVERY) as shown:
        edition_id = mpp.editions.get(edition or "").id
        files = mpp.classes.write_all_diplomas(
            edition_id, target, language, figures=figures, fonts=fonts, on_progress=shown
        )
    output.say(f"The diplomas of {output.counted(len(files), 'class', 'classes')} are in {target}.")
