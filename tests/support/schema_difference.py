"""What the migrations lack: SQL that takes a database built from supabase/migrations to one built from sql/schema.

    python -m tests.support.schema_difference        prints nothing when both are the same

It is a draft for the next migration: read it, order it, keep the data, and save it as
supabase/migrations/<time>_<name>.sql.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from supabase_embedded.auth.schema import migrate
from supabase_embedded.migrations import apply_migrations
from supabase_embedded.node import npm_command
from tests.support import ROOT
from tests.support.postgres_versions import binaries_of, server_of


def difference() -> str:
    """Return the SQL that the migrations lack, empty when there is none."""
    # The npm of the wheel has its node beside it, not on PATH.
    path = os.pathsep.join([str(Path(npm_command()[0]).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
    with tempfile.TemporaryDirectory() as directory, server_of(binaries_of(17)) as server:
        migrate(server.url("supabase_auth_admin"))
        with server.connect("supabase_admin") as connection:
            connection.execute("create database declared template postgres owner postgres")
        deployed, declared = server.url(), server.url(database="declared")
        apply_migrations(deployed, ROOT / "supabase/migrations")
        with psycopg.connect(declared) as connection:
            for file in sorted((ROOT / "sql/schema").glob("*.sql")):
                connection.execute(file.read_bytes())
        written = Path(directory) / "difference.sql"
        command = [str(ROOT / "node_modules/.bin/supabase"), "db", "diff", "--schema", "api,mpp,private"]
        command += ["--from", deployed, "--to", declared, "--output", str(written), "--workdir", str(ROOT)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
        return written.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    found = difference()
    if found:
        print(found)
    sys.exit(1 if found else 0)
