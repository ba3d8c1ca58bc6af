"""The trace of every privileged act."""

from __future__ import annotations

from collections.abc import Iterator

from mpp_supabase.models import AuditEntry, Page
from mpp_supabase.services._service import Service, Where, query
from mpp_supabase.transport import Query


class Audit(Service):
    """Reads the audit log. Nobody writes or changes it from here. Needs the secret key."""

    def page(
        self, limit: int = 50, after: str | None = None, *, action: str | None = None, subject: str | None = None
    ) -> Page[AuditEntry]:
        """Return `limit` acts, the latest first; `action` (such as edition.open) and `subject` keep those alone."""
        return self._page(AuditEntry, _log(action, subject), limit, after)

    def iterate(
        self, after: str | None = None, *, action: str | None = None, subject: str | None = None
    ) -> Iterator[AuditEntry]:
        """Yield every act, the latest first."""
        return self._iterate(AuditEntry, _log(action, subject), after)


def _log(action: str | None, subject: str | None) -> Query:
    where: Where = ()
    if action is not None:
        where += (("action", "eq", action),)
    if subject is not None:
        where += (("subject", "eq", subject),)
    return query(AuditEntry, "audit_log", "id desc", where)
