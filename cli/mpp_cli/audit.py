"""`mpp audit`: the trace of privileged acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import After, all_of, limit_of
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import AuditEntry


@formatted
def audit(
    action: Annotated[str | None, typer.Option("--action", help="Only this act, such as edition.open.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Only acts on this edition, league or account.")
    ] = None,
    limit: Annotated[int, limit_of("acts")] = 50,
    everything: Annotated[bool, all_of("act")] = False,
    after: After = None,
    *,
    out: Output,
) -> None:
    """List the privileged acts, the latest first: who did what to what, and when.

    A name with (claim) came with the secret key, and nobody has checked it.

    Example: mpp audit --action edition.freeze
    """
    import json

    from mpp_supabase import AuditEntry

    columns = (
        Column("When (UTC)", lambda a: output.clock(a.at)),
        Column("Who", _who),
        Column("Act", lambda a: a.action),
        Column("On", lambda a: a.subject_name or a.subject),
        Column("Details", lambda a: json.dumps(a.details, ensure_ascii=False) if a.details else None, folds=True),
    )
    with connection.staff() as mpp:
        page = None if everything else mpp.audit.page(limit, after, action=action, subject=subject)
        out.rows(
            mpp.audit.iterate(after, action=action, subject=subject) if page is None else page.rows,
            columns,
            fields=AuditEntry,
            empty="No such act is recorded.",
        )
        if page is not None and page.after is not None:
            output.say(f"More: add --after {page.after} (or --all)")


def _who(act: AuditEntry) -> str:
    match act.known_by:
        case "session":
            return act.actor or str(act.actor_id)
        case "claim":
            return f"{act.actor} (claim)"
        case "key":
            return "the secret key"
        case _:
            return act.actor_role
