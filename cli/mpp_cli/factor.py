"""`mpp factor`: your own second factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import output
from mpp_cli.arguments import Yes
from mpp_cli.login import ask
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import Login, NewFactor

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the factor, such as telephone.")]


@app.command()
def add(name: Name = "telephone") -> None:
    """Enrol an authenticator app as second factor of your account. Sign in with `mpp login` first.

    The command shows a picture for the app, and asks for a first code.

    Example: mpp factor add telephone
    """
    with _signed_in() as person:
        new = person.begin_factor(name)
        _show(new)
        person.prove(new.id, ask("Code that the app shows now", "a terminal"))
        session = person.keep()
    output.say(f"{name} is a second factor of {session.email}. Sessions elsewhere have ended.")


@app.command("list")
@formatted
def list_factors(*, out: Output) -> None:
    """List the second factors of your account.

    Example: mpp factor list
    """
    from mpp_supabase import Factor

    with _signed_in() as person:
        out.rows(
            person.factors(),
            (
                Column("Name", lambda f: f.name),
                Column("Since (UTC)", lambda f: output.clock(f.created_at)),
                Column("Id", lambda f: f.id),
            ),
            fields=Factor,
            empty="Your account has no second factor: `mpp factor add` enrols one.",
        )


@app.command()
def remove(name: Name, yes: Yes = False) -> None:
    """Remove a second factor of your account. Your session must have shown one.

    If you have lost it: somebody with the secret key removes it with `mpp user factor-remove`.

    Example: mpp factor remove telephone
    """
    with _signed_in() as person:
        factors = person.factors()
        found = next((factor for factor in factors if name in (factor.name, str(factor.id))), None)
        if found is None:
            names = ", ".join(factor.name for factor in factors) or "none"
            raise typer.BadParameter(f"there is no factor {name}; there is {names}", param_hint="NAME")
        output.confirm(f"Remove the second factor {name}?", yes=yes)
        person.remove_factor(str(found.id))
        # The session has one factor less to show: its token is exchanged for one that says so.
        person.renew()
        person.keep()
    output.say(f"{name} is no longer a second factor.")


def _signed_in() -> Login:
    from mpp_supabase import Login, load_settings

    settings = load_settings()
    person = Login(settings)
    try:
        output.say(f"Using {settings.source}: {settings.url} ({person.resume().email})")
    except BaseException:
        person.close()
        raise
    return person


def _show(new: NewFactor) -> None:
    import io

    import segno

    drawn = io.StringIO()
    segno.make(new.uri, error="l").terminal(drawn, compact=True)
    output.say("Scan this with an authenticator app:")
    output.say(drawn.getvalue())
    output.say(f"Or type the key into it: {new.secret}")
