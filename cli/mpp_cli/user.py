"""`mpp user`: accounts of Supabase Auth."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import Yes, all_of, limit_of
from mpp_cli.moments import typed_day
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import Account

app = typer.Typer(no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="E-mail address of the account.")]
Who = Annotated[str, typer.Argument(metavar="WHO", help="E-mail address or id of the account.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit.")]


@app.command()
@formatted
def create(
    email: Email,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="The address must be confirmed before anybody can sign in.")
    ] = False,
    *,
    out: Output,
) -> None:
    """Create an account with a password. The command asks for the password; never write it on the command line.

    Example: mpp user create ada@example.org
    """
    from pydantic import SecretStr

    password = SecretStr(_password(password_stdin))
    with connection.with_key() as mpp:
        account = mpp.users.create(email, password, confirmed=not unconfirmed)
    _show(account, out)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise typer.BadParameter("nobody can type here: add --password-stdin", param_hint="--password-stdin")
    if not password:
        raise typer.BadParameter("the password is empty", param_hint="--password-stdin")
    return str(password)


@app.command()
@formatted
def invite(email: Email, *, out: Output) -> None:
    """Send an invitation by mail. Whoever gets it chooses a password.

    Example: mpp user invite ada@example.org
    """
    with connection.with_key() as mpp:
        account = mpp.users.invite(email)
    output.say(f"An invitation was sent to {email}.")
    _show(account, out)


@app.command("list")
@formatted
def list_users(
    search: Annotated[
        str, typer.Option("--search", metavar="TEXT", help="Only accounts with this text in their e-mail address.")
    ] = "",
    limit: Annotated[int, limit_of("accounts")] = 50,
    everything: Annotated[bool, all_of("account")] = False,
    *,
    out: Output,
) -> None:
    """List the accounts, the latest first.

    Example: mpp user list --search @example.org --all --csv > accounts.csv
    """
    from itertools import islice

    from mpp_supabase import Account

    with connection.with_key() as mpp:
        found = mpp.users.iterate(search)
        out.rows(
            found if everything else islice(found, limit),
            (
                Column("Id", lambda a: a.id),
                Column("E-mail", lambda a: a.email or ("anonymous" if a.is_anonymous else None)),
                Column("State", _state),
                Column("Created (UTC)", lambda a: output.clock(a.created_at)),
                Column("Last sign-in (UTC)", lambda a: output.clock(a.last_sign_in_at)),
            ),
            fields=Account,
            empty=f"No account has {search} in its address." if search else "There is no account yet.",
        )
        if not everything and next(found, None) is not None:
            output.say("More: add --all, a higher --limit, or --search")


@app.command()
def disable(who: Who, reason: Why = "", yes: Yes = False) -> None:
    """Stop an account from signing in. Its players and points stay.

    Example: mpp user disable ada@example.org --reason "her own wish"
    """
    with connection.staff() as mpp:
        output.confirm(f"Disable {who}?", yes=yes)
        account = mpp.users.disable(who, reason)
    output.say(f"{account.email or account.id} is disabled; `mpp user enable` undoes it.")


@app.command()
def enable(who: Who, reason: Why = "") -> None:
    """Let a disabled account sign in again.

    Example: mpp user enable ada@example.org
    """
    with connection.staff() as mpp:
        account = mpp.users.enable(who, reason)
    output.say(f"{account.email or account.id} may sign in.")


@app.command()
@formatted
def factors(who: Who, *, out: Output) -> None:
    """List the second factors of an account. Needs the secret key.

    Example: mpp user factors ada@example.org
    """
    from mpp_supabase import Factor

    with connection.with_key() as mpp:
        account = mpp.users.find(who)
        out.rows(
            mpp.users.factors(account.id),
            (
                Column("Name", lambda f: f.name),
                Column("State", lambda f: "verified" if f.verified else "begun"),
                Column("Since (UTC)", lambda f: output.clock(f.created_at)),
                Column("Id", lambda f: f.id),
            ),
            fields=Factor,
            empty=f"{account.email or account.id} has no second factor.",
        )


@app.command("factor-remove")
def factor_remove(
    who: Who,
    factor: Annotated[str, typer.Argument(metavar="FACTOR", help="Name or id; `mpp user factors` shows both.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="How you know who asks, and why; kept in the audit.")
    ],
    yes: Yes = False,
) -> None:
    """Remove a second factor of somebody who has lost it. Be sure who asks: it opens the account to its password.

    Needs the secret key.

    Example: mpp user factor-remove ada@example.org telephone --reason "lost; called her back on her number"
    """
    with connection.with_key() as mpp:
        account = mpp.users.find(who)
        known = mpp.users.factors(account.id)
        found = next((each for each in known if factor in (each.name, str(each.id))), None)
        if found is None:
            names = ", ".join(each.name or str(each.id) for each in known) or "none"
            raise typer.BadParameter(f"there is no factor {factor}; there is {names}", param_hint="FACTOR")
        name = account.email or account.id
        output.confirm(f"Remove the second factor {factor} of {name}?", yes=yes)
        mpp.users.remove_factor(account.id, found.id, reason)
    output.say(f"{name} no longer has the second factor {factor}.")


@app.command()
def address(
    who: Who,
    new: Annotated[str, typer.Argument(metavar="EMAIL", help="The new e-mail address.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="How you know who asks, and why; kept in the audit.")
    ],
    retype: Annotated[
        str | None, typer.Option("--retype", metavar="EMAIL", help="The new address once more, where nobody can type.")
    ] = None,
) -> None:
    """Give an account another e-mail address, for an owner who lost the old one.

    Be sure who asks: it opens the account to them. Whoever can read their mail changes it in the app. Needs the secret
    key.

    Example: mpp user address ada@example.org ada@example.com --reason "left her employer; called her back"
    """
    with connection.with_key() as mpp:
        account = mpp.users.find(who)
        output.retype(f"Give {account.email or account.id} another address?", new, retype)
        changed = mpp.users.correct_address(account.id, new, reason)
    output.say(f"The address of account {changed.id} is {changed.email}.")


@app.command("birth-date")
def birth_date(
    who: Who,
    day: Annotated[date, typer.Argument(metavar="DATE", parser=typed_day, help="The correct date, as YYYY-MM-DD.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is corrected; kept in the audit.")],
    yes: Yes = False,
) -> None:
    """Correct the birth date of a player. Its owner can do it once, and not across the ages of 15 and 18.

    Example: mpp user birth-date tom@example.org 2011-05-17 --reason "letter of his mother"
    """
    with connection.staff() as mpp:
        account, name = mpp.users.named(who)
        output.confirm(f"Set the birth date of {name} to {day:%Y-%m-%d}?", yes=yes)
        mpp.users.correct_birth_date(account, day, reason)
    output.say(f"The birth date of {name} is {day:%Y-%m-%d}.")


@app.command()
def guardian(
    who: Who,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="How it was learnt; kept in the log and in the audit.")
    ],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="The guardian does not agree any more.")] = False,
    yes: Yes = False,
) -> None:
    """Record that a guardian agrees that a player appears in public, such as by a letter. The app asks by mail itself.

    Example: mpp user guardian tom@example.org --reason "letter of his mother"
    """
    with connection.staff() as mpp:
        account, name = mpp.users.named(who)
        output.confirm(f"Record that a guardian of {name} {'withdraws' if withdraw else 'agrees'}?", yes=yes)
        mpp.users.record_guardian_consent(account, not withdraw, reason)
    output.say(f"A guardian of {name} {'does not agree any more' if withdraw else 'agrees'}.")


@app.command()
def ops(
    who: Who,
    revoke: Annotated[bool, typer.Option("--revoke", help="Remove the rights.")] = False,
    yes: Yes = False,
) -> None:
    """Give an account the rights of the association's staff, or remove them.

    Example: mpp user ops ada@example.org
    """
    with connection.with_key() as mpp:
        account = mpp.users.find(who)
        name = account.email or account.id
        if not revoke:
            output.confirm(f"Give {name} the rights of the staff?", yes=yes)
        mpp.users.set_ops(account.id, not revoke)
    output.say(f"{name} {'no longer has' if revoke else 'has'} the rights of the staff.")


def _state(account: Account) -> str:
    if account.disabled_until is not None:
        return "disabled"
    return "active" if account.confirmed_at is not None or account.is_anonymous else "unconfirmed"


def _show(account: Account, out: Output) -> None:
    lines = [
        ("Id", account.id),
        ("E-mail", account.email),
        ("State", _state(account)),
        ("Created", output.moment(account.created_at)),
    ]
    out.record(account, lines)
