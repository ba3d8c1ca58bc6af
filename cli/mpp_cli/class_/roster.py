"""`mpp class roster`: the list of pupils as a spreadsheet."""

from __future__ import annotations

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClassId, DryRun
from mpp_cli.choices import SchoolLanguage
from mpp_cli.class_.names import Known, name_and_initial
from mpp_cli.class_.spreadsheets import Force, Language, Sheet, Tab, Target, check_target, say_read_as, written
from mpp_cli.output import Output, formatted

app = typer.Typer(no_args_is_help=True)


@app.command("import")
@formatted
def import_roster(
    class_id: ClassId,
    file: Sheet,
    sheet: Tab = None,
    known: Known = None,
    dry_run: DryRun = False,
    *,
    out: Output,
) -> None:
    """Add and correct the pupils in a spreadsheet: all of them, or none. Nobody is removed.

    Importing the same file again changes nothing. Every problem is reported with its cell.

    Example: mpp class roster import 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 ce2-b.xlsx --dry-run
    """
    wanted = output.uuid_of(class_id, "CLASS")
    initials = dict(name_and_initial(text, "--known", needed=True) for text in known or ())
    with connection.staff() as mpp:
        done = mpp.classes.import_roster(wanted, file, sheet=sheet, initials=initials, dry_run=dry_run)
    output.say_sheet(done.sheet, done.other_sheets)
    if out.for_programs:
        out.record(done)
    else:
        for mark, colour, some in (("+", "green", done.added), ("~", "yellow", done.corrected)):
            for pupil in some:
                print(output.coloured(output.clean(f"{mark} {pupil.name}"), colour))
    say_read_as(done.read_as)
    if done.not_in_file:
        output.say(f"Not in the file, and still in the class: {', '.join(done.not_in_file)}.")
    if not done.added and not done.corrected:
        output.say(f"Nothing to change: the class has the {output.counted(done.unchanged, 'pupil')} of {done.file}.")
        return
    said = f"{len(done.added)} added, {len(done.corrected)} corrected, {done.unchanged} as they were"
    output.say(f"{said}; nothing was written (dry run)." if dry_run else f"{said}.")


@app.command("export")
def export_roster(
    class_id: ClassId, file: Target, language: Language = SchoolLanguage.FR, force: Force = False
) -> None:
    """Write the pupils of a class as a spreadsheet that can be imported again.

    Example: mpp class roster export 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o ce2-b.xlsx
    """
    wanted = output.uuid_of(class_id, "CLASS")
    check_target(file, force)
    with connection.staff() as mpp, written():
        count = mpp.classes.export_roster(wanted, file, language)
    output.say(f"{output.counted(count, 'pupil')} in {file}.")


@app.command("template")
def roster_template(file: Target, language: Language = SchoolLanguage.FR, force: Force = False) -> None:
    """Write an empty roster, for a teacher to fill in.

    Example: mpp class roster template -o classe.xlsx --language fr
    """
    from mpp_supabase import write_roster

    check_target(file, force)
    with written():
        write_roster(file, (), language)
    output.say(f"An empty roster is in {file}.")
