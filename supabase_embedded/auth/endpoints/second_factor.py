"""Second factors by authenticator app: enrolling, asking for a code, answering, removing; and the same for admins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from supabase_embedded.auth import factors, users
from supabase_embedded.auth.context import Caller, Context, context_of, uuid_or_refusal
from supabase_embedded.auth.endpoints.administration import named_account
from supabase_embedded.auth.errors import Refusal, forbidden, invalid, not_found, unexpected, unprocessable
from supabase_embedded.auth.factors import Enrolment, Factor
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import client_ip, read_body


async def enrol(request: Request) -> Response:
    """POST /factors: a secret for an authenticator app. It counts once a code of the app has come back."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await _person(context, request, connection)
    body = await read_body(request)
    if body.text("factor_type") == "phone":
        raise unprocessable("mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone")
    if body.text("factor_type") == "webauthn":
        raise unprocessable("mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn")
    if body.text("factor_type") != "totp":
        raise invalid("factor_type needs to be totp, phone, or webauthn")
    if not context.settings.mfa_totp_enroll_enabled:
        raise unprocessable("mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP")
    name = body.text("friendly_name")
    enrolment = Enrolment.draw(body.text("issuer") or urlsplit(context.settings.site_url).netloc, caller.user.email)
    async with context.transaction() as connection:
        await users.find_by_id(connection, caller.user.id, lock=True)
        await factors.forget_unfinished(connection, caller.user.id)
        # Again, as the lock found it: of ten that come at once, the tenth counts the others.
        caller = await _person(context, request, connection)
        known = await factors.of_account(connection, caller.user.id)
        if any(factor.friendly_name == name for factor in known):
            message = f'A factor with the friendly name "{name}" for this user already exists'
            raise unprocessable("mfa_factor_name_conflict", message)
        if len(known) >= context.settings.mfa_max_enrolled_factors:
            message = "Maximum number of verified factors reached, unenroll to continue"
            raise unprocessable("too_many_enrolled_mfa_factors", message)
        if caller.lacks_second_factor:
            raise forbidden("insufficient_aal", "AAL2 required to enroll a new factor")
        factor_id = await factors.add(connection, caller.user.id, name, enrolment.secret)
    totp = {"qr_code": enrolment.picture, "secret": enrolment.secret, "uri": enrolment.uri}
    return JSONResponse({"id": str(factor_id), "type": "totp", "friendly_name": name, "totp": totp})


async def challenge(request: Request) -> Response:
    """POST /factors/{id}/challenge: the question whose answer is a code of the app."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await _person(context, request, connection)
        factor = await _own(request, connection, caller.user, lock=True)
        _require_verifying(context)
        challenge_id, asked_at = await factors.challenge(connection, factor, _address(request))
    expires_at = asked_at + timedelta(seconds=context.settings.mfa_challenge_expiry_duration)
    return JSONResponse({"id": str(challenge_id), "type": "totp", "expires_at": int(expires_at.timestamp())})


async def verify(request: Request) -> Response:
    """POST /factors/{id}/verify: the answer. The session is one of two factors from then on (aal2)."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await _person(context, request, connection)
        factor = await _own(request, connection, caller.user)
    body = await read_body(request)
    code = body.text("code")
    if not code:
        raise invalid("Code needs to be non-empty")
    _require_verifying(context)
    challenge_id = _challenge_id(body.text("challenge_id"))
    refusal: Refusal | None = None
    async with context.transaction() as connection:
        # The account first, as everywhere.
        user = await users.find_by_id(connection, caller.user.id, lock=True)
        found = await factors.find(connection, caller.user.id, factor.id, lock=True)
        if user is None or found is None or user.is_banned:
            raise not_found("mfa_factor_not_found", "Factor not found")
        asked = await factors.find_challenge(connection, found, challenge_id)
        if asked is None:
            raise unprocessable("mfa_factor_not_found", "MFA factor with the provided challenge ID not found")
        if asked["verified_at"] is not None or asked["ip"] != _address(request):
            raise unprocessable("mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.")
        lifetime = timedelta(seconds=context.settings.mfa_challenge_expiry_duration)
        if datetime.now(UTC) > asked["created_at"] + lifetime:
            await factors.forget_challenge(connection, challenge_id)
            # Not raised here: what was deleted must be committed.
            refusal = _too_old(challenge_id)
        else:
            # Six digits, of which three are right at any moment: ten wrong ones are enough, whoever sends them.
            context.guessed_factors.count("", user.id)
            if not found.accepts(code):
                raise unprocessable("mfa_verification_failed", "Invalid TOTP code entered")
            answer = await _raise_level(context, request, connection, caller, found, challenge_id)
    if refusal is not None:
        raise refusal
    context.guessed_factors.forget("", caller.user.id)
    return answer


