"""The environment that launches an Auth server, the real one or ours. Imports nothing heavy."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from supabase_embedded.auth.mail_texts import SUBJECTS

#: Mails that one server may send in an hour. The real server counts them for the whole server, so a local stack, where
#: hundreds are invited at once, must not meet it; the limit per account is `mail_interval`.
MAILS_PER_HOUR = 1_000_000

#: What counts requests by network address: the server's variables, and the names of `[auth.rate_limit]` in config.toml.
RATES = {
    "ANONYMOUS_USERS": "anonymous_users",
    "OTP": "sign_in_sign_ups",
    "VERIFY": "token_verifications",
    "TOKEN_REFRESH": "token_refresh",
}

#: Anonymous accounts that one network address may make in an hour in a local stack, where everybody has the same one.
LOCAL_ANONYMOUS = 10_000


def auth_environment(
    *,
    database_url: str,
    external_url: str,
    site_url: str,
    jwt_secret: str,
    jwt_keys: Sequence[Mapping[str, object]],
    smtp_port: int,
    port: int,
    smtp_host: str = "127.0.0.1",
    host: str = "127.0.0.1",
    redirect_urls: Sequence[str] = (),
    templates_url: str | None = None,
    autoconfirm: bool = True,
    anonymous: bool = True,
    allow_signup: bool = True,
    access_token_hook: str | None = None,
    token_seconds: int = 3600,
    code_seconds: int = 3600,
    mail_interval: str = "1s",
    reuse_seconds: int = 10,
    password_min_length: int = 8,
    totp: bool = False,
    most_factors: int = 10,
    sender: str = "noreply@stack.localhost",
    sender_name: str = "Local stack",
    rates: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """Build the environment variables that both Auth servers read.

    `database_url` connects as `supabase_auth_admin`. `external_url` is where clients reach the server, gateway and
    `/auth/v1` included: it is the issuer of the tokens and the base of the links in mails. `jwt_keys` are private JWKs,
    exactly one of them with "sign" among its `key_ops`; `jwt_secret` joins them as a key that only checks, so that the
    older anon and service_role keys pass. `templates_url` serves the mail
    templates (the mailbox does, at `/templates`); ours has them anyway. `access_token_hook` names a database function
    as "schema.function". Durations are in seconds, except `mail_interval`, written as Go does ("1s", "1m"): the least
    time between two mails of one kind to one account; "0s" would mean the server's default of a minute. `totp` allows
    second factors by authenticator app, `most_factors` for one account. `rates` are the
    limits by network address of a hosted project, by the names of `RATES`: without them only anonymous accounts
    have one.
    """
    verify = f"{external_url}/verify"
    environment = {
        "API_EXTERNAL_URL": external_url,
        "GOTRUE_API_HOST": host,
        "PORT": str(port),
        "GOTRUE_DB_DRIVER": "postgres",
        "GOTRUE_DB_DATABASE_URL": database_url,
        "GOTRUE_DB_MAX_POOL_SIZE": "10",
        "GOTRUE_SITE_URL": site_url,
        "GOTRUE_URI_ALLOW_LIST": ",".join(redirect_urls),
        "GOTRUE_DISABLE_SIGNUP": _flag(not allow_signup),
        "GOTRUE_JWT_SECRET": jwt_secret,
        "GOTRUE_JWT_KEYS": json.dumps([*(dict(key) for key in jwt_keys), _shared_key(jwt_secret)]),
        "GOTRUE_JWT_EXP": str(token_seconds),
        "GOTRUE_JWT_AUD": "authenticated",
        "GOTRUE_JWT_DEFAULT_GROUP_NAME": "authenticated",
        "GOTRUE_JWT_ADMIN_ROLES": "service_role",
        "GOTRUE_JWT_ISSUER": external_url,
        "GOTRUE_EXTERNAL_EMAIL_ENABLED": "true",
        "GOTRUE_EXTERNAL_PHONE_ENABLED": "false",
        "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": _flag(anonymous),
        "GOTRUE_MAILER_AUTOCONFIRM": _flag(autoconfirm),
        "GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED": "true",
        "GOTRUE_MAILER_OTP_EXP": str(code_seconds),
        "GOTRUE_MAILER_OTP_LENGTH": "6",
        "GOTRUE_MAILER_URLPATHS_INVITE": verify,
        "GOTRUE_MAILER_URLPATHS_CONFIRMATION": verify,
        "GOTRUE_MAILER_URLPATHS_RECOVERY": verify,
        "GOTRUE_MAILER_URLPATHS_EMAIL_CHANGE": verify,
        "GOTRUE_SMTP_HOST": smtp_host,
        "GOTRUE_SMTP_PORT": str(smtp_port),
        "GOTRUE_SMTP_ADMIN_EMAIL": sender,
        "GOTRUE_SMTP_SENDER_NAME": sender_name,
        "GOTRUE_SMTP_MAX_FREQUENCY": mail_interval,
        "GOTRUE_RATE_LIMIT_EMAIL_SENT": str(MAILS_PER_HOUR),
        "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS": str(LOCAL_ANONYMOUS),
        "GOTRUE_PASSWORD_MIN_LENGTH": str(password_min_length),
        "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED": "true",
        "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": str(reuse_seconds),
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION": "false",
        "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "false",
        "GOTRUE_MFA_TOTP_ENROLL_ENABLED": _flag(totp),
        "GOTRUE_MFA_TOTP_VERIFY_ENABLED": _flag(totp),
        "GOTRUE_MFA_MAX_ENROLLED_FACTORS": str(most_factors),
        "GOTRUE_LOG_LEVEL": "info",
    }
    if rates is not None:
        environment["GOTRUE_RATE_LIMIT_HEADER"] = "X-Forwarded-For"
        for variable, name in RATES.items():
            environment[f"GOTRUE_RATE_LIMIT_{variable}"] = str(rates[name])
    for name, subject in SUBJECTS.items():
        environment[f"GOTRUE_MAILER_SUBJECTS_{name.upper()}"] = subject
        if templates_url is not None:
            environment[f"GOTRUE_MAILER_TEMPLATES_{name.upper()}"] = f"{templates_url}/{name}.html"
    if access_token_hook is not None:
        schema, _, function = access_token_hook.partition(".")
        hook = "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN"
        environment[f"{hook}_ENABLED"] = "true"
        environment[f"{hook}_URI"] = f"pg-functions://postgres/{schema}/{function}"
    return environment


def _shared_key(secret: str) -> dict[str, object]:
    encoded = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
    return {"kty": "oct", "k": encoded, "kid": "shared-secret", "alg": "HS256", "key_ops": ["verify"]}


def _flag(value: bool) -> str:
    return "true" if value else "false"
