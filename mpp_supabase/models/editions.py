"""Editions: what they are, hold and count."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from mpp_supabase.models.base import Model


class Edition(Model):
    """An edition with its phase now: draft, registration, running, closed or frozen."""

    id: int
    code: str
    audience: str
    title: dict[str, str]
    phase: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    registration_closes_at: datetime
    ranking_basis: str
    league_min_players: int
    league_max_players: int
    teams_per_league: int
    is_private: bool
    opened_at: datetime | None
    frozen_at: datetime | None


class Challenge(Model):
    """A challenge in an edition; `points_now` counts a boost that is on."""

    id: int
    edition_id: int
    code: str
    kind: str
    theme: str
    title: dict[str, str]
    points: int
    points_now: int
    boost_factor: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    repeat_limit: int | None
    quorum: int | None
    needs_proof: bool
    levels: tuple[str, ...] | None
    curriculum: tuple[str, ...]


class EditionStatistics(Model):
    """Counts of an edition: who is listed, and their points. Who opted out is in no count.

    In a school edition `players` are the pupils of its listed classes. `challenges` are the validations that count, as
    they were last counted (`counted_at`): at the freeze, or before it when the staff asked; None until then.
    """

    edition_id: int
    code: str
    players: int
    teams: int
    leagues: int
    points: int
    classes: int
    schools: int
    challenges: int | None
    counted_at: datetime | None


class MaintenanceWindow(Model):
    """An announced interruption: inside it players cannot write."""

    id: int
    starts_at: datetime
    ends_at: datetime
    message: dict[str, str]
    announced_at: datetime
    is_active: bool


class Change(Model):
    """One difference between an edition file and the database: action `add`, `change` or `remove`, where, and what."""

    action: str
    path: str
    before: Any = None
    after: Any = None


class Mismatch(Model):
    """A score that is not what the validations say; the scope and subject are empty for a broken seal."""

    edition_code: str
    scope: str | None
    subject_id: UUID | None
    fault: str
    expected: int | None
    found: int | None
