"""`mpp school`: schools, the Ministry's directory of them, and corrections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import OfLevel, Yes, limit_of
from mpp_cli.choices import Level
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MPP, DirectoryImport, School

app = typer.Typer(no_args_is_help=True)
directory = typer.Typer(no_args_is_help=True)
app.add_typer(directory, name="directory", help="The Ministry's directory of schools: import.")

Who = Annotated[str, typer.Argument(metavar="SCHOOL", help="Id or RNE of the school; `mpp school search` shows it.")]
Levels = Annotated[
    list[Level] | None,
    choices.option(
        Level,
        "--level",
        metavar="LEVEL",
        help="Level: maternelle, elementaire, college or lycee. Repeat it for several.",
    ),
]
_MOST_PROBLEMS = 20


@directory.command("import")
@formatted
def import_directory(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file fr-en-annuaire-education.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the file. Nothing is sent.")] = False,
    *,
    out: Output,
) -> None:
    """Import the directory of schools that the Ministry publishes. Importing it again only writes what changed.

    Bad rows are reported, and the others are still imported. After an interruption, run it again.

    Example: mpp school directory import fr-en-annuaire-education.csv --dry-run
    """
    with connection.with_key() as mpp, output.progress() as show:
        outcome = mpp.schools.import_directory(
            file, dry_run=dry_run, on_progress=lambda done, total: show("Lines", done, total)
        )
    if out.for_programs:
        out.record(outcome)
    _tell(outcome, file)


def _tell(outcome: DirectoryImport, file: Path) -> None:
    for problem in outcome.problems[:_MOST_PROBLEMS]:
        output.say(f"{file.name}, {problem}")
    if outcome.problem_count > _MOST_PROBLEMS:
        output.say(f"… and {outcome.problem_count - _MOST_PROBLEMS} more; --json names the first 1,000.")
    if outcome.left_out:
        reasons = ", ".join(f"{output.number(count)} {reason}" for reason, count in outcome.left_out.items())
        output.say(f"Left out, as no schools of the game: {reasons}.")
    bad = f"{output.counted(outcome.problem_count, 'bad row')}" if outcome.problem_count else "no bad row"
    if outcome.dry_run:
        output.say(f"{output.counted(outcome.schools, 'school')} and {bad}; nothing was sent (dry run).")
    elif outcome.added or outcome.changed:
        output.say(
            f"{output.number(outcome.added)} added, {output.number(outcome.changed)} changed,"
            f" {output.number(outcome.unchanged)} as they were; {bad}."
        )
    else:
        output.say(f"Nothing to change: {output.counted(outcome.unchanged, 'school')} as they were; {bad}.")


@app.command()
@formatted
def search(
    text: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="Words of the name or the city, a postcode or an RNE.")
    ],
    country: Annotated[
        str | None, typer.Option("--country", metavar="CODE", help="Only this country, such as FR or DE.")
    ] = None,
    level: OfLevel = None,
    limit: Annotated[int, limit_of("schools", most=100)] = 20,
    *,
    out: Output,
) -> None:
    """Find schools by words of their name or city, by postcode or by RNE. Accents and case do not matter.

    Example: mpp school search jules ferry 69003
    """
    from mpp_supabase import School

    words = " ".join(text)
    with connection.staff() as mpp:
        found = mpp.schools.search(words, country=country.upper() if country else None, level=level, limit=limit)
    out.rows(
        found,
        (
            Column("Id", lambda s: s.school_id),
            Column("RNE", lambda s: s.rne),
            Column("School", lambda s: s.name, folds=True),
            Column("Levels", lambda s: ", ".join(s.levels), folds=True),
            Column("Postcode", lambda s: s.postcode),
            Column("City", lambda s: s.city, folds=True),
            Column("Country", lambda s: s.country if s.country != "FR" else None, optional=True),
        ),
        fields=School,
        empty=f"No school has {words} in its name, city, postcode or RNE.",
    )
    if len(found) == limit and not (out.for_programs):
        output.say("There may be more: add a word, or a higher --limit")


@app.command()
@formatted
def show(who: Who, *, out: Output) -> None:
    """Show one school.

    Example: mpp school show 0759999L
    """
    with connection.staff() as mpp:
        school = mpp.schools.get(who)
    _show(school, out)


@app.command()
@formatted
def add(
    name: Annotated[str, typer.Option("--name", help="Name of the school.")],
    city: Annotated[str, typer.Option("--city", help="City of the school.")],
    postcode: Annotated[str, typer.Option("--postcode", help="Postcode of the school.")],
    levels: Levels = None,
    rne: Annotated[
        str | None,
        typer.Option("--rne", help="RNE of the school: seven digits and a letter. Only schools abroad have none."),
    ] = None,
    country: Annotated[
        str, typer.Option("--country", metavar="CODE", help="Country of the school, such as DE.")
    ] = "FR",
    *,
    out: Output,
) -> None:
    """Add a school that the directory does not have. A school that is known already is only shown.

    Example: mpp school add --name "Beispielschule" --city Musterstadt --postcode 12345 --country DE --level college
    """
    with connection.staff() as mpp:
        school = mpp.schools.add(name, city, postcode, levels or (), country=country.upper(), rne=rne)
    _show(school, out)


@app.command()
def correct(
    who: Who,
    name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    city: Annotated[str | None, typer.Option("--city", help="New city.")] = None,
    postcode: Annotated[str | None, typer.Option("--postcode", help="New postcode.")] = None,
    levels: Levels = None,
    hidden: Annotated[
        bool | None, typer.Option("--hide/--unhide", help="Take the school off the lists, or put it back by its id.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Correct a school; or hide it, when it is a joke or a double. Its classes go on, outside all rankings.

    --unhide puts the school and its classes back. Classes that left a frozen ranking stay out of it.

    Example: mpp school correct 0759999L --name "École des Tilleuls"
    """
    if all(value is None for value in (name, city, postcode, levels, hidden)):
        raise typer.BadParameter("say what to correct", param_hint="--name")
    with connection.staff() as mpp:
        # A hidden school is on no list any more: only its id still leads to it.
        school_id = who if hidden is False and _is_id(who) else str(mpp.schools.get(who).school_id)
        if hidden:
            output.confirm(_what_hiding_does(mpp, mpp.schools.get(school_id)), yes=yes)
        mpp.schools.correct(school_id, name=name, city=city, postcode=postcode, levels=levels, hidden=hidden)
    if hidden:
        output.say(
            f"School {school_id} is off the lists. `mpp school correct {school_id} --unhide` puts it back, with its"
            " classes of editions that are not frozen."
        )
    elif hidden is False:
        output.say(f"School {school_id} is on the lists, with its classes of editions that are not frozen.")
    else:
        output.say(f"School {school_id} is corrected.")


def _what_hiding_does(mpp: MPP, school: School) -> str:
    from collections import Counter

    leaving = Counter(class_.edition_code for class_ in mpp.classes.of_school(school.school_id) if class_.listed)
    each = []
    for code, count in sorted(leaving.items()):
        frozen = mpp.editions.get(code).phase == "frozen"
        each.append(f"{count} of {code}" + (", which is frozen: no way back" if frozen else ""))
    count = leaving.total()
    said = f"{output.number(count)} of its classes leave" if count != 1 else "1 of its classes leaves"
    in_which = f" ({'; '.join(each)})" if each else ""
    return f"Take {school.name} ({school.city}) off the lists? {said} the rankings{in_which}."


def _is_id(text: str) -> bool:
    from uuid import UUID

    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _show(school: School, out: Output) -> None:
    lines = [
        ("School", school.name),
        ("Id", school.school_id),
        ("RNE", school.rne),
        ("Levels", ", ".join(school.levels)),
        ("Place", f"{school.postcode} {school.city}, {school.country}"),
    ]
    out.record(school, lines)
