"""The web application: routes, start and stop, and what is answered when something goes wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from supabase_embedded import __version__
from supabase_embedded.auth.context import Context, context_of
from supabase_embedded.auth.endpoints import (
    account,
    administration,
    mailing,
    registration,
    second_factor,
    signing_in,
    verification,
)
from supabase_embedded.auth.endpoints.account import DUPLICATE_EMAIL
from supabase_embedded.auth.errors import Refusal, not_found, unexpected, unprocessable
from supabase_embedded.auth.keys import KeySet
from supabase_embedded.auth.mails import Mailer
from supabase_embedded.auth.sessions import Sessions
from supabase_embedded.auth.settings import AuthSettings
from supabase_embedded.auth.users import Row

log = logging.getLogger("embedded.auth")


def create_app(settings: AuthSettings) -> Starlette:
    """Build the server. The database is connected when it starts. Raises ValueError when the keys are unusable."""
    keys = KeySet(settings.keys(), settings.jwt_secret.get_secret_value())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        pool = AsyncConnectionPool[AsyncConnection[Row]](
            settings.db_database_url.get_secret_value(),
            connection_class=AsyncConnection[Row],
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "options": "-c search_path=auth -c timezone=UTC -c application_name=embedded-auth",
            },
            min_size=1,
            max_size=settings.db_max_pool_size or 10,
            # Postgres may have been started again meanwhile.
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        async with pool:
            app.state.context = Context(settings, pool, keys, Mailer(settings), Sessions(settings, keys))
            yield

    handlers = {
        Refusal: _on_refusal,
        UniqueViolation: _on_taken,
        HTTPException: _on_http_exception,
        Exception: _on_failure,
    }
    return Starlette(
        routes=_ROUTES,
        lifespan=lifespan,
        exception_handlers=handlers,  # type: ignore[arg-type]
        middleware=[Middleware(_RequestLog), Middleware(_RateLimits)],
    )


async def health(request: Request) -> Response:
    """GET /health: that the server runs, and which one."""
    description = "A local Auth server that speaks as Supabase Auth does"
    return JSONResponse({"version": f"embedded-{__version__}", "name": "GoTrue", "description": description})


async def show_settings(request: Request) -> Response:
    """GET /settings: what clients may offer."""
    settings = context_of(request).settings
    external = dict.fromkeys(_THIRD_PARTIES, False)
    external |= {"anonymous_users": settings.external_anonymous_users_enabled, "email": settings.external_email_enabled}
    return JSONResponse(
        {
            "external": external,
            "disable_signup": settings.disable_signup,
            "mailer_autoconfirm": settings.mailer_autoconfirm,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
            "passkeys_enabled": False,
        }
    )


async def jwks(request: Request) -> Response:
    """GET /.well-known/jwks.json: the public keys that check access tokens."""
    return JSONResponse(context_of(request).keys.jwks, headers={"Cache-Control": "public, max-age=600"})


async def third_party(request: Request) -> Response:
    """GET /authorize: signing in through another service, which this server does not offer."""
    raise Refusal(400, "validation_failed", "Unsupported provider: provider is not enabled")


async def link_identity(request: Request) -> Response:
    """/user/identities: linking by hand, which this server does not offer."""
    context = context_of(request)
    async with context.transaction() as connection:
        await context.caller(request, connection)
    raise not_found("manual_linking_disabled", "Manual linking is disabled")


async def _on_refusal(request: Request, refusal: Refusal) -> Response:
    return refusal.response(request)


async def _on_taken(request: Request, error: UniqueViolation) -> Response:
    # Every endpoint looks first whether an address is free. Of ten who take it at once, nine learn it here.
    if "email" in (error.diag.constraint_name or ""):
        return unprocessable("email_exists", DUPLICATE_EMAIL).response(request)
    log.error("%s %s: %s", request.method, request.url.path, error.diag.constraint_name)
    return unexpected().response(request)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    return Refusal(error.status_code, "unknown", error.detail).response(request)


async def _on_failure(request: Request, error: Exception) -> Response:
    if isinstance(error, PoolTimeout):
        return Refusal(503, "unexpected_failure", "The database does not answer").response(request)
    return unexpected().response(request)


class _RequestLog:
    """Logs method, path, status and milliseconds. The path only: the query of a link carries its code."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            spent = round((time.monotonic() - started) * 1000)
            log.info("%s %s %d %d ms", scope["method"], scope["path"], status, spent)


class _RateLimits:
    """Refuses a client that asks too often, before anything of its request is read.

    A sign-up looks for itself: it may be an anonymous one, which is counted otherwise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/signup":
            request = Request(scope)
            try:
                context_of(request).require_rate(request)
            except Refusal as refusal:
                await refusal.response(request)(scope, receive, send)
                return
        await self._app(scope, receive, send)


_THIRD_PARTIES = (
    *("apple", "azure", "bitbucket", "discord", "facebook", "figma", "fly", "github", "gitlab", "google", "kakao"),
    *("keycloak", "linkedin", "linkedin_oidc", "notion", "phone", "slack", "slack_oidc", "snapchat", "spotify"),
    *("twitch", "twitter", "workos", "zoom"),
)

_ROUTES = [
    Route("/health", health),
    Route("/settings", show_settings),
    Route("/.well-known/jwks.json", jwks),
    Route("/signup", registration.signup, methods=["POST"]),
    Route("/otp", mailing.otp, methods=["POST"]),
    Route("/magiclink", mailing.magic_link, methods=["POST"]),
    Route("/recover", mailing.recover, methods=["POST"]),
    Route("/resend", mailing.resend, methods=["POST"]),
    Route("/reauthenticate", mailing.reauthenticate),
    Route("/verify", verification.verify_link, methods=["GET"]),
    Route("/verify", verification.verify_code, methods=["POST"]),
    Route("/token", signing_in.token, methods=["POST"]),
    Route("/logout", signing_in.logout, methods=["POST"]),
    Route("/user", account.show, methods=["GET"]),
    Route("/user", account.update, methods=["PUT"]),
    Route("/user/identities/authorize", link_identity),
    Route("/user/identities/{identity_id}", link_identity, methods=["DELETE"]),
    Route("/authorize", third_party),
    Route("/factors", second_factor.enrol, methods=["POST"]),
    Route("/factors/{factor_id}", second_factor.unenrol, methods=["DELETE"]),
    Route("/factors/{factor_id}/challenge", second_factor.challenge, methods=["POST"]),
    Route("/factors/{factor_id}/verify", second_factor.verify, methods=["POST"]),
    Route("/invite", administration.invite, methods=["POST"]),
    Route("/admin/users", administration.list_accounts, methods=["GET"]),
    Route("/admin/users", administration.create_account, methods=["POST"]),
    Route("/admin/users/{user_id}", administration.show_account, methods=["GET"]),
    Route("/admin/users/{user_id}", administration.update_account, methods=["PUT"]),
    Route("/admin/users/{user_id}", administration.delete_account, methods=["DELETE"]),
    Route("/admin/users/{user_id}/factors", second_factor.list_factors, methods=["GET"]),
    Route("/admin/users/{user_id}/factors/{factor_id}", second_factor.rename_factor, methods=["PUT"]),
    Route("/admin/users/{user_id}/factors/{factor_id}", second_factor.remove_factor, methods=["DELETE"]),
    Route("/admin/generate_link", administration.generate_link, methods=["POST"]),
]
