"""Signing in to a project as a person: by password or by a code in a mail, then with a second factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpp_supabase.errors import AccountError, SessionEnded
from mpp_supabase.models import Factor
from mpp_supabase.session import SessionStore, StoredSession
from mpp_supabase.transport import Transport

if TYPE_CHECKING:
    from pydantic import SecretStr
    from supabase_auth import AuthResponse

    from mpp_supabase.config import Settings

#: What an authenticator app shows above the code.
ISSUER = "Ma Petite Planète"


@dataclass(frozen=True)
class NewFactor:
    """A second factor that was begun: its id, and what the authenticator app needs, as text and as an address."""

    id: str
    secret: str
    uri: str

    def __repr__(self) -> str:
        return f"NewFactor({self.id!r})"


class Login:
    """One person at one project. Needs the publishable key. Close it, or use it as a context manager.

    with Login(settings) as login:
        login.by_password("ada@example.org", password)
        for factor in login.factors():
            login.prove(factor.id, "123456")
        login.keep()
    """

    def __init__(self, settings: Settings, store: SessionStore | None = None) -> None:
        self._settings = settings
        self._store = store or SessionStore()
        self._transport = Transport(settings, "publishable")

    def __enter__(self) -> Login:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def by_password(self, email: str, password: SecretStr) -> None:
        """Sign in. Raises AccountError (`invalid_credentials`, `email_not_confirmed`, `user_banned`)."""
        given = {"email": email, "password": password.get_secret_value()}
        self._transport.auth(lambda auth: auth.sign_in_with_password(given))  # type: ignore[arg-type]

    def send_code(self, email: str) -> None:
        """Mail a code to an account that exists. Raises AccountError (`over_email_send_rate_limit`, `otp_disabled`)."""
        self._transport.auth(
            lambda auth: auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})
        )

    def by_code(self, email: str, code: str) -> None:
        """Sign in with a mailed code, which also proves the address. Raises AccountError (`otp_expired`)."""
        self._transport.auth(lambda auth: auth.verify_otp({"email": email, "token": code, "type": "email"}))

    def resume(self) -> StoredSession:
        """Go on with the session that is kept for the project. Raises SessionEnded when there is none, or no longer."""
        with self._store.locked():
            kept = self._store.load(self._settings.url)
            if kept is None:
                raise SessionEnded(f"Nobody is signed in on {self._settings.url}.", "Sign in with `mpp login`.")
            token = kept.refresh_token
            try:
                answer: AuthResponse = self._transport.auth(lambda auth: auth.refresh_session(token))
            except AccountError:
                self._store.forget(self._settings.url)
                raise SessionEnded(
                    f"The session of {kept.email} on {self._settings.url} has ended.", "Sign in again with `mpp login`."
                ) from None
            if answer.session is None:
                raise SessionEnded(f"{self._settings.url} gave no session.", "Sign in again with `mpp login`.")
            session = StoredSession.of(answer.session)
            self._store.save(self._settings.url, session)
        return session

    def renew(self) -> None:
        """Exchange the tokens of the session, so that they say what has changed."""
        self._transport.auth(lambda auth: auth.refresh_session())

    def factors(self) -> tuple[Factor, ...]:
        """Return the second factors of the account that count."""
        found = self._transport.auth(lambda auth: auth.mfa.list_factors(), idempotent=True)
        return tuple(Factor.of(factor) for factor in found.totp)

    def prove(self, factor_id: str, code: str) -> None:
        """Show a second factor by a code of the app. Raises AccountError (`mfa_verification_failed`)."""
        self._transport.auth(lambda auth: auth.mfa.challenge_and_verify({"factor_id": factor_id, "code": code.strip()}))

    def begin_factor(self, name: str) -> NewFactor:
        """Begin a second factor; `prove` with its first code makes it count.

        Raises AccountError (`mfa_factor_name_conflict`, `insufficient_aal` without showing the one there is).
        """
        made = self._transport.auth(
            lambda auth: auth.mfa.enroll({"factor_type": "totp", "friendly_name": name, "issuer": ISSUER})
        )
        if made.totp is None:
            raise AccountError("The server gave no secret for an authenticator app.", "", "mfa_totp_enroll_not_enabled")
        return NewFactor(made.id, made.totp.secret, made.totp.uri)

    def remove_factor(self, factor_id: str) -> None:
        """Remove one's own second factor. Raises AccountError (`insufficient_aal` without showing it first)."""
        self._transport.auth(lambda auth: auth.mfa.unenroll({"factor_id": factor_id}))

    def keep(self) -> StoredSession:
        """Keep the session for the commands that follow, in the place of an earlier one."""
        session = self._transport.auth(lambda auth: auth.get_session())
        if session is None:
            raise SessionEnded("Nobody has signed in.", "Sign in with `mpp login`.")
        stored = StoredSession.of(session)
        with self._store.locked():
            self._store.save(self._settings.url, stored)
        return stored

    def sign_out(self) -> StoredSession | None:
        """End the kept session on the server and here; return whose it was, None when nobody was signed in.

        Other devices of the person stay signed in.
        """
        with self._store.locked():
            kept = self._store.load(self._settings.url)
            if kept is not None:
                # Forgotten first: whatever the server says, nothing is left here.
                self._store.forget(self._settings.url)
        if kept is None:
            return None
        token = kept.access_token
        if not kept.is_fresh:
            refresh_token = kept.refresh_token
            try:
                answer = self._transport.auth(lambda auth: auth.refresh_session(refresh_token))
            except AccountError:
                return kept
            token = answer.session.access_token if answer.session else token
        self._transport.sign_out(token)
        return kept
