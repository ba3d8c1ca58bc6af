"""What this machine takes the time for. Nothing else here reads it, so that a test moves the whole program.

What is decided is decided by the database's clock (MPP.read_clock): a laptop may be wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time by this machine's clock, in UTC."""
    return datetime.now(UTC)
