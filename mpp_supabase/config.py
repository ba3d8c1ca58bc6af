"""Which Supabase to talk to, and with which keys.

One place is asked, as a whole: the environment when it names SUPABASE_URL, else `.env`, else the running local stack.
A URL from one place and a key from another would send a key to a stranger.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mpp_supabase.errors import ConfigError

URL = "SUPABASE_URL"
PUBLISHABLE = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY")
SECRET = ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY")
DATABASE = ("DB_URL", "SUPABASE_DB_URL")


def _project_url(value: str) -> str:
    value = value.strip().rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an address such as https://PROJECT.supabase.co")
    if parts.username or parts.password or parts.query or parts.fragment or parts.path:
        raise ValueError("write the address of the project alone, without path, user or query")
    if parts.scheme == "http" and not is_near(parts.hostname):
        raise ValueError("use https: over http the keys would travel in clear")
    return value


def is_near(host: str) -> bool:
    """Whether a host is this machine or its own network, where nobody else listens."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private


def _role_of(key: str) -> str:
    """The role a key stands for: publishable, secret, or unknown. Nothing is verified: the server does that."""
    if key.startswith("sb_publishable_"):
        return "publishable"
    if key.startswith("sb_secret_"):
        return "secret"
    parts = key.split(".")
    if len(parts) == 3:
        try:
            padded = parts[1] + "=" * (-len(parts[1]) % 4)
            role = json.loads(base64.urlsafe_b64decode(padded)).get("role")
        except (binascii.Error, ValueError, AttributeError):
            return "unknown"
        return {"anon": "publishable", "service_role": "secret"}.get(str(role), "unknown")
    return "unknown"


def _key_for(role: str) -> AfterValidator:
    example = {"publishable": "sb_publishable_…", "secret": "sb_secret_…"}

    def check(value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        found = _role_of(key)
        if found == role:
            return SecretStr(key)
        if found == "unknown":
            raise ValueError(f"it is not an API key ({example[role]}, or the older JWT key)")
        raise ValueError(f"it holds a {found} key where a {role} key belongs")

    return AfterValidator(check)


class Settings(BaseSettings):
    """Where Supabase is and how to come in. Keys are SecretStr: no repr, log or traceback shows them."""

    model_config = SettingsConfigDict(
        env_file=None,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        frozen=True,
        populate_by_name=True,
    )

    url: Annotated[str, AfterValidator(_project_url)] = Field(validation_alias=URL)
    publishable_key: Annotated[SecretStr, _key_for("publishable")] | None = Field(
        default=None, validation_alias=AliasChoices(*PUBLISHABLE)
    )
    secret_key: Annotated[SecretStr, _key_for("secret")] | None = Field(
        default=None, validation_alias=AliasChoices(*SECRET)
    )
    database_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices(*DATABASE))
    source: str = "the program"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what the program gives and nothing else: a key of the environment may belong to another project."""
        return (init_settings,)

    def key(self, role: str) -> SecretStr:
        """Return the `publishable` or `secret` key. Raises ConfigError when it is not set: none stands in for it."""
        key = self.secret_key if role == "secret" else self.publishable_key
        if key is None:
            name = SECRET[0] if role == "secret" else PUBLISHABLE[0]
            raise ConfigError(
                f"This needs the {role} key of {self.url}, and {self.source} has none.",
                f"Set {name} beside {URL}.",
            )
        return key


# By their full names only, in capitals: URL, SECRET_KEY and DATABASE_URL mean other things to other programs.
_EXACT = SettingsConfigDict(populate_by_name=False, case_sensitive=True)


class _FromEnvironment(Settings):
    model_config = _EXACT

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings


class _FromFile(Settings):
    model_config = _EXACT

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, dotenv_settings


def load_settings(env_file: str | Path = ".env") -> Settings:
    """Return the settings of the environment, else of `env_file`, else of the running local stack; `source` says which.

    Raises ConfigError when nothing is configured, a value is wrong, or a key is given without its URL.
    """
    if os.environ.get(URL):
        return _checked("the environment", lambda: _FromEnvironment(source="the environment"))  # type: ignore[call-arg]
    lonely = next((name for name in (*PUBLISHABLE, *SECRET) if os.environ.get(name)), None)
    if lonely:
        raise ConfigError(
            f"{lonely} is set in the environment, but {URL} is not.",
            f"Set {URL} beside it, or unset {lonely}.",
        )
    path = Path(env_file)
    if path.is_file() and _names_url(path):
        place = path.name
        return _checked(place, lambda: _FromFile(_env_file=path, source=place))  # type: ignore[call-arg]
    return _local_stack()


def _names_url(path: Path) -> bool:
    from dotenv import dotenv_values

    try:
        return bool(dotenv_values(path, interpolate=False).get(URL))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name} cannot be read ({type(error).__name__}).", "Make it a readable UTF-8 file."
        ) from None


def _local_stack() -> Settings:
    nothing = ConfigError(
        "No Supabase is configured and no local stack is running.",
        f"Run `mpp stack start`, or set {URL} with {PUBLISHABLE[0]} and {SECRET[0]}.",
    )
    from mpp_supabase.local_stack import running_stack

    status = running_stack()
    if status is None:
        raise nothing
    env: dict[str, Any] = status.env()
    return _checked(
        "the local stack",
        lambda: Settings(
            url=env["API_URL"],
            publishable_key=env["PUBLISHABLE_KEY"],
            secret_key=env["SECRET_KEY"],
            database_url=env["DB_URL"],
            source="the local stack",
        ),
    )


def _checked(place: str, make: Any) -> Settings:
    try:
        settings: Settings = make()
    except ValidationError as error:
        # pydantic's own text may quote the input: only the field and the reason are repeated here.
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        field = str(first["loc"][0])
        names = {"url": (URL,), "publishable_key": PUBLISHABLE, "secret_key": SECRET, "database_url": DATABASE}
        name = next((n for n in names.get(field, (field,)) if n in os.environ), names.get(field, (field,))[0])
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name} in {place} is wrong: {reason}.", f"Correct {name} and try again.") from None
    return settings
