"""Coming back and leaving: password, refresh token, PKCE code; signing out."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from supabase_embedded.auth import pkce, sessions, users
from supabase_embedded.auth.context import Context, context_of
from supabase_embedded.auth.errors import Refusal, bad_request, invalid, not_found
from supabase_embedded.auth.passwords import matches, weakness
from supabase_embedded.auth.wire import client_ip, peer, read_body

_REFRESH_TOKEN = re.compile(r"[a-z0-9]{12}")


async def token(request: Request) -> Response:
    """POST /token: a session for a password, a refresh token or a PKCE code, by `grant_type`."""
    context = context_of(request)
    match request.query_params.get("grant_type"):
        case "password":
            return await _by_password(context, request)
        case "refresh_token":
            return await _by_refresh_token(context, request)
        case "pkce":
            return await _by_pkce(context, request)
    raise bad_request("invalid_credentials", "unsupported_grant_type")


async def logout(request: Request) -> Response:
    """POST /logout: end every session of the account, or with `scope` this one (local) or the others (others)."""
    context = context_of(request)
    scope = request.query_params.get("scope") or "global"
    if scope not in ("global", "local", "others"):
        raise invalid(f'Unsupported logout scope "{scope}"')
    async with context.transaction() as connection:
        caller = await context.caller(request, connection)
        if scope == "local" and caller.session_id is not None:
            await sessions.end(connection, caller.user.id, only=caller.session_id)
        elif scope == "others" and caller.session_id is not None:
            await sessions.end(connection, caller.user.id, others_than=caller.session_id)
        else:
            await sessions.end(connection, caller.user.id)
    return Response(status_code=204)


async def _by_password(context: Context, request: Request) -> Response:
    body = await read_body(request)
    email, password = body.text("email"), body.text("password")
    if body.text("phone"):
        raise bad_request("phone_provider_disabled", "Phone logins are disabled")
    if not email:
        raise invalid("missing email or phone")
    async with context.transaction() as connection:
        user = await users.find_by_email(connection, email, context.settings.jwt_aud)
    # As the account writes it, so that another way to write it is no other count; a stranger's may be of any length.
    address, accounts = (user.email, [user.id]) if user else (email.lower()[:255], [])
    # And for each client by itself, so that nobody locks the owner out by guessing.
    address = f"{peer(request)} {address}"
    context.guessed_passwords.require(address, *accounts)
    right = await matches(password, user.encrypted_password if user else None)
    if user is not None and user.encrypted_password and user.is_banned:
        raise bad_request("user_banned", "User is banned")
    if user is None or not right:
        # Counted after comparing: a class that signs in to one account at once guesses nothing.
        context.guessed_passwords.count(address, *accounts)
        raise _wrong_password()
    # Again: of a hundred at once, no more than ten wrong ones are looked at before it.
    context.guessed_passwords.require(address, user.id)
    if not user.is_confirmed:
        raise bad_request("email_not_confirmed", "Email not confirmed")
    async with context.transaction() as connection:
        # Under the lock: a password or a ban that changed while we compared counts.
        current = await users.find_by_id(connection, user.id, lock=True)
        if current is None or current.encrypted_password != user.encrypted_password:
            raise _wrong_password()
        if current.is_banned:
            raise bad_request("user_banned", "User is banned")
        answer = await context.sign_in(request, connection, current, "password")
    context.guessed_passwords.forget(address, user.id)
    weak = weakness(password, context.settings.password_min_length)
    if weak is not None:
        answer["weak_password"] = {"message": weak[0], "reasons": weak[1]}
    return JSONResponse(answer)


async def _by_refresh_token(context: Context, request: Request) -> Response:
    presented = (await read_body(request)).text("refresh_token")
    if not _REFRESH_TOKEN.fullmatch(presented):
        raise invalid("Refresh token is not valid")
    agent = request.headers.get("User-Agent", "")
    async with context.transaction() as connection:
        answer = await context.sessions.refresh(connection, presented, user_agent=agent, ip=client_ip(request))
    if isinstance(answer, Refusal):
        raise answer
    return JSONResponse(answer)


async def _by_pkce(context: Context, request: Request) -> Response:
    body = await read_body(request)
    code, verifier = body.text("auth_code"), body.text("code_verifier")
    if not code or not verifier:
        raise invalid("invalid request: both auth code and code verifier should be non-empty")
    async with context.transaction() as connection:
        user_id, method = await pkce.exchange(connection, code, verifier)
        user = await users.find_by_id(connection, user_id)
        if user is None or user.is_banned:
            raise not_found("flow_state_not_found", "invalid flow state, no valid flow state found")
        answer = await context.sign_in(request, connection, user, method)
    return JSONResponse(answer)


def _wrong_password() -> Refusal:
    # One answer for a wrong password and an unknown address.
    return bad_request("invalid_credentials", "Invalid login credentials")
