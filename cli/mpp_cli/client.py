"""`mpp client`: organisations, their part in an edition, their leagues, guests and staff, and what they follow."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import connection, output
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Csv, Json, Yes

if TYPE_CHECKING:
    from decimal import Decimal

    from mpp_supabase import (
        MPP,
        ClientOverview,
        FollowUp,
        InvitedParticipant,
        MadeLeague,
        Organisation,
        Participation,
        StaffInvitation,
        StaffMember,
        TerritoryMatch,
    )

app = typer.Typer(no_args_is_help=True)
leagues = typer.Typer(no_args_is_help=True)
staff = typer.Typer(no_args_is_help=True)
participants = typer.Typer(no_args_is_help=True)
task = typer.Typer(no_args_is_help=True)
files = typer.Typer(no_args_is_help=True)
territory = typer.Typer(no_args_is_help=True)
app.add_typer(leagues, name="leagues", help="The leagues of a client: make them, list them, their join codes.")
app.add_typer(participants, name="participants", help="People whom a client invites by mail.")
app.add_typer(staff, name="staff", help="Who works for a client: list, change, remove.")
app.add_typer(files, name="files", help="The communication kit of a client: list its files, add, get, remove, link.")
app.add_typer(task, name="task", help="The tasks of a plan.")
app.add_typer(territory, name="territory", help="Which schools a client follows: set, add, remove, list the classes.")

KINDS = ("company", "local_authority", "public_administration", "school_network", "university", "association")
ROLES = ("viewer", "manager", "owner")
LONGEST_LINK = 30 * 86_400
#: Kinds that may follow classes, and hence take part in school editions.
FOLLOWERS = ("local_authority", "public_administration", "school_network")
ACCESS_ZONE = "Europe/Paris"
#: What a territory is made of.
_TERRITORY = ("department", "commune", "postcode", "rne")

Org = Annotated[str, typer.Argument(metavar="ORG", help="Code of the organisation; `mpp client list` shows it.")]
Edition = Annotated[str, typer.Argument(metavar="EDITION", help="Code of the edition, such as adult-2026-06.")]
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="E-mail address or id of the account.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would change; write nothing.")]
Tab = Annotated[
    str | None, typer.Option("--sheet", metavar="NAME", help="Which sheet of the file, when several hold such a list.")
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name, as players and reports say it.")]
Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help=f"One of {', '.join(KINDS)}.")]
Spoken = Annotated[
    str | None, typer.Option("--language", metavar="CODE", help="Language of its mails and reports: fr or en.")
]
Departments = Annotated[
    list[str] | None, typer.Option("--department", metavar="CODE", help="A department: 69, 2A, 974. Repeat it.")
]
Communes = Annotated[
    list[str] | None, typer.Option("--commune", metavar="CODE", help="A commune by its INSEE code: 35047. Repeat it.")
]
Postcodes = Annotated[
    list[str] | None, typer.Option("--postcode", metavar="CODE", help="A postcode: 69003. Repeat it.")
]
Schools = Annotated[list[str] | None, typer.Option("--rne", metavar="CODE", help="A school by its RNE. Repeat it.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="WHEN", help="First day of access (2026-05-18, in Paris), or a time with offset."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="Last day of access (2026-07-31, in Paris), or a time with offset."),
]


# Organisations


@app.command()
def create(
    org: Annotated[str, typer.Argument(metavar="ORG", help="Its code: 3 to 40 small letters, digits and hyphens.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Its name, as players and reports say it.")],
    kind: Kind = "company",
    language: Spoken = "fr",
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Make a client.

    Example: mpp client create acme --name "Exemple SA" --kind company
    """
    _one_of(kind, KINDS, "--kind")
    _one_of(language, ("fr", "en"), "--language")
    with connection.staff() as mpp:
        if any(known.code == org for known in mpp.clients.iterate()):
            output.say(f"There is an organisation {org} already: `mpp client correct {org}` changes it.")
            raise typer.Exit(Exit.REFUSED)
        found = mpp.clients.set(org, name=name, kind=kind, language=language)
    output.record(found, _lines(found), as_json=as_json, as_csv=as_csv)


@app.command()
def correct(org: Org, name: Name = None, kind: Kind = None, language: Spoken = None) -> None:
    """Change the name, the kind or the language of a client.

    Example: mpp client correct acme --language en
    """
    if name is None and kind is None and language is None:
        raise typer.BadParameter("say what to change: --name, --kind or --language", param_hint="ORG")
    _one_of(kind, KINDS, "--kind")
    _one_of(language, ("fr", "en"), "--language")
    with connection.staff() as mpp:
        mpp.clients.get(org)
        found = mpp.clients.set(org, name=name, kind=kind, language=language)
    output.say(f"{found.name} ({found.kind}, {found.language}) is corrected.")


