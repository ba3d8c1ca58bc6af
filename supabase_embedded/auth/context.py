"""What every endpoint works with: settings, database, keys, mails, limits; and who sent the request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from supabase_embedded.auth import codes, sessions, users
from supabase_embedded.auth.errors import Refusal, bad_request, forbidden, invalid
from supabase_embedded.auth.keys import KeySet
from supabase_embedded.auth.limits import Guesses, Rates, UnknownAddresses
from supabase_embedded.auth.mails import Mailer
from supabase_embedded.auth.sessions import Sessions
from supabase_embedded.auth.settings import AuthSettings
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import bearer_token, client_ip, peer

#: How many requests of a kind may come at once, whatever the rate for five minutes is: as on the real server.
BURST = 30

_COUNTED = {
    ("POST", "/otp"): "rate_limit_otp",
    ("POST", "/magiclink"): "rate_limit_otp",
    ("POST", "/recover"): "rate_limit_otp",
    ("POST", "/resend"): "rate_limit_otp",
    ("PUT", "/user"): "rate_limit_otp",
    ("POST", "/signup"): "rate_limit_otp",
    ("GET", "/verify"): "rate_limit_verify",
    ("POST", "/verify"): "rate_limit_verify",
    ("POST", "/token"): "rate_limit_token_refresh",
}


@dataclass(frozen=True)
class Caller:
    """The person of an access token, and the session it belongs to, if any."""

    user: User
    session_id: UUID | None
    level: str = "aal1"

    @property
    def lacks_second_factor(self) -> bool:
        """Whether the account has a second factor that the session has not shown."""
        return self.user.has_second_factor and self.level != "aal2"


@dataclass
class Context:
    """One running server."""

    settings: AuthSettings
    pool: AsyncConnectionPool[Connection]
    keys: KeySet
    mailer: Mailer
    sessions: Sessions
    unknown_addresses: UnknownAddresses = field(default_factory=UnknownAddresses)
    guessed_codes: Guesses = field(default_factory=Guesses)
    guessed_passwords: Guesses = field(default_factory=Guesses)
    guessed_factors: Guesses = field(default_factory=Guesses)
    rates: Rates = field(default_factory=Rates)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction: committed at the end of the block, rolled back when it raises."""
        async with self.pool.connection() as connection, connection.transaction():
            yield connection

    def digest(self, address: str, code: str) -> str:
        """The hash by which this server keeps a code sent to an address."""
        return codes.digest(self.settings.code_key, address, code)

    async def caller(self, request: Request, connection: Connection) -> Caller:
        """Find the person of the request's access token.

        Raises Refusal: 401 without token, 403 when the token is wrong, expired, of an ended session or of an account
        that is gone or disabled, 400 when it is for another audience.
        """
        claims = self.keys.claims_of(bearer_token(request))
        subject = claims.get("sub")
        if not subject:
            raise forbidden("bad_jwt", "invalid claim: missing sub claim")
        user_id = _uuid(subject)
        if user_id is None:
            raise bad_request("bad_jwt", "invalid claim: sub claim must be a UUID")
        audience = claims.get("aud")
        if self.settings.jwt_aud not in (audience if isinstance(audience, list) else [audience]):
            raise invalid("Token audience doesn't match request audience")
        user = await users.find_by_id(connection, user_id)
        if user is None:
            raise forbidden("user_not_found", "User from sub claim in JWT does not exist")
        session_id, level = await self._live_session(connection, claims, user_id)
        if user.is_banned:
            raise forbidden("user_banned", "User is banned")
        return Caller(user, session_id, level)

    def require_rate(self, request: Request) -> None:
        """Refuse (429) a client that asks too often, where the limits of the hosted server are imitated."""
        name = _COUNTED.get((request.method, request.url.path))
        if name is not None and self.settings.rate_limit_header:
            limit = getattr(self.settings, name)
            self.rates.require(request.url.path, peer(request), limit / 300, BURST)

    def require_anonymous_rate(self, request: Request) -> None:
        """Refuse (429) a client that makes too many anonymous accounts. There is always a limit: nobody invites them,
        and no address is asked for."""
        limit = self.settings.rate_limit_anonymous_users
        self.rates.require("anonymous", peer(request), limit / 3600, int(limit))

    async def require_admin(self, request: Request) -> None:
        """Let only tokens with an admin role (service_role) pass. Raises Refusal: 401 or 403."""
        claims = self.keys.claims_of(bearer_token(request))
        if claims.get("session_id"):
            # A person who was given the role: their session must still be.
            async with self.transaction() as connection:
                await self.caller(request, connection)
        if claims.get("role") not in self.settings.jwt_admin_roles:
            raise forbidden("not_admin", "User not allowed")

    async def sign_in(self, request: Request, connection: Connection, user: User, method: str) -> dict[str, Any]:
        """Open a session for a person who proved who they are, and return what the client gets."""
        agent = request.headers.get("User-Agent", "")
        return await self.sessions.open(connection, user, method, user_agent=agent, ip=client_ip(request))

    async def _live_session(
        self, connection: Connection, claims: dict[str, Any], user_id: UUID
    ) -> tuple[UUID | None, str]:
        claimed = claims.get("session_id")
        if not claimed:
            return None, "aal1"
        session_id = _uuid(claimed)
        if session_id is None:
            raise forbidden("bad_jwt", "invalid claim: session_id claim must be a UUID")
        level = await sessions.level(connection, session_id, user_id)
        if level is None:
            raise forbidden("session_not_found", "Session from session_id claim in JWT does not exist")
        return session_id, level


def context_of(request: Request) -> Context:
    """The server that a request came to."""
    context: Context = request.app.state.context
    return context


def uuid_or_refusal(text: str, name: str) -> UUID:
    """Read a UUID of a path. Raises Refusal (404), as the real server answers."""
    value = _uuid(text)
    if value is None:
        raise Refusal(404, "validation_failed", f"{name} must be an UUID")
    return value


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
