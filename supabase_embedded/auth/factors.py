"""Second factors: the secret of an authenticator app (TOTP, RFC 6238), in `auth.mfa_factors` and `auth.mfa_challenges`.

A factor counts once its owner has answered a challenge with a code of the app. The secret is kept as the real server
keeps it where it does not encrypt its database.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pyotp
import segno
from psycopg import sql

from supabase_embedded.auth.users import Connection, Row, timestamp

#: A factor that was begun and never challenged is forgotten after so many seconds, as the real server does.
UNFINISHED_SECONDS = 300
#: A code counts in its half minute, and in the one before and after: telephones are not exact.
WINDOW = 1


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor as it was read."""

    id: UUID
    user_id: UUID
    status: str
    factor_type: str
    friendly_name: str
    secret: str
    created_at: datetime
    updated_at: datetime
    last_challenged_at: datetime | None

    @property
    def is_verified(self) -> bool:
        """Whether its owner has proved to have it."""
        return self.status == "verified"

    def accepts(self, code: str) -> bool:
        """Whether the app shows this code now."""
        return pyotp.TOTP(self.secret).verify(code.strip(), valid_window=WINDOW)

    def as_json(self) -> dict[str, Any]:
        """The factor as clients see it, without its secret."""
        document = {
            "id": str(self.id),
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
            "status": self.status,
            "factor_type": self.factor_type,
            "phone": "",
            "last_challenged_at": timestamp(self.last_challenged_at) if self.last_challenged_at else None,
        }
        return document | ({"friendly_name": self.friendly_name} if self.friendly_name else {})


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret, as text, as an address, and as a picture of it."""

    secret: str
    uri: str

    @classmethod
    def draw(cls, issuer: str, account: str) -> Enrolment:
        """Draw a secret, for `account` at `issuer`."""
        secret = pyotp.random_base32()
        return cls(secret, pyotp.TOTP(secret).provisioning_uri(name=account or "-", issuer_name=issuer))

    @property
    def picture(self) -> str:
        """The address as a QR code in SVG. Clients put it into a data address, in which # would begin the fragment."""
        written = io.BytesIO()
        segno.make(self.uri, error="h").save(written, kind="svg", scale=3, dark="black", light="white")
        return written.getvalue().decode().replace("#000", "black").replace("#fff", "white")


_FACTORS = sql.SQL(
    "select id, user_id, status::text, factor_type::text, coalesce(friendly_name, '') as friendly_name,"
    " coalesce(secret, '') as secret, created_at, updated_at, last_challenged_at from auth.mfa_factors where {}"
)


async def find(connection: Connection, user_id: UUID, factor_id: UUID, *, lock: bool = False) -> Factor | None:
    """Find a factor of an account."""
    own = sql.SQL("id = %s and user_id = %s for update" if lock else "id = %s and user_id = %s")
    cursor = await connection.execute(_FACTORS.format(own), [factor_id, user_id])
    row = await cursor.fetchone()
    return None if row is None else Factor(**row)


async def of_account(connection: Connection, user_id: UUID) -> list[Factor]:
    """The factors of an account, the oldest first."""
    query = _FACTORS.format(sql.SQL("user_id = %s order by created_at"))
    return [Factor(**row) for row in await (await connection.execute(query, [user_id])).fetchall()]


async def forget_unfinished(connection: Connection, user_id: UUID) -> None:
    """Forget the factors of an account that were begun long ago and never challenged."""
    await connection.execute(
        "delete from auth.mfa_factors f where f.user_id = %s and f.status <> 'verified'"
        " and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)"
        " and f.created_at + %s * interval '1 second' < now()",
        [user_id, UNFINISHED_SECONDS],
    )


async def add(connection: Connection, user_id: UUID, name: str, secret: str) -> UUID:
    """Begin a factor; it counts when its first challenge is answered."""
    factor_id, now = uuid4(), datetime.now(UTC)
    await connection.execute(
        "insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at, secret)"
        " values (%s, %s, %s, 'totp', 'unverified', %s, %s, %s)",
        [factor_id, user_id, name, now, now, secret],
    )
    return factor_id


async def rename(connection: Connection, factor: Factor, name: str) -> None:
    """Give a factor another name."""
    await connection.execute(
        "update auth.mfa_factors set friendly_name = %s, updated_at = now() where id = %s", [name, factor.id]
    )


async def challenge(connection: Connection, factor: Factor, ip: str) -> tuple[UUID, datetime]:
    """Ask for a code: return the id of the question and when it was asked."""
    challenge_id, now = uuid4(), datetime.now(UTC)
    await connection.execute(
        "insert into auth.mfa_challenges (id, factor_id, created_at, ip_address) values (%s, %s, %s, %s)",
        [challenge_id, factor.id, now, ip],
    )
    await connection.execute("update auth.mfa_factors set last_challenged_at = %s where id = %s", [now, factor.id])
    return challenge_id, now


async def find_challenge(connection: Connection, factor: Factor, challenge_id: UUID) -> Row | None:
    """Find a question and lock it: created_at, verified_at, ip."""
    cursor = await connection.execute(
        "select id, created_at, verified_at, host(ip_address) as ip from auth.mfa_challenges"
        " where id = %s and factor_id = %s for update",
        [challenge_id, factor.id],
    )
    return await cursor.fetchone()


async def forget_challenge(connection: Connection, challenge_id: UUID) -> None:
    """Delete a question that is too old."""
    await connection.execute("delete from auth.mfa_challenges where id = %s", [challenge_id])


async def answer(connection: Connection, factor: Factor, challenge_id: UUID) -> None:
    """The question has its answer: the factor counts from now on, and others that were only begun are forgotten."""
    await connection.execute("update auth.mfa_challenges set verified_at = now() where id = %s", [challenge_id])
    await connection.execute(
        "update auth.mfa_factors set status = 'verified', updated_at = now() where id = %s and status <> 'verified'",
        [factor.id],
    )
    await connection.execute(
        "delete from auth.mfa_factors where user_id = %s and status = 'unverified' and factor_type = 'totp'",
        [factor.user_id],
    )


async def remove(connection: Connection, factor: Factor) -> None:
    """Delete a factor. The sessions that it opened are again sessions of one factor."""
    await connection.execute("delete from auth.mfa_factors where id = %s", [factor.id])
    await connection.execute(
        "delete from auth.mfa_amr_claims c using auth.sessions s"
        " where s.id = c.session_id and s.factor_id = %s and c.authentication_method = 'totp'",
        [factor.id],
    )
    await connection.execute(
        "update auth.sessions set aal = 'aal1', factor_id = null where user_id = %s and factor_id = %s",
        [factor.user_id, factor.id],
    )
