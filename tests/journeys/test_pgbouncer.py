"""What a phone does, through pgbouncer in transaction mode: no statement and no setting outlives its transaction."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from mpp_supabase.demo import Plan, play
from mpp_supabase.local_stack import stack_settings
from mpp_supabase.project import find_project
from supabase_embedded import Ports, StackStatus
from supabase_embedded.node import find_binaries
from supabase_embedded.postgres import ServerUser
from supabase_embedded.process import drop_to
from supabase_embedded.state import State
from tests.journeys import test_phone_path
from tests.support import ROOT, backends
from tests.support.phone import Place, place_of
from tests.support.waiting import LIMIT, wait_until

pytestmark = pytest.mark.needs("home", "pgbouncer")

#: What a phone does in tests/journeys/test_phone_path.py, given nothing but a stack.
JOURNEYS = [
    journey
    for name, journey in inspect.getmembers(test_phone_path, inspect.isfunction)
    if name.startswith("test_") and list(inspect.signature(journey).parameters) == ["place"]
]

#: Fewer connections to the database than there are clients: each transaction gets another one.
POOL = 3


@pytest.fixture(scope="module")
def pooled(stack: StackStatus) -> Iterator[StackStatus]:
    """The stack of the session behind a PostgREST and a gateway of their own, which reach the database by pgbouncer."""
    home = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    home.chmod(0o711)
    ports = Ports.free()
    passwords = State.read(stack.home).data["postgres"]["passwords"]
    running: list[subprocess.Popen[bytes]] = []
    try:
        running.append(pgbouncer(home, ports.postgres, stack.ports.postgres, passwords))
        database = f"postgresql://{{}}:{{}}@127.0.0.1:{ports.postgres}/postgres"
        urls = {role: database.format(role, passwords[role]) for role in ("authenticator", "postgres")}
        wait_until(lambda: reaches(urls["postgres"]), lambda: (home / "pgbouncer.log").read_text())
        changed = {
            "db-uri": f'"{urls["authenticator"]}"',
            "db-prepared-statements": "false",
            # Whoever listens needs a connection of their own.
            "db-channel-enabled": "false",
            "server-port": str(ports.postgrest),
            "admin-server-port": str(ports.postgrest_admin),
        }
        settings = dict(line.split(" = ", 1) for line in (stack.home / "postgrest.conf").read_text().splitlines())
        conf = home / "postgrest.conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in {**settings, **changed}.items()))
        conf.chmod(0o600)
        running.append(start([find_binaries(stack_settings(), install=False).postgrest, conf], home / "postgrest.log"))
        values = {**stack.env(), "API_URL": f"http://127.0.0.1:{ports.gateway}", "DB_URL": urls["postgres"]}
        config = {
            "port": ports.gateway,
            "postgrest": f"http://127.0.0.1:{ports.postgrest}",
            "auth": f"http://127.0.0.1:{stack.ports.auth}",
            "jwt_secret": values["JWT_SECRET"],
            **{name: values[f"{name.upper()}_KEY"] for name in ("publishable", "secret", "anon", "service_role")},
        }
        running.append(
            start(
                [sys.executable, "-m", "supabase_embedded.gateway"],
                home / "gateway.log",
                env={**os.environ, "PYTHONPATH": str(ROOT), "EMBEDDED_GATEWAY": json.dumps(config)},
            )
        )
        for url in (f"{values['API_URL']}/health", f"http://127.0.0.1:{ports.postgrest_admin}/ready"):
            wait_until(lambda url=url: is_up(url), lambda: (home / "postgrest.log").read_text())  # type: ignore[misc]
        yield replace(stack, values=values)
        assert "prepared statement" not in (home / "postgrest.log").read_text()
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
        shutil.rmtree(home)


def pgbouncer(home: Path, port: int, database: int, passwords: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start pgbouncer before a database, for those who log in: the API and the owner. It does not run as root."""
    user = ServerUser.choose()
    users, settings = home / "users.txt", home / "pgbouncer.ini"
    users.write_text("".join(f'"{role}" "{passwords[role]}"\n' for role in ("authenticator", "postgres")))
    settings.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={database}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\n"
        f"pool_mode = transaction\ndefault_pool_size = {POOL}\nmax_client_conn = 100\n"
    )
    for path in (users, settings):
        path.chmod(0o600)
        user.make_owner_of(path)
    return start([backends.pgbouncer() or "", settings], home / "pgbouncer.log", **drop_to(user.ids))


def start(command: list[str | Path], log: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to a log."""
    with log.open("wb") as output:
        return subprocess.Popen([str(part) for part in command], cwd="/", stdout=output, stderr=output, **options)


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=LIMIT).status_code == 200
    except httpx.TransportError:
        return False


def reaches(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=LIMIT).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def place(pooled: StackStatus) -> Iterator[Place]:
    """Phones of the pooled stack."""
    with place_of(pooled) as place:
        yield place


def test_a_statement_that_was_prepared_is_lost_in_this_mode(pooled: StackStatus) -> None:
    with contextlib.ExitStack() as stack:
        lines = [
            stack.enter_context(psycopg.connect(pooled.db_url, autocommit=True, prepare_threshold=0)) for _ in range(9)
        ]

        def everybody_asks() -> None:
            for line in 9 * lines:
                line.execute("select 1")

        with pytest.raises(psycopg.Error, match="prepared statement"):
            everybody_asks()


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__.removeprefix("test_"))
def test_a_phone_notices_nothing(place: Place, journey: Callable[[Place], None]) -> None:
    journey(place)


def test_the_package_plays_an_edition_over_its_own_connections(pooled: StackStatus, tmp_path: Path) -> None:
    outcome = play(pooled.env(), find_project().files, tmp_path, Plan.of(0.02), lambda *_: None)
    assert outcome.mismatches == []
    assert outcome.players[0].rank == outcome.leagues[0].rank == 1
