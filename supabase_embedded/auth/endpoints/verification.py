"""Proving to read a mail: by its link (GET) or by its code or hash (POST)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from supabase_embedded.auth import codes, pkce, sessions, users
from supabase_embedded.auth.codes import PKCE_PREFIX, Purpose
from supabase_embedded.auth.context import Context, context_of
from supabase_embedded.auth.endpoints.registration import confirm
from supabase_embedded.auth.errors import Refusal, expired_code, invalid, unprocessable
from supabase_embedded.auth.passwords import hash_password, unguessable
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import read_body, redirect_target

#: The answer to the first of the two codes of a change of address.
ONE_OF_TWO = "Confirmation link accepted. Please proceed to confirm link sent to the other email"

_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "signup": (Purpose.CONFIRMATION,),
    "invite": (Purpose.CONFIRMATION,),
    "recovery": (Purpose.RECOVERY,),
    "magiclink": (Purpose.RECOVERY,),
    "email_change": (Purpose.EMAIL_CHANGE_CURRENT, Purpose.EMAIL_CHANGE_NEW),
    "email": (Purpose.CONFIRMATION, Purpose.RECOVERY),
}
_FLOWS = {"signup": "email/signup", "invite": "invite", "recovery": "recovery", "magiclink": "magiclink"}
# How RFC 6749 names the statuses that a redirect can carry.
_OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied", 500: "server_error"}


async def verify_link(request: Request) -> Response:
    """GET /verify: someone followed the link of a mail. Leads on to the app with a session, a PKCE code or an error."""
    context = context_of(request)
    token, kind = request.query_params.get("token", ""), request.query_params.get("type", "")
    if not kind:
        raise invalid("Verify requires a verification type")
    if not token:
        raise invalid("Verify requires a token or a token hash")
    target = redirect_target(request, context.settings)
    with_pkce = token.startswith(PKCE_PREFIX)
    try:
        async with context.transaction() as connection:
            user, kind = await _take_hash(context, connection, token, kind)
            if user is None:
                return _redirect(target, {"message": ONE_OF_TWO}, also_in_query=with_pkce)
            if with_pkce:
                code = await pkce.code_for(connection, user.id, _FLOWS.get(kind, kind))
                return RedirectResponse(_with_query(target, {"code": code}), 303)
            session = await context.sign_in(request, connection, user, "otp")
    except Refusal as refusal:
        error = {"error_code": refusal.code, "error_description": refusal.message}
        if refusal.status in _OAUTH_ERRORS:
            error["error"] = _OAUTH_ERRORS[refusal.status]
        return _redirect(target, error, also_in_query=with_pkce)
    names = ("access_token", "token_type", "expires_in", "expires_at", "refresh_token")
    return _redirect(target, {name: str(session[name]) for name in names} | {"type": kind}, also_in_query=False)


async def verify_code(request: Request) -> Response:
    """POST /verify: a code with its address, or the hash of a link. Answers with a session."""
    context = context_of(request)
    body = await read_body(request)
    kind, token, token_hash = body.text("type"), body.text("token"), body.text("token_hash")
    if not kind:
        raise invalid("Verify requires a verification type")
    if bool(token) == bool(token_hash):
        raise invalid("Verify requires either a token or a token hash")
    if token_hash and (body.text("email") or body.text("phone") or body.text("redirect_to")):
        raise invalid("Only the token_hash and type should be provided")
    if token and not body.text("email"):
        raise invalid("Only an email address or phone number should be provided on verify")
    email = body.email() if token else ""
    async with context.transaction() as connection:
        if token:
            user, kind = await _take_code(context, connection, email, token, kind)
        else:
            user, kind = await _take_hash(context, connection, token_hash, kind)
        answer: dict[str, Any]
        if user is None:
            answer = {"msg": ONE_OF_TWO, "code": "200"}
        else:
            answer = await context.sign_in(request, connection, user, "otp")
    return JSONResponse(answer)


async def apply_email_change(connection: Connection, user: User) -> User:
    """Make the awaited address of an account its address. An anonymous account becomes a lasting one."""
    address = user.email_change
    if await users.email_taken(connection, address, user.id):
        raise unprocessable("email_exists", "A user with this email address has already been registered")
    await users.update_email_identity(connection, user.id, address, verified=True)
    changed = await users.change(
        connection,
        user.id,
        {
            "email": address,
            "email_change": "",
            "email_change_token_new": "",
            "email_change_token_current": "",
            "email_change_confirm_status": 0,
            "is_anonymous": False,
        },
    )
    if not changed.is_confirmed:
        changed = await confirm(connection, changed)
    await codes.forget(connection, user.id)
    return changed


async def _take_hash(context: Context, connection: Connection, token: str, kind: str) -> tuple[User | None, str]:
    purposes = _purposes(kind)
    try:
        user, purpose = await codes.claim_by_hash(connection, token, purposes, context.settings.mailer_otp_exp)
    except Refusal:
        # A hash that is nobody's counts for nobody: it has a key, and a limit for all would let one stop everybody.
        # The right one passes whatever was guessed before.
        owner = await codes.owner(connection, token)
        if owner is not None:
            user_id, address = owner
            context.guessed_codes.count(address, user_id)
        raise
    return await _prove(context, connection, user, purpose, kind)


async def _take_code(
    context: Context, connection: Connection, email: str, code: str, kind: str
) -> tuple[User | None, str]:
    purposes = _purposes(kind)
    if kind == "email_change":
        # The address is the new one or the old one; only the hash tells whose account it is.
        context.guessed_codes.count(email, *await codes.addressees(connection, email, purposes))
        hashed = context.digest(email, code)
        lifetime = context.settings.mailer_otp_exp
        for candidate in (hashed, PKCE_PREFIX + hashed):
            try:
                user, purpose = await codes.claim_by_hash(connection, candidate, purposes, lifetime)
            except Refusal as refusal:
                if refusal.code != "otp_expired":
                    raise
                continue
            context.guessed_codes.forget(email, user.id)
            return await _prove(context, connection, user, purpose, kind)
        raise expired_code()
    found = await users.find_by_email(connection, email, context.settings.jwt_aud)
    if found is None:
        context.guessed_codes.count(email)
        raise expired_code()
    context.guessed_codes.count(found.email, found.id)
    hashed = context.digest(email, code)
    user, purpose = await codes.claim_by_code(connection, found.id, hashed, purposes, context.settings.mailer_otp_exp)
    context.guessed_codes.forget(found.email, found.id)
    return await _prove(context, connection, user, purpose, kind)


async def _prove(
    context: Context, connection: Connection, user: User, purpose: Purpose, kind: str
) -> tuple[User | None, str]:
    """Use up a claimed code. Returns the account as it then is, or None after the first of two codes; and the kind."""
    if kind == "email":
        kind = "signup" if purpose is Purpose.CONFIRMATION else "magiclink"
    if kind == "email_change":
        both = context.settings.mailer_secure_email_change_enabled and not context.settings.mailer_autoconfirm
        if both and user.email and user.email_change_confirm_status == 0:
            await codes.forget(connection, user.id, purpose)
            await users.change(connection, user.id, {purpose.value: "", "email_change_confirm_status": 1})
            return None, kind
        user = await apply_email_change(connection, user)
    elif purpose is Purpose.CONFIRMATION:
        if not user.encrypted_password and user.invited_at is not None:
            # An invited person has no password until the app asks for one.
            hashed = await hash_password(unguessable())
            await users.change(connection, user.id, {"encrypted_password": hashed})
            await sessions.end(connection, user.id)
        user = await confirm(connection, user)
        await users.update_email_identity(connection, user.id, user.email, verified=True)
        await codes.forget(connection, user.id)
    else:
        user = await users.change(connection, user.id, {"recovery_token": ""})
        if not user.is_confirmed:
            user = await confirm(connection, user)
        await codes.forget(connection, user.id)
    ways = await users.providers(connection, user.id)
    metadata = user.raw_app_meta_data | {"providers": ways} | ({"provider": ways[0]} if ways else {})
    return await users.change(connection, user.id, {"raw_app_meta_data": metadata}), kind


def _purposes(kind: str) -> tuple[Purpose, ...]:
    purposes = _PURPOSES.get(kind)
    if purposes is None:
        raise invalid("Invalid email verification type")
    return purposes


def _redirect(target: str, values: dict[str, str], *, also_in_query: bool) -> Response:
    if also_in_query:
        target = _with_query(target, values)
    # `sb` tells clients that the fragment is meant for them.
    fragment = urlencode(values | {"sb": ""})
    return RedirectResponse(urlunsplit(urlsplit(target)._replace(fragment=fragment)), 303)


def _with_query(target: str, values: dict[str, str]) -> str:
    parts = urlsplit(target)
    query = urlencode(dict(parse_qsl(parts.query, keep_blank_values=True)) | values)
    return urlunsplit(parts._replace(query=query))
