"""A small project of its own for the tests of the stack: they need a database that says who asks, not the game."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, Stack, StackStatus
from tests.conftest import choosing_ports, session_directory
from tests.support.waiting import LIMIT

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
        given = {"home": directory / "home", "supabase": supabase_directory, **options}
        limits = {name: given.pop(name) for name in ("least_free_bytes",) if name in given}
        made.append(Stack(stack_settings(**given), ports or Ports.free(), **limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for stack in made:
        stack.reset()


@pytest.fixture(scope="session")
def probe(supabase_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One running stack of the small project, for the tests that only ask it questions."""
    home = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    with choosing_ports(session_directory(tmp_path_factory)):
        stack = Stack(stack_settings(home=home, supabase=supabase_directory), Ports.free())
        stack.start()
    yield stack
    stack.reset()
    shutil.rmtree(home)


@pytest.fixture
def stopped(probe: Stack) -> Iterator[Stack]:
    """The probe while it is stopped, for what may go wrong with a stack that has its database already."""
    probe.stop()
    yield probe
    probe.start()


@pytest.fixture
def running(probe: Stack) -> StackStatus:
    """The status of the probe as it is now: addresses, keys and processes."""
    status = probe.status()
    assert status is not None
    assert status.running
    return status


@pytest.fixture
def http(running: StackStatus) -> Iterator[httpx.Client]:
    """A client of the probe's gateway that sends nothing by itself."""
    with httpx.Client(base_url=running.api_url, headers={"user-agent": "tests"}, timeout=LIMIT) as client:
        yield client


@pytest.fixture
def tiny_disk(directory: Path) -> Iterator[Path]:
    """A file system too small for a database (8 MB); where mounting is not allowed, an initdb that meets a full one."""
    place = directory / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        yield from _full_initdb(place)
        return
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _full_initdb(place: Path) -> Iterator[Path]:
    from supabase_embedded.node import find_binaries

    binaries = place / "postgres"
    shutil.copytree(find_binaries(stack_settings()).postgres, binaries, symlinks=True)
    (binaries / "bin" / "initdb").write_text(
        "#!/bin/sh\necho 'initdb: error: could not write file: No space left on device' >&2\nexit 1\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPP_POSTGRES", str(binaries))
        yield place
