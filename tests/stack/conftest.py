"""A small project of its own for the tests of the stack: they need a database that says who asks, not the game."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mpp_supabase.local import Ports, Stack, StackStatus
from mpp_supabase.local.process import Process
from mpp_supabase.local.state import State

MIGRATION = """
create schema api;
grant usage on schema api to anon, authenticated, service_role;

create function api.whoami() returns jsonb language sql stable set search_path = '' as $$
    select jsonb_build_object(
        'role', current_user, 'sub', auth.uid(), 'headers', current_setting('request.headers')::jsonb
    )
$$;

create table api.note (id bigint generated always as identity primary key, body text not null);
alter table api.note enable row level security;
grant select on api.note to anon;
grant all on api.note to service_role;

create function api.echo(body text) returns text language sql immutable set search_path = '' as 'select $1';
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A temporary directory that every user may enter, removed at the end (pytest's own is closed to others)."""
    path = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def supabase_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A supabase/ directory with one migration: function whoami, table note, function echo in schema api."""
    path = tmp_path_factory.mktemp("supabase")
    (path / "migrations").mkdir()
    (path / "migrations" / "20260101000000_probe.sql").write_text(MIGRATION)
    (path / "config.toml").write_text('[api]\nschemas = ["api"]\nextra_search_path = []\nmax_rows = 3\n')
    return path


@pytest.fixture
def new_stack(directory: Path, supabase_directory: Path) -> Iterator[Callable[..., Stack]]:
    """Make stacks in the test's own directory; whatever becomes of them, nothing is left running."""
    made: list[Stack] = []

    def make(ports: Ports | None = None, **options: object) -> Stack:
        options = {"home": directory / "home", "supabase": supabase_directory, **options}
        made.append(Stack(ports=ports or Ports.free(), **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for stack in made:
        stack.reset()


@pytest.fixture(scope="session")
def probe(supabase_directory: Path) -> Iterator[Stack]:
    """One running stack of the small project, for the tests that only ask it questions."""
    home = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    stack = Stack(home, Ports.free(), supabase=supabase_directory)
    stack.start()
    yield stack
    stack.reset()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def running(probe: Stack) -> StackStatus:
    """The status of the probe: addresses and keys."""
    status = probe.status()
    assert status is not None
    assert status.running
    return status


@pytest.fixture
def http(running: StackStatus) -> Iterator[httpx.Client]:
    """A client of the probe's gateway that sends nothing by itself."""
    with httpx.Client(base_url=running.api_url, headers={"user-agent": "tests"}) as client:
        yield client


def processes_of(stack: Stack) -> dict[str, Process]:
    """The processes recorded in a stack's stack.json."""
    return State.read(stack.home).processes


def alive_below(home: Path) -> list[str]:
    """The command lines of live processes that work for the stack in ``home``, whoever started them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            works_in = os.readlink(entry / "cwd")
        except OSError:
            continue
        if command and (str(home) in command or works_in.startswith(str(home))):
            found.append(command)
    return found


def take(port: int) -> socket.socket:
    """Listen on a port as another program would."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener
