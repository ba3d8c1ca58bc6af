"""Leagues and who is in them, and what the staff look at."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mpp_supabase.models.base import Model


class League(Model):
    """A league as the staff see it. `is_short` says that it has fewer players than the edition asks for."""

    league_id: UUID
    edition_id: int
    edition_code: str
    name: str
    category: str
    is_open: bool
    listed: bool
    join_code: str | None
    points: int
    players: int
    is_short: bool
    ambassador_player_id: UUID | None
    created_at: datetime


class LeagueTeam(Model):
    """A team of a league or a class, with its points."""

    team_id: UUID
    league_id: UUID
    name: str
    players: int
    points: int


class LeagueMember(Model):
    """A player as their league sees them, with the points earned there."""

    league_id: UUID
    player_id: UUID
    team_id: UUID | None
    alias: str
    first_name: str
    points: int
    validations: int
    is_ambassador: bool
    joined_at: datetime


class Misuse(Model):
    """Who validated faster than people play: a player, by pattern `burst` (one minute) or `daily rate` (one day).

    Or a whole class, without a player, by pattern `class rate` (per pupil and day of the edition). Or who fills logs
    in a day: `taken back`, `consents`, and `hand-overs` of a league, without a player; `validations` is their number.
    """

    edition_id: int
    subject_id: UUID
    player_id: UUID | None
    alias: str | None
    league_id: UUID
    pattern: str
    validations: int
    points: int
    first_at: datetime
    last_at: datetime


class ConductReport(Model):
    """An expulsion or a report about a player, and how it was resolved."""

    id: int
    kind: str
    edition_id: int
    league_id: UUID
    player_id: UUID
    account_id: UUID | None
    reported_by: UUID | None
    reason: str
    reported_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    alias: str | None
    league: str


class Validation(Model):
    """A validation as the staff see it: what `cancel_validation` needs. `alias` is None for a pupil."""

    validation_id: UUID
    edition_id: int
    league_id: UUID
    player_id: UUID
    alias: str | None
    challenge_code: str
    points: int
    state: str
    proof_sent: bool
    validated_at: datetime
    changed_at: datetime
