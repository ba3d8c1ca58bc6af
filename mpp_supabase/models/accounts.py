"""Accounts, and what was done by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from mpp_supabase.models.base import Model


class Account(Model):
    """An account of Supabase Auth. `disabled_until` is set when it may not sign in."""

    id: UUID
    email: str | None
    created_at: datetime
    confirmed_at: datetime | None
    last_sign_in_at: datetime | None
    disabled_until: datetime | None
    is_anonymous: bool


class AuditEntry(Model):
    """A privileged act: who, when, what, on what."""

    id: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    action: str
    subject: str | None
    details: dict[str, Any]
