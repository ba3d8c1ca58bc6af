"""What the migrations lack: SQL that takes a database built from supabase/migrations to one built from sql/schema.

    python -m tests.schema_difference        prints nothing when both are the same

It is a draft for the next migration: read it, order it, keep the data, and save it as
supabase/migrations/<time>_<name>.sql.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from mpp_supabase.local.node import npm_command
from mpp_supabase.local.postgres.server import PostgresServer
from tests.loaded_postgres import DEFAULT_BINARIES, ROOT, free_port, loaded_postgres


@contextlib.contextmanager
def declared_postgres(binaries: Path = DEFAULT_BINARIES) -> Iterator[PostgresServer]:
    """A running server whose database `postgres` was built from the files of sql/schema, not from the migrations."""
    with tempfile.TemporaryDirectory(prefix="mpp-sql-") as directory:
        os.chmod(directory, 0o755)
        server = PostgresServer(binaries.resolve(), Path(directory) / "data", free_port())
        server.initialise()
        try:
            auth = (ROOT / "mpp_supabase/local/auth/schema.sql").read_bytes()
            with psycopg.connect(server.url("supabase_auth_admin"), autocommit=True) as connection:
                connection.execute(auth)
            with psycopg.connect(server.url("postgres")) as connection:
                for path in sorted((ROOT / "sql/schema").glob("*.sql")):
                    connection.execute(path.read_bytes())
            yield server
        finally:
            server.stop()
            server.remove_data()


def difference(binaries: Path = DEFAULT_BINARIES) -> str:
    """Return the SQL that the migrations lack, empty when there is none."""
    # The npm of the wheel has its node beside it, not on PATH.
    path = os.pathsep.join([str(Path(npm_command()[0]).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
    with (
        tempfile.TemporaryDirectory() as directory,
        loaded_postgres(binaries) as deployed,
        declared_postgres(binaries) as declared,
    ):
        written = Path(directory) / "difference.sql"
        command = [str(ROOT / "node_modules/.bin/supabase"), "db", "diff", "--schema", "api,mpp,private"]
        command += ["--from", deployed.url(), "--to", declared.url(), "--output", str(written), "--workdir", str(ROOT)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
        return written.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    found = difference()
    if found:
        print(found)
    sys.exit(1 if found else 0)
