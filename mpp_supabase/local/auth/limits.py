"""Limits per account, kept in memory: who asks for mails, and who guesses codes. Never per address of the network."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mpp_supabase.local.auth.errors import Refusal

#: Wrong codes for one address before the server stops looking, and for how long, in seconds.
GUESSES = 10
GUESS_WINDOW = 300.0
#: Addresses remembered; the oldest are forgotten first.
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
class Strangers:
    """When mails were asked for addresses without an account, so that the pause tells nobody which ones have one."""

    _asked: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def require_pause(self, address: str, interval: float) -> None:
        """Raise Refusal (429) when the address was asked for less than `interval` seconds ago."""
        now = time.monotonic()
        left = self._asked.get(address, now - interval) + interval - now
        if left > 0:
            raise Refusal(429, "over_email_send_rate_limit", pause_message(left))
        self._asked[address] = now
        self._asked.move_to_end(address)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)


@dataclass
class Guesses:
    """Wrong codes by address. Six digits can be guessed; ten tries in five minutes cannot."""

    _wrong: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def count(self, address: str) -> None:
        """Count a guess before looking at it: twenty at once are twenty. Raises Refusal (429) after too many."""
        recent = self._recent(address)
        if len(recent) >= GUESSES:
            raise Refusal(429, "over_request_rate_limit", "Request rate limit reached")
        self._wrong[address] = [*recent, time.monotonic()]
        self._wrong.move_to_end(address)
        if len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)

    def forget(self, address: str) -> None:
        """A right code: the earlier guesses no longer count."""
        self._wrong.pop(address, None)

    def _recent(self, address: str) -> list[float]:
        since = time.monotonic() - GUESS_WINDOW
        return [moment for moment in self._wrong.get(address, []) if moment > since]
