"""What every service shares: a transport, and rows turned into models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mpp_supabase.errors import AmbassadorOnly, NotAllowed, TeacherOnly, TransportError
from mpp_supabase.models import Page, RowModel
from mpp_supabase.transport import ANSWER_SECONDS, Order, Pages, Query, Row, Transport

Where = tuple[tuple[str, str, Any], ...]


class Service:
    """One noun of the game over the transport. Services never reach into one another."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read_clock(self) -> datetime:
        """Return the time by the database's clock, which decides what is open and what is over."""
        return datetime.fromisoformat(str(self._transport.read("read_clock")))

    def _page(self, model: type[RowModel], query: Query | Pages, limit: int, after: str | None) -> Page[RowModel]:
        if limit < 1:
            raise ValueError("limit must be at least 1")
        rows, cursor = self._transport.rows(query, limit, after)
        return Page(rows=tuple(parse_row(model, row) for row in rows), after=cursor)

    def _iterate(self, model: type[RowModel], query: Query | Pages, after: str | None = None) -> Iterator[RowModel]:
        for row in self._transport.iterate(query, after):
            yield parse_row(model, row)

    def _first(self, model: type[RowModel], query: Query) -> RowModel | None:
        rows, _ = self._transport.rows(query, 1)
        return parse_row(model, rows[0]) if rows else None

    def _call_rows(
        self,
        model: type[RowModel],
        function: str,
        arguments: Row,
        *,
        idempotent: bool,
        timeout: float = ANSWER_SECONDS,
    ) -> list[RowModel]:
        return self._parsed(
            model, function, self._transport.call(function, arguments, idempotent=idempotent, timeout=timeout)
        )

    def _read_rows(
        self, model: type[RowModel], function: str, arguments: Row, *, timeout: float = ANSWER_SECONDS
    ) -> list[RowModel]:
        return self._parsed(model, function, self._transport.read(function, arguments, timeout=timeout))

    def _parsed(self, model: type[RowModel], function: str, rows: Any) -> list[RowModel]:
        if not isinstance(rows, list):
            raise TransportError(f"{self._transport.url} answered {function} with something that is not a list.")
        return [parse_row(model, row) for row in rows]


@contextmanager
def not_found(message: str, hint: str) -> Iterator[None]:
    """Name what is not there: the game tells everybody the same, and the staff are told which one it was."""
    try:
        yield
    except (AmbassadorOnly, NotAllowed, TeacherOnly):
        # Staff may do what an ambassador or a teacher may, in a league or class that is there.
        raise NotAllowed(message, hint) from None


def parse_row(model: type[RowModel], row: Row) -> RowModel:
    """Return a row of the contract as its model. Raises TransportError when it does not have the columns it should."""
    try:
        return model.model_validate(row)
    except ValidationError as error:
        fields = ", ".join(sorted({str(problem["loc"][0]) if problem["loc"] else "row" for problem in error.errors()}))
        raise TransportError(
            f"The database does not answer as this program expects ({model.__name__}: {fields}).",
            "Bring it up to date with `mpp db push`, or update this program.",
        ) from None


def query(model: type[RowModel], view: str, order: str, where: Where = ()) -> Query:
    """Describe a list: the model's columns of a view, in an order written as `value desc, tie_order, subject_id`."""
    orders = (part.split() for part in order.split(","))
    # A field under another name than its column says so with an alias.
    columns = tuple(str(field.validation_alias or name) for name, field in model.model_fields.items())
    return Query(view, columns, tuple(Order(p[0], p[1:] == ["desc"]) for p in orders), where)
