"""Coming in for the first time: with an address and a password, or as nobody in particular."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from supabase_embedded.auth import users
from supabase_embedded.auth.context import Context, context_of
from supabase_embedded.auth.errors import bad_request, invalid, unprocessable
from supabase_embedded.auth.one_time import mail_confirmation
from supabase_embedded.auth.passwords import hash_password, require_strong
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import Body, Challenge, read_body, redirect_target


async def signup(request: Request) -> Response:
    """POST /signup: a new account; a session at once when addresses need no confirmation, or for nobody."""
    context = context_of(request)
    body = await read_body(request)
    if not body.text("email") and not body.text("phone"):
        return await _signup_anonymous(context, request, body)
    context.require_rate(request)
    _require_open(context)
    if body.text("phone"):
        raise bad_request("phone_provider_disabled", "Phone signups are disabled")
    password = body.text("password")
    if not password:
        raise invalid("Signup requires a valid password")
    require_strong(password, context.settings.password_min_length)
    challenge = body.challenge()
    if not context.settings.external_email_enabled:
        raise bad_request("email_provider_disabled", "Email signups are disabled")
    email, data = body.email(), body.mapping("data")
    redirect_to = redirect_target(request, context.settings)
    hashed = await hash_password(password)
    async with context.transaction() as connection:
        user = await register(context, connection, email, hashed, data, redirect_to, challenge)
        if user is None:
            if context.settings.mailer_autoconfirm:
                raise unprocessable("user_already_exists", "User already registered")
            return JSONResponse(_as_if_new(context, email, data))
        if user.is_confirmed:
            return JSONResponse(await context.sign_in(request, connection, user, "password"))
    document = user.as_json()
    if user.invited_at is not None:
        # Whoever signs up with an invited address has not shown that it is theirs.
        document |= {"user_metadata": {}, "identities": []}
    return JSONResponse(document)


async def register(
    context: Context,
    connection: Connection,
    email: str,
    hashed_password: str,
    data: dict[str, Any],
    redirect_to: str,
    challenge: Challenge | None,
) -> User | None:
    """Make an account and confirm it; or, where addresses are to be proved, mail its code, again for an account that
    was never confirmed.

    Returns None when the address belongs to an account that this may not touch. Raises Refusal (429) when the mail went
    out just now.
    """
    made = False
    if await users.find_by_email(connection, email, context.settings.jwt_aud) is None:
        try:
            async with connection.transaction():
                await create_with_email(context, connection, email, hashed_password, data, claims_in_profile=True)
            made = True
        except UniqueViolation:
            # Someone signed up with the same address a moment ago: then as if it had been long ago.
            pass
    found = await users.find_by_email(connection, email, context.settings.jwt_aud)
    user = found and await users.find_by_id(connection, found.id, lock=True)
    if user is None or user.is_confirmed:
        return None
    if context.settings.mailer_autoconfirm and not made:
        # Invited, or made by an admin: it is for the person who reads that mail, not for whoever names the address.
        # Supabase Auth would confirm it here and sign the caller in.
        return None
    await users.add_email_identity(connection, user.id, users.email_identity_data(user.id, email))
    if context.settings.mailer_autoconfirm:
        return await confirm(connection, user)
    return await mail_confirmation(context, connection, user, redirect_to, challenge)


async def create_with_email(
    context: Context,
    connection: Connection,
    email: str,
    hashed_password: str,
    data: dict[str, Any],
    *,
    claims_in_profile: bool = False,
    columns: dict[str, Any] | None = None,
) -> User:
    """Insert an account with its e-mail identity. With `claims_in_profile` its metadata repeats the identity, as after
    a sign-up. Raises psycopg.errors.UniqueViolation when the address is taken."""
    user_id = (columns or {}).get("id", uuid4())
    identity = users.email_identity_data(user_id, email)
    user = await users.create(
        connection,
        {
            "aud": context.settings.jwt_aud,
            "role": context.settings.jwt_default_group_name,
            "email": email,
            "encrypted_password": hashed_password,
            "raw_app_meta_data": {"provider": "email", "providers": ["email"]},
            "raw_user_meta_data": data | identity if claims_in_profile else data,
            **(columns or {}),
            "id": user_id,
        },
    )
    await users.add_email_identity(connection, user_id, data | identity if claims_in_profile else identity)
    return user


async def confirm(connection: Connection, user: User) -> User:
    """Take the account's address as proved."""
    return await users.change(
        connection,
        user.id,
        {
            "confirmation_token": "",
            "email_confirmed_at": datetime.now(UTC),
            "raw_user_meta_data": user.raw_user_meta_data | {"email_verified": True},
        },
    )


async def _signup_anonymous(context: Context, request: Request, body: Body) -> Response:
    if not context.settings.external_anonymous_users_enabled:
        raise unprocessable("anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    _require_open(context)
    context.require_anonymous_rate(request)
    columns = {
        "aud": context.settings.jwt_aud,
        "role": context.settings.jwt_default_group_name,
        "raw_user_meta_data": body.mapping("data"),
        "is_anonymous": True,
    }
    async with context.transaction() as connection:
        user = await users.create(connection, columns)
        return JSONResponse(await context.sign_in(request, connection, user, "anonymous"))


def _require_open(context: Context) -> None:
    if context.settings.disable_signup:
        raise unprocessable("signup_disabled", "Signups not allowed for this instance")


def _as_if_new(context: Context, email: str, data: dict[str, Any]) -> dict[str, Any]:
    # The same answer as for a new address, so that it does not tell who has an account.
    now = users.timestamp(datetime.now(UTC))
    return {
        "id": str(uuid4()),
        "aud": context.settings.jwt_aud,
        "role": "",
        "email": email,
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": data,
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "confirmation_sent_at": now,
        "is_anonymous": False,
    }
