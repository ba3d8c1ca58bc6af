"""The time is read in one place: what a test cannot move must not decide anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests import calendar
from tests.support import ROOT

READS = {
    *(("datetime", name) for name in ("now", "utcnow", "today")),
    ("date", "today"),
    *(("time", name) for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime")),
}
#: What keeps the real time, and why.
MAY = {
    "mpp_supabase/clock.py": "it is the clock",
    "tests/support/clock.py": "it is the clock of the tests",
    "mpp_supabase/mail/courier.py": "seconds that pass, where the machine has no clock that goes on while it sleeps",
    "mpp_supabase/session.py": "tokens, which end by the clock of Auth",
    "supabase_embedded": "tokens, mails and processes of the local Auth and Storage, like the hosted ones",
    "tests/embedded/auth": "the same",
    "tests/embedded/test_gateway.py": "tokens",
    "tests/embedded/test_keys.py": "tokens",
    "tests/embedded/test_storage.py": "tokens",
}


def readings(source: str) -> Iterator[str]:
    """Where a program asks the machine for the time."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (of, node.attr) in READS:
                yield f"{node.lineno}: {of}.{node.attr}"


#: SQL of tests that keeps the real time; now() as a value to store is any time.
SQL_MAY = {
    "tests/support/clock.py": "it is the clock of the tests",
    "tests/support/game.py": "when a session was opened, which Auth says",
    "tests/sql/test_catalog.py": "finds who reads it",
    "tests/sql/test_clock.py": "a name of a time zone",
}


def test_what_tests_ask_the_database_is_about_the_clock_of_the_game() -> None:
    """Compared with the time of the machine a row is right on the day of the machine only."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in path.parts
        and re.search(r"clock_timestamp\(\)|[<>] *now\(\)|\bcurrent_date\b", path.read_text(encoding="utf-8"))
    }
    assert found == set(SQL_MAY)


def test_nothing_reads_the_time_but_the_one_clock() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{reading}"
        for folder in ("mpp_supabase", "supabase_embedded", "cli", "tests", "bench", "docs")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and not str(path.relative_to(ROOT)).startswith(tuple(MAY))
        for reading in readings(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize("source", ["datetime.now(UTC)", "dt.date.today()", "x = time.time", "datetime.datetime.now()"])
def test_the_rule_finds_what_it_is_about(source: str) -> None:
    assert list(readings(source))


def test_the_calendar_names_files_that_are_there() -> None:
    for name in (*calendar.LAYERS, *calendar.NOW, *calendar.NEVER):
        assert (ROOT / name).exists(), name
    # pytest says nothing of a file that it is told to leave out and does not find.
    assert not set(calendar.NOW) & set(calendar.NEVER)
    every, hardest = calendar.chosen("2027-01-04T08:00"), calendar.chosen(calendar.HARDEST[0])
    assert "tests/journeys/test_phone_path.py" in hardest
    assert "tests/journeys/test_phone_path.py" not in every
    assert "--ignore=tests/sql/test_scores.py" in every
    assert "--ignore=tests/sql/test_scores.py" not in hardest
