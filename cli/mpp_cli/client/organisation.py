"""`mpp client create` and its like: the organisations, and what is known about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import choices, connection, output
from mpp_cli.arguments import ClientCode
from mpp_cli.choices import Language, OrganisationKind
from mpp_cli.client.participation import PARTS
from mpp_cli.client.territory import KINDS as TERRITORY
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import Organisation

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the client, as players and reports show it.")
]
Kind = Annotated[
    OrganisationKind | None,
    choices.option(OrganisationKind, "--kind", metavar="KIND", help=f"Kind of client: {', '.join(OrganisationKind)}."),
]
Spoken = Annotated[
    Language | None,
    choices.option(
        Language, "--language", metavar="CODE", help="Language of the client's mails and reports: fr or en."
    ),
]


@app.command()
@formatted
def create(
    org: Annotated[
        str, typer.Argument(metavar="ORG", help="Code of the client: 3 to 40 small letters, digits and hyphens.")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the client, as players and reports show it.")
    ],
    kind: Kind = OrganisationKind.COMPANY,
    language: Spoken = Language.FR,
    *,
    out: Output,
) -> None:
    """Create a client.

    Example: mpp client create acme --name "Exemple SA" --kind company
    """
    with connection.staff() as mpp:
        if any(known.code == org for known in mpp.clients.iterate()):
            output.say(f"There is an organisation {org} already: `mpp client correct {org}` changes it.")
            raise typer.Exit(Exit.REFUSED)
        found = mpp.clients.set(org, name=name, kind=kind, language=language)
    out.record(found, _lines(found))


@app.command()
def correct(org: ClientCode, name: Name = None, kind: Kind = None, language: Spoken = None) -> None:
    """Correct the name, the kind or the language of a client.

    Example: mpp client correct acme --language en
    """
    if name is None and kind is None and language is None:
        raise typer.BadParameter("say what to change: --name, --kind or --language", param_hint="ORG")
    with connection.staff() as mpp:
        mpp.clients.get(org)
        found = mpp.clients.set(org, name=name, kind=kind, language=language)
    output.say(f"{found.name} ({found.kind}, {found.language}) is corrected.")


@app.command("list")
@formatted
def list_clients(
    edition: Annotated[
        str | None, typer.Option("--edition", metavar="CODE", help="Only the clients that take part in this edition.")
    ] = None,
    *,
    out: Output,
) -> None:
    """List the clients. With --edition, show how each of them takes part.

    Example: mpp client list --edition adult-2026-06
    """
    from mpp_supabase import Organisation, Participation

    with connection.staff() as mpp:
        if edition is None:
            out.rows(
                mpp.clients.iterate(),
                (
                    Column("Client", lambda o: o.code),
                    Column("Name", lambda o: o.name, folds=True),
                    Column("Kind", lambda o: o.kind),
                    Column("Language", lambda o: o.language),
                    Column("Since (UTC)", lambda o: output.clock(o.created_at)),
                ),
                fields=Organisation,
                empty="There is no client yet: `mpp client create ORG --name NAME`.",
            )
            return
        out.rows(
            mpp.clients.participations(edition_id=mpp.editions.get(edition).id),
            PARTS[:2] + PARTS[3:],
            fields=Participation,
            empty=f"No client takes part in {edition}: `mpp client take-part ORG {edition}`.",
        )


@app.command()
@formatted
def show(org: ClientCode, *, out: Output) -> None:
    """Show a client, the territory it follows and the editions it takes part in.

    Example: mpp client show acme
    """
    with connection.staff() as mpp:
        found = mpp.clients.get(org)
        codes = mpp.clients.territory(found.organisation_id)
        parts = list(mpp.clients.participations(organisation_id=found.organisation_id))
    followed = {kind: [each.code for each in codes if each.kind == kind] for kind in TERRITORY}
    lines = [
        *_lines(found),
        *(
            (f"Follows ({kind})", ", ".join(some[:20]) + (f" and {len(some) - 20} more" if len(some) > 20 else ""))
            for kind, some in followed.items()
            if some
        ),
    ]
    if out.as_json:
        whole = found.model_dump(mode="json") | {
            "territory": followed,
            "participations": [part.model_dump(mode="json") for part in parts],
        }
        out.record(whole)
        return
    out.record(found, lines)
    if parts and not out.as_csv:
        output.console().print(output.table(parts, PARTS[2:]))


def _lines(found: Organisation) -> list[tuple[str, object]]:
    return [
        ("Client", found.code),
        ("Name", found.name),
        ("Kind", found.kind),
        ("Language", found.language),
        ("Id", found.organisation_id),
        ("Since", output.moment(found.created_at)),
    ]
