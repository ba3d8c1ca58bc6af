"""What a stack remembers between two commands: stack.json, and the status read from it.

Cheap to import: the CLI reads the status of a running stack on almost every command.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .errors import StackError, hints_naming
from .process import Process
from .settings import StackSettings

HOST = "127.0.0.1"
SERVICES = (
    "postgres", "mailbox", "auth", "storage", "postgrest", "gateway", "functions", "replica", "postgrest_replica",
)  # fmt: skip


@dataclass(frozen=True)
class Ports:
    """The ports of a stack, all on 127.0.0.1; the defaults are those of ``supabase start`` where it has one."""

    gateway: int = 54321
    postgres: int = 54322
    mailbox: int = 54324
    smtp: int = 54325
    postgrest: int = 54330
    auth: int = 54331
    postgrest_admin: int = 54332
    functions: int = 54333
    storage: int = 54334
    replica: int = 54335
    postgrest_replica: int = 54336
    postgrest_replica_admin: int = 54337

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """The default layout moved so that the gateway listens on ``base``."""
        default = cls()
        return cls(**{name: base + port - default.gateway for name, port in asdict(default).items()})

    @classmethod
    def free(cls) -> Ports:
        """Ports that no program uses now, for tests.

        Below those that systems give to outgoing connections, which could take one while the stack is stopped.
        """
        numbers: list[int] = []
        for port in random.sample(range(15_000, 32_000), 1000):
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.bind((HOST, port))
                numbers.append(port)
            if len(numbers) == len(fields(cls)):
                break
        return cls(*numbers)

    @classmethod
    def chosen(cls, environ: Mapping[str, str], prefix: str, recorded: Mapping[str, int] | None = None) -> Ports:
        """Defaults, under what the stack used before, under the variables PORT_GATEWAY, PORT_POSTGRES and so on."""
        values = {**asdict(cls()), **(recorded or {})}
        for name in values:
            variable = f"{prefix}PORT_{name.upper()}"
            text = environ.get(variable)
            if text:
                if not text.isdecimal() or not 0 < int(text) < 65_536:
                    raise StackError(f"{variable} is {text!r}, not a port number.", "Use 1024 to 65535.")
                values[name] = int(text)
        return cls(**values)


@dataclass(frozen=True)
class ServiceStatus:
    """One process of the stack: its name, port, pid (0 when it was not started) and how it is.

    ``running`` says whether the process is there, ``answers`` whether it answered; who was not asked is taken to.
    """

    name: str
    port: int
    pid: int
    running: bool
    answers: bool = True

    @property
    def state(self) -> str:
        """How it is, in a word or two."""
        return "stopped" if not self.running else "running" if self.answers else "does not answer"


@dataclass(frozen=True)
class ReplicaStatus:
    """The replica as the gateway sees it: whether it serves reads, and how far behind the primary it is.

    ``seconds_behind`` and ``bytes_behind`` (of the write-ahead log) are None while it follows no primary.
    """

    serves: bool
    seconds_behind: float | None
    bytes_behind: int | None


@dataclass(frozen=True)
class StackStatus:
    """A stack as it is now: its directory, ports, processes and ``values`` (addresses and keys).

    ``already_running`` tells a start that had nothing to do. ``replica`` is None without one, or where nobody asked.
    The representation shows no secret.
    """

    home: Path
    ports: Ports
    services: tuple[ServiceStatus, ...]
    values: Mapping[str, str]
    already_running: bool = False
    replica: ReplicaStatus | None = None

    @property
    def running(self) -> bool:
        """Whether every process of the stack runs and answers."""
        return bool(self.services) and all(service.running and service.answers for service in self.services)

    @property
    def api_url(self) -> str:
        """The gateway, http://127.0.0.1:54321 by default."""
        return self.values["API_URL"]

    @property
    def db_url(self) -> str:
        """The database as role postgres."""
        return self.values["DB_URL"]

    def env(self) -> dict[str, str]:
        """The names and values that ``supabase status`` shows, secrets included."""
        return dict(self.values)

    def __repr__(self) -> str:
        return f"StackStatus(home={str(self.home)!r}, running={self.running}, api_url={self.api_url!r})"


