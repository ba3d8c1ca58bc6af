"""The clock of the tests: the machine's, or with MPP_TEST_CLOCK one that was set to another instant and goes on.

Only the game's two clocks are moved: private.clock() of the databases that tests make, and mpp_supabase.clock. Tokens,
processes and sockets keep the real time. Tests ask `now` for the time, and nothing else; `make calendar` sets it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

import mpp_supabase.clock

#: A civil time in Europe/Paris, such as 2026-12-31T23:59; the time shown twice is the first of the two.
VARIABLE = "MPP_TEST_CLOCK"

_real = mpp_supabase.clock.now


def instant(text: str) -> datetime:
    """Return the instant of a civil time in Europe/Paris, or of a time with its offset."""
    given = datetime.fromisoformat(text)
    return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo("Europe/Paris"))).astimezone(UTC)


OFFSET = instant(os.environ[VARIABLE]) - datetime.now(UTC) if os.environ.get(VARIABLE) else timedelta()


def now() -> datetime:
    """Return the time by the clock of the tests, in UTC."""
    return _real() + OFFSET


def move_program() -> None:
    """Set the clock of mpp_supabase in this process."""
    if OFFSET:
        mpp_supabase.clock.now = now


def move_database(url: str) -> None:
    """Set the game's clock of a database, given as role postgres."""
    if OFFSET:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(
                sql.SQL(
                    "create or replace function private.clock() returns timestamptz language sql volatile parallel safe"
                    " set search_path = pg_catalog, pg_temp"
                    " as $$ select clock_timestamp() + make_interval(secs => {}) $$"
                ).format(sql.Literal(OFFSET.total_seconds()))
            )
