"""The account of the person who is signed in: seeing it, changing it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from supabase_embedded.auth import codes, sessions, users
from supabase_embedded.auth.context import Caller, context_of
from supabase_embedded.auth.endpoints.verification import apply_email_change
from supabase_embedded.auth.errors import Refusal, forbidden, unprocessable
from supabase_embedded.auth.one_time import mail_email_change
from supabase_embedded.auth.passwords import hash_password, matches, require_strong
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import Body, read_body, redirect_target

DUPLICATE_EMAIL = "A user with this email address has already been registered"


async def show(request: Request) -> Response:
    """GET /user: the account as it is now."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await context.caller(request, connection)
    return JSONResponse(caller.user.as_json())


async def update(request: Request) -> Response:
    """PUT /user: change password, metadata or address. The address changes when its code comes back; an anonymous
    account gets its first one at once where addresses need no confirmation."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await context.caller(request, connection)
    body = await read_body(request)
    hashed = await _checked_password(body, caller.user, context.settings.password_min_length)
    email = body.email() if body.text("email") else ""
    challenge = body.challenge()
    redirect_to = redirect_target(request, context.settings)
    if "app_metadata" in body:
        raise forbidden("not_admin", "Updating app_metadata requires admin privileges")
    if caller.lacks_second_factor and ("password" in body or (email and email != caller.user.email)):
        message = "AAL2 session is required to update email or password when MFA is enabled."
        raise Refusal(401, "insufficient_aal", message)
    async with context.transaction() as connection:
        user = await users.find_by_id(connection, caller.user.id, lock=True)
        if user is None:
            raise forbidden("user_not_found", "User from sub claim in JWT does not exist")
        if email and email != user.email and await users.email_taken(connection, email, user.id):
            raise unprocessable("email_exists", DUPLICATE_EMAIL)
        if hashed is not None:
            user = await set_password(connection, user, hashed, caller)
        if "data" in body:
            metadata = users.merged(user.raw_user_meta_data, body.mapping("data"))
            user = await users.change(connection, user.id, {"raw_user_meta_data": metadata})
        if email and email != user.email:
            if user.is_anonymous and context.settings.mailer_autoconfirm:
                user = await users.change(connection, user.id, {"email_change": email})
                user = await apply_email_change(connection, user)
            else:
                user = await mail_email_change(context, connection, user, email, redirect_to, challenge)
    if hashed is not None:
        # What was guessed was the password before.
        context.guessed_passwords.forget_all(user.id)
    return JSONResponse(user.as_json())


async def set_password(connection: Connection, user: User, hashed: str, caller: Caller | None = None) -> User:
    """Set a password, forget every code that was mailed before, and end the sessions, except the caller's own."""
    columns: dict[str, Any] = {"encrypted_password": hashed}
    columns |= dict.fromkeys((purpose.value for purpose in codes.Purpose), "")
    for name in ("confirmation", "recovery", "email_change", "reauthentication"):
        columns[f"{name}_sent_at"] = None
    changed = await users.change(connection, user.id, columns)
    await codes.forget(connection, user.id)
    await sessions.end(connection, user.id, others_than=caller.session_id if caller else None)
    return changed


async def _checked_password(body: Body, user: User, min_length: int) -> str | None:
    if "password" not in body:
        return None
    password = body.text("password")
    require_strong(password, min_length)
    if user.is_anonymous and not body.text("email"):
        message = "Updating password of an anonymous user without an email or phone is not allowed"
        raise unprocessable("validation_failed", message)
    if await matches(password, user.encrypted_password):
        raise unprocessable("same_password", "New password should be different from the old password.")
    return await hash_password(password)