class State:
    """The content of stack.json (mode 0600), written whole or not at all."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "stack.json"
        self.data: dict[str, Any] = {}

    @classmethod
    def read(cls, home: Path) -> State:
        """The recorded state, empty when there is none; StackError when the file cannot be read."""
        state = cls(home)
        try:
            state.data = json.loads(state.path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return state
        except PermissionError as error:
            raise StackError(
                f"{state.path} belongs to another user.", "Run as the user who started the stack."
            ) from error
        except ValueError as error:
            raise state._damaged() from error
        try:
            if state.data:
                Ports(**state.data["ports"]), state.data["keys"]["secret"], state.data["postgres"]["passwords"]
                _ = state.processes
        except (KeyError, TypeError, AttributeError) as error:
            raise state._damaged() from error
        return state

    def _damaged(self) -> StackError:
        return StackError(f"{self.path} is damaged, or from another version.", "Run `{stack} reset` to begin afresh.")

    def write(self) -> None:
        """Replace the file in one step."""
        write_private(self.path, json.dumps(self.data, indent=2))

    @property
    def processes(self) -> dict[str, Process]:
        """The processes of the stack by service."""
        return {name: Process(**data) for name, data in self.data.get("processes", {}).items()}

    @property
    def complete(self) -> bool:
        """Whether a start has come to its end, so that what is missing has died since."""
        return bool(self.data.get("complete"))

    @property
    def services(self) -> tuple[str, ...]:
        """The services that this stack runs.

        Storage unless it is switched off, functions when there is one to serve, the replica when it was asked for.
        """
        left_out = {name for name in ("functions", "storage", "replica") if not self.data.get(name)}
        if "replica" in left_out:
            left_out.add("postgrest_replica")
        return tuple(name for name in SERVICES if name not in left_out)

    def record(self, name: str, started: Process) -> None:
        """Remember a process as soon as it exists, so that the next command can stop it whatever happens now."""
        self.data.setdefault("processes", {})[name] = asdict(started)
        self.write()

    def forget_processes(self) -> None:
        """Remember that nothing runs."""
        self.data["processes"] = {}
        self.data["complete"] = False
        self.write()

    def status(
        self,
        *,
        already_running: bool = False,
        answers: Mapping[str, bool] | None = None,
        replica: ReplicaStatus | None = None,
    ) -> StackStatus:
        """The status of a stack that has been set up; ``answers`` is what its services said when they were asked."""
        ports = Ports(**self.data["ports"])
        processes = self.processes
        services = tuple(
            ServiceStatus(
                name=name,
                port=getattr(ports, name),
                pid=processes[name].pid if name in processes else 0,
                running=name in processes and processes[name].alive,
                answers=answers is None or answers.get(name, True),
            )
            for name in self.services
        )
        return StackStatus(self.home, ports, services, self._values(ports), already_running, replica)

    def _values(self, ports: Ports) -> dict[str, str]:
        keys = self.data["keys"]
        password = self.data["postgres"]["passwords"].get("postgres", "")
        api_url = f"http://{HOST}:{ports.gateway}"
        values = {
            "API_URL": api_url,
            "REST_URL": f"{api_url}/rest/v1",
            "FUNCTIONS_URL": f"{api_url}/functions/v1",
            "DB_URL": f"postgresql://postgres:{password}@{HOST}:{ports.postgres}/postgres",
            "PUBLISHABLE_KEY": keys["publishable"],
            "SECRET_KEY": keys["secret"],
            "ANON_KEY": keys["anon"],
            "SERVICE_ROLE_KEY": keys["service_role"],
            "JWT_SECRET": keys["jwt_secret"],
            "MAILPIT_URL": f"http://{HOST}:{ports.mailbox}",
        }
        if "replica" in self.services:
            values["REPLICA_DB_URL"] = f"postgresql://postgres:{password}@{HOST}:{ports.replica}/postgres"
        return values


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads (0600), whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def running_stack(settings: StackSettings) -> StackStatus | None:
    """The stack that runs with these settings, None when none does. Reads one file, connects nowhere.

    A stack of which a service is dead runs all the same: who needs that service is told so by the gateway.
    """
    with hints_naming(settings.command, settings.variables):
        state = State.read(settings.home_directory)
    if not state.complete:
        return None
    status = state.status()
    return status if any(service.running for service in status.services) else None


@contextlib.contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Hold the stack's lock: one start, stop or reset at a time. StackError when another holds it for three minutes."""
    import fcntl
    import time

    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(
                        "Another command has been busy with this stack for three minutes.",
                        "Wait for it to end, or stop it.",
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(lock)
