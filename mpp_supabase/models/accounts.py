"""Accounts, and what was done by whom."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mpp_supabase.models.base import Model

if TYPE_CHECKING:
    from supabase_auth.types import Factor as AuthFactor


class Account(Model):
    """An account of Supabase Auth. `disabled_until` is set when it may not sign in."""

    id: UUID
    email: str | None
    created_at: datetime
    confirmed_at: datetime | None
    last_sign_in_at: datetime | None
    disabled_until: datetime | None
    is_anonymous: bool


class Factor(Model):
    """A second factor of an account: an authenticator app. `verified` says whether it counts."""

    id: UUID
    name: str
    verified: bool
    created_at: datetime

    @classmethod
    def of(cls, factor: AuthFactor) -> Factor:
        """The factor as Supabase Auth tells it."""
        return cls(
            id=UUID(factor.id),
            name=factor.friendly_name or "",
            verified=factor.status == "verified",
            created_at=factor.created_at,
        )


class Caller(Model):
    """Who sent a request, as the database sees it, and what their session lacks."""

    role: str
    account_id: UUID | None
    email: str | None
    is_ops: bool
    proves_address: bool
    has_second_factor: bool
    needs_second_factor: bool


class AuditEntry(Model):
    """A privileged act: who, when, what, on what. `known_by` says how who did it is known.

    It is session (a person who had signed in), claim (the secret key, and a name that nobody has checked), key (the
    secret key alone) or server (Auth or SQL).
    """

    id: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    actor: str | None
    known_by: str
    action: str
    subject: str | None
    subject_name: str | None
    details: dict[str, Any]
