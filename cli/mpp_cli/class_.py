"""`mpp class`: classes, what they play, their spreadsheets and their diplomas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Csv, Json, Yes
from mpp_cli.ranking import After, Level, checked_level

if TYPE_CHECKING:
    from mpp_supabase import MPP, PupilValidation, SchoolClass

app = typer.Typer(no_args_is_help=True)
code = typer.Typer(no_args_is_help=True)
roster = typer.Typer(no_args_is_help=True)
tracking = typer.Typer(no_args_is_help=True)
app.add_typer(code, name="code", help="The code by which families enter a class, to read.")
app.add_typer(roster, name="roster", help="The list of pupils as a spreadsheet: import, export, template.")
app.add_typer(tracking, name="tracking", help="Who did what as a spreadsheet: import, export, template.")

LANGUAGES = ("fr", "en", "de")
FIGURES = ("challenges", "points", "both", "none")
_SAID_EVERY = 10

Edition = Annotated[str, typer.Argument(metavar="EDITION", help="Code of the edition, such as school-2026-11.")]
Class = Annotated[str, typer.Argument(metavar="CLASS", help="Id of the class; `mpp class list` shows it.")]
Challenge = Annotated[
    str, typer.Argument(metavar="CHALLENGE", help="Code of the challenge; `mpp class challenges` shows it.")
]
Pupils = Annotated[
    list[str] | None,
    typer.Option("--pupil", metavar="NAME", help="Only this pupil, by name or id; repeat it for several."),
]
Team = Annotated[str | None, typer.Option("--team", metavar="NAME", help="Only the pupils of this team.")]
Teacher = Annotated[str, typer.Argument(metavar="TEACHER", help="E-mail address or id of the teacher's account.")]
Sheet = Annotated[
    Path, typer.Argument(metavar="FILE", help="The spreadsheet, .xlsx or .csv; a template shows its form.")
]
Tab = Annotated[
    str | None, typer.Option("--sheet", metavar="NAME", help="Which sheet of the file, when several hold pupils.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would change; write nothing.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write, .xlsx or .csv.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there already.")]
Language = Annotated[str, typer.Option("--language", metavar="CODE", help="Language of the file: fr, en or de.")]


@app.command("list")
def list_classes(
    edition: Edition,
    level: Level = None,
    school: Annotated[
        str | None, typer.Option("--school", metavar="SCHOOL", help="Only this school, by id or RNE.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many classes to show.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Show every class, whatever --limit says.")] = False,
    after: After = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the classes of an edition by name.

    Example: mpp class list school-2026-11 --school 0759999L
    """
    from mpp_supabase import SchoolClass

    wanted = checked_level(level)
    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        school_id = mpp.schools.get(school).school_id if school is not None else None
        page = None if everything else mpp.classes.page(edition_id, limit, after, level=wanted, school_id=school_id)
        output.rows(
            mpp.classes.iterate(edition_id, after, level=wanted, school_id=school_id) if page is None else page.rows,
            (
                Column("Id", lambda c: c.class_id),
                Column("Class", lambda c: c.name, folds=True),
                Column("Level", lambda c: c.level),
                Column("School", lambda c: c.school_label, folds=True),
                Column("City", lambda c: c.city, folds=True),
                Column("Pupils", lambda c: output.number(c.pupils), right=True),
                Column("Points", lambda c: output.number(c.points), right=True),
            ),
            fields=tuple(SchoolClass.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty=f"{edition} has no such class." if wanted or school else f"{edition} has no class yet.",
        )
        if page is not None and page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


@app.command()
def show(class_id: Class, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show one class.

    Example: mpp class show 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        _show(mpp.classes.get(wanted), as_json, as_csv)


@app.command()
def create(
    edition: Edition,
    name: Annotated[str, typer.Option("--name", help="Its name, such as CE2 B.")],
    level: Annotated[str, typer.Option("--level", metavar="LEVEL", help="maternelle, elementaire, college or lycee.")],
    school: Annotated[str, typer.Option("--school", metavar="SCHOOL", help="Id or RNE of its school.")],
    teacher: Annotated[
        str, typer.Option("--teacher", metavar="EMAIL", help="E-mail address or id of its teacher's account.")
    ],
    teams: Annotated[
        list[str] | None,
        typer.Option("--team", metavar="NAME", help="A team; repeat it for several. One is made without it."),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Create a class for a teacher who has registered.

    Example: mpp class create school-2026-11 --school 0759999L --name CE2 --level elementaire --teacher ada@example.org
    """
    wanted = checked_level(level) or level
    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        school_id = mpp.schools.get(school).school_id
        teacher_id = mpp.users.find(teacher).id
        class_id = mpp.classes.create(edition_id, school_id, name, wanted, teacher_id, teams=teams or ())
        _show(mpp.classes.get(class_id), as_json, as_csv)


@app.command()
def correct(
    class_id: Class,
    name: Annotated[str | None, typer.Option("--name", help="Its name.")] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="Its level, until its first validation.")
    ] = None,
    listed: Annotated[
        bool | None,
        typer.Option(
            "--in-rankings/--out-of-rankings",
            help="Take it out of every ranking, such as a class that is none; its teachers cannot put it back.",
        ),
    ] = None,
) -> None:
    """Rename a class, correct its level, or take it out of the rankings.

    With another level, the class's own choice of challenges starts again.

    Example: mpp class correct 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --name "CM1 A"
    """
    wanted, level = output.uuid_of(class_id, "CLASS"), checked_level(level)
    if name is None and level is None and listed is None:
        raise typer.BadParameter("say what to correct", param_hint="--name")
    with connection.staff() as mpp:
        if name is not None or level is not None:
            mpp.classes.update(wanted, name=name, level=level)
        if listed is not None:
            mpp.classes.set_listed(wanted, listed)
    output.say(f"Class {wanted} is corrected.")


@app.command()
def pupils(class_id: Class, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the pupils of a class with their points, in the order they were added.

    Example: mpp class pupils 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import Pupil

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        teams = {team.team_id: team.name for team in mpp.classes.teams(wanted)}
        output.rows(
            mpp.classes.pupils(wanted),
            (
                Column("Pupil", lambda p: p.name),
                Column("Team", lambda p: teams.get(p.team_id), folds=True),
                Column("Validations", lambda p: output.number(p.validations), right=True),
                Column("Points", lambda p: output.number(p.points), right=True),
                Column("Id", lambda p: p.pupil_id),
            ),
            fields=tuple(Pupil.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty="This class has no pupil yet: import a roster, or use `mpp pupil add`.",
        )


@app.command()
def teams(class_id: Class, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the teams of a class with their points.

    Example: mpp class teams 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import LeagueTeam

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        output.rows(
            mpp.classes.teams(wanted),
            (
                Column("Team", lambda t: t.name, folds=True),
                Column("Pupils", lambda t: output.number(t.players), right=True),
                Column("Points", lambda t: output.number(t.points), right=True),
                Column("Id", lambda t: t.team_id),
            ),
            fields=tuple(LeagueTeam.model_fields),
            as_json=as_json,
            as_csv=as_csv,
        )


@app.command()
def challenges(
    class_id: Class,
    in_play: Annotated[bool, typer.Option("--in-play", help="Only those that the class plays.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the challenges of the level of a class: whether it plays them, and what it earned.

    Example: mpp class challenges 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --in-play
    """
    from mpp_supabase import ClassChallenge

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        zone = mpp.editions.get(mpp.classes.get(wanted).edition_code).time_zone
        found = mpp.classes.challenges(wanted)
        output.rows(
            (c for c in found if c.is_in_play) if in_play else found,
            (
                Column("Challenge", lambda c: c.code),
                Column("Title", lambda c: c.title["en"], folds=True),
                Column("Points", lambda c: c.points, right=True),
                Column("Opens", lambda c: output.clock(c.opens_at, zone), optional=True),
                Column("Closes", lambda c: output.clock(c.closes_at, zone), optional=True),
                Column("In play", lambda c: "yes" if c.is_in_play else "no"),
                Column("Pupils", lambda c: output.number(c.pupils_credited), right=True),
                Column("Earned", lambda c: output.number(c.points_earned), right=True),
            ),
            fields=tuple(ClassChallenge.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty="No challenge of the edition is for the level of this class.",
        )


@app.command()
def choose(
    class_id: Class,
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="CHALLENGE", help="Codes of the challenges that the class plays.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All challenges of its level.")] = False,
) -> None:
    """Set which challenges a class plays, in place of what it chose before. What was validated stays.

    Example: mpp class choose 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 pieds-malins gouter-zero-dechet
    """
    wanted = output.uuid_of(class_id, "CLASS")
    if everything == bool(codes):
        raise typer.BadParameter("name challenges, or use --all", param_hint="CHALLENGE")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        chosen = [c.challenge_id for c in mpp.classes.find_challenges(wanted, codes)] if codes else None
        count = mpp.classes.choose(wanted, chosen)
    output.say(f"The class plays {_counted(count, 'challenge')}" + (" (all of its level)." if everything else "."))


# Playing


@app.command()
def validate(
    class_id: Class,
    challenge: Challenge,
    pupil: Pupils = None,
    team: Team = None,
    proof_sent: Annotated[
        bool, typer.Option("--proof-sent", help="The teacher has seen the proof it asks for.")
    ] = False,
    request_key: Annotated[
        str | None,
        typer.Option("--request-key", metavar="UUID", help="Sent twice with the same key, it is done once."),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Validate a challenge for the whole class, for some pupils or for a team.

    Pupils who reached the limit of the challenge before stay as they are.

    Example: mpp class validate 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 pieds-malins --pupil Lina --pupil "Noé B."
    """
    from uuid import uuid4

    from mpp_supabase import TransportError

    wanted = output.uuid_of(class_id, "CLASS")
    key = output.uuid_of(request_key, "--request-key") if request_key else str(uuid4())
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        (meant,) = mpp.classes.find_challenges(wanted, [challenge])
        pupil_ids, team_id = _whom(mpp, wanted, pupil, team)
        try:
            done = mpp.classes.validate(
                wanted,
                meant.challenge_id,
                pupil_ids=pupil_ids,
                team_id=team_id,
                proof_sent=proof_sent,
                request_key=key,
            )
        except TransportError:
            output.say(f"It may have been done. Run it again with --request-key {key}: nothing is done twice.")
            raise
        _show_validations(mpp, wanted, done, as_json, as_csv)
    recorded = [row for row in done if row.validation_id is not None]
    limit = len(done) - len(recorded)
    pending = sum(row.state == "pending" for row in recorded)
    output.say(
        f"{meant.code} is validated for {_counted(len(recorded), 'pupil')}"
        + (f", {pending} of them until enough of their team did it" if pending else "")
        + (f"; {limit} had reached its limit." if limit else ".")
    )


@app.command()
def cancel(
    class_id: Class,
    challenge: Challenge,
    pupil: Pupils = None,
    team: Team = None,
    every: Annotated[
        bool, typer.Option("--every", help="Every validation of the challenge, not only the latest of each pupil.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Take back the latest validation of a challenge: of the whole class, of some pupils or of a team.

    Example: mpp class cancel 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 pieds-malins --pupil Lina
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        (meant,) = mpp.classes.find_challenges(wanted, [challenge])
        pupil_ids, team_id = _whom(mpp, wanted, pupil, team)
        whose = {
            p.pupil_id
            for p in mpp.classes.pupils(wanted)
            if (pupil_ids is None or str(p.pupil_id) in pupil_ids) and (team_id is None or str(p.team_id) == team_id)
        }
        taken_back = []
        for done in mpp.classes.validations(wanted, challenge_id=meant.challenge_id):
            if done.pupil_id in whose:
                taken_back.append(done.validation_id)
                if not every:
                    whose.discard(done.pupil_id)
        if not taken_back:
            output.say(f"Nothing to take back: {meant.code} is not validated there.")
            return
        output.confirm(f"Take back {_counted(len(taken_back), 'validation')} of {meant.code}?", yes=yes)
        _show_validations(mpp, wanted, mpp.classes.cancel(wanted, taken_back), as_json, as_csv)
    output.say(f"Taken back: {_counted(len(taken_back), 'validation')} of {meant.code}.")


def _whom(mpp: MPP, class_id: str, pupil: list[str] | None, team: str | None) -> tuple[list[str] | None, str | None]:
    if pupil and team:
        raise typer.BadParameter("name pupils or a team, not both", param_hint="--team")
    if pupil:
        return [str(found.pupil_id) for found in mpp.classes.find_pupils(class_id, pupil)], None
    return None, str(mpp.classes.find_team(class_id, team).team_id) if team else None


def _show_validations(mpp: MPP, class_id: str, done: list[PupilValidation], as_json: bool, as_csv: bool) -> None:
    from mpp_supabase import PupilValidation

    names = {pupil.pupil_id: pupil.name for pupil in mpp.classes.pupils(class_id)}
    output.rows(
        done,
        (
            Column("Pupil", lambda v: names.get(v.pupil_id)),
            Column("State", lambda v: v.state or "at the limit"),
            Column("Points", lambda v: output.number(v.points), right=True),
        ),
        fields=tuple(PupilValidation.model_fields),
        as_json=as_json,
        as_csv=as_csv,
    )


# Families and colleagues


@code.command("show")
def show_code(class_id: Class) -> None:
    """Print the code by which families enter a class.

    Example: mpp class code show 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
    if found.class_code is None:
        output.say(f"This class has no code: families are out. `mpp class code renew {wanted}` makes one.")
        return
    output.say(f"{_counted(found.families, 'account')} entered {found.name} with its code:")
    print(found.class_code)


@code.command()
def renew(class_id: Class, yes: Yes = False) -> None:
    """Give a class a new code, and print it. Families who entered before are out until they give it.

    Example: mpp class code renew 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
        families = f", and put {_counted(found.families, 'account')} out" if found.families else ""
        output.confirm(f"Give {found.name} a new code{families}?", yes=yes)
        print(mpp.classes.renew_code(wanted))


@code.command()
def revoke(class_id: Class, yes: Yes = False) -> None:
    """Take the code of a class away: families are out at once, and nobody enters until it is renewed.

    Example: mpp class code revoke 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found = mpp.classes.get(wanted)
        output.confirm(
            f"Take the code of {found.name} away, and put {_counted(found.families, 'account')} out?", yes=yes
        )
        mpp.classes.revoke_code(wanted)
    output.say(f"{found.name} has no code any more; `mpp class code renew {wanted}` makes a new one.")


@app.command()
def teachers(class_id: Class, as_json: Json = False, as_csv: Csv = False) -> None:
    """List who runs a class, the principal teacher first.

    Example: mpp class teachers 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    from mpp_supabase import Teacher

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        found = mpp.classes.teachers(wanted)
        addresses = {} if as_json or as_csv else {t.teacher_id: mpp.users.find(str(t.teacher_id)).email for t in found}
    output.rows(
        found,
        (
            Column("Teacher", lambda t: f"{t.first_name} {t.last_name}", folds=True),
            Column("Role", lambda t: "principal" if t.is_principal else "colleague"),
            Column("E-mail", lambda t: addresses.get(t.teacher_id)),
            Column("Id", lambda t: t.teacher_id),
        ),
        fields=tuple(Teacher.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"Nobody runs this class any more: `mpp class hand-over {wanted} TEACHER`.",
    )


@app.command()
def invite(class_id: Class) -> None:
    """Print an invitation for a colleague: a code that is good once, for seven days. An earlier one ends.

    Example: mpp class invite 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        invitation = mpp.classes.invite_teacher(wanted)
    output.say("A teacher who gives this code within seven days runs the class too:")
    print(invitation)


@app.command("hand-over")
def hand_over(class_id: Class, teacher: Teacher, yes: Yes = False) -> None:
    """Make a teacher the principal one of a class; the former one stays as a colleague.

    Example: mpp class hand-over 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 ada@example.org
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found, account = mpp.classes.get(wanted), mpp.users.find(teacher)
        name = account.email or account.id
        output.confirm(f"Give {found.name} ({found.school_label}) to {name}?", yes=yes)
        mpp.classes.hand_over(wanted, account.id)
    output.say(f"{name} is now the principal teacher of {found.name}.")


@app.command("remove-teacher")
def remove_teacher(class_id: Class, teacher: Teacher, yes: Yes = False) -> None:
    """Take a class from a colleague who runs it. The principal teacher hands it over first.

    The colleague knew the code of the class: it gets a new one, and families are out until they give that.

    Example: mpp class remove-teacher 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 ada@example.org
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        found, account = mpp.classes.get(wanted), mpp.users.find(teacher)
        name = account.email or account.id
        families = f", and put {_counted(found.families, 'account')} out" if found.families else ""
        output.confirm(f"Take {found.name} ({found.school_label}) from {name}{families}?", yes=yes)
        mpp.classes.remove_teacher(wanted, account.id)
    output.say(f"{name} no longer runs {found.name}, which has a new code: `mpp class code show {wanted}`.")


@app.command()
def forget(edition: Edition, yes: Yes = False) -> None:
    """Delete the first names of all pupils of a frozen edition, for good, and end families' access and codes.

    Points, rankings and classes stay. Print the diplomas before: none can be printed afterwards.

    Example: mpp class forget school-2026-11
    """
    with connection.staff() as mpp:
        found = mpp.editions.get(edition)
        classes = [class_ for class_ in mpp.classes.iterate(found.id) if class_.pupils]
        whose = f"{_counted(sum(c.pupils for c in classes), 'pupil')} in {_counted(len(classes), 'class', 'classes')}"
        output.confirm(
            f"Delete the first names of the {whose} of {found.code}, and put families out? This cannot be undone, and"
            " diplomas cannot be printed any more.",
            yes=yes,
        )
        count = mpp.classes.forget_pupils(found.code)
    output.say(f"The first names of {_counted(count, 'pupil')} of {found.code} are deleted.")


# Spreadsheets


@roster.command("import")
def import_roster(
    class_id: Class,
    file: Sheet,
    sheet: Tab = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--known",
            metavar="NAME:INITIAL",
            help="A pupil of the class, with the initial that tells them from a newcomer of the same name.",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Add and correct the pupils that a spreadsheet names: all of them, or none. Nobody is removed.

    The same file again changes nothing. Every problem is named with its cell.

    Example: mpp class roster import 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 ce2-b.xlsx --dry-run
    """
    wanted = output.uuid_of(class_id, "CLASS")
    initials = dict(name_and_initial(text, "--known", needed=True) for text in known or ())
    with connection.staff() as mpp:
        done = mpp.classes.import_roster(wanted, file, sheet=sheet, initials=initials, dry_run=dry_run)
    if as_json or as_csv:
        output.record(done, (), as_json=as_json, as_csv=as_csv)
    else:
        for mark, colour, some in (("+", "green", done.added), ("~", "yellow", done.corrected)):
            for pupil in some:
                print(output.coloured(output.clean(f"{mark} {pupil.name}"), colour))
    _say_read_as(done.read_as)
    if done.absent:
        output.say(f"Not in the file, and still in the class: {', '.join(done.absent)}.")
    if not done.added and not done.corrected:
        output.say(f"Nothing to change: the class has the {_counted(done.unchanged, 'pupil')} of {done.file}.")
        return
    said = f"{len(done.added)} added, {len(done.corrected)} corrected, {done.unchanged} as they were"
    output.say(f"{said}; nothing was written (dry run)." if dry_run else f"{said}.")


@roster.command("export")
def export_roster(class_id: Class, file: Output, language: Language = "fr", force: Force = False) -> None:
    """Write the pupils of a class as a spreadsheet, in the form that import reads.

    Example: mpp class roster export 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o ce2-b.xlsx
    """
    wanted = output.uuid_of(class_id, "CLASS")
    _checked(file, language, force)
    with connection.staff() as mpp, _written():
        count = mpp.classes.export_roster(wanted, file, language)
    output.say(f"{_counted(count, 'pupil')} in {file}.")


@roster.command("template")
def roster_template(file: Output, language: Language = "fr", force: Force = False) -> None:
    """Write an empty roster for a teacher to fill in.

    Example: mpp class roster template -o classe.xlsx --language fr
    """
    from mpp_supabase import write_roster

    _checked(file, language, force)
    with _written():
        write_roster(file, (), language)
    output.say(f"An empty roster is in {file}.")


@tracking.command("import")
def import_tracking(
    class_id: Class,
    file: Sheet,
    sheet: Tab = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Record what a tracking sheet says: all of it, or nothing. What is recorded already is not counted twice.

    Every problem is named with its cell. A mark that is cleared takes nothing back.

    Example: mpp class tracking import 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 suivi.xlsx --dry-run
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        done = mpp.classes.import_tracking(wanted, file, sheet=sheet, dry_run=dry_run)
    if as_json or as_csv:
        output.record(done, (), as_json=as_json, as_csv=as_csv)
    _say_read_as(done.read_as)
    read = f"{_counted(done.pupils, 'pupil')} and {_counted(done.challenges, 'challenge')} in {done.file}"
    if not done.recorded:
        output.say(f"Nothing to change: {read}, {_counted(done.already, 'validation')} recorded already.")
        return
    said = f"{read}: {_counted(done.recorded, 'validation')} to record, {done.already} recorded already"
    if dry_run:
        output.say(f"{said}; nothing was written (dry run).")
    else:
        output.say(f"{read}: {_counted(done.recorded, 'validation')} recorded, {done.already} were there already.")


@tracking.command("export")
def export_tracking(
    class_id: Class,
    file: Output,
    language: Language = "fr",
    dates: Annotated[bool, typer.Option("--dates", help="Mark what was done once by its day, not by an x.")] = False,
    force: Force = False,
) -> None:
    """Write who did what as a spreadsheet, in the form that import reads.

    Example: mpp class tracking export 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o suivi.xlsx
    """
    _tracking(class_id, file, language, marks=True, dates=dates, force=force)


@tracking.command("template")
def tracking_template(class_id: Class, file: Output, language: Language = "fr", force: Force = False) -> None:
    """Write an empty tracking sheet for a class: its pupils, and the challenges it plays.

    Example: mpp class tracking template 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o suivi.xlsx
    """
    _tracking(class_id, file, language, marks=False, dates=False, force=force)


def _tracking(class_id: str, file: Path, language: str, *, marks: bool, dates: bool, force: bool) -> None:
    wanted = output.uuid_of(class_id, "CLASS")
    _checked(file, language, force)
    with connection.staff() as mpp, _written():
        count = mpp.classes.export_tracking(wanted, file, language, marks=marks, dates=dates)
    output.say(f"{_counted(count, 'pupil')} in {file}.")


# Diplomas


@app.command()
def diplomas(
    target: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="The PDF to write; with --edition a directory.")
    ],
    class_id: Annotated[
        str | None, typer.Argument(metavar="[CLASS]", help="Id of the class; none with --edition.")
    ] = None,
    edition: Annotated[
        str | None, typer.Option("--edition", metavar="CODE", help="Every class of this edition, a PDF each.")
    ] = None,
    language: Language = "fr",
    figures: Annotated[
        str, typer.Option("--figures", metavar="WHAT", help="What a page tells: challenges, points, both or none.")
    ] = "challenges",
    fonts: Annotated[
        Path | None, typer.Option("--fonts", metavar="DIR", help="More fonts, for letters that the usual ones lack.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over diplomas that are there already.")] = False,
) -> None:
    """Write the diplomas of a class as a PDF: a page for each pupil, then the certificate of the class.

    Example: mpp class diplomas 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 -o ce2-b.pdf --language fr
    """
    if (class_id is None) == (edition is None):
        raise typer.BadParameter("name a class, or an edition with --edition", param_hint="CLASS")
    _one_of(language, LANGUAGES, "--language")
    _one_of(figures, FIGURES, "--figures")
    if class_id is not None:
        if target.suffix.lower() != ".pdf":
            raise typer.BadParameter("write a .pdf", param_hint="--output")
        _not_over(target, force)
        wanted = output.uuid_of(class_id, "CLASS")
        with connection.staff() as mpp:
            count = mpp.classes.write_diplomas(wanted, target, language, figures=figures, fonts=fonts)
        output.say(f"{_counted(count, 'page')} in {target}.")
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
    output.say(f"The diplomas of {_counted(len(files), 'class', 'classes')} are in {target}.")


def name_and_initial(text: str, parameter: str, *, needed: bool = False) -> tuple[str, str]:
    """The two parts of NAME:INITIAL; the initial may be left out unless it is `needed`."""
    name, _, initial = (part.strip() for part in text.partition(":"))
    if not name or (needed and not initial):
        raise typer.BadParameter(f"write it as Lina:M ({output.clean(text)[:60]})", param_hint=parameter)
    return name, initial


@contextmanager
def _written() -> Iterator[None]:
    """A file that cannot be written is no fault of what is in it."""
    from mpp_supabase import SheetError

    try:
        yield
    except SheetError as error:
        output.say(str(error))
        raise typer.Exit(Exit.OUTPUT) from None


def _checked(file: Path, language: str, force: bool) -> None:
    if file.suffix.lower() not in (".xlsx", ".csv"):
        raise typer.BadParameter("write a .xlsx or a .csv", param_hint="--output")
    _one_of(language, LANGUAGES, "--language")
    _not_over(file, force)


def _not_over(file: Path, force: bool) -> None:
    """Refuse to write over a file, which may be the one that a teacher filled in."""
    if not force and file.is_file():
        raise typer.BadParameter(
            f"{file} is there already: choose another name, or add --force to write over it", param_hint="--output"
        )


def _say_read_as(remarks: tuple[tuple[str, str, str], ...]) -> None:
    for cell, said, meant in remarks:
        output.say(f"{cell}: {said} is read as {meant}, the only one in the class.")


def _one_of(text: str, choices: tuple[str, ...], option: str) -> None:
    if text not in choices:
        raise typer.BadParameter(f"use one of: {', '.join(choices)}", param_hint=option)


def _counted(count: int, noun: str, several: str = "") -> str:
    return f"{output.number(count)} {noun if count == 1 else several or noun + 's'}"


def _show(found: SchoolClass, as_json: bool, as_csv: bool) -> None:
    families = "none can enter" if found.class_code is None else _counted(found.families, "account")
    lines = [
        ("Class", found.name),
        ("Id", found.class_id),
        ("Edition", found.edition_code),
        ("Level", found.level),
        ("School", f"{found.school_label}, {found.postcode} {found.city} ({found.rne or found.country})"),
        ("Pupils", output.number(found.pupils)),
        ("Teams", found.teams),
        ("Challenges", "the teacher's choice" if found.has_chosen else "all of its level"),
        ("Class code", found.class_code),
        ("Families", families),
        ("In rankings", "yes" if found.listed else "no"),
        ("Points", output.number(found.points)),
        ("Created", output.moment(found.created_at)),
    ]
    output.record(found, lines, as_json=as_json, as_csv=as_csv)
