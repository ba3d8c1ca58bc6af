"""Names that must go: the staff replace or hide them, and their owners are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, not_found, parse_row, query


class ChangedName(Model):
    """What bears another name now: `name`, or None for a school off the lists. A mail tells `told` people."""

    kind: str
    subject_id: UUID
    name: str | None
    told: int


class NameChange(Model):
    """A name that the staff took away. `subject_id` is the account of an alias, else what bore the name."""

    id: int
    kind: str
    subject_id: UUID
    old_name: str
    new_name: str | None
    reason: str
    changed_at: datetime
    changed_by: UUID | None


class Names(Service):
    """Renames and hides leagues, teams, aliases, classes and schools. Needs the secret key, or a session of the staff.

    It works in a frozen edition too. Whoever owned the name cannot take it again, and a mail tells them why.
    """

    def rename(self, kind: str, subject_id: UUID | str, name: str, reason: str) -> ChangedName:
        """Give a `league`, `team`, `alias`, `class` or `school` another name.

        An alias is named by its player or its account. Raises NotAllowed (there is none), InvalidField, NameTaken.
        """
        return self._change(kind, subject_id, reason, {"name": name})

    def hide(self, kind: str, subject_id: UUID | str, reason: str) -> ChangedName:
        """Give it a name that says nothing; take a school off the lists. Raises NotAllowed, InvalidField."""
        return self._change(kind, subject_id, reason, {})

    def changes(self) -> Iterator[NameChange]:
        """Yield the names that were taken away, the latest first."""
        return self._iterate(NameChange, query(NameChange, "name_changes", "id desc"))

    def _change(self, kind: str, subject_id: UUID | str, reason: str, name: dict[str, str]) -> ChangedName:
        arguments = {"kind": kind, "subject_id": str(subject_id), "reason": reason, **name}
        with not_found(f"There is no {kind} {subject_id} with such a name.", "Check its id, and what it is."):
            return parse_row(ChangedName, self._transport.call("change_name", arguments))
