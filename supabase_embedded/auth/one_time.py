"""Making a code, keeping its hash and mailing it: one function for each mail."""

from __future__ import annotations

from datetime import UTC, datetime

from supabase_embedded.auth import codes, pkce, users
from supabase_embedded.auth.codes import PKCE_PREFIX, Purpose
from supabase_embedded.auth.context import Context
from supabase_embedded.auth.limits import require_pause
from supabase_embedded.auth.users import Connection, User
from supabase_embedded.auth.wire import Challenge


async def mail_confirmation(
    context: Context, connection: Connection, user: User, redirect_to: str, challenge: Challenge | None
) -> User:
    """Mail the code that confirms the address of a new account. Raises Refusal (429) when asked too soon again."""
    require_pause(user.confirmation_sent_at, context.settings.smtp_max_frequency)
    if challenge is not None:
        await pkce.remember(connection, user.id, "email/signup", challenge)
    return await _mail(context, connection, user, "confirmation", "signup", redirect_to, challenge)


async def mail_invitation(context: Context, connection: Connection, user: User, redirect_to: str) -> User:
    """Mail the code by which an invited person takes the account."""
    return await _mail(context, connection, user, "invite", "invite", redirect_to, None)


async def mail_sign_in(
    context: Context, connection: Connection, user: User, redirect_to: str, challenge: Challenge | None
) -> User:
    """Mail a code to sign in without a password. Raises Refusal (429) when asked too soon again."""
    require_pause(user.recovery_sent_at, context.settings.smtp_max_frequency)
    if challenge is not None:
        await pkce.remember(connection, user.id, "magiclink", challenge)
    return await _mail(context, connection, user, "magic_link", "magiclink", redirect_to, challenge)


async def mail_recovery(
    context: Context, connection: Connection, user: User, redirect_to: str, challenge: Challenge | None
) -> User:
    """Mail a code to sign in and choose a new password. Raises Refusal (429) when asked too soon again."""
    require_pause(user.recovery_sent_at, context.settings.smtp_max_frequency)
    if challenge is not None:
        await pkce.remember(connection, user.id, "recovery", challenge)
    return await _mail(context, connection, user, "recovery", "recovery", redirect_to, challenge)


async def mail_reauthentication(context: Context, connection: Connection, user: User) -> User:
    """Mail a code that proves it is still the same person. Raises Refusal (429) when asked too soon again."""
    require_pause(user.reauthentication_sent_at, context.settings.smtp_max_frequency)
    return await _mail(context, connection, user, "reauthentication", "reauthentication", "", None)


async def mail_email_change(
    context: Context, connection: Connection, user: User, address: str, redirect_to: str, challenge: Challenge | None
) -> User:
    """Mail the codes of a change of address: to the new one, and to the old one where there is one and the settings
    ask for both. Raises Refusal (429) when asked too soon again."""
    require_pause(user.email_change_sent_at, context.settings.smtp_max_frequency)
    if challenge is not None:
        await pkce.remember(connection, user.id, "email_change", challenge)
    recipients = {Purpose.EMAIL_CHANGE_NEW: address}
    if context.settings.mailer_secure_email_change_enabled and user.email:
        recipients[Purpose.EMAIL_CHANGE_CURRENT] = user.email
    drawn = {purpose: codes.new_code(context.settings.mailer_otp_length) for purpose in recipients}
    hashes = {purpose: _hash(context, recipients[purpose], drawn[purpose], challenge) for purpose in recipients}
    changed = await users.change(
        connection,
        user.id,
        {
            "email_change": address,
            "email_change_token_new": hashes[Purpose.EMAIL_CHANGE_NEW],
            "email_change_token_current": hashes.get(Purpose.EMAIL_CHANGE_CURRENT, ""),
            "email_change_confirm_status": 0,
            "email_change_sent_at": datetime.now(UTC),
        },
    )
    await codes.forget(connection, user.id, Purpose.EMAIL_CHANGE_NEW, Purpose.EMAIL_CHANGE_CURRENT)
    for purpose, recipient in recipients.items():
        await codes.keep(connection, user.id, purpose, recipient, hashes[purpose])
        values = _values(context, user, drawn[purpose], "email_change", hashes[purpose], redirect_to)
        await context.mailer.send("email_change", recipient, values | {"NewEmail": address, "SendingTo": recipient})
    return changed


_PURPOSES = {
    "confirmation": Purpose.CONFIRMATION,
    "invite": Purpose.CONFIRMATION,
    "magic_link": Purpose.RECOVERY,
    "recovery": Purpose.RECOVERY,
    "reauthentication": Purpose.REAUTHENTICATION,
}
_SENT_AT = {
    Purpose.CONFIRMATION: "confirmation_sent_at",
    Purpose.RECOVERY: "recovery_sent_at",
    Purpose.REAUTHENTICATION: "reauthentication_sent_at",
}


async def keep_code(connection: Connection, user: User, purpose: Purpose, token_hash: str, *, invited: bool) -> User:
    """Make a hash the account's one code of its kind, sent now."""
    now = datetime.now(UTC)
    columns = {purpose.value: token_hash, _SENT_AT[purpose]: now}
    if invited:
        columns["invited_at"] = now
    changed = await users.change(connection, user.id, columns)
    await codes.keep(connection, user.id, purpose, user.email, token_hash)
    return changed


async def _mail(
    context: Context,
    connection: Connection,
    user: User,
    name: str,
    kind: str,
    redirect_to: str,
    challenge: Challenge | None,
) -> User:
    code = codes.new_code(context.settings.mailer_otp_length)
    token_hash = _hash(context, user.email, code, challenge)
    changed = await keep_code(connection, user, _PURPOSES[name], token_hash, invited=name == "invite")
    # Last, so that a mail that cannot be sent leaves nothing behind: the transaction is rolled back.
    await context.mailer.send(name, user.email, _values(context, user, code, kind, token_hash, redirect_to))
    return changed


def _hash(context: Context, address: str, code: str, challenge: Challenge | None) -> str:
    hashed = context.digest(address, code)
    return hashed if challenge is None else PKCE_PREFIX + hashed


def _values(context: Context, user: User, code: str, kind: str, token_hash: str, redirect_to: str) -> dict[str, str]:
    return {
        "SiteURL": context.settings.site_url,
        "ConfirmationURL": context.mailer.link(kind, token_hash, redirect_to),
        "Email": user.email,
        "Token": code,
        "TokenHash": token_hash,
        "RedirectTo": redirect_to,
    }
