"""Maintenance windows, announced in advance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mpp_supabase.models import MaintenanceWindow
from mpp_supabase.services._service import Service, not_found, query


class Maintenance(Service):
    """Announced interruptions: inside one, players cannot write and are told until when; reads go on."""

    def iterate(self) -> Iterator[MaintenanceWindow]:
        """Yield the windows by start: past, present and future for the secret key, from yesterday on for others."""
        return self._iterate(MaintenanceWindow, query(MaintenanceWindow, "maintenance_windows", "starts_at, id"))

    def announce(self, starts_at: datetime, ends_at: datetime, message: dict[str, str]) -> int:
        """Announce a window; return its id.

        Times carry their offset; `message` has a text in `fr` and in `en`. Raises InvalidField, OpsOnly.
        """
        if starts_at.tzinfo is None or ends_at.tzinfo is None:
            raise ValueError("starts_at and ends_at need an offset")
        arguments = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat(), "message": message}
        return int(self._transport.call("announce_maintenance", arguments))

    def cancel(self, window_id: int) -> None:
        """Take a window back, or end one early. Raises NotAllowed when there is none of this id."""
        with not_found(f"There is no maintenance window {window_id}.", "List them with `mpp maintenance list`."):
            self._transport.call("cancel_maintenance", {"id": window_id})
