"""Rankings of players, teams, leagues, classes and schools: pages, everything, or one subject with its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from mpp_supabase.models import ClassStanding, Edition, Neighbour, Page, SchoolStanding, Scope, Standing
from mpp_supabase.services._service import Service, not_found
from mpp_supabase.transport import Order, Pages

if TYPE_CHECKING:
    from mpp_supabase.ranking_page import Language as PageLanguage
    from mpp_supabase.ranking_page import Published


class Rankings(Service):
    """The ranking of an edition, live until it is frozen. Who opted out is in none of it."""

    def page(
        self,
        edition_id: int,
        scope: Scope | str,
        limit: int = 50,
        after: str | None = None,
        *,
        level: str | None = None,
    ) -> Page[Standing]:
        """Return `limit` lines from the top, or from the cursor `after` of the page before.

        Equal values share a rank and come in the order they were reached. While an edition runs, subjects move between
        two pages. Classes and schools are ClassStanding and SchoolStanding; `level` keeps those of one level, and a
        school then counts with its classes of that level only. Raises CursorError, TransportError.
        """
        model, ranking = ranking_of(edition_id, scope, level)
        return self._page(model, ranking, limit, after)

    def iterate(
        self, edition_id: int, scope: Scope | str, after: str | None = None, *, level: str | None = None
    ) -> Iterator[Standing]:
        """Yield every line of a ranking from the top, whatever its length, asking for 500 at a time.

        The lines are those of `page`.
        """
        model, ranking = ranking_of(edition_id, scope, level)
        return self._iterate(model, ranking, after)

    def around(self, subject_id: UUID | str, neighbours: int = 3) -> list[Neighbour]:
        """Return a player, team, league or class with up to `neighbours` (0 to 50) lines above and below, by rank.

        Raises NotAllowed when it is in no ranking that the key may see, InvalidField.
        """
        arguments = {"subject_id": str(subject_id), "neighbours": neighbours}
        with not_found(f"{subject_id} is in no ranking that the {self._transport.role} key may see.", _PRIVATE):
            return self._read_rows(Neighbour, "ranking_around", arguments)

    def find(self, edition_id: int, scope: Scope | str, query: str, limit: int = 20) -> list[Standing]:
        """Return up to `limit` (1 to 50) lines whose name fits what was typed, the highest first.

        An alias is found by how it begins; a league, a class or a school by how its words begin; without case and
        accents. Teams are not found by name. Raises InvalidField when `query` has fewer than two letters.
        """
        arguments = {"edition_id": edition_id, "scope": Scope(scope).value, "query": query, "results": limit}
        return self._read_rows(_LINES.get(Scope(scope), Standing), "search_ranking", arguments)

    def publish(self, edition: Edition, folder: Path, language: PageLanguage = "fr", live: str = "") -> Published:
        """Write the ranking of a frozen edition into a folder as pages that need no JavaScript.

        `live` is the address of the live page, for a link. Published again, no page has who opted out since.
        Raises ConfigError where the edition is not frozen or is private, or the folder holds other files; OSError.
        """
        from mpp_supabase.ranking_page import publish_ranking

        return publish_ranking(self, edition, folder, language, live)


_PRIVATE = "Drafts and private editions need the secret key; who asked not to be ranked is in no ranking."


def ranking_of(edition_id: int, scope: Scope | str, level: str | None = None) -> tuple[type[Standing], Pages]:
    """Return what a line of a ranking is, and how its lines are read from the top."""
    scope = Scope(scope)
    if level is not None and scope not in (Scope.CLASS, Scope.SCHOOL):
        raise ValueError("only classes and schools have a level")
    order = (Order("value", descending=True), Order("tie_order"), Order("subject_id"))
    arguments = {"edition_id": edition_id, "scope": scope.value, "level": level}
    return _LINES.get(scope, Standing), Pages("ranking_page", arguments, order, f"{scope.value}_ranking")


_LINES: dict[Scope, type[Standing]] = {Scope.CLASS: ClassStanding, Scope.SCHOOL: SchoolStanding}
