"""Passwords: bcrypt, outside the event loop, because one hash takes as long as fifty queries."""

from __future__ import annotations

import asyncio
import os
import secrets
from functools import cache

import bcrypt

from supabase_embedded.auth.errors import Refusal, invalid

#: The variable that names another cost of a hash than Supabase Auth's 10, which takes about 60 ms: 4 at least.
COST = "EMBEDDED_PASSWORD_COST"
#: bcrypt reads no further than this.
LONGEST = 72


def weakness(password: str, min_length: int) -> tuple[str, list[str]] | None:
    """Say what is weak about a password, for people and by code, or None. Lengths are in bytes, as bcrypt's are.

    Raises Refusal (400) for a password longer than bcrypt can take.
    """
    length = len(password.encode())
    if length > LONGEST:
        raise invalid(f"Password cannot be longer than {LONGEST} characters")
    if length < min_length:
        return f"Password should be at least {min_length} characters.", ["length"]
    return None


def require_strong(password: str, min_length: int) -> None:
    """Raise Refusal (422 weak_password) unless the password is strong enough."""
    weak = weakness(password, min_length)
    if weak is not None:
        raise Refusal(422, "weak_password", weak[0], weak[1])


async def hash_password(password: str) -> str:
    """Hash a password of at most 72 bytes."""
    hashed = await asyncio.to_thread(bcrypt.hashpw, password.encode(), _salt())
    return hashed.decode()


async def matches(password: str, hashed: str | None) -> bool:
    """Tell whether a password gives this hash. Takes as long when there is no hash, so that time tells nothing."""
    try:
        same = await asyncio.to_thread(bcrypt.checkpw, password.encode()[:LONGEST], (hashed or _unused_hash()).encode())
    except ValueError:
        return False
    return same and bool(hashed) and len(password.encode()) <= LONGEST


def unguessable() -> str:
    """Make a password nobody knows, for an account that never chose one."""
    return secrets.token_urlsafe(48)


def _salt() -> bytes:
    return bcrypt.gensalt(int(os.environ.get(COST, "10")))


@cache
def _unused_hash() -> str:
    # A hash at the same cost of a password that was thrown away.
    return bcrypt.hashpw(secrets.token_bytes(32).hex().encode(), _salt()).decode()
