"""What visitors write to the association: contact, quote and webinar requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from mpp_supabase.errors import NotAllowed
from mpp_supabase.models import Model, Page
from mpp_supabase.services._service import Service, Where, not_found, query
from mpp_supabase.transport import Query

KINDS = ("contact", "quote", "webinar")
STATES = ("new", "in_progress", "answered", "spam")


class ContactRequest(Model):
    """A request and how far it is answered. Once taken down it has no address; name and text are “—”.

    `is_held`: it came when there were too many, of its address or of all.
    """

    id: int
    kind: str
    name: str
    email: str | None
    organisation: str | None
    size: int | None
    message: str
    language: str
    received_at: datetime
    state: str
    handled_at: datetime | None
    handled_by: UUID | None
    note: str | None
    removed_at: datetime | None
    removal_reason: str | None
    is_held: bool = False


class Contacts(Service):
    """Requests of visitors. Sending takes the publishable key, everything else the secret one."""

    def send(
        self,
        kind: str,
        name: str,
        email: str,
        message: str,
        *,
        organisation: str | None = None,
        size: int | None = None,
        language: str = "fr",
    ) -> None:
        """Write to the association; `kind` is contact, quote or webinar, `size` how many people would play.

        Beyond three a day of an address and two hundred an hour of all, messages are held, without a word about it.
        Raises InvalidField, Maintenance, ContactClosed when no more can be held.
        """
        arguments = {
            "kind": kind,
            "name": name,
            "email": email,
            "message": message,
            "organisation": organisation,
            "size": size,
            "language": language,
        }
        self._transport.call("send_contact_request", arguments)

    def page(
        self, limit: int = 50, after: str | None = None, *, state: str | None = None, held: bool | None = None
    ) -> Page[ContactRequest]:
        """Return `limit` requests, the latest first; `state` and `held` keep those alone."""
        return self._page(ContactRequest, _list(state, held), limit, after)

    def iterate(
        self, after: str | None = None, *, state: str | None = None, held: bool | None = None
    ) -> Iterator[ContactRequest]:
        """Yield every request, the latest first; `state` and `held` keep those alone."""
        return self._iterate(ContactRequest, _list(state, held), after)

    def get(self, request_id: int) -> ContactRequest:
        """Return a request. Raises NotAllowed when there is none of this id."""
        where: Where = (("id", "eq", request_id),)
        found = self._first(ContactRequest, query(ContactRequest, "contact_requests", "id", where))
        if found is None:
            raise NotAllowed(f"There is no request {request_id}.", _HINT)
        return found

    def handle(self, request_id: int, state: str, note: str | None = None) -> None:
        """Set the state of a request, with a note for colleagues; None keeps the note, an empty one clears it.

        Raises NotAllowed, InvalidField.
        """
        with not_found(f"There is no request {request_id}.", _HINT):
            arguments = {"id": request_id, "state": state, "note": note}
            self._transport.call("handle_contact_request", arguments, idempotent=True)

    def remove(self, request_id: int, reason: str) -> None:
        """Take down text, name and address of a request that is against the law; when and why stay.

        Raises NotAllowed, InvalidField.
        """
        with not_found(f"There is no request {request_id}.", _HINT):
            self._transport.call("remove_contact_content", {"id": request_id, "reason": reason}, idempotent=True)


_HINT = "List them with `mpp contact list --all`."


def _list(state: str | None, held: bool | None) -> Query:
    where: Where = () if state is None else (("state", "eq", state),)
    if held is not None:
        where += (("is_held", "is", str(held).lower()),)
    return query(ContactRequest, "contact_requests", "id desc", where)
