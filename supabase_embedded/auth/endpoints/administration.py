"""For the association's own tools: accounts, invitations, links. Every endpoint needs a service_role token."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import IntegrityError, UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from supabase_embedded.auth import codes, sessions, users
from supabase_embedded.auth.codes import Purpose
from supabase_embedded.auth.context import Context, context_of, uuid_or_refusal
from supabase_embedded.auth.endpoints.account import DUPLICATE_EMAIL, set_password
from supabase_embedded.auth.endpoints.registration import confirm, create_with_email
from supabase_embedded.auth.errors import bad_request, invalid, not_found, unexpected, unprocessable
from supabase_embedded.auth.one_time import keep_code, mail_invitation
from supabase_embedded.auth.passwords import hash_password, require_strong, unguessable
from supabase_embedded.auth.settings import seconds_of
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import Body, read_body, redirect_target

_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


async def list_accounts(request: Request) -> Response:
    """GET /admin/users: a page of accounts, the newest first unless `sort` says otherwise."""
    context = context_of(request)
    page, per_page = _number(request, "page", 1), _number(request, "per_page", 50)
    sort = request.query_params.get("sort", "created_at desc").split(" ")
    if sort[0] != "created_at" or sort[1:] not in ([], ["asc"], ["desc"]):
        raise invalid(f"Bad Sort Parameters: bad field for sort '{sort[0]}'")
    await context.require_admin(request)
    async with context.transaction() as connection:
        found, total = await users.list_users(
            connection,
            context.settings.jwt_aud,
            text=request.query_params.get("filter", ""),
            page=page,
            per_page=per_page,
            ascending=sort[1:] == ["asc"],
        )
    last = math.ceil(total / per_page)
    links = [f'<{request.url.include_query_params(page=last)}>; rel="last"']
    if page < last:
        links.insert(0, f'<{request.url.include_query_params(page=page + 1)}>; rel="next"')
    headers = {"Link": ", ".join(links), "X-Total-Count": str(total)}
    document = {"users": [user.as_json() for user in found], "aud": context.settings.jwt_aud}
    return JSONResponse(document, headers=headers)


async def create_account(request: Request) -> Response:
    """POST /admin/users: an account with an address, confirmed when `email_confirm` says so."""
    context = context_of(request)
    await context.require_admin(request)
    body = await read_body(request)
    if body.text("phone"):
        raise bad_request("phone_provider_disabled", "Phone accounts are disabled")
    if not body.text("email"):
        raise invalid("Cannot create a user without either an email or phone")
    email = body.email()
    columns: dict[str, Any] = {}
    if body.text("id"):
        columns["id"] = _own_id(body.text("id"))
    if body.text("role"):
        columns["role"] = body.text("role").strip()
    if body.text("ban_duration"):
        columns["banned_until"] = _banned_until(body.text("ban_duration"))
    if body.text("aud"):
        columns["aud"] = body.text("aud")
    columns["raw_app_meta_data"] = users.merged(
        {"provider": "email", "providers": ["email"]}, body.mapping("app_metadata")
    )
    hashed = await _new_password(body)
    async with context.transaction() as connection:
        if await users.email_taken(connection, email):
            raise unprocessable("email_exists", DUPLICATE_EMAIL)
        try:
            user = await create_with_email(
                context, connection, email, hashed, body.mapping("user_metadata"), columns=columns
            )
        except UniqueViolation as error:
            if "email" in (error.diag.constraint_name or ""):
                raise unprocessable("email_exists", DUPLICATE_EMAIL) from error
            raise unexpected("Database error creating new user") from error
        if body.flag("email_confirm"):
            user = await confirm(connection, user)
        user = await _reloaded(connection, user)
    return JSONResponse(user.as_json())


async def show_account(request: Request) -> Response:
    """GET /admin/users/{id}."""
    context = context_of(request)
    await context.require_admin(request)
    async with context.transaction() as connection:
        user = await named_account(request, connection)
    return JSONResponse(user.as_json())


async def update_account(request: Request) -> Response:
    """PUT /admin/users/{id}: anything of an account, at once. `ban_duration` ("24h", "none") disables or enables it."""
    context = context_of(request)
    await context.require_admin(request)
    body = await read_body(request)
    if body.text("phone"):
        raise bad_request("phone_provider_disabled", "Phone accounts are disabled")
    email = body.email() if body.text("email") else ""
    columns: dict[str, Any] = {}
    if body.text("role"):
        columns["role"] = body.text("role").strip()
    if body.text("ban_duration"):
        columns["banned_until"] = _banned_until(body.text("ban_duration"))
    hashed = None
    if "password" in body:
        require_strong(body.text("password"), context.settings.password_min_length)
        hashed = await hash_password(body.text("password"))
    async with context.transaction() as connection:
        user = await named_account(request, connection, lock=True)
        if hashed is not None:
            user = await set_password(connection, user, hashed)
        if body.flag("email_confirm"):
            user = await confirm(connection, user)
            await codes.forget(connection, user.id)
        if email:
            if await users.email_taken(connection, email, user.id):
                raise unprocessable("email_exists", DUPLICATE_EMAIL)
            await users.update_email_identity(connection, user.id, email, verified=body.flag("email_confirm"))
            columns["email"] = email
            columns["is_anonymous"] = user.is_anonymous and not body.flag("email_confirm")
        if "app_metadata" in body:
            columns["raw_app_meta_data"] = users.merged(user.raw_app_meta_data, body.mapping("app_metadata"))
        if "user_metadata" in body:
            columns["raw_user_meta_data"] = users.merged(user.raw_user_meta_data, body.mapping("user_metadata"))
        if columns:
            user = await users.change(connection, user.id, columns)
    if hashed is not None:
        context.guessed_passwords.forget_all(user.id)
    return JSONResponse(user.as_json())


async def delete_account(request: Request) -> Response:
    """DELETE /admin/users/{id}: the whole account; with `should_soft_delete` a row that names nobody stays."""
    context = context_of(request)
    await context.require_admin(request)
    body = await read_body(request, optional=True)
    async with context.transaction() as connection:
        user = await named_account(request, connection, lock=True)
        if not body.flag("should_soft_delete"):
            try:
                await connection.execute("delete from auth.users where id = %s", [user.id])
            except IntegrityError as error:
                raise unexpected("Database error deleting user") from error
        elif user.deleted_at is None:
            await _soft_delete(context, connection, user)
    return JSONResponse({})


async def named_account(request: Request, connection: Connection, *, lock: bool = False) -> User:
    """The account of the path. Raises Refusal (404)."""
    user_id = uuid_or_refusal(request.path_params["user_id"], "user_id")
    user = await users.find_by_id(connection, user_id, lock=lock)
    if user is None:
        raise not_found("user_not_found", "User not found")
    return user


async def invite(request: Request) -> Response:
    """POST /invite: an account for an address, and a mail with the code that opens it."""
    context = context_of(request)
    await context.require_admin(request)
    body = await read_body(request)
    email, redirect_to = body.email(), redirect_target(request, context.settings)
    async with context.transaction() as connection:
        user = await _invited(context, connection, email, body.mapping("data"))
        user = await mail_invitation(context, connection, user, redirect_to)
        user = await _reloaded(connection, user)
    return JSONResponse(user.as_json())


async def generate_link(request: Request) -> Response:
    """POST /admin/generate_link: the link and code of a mail, for who sends the mail themselves."""
    context = context_of(request)
    await context.require_admin(request)
    body = await read_body(request)
    kind, email = body.text("type"), body.email()
    redirect_to = redirect_target(request, context.settings, body.text("redirect_to"))
    code = codes.new_code(context.settings.mailer_otp_length)
    token_hash = context.digest(email, code)
    hashed = ""
    if kind in ("signup", "magiclink"):
        hashed = await _link_password(context, body, kind)
    async with context.transaction() as connection:
        user = await users.find_by_email(connection, email, context.settings.jwt_aud)
        if user is not None:
            user = await users.find_by_id(connection, user.id, lock=True)
        if kind == "magiclink" and user is None:
            kind = "signup"
        if kind in ("magiclink", "recovery"):
            if user is None:
                raise not_found("user_not_found", "User with this email not found")
            user = await keep_code(connection, user, Purpose.RECOVERY, token_hash, invited=False)
        elif kind == "invite":
            user = await _invited(context, connection, email, body.mapping("data"))
            user = await keep_code(connection, user, Purpose.CONFIRMATION, token_hash, invited=True)
        elif kind == "signup":
            if user is None:
                user = await create_with_email(context, connection, email, hashed, body.mapping("data"))
            elif user.is_confirmed:
                raise unprocessable("email_exists", DUPLICATE_EMAIL)
            user = await keep_code(connection, user, Purpose.CONFIRMATION, token_hash, invited=False)
        elif kind in ("email_change_current", "email_change_new"):
            if user is None:
                raise not_found("user_not_found", "User with this email not found")
            user, token_hash = await _keep_email_change(context, connection, user, kind, body.email("new_email"), code)
        else:
            raise invalid(f"Invalid email action link type requested: {kind}")
        user = await _reloaded(connection, user)
    link_kind = "email_change" if kind.startswith("email_change") else kind
    document = user.as_json() | {
        "action_link": context.mailer.link(link_kind, token_hash, redirect_to),
        "email_otp": code,
        "hashed_token": token_hash,
        "verification_type": kind,
        "redirect_to": redirect_to,
    }
    return JSONResponse(document)


async def _reloaded(connection: Connection, user: User) -> User:
    # The identity was written after the account: read both together.
    return await users.find_by_id(connection, user.id) or user


async def _invited(context: Context, connection: Connection, email: str, data: dict[str, Any]) -> User:
    found = await users.find_by_email(connection, email, context.settings.jwt_aud)
    if found is None:
        try:
            return await create_with_email(context, connection, email, "", data)
        except UniqueViolation as error:
            raise unprocessable("email_exists", DUPLICATE_EMAIL) from error
    user = await users.find_by_id(connection, found.id, lock=True)
    if user is None or user.is_confirmed:
        raise unprocessable("email_exists", DUPLICATE_EMAIL)
    return user


async def _keep_email_change(
    context: Context, connection: Connection, user: User, kind: str, address: str, code: str
) -> tuple[User, str]:
    current = kind == "email_change_current"
    if current and not context.settings.mailer_secure_email_change_enabled:
        raise invalid("Enable secure email change to generate link for current email")
    if await users.email_taken(connection, address, user.id):
        raise unprocessable("email_exists", DUPLICATE_EMAIL)
    purpose = Purpose.EMAIL_CHANGE_CURRENT if current else Purpose.EMAIL_CHANGE_NEW
    recipient = user.email if current else address
    token_hash = context.digest(recipient, code)
    changed = await users.change(
        connection,
        user.id,
        {
            "email_change": address,
            "email_change_sent_at": datetime.now(UTC),
            "email_change_confirm_status": 0,
            purpose.value: token_hash,
        },
    )
    await codes.keep(connection, user.id, purpose, recipient, token_hash)
    return changed, token_hash


async def _soft_delete(context: Context, connection: Connection, user: User) -> None:
    gone = context.digest(str(user.id), user.email)
    await users.change(
        connection,
        user.id,
        {
            "email": gone,
            "email_change": "",
            "encrypted_password": "",
            **dict.fromkeys((purpose.value for purpose in Purpose), ""),
            "raw_user_meta_data": {},
            "raw_app_meta_data": {},
            "deleted_at": datetime.now(UTC),
        },
    )
    await connection.execute(
        "update auth.identities set identity_data = '{}', provider_id = %s || provider where user_id = %s",
        [gone, user.id],
    )
    await connection.execute("delete from auth.mfa_factors where user_id = %s", [user.id])
    await codes.forget(connection, user.id)
    await sessions.end(connection, user.id)


async def _new_password(body: Body) -> str:
    password, given_hash = body.text("password"), body.text("password_hash")
    if password and given_hash:
        raise invalid("Only a password or a password hash should be provided")
    if given_hash:
        if not _BCRYPT.fullmatch(given_hash):
            raise invalid("The password hash must be a bcrypt hash")
        return given_hash
    if len(password.encode()) > 72:
        raise invalid("bcrypt: password length exceeds 72 bytes")
    return await hash_password(password or unguessable())


async def _link_password(context: Context, body: Body, kind: str) -> str:
    password = body.text("password")
    if kind == "signup":
        if not password:
            raise invalid("Signup requires a valid password")
        require_strong(password, context.settings.password_min_length)
    return await hash_password(password if kind == "signup" else unguessable())


def _banned_until(duration: str) -> datetime | None:
    if duration == "none":
        return None
    try:
        seconds = seconds_of(duration)
        return datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None
    except (ValueError, OverflowError) as error:
        raise invalid(f"invalid format for ban duration: {error}") from error


def _own_id(text: str) -> UUID:
    try:
        own = UUID(text)
    except ValueError:
        raise invalid("ID must conform to the uuid v4 format") from None
    if own.int == 0:
        raise invalid("ID cannot be a nil uuid")
    return own


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name) or str(default)
    if not re.fullmatch(r"\d{1,9}", text):
        raise invalid(f'Bad Pagination Parameters: "{text}" is not a number')
    return int(text) or default
