"""`mpp whoami`: as whom commands come in."""

from __future__ import annotations

from mpp_cli import connection, output
from mpp_cli.choices import Way
from mpp_cli.login import what_lacks
from mpp_cli.output import Output, formatted


@formatted
def whoami(*, out: Output) -> None:
    """Show as whom the commands of the staff come in, why, and what the session lacks.

    Example: mpp whoami
    """
    from mpp_supabase import SessionStore, load_settings

    store = SessionStore()
    kept = store.load(load_settings().url)
    with connection.staff() as mpp:
        me = mpp.who_am_i()
        url = mpp.url
    by_session = me.account_id is not None
    way = connection.chosen()
    name = "" if by_session else connection.operator(url)
    if by_session:
        reason = "you have signed in"
    elif way is Way.KEY:
        reason = "--as key" if kept is None else f"--as key; {kept.email} is signed in too"
    else:
        reason = "nobody is signed in"
    found = {
        "url": url,
        "way": "session" if by_session else "key",
        "reason": reason,
        "operator": name or None,
        **output.plain(me),
        "session_file": str(store.path) if kept is not None else None,
    }
    lines = [
        ("Project", url),
        ("Comes in", f"{'as ' + str(me.email) if by_session else 'with the secret key'} ({reason})"),
        ("In the audit", _audited(by_session, str(me.email), name)),
        ("Rights of the staff", "yes" if me.is_ops else f"no. {what_lacks(me)}"),
    ]
    if by_session:
        lines.append(("Second factor", "shown" if me.has_second_factor else "not shown"))
        lines.append(("Account", str(me.account_id)))
    if kept is not None:
        lines.append(("Session file", str(store.path)))
    out.record(found, lines)


def _audited(by_session: bool, email: str, name: str) -> str:
    if by_session:
        return email
    return f"{name}, as a claim" if name else "nobody: the secret key alone; MPP_OPERATOR names somebody"
