"""Leagues as the association's staff see them: list, show, members, expel, hand over."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from mpp_supabase.errors import NotAllowed
from mpp_supabase.models import League, LeagueMember, LeagueTeam, Page
from mpp_supabase.services._service import Service, Where, not_found, query


class Leagues(Service):
    """Leagues and their members. Needs the secret key."""

    def page(self, edition_id: int, limit: int = 50, after: str | None = None) -> Page[League]:
        """Return `limit` leagues of an edition by name, from the start or from the cursor `after`."""
        return self._page(League, query(League, "ops_leagues", _BY_NAME, _of(edition_id)), limit, after)

    def iterate(self, edition_id: int, after: str | None = None) -> Iterator[League]:
        """Yield every league of an edition by name."""
        return self._iterate(League, query(League, "ops_leagues", _BY_NAME, _of(edition_id)), after)

    def get(self, league_id: UUID | str) -> League:
        """Return a league. Raises NotAllowed when there is none of this id."""
        found = self._first(League, query(League, "ops_leagues", "league_id", (("league_id", "eq", str(league_id)),)))
        if found is None:
            raise NotAllowed(f"There is no league {league_id}.", "List them with `mpp league list EDITION`.")
        return found

    def members(self, league_id: UUID | str) -> Iterator[LeagueMember]:
        """Yield the players of a league, in the order they joined."""
        where: Where = (("league_id", "eq", str(league_id)),)
        return self._iterate(LeagueMember, query(LeagueMember, "league_members", "joined_at, player_id", where))

    def teams(self, league_id: UUID | str) -> Iterator[LeagueTeam]:
        """Yield the teams of a league by name."""
        where: Where = (("league_id", "eq", str(league_id)),)
        return self._iterate(LeagueTeam, query(LeagueTeam, "league_teams", "name, team_id", where))

    def expel(self, player_id: UUID | str, reason: str) -> None:
        """Expel a player from their league; they lose access at once and cannot come back.

        Raises NotAllowed (no such player in a league), InvalidField (reason), Maintenance, EditionFrozen.
        """
        with not_found(f"There is no player {player_id} in a league.", _MEMBERS):
            self._transport.call("expel_player", {"player_id": str(player_id), "reason": reason})

    def hand_over(self, league_id: UUID | str, player_id: UUID | str) -> None:
        """Make a player of the league its ambassador; the former one stays co-ambassador. Raises NotAllowed."""
        arguments = {"league_id": str(league_id), "player_id": str(player_id)}
        with not_found(f"There is no player {player_id} in league {league_id}.", _MEMBERS):
            self._transport.call("hand_over_league", arguments, idempotent=True)


_MEMBERS = "List its players with `mpp league members LEAGUE_ID`."
_BY_NAME = "name, league_id"


def _of(edition_id: int) -> Where:
    return (("edition_id", "eq", edition_id),)
