"""What each test of the SQL suite touches: functions, tables, refusals and constraints; so that a mutation runs only
the tests that could notice it.

Calls and writes are read from the statistics of Postgres before and after a test, refusals from the context that the
server logs with each error, because a call that was refused is not counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

_CALLS = "select f.schemaname || '.' || f.funcname, sum(f.calls) from pg_stat_user_functions f group by 1"
_ROWS = (
    "select schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del,"
    " coalesce(seq_scan, 0) + coalesce(idx_scan, 0) from pg_stat_user_tables"
)
_LINE = re.compile(r"PL/pgSQL function (\w+\.\w+)\([^\n]*?\) line (\d+)")
_NAMED = re.compile(r'constraint "(\w+)"')
_NULL = re.compile(r'null value in column "(\w+)" of relation "(\w+)"')


@dataclass(frozen=True)
class Touched:
    """What one test touched, and how many seconds it took."""

    seconds: float
    functions: frozenset[str]
    written: frozenset[str]
    read: frozenset[str]
    lines: frozenset[tuple[str, int]]
    named: frozenset[str]


@dataclass(eq=False)
class Recorder:
    """Runs tests one by one on a database and records what each touched; a plugin of pytest."""

    url: str
    log: Path
    connection: psycopg.Connection[Any] | None = field(default=None, init=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        made = yield
        if fixturedef.argname == "connection":
            self.connection = made
        return made

    def run(self, items: Sequence[pytest.Item]) -> Iterator[Touched]:
        """Run the tests and say of each what it touched."""
        with psycopg.connect(self.url, autocommit=True) as db, self.log.open("rb") as log:
            db.execute("set stats_fetch_consistency = none")
            log.seek(0, 2)
            before = self._counts(db)
            for item, following in zip(items, [*items[1:], None], strict=True):
                started = time.monotonic()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds = time.monotonic() - started
                if self.connection and not self.connection.closed:
                    self.connection.execute("select pg_stat_force_next_flush()")
                    self.connection.rollback()
                after = self._counts(db)
                said = log.read().decode("utf-8", "replace")
                grown = [
                    {key for key, count in new.items() if count > old.get(key, 0)}
                    for old, new in zip(before, after, strict=True)
                ]
                lines = {(function, int(line)) for function, line in _LINE.findall(said)}
                named = {*_NAMED.findall(said), *(f"{table}.{column}" for column, table in _NULL.findall(said))}
                functions = grown[0] | {function for function, _ in lines}
                found = (functions, grown[1], grown[2], lines, named)
                yield Touched(seconds, *(frozenset(each) for each in found))
                before = after

    def _counts(self, db: psycopg.Connection[Any]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        rows = db.execute(_ROWS).fetchall()
        return (
            {name: int(calls) for name, calls in db.execute(_CALLS)},
            {name: written for name, written, _ in rows},
            {name: read for name, _, read in rows},
        )
