"""Bringing a database up to supabase/migrations, as ``supabase db push`` does and in the same table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import StackError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

_NAME = re.compile(r"(\d+)_(.*)\.sql")

_TABLE = b"""
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
    version text primary key,
    statements text[],
    name text
);
"""


@dataclass(frozen=True)
class Migration:
    """One file of supabase/migrations: VERSION_NAME.sql."""

    version: str
    name: str
    path: Path


def list_migrations(directory: Path) -> list[Migration]:
    """The migrations of a directory in the order in which they apply; other files are ignored."""
    found = [(path, _NAME.fullmatch(path.name)) for path in sorted(directory.glob("*.sql"))]
    return [Migration(match[1], match[2], path) for path, match in found if match]


def apply_migrations(url: str, directory: Path) -> list[str]:
    """Apply what the database at ``url`` does not have yet, each migration in its own transaction.

    Returns the file names applied. StackError names the file and line of a statement that fails, where the migrations
    before it stay applied, or a migration that was applied and has changed or gone since.
    """
    import psycopg

    applied = []
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute(_TABLE)
        # Two pushes at once would both try the same files.
        connection.execute("select pg_advisory_lock(hashtext('supabase_migrations'))")
        done: dict[str, list[str] | None] = dict(
            connection.execute("select version, statements from supabase_migrations.schema_migrations").fetchall()
        )
        migrations = list_migrations(directory)
        _refuse_another_history(done, migrations)
        for migration in migrations:
            if migration.version not in done:
                _apply(connection, migration)
                applied.append(migration.path.name)
        if applied:
            connection.execute("notify pgrst, 'reload schema'")
    return applied


def _refuse_another_history(done: dict[str, list[str] | None], migrations: list[Migration]) -> None:
    """A database made from migrations that have changed since would stay behind without a word."""
    texts = {migration.version: migration.path.read_text(encoding="utf-8") for migration in migrations}
    for version, statements in sorted(done.items()):
        # The Supabase CLI stores statements one by one, this module the whole file.
        changed = (
            version in texts and statements is not None and len(statements) == 1 and statements[0] != texts[version]
        )
        if version not in texts or changed:
            raise StackError(
                f"This database was made from another version of migration {version}.",
                "Run `{stack} reset` to delete this local database, then `{stack} start`.",
            )


def _apply(connection: Connection[TupleRow], migration: Migration) -> None:
    import psycopg

    text = migration.path.read_text(encoding="utf-8")
    try:
        with connection.transaction():
            connection.execute(text.encode())
            connection.execute(
                "insert into supabase_migrations.schema_migrations (version, statements, name) values (%s, %s, %s)",
                (migration.version, [text], migration.name),
            )
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error)
        position = error.diag.statement_position
        line = f":{text.count(chr(10), 0, int(position)) + 1}" if position else ""
        raise StackError(
            f"Migration {migration.path.name}{line} failed: {said.rstrip('.')}.",
            "Correct the migration and run the command again; the database is as it was before it.",
        ) from error
    finally:
        # A migration may leave its own search_path or role behind.
        connection.execute("reset all")
        connection.execute("reset role")