@app.command("list")
def list_clients(
    edition: Annotated[
        str | None, typer.Option("--edition", metavar="CODE", help="Only those that take part in this edition.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the clients; with --edition how each of them takes part in it.

    Example: mpp client list --edition adult-2026-06
    """
    from mpp_supabase import Organisation, Participation

    with connection.staff() as mpp:
        if edition is None:
            output.rows(
                mpp.clients.iterate(),
                (
                    Column("Client", lambda o: o.code),
                    Column("Name", lambda o: o.name, folds=True),
                    Column("Kind", lambda o: o.kind),
                    Column("Language", lambda o: o.language),
                    Column("Since (UTC)", lambda o: output.clock(o.created_at)),
                ),
                fields=tuple(Organisation.model_fields),
                as_json=as_json,
                as_csv=as_csv,
                empty="There is no client yet: `mpp client create ORG --name NAME`.",
            )
            return
        output.rows(
            mpp.clients.participations(edition_id=mpp.editions.get(edition).id),
            _PARTS[:2] + _PARTS[3:],
            fields=tuple(Participation.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty=f"No client takes part in {edition}: `mpp client take-part ORG {edition}`.",
        )


_PARTS = (
    Column("Client", lambda p: p.organisation_code),
    Column("Name", lambda p: p.organisation_name, folds=True),
    Column("Edition", lambda p: p.edition_code),
    Column("Expected", lambda p: output.number(p.expected_players), right=True),
    Column("Phone", lambda p: "asked" if p.asks_phone else "no"),
    Column("League names", lambda p: "carry its name" if p.carries_name else "plain"),
    Column("Participation", lambda p: p.participation_id, right=True),
)


@app.command()
def show(org: Org, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show a client, the territory it follows and the editions it takes part in.

    Example: mpp client show acme
    """
    with connection.staff() as mpp:
        found = mpp.clients.get(org)
        codes = mpp.clients.territory(found.organisation_id)
        parts = list(mpp.clients.participations(organisation_id=found.organisation_id))
    followed = {kind: [each.code for each in codes if each.kind == kind] for kind in _TERRITORY}
    lines = [
        *_lines(found),
        *(
            (f"Follows ({kind})", ", ".join(some[:20]) + (f" and {len(some) - 20} more" if len(some) > 20 else ""))
            for kind, some in followed.items()
            if some
        ),
    ]
    if as_json:
        whole = found.model_dump(mode="json") | {
            "territory": followed,
            "participations": [part.model_dump(mode="json") for part in parts],
        }
        output.record(whole, (), as_json=as_json, as_csv=as_csv)
        return
    output.record(found, lines, as_json=as_json, as_csv=as_csv)
    if parts and not as_csv:
        output.console().print(output.table(parts, _PARTS[2:]))


@app.command("take-part")
def take_part(
    org: Org,
    edition: Edition,
    expected: Annotated[
        int | None, typer.Option("--expected", metavar="N", min=1, max=1_000_000, help="How many players it expects.")
    ] = None,
    asks_phone: Annotated[
        bool | None,
        typer.Option("--asks-phone/--no-phone", help="Whether players may give a phone number to their ambassador."),
    ] = None,
    carries_name: Annotated[
        bool | None,
        typer.Option("--carries-name/--plain-name", help="Whether its leagues carry its name, from the next one on."),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Let a client take part in an edition, or change how; what is left out stays.

    A school edition is for local authorities, public administrations and networks of schools. One of these in an
    edition of leagues is asked about: there its own people play, and no class.

    Example: mpp client take-part acme adult-2026-06 --expected 250 --carries-name
    """
    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        audience = mpp.editions.get(edition).audience
        if organisation.kind in FOLLOWERS and audience == "public":
            there = mpp.clients.participations(organisation_id=organisation.organisation_id)
            if all(part.edition_code != edition for part in there):
                output.confirm(
                    f"{edition} is played by leagues, not by classes: shall the people of {organisation.name}"
                    f" ({organisation.kind}) play there?",
                    yes=yes,
                )
        mpp.clients.take_part(
            organisation.organisation_id,
            edition,
            expected_players=expected,
            asks_phone=asks_phone,
            carries_name=carries_name,
        )
        part = mpp.clients.participation(org, edition)
    lines = [(column.header, column.text(part)) for column in _PARTS]
    output.record(part, lines, as_json=as_json, as_csv=as_csv)


@app.command()
def withdraw(org: Org, edition: Edition, yes: Yes = False) -> None:
    """Take a client out of an edition, as long as nobody has joined one of its leagues. This cannot be undone.

    Its guests, the mails that have not left, its plan and its units without leagues go; its empty leagues are closed,
    and their names are free again.

    Example: mpp client withdraw acme adult-2026-06
    """
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        codes = mpp.clients.join_codes(part.participation_id)
        guests = sum(1 for _ in mpp.clients.participants(part.participation_id))
        has = f"{_counted(len(codes), 'league')}, {_people(guests)} invited"
        output.confirm(f"Take {part.organisation_name} out of {edition} ({has})?", yes=yes)
        closed = mpp.clients.withdraw(part.participation_id)
    output.say(
        f"{part.organisation_name} no longer takes part in {edition}; {_counted(closed, 'empty league')} closed."
    )


# Territory


@territory.command("show")
def show_territory(org: Org, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the codes that a client follows, and how many schools each of them matches.

    Example: mpp client territory show lyon
    """
    from mpp_supabase import TerritoryMatch

    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        found = mpp.clients.territory_schools(organisation.organisation_id)
    output.rows(
        found,
        (
            Column("Kind", lambda one: one.kind),
            Column("Code", lambda one: one.code),
            Column("Schools", lambda one: output.number(one.schools), right=True),
            Column("Missed (CEDEX)", lambda one: output.number(len(one.missed)) if one.missed else None, right=True),
        ),
        fields=tuple(TerritoryMatch.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"{organisation.name} follows no school.",
    )


@territory.command("set")
def set_territory(
    org: Org,
    departments: Departments = None,
    communes: Communes = None,
    postcodes: Postcodes = None,
    schools: Schools = None,
    nothing: Annotated[bool, typer.Option("--none", help="Follow nothing any more.")] = False,
    yes: Yes = False,
) -> None:
    """Set which schools a client follows, in place of what was there; what would go is shown first, and asked about.

    Example: mpp client territory set lyon --department 69 --postcode 01700
    """
    codes = _codes(department=departments, commune=communes, postcode=postcodes, rne=schools)
    if bool(codes) == nothing:
        raise typer.BadParameter("give codes, or --none", param_hint="--none")
    _change_territory(org, "replace", codes, yes=yes)


@territory.command("add")
def add_territory(
    org: Org,
    departments: Departments = None,
    communes: Communes = None,
    postcodes: Postcodes = None,
    schools: Schools = None,
) -> None:
    """Let a client follow more schools; what it follows already stays.

    Example: mpp client territory add lyon --postcode 01700
    """
    codes = _codes(department=departments, commune=communes, postcode=postcodes, rne=schools)
    if not codes:
        raise typer.BadParameter("give codes", param_hint="--department")
    _change_territory(org, "add", codes, yes=True)


@territory.command("remove")
def remove_territory(
    org: Org,
    departments: Departments = None,
    communes: Communes = None,
    postcodes: Postcodes = None,
    schools: Schools = None,
    yes: Yes = False,
) -> None:
    """Let a client no longer follow the schools of some codes.

    Example: mpp client territory remove lyon --postcode 01700
    """
    codes = _codes(department=departments, commune=communes, postcode=postcodes, rne=schools)
    if not codes:
        raise typer.BadParameter("give codes", param_hint="--department")
    _change_territory(org, "remove", codes, yes=yes)


@territory.command("classes")
def list_classes(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the classes that a client follows in an edition, ranked. No pupil is ever named.

    Example: mpp client territory classes lyon school-2026-11
    """
    from mpp_supabase import TerritoryClass

    output.rows(
        _followed(org, edition).territory,
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
            Column("Average", lambda c: _average(c.points_per_pupil), right=True),
        ),
        fields=tuple(TerritoryClass.model_fields),
        as_json=as_json,
        as_csv=as_csv,
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
            output.say(f"Nothing to do: {organisation.name} follows {_counted(len(before), 'code')}.")
            return
        if gone:
            output.say(f"No longer followed: {_said(sorted(gone))}." + (f" New: {_said(sorted(new))}." if new else ""))
            output.confirm(f"Change the territory of {organisation.name}?", yes=yes)
        kinds = {kind: sorted(code for each, code in codes if each == kind) for kind in _TERRITORY}
        count = mpp.clients.set_territory(
            organisation.organisation_id,
            departments=kinds["department"],
            communes=kinds["commune"],
            postcodes=kinds["postcode"],
            schools=kinds["rne"],
            change=change,
        )
        matches = mpp.clients.territory_schools(organisation.organisation_id)
    output.say(f"{organisation.name} follows {_counted(count, 'code')}.")
    for one in matches:
        if (one.kind, one.code) in new:
            output.say(f"{one.kind} {one.code}: {_counted(one.schools, 'school')}.")
            _say_missed(org, one)
            if not one.schools:
                output.say(f"No school known here has {one.kind} {one.code}: is the directory imported?")


def _say_missed(org: str, match: TerritoryMatch) -> None:
    if not match.missed:
        return
    output.say(
        f"postcode {match.code} misses {_counted(len(match.missed), 'school')} of the same town with a postcode of"
        " their own (CEDEX):"
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


# Leagues


@leagues.command("import")
def import_leagues(
    org: Org,
    edition: Edition,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A spreadsheet, .xlsx or .csv, with columns Ligue and perhaps Unité."),
    ] = None,
    league: Annotated[
        list[str] | None,
        typer.Option("--league", metavar="NAME:UNIT", help="A league, and after a colon its unit. Repeat it."),
    ] = None,
    sheet: Tab = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Make leagues of a client, all or none, and print their join codes. Whoever joins one first runs it.

    The same again changes nothing; a unit that differs is corrected. Every problem is named with its cell.

    Example: mpp client leagues import acme adult-2026-06 --league "Les Tilleuls:Lyon" --league "Les Mésanges:Lyon"
    """
    from mpp_supabase import MadeLeague

    if file is None and not league:
        raise typer.BadParameter("name a file, or leagues with --league", param_hint="FILE")
    given = [_league(text) for text in league or ()]
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        done = mpp.clients.import_leagues(part, file, sheet=sheet, leagues=given, dry_run=dry_run)
    output.rows(
        done.leagues,
        (
            Column("League", lambda made: made.name, folds=True),
            Column("Unit", lambda made: made.unit, folds=True, optional=True),
            Column("Join code", lambda made: made.join_code, optional=True),
            Column("", _state_of_league),
        ),
        fields=tuple(MadeLeague.model_fields),
        as_json=as_json,
        as_csv=as_csv,
    )
    _say_ignored(done.ignored)
    new, corrected = sum(made.is_new for made in done.leagues), sum(made.is_corrected for made in done.leagues)
    there = f"{_counted(new, 'new league')}, {len(done.leagues) - new} there already"
    if corrected:
        there += f", of which {corrected} with another unit"
    output.say(f"{there}; nothing was written (dry run)." if dry_run else f"{there}.")


def _state_of_league(made: MadeLeague) -> str:
    if made.is_corrected:
        return f"unit corrected, was {made.unit_before or 'none'}"
    return "new" if made.is_new else "there already"


def _league(text: str) -> dict[str, str]:
    from mpp_supabase import trimmed

    name, _, unit = (trimmed(part) for part in text.partition(":"))
    if not name:
        raise typer.BadParameter(f"write it as NAME:UNIT ({output.clean(text)[:60]})", param_hint="--league")
    return {"name": name} | ({"unit": unit} if unit else {})


@leagues.command("list")
def list_leagues(
    org: Org,
    edition: Edition,
    needing: Annotated[bool, typer.Option("--needing-attention", help="Only leagues that need attention.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the leagues of a client, ranked among themselves, with who needs attention and why.

    One that opted out of the ranking is not in the list. Fewer than five people are not counted out.

    Example: mpp client leagues list acme adult-2026-06 --needing-attention
    """
    from mpp_supabase import ClientLeague

    found = _followed(org, edition)
    output.rows(
        [each for each in found.leagues if each.attention or not needing],
        (
            Column("Rank", lambda one: one.rank, right=True),
            Column("League", lambda one: one.name, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            Column("Players", lambda one: people(one.players), right=True),
            Column("Active", lambda one: people(one.active_players), right=True),
            Column("Points", lambda one: output.number(one.points), right=True),
            Column("Per player", lambda one: _average(one.points_per_player), right=True),
            Column("This week", lambda one: output.number(one.points_this_week), right=True),
            Column(
                "Attention",
                lambda one: ", ".join(_REASONS[reason] for reason in one.attention),
                folds=True,
                optional=True,
            ),
        ),
        fields=tuple(ClientLeague.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty="No league needs attention." if needing else f"{org} has no league in the ranking of {edition}.",
    )


_REASONS = {
    "no_ambassador": "nobody runs it",
    "not_started": "no challenge yet",
    "quiet": "nothing this week",
    "few_active": "under half active",
    "falling": "behind last week",
    "few_players": "too few players",
}


@leagues.command("codes")
def codes(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the join codes of a client's leagues, to be handed out.

    Example: mpp client leagues codes acme adult-2026-06 --csv > codes.csv
    """
    from mpp_supabase import JoinCode

    with connection.staff() as mpp:
        found = mpp.clients.join_codes(mpp.clients.participation(org, edition).participation_id)
    output.rows(
        found,
        (
            Column("League", lambda one: one.name, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            Column("Join code", lambda one: one.join_code),
            Column("In rankings", lambda one: "" if one.listed is None else "yes" if one.listed else "no"),
            Column("Id", lambda one: one.league_id),
        ),
        fields=tuple(JoinCode.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"{org} has no league in {edition}: `mpp client leagues import {org} {edition} FILE`.",
    )


# People


@participants.command("import")
def import_participants(
    org: Org,
    edition: Edition,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A spreadsheet, .xlsx or .csv: addresses, and maybe a column Ligue."),
    ],
    sheet: Tab = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Queue an invitation by mail for everybody in a spreadsheet: all of them, or none. Nobody gets a second one.

    An export of an address book, a form or staff software goes in as it is: the column whose cells hold addresses is
    read, the others are listed, and not sent. Without a league people are spread over the client's. Whoever was invited
    before stays in that league. Every problem is named with its cell. `mpp mail send` sends.

    Example: mpp client participants import acme adult-2026-06 people.xlsx --dry-run
    """
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        done = mpp.clients.import_participants(part, file, sheet=sheet, dry_run=True)
        if not dry_run and done.invited:
            output.confirm(f"Invite {_people(done.invited)} for {part.organisation_name} by mail?", yes=yes)
            done = mpp.clients.import_participants(part, file, sheet=sheet)
        elif not dry_run:
            done = done.model_copy(update={"dry_run": False})
    if as_json or as_csv:
        output.record(done, (), as_json=as_json, as_csv=as_csv)
    _say_ignored(done.ignored)
    if done.repeated:
        more = f" and {len(done.repeated) - 20} more" if len(done.repeated) > 20 else ""
        output.say(f"There more than once, and read once: {', '.join(done.repeated[:20])}{more}.")
    for guest in done.kept[:20]:
        output.say(f"{guest.cell}: {guest.email} stays in {guest.league}, not {guest.named}: invited there before.")
    if done.kept:
        more = f"{len(done.kept) - 20} more stay where they are. " if len(done.kept) > 20 else ""
        output.say(f"{more}To move somebody, `mpp client participants remove` them first, then import again.")
    if not done.invited:
        output.say(f"Nothing to do: the {_people(done.unchanged)} of {done.file} were invited before.")
        return
    said = f"{done.invited} invited, {done.unchanged} were before"
    output.say(f"{said}; nothing was written (dry run)." if dry_run else f"{said}; `mpp mail send` sends the mails.")


@participants.command("list")
def list_participants(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """List who was invited, to which league, and what became of the mail. Whether they came is not told.

    Example: mpp client participants list acme adult-2026-06 --csv > invited.csv
    """
    from mpp_supabase import InvitedParticipant

    with connection.staff() as mpp:
        output.rows(
            mpp.clients.invited(mpp.clients.participation(org, edition).participation_id),
            (
                Column("E-mail", lambda one: one.email),
                Column("League", lambda one: one.league, folds=True),
                Column("Invited (UTC)", lambda one: output.clock(one.invited_at)),
                Column("Mail", _state_of_mail),
            ),
            fields=tuple(InvitedParticipant.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty=f"{org} invited nobody to {edition} yet.",
        )


def _state_of_mail(one: InvitedParticipant) -> str:
    if one.mail_state is None:
        return "none"
    told = one.mail_state in ("dropped", "failed", "uncertain") and one.mail_reply
    return f"{one.mail_state}: {one.mail_reply}" if told else one.mail_state


@participants.command("remove")
def remove_participants(
    org: Org,
    edition: Edition,
    emails: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="Addresses that were invited.")],
    yes: Yes = False,
) -> None:
    """Take people off the list of those invited, with the mail that has not left: all of them, or none.

    Whoever has the code of the league already may still join it. Invited again they get another mail, three at most.

    Example: mpp client participants remove acme adult-2026-06 ada@example.org
    """
    from mpp_supabase import trimmed

    wanted = list(dict.fromkeys(trimmed(email).lower() for email in emails))
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        there = {one.email: one for one in mpp.clients.invited(part.participation_id)}
        if absent := [email for email in wanted if email not in there]:
            output.say(
                f"mpp: not invited by {part.organisation_name} to {edition}: {', '.join(map(output.clean, absent))}."
            )
            raise typer.Exit(Exit.REFUSED)
        gone = sum(there[email].mail_state in ("sent", "sending", "uncertain") for email in wanted)
        output.confirm(f"Take {_people(len(wanted))} off the list of {part.organisation_name}?", yes=yes)
        mpp.clients.remove_participants(part.participation_id, wanted)
    output.say(f"{_people(len(wanted))} removed; {_counted(gone, 'invitation')} had left before.")


@app.command()
def ambassadors(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """List who runs the leagues of a client, by alias.

    Example: mpp client ambassadors acme adult-2026-06
    """
    from mpp_supabase import ClientAmbassador

    with connection.staff() as mpp:
        found = mpp.clients.ambassadors(mpp.clients.participation(org, edition).participation_id)
    output.rows(
        found,
        (
            Column("League", lambda one: one.league, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            Column("Ambassador", lambda one: one.alias, folds=True),
            Column("Role", lambda one: "ambassador" if one.is_principal else "co-ambassador"),
        ),
        fields=tuple(ClientAmbassador.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"Nobody runs a league of {org} yet: whoever joins one first does.",
    )


# Staff of a client


@app.command()
def invite(
    org: Org,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address to invite; it opens to nobody else.")],
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="WHEN", help="Last day of access (2026-07-31, in Paris), or a time with offset."
        ),
    ],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, manager or owner.")] = "viewer",
    since: From = None,
) -> None:
    """Queue an invitation to a client's space, open between two days. A second one of an address replaces the first.

    Example: mpp client invite acme ada@example.org --role owner --from 2026-05-18 --until 2026-07-31
    """
    _one_of(role, ROLES, "--role")
    opens, closes = _moment(since, "--from"), _moment(until, "--until", last=True)
    with connection.staff() as mpp:
        _check_dates(mpp, since, until, opens, closes)
        organisation = mpp.clients.get(org)
        mpp.clients.invite(organisation.organisation_id, email, role, access_from=opens, access_until=closes)
    start = "now" if opens is None else _first(opens)
    output.say(
        f"{email} is invited as {role} of {organisation.name}, from {start} to {_last(closes)};"
        " `mpp mail send` sends the mail."
    )


@staff.command("list")
def list_staff(
    org: Org,
    invited: Annotated[bool, typer.Option("--invited", help="Show invitations instead.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List who works for a client and from when to when; or who was invited to.

    Example: mpp client staff list acme
    """
    from mpp_supabase import StaffInvitation, StaffMember

    dates = (
        Column("Role", lambda one: one.role),
        Column(f"From ({ACCESS_ZONE})", lambda one: _first(one.access_from)),
        Column("Until", lambda one: _last(one.access_until)),
    )
    with connection.staff() as mpp:
        organisation_id = mpp.clients.get(org).organisation_id
        if invited:
            now = mpp.read_clock()
            output.rows(
                mpp.clients.invitations(organisation_id),
                (
                    Column("E-mail", lambda one: one.email),
                    Column("State", lambda one: _state(one, now)),
                    *dates,
                    Column("Taken (UTC)", lambda one: output.clock(one.accepted_at)),
                    Column("Good until (UTC)", lambda one: output.clock(one.expires_at)),
                ),
                fields=tuple(StaffInvitation.model_fields),
                as_json=as_json,
                as_csv=as_csv,
                empty=f"Nobody was invited: `mpp client invite {org} EMAIL --until DAY`.",
            )
            return
        output.rows(
            mpp.clients.staff(organisation_id),
            (
                Column("E-mail", lambda one: one.email),
                *dates,
                Column("Account", lambda one: one.account_id),
            ),
            fields=tuple(StaffMember.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty=f"Nobody works for {org} yet: `mpp client invite {org} EMAIL --until DAY`.",
        )


def _state(invitation: StaffInvitation, now: datetime) -> str:
    if invitation.accepted_at is not None:
        return "taken"
    return "waits" if invitation.expires_at > now else "over"


@staff.command("set")
def set_staff(
    org: Org,
    account: Account,
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="viewer, manager or owner.")] = None,
    since: From = None,
    until: Until = None,
) -> None:
    """Change the role or the dates of somebody who works for a client; from the next request on.

    Example: mpp client staff set acme ada@example.org --until 2026-09-30
    """
    if role is None and since is None and until is None:
        raise typer.BadParameter("say what to change: --role, --from or --until", param_hint="ACCOUNT")
    _one_of(role, ROLES, "--role")
    opens, closes = _moment(since, "--from"), _moment(until, "--until", last=True)
    with connection.staff() as mpp:
        organisation_id = mpp.clients.get(org).organisation_id
        member = _member(mpp, organisation_id, account)
        if since is not None or until is not None:
            _check_dates(mpp, since, until, opens or member.access_from, closes or member.access_until)
        mpp.clients.set_staff(organisation_id, member.account_id, role=role, access_from=opens, access_until=closes)
        member = _member(mpp, organisation_id, account)
    output.say(
        f"{account} is {member.role} of {org} from {_first(member.access_from)} to {_last(member.access_until)}."
    )


@staff.command("remove")
def remove_staff(org: Org, account: Account, yes: Yes = False) -> None:
    """Take the access of somebody who works for a client away, at once; or take back an invitation that waits.

    Example: mpp client staff remove acme ada@example.org
    """
    from mpp_supabase import trimmed

    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        waiting = next(
            (
                one
                for one in mpp.clients.invitations(organisation.organisation_id)
                if one.accepted_at is None and one.email == trimmed(account).lower()
            ),
            None,
        )
        member = _find_member(mpp, organisation.organisation_id, account)
        if member is None and waiting is not None:
            output.confirm(f"Take back the invitation of {account} to {organisation.name}?", yes=yes)
            mpp.clients.cancel_invitation(organisation.organisation_id, waiting.invitation_id)
            output.say(f"The invitation of {account} is taken back.")
            return
        member = member or _member(mpp, organisation.organisation_id, account)
        output.confirm(f"Take the access of {account} to {organisation.name} away?", yes=yes)
        mpp.clients.remove_staff(organisation.organisation_id, member.account_id)
    output.say(f"{account} no longer works for {organisation.name}.")


def _find_member(mpp: MPP, organisation_id: int, who: str) -> StaffMember | None:
    from mpp_supabase import trimmed

    wanted = trimmed(who).casefold()
    for one in mpp.clients.staff(organisation_id):
        if wanted in (str(one.account_id), (one.email or "").casefold()):
            return one
    return None


def _member(mpp: MPP, organisation_id: int, who: str) -> StaffMember:
    found = _find_member(mpp, organisation_id, who)
    if found is None:
        output.say(
            f"mpp: {output.clean(who)} does not work for this organisation; `mpp client staff list` shows who does."
        )
        raise typer.Exit(Exit.REFUSED)
    return found


def _check_dates(
    mpp: MPP, since: str | None, until: str | None, opens: datetime | None, closes: datetime | None
) -> None:
    """Say in the words of the command what the database would refuse: an end before the beginning, or in the past."""
    option, typed = ("--until", until) if until is not None else ("--from", since)
    if closes is None:
        return
    if opens is not None and closes <= opens:
        wrong = f"the access begins on {_first(opens)}" if until is not None else f"the access ends on {_last(closes)}"
    elif closes <= mpp.read_clock():
        wrong = "it has passed" if until is not None else f"the access ended on {_last(closes)}: give --until too"
    else:
        return
    hint = f"{typed}: {wrong}; `mpp client staff remove` takes an access away"
    raise typer.BadParameter(hint, param_hint=option)


# The communication kit

FileName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the file in the kit; `mpp client files list` shows it.")
]
_FILES = (
    Column("Name", lambda f: f.name, folds=True),
    Column("Size", lambda f: _size(f.size), right=True),
    Column("Type", lambda f: f.type, folds=True),
    Column("Changed (UTC)", lambda f: output.clock(f.updated_at)),
)


@files.command("list")
def list_files(org: Org, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the files of a client's kit; those in own/ are the client's.

    Example: mpp client files list acme
    """
    from mpp_supabase import ClientFile

    with connection.staff() as mpp:
        found = list(mpp.files.iterate(mpp.clients.get(org).organisation_id))
    output.rows(
        found,
        _FILES,
        fields=tuple(ClientFile.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"The kit of {org} has no file yet: `mpp client files add {org} FILE`.",
    )


@files.command("add")
def add_files(
    org: Org,
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="PDF, image, MP4, office document, ZIP, CSV, ICS or text.")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Its name in the kit, such as guides/start.pdf, kept as it is; of one file."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the file of that name.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Add files to a client's kit, all or none. Those who work for the client read them in their app.

    Storage tells anybody whether there is a file of a name. So a file gets its own name with a part that nobody can
    guess, such as poster-5f0c3a1d9b7e2468.pdf, and the other commands understand it without that part. A name with
    accents is kept without them, and understood with them. A --name is kept as it is.

    Example: mpp client files add acme poster.pdf --name posters/june.pdf
    """
    from mpp_supabase import ClientFile

    if name is not None and len(paths) != 1:
        raise typer.BadParameter(f"{len(paths)} files cannot have one name", param_hint="--name")
    with connection.staff() as mpp:
        organisation_id = mpp.clients.get(org).organisation_id
        added = mpp.files.add(organisation_id, paths, name=name, replace=replace)
    output.rows(
        added,
        _FILES,
        fields=tuple(ClientFile.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty="Nothing was added.",
    )


@files.command("get")
def get_file(
    org: Org,
    name: FileName,
    to: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it. Default: its own name, here."),
    ] = None,
) -> None:
    """Write a file of a client's kit to this computer, in the place of a file of that name.

    Example: mpp client files get acme poster.pdf -o /tmp/poster.pdf
    """
    into = Path(name.rpartition("/")[2]) if to is None else to
    with connection.staff() as mpp:
        size = mpp.files.save(mpp.clients.get(org).organisation_id, name, into)
    output.say(f"{into} is written ({_size(size)}).")


@files.command("remove")
def remove_files(
    org: Org,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of files in the kit.")],
    yes: Yes = False,
) -> None:
    """Remove files from a client's kit; they cannot be brought back.

    Example: mpp client files remove acme poster.pdf
    """
    with connection.staff() as mpp:
        organisation = mpp.clients.get(org)
        mpp.files.check(organisation.organisation_id, names)
        output.confirm(f"Remove {', '.join(names)} from the kit of {organisation.name}?", yes=yes)
        mpp.files.remove(organisation.organisation_id, names)
    output.say(f"{_counted(len(set(names)), 'file')} removed from the kit of {organisation.name}.")


@files.command("link")
def link_file(
    org: Org,
    name: FileName,
    period: Annotated[
        str, typer.Option("--for", metavar="PERIOD", help="How long it works: 45m, 12h or 7d; 30d at most.")
    ] = "7d",
) -> None:
    """Print an address that gives a file to anybody who has it, for some time.

    It cannot be taken back but by removing the file.

    Example: mpp client files link acme poster.pdf --for 2d
    """
    number, unit = period[:-1], {"m": 60, "h": 3600, "d": 86_400}.get(period[-1:])
    if unit is None or not (number.isascii() and number.isdigit()) or not 1 <= int(number[:9]) * unit <= LONGEST_LINK:
        raise typer.BadParameter(f"not a time from 1m to 30d ({output.clean(period)[:40]})", param_hint="--for")
    with connection.staff() as mpp:
        address = mpp.files.link(mpp.clients.get(org).organisation_id, name, int(number) * unit)
    print(address)


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1_000_000:.1f} MB" if count >= 100_000 else f"{count / 1000:.1f} kB"


# What a client follows


@app.command()
def overview(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show where a client stands: players, activity, points, and what changed since the week before.

    Of a client that follows classes: its classes, schools, pupils and points, those of classes of five or more.

    Example: mpp client overview acme adult-2026-06
    """
    found = _followed(org, edition)
    if found.follows_only:
        _show_territory(found, as_json, as_csv)
        return
    output.record(found.overview, _figures(found.overview), as_json=as_json, as_csv=as_csv)


@app.command()
def weekly(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show a client week by week, with the change since the week before, once the week is in its last evening.

    Example: mpp client weekly acme adult-2026-06
    """
    from mpp_supabase import ClientWeek

    found = _followed(org, edition)
    if found.follows_only:
        output.say(
            f"{found.organisation.name} has no league and follows classes:"
            f" `mpp client territory classes {org} {edition}`."
        )

    def change(week: ClientWeek, value: int | None) -> str:
        # A week that is on is behind a whole one.
        return "" if week.week == found.overview.week and not found.week_is_over else _change(value)

    output.rows(
        () if found.follows_only else found.weeks,
        (
            Column("Week", lambda w: w.week, right=True),
            Column("From", lambda w: w.first_day),
            Column("To", lambda w: w.last_day),
            Column("New players", lambda w: people(w.new_players), right=True),
            Column("Active", lambda w: people(w.active_players), right=True),
            Column("Validations", lambda w: output.number(w.validations), right=True),
            Column("Change", lambda w: change(w, w.validations_change), right=True),
            Column("Points", lambda w: output.number(w.points), right=True),
            Column("Change", lambda w: change(w, w.points_change), right=True),
        ),
        fields=tuple(ClientWeek.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"There are no weeks of players in {edition}." if found.follows_only else f"{edition} has not started.",
    )


@app.command()
def ranking(
    org: Org,
    edition: Edition,
    units: Annotated[bool, typer.Option("--units", help="Rank the units instead of the leagues.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show a client's own ranking, of its leagues or of its units.

    Example: mpp client ranking acme adult-2026-06 --units
    """
    from mpp_supabase import ClientLeague, ClientUnit

    found = _followed(org, edition)
    common = (
        Column("Players", lambda one: people(one.players), right=True),
        Column("Points", lambda one: output.number(one.points), right=True),
        Column("Per player", lambda one: _average(one.points_per_player), right=True),
    )
    rank = Column("Rank", lambda one: one.rank, right=True)
    if units:
        output.rows(
            found.units,
            (
                rank,
                Column("Unit", lambda one: one.label, folds=True),
                Column("Leagues", lambda one: one.leagues, right=True),
                *common,
            ),
            fields=tuple(ClientUnit.model_fields),
            as_json=as_json,
            as_csv=as_csv,
            empty=f"No league of {org} is under a unit.",
        )
        return
    output.rows(
        found.leagues,
        (
            rank,
            Column("League", lambda one: one.name, folds=True),
            Column("Unit", lambda one: one.unit, folds=True, optional=True),
            *common,
        ),
        fields=tuple(ClientLeague.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"{org} has no league in the ranking of {edition}.",
    )


@app.command()
def themes(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show what a client did by theme, the most points first.

    Example: mpp client themes acme adult-2026-06
    """
    from mpp_supabase import ClientTheme

    output.rows(
        _followed(org, edition).themes,
        (
            Column("Theme", lambda one: one.name.get("en") or one.theme, folds=True),
            Column("Validations", lambda one: output.number(one.validations), right=True),
            Column("Points", lambda one: output.number(one.points), right=True),
        ),
        fields=tuple(ClientTheme.model_fields),
        as_json=as_json,
        as_csv=as_csv,
    )


@app.command("map")
def map_(org: Org, edition: Edition, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show where the players of a client live, by French department; fewer than five are not counted out.

    Example: mpp client map acme adult-2026-06
    """
    from mpp_supabase import ClientDepartment

    output.rows(
        _followed(org, edition).departments,
        (
            Column("Department", lambda one: one.department),
            Column("Players", lambda one: people(one.players), right=True),
        ),
        fields=tuple(ClientDepartment.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"{org} has no listed player in {edition} who lives in France.",
    )


# The plan


@app.command()
def plan(
    org: Org,
    edition: Edition,
    ics: Annotated[
        Path | None,
        typer.Option("--ics", metavar="FILE", help="Also write it as a calendar (iCalendar)."),
    ] = None,
    language: Annotated[
        str, typer.Option("--language", metavar="CODE", help="Language of the tasks: fr or en.")
    ] = "fr",
    keep: Annotated[bool, typer.Option("--keep", help="Only show it: do not renew the days.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Make or renew the plan of a client, and show it: what is done stays done, no day is in the past.

    Example: mpp client plan acme adult-2026-06 --ics acme.ics
    """
    from mpp_supabase import Task

    _one_of(language, ("fr", "en"), "--language")
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        if not keep:
            outcome = mpp.plans.plan(part.participation_id)
        found = mpp.plans.tasks(part.participation_id)
        calendar = mpp.plans.ics(part.participation_id, language) if ics is not None else ""
    if ics is not None:
        try:
            ics.write_bytes(calendar.encode())
        except OSError as error:
            output.say(f"mpp: {ics} cannot be written ({error.strerror}).")
            raise typer.Exit(Exit.OUTPUT) from None
    output.rows(
        found,
        (
            Column("Task", lambda one: one.task_id, right=True),
            Column("Stage", lambda one: one.stage),
            Column("Day", lambda one: one.day),
            Column("Until", lambda one: one.until_day if one.until_day != one.day else None, optional=True),
            Column("What", lambda one: one.title.get(language) or one.title["en"], folds=True),
            Column("Who", lambda one: one.owner),
            Column("State", lambda one: one.state),
        ),
        fields=tuple(Task.model_fields),
        as_json=as_json,
        as_csv=as_csv,
        empty=f"There is no plan yet: `mpp client plan {org} {edition}` makes it.",
    )
    if not keep:
        said = f"{outcome.planned} to do, {outcome.done} done"
        output.say(f"{said}, {outcome.dropped} left out for want of time." if outcome.dropped else f"{said}.")
    if ics is not None:
        output.say(f"The calendar is in {ics}.")


@task.command()
def done(
    number: Annotated[int, typer.Argument(metavar="TASK", help="Number of the task; `mpp client plan` shows it.")],
    undo: Annotated[bool, typer.Option("--undo", help="It is not done after all.")] = False,
) -> None:
    """Say that a task of a plan is done.

    Example: mpp client task done 12
    """
    with connection.staff() as mpp:
        mpp.plans.complete(number, not undo)
    output.say(f"Task {number} is {'to do again' if undo else 'done'}.")


# How it is said


def people(count: int | None) -> str:
    """A number of people; fewer than five are suppressed."""
    return "suppressed" if count is None else output.number(count)


def _average(points: Decimal | None) -> str | None:
    """Points a head, with two decimals in every row."""
    return None if points is None else f"{points:.2f}"


def _followed(org: str, edition: str) -> FollowUp:
    with connection.staff() as mpp:
        part: Participation = mpp.clients.participation(org, edition)
        return mpp.reports.follow(part.participation_id)


def _figures(found: ClientOverview) -> list[tuple[str, object]]:
    def moved(value: object, change: Any) -> str:
        shown = "–" if value is None else f"{value}"
        return shown if change is None else f"{shown}  ({_change(change)} this week)"

    week = None if found.week is None else f"{found.week}, {found.week_first} to {found.week_last}"
    return [
        ("Week", week),
        ("Players", moved(people(found.players), found.players_change)),
        ("Expected", output.number(found.expected_players)),
        ("Active this week", people(found.active_players)),
        ("Active ever", people(found.active_players_ever)),
        ("Leagues", moved(output.number(found.leagues), found.leagues_change)),
        ("Validations", moved(output.number(found.validations), found.validations_change)),
        ("Points", moved(output.number(found.points), found.points_change)),
        (
            "Per player",
            None
            if found.points_per_player is None
            else moved(_average(found.points_per_player), found.points_per_player_change),
        ),
    ]


def _show_territory(found: FollowUp, as_json: bool, as_csv: bool) -> None:
    sums, seen = found.territory_sums, found.overview
    per_pupil = None if sums.points_per_pupil is None else round(sums.points_per_pupil, 2)
    small = sums.classes - sums.counted
    without = f"  (without {output.number(small)} class{'es' * (small > 1)} of fewer than 5)" if small else ""
    output.record(
        {
            "participation_id": seen.participation_id,
            "organisation_id": seen.organisation_id,
            "week": seen.week,
            "week_first": seen.week_first and seen.week_first.isoformat(),
            "week_last": seen.week_last and seen.week_last.isoformat(),
            "classes": sums.classes,
            "schools": sums.schools,
            "pupils": sums.pupils,
            "points": sums.points,
            "points_this_week": sums.points_this_week,
            "points_per_pupil": per_pupil and float(per_pupil),
        },
        [
            ("Week", None if seen.week is None else f"{seen.week}, {seen.week_first} to {seen.week_last}"),
            ("Classes", output.number(sums.classes)),
            ("Schools", output.number(sums.schools)),
            ("Pupils", f"{output.number(sums.pupils)}{without}"),
            ("Points", f"{output.number(sums.points)}  (+{output.number(sums.points_this_week)} this week)"),
            ("Per pupil", None if per_pupil is None else f"{per_pupil}{without}"),
        ],
        as_json=as_json,
        as_csv=as_csv,
    )
    if not found.territory:
        output.say("No class of its territory has joined yet, or no territory is set: `mpp client territory`.")


def _change(value: Any) -> str:
    return "–" if value is None else f"{value:+,}"


def _lines(found: Organisation) -> list[tuple[str, object]]:
    return [
        ("Client", found.code),
        ("Name", found.name),
        ("Kind", found.kind),
        ("Language", found.language),
        ("Id", found.organisation_id),
        ("Since", output.moment(found.created_at)),
    ]


def _say_ignored(headers: tuple[str, ...]) -> None:
    if headers:
        output.say(f"Not read: {', '.join(headers)}.")


def _counted(count: int, noun: str) -> str:
    return f"{output.number(count)} {noun}{'s' * (count != 1)}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{output.number(count)} people"


def _one_of(text: str | None, choices: tuple[str, ...], option: str) -> None:
    if text is not None and text not in choices:
        raise typer.BadParameter(f"use one of: {', '.join(choices)}", param_hint=option)


def _moment(text: str | None, option: str, *, last: bool = False) -> datetime | None:
    """A time with its offset, or a day in Paris: its first moment, or the one after its `last`."""
    if text is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = f"not a day or time ({output.clean(text)[:40]}); write 2026-05-18, or 2026-05-18T08:00+02:00"
        raise typer.BadParameter(hint, param_hint=option) from None
    if len(text) == 10:
        return (found + timedelta(days=last)).replace(tzinfo=ZoneInfo(ACCESS_ZONE))
    if found.tzinfo is None:
        raise typer.BadParameter(f"the offset is missing ({text}); write {text}+02:00", param_hint=option)
    return found


def _first(moment: datetime) -> str:
    """When an access begins: the day, in Paris, or the minute where it is no midnight."""
    from zoneinfo import ZoneInfo

    there = moment.astimezone(ZoneInfo(ACCESS_ZONE))
    return f"{there:%Y-%m-%d}" if _is_midnight(there) else f"{there:%Y-%m-%d %H:%M}"


def _last(until: datetime | None) -> str:
    """When an access ends: its last day, which is whole, or the minute where it is no midnight."""
    from zoneinfo import ZoneInfo

    if until is None:
        return "–"
    there = until.astimezone(ZoneInfo(ACCESS_ZONE))
    return f"{there - timedelta(days=1):%Y-%m-%d}" if _is_midnight(there) else f"{there:%Y-%m-%d %H:%M}"


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
