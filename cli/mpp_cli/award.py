"""`mpp award`: symbolic awards at closing, by rule, and certificates of leagues and teams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import EditionCode, Fonts
from mpp_cli.choices import Language
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MPP, Participation

app = typer.Typer(no_args_is_help=True)


@app.command()
def grant(edition: EditionCode) -> None:
    """Grant the awards of a frozen edition: over all, and among the leagues of each client.

    Running it again changes nothing.

    Example: mpp award grant adult-2026-06
    """
    with connection.staff() as mpp:
        given = mpp.awards.grant(mpp.editions.get(edition).code)
    if given:
        output.say(f"{output.counted(given, 'award')} given; `mpp award list {edition}` shows them.")
    else:
        output.say(f"Nothing to give: the awards of {edition} were given before, or nobody met a rule.")


@app.command("list")
@formatted
def list_(
    edition: EditionCode,
    client: Annotated[
        str | None,
        typer.Option("--client", metavar="ORG", help="Only those among the leagues of this client, by code."),
    ] = None,
    language: Annotated[
        Language | None,
        choices.option(
            Language,
            "--language",
            metavar="CODE",
            help="Language of the titles: fr or en. Default: the client's language, or en.",
        ),
    ] = None,
    *,
    out: Output,
) -> None:
    """List the awards of an edition in the order of the ceremony.

    Example: mpp award list adult-2026-06 --client acme
    """
    from mpp_supabase import Award, ClientAward

    with connection.staff() as mpp:
        if client is None:
            found: Any = mpp.awards.iterate(mpp.editions.get(edition).id)
            lang = language or "en"
        else:
            part = mpp.clients.participation(client, edition)
            found = mpp.awards.of_client(part.participation_id)
            lang = language or mpp.clients.get(client).language
        out.rows(
            found,
            (
                Column("Award", lambda a: a.title.get(lang) or a.title["en"], folds=True),
                Column("To", lambda a: a.label, folds=True),
                Column("League", lambda a: a.league_label, folds=True, optional=True),
                Column("Scope", lambda a: a.scope),
                Column("Earned by", _earned_by),
            ),
            fields=tuple((Award if client is None else ClientAward).model_fields),
            empty=f"No award in {edition}; `mpp award grant {edition}` gives those earned, once it is frozen.",
        )


@app.command()
def certificates(
    edition: EditionCode,
    target: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Directory to write into, created if it is missing; or a .pdf, for a single file.",
        ),
    ],
    client: Annotated[
        list[str] | None,
        typer.Option(
            "--client", metavar="ORG", help="Only this client, by code. Repeat it for several: each gets a file."
        ),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all-clients", help="One file for each client that takes part.")] = False,
    language: Annotated[
        Language | None,
        choices.option(
            Language, "--language", metavar="CODE", help="Language: fr or en. Default: the client's language, or fr."
        ),
    ] = None,
    winners: Annotated[bool, typer.Option("--winners", help="Only leagues and teams that won a title.")] = False,
    fonts: Fonts = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite certificates that exist already.")] = False,
) -> None:
    """Write the certificates of a frozen edition as PDF: a page for each league and team, with the titles they won.

    Without --client there is one file for the edition. With --client each client gets a file: every league is followed
    by its teams, and ranks are those among the client's own. Whoever opted out of the ranking has no certificate.
    Players have none either, because only they may show their alias. Grant the awards first: `mpp award grant`.

    Example: mpp award certificates adult-2026-06 --client acme -o certificates
    """
    from mpp_supabase import DiplomaError, Refusal

    if client and everybody:
        raise typer.BadParameter("either name clients with --client, or take --all-clients", param_hint="--client")
    one_file = target.suffix.lower() == ".pdf" and not target.is_dir()
    chosen: Any = language
    with connection.staff() as mpp, output.progress() as shown:
        parts = _parts(mpp, edition, client, everybody)
        if parts is None:
            file = target if one_file else target / f"{edition}-certificates-{language or 'fr'}.pdf"
            _ready([file], force)
            # Some thousand pages take their time.
            shown("Certificates", 0, 1)
            pages = mpp.awards.write_certificates(file, edition, chosen or "fr", winners=winners, fonts=fonts)
            print(file)
            output.say(f"{output.counted(pages, 'certificate')} in {file}.")
            return
        if one_file and len(parts) > 1:
            raise typer.BadParameter(f"name a directory: {len(parts)} clients have a file each", param_hint="--output")
        files = [
            target if one_file else target / f"{part.organisation_code}-{edition}-certificates-{lang}.pdf"
            for part in parts
            for lang in (chosen or mpp.clients.get(part.organisation_code).language,)
        ]
        _ready(files, force)
        written, total = 0, 0
        problems: list[str] = []
        for number, (part, file) in enumerate(zip(parts, files, strict=True), start=1):
            try:
                total += mpp.awards.write_client_certificates(file, part, chosen, winners=winners, fonts=fonts)
            except DiplomaError as error:
                problems.extend(f"{part.organisation_name}: {problem}" for problem in error.problems)
            except Refusal as error:
                if number == 1 and error.code == "MP094":
                    # One reason for the edition, not one for each client.
                    raise
                problems.append(f"{part.organisation_name}: {error.message}")
            else:
                written += 1
                print(file)
            shown("Certificates", number, len(parts))
    output.say(f"{output.counted(total, 'certificate')} of {output.counted(written, 'client')} in {target}.")
    if problems:
        raise DiplomaError(
            f"The certificates of {len(parts) - written} of {len(parts)} clients could not be made.",
            "Correct what is listed and run it again; those of the others are written.",
            problems,
        )


def _parts(mpp: MPP, edition: str, client: list[str] | None, everybody: bool) -> list[Participation] | None:
    if client:
        return [mpp.clients.participation(code, edition) for code in dict.fromkeys(client)]
    if not everybody:
        return None
    return list(mpp.clients.participations(edition_id=mpp.editions.get(edition).id))


def _ready(files: list[Path], force: bool) -> None:
    """Make the directory, and refuse to write over what is there, before anything is read."""
    from mpp_supabase import DiplomaError

    for file in files:
        if file.is_file() and not force:
            raise typer.BadParameter(
                f"{file} is there already: choose another name, or add --force to write over it", param_hint="--output"
            )
    for directory in {file.parent for file in files}:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or "it cannot be made").lower()
            raise DiplomaError(f"{directory} cannot be made ({reason}).", "Choose a directory of yours.") from None


_UNITS = {
    "grand-zizou": "rank",
    "player-podium": "rank",
    "team-champion": "rank",
    "league-champion": "rank",
    "class-champion": "rank",
    "school-champion": "rank",
    "league-of-gold": "points a player",
    "class-of-gold": "points a pupil",
    "faultless": "challenges",
    "all-themes": "themes",
    "class-all-themes": "themes",
    "team-spirit": "collective challenges",
    "class-spirit": "collective challenges",
    "regular": "days",
    "class-regular": "days",
}
"""What the value of an award counts, by its rule."""


def _earned_by(award: Any) -> str:
    if award.value is None:
        return "–"
    whole = award.value == int(award.value)
    value, unit = output.number(int(award.value) if whole else award.value), _UNITS.get(award.rule, "")
    return f"rank {value}" if unit == "rank" else f"{value} {unit}".strip()
