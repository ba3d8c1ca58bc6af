"""How commands reach the game: the client for the staff, or for what everybody sees, told on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_cli import output

if TYPE_CHECKING:
    from mpp_supabase import MPP


def staff() -> MPP:
    """The client with the secret key."""
    return _connect("secret")


def visitor() -> MPP:
    """The client with the publishable key: what everybody sees."""
    return _connect("publishable")


def _connect(role: str) -> MPP:
    from mpp_supabase import MPP, load_settings

    settings = load_settings()
    client = MPP.connect(settings, role=role)
    output.say(f"Using {settings.source}: {settings.url} ({role} key)")
    return client
