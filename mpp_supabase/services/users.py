"""Accounts of Supabase Auth, for the association's staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import SecretStr

from mpp_supabase.errors import AccountError
from mpp_supabase.models import Account, Factor
from mpp_supabase.services._service import Service, not_found
from mpp_supabase.typed import trimmed

if TYPE_CHECKING:
    from supabase_auth import User

ACCOUNTS_PER_PAGE = 500
PASSWORD_LENGTH = 10


class Users(Service):
    """Creates, invites, lists, disables and enables accounts, and makes staff. Most of it needs the secret key."""

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
        return self._account(self._transport.admin(lambda api: api.create_user(attributes)).user)

    def invite(self, email: str) -> Account:
        """Send an invitation by mail; the account exists from then on. Raises AccountError (`email_exists`)."""
        return self._account(self._transport.admin(lambda api: api.invite_user_by_email(email)).user)

    def iterate(self, search: str = "") -> Iterator[Account]:
        """Yield every account, the latest first, 500 at a time; `search` keeps addresses with this text in them."""
        before: dict[str, Any] = {}
        while True:
            asked = {"search": trimmed(search), "size": ACCOUNTS_PER_PAGE, **before}
            found = self._transport.read("list_accounts", asked)
            now = self.read_clock() if any(row["banned_until"] for row in found) else None
            yield from (Account(disabled_until=_ahead(row.pop("banned_until"), now), **row) for row in found)
            # The server may cut any answer short without a word: there is an end when nothing comes.
            if not found:
                return
            before = {"before_at": found[-1]["created_at"], "before_id": found[-1]["id"]}

    def find(self, who: str) -> Account:
        """Return an account by id or by e-mail address. Raises AccountError (`user_not_found`)."""
        try:
            user_id = str(UUID(who))
        except ValueError:
            address = trimmed(who).casefold()
            for account in self.iterate(address):
                if account.email is not None and account.email.casefold() == address:
                    return account
            raise AccountError(f"There is no account {who}.", _LIST, "user_not_found") from None
        return self._account(self._transport.admin(lambda api: api.get_user_by_id(user_id), idempotent=True).user)

    def named(self, who: str) -> tuple[UUID, str]:
        """Return id and name of an account that is named by id or e-mail address. Raises AccountError.

        A session has no list of everybody's addresses: it takes the id alone.
        """
        if self._transport.role == "secret":
            account = self.find(who)
            return account.id, account.email or str(account.id)
        try:
            return UUID(who), who
        except ValueError:
            raise AccountError(
                "Without the secret key an account is named by its id.", "`mpp --as key …` takes addresses.", "account"
            ) from None

    def disable(self, who: str, reason: str = "") -> Account:
        """Stop an account, by id or e-mail address, from signing in, also on phones already signed in.

        Its players and points stay. The audit keeps the reason. Raises NotAllowed when there is no such account,
        OpsOnly for an account of the staff without the secret key.
        """
        return self._set_disabled(who, True, reason)

    def enable(self, who: str, reason: str = "") -> Account:
        """Let a disabled account sign in again. Raises as `disable` does."""
        return self._set_disabled(who, False, reason)

    def factors(self, account_id: UUID) -> tuple[Factor, ...]:
        """Return the second factors of an account. Raises AccountError (`user_not_found`). Needs the secret key."""
        asked: Any = {"user_id": str(account_id)}
        found = self._transport.admin(lambda api: api.mfa.list_factors(asked), idempotent=True)
        return tuple(Factor.of(factor) for factor in found)

    def remove_factor(self, account_id: UUID, factor_id: UUID, reason: str) -> None:
        """Remove a second factor of somebody who has lost it; the audit keeps the reason. Needs the secret key.

        Raises NotAllowed when the account has no such factor.
        """
        given = {"account_id": str(account_id), "factor_id": str(factor_id)}
        # The trace first: rather one too many than one too few.
        with not_found(f"This account has no factor {factor_id}.", "List them with `mpp user factors`."):
            self._transport.call("record_factor_removal", given | {"reason": reason})
        asked: Any = {"user_id": str(account_id), "id": str(factor_id)}
        self._transport.admin(lambda api: api.mfa.delete_factor(asked))

    def correct_address(self, account_id: UUID, email: str, reason: str) -> Account:
        """Give an account another e-mail address, for an owner who lost the old one. Needs the secret key.

        The audit keeps the reason, and neither address. Roles that rest on the address then take a sign-in by a mail to
        it. Raises NotAllowed when there is no such account, AccountError (`email_exists`, `email_address_invalid`).
        """
        # The trace first: rather one too many than one too few.
        with not_found(f"There is no account {account_id}.", _LIST):
            self._transport.call("record_address_correction", {"account_id": str(account_id), "reason": reason})
        attributes: Any = {"email": email, "email_confirm": True}
        return self._account(
            self._transport.admin(lambda api: api.update_user_by_id(str(account_id), attributes), idempotent=True).user
        )

    def set_ops(self, account_id: UUID, granted: bool) -> None:
        """Give an account the rights of the staff, or take them back. Raises NotAllowed when there is no account."""
        with not_found(f"There is no account {account_id}.", _LIST):
            self._transport.call("set_ops_member", {"member_id": str(account_id), "granted": granted}, idempotent=True)

    def correct_birth_date(self, account_id: UUID, birth_date: date, reason: str) -> None:
        """Correct the birth date of a player, also of a minor; the reason goes into the audit.

        Raises NotAllowed when nobody plays under this account, OpenLeagueTooYoung and TeacherTooYoung.
        """
        given = {"account_id": str(account_id), "birth_date": birth_date.isoformat(), "reason": reason}
        with not_found(f"Nobody plays under account {account_id}.", _LIST):
            self._transport.call("correct_birth_date", given, idempotent=True)

    def record_guardian_consent(self, account_id: UUID, granted: bool, reason: str) -> None:
        """Record that a guardian of a player agreed or withdrew, other than by the link of a mail.

        The log and the audit keep the reason. Raises NotAllowed when nobody plays under this account, InvalidField.
        """
        given = {"account_id": str(account_id), "granted": granted, "reason": reason}
        with not_found(f"Nobody plays under account {account_id}.", _LIST):
            self._transport.call("record_guardian_consent", given)

    def _set_disabled(self, who: str, disabled: bool, reason: str) -> Account:
        given = {"who": who, "disabled": disabled, "reason": reason or None}
        with not_found(f"There is no account {who}.", _LIST):
            row = self._transport.call("set_account_disabled", given, idempotent=True)
        until = row.pop("banned_until")
        return Account(disabled_until=_ahead(until, self.read_clock() if until else None), **row)

    def _account(self, user: User) -> Account:
        return Account(
            id=UUID(user.id),
            email=user.email or None,
            created_at=user.created_at,
            confirmed_at=user.email_confirmed_at or user.confirmed_at,
            last_sign_in_at=user.last_sign_in_at,
            disabled_until=_ahead(user.banned_until, self.read_clock() if user.banned_until else None),
            is_anonymous=user.is_anonymous,
        )


_LIST = "List them with `mpp user list`."


def _ahead(until: str | None, now: datetime | None) -> datetime | None:
    # By the clock of the database, as for everything that a disabled account asks it for: this machine's may be wrong.
    moment = datetime.fromisoformat(until) if until else None
    return moment if moment is not None and now is not None and moment > now else None