async def unenrol(request: Request) -> Response:
    """DELETE /factors/{id}: remove one's own factor; one that counts takes a session of two factors."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await _person(context, request, connection)
        await users.find_by_id(connection, caller.user.id, lock=True)
        factor = await _own(request, connection, caller.user, lock=True)
        if factor.is_verified and caller.level != "aal2":
            raise unprocessable("insufficient_aal", "AAL2 required to unenroll verified factor")
        await factors.remove(connection, factor)
    return JSONResponse({"id": str(factor.id)})


async def list_factors(request: Request) -> Response:
    """GET /admin/users/{id}/factors."""
    context = context_of(request)
    await context.require_admin(request)
    async with context.transaction() as connection:
        user = await named_account(request, connection)
        found = await factors.of_account(connection, user.id)
    return JSONResponse([factor.as_json() for factor in found])


async def rename_factor(request: Request) -> Response:
    """PUT /admin/users/{id}/factors/{id}: another name for a factor."""
    context = context_of(request)
    await context.require_admin(request)
    body = await read_body(request)
    async with context.transaction() as connection:
        user = await named_account(request, connection)
        factor = await _own(request, connection, user, lock=True)
        if body.text("friendly_name"):
            await factors.rename(connection, factor, body.text("friendly_name"))
        factor = await _own(request, connection, user)
    return JSONResponse(factor.as_json())


async def remove_factor(request: Request) -> Response:
    """DELETE /admin/users/{id}/factors/{id}: for somebody who has lost the telephone."""
    context = context_of(request)
    await context.require_admin(request)
    async with context.transaction() as connection:
        user = await named_account(request, connection, lock=True)
        factor = await _own(request, connection, user, lock=True)
        await factors.remove(connection, factor)
    return JSONResponse(factor.as_json())


async def _person(context: Context, request: Request, connection: Connection) -> Caller:
    caller = await context.caller(request, connection)
    if caller.user.is_anonymous:
        raise forbidden("no_authorization", "Anonymous user not allowed to perform these actions")
    if caller.session_id is None:
        raise unexpected("A valid session and a registered user are required to enroll a factor")
    return caller


async def _own(request: Request, connection: Connection, user: User, *, lock: bool = False) -> Factor:
    factor_id = uuid_or_refusal(request.path_params["factor_id"], "factor_id")
    factor = await factors.find(connection, user.id, factor_id, lock=lock)
    if factor is None:
        raise not_found("mfa_factor_not_found", "Factor not found")
    return factor


async def _raise_level(
    context: Context, request: Request, connection: Connection, caller: Caller, factor: Factor, challenge_id: UUID
) -> Response:
    await factors.answer(connection, factor, challenge_id)
    user = await users.find_by_id(connection, caller.user.id)
    assert user is not None
    assert caller.session_id is not None
    ip = client_ip(request)
    answer = await context.sessions.raise_level(connection, user, caller.session_id, factor.id, ip=ip)
    if answer is None:
        raise forbidden("session_not_found", "Session from session_id claim in JWT does not exist")
    return JSONResponse(answer)


def _require_verifying(context: Context) -> None:
    if not context.settings.mfa_totp_verify_enabled:
        raise unprocessable("mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP")


def _challenge_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        message = f"Could not parse request body as JSON: uuid: incorrect UUID length {len(text)} in string {text!r}"
        raise Refusal(400, "bad_json", message) from None


def _too_old(challenge_id: UUID) -> Refusal:
    return unprocessable(
        "mfa_challenge_expired",
        f"MFA challenge {challenge_id} has expired, verify against another challenge or create a new challenge.",
    )


def _address(request: Request) -> str:
    return client_ip(request) or "0.0.0.0"  # noqa: S104
