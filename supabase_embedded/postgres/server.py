"""One Postgres server on the loopback interface, from binaries that are not installed on the machine."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from supabase_embedded import process
from supabase_embedded.errors import StackError, disk_full
from supabase_embedded.process import Process

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

#: The roles that log in, each with a random password of its own.
LOGIN_ROLES = ("supabase_admin", "postgres", "authenticator", "supabase_auth_admin", "supabase_storage_admin")

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    # A standby that has died keeps no more of the log than this.
    "max_slot_wal_keep_size": "2GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    # A refused statement is logged by its message only: what people typed stays out of the log.
    "log_min_error_statement": "fatal",
    "log_parameter_max_length_on_error": "0",
    "password_encryption": "scram-sha-256",
}


@dataclass(frozen=True)
class ServerUser:
    """The system user that runs the server, as (uid, gid); Postgres refuses to run as root."""

    name: str
    ids: tuple[int, int] | None

    @classmethod
    def choose(cls) -> ServerUser:
        """Ourselves, or when we are root an existing unprivileged user: postgres, else nobody."""
        if os.geteuid() != 0:
            return cls(user_name(os.geteuid()), None)
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(name, (entry.pw_uid, entry.pw_gid))
        raise StackError(
            "Postgres refuses to run as root, and this system has neither a user postgres nor a user nobody.",
            "Run the command as another user.",
        )

    def can_use(self, binaries: Path, directory: Path) -> bool:
        """Whether this user can run the binaries and write into an existing directory."""
        if self.ids is None:
            return True
        check = 'test -x "$1" && test -r "$1" && test -w "$2" && test -x "$2"'
        done = subprocess.run(
            ["/bin/sh", "-c", check, "sh", str(binaries / "bin" / "postgres"), str(directory)],
            cwd="/",
            env={},
            check=False,
            **process.drop_to(self.ids),
        )
        return done.returncode == 0

    def make_owner_of(self, path: Path) -> None:
        """Make this user the owner of a file or directory."""
        if self.ids is not None:
            os.chown(path, *self.ids)


def user_name(uid: int) -> str:
    """The name of a user of this system, or the number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@dataclass
