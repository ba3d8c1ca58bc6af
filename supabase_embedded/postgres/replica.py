"""A streaming standby of a PostgresServer, from the binaries of the server alone: no pg_basebackup is needed.

The copy is a base backup as Postgres describes it: `pg_backup_start`, the files, `pg_backup_stop`, the label. A slot of
the primary keeps the log that the standby has not had yet, up to MOST_KEPT. What lies further back is copied anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from supabase_embedded.state import HOST, write_private

from .server import PostgresServer

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

#: The slot and the name of the standby's connection, as `pg_stat_replication` shows them.
SLOT = "replica"

#: The role that the standby and whoever measures it log in as; a hosted project has it too.
ROLE = "supabase_replication_admin"

#: Of these the standby makes its own.
_NOT_COPIED = {"postmaster.pid", "postmaster.opts", "pg_internal.init"}
_EMPTY = {
    *("pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans")
}


def prepared_standby(primary: PostgresServer, data: Path, port: int, log: Path) -> PostgresServer:
    """A standby of a running primary, ready to start; its files are copied unless those in ``data`` can go on.

    ``primary.passwords`` has a password for ROLE, which the database is given.
    """
    with primary.connect("supabase_admin") as connection:
        _prepare_role(connection, primary)
        if not (data / "standby.signal").exists() or not _slot_is_whole(connection):
            _drop_slot(connection)
            # Before the copy, so that nothing is thrown away which the copy lacks.
            connection.execute("select pg_create_physical_replication_slot(%s, true)", (SLOT,))
            _copy(connection, primary, data)
    password = data / "replication.pgpass"
    # The port and the password may be others than last time. A file, because everybody reads a command line.
    write_private(password, f"{HOST}:{primary.port}:*:{ROLE}:{primary.passwords[ROLE]}\n")
    primary.user.make_owner_of(password)
    settings = {
        "primary_conninfo": f"host={HOST} port={primary.port} user={ROLE} application_name={SLOT} "
        f"passfile={_quoted(password)}",
        "primary_slot_name": SLOT,
        # Cleaning up on the primary waits for what the standby still reads, and cancels none of it.
        "hot_standby_feedback": "on",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "1s",
    }
    return PostgresServer(
        binaries=primary.binaries, data=data, port=port, log=log, passwords=primary.passwords,
        user=primary.user, settings=settings,
    )  # fmt: skip


def forget_standby(primary: PostgresServer, data: Path) -> None:
    """Delete the files of a standby that is not started any more, and what the running primary keeps for it."""
    with primary.connect("supabase_admin") as connection:
        _drop_slot(connection)
    shutil.rmtree(data, ignore_errors=True)


def lag_url(primary: PostgresServer, port: int) -> str:
    """The URL with which the standby on a port is asked how far behind it is."""
    return f"postgresql://{ROLE}:{quote(primary.passwords[ROLE])}@{HOST}:{port}/postgres"


def _prepare_role(connection: Connection[TupleRow], primary: PostgresServer) -> None:
    """Make the role where there is none yet, and give it the password that we know."""
    from psycopg import sql

    with connection.transaction():
        if not connection.execute("select 1 from pg_roles where rolname = %s", (ROLE,)).fetchone():
            connection.execute(f"create role {ROLE} login replication")
        connection.execute(f"grant pg_monitor to {ROLE}")
        verifier = connection.pgconn.encrypt_password(primary.passwords[ROLE].encode(), ROLE.encode(), b"scram-sha-256")
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(ROLE), verifier.decode()))


def _slot_is_whole(connection: Connection[TupleRow]) -> bool:
    """Whether the primary still has all the log that the standby needs."""
    found = connection.execute("select wal_status from pg_replication_slots where slot_name = %s", (SLOT,)).fetchone()
    return found is not None and found[0] in ("reserved", "extended", "unreserved")


def _drop_slot(connection: Connection[TupleRow]) -> None:
    connection.execute(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", (SLOT,)
    )


def _copy(connection: Connection[TupleRow], primary: PostgresServer, data: Path) -> None:
    """Copy the running primary's files into ``data``; `standby.signal` comes last and says that the copy is whole."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    primary.user.make_owner_of(data)
    connection.execute("select pg_backup_start(%s, fast => true)", (SLOT,))
    for path in _files(primary.data):
        target = data / path.relative_to(primary.data)
        # A table that is dropped meanwhile takes its file along, and the log says so to the standby.
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                target.mkdir(mode=0o700)
            else:
                shutil.copyfile(path, target)
                target.chmod(0o600)
            primary.user.make_owner_of(target)
    stopped = connection.execute("select labelfile from pg_backup_stop(wait_for_archive => false)").fetchone()
    assert stopped is not None
    for name, text in (("backup_label", stopped[0]), ("standby.signal", "")):
        write_private(data / name, text)
        primary.user.make_owner_of(data / name)


def _quoted(path: Path) -> str:
    """A path as a value of a connection string."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _files(directory: Path) -> Iterator[Path]:
    """Every directory and file that a copy needs, each directory before what is in it."""
    for entry in os.scandir(directory):
        path = Path(entry.path)
        if entry.name in _NOT_COPIED or entry.name.startswith("pgsql_tmp"):
            continue
        yield path
        if entry.is_dir() and entry.name not in _EMPTY:
            with contextlib.suppress(FileNotFoundError):
                yield from _files(path)
