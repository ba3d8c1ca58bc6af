"""`mpp login`: come in as a person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import output

if TYPE_CHECKING:
    from mpp_supabase import Caller, Factor, Login


def login(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="E-mail address of your account.")],
    mail: Annotated[bool, typer.Option("--mail", help="Sign in with a code in a mail instead of a password.")] = False,
    mail_code: Annotated[
        str | None, typer.Option("--mail-code", metavar="CODE", help="The code of a mail that has come.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
    factor: Annotated[
        str | None, typer.Option("--factor", metavar="NAME", help="Which second factor to show, if you have several.")
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", metavar="CODE", help="The code that the authenticator app shows.")
    ] = None,
) -> None:
    """Sign in. From then on commands come in as you, and the audit says so.

    The command asks for the password, and for the code of an authenticator app where the account has one.

    Example: mpp login ada@example.org
    """
    from mpp_supabase import MPP, Login, SessionStore, load_settings

    settings = load_settings()
    output.say(f"Using {settings.source}: {settings.url}")
    with Login(settings) as person:
        _open(person, email, mail=mail, mail_code=mail_code, password_stdin=password_stdin)
        if factors := person.factors():
            person.prove(_which(factors, factor), code or ask("Code of the authenticator app", "--code"))
        session = person.keep()
    with MPP.sign_in(settings) as mpp:
        me = mpp.who_am_i()
    output.say(f"You are signed in as {session.email}{', with a second factor' if me.has_second_factor else ''}.")
    output.say(f"The session is in {SessionStore().path}; `mpp logout` ends it.")
    if lack := what_lacks(me):
        output.say(lack)


def what_lacks(me: Caller) -> str:
    """Say why an account does not act for the association; empty when it does."""
    if me.is_ops:
        return ""
    if me.needs_second_factor:
        return "Your session needs a second factor: `mpp factor add` enrols one, `mpp login` asks for it."
    if not me.proves_address:
        return "This session does not prove that the address is yours: sign in once with `mpp login --mail`."
    return "This account has no rights of the staff: `mpp user ops` gives them."


def ask(question: str, option: str, *, hidden: bool = False) -> str:
    """Ask the person at the terminal; say which option to give where there is nobody."""
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"nobody can type here: add {option}", param_hint=option)
    return str(typer.prompt(question, hide_input=hidden, err=True)).strip()


def _open(person: Login, email: str, *, mail: bool, mail_code: str | None, password_stdin: bool) -> None:
    from pydantic import SecretStr

    if sum((mail, mail_code is not None, password_stdin)) > 1:
        raise typer.BadParameter("choose one way to sign in", param_hint="--mail")
    if mail:
        person.send_code(email)
        output.say(f"A code was sent to {email}.")
        mail_code = ask("Code of the mail", "--mail-code with the code")
    if mail_code is not None:
        person.by_code(email, mail_code.strip())
        return
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = ask("Password", "--password-stdin", hidden=True)
    if not password:
        raise typer.BadParameter("the password is empty", param_hint="--password-stdin")
    person.by_password(email, SecretStr(password))


def _which(factors: tuple[Factor, ...], name: str | None) -> str:
    names = ", ".join(factor.name or str(factor.id) for factor in factors)
    if name is None and len(factors) > 1:
        name = ask(f"Which second factor ({names})", "--factor")
    found = [factor for factor in factors if name is None or name in (factor.name, str(factor.id))]
    if not found:
        raise typer.BadParameter(f"there is no factor {name}; there is {names}", param_hint="--factor")
    return str(found[0].id)
