"""Sessions, their refresh tokens, and the access tokens they give."""

from __future__ import annotations

import base64
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.types.json import Jsonb

from supabase_embedded.auth import users
from supabase_embedded.auth.errors import Refusal, bad_request, unexpected
from supabase_embedded.auth.keys import KeySet
from supabase_embedded.auth.settings import AuthSettings
from supabase_embedded.auth.users import NIL, Connection, User

#: Ways to prove who one is that make the second level of assurance.
SECOND_FACTORS = frozenset(("totp", "mfa/phone", "mfa/webauthn"))
#: How long the custom-access-token hook may take, in milliseconds.
HOOK_TIMEOUT = 2000
#: Claims that a token must have, whatever the hook returns.
REQUIRED_CLAIMS = ("aud", "exp", "iat", "sub", "email", "phone", "role", "aal", "session_id", "is_anonymous")


class Sessions:
    """Opens, refreshes and ends sessions."""

    def __init__(self, settings: AuthSettings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    async def open(
        self, connection: Connection, user: User, method: str, *, user_agent: str, ip: str | None
    ) -> dict[str, Any]:
        """Sign a person in by `method` (password, otp, anonymous…) and return what the client gets: both tokens,
        their lifetime in seconds, and the account. Raises Refusal when the hook refuses."""
        session_id = uuid4()
        refresh_token = _new_refresh_token()
        cursor = await connection.execute(
            "with session as ("
            "  insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)"
            "  values (%(session)s, %(user)s, %(at)s, %(at)s, 'aal1', nullif(%(agent)s, ''), %(ip)s)"
            "), token as ("
            "  insert into auth.refresh_tokens"
            "  (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)"
            "  values (%(nil)s, %(token)s, %(user)s::text, false, now(), now(), null, %(session)s)"
            "), amr as ("
            "  insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)"
            "  values (%(amr)s, %(session)s, %(at)s, %(at)s, %(method)s)"
            ") update auth.users set last_sign_in_at = %(at)s where id = %(user)s returning last_sign_in_at",
            {
                "session": session_id,
                "user": user.id,
                # Not when the transaction began: an address confirmed in it is confirmed before the session is opened.
                "at": datetime.now(UTC),
                "agent": user_agent,
                "ip": ip,
                "nil": NIL,
                "token": refresh_token,
                "amr": uuid4(),
                "method": method,
            },
        )
        row = await cursor.fetchone()
        assert row is not None
        user.last_sign_in_at = row["last_sign_in_at"]
        amr = [{"method": method, "timestamp": int(row["last_sign_in_at"].timestamp())}]
        return await self._grant(connection, user, session_id, amr, method, refresh_token, ip)

    async def refresh(
        self, connection: Connection, token: str, *, user_agent: str, ip: str | None
    ) -> dict[str, Any] | Refusal:
        """Exchange a refresh token for a new pair.

        A token serves once. Its use again gives the newest token as long as that one was not used (the client lost our
        answer), or a new one within the reuse interval; later it means theft, and every token of the session is
        revoked. A Refusal is returned, not raised, because what was revoked must be committed.
        """
        # Who is second waits for the session, so that the answer of the first one is visible.
        cursor = await connection.execute(
            "select s.id, s.user_id, s.not_after from auth.refresh_tokens as t"
            " join auth.sessions as s on s.id = t.session_id where t.token = %s for update of s",
            [token],
        )
        session = await cursor.fetchone()
        if session is None:
            return bad_request("refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        user = await users.find_by_id(connection, session["user_id"])
        if user is None or user.is_banned:
            return bad_request("user_banned", "Invalid Refresh Token: User Banned")
        if session["not_after"] is not None and session["not_after"] < datetime.now(UTC):
            return bad_request("session_expired", "Invalid Refresh Token: Session Expired")
        issued = await self._rotate(connection, session["id"], user.id, token)
        if issued is None:
            return bad_request("refresh_token_already_used", "Invalid Refresh Token: Already Used")
        await connection.execute(
            "update auth.sessions set refreshed_at = now() at time zone 'UTC', updated_at = now(),"
            " user_agent = nullif(%s, ''), ip = %s where id = %s",
            [user_agent, ip, session["id"]],
        )
        amr = await _methods(connection, session["id"])
        return await self._grant(connection, user, session["id"], amr, "token_refresh", issued, ip)

    async def raise_level(
        self, connection: Connection, user: User, session_id: UUID, factor_id: UUID, *, ip: str | None
    ) -> dict[str, Any] | None:
        """Make a session one of two factors and return its new tokens; None when the session is gone.

        Every other session of the account with one factor ends, and so do the session's earlier refresh tokens.
        """
        cursor = await connection.execute(
            "select id from auth.sessions where id = %s and user_id = %s for update", [session_id, user.id]
        )
        if await cursor.fetchone() is None:
            return None
        await connection.execute(
            "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)"
            " values (%(id)s, %(session)s, %(at)s, %(at)s, 'totp')"
            " on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at",
            {"id": uuid4(), "session": session_id, "at": datetime.now(UTC)},
        )
        await connection.execute(
            "update auth.sessions set aal = 'aal2', factor_id = %s where id = %s", [factor_id, session_id]
        )
        await connection.execute("delete from auth.sessions where user_id = %s and aal < 'aal2'", [user.id])
        # What was read of the session before must not become one of two factors: the real server keeps its chain.
        await connection.execute("delete from auth.refresh_tokens where session_id = %s", [session_id])
        issued = await self._follow(connection, session_id, user.id, None)
        amr = await _methods(connection, session_id)
        return await self._grant(connection, user, session_id, amr, "totp", issued, ip)

    async def _rotate(self, connection: Connection, session_id: UUID, user_id: UUID, token: str) -> str | None:
        """Return the token that follows `token`, or None after revoking the session's tokens. The session is locked."""
        cursor = await connection.execute(
            "select token, revoked, updated_at, parent from auth.refresh_tokens where session_id = %s order by id desc",
            [session_id],
        )
        chain = await cursor.fetchall()
        presented = next(row for row in chain if row["token"] == token)
        if presented["revoked"]:
            newest = next((row for row in chain if not row["revoked"]), None)
            if newest is not None and newest["parent"] == token:
                return str(newest["token"])
            interval = timedelta(seconds=self._settings.security_refresh_token_reuse_interval)
            # Without a newest one the session was ended by a theft: the interval gives no second chance.
            if newest is None or datetime.now(UTC) > presented["updated_at"] + interval:
                if self._settings.security_refresh_token_rotation_enabled:
                    await connection.execute(
                        "update auth.refresh_tokens set revoked = true, updated_at = now()"
                        " where session_id = %s and not revoked",
                        [session_id],
                    )
                return None
        return await self._follow(connection, session_id, user_id, token)

    @staticmethod
    async def _follow(connection: Connection, session_id: UUID, user_id: UUID, token: str | None) -> str:
        following = _new_refresh_token()
        await connection.execute(
            "with revoked as (update auth.refresh_tokens set revoked = true, updated_at = now()"
            " where token = %(token)s and not revoked)"
            " insert into auth.refresh_tokens"
            " (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)"
            " values (%(nil)s, %(following)s, %(user)s::text, false, now(), now(), %(token)s, %(session)s)",
            {"nil": NIL, "following": following, "user": user_id, "token": token, "session": session_id},
        )
        return following

    async def _grant(
        self,
        connection: Connection,
        user: User,
        session_id: UUID,
        amr: list[dict[str, Any]],
        method: str,
        refresh_token: str,
        ip: str | None,
    ) -> dict[str, Any]:
        now = int(time.time())
        expires_at = now + self._settings.jwt_exp
        claims: dict[str, Any] = {
            "iss": self._settings.jwt_issuer,
            "sub": str(user.id),
            "aud": user.aud,
            "exp": expires_at,
            "iat": now,
            "email": user.email,
            "phone": user.phone,
            "app_metadata": user.raw_app_meta_data,
            "user_metadata": user.raw_user_meta_data,
            "role": user.role,
            "aal": "aal2" if any(entry["method"] in SECOND_FACTORS for entry in amr) else "aal1",
            "amr": amr,
            "session_id": str(session_id),
            "is_anonymous": user.is_anonymous,
        }
        hook = self._settings.access_token_hook
        if hook is not None:
            claims = await _ask_hook(connection, hook, user.id, claims, method, ip)
        return {
            "access_token": self._keys.sign(claims),
            "token_type": "bearer",
            "expires_in": expires_at - now,
            "expires_at": expires_at,
            "refresh_token": refresh_token,
            "user": user.as_json(),
        }


async def level(connection: Connection, session_id: UUID, user_id: UUID) -> str | None:
    """Return the level of assurance of a live session, aal1 or aal2; None when there is no such session."""
    cursor = await connection.execute(
        "select coalesce(aal, 'aal1') as aal from auth.sessions"
        " where id = %s and user_id = %s and (not_after is null or not_after > now())",
        [session_id, user_id],
    )
    row = await cursor.fetchone()
    return str(row["aal"]) if row else None


async def end(
    connection: Connection, user_id: UUID, *, only: UUID | None = None, others_than: UUID | None = None
) -> None:
    """End sessions of an account: all of them, `only` one, or all `others_than` one."""
    await connection.execute(
        "delete from auth.sessions where user_id = %(user)s"
        " and (%(only)s::uuid is null or id = %(only)s) and id is distinct from %(kept)s",
        {"user": user_id, "only": only, "kept": others_than},
    )


async def _methods(connection: Connection, session_id: UUID) -> list[dict[str, Any]]:
    """How the person of a session proved who they are, the latest first: the claim `amr`."""
    cursor = await connection.execute(
        "select authentication_method, updated_at from auth.mfa_amr_claims where session_id = %s"
        " order by updated_at desc",
        [session_id],
    )
    return [
        {"method": row["authentication_method"], "timestamp": int(row["updated_at"].timestamp())}
        for row in await cursor.fetchall()
    ]


async def _ask_hook(
    connection: Connection,
    hook: tuple[str, str],
    user_id: UUID,
    claims: dict[str, Any],
    method: str,
    ip: str | None,
) -> dict[str, Any]:
    request = {
        "metadata": {
            "uuid": str(uuid4()),
            "time": users.timestamp(datetime.now(UTC)),
            "name": "customize-access-token",
            "ip_address": ip or "",
        },
        "user_id": str(user_id),
        "claims": claims,
        "authentication_method": method,
    }
    await connection.execute(f"set local statement_timeout to {HOOK_TIMEOUT}")
    query = sql.SQL("select {}(%s) as answer").format(sql.Identifier(*hook))
    row = await (await connection.execute(query, [Jsonb(request)])).fetchone()
    await connection.execute("set local statement_timeout to default")
    answer = row["answer"] if row else None
    if not isinstance(answer, dict):
        raise unexpected("output claims field is missing")
    refused = answer.get("error")
    if isinstance(refused, dict) and refused.get("message"):
        status = int(refused.get("http_code") or 500)
        raise Refusal(status, "unexpected_failure" if status == 500 else "unknown", str(refused["message"]))
    answered = answer.get("claims")
    if not isinstance(answered, dict):
        raise unexpected("output claims field is missing")
    missing = [name for name in REQUIRED_CLAIMS if name not in answered]
    if missing:
        details = "".join(f"- (root): {name} is required\n" for name in missing)
        raise unexpected(f"output claims do not conform to the expected schema: \n{details}")
    return answered


def _new_refresh_token() -> str:
    # Twelve letters and digits of base 32, as the real server's: 60 bits.
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()[:12]
