"""Rankings of players, teams and leagues: pages, everything, or one subject with its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from mpp_supabase._service import Service, absent
from mpp_supabase.models import Neighbour, Page, Scope, Standing
from mpp_supabase.transport import Order, Reading


class Rankings(Service):
    """The ranking of an edition, live until it is frozen (C1–C5). Who opted out is in none of it."""

    def page(self, edition_id: int, scope: Scope | str, limit: int = 50, after: str | None = None) -> Page[Standing]:
        """Return `limit` lines from the top, or from the cursor `after` of the page before.

        Equal values share a rank and come in the order they were reached. While an edition runs, subjects move between
        two pages. Raises CursorError, TransportError.
        """
        return self._page(Standing, _ranking(edition_id, scope), limit, after)

    def iterate(self, edition_id: int, scope: Scope | str, after: str | None = None) -> Iterator[Standing]:
        """Yield every line of a ranking, whatever its length, asking for 500 at a time."""
        return self._iterate(Standing, _ranking(edition_id, scope), after)

    def around(self, subject_id: UUID | str, neighbours: int = 3) -> list[Neighbour]:
        """Return a player, team or league with up to `neighbours` (0 to 50) lines above and below it (C3), by rank.

        Raises NotAllowed when it is in no ranking that the key may see, InvalidField.
        """
        arguments = {"subject_id": str(subject_id), "neighbours": neighbours}
        with absent(f"{subject_id} is in no ranking that the {self._transport.role} key may see.", _PRIVATE):
            return self._call_rows(Neighbour, "ranking_around", arguments, idempotent=True)


_PRIVATE = "Drafts and private editions need the secret key; who asked not to be ranked is in no ranking."


def _ranking(edition_id: int, scope: Scope | str) -> Reading:
    scope = Scope(scope)
    absent = _ABSENT[scope]
    columns = tuple(name for name in Standing.model_fields if name not in absent)
    order = (Order("value", descending=True), Order("reached_at"), Order("subject_id"))
    return Reading(f"{scope.value}_ranking", columns, order, (("edition_id", "eq", edition_id),))


_ABSENT: dict[Scope, tuple[str, ...]] = {
    Scope.PLAYER: ("players", "points_per_player"),
    Scope.TEAM: (),
    Scope.LEAGUE: ("league_label",),
}
