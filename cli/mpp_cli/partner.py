"""`mpp partner`: campaigns with partners."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import Yes
from mpp_cli.output import Column, Output, formatted
from mpp_cli.texts import read_texts

app = typer.Typer(no_args_is_help=True)

CampaignCode = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="Code of the campaign; `mpp partner list` shows it.")
]
OneCampaign = Annotated[
    str | None, typer.Argument(metavar="CAMPAIGN", help="Only this campaign, by code. Default: all of them.")
]


@app.command("list")
@formatted
def list_campaigns(*, out: Output) -> None:
    """List the campaigns, the latest first.

    "To tell" counts what a partner got and must be told to forget: `mpp partner withdrawals`.

    Example: mpp partner list
    """
    from mpp_supabase import Campaign

    with connection.staff() as mpp:
        to_tell = Counter(withdrawal.campaign for withdrawal in mpp.partners.withdrawals())
        out.rows(
            mpp.partners.iterate(),
            (
                Column("Campaign", lambda c: c.code),
                Column("Partner", lambda c: c.partner_name, folds=True),
                Column("Edition", lambda c: c.edition),
                Column("Text", lambda c: c.text_number, right=True),
                Column("To tell", lambda c: output.number(to_tell[c.code]), right=True),
            ),
            fields=Campaign,
            empty="There is no campaign yet: mpp partner create.",
        )


@app.command()
def create(
    campaign: Annotated[
        str, typer.Argument(metavar="CAMPAIGN", help="Code of the campaign: small letters, digits and hyphens.")
    ],
    partner: Annotated[str, typer.Option("--partner", metavar="CODE", help="Code of the partner.")],
    edition: Annotated[str, typer.Option("--edition", metavar="EDITION", help="Code of the edition.")],
    french: Annotated[
        str, typer.Option("--fr", metavar="FILE", help="File with what people are asked to agree to, in French.")
    ],
    english: Annotated[str, typer.Option("--en", metavar="FILE", help="The same in English.")],
    german: Annotated[str | None, typer.Option("--de", metavar="FILE", help="The same in German.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of a partner that is new.")] = None,
) -> None:
    """Create a campaign with a partner, or publish its next text.

    Who agreed to an earlier text agreed to that one: say in the new one what is different, and ask again if it is more.

    Example: mpp partner create mission-mpp --partner on-est-pret --name "On est Prêt" --edition adult-2026-09 --fr fr.md --en en.md
    """  # noqa: E501
    body = read_texts({"fr": french, "en": english, "de": german})
    with connection.staff() as mpp:
        number = mpp.partners.create(campaign, partner, edition, body, partner_name=name)
    output.say(f"Campaign {campaign} asks by its text {number}. Make codes: mpp partner codes {campaign} --add CREATOR")


@app.command()
@formatted
def codes(
    campaign: CampaignCode,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="CREATOR", help="Make a code for this creator. Repeat it for several."),
    ] = None,
    *,
    out: Output,
) -> None:
    """List the codes of a campaign, and make new ones.

    Each creator of content has one code.

    Example: mpp partner codes mission-mpp --add "Zoé Exemple" --add "Tom Exemple"
    """
    from mpp_supabase import CampaignCode as Code

    with connection.staff() as mpp:
        for creator in add or ():
            mpp.partners.add_code(campaign, creator)
        out.rows(
            mpp.partners.codes(campaign),
            (
                Column("Creator", lambda c: c.creator, folds=True),
                Column("Code", lambda c: c.code),
                Column("State", lambda c: "ended" if c.ended_at else "open"),
            ),
            fields=Code,
            empty=f"Campaign {campaign} has no code: add --add CREATOR.",
        )


@app.command("end-code")
def end_code(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code; `mpp partner codes` shows it.")],
) -> None:
    """Let nobody join by this code any more. Who joined stays.

    Example: mpp partner end-code 7K2MPQ4XZ9
    """
    with connection.staff() as mpp:
        mpp.partners.end_code(code)
    output.say(f"{code} opens nothing any more.")


@app.command()
def export(
    campaign: CampaignCode,
    file: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .csv file to write.")],
    yes: Yes = False,
) -> None:
    """Write the list of addresses for the partner, and record it.

    On it are those who agreed to this campaign and did not withdraw. They are 15 or older on this day (older where
    their country asks), with a live account and a confirmed address. `mpp partner exports` lists what was made. Whoever
    withdraws later is in `mpp partner withdrawals`: the partner must be told.

    Example: mpp partner export mission-mpp -o mission-mpp.csv
    """
    with connection.staff() as mpp:
        output.confirm(f"Export the addresses of campaign {campaign}? It is recorded.", yes=yes)
        made = mpp.partners.export(campaign, file)
        to_tell = sum(1 for _ in mpp.partners.withdrawals(campaign))
    output.say(f"{output.counted(made.people, 'address', 'addresses')} in {file}: export {made.id}, {made.digest}.")
    if to_tell:
        output.say(
            f"The partner must also forget {output.counted(to_tell, 'address', 'addresses')} that it got earlier: "
            f"mpp partner withdrawals {campaign}"
        )


@app.command()
@formatted
def exports(campaign: OneCampaign = None, *, out: Output) -> None:
    """List what was made for partners.

    Each list of addresses is there with when it was made, by whom, of how many addresses, and its digest: the SHA-256
    of the addresses, one a line, in the order of the file.

    Example: mpp partner exports mission-mpp
    """
    from mpp_supabase import PartnerExport

    with connection.staff() as mpp:
        out.rows(
            mpp.partners.exports(campaign),
            (
                Column("Export", lambda e: e.id, right=True),
                Column("Campaign", lambda e: e.campaign),
                Column("Made (UTC)", lambda e: output.clock(e.exported_at)),
                Column("By", lambda e: e.exported_by or "secret key"),
                Column("Addresses", lambda e: output.number(e.people), right=True),
                Column("Digest", lambda e: e.digest, folds=True),
            ),
            fields=PartnerExport,
            empty="Nothing was exported yet.",
        )


@app.command()
@formatted
def withdrawals(
    campaign: OneCampaign = None,
    everything: Annotated[bool, typer.Option("--all", help="Show those that were settled too.")] = False,
    *,
    out: Output,
) -> None:
    """List what partners must be told to forget.

    These are addresses that a partner got, of people who then withdrew, were erased, or turned out to be too young.
    Tell the partner, then `mpp partner settle` the numbers.

    Example: mpp partner withdrawals mission-mpp
    """
    from mpp_supabase import PartnerWithdrawal

    with connection.staff() as mpp:
        out.rows(
            mpp.partners.withdrawals(campaign, settled=None if everything else False),
            (
                Column("Number", lambda w: w.id, right=True),
                Column("Partner", lambda w: w.partner, folds=True),
                Column("Campaign", lambda w: w.campaign),
                Column("Address", lambda w: w.address),
                Column("Why", lambda w: w.reason.replace("_", " ")),
                Column("Since (UTC)", lambda w: output.clock(w.withdrawn_at)),
                Column("Settled", lambda w: w.note or (w.outcome or "").replace("_", " "), folds=True, optional=True),
            ),
            fields=PartnerWithdrawal,
            empty="No partner must be told anything.",
        )


@app.command()
def settle(
    numbers: Annotated[
        list[int],
        typer.Argument(metavar="NUMBER...", help="Numbers from `mpp partner withdrawals`."),
    ],
    note: Annotated[str, typer.Option("--note", help="How the partner was told; kept here and in the audit.")],
) -> None:
    """Record that the partner was told of these withdrawals. Their addresses go.

    Example: mpp partner settle 12 13 --note "Mail to their data officer"
    """
    with connection.staff() as mpp:
        settled = mpp.partners.settle(numbers, note)
    output.say(f"{output.counted(settled, 'withdrawal')} settled.")


@app.command()
@formatted
def figures(campaign: CampaignCode, *, out: Output) -> None:
    """Show what each creator brought about, without names.

    Numbers of fewer than five people are withheld.

    Example: mpp partner figures mission-mpp
    """
    from mpp_supabase import CreatorFigure

    with connection.staff() as mpp:
        out.rows(
            mpp.partners.figures(campaign),
            (
                Column("Creator", lambda f: f.creator, folds=True),
                Column("Joined", lambda f: output.number(f.joined), right=True),
                Column("Agreed", lambda f: output.number(f.agreed), right=True),
                Column("Players", lambda f: output.number(f.players), right=True),
                Column("Challenges", lambda f: output.number(f.validations), right=True),
            ),
            fields=CreatorFigure,
            empty=f"Campaign {campaign} has no creator yet.",
        )
