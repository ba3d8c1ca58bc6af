"""Sessions of people at this machine: `mpp login` keeps them in a file, and commands come in with them.

One file holds them, by the address of the project, so that no token is ever sent to another one. Only its owner can
read it. Access tokens last an hour; the refresh token that gets the next one changes each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mpp_supabase.errors import AccountError, ConfigError, SessionEnded

if TYPE_CHECKING:
    from supabase_auth import Session as AuthSession

    from mpp_supabase.config import Settings

FILE = "sessions.json"
#: A token is exchanged this many seconds before it ends, so that none ends on its way.
MARGIN = 60


@dataclass(frozen=True)
class StoredSession:
    """Somebody who is signed in to a project: account, address, tokens, and when the access token ends (Unix time)."""

    account_id: str
    email: str
    access_token: str
    refresh_token: str
    expires_at: int

    @classmethod
    def of(cls, session: AuthSession) -> StoredSession:
        """What is kept of the answer of Supabase Auth."""
        return cls(
            account_id=str(UUID(session.user.id)),
            email=session.user.email or "",
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_at=session.expires_at or int(time.time()) + session.expires_in,
        )

    def __repr__(self) -> str:
        return f"StoredSession({self.email!r})"

    @property
    def is_fresh(self) -> bool:
        """Whether the access token lasts long enough to be sent."""
        return self.expires_at - MARGIN > time.time()

    @property
    def level(self) -> str:
        """The level of assurance that the access token claims: aal1, or aal2 with a second factor."""
        return str(claims_of(self.access_token).get("aal") or "aal1")


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a token. Nothing is verified: the server does that."""
    import base64
    import binascii

    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


class SessionStore:
    """The file of sessions: `sessions.json` in MPP_HOME, else in `mpp` of the user's configuration directory (XDG)."""

    def __init__(self, directory: Path | None = None) -> None:
        self.path = (directory or _directory()) / FILE

    def load(self, url: str) -> StoredSession | None:
        """Return the session of a project, if somebody is signed in there.

        Raises ConfigError when the file is damaged, or others may read it.
        """
        kept = self._read().get(url)
        try:
            return None if kept is None else StoredSession(**kept)
        except TypeError:
            raise self._damaged() from None

    def save(self, url: str, session: StoredSession) -> None:
        """Keep the session of a project."""
        self._write(self._read() | {url: asdict(session)})

    def forget(self, url: str) -> None:
        """Forget the session of a project."""
        kept = self._read()
        if kept.pop(url, None) is not None:
            self._write(kept)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block no other command changes the file: of two that exchange a token, the second sees the new."""
        try:
            import fcntl
        except ImportError:  # Windows, where the server forgives two exchanges within seconds.
            yield
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, Any]:
        try:
            # One handle: what was looked at is what is read.
            with open(self.path, encoding="utf-8") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise ConfigError(
                        f"{self.path} holds sessions, and others may read it.",
                        f"Run `chmod 600 {self.path}`; if others may have read it, sign out and in again.",
                    )
                kept = json.load(file)["sessions"]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be read ({type(error).__name__}).", "Make it readable for yourself alone."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise self._damaged() from None
        if not isinstance(kept, dict):
            raise self._damaged()
        return kept

    def _write(self, sessions: dict[str, Any]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                json.dump({"sessions": sessions}, file, indent=1)
                file.write("\n")
            os.replace(draft, self.path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _damaged(self) -> ConfigError:
        return ConfigError(f"{self.path} is damaged.", "Delete it and sign in again with `mpp login`.")


class SessionKeeper:
    """The session that requests are sent with: it exchanges the tokens in time, and keeps the new ones."""

    def __init__(self, settings: Settings, store: SessionStore, session: StoredSession) -> None:
        self._settings = settings
        self._store = store
        self.session = session

    def __repr__(self) -> str:
        return f"SessionKeeper({self.session!r})"

    def access_token(self) -> str:
        """Return a token that lasts. Raises SessionEnded."""
        return self.session.access_token if self.session.is_fresh else self.renewed(self.session.access_token)

    def renewed(self, used: str) -> str:
        """Return another access token than the one that was used. Raises SessionEnded."""
        from mpp_supabase.transport import Transport

        url = self._settings.url
        with self._store.locked():
            kept = self._store.load(url)
            if kept is None or kept.account_id != self.session.account_id:
                raise self._ended()
            if kept.access_token == used or not kept.is_fresh:
                token = kept.refresh_token
                with Transport(self._settings, "publishable") as transport:
                    try:
                        answer = transport.auth(lambda auth: auth.refresh_session(token))
                    except AccountError:
                        self._store.forget(url)
                        raise self._ended() from None
                if answer.session is None:
                    raise self._ended()
                kept = StoredSession.of(answer.session)
                self._store.save(url, kept)
        self.session = replace(kept)
        return kept.access_token

    def _ended(self) -> SessionEnded:
        return SessionEnded(
            f"The session of {self.session.email} on {self._settings.url} has ended.",
            "Sign in again with `mpp login`. The secret key is not tried instead.",
        )


def _directory() -> Path:
    home = os.environ.get("MPP_HOME")
    if home:
        return Path(home).expanduser().absolute()
    configuration = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else Path.home() / ".config") / "mpp"
