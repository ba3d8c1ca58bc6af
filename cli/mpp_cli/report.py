"""`mpp report`: weekly and final reports of clients, as pages, PDF and workbooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import ClientCodes, EditionCode
from mpp_cli.choices import Language, ReportFormat

if TYPE_CHECKING:
    from mpp_supabase import MPP, Participation

app = typer.Typer(no_args_is_help=True)

Everybody = Annotated[bool, typer.Option("--all", help="Every client that takes part.")]
Directory = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Directory to write into, created if it is missing.")
]
InLanguage = Annotated[
    Language | None,
    choices.option(
        Language, "--language", metavar="CODE", help="Language: fr or en. Default: the language of each client."
    ),
]
Formats = Annotated[
    list[ReportFormat] | None,
    choices.option(
        ReportFormat,
        "--format",
        metavar="FORMAT",
        help="Format: html, pdf or xlsx. Repeat it for several. Default: all.",
    ),
]


@app.command()
def weekly(
    edition: EditionCode,
    directory: Directory,
    client: ClientCodes = None,
    everybody: Everybody = False,
    language: InLanguage = None,
    formats: Formats = None,
) -> None:
    """Write the reports of the current week. Run it on the last evening, before the next week begins.

    Files are named after the client, the edition, the week and the language. They replace those of the same week. When
    one client fails, the others are still written, and the failure is reported at the end.

    Example: mpp report weekly adult-2026-06 --all -o reports
    """
    _write("weekly", edition, directory, client, everybody, language, formats)


@app.command()
def final(
    edition: EditionCode,
    directory: Directory,
    client: ClientCodes = None,
    everybody: Everybody = False,
    language: InLanguage = None,
    formats: Formats = None,
) -> None:
    """Write the final reports of an edition that is over: final ranking, awards, comparison with the edition.

    Freeze the edition and grant the awards first: `mpp edition freeze`, `mpp award grant`. Before the freeze the
    reports say that they are provisional. Later ones replace them.

    Example: mpp report final adult-2026-06 --client acme -o reports
    """
    _write("final", edition, directory, client, everybody, language, formats)


def _write(
    kind: Any,
    edition: str,
    directory: Path,
    client: list[str] | None,
    everybody: bool,
    language: Language | None,
    formats: list[ReportFormat] | None,
) -> None:
    wanted: Any = tuple(dict.fromkeys(formats or ReportFormat))
    chosen: Any = language
    with connection.staff() as mpp, output.progress() as shown:
        parts = chosen_clients(mpp, edition, client, everybody)
        if not parts:
            return
        found = mpp.editions.get(edition)
        if kind == "final" and found.phase == "closed":
            output.say(f"{edition} is not frozen: the reports say that they are provisional, and have no awards.")
        files = mpp.reports.write(
            kind,
            parts,
            directory,
            chosen,
            wanted,
            edition=found,
            on_progress=lambda done, total: shown("Reports", done, total),
        )
    for file in files:
        print(file)
    output.say(f"{output.counted(len(files), 'file')} of {output.counted(len(parts), 'client')} are in {directory}.")


def chosen_clients(mpp: MPP, edition: str, client: list[str] | None, everybody: bool) -> list[Participation]:
    """The parts that the clients named, or all of them, take in an edition."""
    if bool(client) == everybody:
        raise typer.BadParameter("either name clients with --client, or take --all", param_hint="--client")
    if client:
        return [mpp.clients.participation(code, edition) for code in dict.fromkeys(client)]
    found = list(mpp.clients.participations(edition_id=mpp.editions.get(edition).id))
    if not found:
        output.say(f"No client takes part in {edition}: `mpp client take-part ORG {edition}`.")
    return found
