"""The figures of a client, and how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpp_cli import connection, output

if TYPE_CHECKING:
    from decimal import Decimal

    from mpp_supabase import FollowUp, Participation


def followed(org: str, edition: str) -> FollowUp:
    """What a client follows in an edition."""
    with connection.staff() as mpp:
        part: Participation = mpp.clients.participation(org, edition)
        return mpp.reports.follow(part.participation_id)


def people(count: int | None) -> str:
    """A number of people; fewer than five are suppressed."""
    return "suppressed" if count is None else output.number(count)


def average(points: Decimal | None) -> str | None:
    """Points a head, with two decimals in every row."""
    return None if points is None else f"{points:.2f}"


def signed(value: Any) -> str:
    """A change since the week before, with its sign."""
    return "–" if value is None else f"{value:+,}"
