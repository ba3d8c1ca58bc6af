"""Accounts of Supabase Auth, for the association's staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import SecretStr

from mpp_supabase import clock
from mpp_supabase._service import Service, absent
from mpp_supabase.errors import AccountError
from mpp_supabase.models import Account

if TYPE_CHECKING:
    from supabase_auth import User

ACCOUNTS_PER_PAGE = 1000
PASSWORD_LENGTH = 10
_FOR_GOOD = "876000h"


class Users(Service):
    """Creates, invites, lists, disables and enables accounts, and makes staff. Needs the secret key."""

    def create(self, email: str, password: SecretStr, *, confirmed: bool = True) -> Account:
        """Create an account; a confirmed one may sign in at once.

        Raises AccountError (`email_exists`, `email_address_invalid`, `weak_password` under 10 characters).
        """
        secret = password.get_secret_value()
        # Supabase Auth takes any password from whoever holds the secret key.
        if len(secret) < PASSWORD_LENGTH:
            hint = f"Use at least {PASSWORD_LENGTH} characters."
            raise AccountError(f"The password has only {len(secret)} characters.", hint, "weak_password")
        attributes: Any = {"email": email, "password": secret, "email_confirm": confirmed}
        return _account(self._transport.admin(lambda api: api.create_user(attributes)).user)

    def invite(self, email: str) -> Account:
        """Send an invitation by mail; the account exists from then on. Raises AccountError (`email_exists`)."""
        return _account(self._transport.admin(lambda api: api.invite_user_by_email(email)).user)

    def iterate(self, search: str = "") -> Iterator[Account]:
        """Yield every account, the latest first, 1,000 at a time; `search` keeps addresses with this text in them."""
        wanted = search.strip().casefold()
        page = 1
        while True:
            number = page
            users = self._transport.admin(
                lambda api, number=number: api.list_users(page=number, per_page=ACCOUNTS_PER_PAGE),  # type: ignore[misc]
                idempotent=True,
            )
            yield from (_account(user) for user in users if wanted in (user.email or "").casefold())
            if len(users) < ACCOUNTS_PER_PAGE:
                return
            page += 1

    def find(self, who: str) -> Account:
        """Return an account by id or by e-mail address. Raises AccountError (`user_not_found`)."""
        try:
            user_id = str(UUID(who))
        except ValueError:
            address = who.strip().casefold()
            for account in self.iterate(address):
                if account.email is not None and account.email.casefold() == address:
                    return account
            raise AccountError(f"There is no account {who}.", _LIST, "user_not_found") from None
        return _account(self._transport.admin(lambda api: api.get_user_by_id(user_id), idempotent=True).user)

    def disable(self, account_id: UUID) -> Account:
        """Stop an account from signing in, also on phones already signed in. Its players and points stay."""
        return self._ban(account_id, _FOR_GOOD)

    def enable(self, account_id: UUID) -> Account:
        """Let a disabled account sign in again."""
        return self._ban(account_id, "none")

    def set_ops(self, account_id: UUID, granted: bool) -> None:
        """Give an account the rights of the staff, or take them back. Raises NotAllowed when there is no account."""
        with absent(f"There is no account {account_id}.", _LIST):
            self._transport.call("set_ops_member", {"member_id": str(account_id), "granted": granted}, idempotent=True)

    def _ban(self, account_id: UUID, duration: str) -> Account:
        attributes: Any = {"ban_duration": duration}
        user = self._transport.admin(lambda api: api.update_user_by_id(str(account_id), attributes), idempotent=True)
        return _account(user.user)


_LIST = "List them with `mpp user list`."


def _account(user: User) -> Account:
    until = datetime.fromisoformat(user.banned_until) if user.banned_until else None
    return Account(
        id=UUID(user.id),
        email=user.email or None,
        created_at=user.created_at,
        confirmed_at=user.email_confirmed_at or user.confirmed_at,
        last_sign_in_at=user.last_sign_in_at,
        disabled_until=until if until is not None and until > clock.now() else None,
        is_anonymous=user.is_anonymous,
    )
