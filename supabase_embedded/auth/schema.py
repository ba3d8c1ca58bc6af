"""Creating the `auth` tables. What they are stands in `schema.sql`."""

from __future__ import annotations

from pathlib import Path

import psycopg

# One number for every server that migrates one database, so that two starting at once take turns.
_MIGRATION_LOCK = 0x4D505041555448


def migrate(database_url: str) -> None:
    """Create in schema `auth` what is missing of `schema.sql`, in one transaction.

    `database_url` must connect as the owner of the schema (`supabase_auth_admin`), or as someone who may create it.
    Raises psycopg.Error.
    """
    statements = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
    with psycopg.connect(database_url) as connection:
        connection.execute("set client_min_messages to warning")
        connection.execute("select pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        if connection.execute("select to_regnamespace('auth') is null").fetchone() == (True,):
            connection.execute("create schema auth")
        connection.execute(statements.encode())
