"""One-time codes: made here, kept as hashes, taken once under the lock of their account.

A code is six digits in a mail; the link beside it carries the hash. Both lead to the same row of
`auth.one_time_tokens`. The columns of `auth.users` that hosted Supabase keeps the hashes in too are kept in step.

The hash is keyed with a secret of the server. The real server's has no key: there, whoever knows an address can make
the hashes of all its codes and try them as links.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from supabase_embedded.auth import users
from supabase_embedded.auth.errors import expired_code, forbidden
from supabase_embedded.auth.users import Connection, User

#: Marks the hash in a link whose click gives a PKCE code instead of a session.
PKCE_PREFIX = "pkce_"


class Purpose(StrEnum):
    """What a code proves: a value of `auth.one_time_token_type`, and the column of `auth.users` that repeats it."""

    CONFIRMATION = "confirmation_token"
    RECOVERY = "recovery_token"
    EMAIL_CHANGE_NEW = "email_change_token_new"
    EMAIL_CHANGE_CURRENT = "email_change_token_current"
    REAUTHENTICATION = "reauthentication_token"

    def sent_at(self, user: User) -> datetime | None:
        """When the account's last code of this kind was made."""
        match self:
            case Purpose.CONFIRMATION:
                return user.confirmation_sent_at
            case Purpose.RECOVERY:
                return user.recovery_sent_at
            case Purpose.REAUTHENTICATION:
                return user.reauthentication_sent_at
            case _:
                return user.email_change_sent_at


def new_code(digits: int) -> str:
    """Draw a code, every one as likely."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def digest(key: bytes, address: str, code: str) -> str:
    """The hash by which a code sent to an address is kept: 56 lower-case hexadecimal digits, as the real server's."""
    return hmac.new(key, f"{address}\n{code}".encode(), hashlib.sha224).hexdigest()


async def keep(connection: Connection, user_id: UUID, purpose: Purpose, address: str, token_hash: str) -> None:
    """Keep the hash of a code, instead of the account's earlier one of the kind."""
    await connection.execute(
        "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)"
        " values (%s, %s, %s, %s, lower(%s))"
        " on conflict (user_id, token_type) do update set id = excluded.id, token_hash = excluded.token_hash,"
        " relates_to = excluded.relates_to, created_at = now(), updated_at = now()",
        [uuid4(), user_id, purpose.value, token_hash, address],
    )


async def forget(connection: Connection, user_id: UUID, *purposes: Purpose) -> None:
    """Forget the account's codes of these kinds, or all of them."""
    await connection.execute(
        "delete from auth.one_time_tokens where user_id = %s and token_type = any(%s::auth.one_time_token_type[])",
        [user_id, [purpose.value for purpose in purposes or Purpose]],
    )


async def owner(connection: Connection, token_hash: str) -> tuple[UUID, str] | None:
    """The account that has this hash, for whatever purpose, and the address that its code went to."""
    cursor = await connection.execute(
        "select user_id, relates_to from auth.one_time_tokens where token_hash = %s", [token_hash]
    )
    row = await cursor.fetchone()
    return None if row is None else (row["user_id"], row["relates_to"])


async def addressees(connection: Connection, address: str, purposes: Sequence[Purpose]) -> list[UUID]:
    """The accounts that wait for a code of these kinds that went to this address."""
    cursor = await connection.execute(
        "select distinct user_id from auth.one_time_tokens"
        " where relates_to = lower(%s) and token_type = any(%s::auth.one_time_token_type[])",
        [address, [purpose.value for purpose in purposes]],
    )
    return [row["user_id"] for row in await cursor.fetchall()]


async def claim_by_hash(
    connection: Connection, token_hash: str, purposes: Sequence[Purpose], lifetime: int
) -> tuple[User, Purpose]:
    """Find the account of the hash in a link and lock it: until the end of the transaction the code is ours.

    Raises Refusal (403) for a hash that is unknown, used or older than `lifetime` seconds, or an account that is
    disabled.
    """
    message = "Email link is invalid or has expired"
    cursor = await connection.execute(
        "select user_id from auth.one_time_tokens"
        " where token_hash = %s and token_type = any(%s::auth.one_time_token_type[])",
        [token_hash, [purpose.value for purpose in purposes]],
    )
    row = await cursor.fetchone()
    if row is None:
        raise expired_code(message)
    return await _claim(connection, row["user_id"], (token_hash,), purposes, lifetime, message)


async def claim_by_code(
    connection: Connection, user_id: UUID, hashed: str, purposes: Sequence[Purpose], lifetime: int
) -> tuple[User, Purpose]:
    """Check the hash of a code that a person typed for an account and lock the account.

    Raises Refusal as `claim_by_hash`.
    """
    hashes = (hashed, PKCE_PREFIX + hashed)
    return await _claim(connection, user_id, hashes, purposes, lifetime, "Token has expired or is invalid")


async def _claim(
    connection: Connection,
    user_id: UUID,
    hashes: Sequence[str],
    purposes: Sequence[Purpose],
    lifetime: int,
    message: str,
) -> tuple[User, Purpose]:
    # The account first, then its codes: who comes second waits here, and then finds the code gone.
    user = await users.find_by_id(connection, user_id, lock=True)
    if user is None:
        raise expired_code(message)
    if user.is_banned:
        raise forbidden("user_banned", "User is banned")
    cursor = await connection.execute(
        "select token_type, token_hash from auth.one_time_tokens where user_id = %s", [user_id]
    )
    kept = {row["token_type"]: row["token_hash"] for row in await cursor.fetchall()}
    for purpose in purposes:
        found = kept.get(purpose.value)
        if found is None or not any(hmac.compare_digest(found, candidate) for candidate in hashes):
            continue
        sent_at = purpose.sent_at(user)
        if sent_at is not None and datetime.now(UTC) <= sent_at + timedelta(seconds=lifetime):
            return user, purpose
    raise expired_code(message)
