"""Settings of the whole game, which the staff change while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, query


class Rule(Model):
    """A setting: what it decides (`about`), and what a value looks like (`allowed`, a regular expression)."""

    name: str
    value: str
    allowed: str
    about: str
    changed_at: datetime


class Rules(Service):
    """Settings of the whole game. Needs the secret key, or a session of the staff."""

    def iterate(self) -> Iterator[Rule]:
        """Yield the settings by name."""
        return self._iterate(Rule, query(Rule, "settings", "name"))

    def set(self, name: str, value: str) -> None:
        """Change a setting; the audit keeps both values. Raises InvalidField."""
        self._transport.call("set_setting", {"name": name, "value": value}, idempotent=True)
