"""What the server reads from its environment, under the names that the real server uses."""

from __future__ import annotations

import hmac
import json
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Words = Annotated[list[str], NoDecode]

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_HOOK_URI = re.compile(r"pg-functions://[^/]+/([A-Za-z_]\w*)/([A-Za-z_]\w*)")


def seconds_of(duration: str) -> float:
    """Read a duration as Go writes it ("1m30s", "24h") into seconds. Raises ValueError for anything else."""
    sign, text = (-1, duration[1:]) if duration.startswith("-") else (1, duration.removeprefix("+"))
    if text == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(text))
    if not parts or "".join(part.group() for part in parts) != text:
        raise ValueError(f"invalid duration {duration!r}: write it like 24h, 90m or 30s")
    return sign * sum(float(part[1]) * _SECONDS[part[2]] for part in parts)


class AuthSettings(BaseSettings):
    """Settings of the server. A field `x` is read from `GOTRUE_X`, unless it names another variable."""

    model_config = SettingsConfigDict(env_prefix="GOTRUE_", extra="ignore", hide_input_in_errors=True)

    api_host: str = "127.0.0.1"
    port: int = Field(default=8081, validation_alias="PORT")
    external_url: str = Field(validation_alias="API_EXTERNAL_URL")
    site_url: str
    uri_allow_list: Words = []
    disable_signup: bool = False
    external_email_enabled: bool = True
    external_anonymous_users_enabled: bool = False

    db_database_url: SecretStr
    db_max_pool_size: int = Field(default=10, ge=0)

    jwt_secret: SecretStr
    jwt_keys: SecretStr = SecretStr("[]")
    jwt_exp: int = 3600
    jwt_aud: str = ""
    jwt_issuer: str = ""
    jwt_default_group_name: str = ""
    jwt_admin_roles: Words = ["service_role", "supabase_admin"]

    mailer_autoconfirm: bool = False
    mailer_secure_email_change_enabled: bool = True
    mailer_otp_exp: int = 86400
    mailer_otp_length: int = 6
    mailer_urlpaths_invite: str = "/verify"
    mailer_urlpaths_confirmation: str = "/verify"
    mailer_urlpaths_recovery: str = "/verify"
    mailer_urlpaths_email_change: str = "/verify"
    mailer_subjects_confirmation: str = ""
    mailer_subjects_invite: str = ""
    mailer_subjects_magic_link: str = ""
    mailer_subjects_recovery: str = ""
    mailer_subjects_email_change: str = ""
    mailer_subjects_reauthentication: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_pass: SecretStr = SecretStr("")
    smtp_admin_email: str = ""
    smtp_sender_name: str = ""
    smtp_max_frequency: float = 60.0

    rate_limit_header: str = ""
    rate_limit_anonymous_users: float = 30
    rate_limit_otp: float = 30
    rate_limit_verify: float = 30
    rate_limit_token_refresh: float = 150

    password_min_length: int = 6
    security_refresh_token_rotation_enabled: bool = True
    security_refresh_token_reuse_interval: int = 0

    mfa_totp_enroll_enabled: bool = True
    mfa_totp_verify_enabled: bool = True
    mfa_max_enrolled_factors: int = 10
    mfa_challenge_expiry_duration: float = 300

    hook_custom_access_token_enabled: bool = False
    hook_custom_access_token_uri: str = ""

    @field_validator("uri_allow_list", "jwt_admin_roles", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @field_validator("smtp_max_frequency", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        # As the real server: a written zero asks for the default.
        return (seconds_of(value) or 60.0) if isinstance(value, str) else value

    @field_validator("password_min_length")
    @classmethod
    def _at_least_six(cls, value: int) -> int:
        return max(value, 6)

    @field_validator("mailer_otp_length")
    @classmethod
    def _six_to_ten(cls, value: int) -> int:
        return value if 6 <= value <= 10 else 6

    @field_validator("external_url", "site_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not urlsplit(value).scheme:
            raise ValueError("must be an absolute URL")
        return value

    @field_validator("hook_custom_access_token_uri")
    @classmethod
    def _database_hook(cls, value: str) -> str:
        if value and not _HOOK_URI.fullmatch(value):
            raise ValueError("must look like pg-functions://postgres/schema/function")
        return value

    @property
    def access_token_hook(self) -> tuple[str, str] | None:
        """Schema and name of the function that completes the claims of a token, or None."""
        match = _HOOK_URI.fullmatch(self.hook_custom_access_token_uri)
        return (match[1], match[2]) if match and self.hook_custom_access_token_enabled else None

    @property
    def code_key(self) -> bytes:
        """The key of the hashes of mailed codes; it tells nothing about the secret that it is made of."""
        return hmac.digest(self.jwt_secret.get_secret_value().encode(), b"codes in mails", "sha256")

    def keys(self) -> list[dict[str, Any]]:
        """The private JWKs of `GOTRUE_JWT_KEYS`. Raises ValueError when they are not a JSON array of objects."""
        try:
            keys = json.loads(self.jwt_keys.get_secret_value())
        except json.JSONDecodeError:
            # The text is a secret: it must not come back in the message or as the cause.
            raise ValueError("GOTRUE_JWT_KEYS is not JSON") from None
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise ValueError("GOTRUE_JWT_KEYS must be a JSON array of JWKs")
        return keys


def load_settings() -> AuthSettings:
    """Read the settings from the environment. Raises ValueError naming each variable that is missing or wrong."""
    try:
        return AuthSettings.model_validate({})
    except ValidationError as error:
        raise ValueError("; ".join(_complaint(entry["loc"], entry["msg"]) for entry in error.errors())) from None


def _complaint(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else "environment"
    return f"{name if name.isupper() else 'GOTRUE_' + name.upper()}: {message}"
