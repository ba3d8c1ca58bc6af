"""Limits, kept in memory: mails asked for and codes guessed, per account; passwords guessed, per account and client.

A code has six digits: ten wrong ones are enough, whoever sends them, and the link in the same mail still works. A
password is what its owner comes in with: were it closed to everybody after ten wrong ones, anybody could lock an owner
out. So each client has ten tries of its own at an account. No limit of ours is per network address alone: a whole
office shares one. Those of the hosted server are, and `Rates` imitates them where it is asked to.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from supabase_embedded.auth.errors import Refusal

Key = TypeVar("Key")

#: Wrong guesses for one account before the server stops looking, and for how long, in seconds.
GUESSES = 10
GUESS_WINDOW = 300.0
#: Addresses without an account remembered; the oldest are forgotten first.
REMEMBERED = 10_000


def require_pause(sent_at: datetime | None, interval: float) -> None:
    """Raise Refusal (429) when the last mail of a kind to an account is less than `interval` seconds old."""
    if sent_at is None:
        return
    left = interval - (datetime.now(UTC) - sent_at).total_seconds()
    if left > 0:
        raise Refusal(429, "over_email_send_rate_limit", pause_message(left))


def pause_message(left: float) -> str:
    """Say how many seconds are left."""
    return f"For security purposes, you can only request this after {int(left)} seconds."


@dataclass
class UnknownAddresses:
    """When mails were asked for addresses without an account, so that the pause tells nobody which ones have one."""

    _asked: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def require_pause(self, address: str, interval: float) -> None:
        """Raise Refusal (429) when the address was asked for less than `interval` seconds ago."""
        now = time.monotonic()
        asked = self._asked.get(address)
        # Whether it was asked is one question and how long ago another: by the sums of a clock that counts from the
        # machine's start, an address that nobody asked for can seem to be some nanoseconds too early.
        if asked is not None and now - asked < interval:
            raise Refusal(429, "over_email_send_rate_limit", pause_message(interval - (now - asked)))
        self._asked[address] = now
        self._asked.move_to_end(address)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)


@dataclass
class Guesses:
    """Wrong codes, or wrong passwords, by account and address. Six digits can be guessed; ten tries in five minutes
    cannot. An address without an account is counted too, so that a refusal tells nobody which ones have one."""

    _accounts: OrderedDict[tuple[UUID, str], list[float]] = field(default_factory=OrderedDict)
    _unknown_addresses: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def require(self, address: str, *accounts: UUID) -> None:
        """Raise Refusal (429) when there were too many wrong guesses."""
        since = time.monotonic() - GUESS_WINDOW
        kept = [self._accounts.get((account, address), []) for account in accounts]
        for moments in kept or [self._unknown_addresses.get(address, [])]:
            if len([moment for moment in moments if moment > since]) >= GUESSES:
                raise Refusal(429, "over_request_rate_limit", "Request rate limit reached")

    def count(self, address: str, *accounts: UUID) -> None:
        """Count a guess for the accounts that it may open, or none. Raises Refusal (429) after too many.

        Counted before looking, twenty at once are twenty.
        """
        self.require(address, *accounts)
        for account in accounts:
            _add(self._accounts, (account, address))
        if not accounts:
            _add(self._unknown_addresses, address)
            # Made-up addresses push out one another, never an account.
            if len(self._unknown_addresses) > REMEMBERED:
                self._unknown_addresses.popitem(last=False)

    def forget(self, address: str, account: UUID) -> None:
        """A right guess: the earlier ones no longer count."""
        self._accounts.pop((account, address), None)

    def forget_all(self, account: UUID) -> None:
        """What was guessed is no longer the account's."""
        for key in [key for key in self._accounts if key[0] == account]:
            del self._accounts[key]


@dataclass
class Rates:
    """How often a client may ask, as the real server counts it: by network address, from a bucket that fills again."""

    _left: OrderedDict[tuple[str, str], tuple[float, float]] = field(default_factory=OrderedDict)

    def require(self, kind: str, client: str, per_second: float, burst: int) -> None:
        """Raise Refusal (429) when a client asked too often for one kind of thing."""
        now = time.monotonic()
        left, since = self._left.get((kind, client), (float(burst), now))
        left = min(burst, left + (now - since) * per_second)
        if left < 1:
            raise Refusal(429, "over_request_rate_limit", "Request rate limit reached")
        self._left[kind, client] = (left - 1, now)
        self._left.move_to_end((kind, client))
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)


def _add(wrong: OrderedDict[Key, list[float]], key: Key) -> None:
    now = time.monotonic()
    recent = [moment for moment in wrong.get(key, []) if moment > now - GUESS_WINDOW]
    wrong[key] = [*recent, now]
    wrong.move_to_end(key)
    # The oldest stand first.
    while wrong[oldest := next(iter(wrong))][-1] <= now - GUESS_WINDOW:
        del wrong[oldest]
