"""Asking for a mail: to sign in without a password, to choose a new one, to get a lost mail again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from supabase_embedded.auth import users
from supabase_embedded.auth.context import Context, context_of
from supabase_embedded.auth.endpoints.registration import register
from supabase_embedded.auth.errors import bad_request, invalid, unprocessable
from supabase_embedded.auth.one_time import (
    mail_confirmation,
    mail_email_change,
    mail_reauthentication,
    mail_recovery,
    mail_sign_in,
)
from supabase_embedded.auth.passwords import hash_password, unguessable
from supabase_embedded.auth.wire import Body, read_body, redirect_target


async def otp(request: Request) -> Response:
    """POST /otp: a code to sign in, for a new account too unless `create_user` is false."""
    context = context_of(request)
    body = await read_body(request)
    if body.text("phone"):
        raise bad_request("phone_provider_disabled", "Unsupported phone provider")
    if not body.text("email"):
        raise invalid("One of email or phone must be set")
    email = body.email()
    if not body.flag("create_user", default=True):
        async with context.transaction() as connection:
            known = await users.find_by_email(connection, email, context.settings.jwt_aud)
        if known is None:
            raise unprocessable("otp_disabled", "Signups not allowed for otp")
    return await _mail_sign_in(context, request, body)


async def magic_link(request: Request) -> Response:
    """POST /magiclink: the older name of /otp."""
    context = context_of(request)
    return await _mail_sign_in(context, request, await read_body(request))


async def recover(request: Request) -> Response:
    """POST /recover: a code to choose a new password. Answers the same whether the address has an account or not."""
    context = context_of(request)
    body = await read_body(request)
    if not body.text("email"):
        raise invalid("Password recovery requires an email")
    email, challenge = body.email(), body.challenge()
    redirect_to = redirect_target(request, context.settings)
    async with context.transaction() as connection:
        found = await users.find_by_email(connection, email, context.settings.jwt_aud)
        user = found and await users.find_by_id(connection, found.id, lock=True)
        if user is None:
            context.unknown_addresses.require_pause(email, context.settings.smtp_max_frequency)
        else:
            await mail_recovery(context, connection, user, redirect_to, challenge)
    return JSONResponse({})


async def resend(request: Request) -> Response:
    """POST /resend: the mail of a sign-up or of a change of address again."""
    context = context_of(request)
    body = await read_body(request)
    kind = body.text("type")
    if kind not in ("signup", "email_change", "sms", "phone_change"):
        raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
    if body.text("phone") or kind in ("sms", "phone_change"):
        raise bad_request("phone_provider_disabled", "Phone logins are disabled")
    if not body.text("email"):
        raise invalid("Type provided requires an email address")
    email, challenge = body.email(), body.challenge()
    redirect_to = redirect_target(request, context.settings)
    async with context.transaction() as connection:
        found = await users.find_by_email(connection, email, context.settings.jwt_aud)
        user = found and await users.find_by_id(connection, found.id, lock=True)
        if user is None:
            context.unknown_addresses.require_pause(email, context.settings.smtp_max_frequency)
        elif kind == "signup" and not user.is_confirmed:
            await mail_confirmation(context, connection, user, redirect_to, challenge)
        elif kind == "email_change" and user.email_change:
            await mail_email_change(context, connection, user, user.email_change, redirect_to, challenge)
    return JSONResponse({})


async def reauthenticate(request: Request) -> Response:
    """GET /reauthenticate: a code for the person who is signed in."""
    context = context_of(request)
    async with context.transaction() as connection:
        caller = await context.caller(request, connection)
        if not caller.user.email:
            raise invalid("Reauthentication requires the user to have an email or a phone number")
        if not caller.user.is_confirmed:
            raise unprocessable("email_not_confirmed", "Please verify your email first.")
        user = await users.find_by_id(connection, caller.user.id, lock=True)
        assert user is not None
        await mail_reauthentication(context, connection, user)
    return JSONResponse({})


async def _mail_sign_in(context: Context, request: Request, body: Body) -> Response:
    if not context.settings.external_email_enabled:
        raise unprocessable("email_provider_disabled", "Email logins are disabled")
    email, challenge, data = body.email(), body.challenge(), body.mapping("data")
    redirect_to = redirect_target(request, context.settings)
    async with context.transaction() as connection:
        known = await users.find_by_email(connection, email, context.settings.jwt_aud)
    if known is None or not known.is_confirmed:
        if context.settings.disable_signup:
            raise unprocessable("signup_disabled", "Signups not allowed for this instance")
        hashed = await hash_password(unguessable())
        async with context.transaction() as connection:
            await register(context, connection, email, hashed, data, redirect_to, challenge)
        if not context.settings.mailer_autoconfirm:
            # The mail that confirms the address signs in as well.
            return JSONResponse({})
    async with context.transaction() as connection:
        found = await users.find_by_email(connection, email, context.settings.jwt_aud)
        user = found and await users.find_by_id(connection, found.id, lock=True)
        assert user is not None
        await mail_sign_in(context, connection, user, redirect_to, challenge)
    return JSONResponse({})
