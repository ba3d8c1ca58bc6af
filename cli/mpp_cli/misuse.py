"""`mpp misuse`: players who validate faster than people play."""

from __future__ import annotations

from mpp_cli import connection, output
from mpp_cli.arguments import EditionCode
from mpp_cli.output import Column, Output, formatted


@formatted
def misuse(
    edition: EditionCode,
    *,
    out: Output,
) -> None:
    """List suspicious patterns in an edition: bursts in a minute, impossible numbers in a day, classes that race.

    Example: mpp misuse adult-2026-06
    """
    from mpp_supabase import Misuse

    with connection.staff() as mpp:
        edition_id = mpp.editions.get(edition).id
        out.rows(
            mpp.conduct.misuse(edition_id),
            (
                Column("Player, or class", lambda m: m.subject_id),
                Column("Alias", lambda m: m.alias, folds=True),
                Column("Pattern", lambda m: m.pattern),
                Column("Validations", lambda m: output.number(m.validations), right=True),
                Column("Points", lambda m: output.number(m.points), right=True),
                Column("From (UTC)", lambda m: output.clock(m.first_at)),
                Column("To (UTC)", lambda m: output.clock(m.last_at)),
            ),
            fields=Misuse,
            empty=f"Nothing suspicious in {edition}.",
        )
