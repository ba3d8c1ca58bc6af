"""`mpp person`: who is behind an alias, an address, a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import limit_of
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import FoundPerson

app = typer.Typer(no_args_is_help=True)


# One verb alone would make Typer take it for the noun.
@app.callback()
def person() -> None:
    """Find people. The audit keeps each look: who looked, for what, why, and whom it showed."""


@app.command()
@formatted
def show(
    reason: Annotated[str, typer.Option("--reason", help="Why you look; kept in the audit.")],
    alias: Annotated[str | None, typer.Option("--alias", help="How the alias begins.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="The e-mail address of the account.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="How the surname begins, with other words of the name if you like.")
    ] = None,
    league: Annotated[
        str | None, typer.Option("--league", help="A league or class by id, code or name: all who are in it.")
    ] = None,
    player: Annotated[str | None, typer.Option("--player", metavar="PLAYER_ID", help="The player.")] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT_ID", help="The account.")] = None,
    report: Annotated[
        int | None,
        typer.Option("--report", help="A report of `mpp league reports`: who was reported, and who reported."),
    ] = None,
    mail: Annotated[str | None, typer.Option("--mail", metavar="KEY", help="A mail of `mpp mail list`.")] = None,
    limit: Annotated[int, limit_of("people", most=50)] = 10,
    *,
    out: Output,
) -> None:
    """Show who is behind an alias, an address, a name, a league, a player, an account, a report or a mail.

    Example: mpp person show --alias Tournesol --reason "report 12"
    """
    from mpp_supabase import FoundPerson

    asked: dict[str, Any] = {
        "alias": alias,
        "address": address,
        "name": name,
        "league": league,
        "player_id": output.uuid_of(player, "--player") if player else None,
        "account_id": output.uuid_of(account, "--account") if account else None,
        "report_id": report,
        "mail_key": mail,
    }
    if sum(value is not None for value in asked.values()) != 1:
        raise typer.BadParameter("say one thing to look for", param_hint="--alias")
    with connection.staff() as mpp:
        found = mpp.people.find(reason, **asked, limit=limit)
    if out.for_programs or len(found) != 1:
        out.rows(
            found,
            (
                Column("Account", lambda p: p.account_id),
                Column("As", lambda p: p.found_as, optional=True),
                Column("E-mail", lambda p: p.email, folds=True),
                Column("Name", _full_name, folds=True),
                Column("Alias", lambda p: p.alias, folds=True),
                Column("State", _state, folds=True),
                Column("Plays in", _where, folds=True),
            ),
            fields=FoundPerson,
            empty="Nobody was found.",
        )
        if found and len(found) == limit and not out.for_programs:
            output.say("There may be more: say more, or add a higher --limit")
        return
    (one,) = found
    lines: list[tuple[str, object]] = [
        ("Account", one.account_id),
        ("E-mail", one.email),
        ("Name", _full_name(one)),
        ("Alias", one.alias),
        ("State", _state(one)),
        ("Language", one.language),
        ("Created", output.moment(one.created_at)),
        ("Open reports", output.number(one.open_reports)),
    ]
    if one.found_as is not None:
        lines.append(("Found as", one.found_as))
    if one.clients:
        lines.append(("Works for", ", ".join(one.clients)))
    out.record(one, lines)
    if one.places:
        out.rows(
            one.places,
            (
                Column("Edition", lambda p: p.edition),
                Column("League, or class", lambda p: p.league, folds=True),
                Column("League id", lambda p: p.league_id),
                Column("Team", lambda p: p.team, folds=True, optional=True),
                Column("Role", lambda p: p.role),
                Column("Alias", lambda p: p.alias, folds=True, optional=True),
                Column("Player", lambda p: p.player_id),
                Column("Points", lambda p: output.number(p.points), right=True),
                Column("In rankings", lambda p: "yes" if p.listed else "no"),
            ),
            fields=("edition", "league"),
        )


def _full_name(person: FoundPerson) -> str | None:
    return " ".join(part for part in (person.first_name, person.last_name) if part) or None


def _state(person: FoundPerson) -> str:
    return ("disabled" if person.is_disabled else "active") + (", a minor" if person.is_minor else "")


def _where(person: FoundPerson) -> str:
    each = [f"{place.league or 'no league'} ({place.edition})" for place in person.places[:3]]
    return ", ".join(each) + (" …" if len(person.places) > 3 else "")
