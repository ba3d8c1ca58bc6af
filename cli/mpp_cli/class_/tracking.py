"""`mpp class tracking`: who did what as a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClassId, DryRun
from mpp_cli.choices import SchoolLanguage
from mpp_cli.class_.spreadsheets import Force, Language, Sheet, Tab, Target, check_target, say_read_as, written
from mpp_cli.output import Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command("import")
@formatted
def import_tracking(
    class_id: ClassId,
    file: Sheet,
    sheet: Tab = None,
    dry_run: DryRun = False,
    *,
    out: Output,
) -> None:
    """Record the validations in a tracking sheet: all of them, or none. Nothing is recorded twice.

    Every problem is reported with its cell. Clearing a mark cancels nothing.

    Example: mpp class tracking import 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 suivi.xlsx --dry-run
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        done = mpp.classes.import_tracking(wanted, file, sheet=sheet, dry_run=dry_run)
    output.say_sheet(done.sheet, done.other_sheets)
    if out.for_programs:
        out.record(done)
    say_read_as(done.read_as)
    read = f"{output.counted(done.pupils, 'pupil')} and {output.counted(done.challenges, 'challenge')} in {done.file}"
    if not done.recorded:
        output.say(f"Nothing to change: {read}, {output.counted(done.already, 'validation')} recorded already.")
        return
    said = f"{read}: {output.counted(done.recorded, 'validation')} to record, {done.already} recorded already"
    if dry_run:
        output.say(f"{said}; nothing was written (dry run).")
    else:
        output.say(
            f"{read}: {output.counted(done.recorded, 'validation')} recorded, {done.already} were there already."
        )


@app.command("export")
def export_tracking(
    class_id: ClassId,
    file: Target,
    language: Language = SchoolLanguage.FR,
    dates: Annotated[
        bool, typer.Option("--dates", help="Mark what was done once with its day instead of an x.")
    ] = False,
    force: Force = False,
) -> None:
    """Write the validations of a class as a spreadsheet that can be imported again.

    Example: mpp class tracking export 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o suivi.xlsx
    """
    _tracking(class_id, file, language, marks=True, dates=dates, force=force)


@app.command("template")
def tracking_template(
    class_id: ClassId, file: Target, language: Language = SchoolLanguage.FR, force: Force = False
) -> None:
    """Write an empty tracking sheet with the pupils of a class and the challenges it plays.

    Example: mpp class tracking template 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o suivi.xlsx
    """
    _tracking(class_id, file, language, marks=False, dates=False, force=force)


def _tracking(class_id: str, file: Path, language: SchoolLanguage, *, marks: bool, dates: bool, force: bool) -> None:
    wanted = output.uuid_of(class_id, "CLASS")
    check_target(file, force)
    with connection.staff() as mpp, written():
        count = mpp.classes.export_tracking(wanted, file, language, marks=marks, dates=dates)
    output.say(f"{output.counted(count, 'pupil')} in {file}.")
