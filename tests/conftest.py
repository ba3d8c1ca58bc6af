"""Fixtures for every layer: one stack a test session, and a database connection whose work is rolled back.

MPP_TEST_BACKEND chooses the stack: ``embedded`` (default) starts one of its own in a temporary directory, ``url``
takes SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY and SUPABASE_DB_URL, ``docker`` runs the official
images. MPP_TEST_POSTGRES=15 (or 16, 17, 18) runs the embedded stack on that version of Postgres. Each
worker of pytest-xdist has a stack of its own, so that no test meets the catalogue of another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mpp_supabase.local import Ports, Stack, StackStatus
from tests import clock
from tests.postgres_versions import binaries_of

clock.move_program()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackStatus]:
    """The running stack: ``.api_url``, ``.db_url`` and ``.env()`` with every key."""
    backend = os.environ.get("MPP_TEST_BACKEND", "embedded")
    if backend == "url":
        yield _from_environment()
    elif backend == "docker":
        from tests.docker_backend import docker_stack

        with docker_stack() as status:
            yield status
    elif backend == "embedded":
        if version := os.environ.get("MPP_TEST_POSTGRES"):
            os.environ["MPP_POSTGRES"] = str(binaries_of(int(version)))
        with _embedded(session_directory(tmp_path_factory)) as status:
            yield status
    else:
        raise pytest.UsageError(f"MPP_TEST_BACKEND is {backend!r}: use embedded, url or docker")


@pytest.fixture
def db(stack: StackStatus) -> Iterator[psycopg.Connection[Any]]:
    """A connection as role postgres inside a transaction that is rolled back."""
    with psycopg.connect(stack.db_url) as connection:
        yield connection
        connection.rollback()


@contextlib.contextmanager
def choosing_ports(directory: Path) -> Iterator[None]:
    """One worker at a time chooses its free ports and takes them."""
    with (directory / "ports").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def session_directory(factory: pytest.TempPathFactory) -> Path:
    """The directory that all workers of this test session see."""
    base = factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@contextlib.contextmanager
def _embedded(directory: Path) -> Iterator[StackStatus]:
    # Not pytest's own directory: the user who runs Postgres for root could not enter it.
    home = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    with choosing_ports(directory):
        embedded = Stack(home, Ports.free())
        status = embedded.start()
    clock.move_database(status.db_url)
    try:
        yield status
    finally:
        embedded.reset()
        shutil.rmtree(home)


def _from_environment() -> StackStatus:
    names = {
        "API_URL": ("SUPABASE_URL", "API_URL"),
        "PUBLISHABLE_KEY": ("SUPABASE_PUBLISHABLE_KEY", "PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"),
        "SECRET_KEY": ("SUPABASE_SECRET_KEY", "SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
        "DB_URL": ("SUPABASE_DB_URL", "DB_URL"),
    }
    values = {}
    for name, variables in names.items():
        found = next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
        if found is None:
            raise pytest.UsageError(f"MPP_TEST_BACKEND=url needs {variables[0]} in the environment")
        values[name] = found
    url = values["API_URL"].rstrip("/")
    values |= {"API_URL": url, "REST_URL": f"{url}/rest/v1", "FUNCTIONS_URL": f"{url}/functions/v1"}
    for name in ("ANON_KEY", "SERVICE_ROLE_KEY", "JWT_SECRET", "MAILPIT_URL"):
        values[name] = os.environ.get(name, os.environ.get(f"SUPABASE_{name}", ""))
    return StackStatus(Path(), Ports(), (), values)
