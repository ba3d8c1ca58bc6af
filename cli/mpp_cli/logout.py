"""`mpp logout`: leave."""

from __future__ import annotations

from mpp_cli import output


def logout() -> None:
    """End your session, here and on the server. Your other devices stay signed in.

    Example: mpp logout
    """
    from mpp_supabase import Login, load_settings

    settings = load_settings()
    with Login(settings) as person:
        ended = person.sign_out()
    if ended is None:
        output.say(f"Nobody was signed in on {settings.url}.")
    else:
        output.say(f"{ended.email} is signed out of {settings.url}.")
