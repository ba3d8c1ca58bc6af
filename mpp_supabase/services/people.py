"""People: from what the staff were told to the person, and back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mpp_supabase.models import Model
from mpp_supabase.services._service import Service


class Place(Model):
    """A player of a person, or a class that they run. Without a league it is one that they have left.

    `role` is player, ambassador, co-ambassador, teacher or left; `points` are those of the player, or of the class.
    """

    edition: str
    league_id: UUID | None
    league: str | None
    team: str | None
    player_id: UUID | None
    alias: str | None
    role: str
    listed: bool
    points: int | None


class FoundPerson(Model):
    """An account and the person behind it. Names are None where the account has no profile.

    `found_as` is what they are in what was asked for: player, ambassador, teacher, reported or reporter. `clients` are
    the codes of those that they work for. `places` begin with the latest edition.
    """

    account_id: UUID
    found_as: str | None
    email: str | None
    first_name: str | None
    last_name: str | None
    alias: str | None
    language: str | None
    is_minor: bool
    is_disabled: bool
    created_at: datetime
    open_reports: int
    clients: tuple[str, ...]
    places: tuple[Place, ...]


class People(Service):
    """Finds people. The audit keeps each look, with its reason. Needs the secret key, or a session of the staff."""

    def find(
        self,
        reason: str,
        *,
        alias: str | None = None,
        address: str | None = None,
        name: str | None = None,
        league: str | None = None,
        player_id: UUID | str | None = None,
        account_id: UUID | str | None = None,
        report_id: int | None = None,
        mail_key: str | None = None,
        limit: int = 10,
    ) -> list[FoundPerson]:
        """Return up to `limit` people (50 at most) by one of these, and note in the audit who looked, and why.

        `alias` and `name` are beginnings: of an alias, and of a surname with other words of the name. `league` is an
        id, a code or a whole name. Raises InvalidField unless one thing is asked for, with a reason.
        """
        asked = {
            "alias": alias,
            "address": address,
            "name": name,
            "league": league,
            "player_id": None if player_id is None else str(player_id),
            "account_id": None if account_id is None else str(account_id),
            "report_id": report_id,
            "mail_key": mail_key,
        }
        given = {field: value for field, value in asked.items() if value is not None}
        # Asked again after a lost answer, it would be one look more in the audit, which is true.
        return self._call_rows(
            FoundPerson, "find_people", {"reason": reason, "how_many": limit, **given}, idempotent=True
        )
