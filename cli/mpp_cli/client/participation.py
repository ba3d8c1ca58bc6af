"""`mpp client take-part` and `withdraw`: the part of a client in an edition."""

from __future__ import annotations

from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClientCode, EditionCode, Yes
from mpp_cli.output import Column, Output, formatted

app = typer.Typer(no_args_is_help=True)

#: Kinds that may follow classes, and hence take part in school editions.
FOLLOWERS = ("local_authority", "public_administration", "school_network")
PARTS = (
    Column("Client", lambda p: p.organisation_code),
    Column("Name", lambda p: p.organisation_name, folds=True),
    Column("Edition", lambda p: p.edition_code),
    Column("Expected", lambda p: output.number(p.expected_players), right=True),
    Column("Phone", lambda p: "asked" if p.asks_phone else "no"),
    Column("League names", lambda p: "carry its name" if p.carries_name else "plain"),
    Column("Participation", lambda p: p.participation_id, right=True),
)


@app.command("take-part")
@formatted
def take_part(
    org: ClientCode,
    edition: EditionCode,
    expected: Annotated[
        int | None,
        typer.Option("--expected", metavar="N", min=1, max=1_000_000, help="How many players the client expects."),
    ] = None,
    asks_phone: Annotated[
        bool | None,
        typer.Option("--asks-phone/--no-phone", help="Whether players may give a phone number to their ambassador."),
    ] = None,
    carries_name: Annotated[
        bool | None,
        typer.Option(
            "--carries-name/--plain-name", help="Whether the client's leagues carry its name. It holds for new leagues."
        ),
    ] = None,
    yes: Yes = False,
    *,
    out: Output,
) -> None:
    """Let a client take part in an edition, or change how it does. Options that are left out stay as they are.

    Local authorities, public administrations and networks of schools take part in school editions. In an edition of
    leagues their own people play, and no class: the command asks whether that is meant.

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
    lines = [(column.header, column.text(part)) for column in PARTS]
    out.record(part, lines)


@app.command()
def withdraw(org: ClientCode, edition: EditionCode, yes: Yes = False) -> None:
    """Take a client out of an edition, as long as nobody has joined one of its leagues. This cannot be undone.

    Its guests, its unsent mails, its plan and its units without leagues are deleted. Its empty leagues are closed, and
    their names are free again.

    Example: mpp client withdraw acme adult-2026-06
    """
    with connection.staff() as mpp:
        part = mpp.clients.participation(org, edition)
        codes = mpp.clients.join_codes(part.participation_id)
        guests = sum(1 for _ in mpp.clients.participants(part.participation_id))
        has = f"{output.counted(len(codes), 'league')}, {output.counted(guests, 'person', 'people')} invited"
        output.confirm(f"Take {part.organisation_name} out of {edition} ({has})?", yes=yes)
        closed = mpp.clients.withdraw(part.participation_id)
    output.say(
        f"{part.organisation_name} no longer takes part in {edition}; {output.counted(closed, 'empty league')} closed."
    )
