"""What the embedded stack takes from supabase/config.toml, so that it behaves as the hosted project will."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import StackError

_SIZE = re.compile(r"(\d+)\s*(B|[KMG]B|[KMG]iB)?", re.IGNORECASE)
# As the Supabase CLI reads them: MB and MiB are both 1024 times 1024 bytes.
_POWERS = {"": 0, "b": 0, "kb": 1, "mb": 2, "gb": 3}

_HOSTED_RATES = {"anonymous_users": 30, "sign_in_sign_ups": 30, "token_verifications": 30, "token_refresh": 150}


@dataclass(frozen=True)
class Config:
    """The settings of config.toml that the embedded services know; the rest of the file is for the Supabase CLI."""

    schemas: tuple[str, ...] = ("public",)
    extra_search_path: tuple[str, ...] = ()
    max_rows: int = 1000
    auth: dict[str, Any] = field(default_factory=dict)
    #: The file of each function, and those that anybody may call without an API key.
    functions: dict[str, Path] = field(default_factory=dict)
    open_functions: tuple[str, ...] = ()
    #: Whether Storage runs, and the most bytes of any file in it.
    storage: bool = True
    largest_file: int = 50 << 20

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read config.toml; a missing file means the defaults, a broken one a StackError with its line."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except tomllib.TOMLDecodeError as error:
            raise StackError(f"{path} is not valid TOML: {error}.", "Correct the file.") from error
        api = data.get("api", {})
        storage = data.get("storage", {})
        functions = {name: f for name, f in data.get("functions", {}).items() if f.get("enabled", True)}
        return cls(
            schemas=tuple(api.get("schemas", cls.schemas)),
            extra_search_path=tuple(api.get("extra_search_path", cls.extra_search_path)),
            max_rows=api.get("max_rows", cls.max_rows),
            auth=data.get("auth", {}),
            functions={
                name: (path.parent / f.get("entrypoint", f"functions/{name}/index.ts")).resolve()
                for name, f in functions.items()
            },
            open_functions=tuple(name for name, f in functions.items() if not f.get("verify_jwt", True)),
            storage=storage.get("enabled", True),
            largest_file=_bytes(storage.get("file_size_limit", "50MiB"), path),
        )

    def auth_rates(self) -> dict[str, int]:
        """The limits of [auth.rate_limit], where it says nothing those of a new hosted project."""
        return _HOSTED_RATES | {name: n for name, n in self.auth.get("rate_limit", {}).items() if name in _HOSTED_RATES}

    def auth_options(self) -> dict[str, Any]:
        """The [auth] section as arguments of ``auth_environment``."""
        email, hook = self.auth.get("email", {}), self.auth.get("hook", {}).get("custom_access_token", {})
        mfa = self.auth.get("mfa", {})
        options: dict[str, Any] = {
            "site_url": self.auth.get("site_url", "http://127.0.0.1:3000"),
            "redirect_urls": self.auth.get("additional_redirect_urls", []),
            "allow_signup": self.auth.get("enable_signup", True),
            "anonymous": self.auth.get("enable_anonymous_sign_ins", True),
            # The file says what a hosted project must do. Here everybody can read every mailbox: it proves nothing.
            "autoconfirm": True,
            "token_seconds": self.auth.get("jwt_expiry", 3600),
            "code_seconds": email.get("otp_expiry", 3600),
            "mail_interval": email.get("max_frequency", "1s"),
            "reuse_seconds": self.auth.get("refresh_token_reuse_interval", 10),
            "password_min_length": self.auth.get("minimum_password_length", 8),
            # The server has one switch for both steps here: a factor that cannot be used is of no use.
            "totp": mfa.get("totp", {}).get("enroll_enabled", False),
            "most_factors": mfa.get("max_enrolled_factors", 10),
        }
        if hook.get("enabled"):
            # pg-functions://postgres/schema/function
            options["access_token_hook"] = ".".join(hook.get("uri", "").split("/")[-2:])
        return options


def _bytes(size: object, path: Path) -> int:
    """A size of config.toml, such as 50MiB, in bytes. Raises StackError."""
    match = _SIZE.fullmatch(str(size).strip())
    if match is None:
        raise StackError(f"{path}: storage.file_size_limit is {size!r}, not a size.", "Write it as 50MiB.")
    return int(match[1]) << 10 * _POWERS[(match[2] or "").lower().replace("ib", "b")]
