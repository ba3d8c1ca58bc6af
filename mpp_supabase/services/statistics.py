"""What all editions came to, and where people play."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from mpp_supabase.errors import TransportError
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, Where, query
from mpp_supabase.transport import LONG_SECONDS


class LifetimeStatistics(Model):
    """Totals over all editions, and how much of them was played before this system (`past_…`).

    `counted_at` is when the oldest count of a running edition was made; None when none is running.
    """

    editions: int
    players: int
    challenges: int
    past_editions: int
    past_players: int
    past_challenges: int
    past_as_of: date | None
    counted_at: datetime | None


class MapCell(Model):
    """How many play in a country or French department; `area` is empty for the small places, which are together."""

    area: str
    country: str | None
    department: str | None
    players: int


class Statistics(Service):
    """Statistics that everybody may read; counting needs the secret key."""

    def lifetime(self) -> LifetimeStatistics:
        """Return the totals over all public editions that have begun."""
        found = self._first(LifetimeStatistics, query(LifetimeStatistics, "lifetime_statistics", "editions"))
        if found is None:
            raise TransportError(f"{self._transport.url} has no lifetime_statistics.")
        return found

    def player_map(self, edition_id: int | None = None) -> Iterator[MapCell]:
        """Yield the map of an edition, or of all editions together, by area. No cell has fewer than five people."""
        where: Where = (("edition_id", "is", "null") if edition_id is None else ("edition_id", "eq", edition_id),)
        return self._iterate(MapCell, query(MapCell, "player_map", "area", where))

    def count(self, code: str) -> datetime:
        """Count an edition that is running, for the totals and the map; return when it was counted.

        The freeze counts by itself, and a frozen edition stays as it was counted. Raises EditionNotFound, OpsOnly.
        """
        arguments = {"edition_code": code}
        at = self._transport.call("count_edition", arguments, idempotent=True, timeout=LONG_SECONDS)
        return datetime.fromisoformat(str(at))
