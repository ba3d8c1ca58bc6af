"""How commands reach the game: as the person who has signed in, with the secret key, or as a visitor; told on stderr.

Whoever has signed in with `mpp login` comes in with their session, and so the audit knows who did what. `--as key` (or
MPP_AS=key) takes the secret key instead, `--as session` no command without a session. Nothing falls back from the one
to the other.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mpp_cli import output
from mpp_cli.choices import Way

if TYPE_CHECKING:
    from mpp_supabase import MPP, Settings


_chosen: Way | None = None


def choose(way: Way | None) -> None:
    """Let the commands of the staff come in this way; None is the session of whoever has signed in, else the key."""
    global _chosen
    _chosen = way


def chosen() -> Way | None:
    """The way that was asked for."""
    return _chosen


def operator(url: str) -> str:
    """Who stands behind the secret key, for the audit: MPP_OPERATOR, else the address of whoever has signed in."""
    from mpp_supabase import SessionStore

    if name := os.environ.get("MPP_OPERATOR", "").strip():
        return name
    session = SessionStore().load(url)
    return session.email if session is not None else ""


def staff() -> MPP:
    """The client of the staff: with the session of whoever has signed in, else with the secret key."""
    from mpp_supabase import MPP, SessionEnded, SessionStore, load_settings

    settings = load_settings()
    session = SessionStore().load(settings.url) if _chosen is not Way.KEY else None
    if session is None:
        if _chosen is Way.SESSION:
            raise SessionEnded(f"Nobody is signed in on {settings.url}.", "Sign in with `mpp login`.")
        return _with_key(settings)
    client = MPP.sign_in(settings)
    output.say(f"Using {settings.source}: {settings.url} ({session.email})")
    return client


def with_key() -> MPP:
    """The client with the secret key, for what no session may do."""
    from mpp_supabase import ConfigError, load_settings

    settings = load_settings()
    if _chosen is Way.SESSION:
        raise ConfigError("This command needs the secret key: no session may do it.", "Leave --as session away.")
    return _with_key(settings)


def visitor() -> MPP:
    """The client with the publishable key: what everybody sees."""
    from mpp_supabase import MPP, load_settings

    settings = load_settings()
    client = MPP.connect(settings, role="publishable")
    output.say(f"Using {settings.source}: {settings.url} (publishable key)")
    return client


def _with_key(settings: Settings) -> MPP:
    from mpp_supabase import MPP

    name = operator(settings.url)
    client = MPP.connect(settings, role="secret", operator=name)
    output.say(f"Using {settings.source}: {settings.url} (secret key{f', for {name}' if name else ''})")
    return client