class PostgresServer:
    """A Postgres server: where its binaries and data are, its port, and the passwords of its roles.

    ``binaries`` holds bin/postgres and bin/initdb of any major version from 15 to 18. :meth:`initialise` makes the
    data and the roles of Supabase, :meth:`start` and :meth:`stop` run it; all raise StackError.
    """

    binaries: Path
    data: Path
    port: int
    log: Path | None = None
    passwords: dict[str, str] = field(default_factory=dict)
    user: ServerUser = field(default_factory=ServerUser.choose)
    settings: dict[str, str] = field(default_factory=dict)
    process: Process | None = None
    on_start: Callable[[Process], None] = lambda _: None

    def __post_init__(self) -> None:
        if self.log is None:
            self.log = self.data.with_name(self.data.name + ".log")
        for role in LOGIN_ROLES:
            self.passwords.setdefault(role, secrets.token_urlsafe(24))

    def url(self, role: str = "postgres", database: str = "postgres", *, port: int | None = None) -> str:
        """The connection URL of a role, password included; ``port`` is another server's that has the same roles."""
        return f"postgresql://{role}:{quote(self.passwords[role])}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, role: str = "postgres", database: str = "postgres") -> Connection[TupleRow]:
        """A psycopg connection in autocommit mode."""
        import psycopg

        return psycopg.connect(self.url(role, database), autocommit=True, connect_timeout=10)

    def major(self) -> int:
        """The major version of the binaries."""
        shown = subprocess.run(
            [self.binaries / "bin" / "postgres", "--version"],
            capture_output=True, text=True, check=False, cwd="/", **process.drop_to(self.user.ids),
        )  # fmt: skip
        found = re.search(r"\) (\d+)", shown.stdout)
        if not found:
            raise StackError(
                f"{self.binaries / 'bin' / 'postgres'} does not run: {(shown.stderr.strip() or 'no answer')[:200]}.",
                "Remove node_modules and install the programs again.",
            )
        return int(found[1])

    def initialise(self) -> None:
        """Make an empty data directory and start in it a database like a hosted project's; the server is left running.

        What an interrupted attempt left in the directory is removed first.
        """
        self.remove_data()
        self.data.mkdir(parents=True, mode=0o700)
        self.user.make_owner_of(self.data)
        self._initdb()
        self.start()
        self._bootstrap()

    def prepare_storage(self) -> None:
        """Make what is missing of schema storage: the database may be older than this program."""
        with self.connect("supabase_admin") as connection, connection.transaction():
            connection.execute("set local client_min_messages = warning")
            connection.execute(files(__package__).joinpath("storage.sql").read_bytes())

    def check_major(self) -> None:
        """Refuse, with a StackError, data that another major version of Postgres made."""
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != self.major():
            raise StackError(
                f"The database was made by Postgres {made_by}, and this is Postgres {self.major()}.",
                "Go back to that version, or run `{stack} reset` to begin afresh.",
            )

    def reload_api(self, what: str = "schema") -> None:
        """Have PostgREST read its ``schema`` or its ``config`` again."""
        with self.connect() as connection:
            connection.execute("select pg_notify('pgrst', %s)", (f"reload {what}",))

    def remove_data(self) -> None:
        """Delete the data directory."""
        shutil.rmtree(self.data, ignore_errors=True)

    def _initdb(self) -> None:
        # The same order and the same upper and lower case everywhere, whatever the machine's locales are.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if self.major() < 17:
            locale = ["--locale=C.UTF-8" if sys.platform.startswith("linux") else "--locale=C"]
        with tempfile.NamedTemporaryFile("w", prefix="initdb-", dir=self._password_directory()) as password:
            password.write(self.passwords["supabase_admin"])
            password.flush()
            self.user.make_owner_of(Path(password.name))
            command = [
                self.binaries / "bin" / "initdb", "--pgdata", self.data, "--username=supabase_admin",
                f"--pwfile={password.name}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions", *locale,
            ]  # fmt: skip
            done = subprocess.run(
                [str(part) for part in command],
                capture_output=True, text=True, check=False, cwd="/", env=self._environment(),
                stdin=subprocess.DEVNULL, start_new_session=True, **process.drop_to(self.user.ids),
            )  # fmt: skip
        if done.returncode != 0:
            self.remove_data()
            self._explain(done.stderr.strip().splitlines(), "Postgres could not make its data directory")

    def _password_directory(self) -> Path:
        # Beside the data: the one place known to be readable by the server's user.
        return self.data.parent

    def start(self) -> None:
        """Start the server and wait until it answers; a stale postmaster.pid is dealt with."""
        assert self.log is not None
        self._clear_stale_lock()
        options = [f"--{name.replace('_', '-')}={value}" for name, value in {**_SETTINGS, **self.settings}.items()]
        mark = self.log.stat().st_size if self.log.exists() else 0
        with process.uninterrupted():
            self.process = process.spawn(
                [self.binaries / "bin" / "postgres", "-D", self.data, "-p", str(self.port), *options],
                log=self.log,
                env=self._environment(),
                cwd=self.data if self.user.ids is None else "/",
                user=self.user.ids,
            )
            self.on_start(self.process)
        if not self._wait_ready(60):
            stop = self.process
            process.stop(stop, with_signal=signal.SIGQUIT, seconds=5)
            self.process = None
            with self.log.open("rb") as log:
                log.seek(mark)
                said = log.read().decode("utf-8", "replace").splitlines()
            self._explain(said, "Postgres did not start")

    def stop(self) -> None:
        """Fast shutdown: running statements are cancelled, everything acknowledged is on disk."""
        if self.process is not None:
            process.stop(self.process, with_signal=signal.SIGINT, seconds=30)
            self.process = None

    def _wait_ready(self, seconds: float) -> bool:
        started = self.process
        assert started is not None

        def answered_or_dead() -> bool:
            return not started.alive or self._postmaster_status() == "ready"

        return process.wait_until(answered_or_dead, seconds, every=0.01) and started.alive

    def _postmaster_status(self) -> str:
        """What the server wrote about itself in postmaster.pid: starting, ready, stopping or nothing."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return ""
        if self.process is None or not lines or lines[0].strip() != str(self.process.pid):
            return ""
        return lines[7].strip() if len(lines) > 7 else ""

    def _clear_stale_lock(self) -> None:
        """Remove postmaster.pid when the pid in it was given to another program.

        Postgres clears the file itself unless that program happens to run as the same user. While a backend of a
        killed server still lives, its data directory is not free: wait for it.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists() or not sys.platform.startswith("linux"):
            return
        if not process.wait_until(lambda: not self._users_of_data(), 10, every=0.05):
            raise StackError(
                f"Another Postgres server uses {self.data}.", "Stop it, or give this stack another {variables}HOME."
            )
        lock.unlink(missing_ok=True)

    def _users_of_data(self) -> list[int]:
        """The pids of processes that work in our data directory."""
        found, data = [], self.data.resolve()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").resolve(strict=True) == data:
                    found.append(int(entry.name))
        return found

    def _bootstrap(self) -> None:
        """Make Supabase's roles, schemas and functions, and give every login role its password."""
        from psycopg import sql

        with self.connect("supabase_admin") as connection, connection.transaction():
            connection.execute(files(__package__).joinpath("bootstrap.sql").read_bytes())
            connection.execute(files(__package__).joinpath("storage.sql").read_bytes())
            for role in LOGIN_ROLES:
                # The verifier, never the password: a failing statement would end up in the server's log.
                verifier = connection.pgconn.encrypt_password(
                    self.passwords[role].encode(), role.encode(), b"scram-sha-256"
                )
                connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), verifier.decode()))

    def _environment(self) -> dict[str, str]:
        """What the server sees of the environment: nothing of ours but the search path."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def _explain(self, said: list[str], what: str) -> None:
        """Raise the StackError for what initdb or the server wrote before it gave up."""
        text = "\n".join(said)
        if "No space left on device" in text or "Disk quota exceeded" in text:
            raise disk_full(self.data.parent)
        if "Address already in use" in text:
            raise StackError(
                f"Port {self.port} (postgres) was taken by another program while Postgres started.",
                "Stop that program, or choose other ports with --port-base or {variables}PORT_POSTGRES.",
            )
        reason = next((line for line in said if "FATAL" in line or "error:" in line or "PANIC" in line), "")
        reason = re.sub(r"^.*?(FATAL|PANIC|error): *", "", reason) or (said[-1] if said else "it said nothing")
        raise StackError(f"{what}: {reason.strip().rstrip('.')}.", f"See {self.log}.")
