"""`mpp client territory`: which schools a client follows, and their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClientCode, EditionCode, Yes
from mpp_cli.client.figures import average, followed, people
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import TerritoryMatch

app = typer.Typer(no_args_is_help=True)

#: What a territory is made of.
KINDS = ("department", "commune", "postcode", "rne")

Departments = Annotated[
    list[str] | None,
    typer.Option("--department", metavar="CODE", help="A department, such as 69, 2A or 974. Repeat it for several."),
]
Communes = Annotated[
    list[str] | None,
    typer.Option(
        "--commune", metavar="CODE", help="A commune by its INSEE code, such as 35047. Repeat it for several."
    ),
]
Postcodes = Annotated[
    list[str] | None,
    typer.Option("--postcode", metavar="CODE", help="A postcode, such as 69003. Repeat it for several."),
]
Schools = Annotated[
    list[str] | None, typer.Option("--rne", metavar="CODE", help="A school by its RNE. Repeat it for several.")
]


@app.command("show")
@formatted
def show_territory(org: ClientCode, *, out: Output) -> None:
    """Show the codes that a client follows, and how many schools each code matches.

    Example: mpp client territory show lyon
    """
    from mpp_supabase import TerritoryMatch

    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        found = mpp.clients.territory_schools(organisation.organisation_id)
    out.rows(
        found,
        (
            Column("Kind", lambda one: one.kind),
            Column("Code", lambda one: one.code),
            Column("Schools", lambda one: output.number(one.schools), right=True),
            Column("Missed (CEDEX)", lambda one: output.number(len(one.missed)) if one.missed else None, right=True),
        ),
        fields=TerritoryMatch,
        empty=f"{organisation.name} follows no school.",
    )


@app.command("set")
def set_territory(
    org: ClientCode,
    departments: Departments = None,
    communes: Communes = None,
    postcodes: Postcodes = None,
    schools: Schools = None,
    nothing: Annotated[bool, typer.Option("--none", help="Follow no school any more.")] = False,
    yes: Yes = False,
) -> None:
    """Set which schools a client follows, and replace the earlier ones. The command asks before it drops any.

    Example: mpp client territory set lyon --department 69 --postcode 01700
    """
    codes = _codes(department=departments, commune=communes, postcode=postcodes, rne=schools)
    if bool(codes) == nothing:
        raise typer.BadParameter("give either codes or --none", param_hint="--none")
    _change_territory(org, "replace", codes, yes=yes)


@app.command("add")
def add_territory(
    org: ClientCode,
    departments: Departments = None,
    communes: Communes = None,
    postcodes: Postcodes = None,
    schools: Schools = None,
) -> None:
    """Let a client follow more schools, beside those it follows already.

    Example: mpp client territory add lyon --postcode 01700
    """
    codes = _codes(department=departments, commune=communes, postcode=postcodes, rne=schools)
    if not codes:
        raise typer.BadParameter("give codes", param_hint="--department")
    _change_territory(org, "add", codes, yes=True)


@app.command("remove")
def remove_territory(
    org: ClientCode,
    departments: Departments = None,
    communes: Communes = None,
    postcodes: Postcodes = None,
    schools: Schools = None,
    yes: Yes = False,
) -> None:
    """Let a client stop following the schools of some codes.

    Example: mpp client territory remove lyon --postcode 01700
    """
    codes = _codes(department=departments, commune=communes, postcode=postcodes, rne=schools)
    if not codes:
        raise typer.BadParameter("give codes", param_hint="--department")
    _change_territory(org, "remove", codes, yes=yes)


@app.command("classes")
@formatted
def list_classes(org: ClientCode, edition: EditionCode, *, out: Output) -> None:
    """List the classes that a client follows in an edition, ranked. No pupil is ever named.

    Example: mpp client territory classes lyon school-2026-11
    """
    from mpp_supabase import TerritoryClass

    out.rows(
        followed(org, edition).territory,
        (
            Column("Rank", lambda c: c.rank, right=True),
            Column("General", lambda c: c.general_rank, right=True),
            Column("Class", lambda c: c.name, folds=True),
            Column("Level", lambda c: c.level),
            Column("School", lambda c: c.school, folds=True),
            Column("City", lambda c: f"{c.postcode} {c.city}", folds=True),
            Column("Pupils", lambda c: people(c.pupils), right=True),
            Column("Points", lambda c: output.number(c.points), right=True),
            Column("This week", lambda c: output.number(c.points_this_week), right=True),
            Column("Average", lambda c: average(c.points_per_pupil), right=True),
        ),
        fields=TerritoryClass,
        empty=f"No listed class of {edition} is in the territory of {org}.",
    )


def _codes(**given: list[str] | None) -> set[tuple[str, str]]:
    from mpp_supabase import department_code, trimmed

    written = {"department": department_code}
    return {
        (kind, written.get(kind, str.upper)(trimmed(code))) for kind, codes in given.items() for code in codes or ()
    }


def _change_territory(org: str, change: str, codes: set[tuple[str, str]], *, yes: bool) -> None:
    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        before = {(one.kind, one.code) for one in mpp.clients.territory(organisation.organisation_id)}
        gone = before - codes if change == "replace" else before & codes if change == "remove" else set()
        new = set() if change == "remove" else codes - before
        if missing := sorted(codes - before) if change == "remove" else []:
            output.say(f"Not followed: {_said(missing)}.")
        if not gone and not new:
            output.say(f"Nothing to do: {organisation.name} follows {output.counted(len(before), 'code')}.")
            return
        if gone:
            output.say(f"No longer followed: {_said(sorted(gone))}." + (f" New: {_said(sorted(new))}." if new else ""))
            output.confirm(f"Change the territory of {organisation.name}?", yes=yes)
        kinds = {kind: sorted(code for each, code in codes if each == kind) for kind in KINDS}
        count = mpp.clients.set_territory(
            organisation.organisation_id,
            departments=kinds["department"],
            communes=kinds["commune"],
            postcodes=kinds["postcode"],
            schools=kinds["rne"],
            change=change,
        )
        matches = mpp.clients.territory_schools(organisation.organisation_id)
    output.say(f"{organisation.name} follows {output.counted(count, 'code')}.")
    for one in matches:
        if (one.kind, one.code) in new:
            output.say(f"{one.kind} {one.code}: {output.counted(one.schools, 'school')}.")
            _say_missed(org, one)
            if not one.schools:
                output.say(f"No school known here has {one.kind} {one.code}: is the directory imported?")


def _say_missed(org: str, match: TerritoryMatch) -> None:
    if not match.missed:
        return
    output.say(
        f"postcode {match.code} misses {output.counted(len(match.missed), 'school')} of the same town with a postcode"
        " of their own (CEDEX):"
    )
    for school in match.missed[:20]:
        output.say(f"  {school}")
    if len(match.missed) > 20:
        output.say(f"  and {len(match.missed) - 20} more")
    if match.communes:
        options = " ".join(f"--commune {code}" for code in match.communes)
        output.say(f"To follow them too: mpp client territory add {org} {options}")


def _said(codes: list[tuple[str, str]]) -> str:
    shown = ", ".join(f"{kind} {code}" for kind, code in codes[:20])
    return shown + (f" and {len(codes) - 20} more" if len(codes) > 20 else "")
