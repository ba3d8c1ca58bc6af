"""How long what is personal and no longer needed is kept."""

from __future__ import annotations

from collections.abc import Callable

from mpp_supabase.models import Model
from mpp_supabase.services._service import Service


class Expired(Model):
    """One rule: what is kept for how long, as Postgres writes it (1 year, 30 days), and how many rows are past it."""

    what: str
    kept: str
    rows: int


class Privacy(Service):
    """What the staff do for everybody's privacy. Needs the secret key, or a session of the staff."""

    def expired(self) -> list[Expired]:
        """Return every rule of how long something is kept, with the rows that are past it. Deletes nothing."""
        return self._call_rows(Expired, "purge_expired", {"dry_run": True}, idempotent=True)

    def purge(self, on_progress: Callable[[int], None] = lambda _: None) -> list[Expired]:
        """Delete what was kept long enough, a batch at a time; return the rules with the rows that went.

        Broken off, it is simply done again. `on_progress` is told the rows deleted so far.
        """
        gone: dict[str, Expired] = {}
        while True:
            batch = self._call_rows(Expired, "purge_expired", {}, idempotent=True)
            for rule in batch:
                before = gone[rule.what].rows if rule.what in gone else 0
                gone[rule.what] = rule.model_copy(update={"rows": before + rule.rows})
            on_progress(sum(rule.rows for rule in gone.values()))
            if not any(rule.rows for rule in batch):
                return list(gone.values())
