"""Fixtures for every layer: one stack a test session, and a database connection whose work is rolled back.

MPP_TEST_BACKEND chooses the stack: ``embedded`` (default) starts one of its own in a temporary directory, ``docker``
runs the official images, ``url`` takes SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY and SUPABASE_DB_URL,
and ``native`` the same of a stack that the Supabase CLI runs without Docker; tests/support/backends.py says what each
offers. MPP_TEST_POSTGRES=15 (or 16, 17, 18) runs the embedded stack on that version of Postgres. Each worker of
pytest-xdist has a stack of its own, so that no test meets the catalogue of another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader

from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, Stack, StackStatus
from tests.support import backends, clock
from tests.support.postgres_versions import binaries_of
from tests.support.world import Played, World

clock.move_program()

# Accounts are made by the hundred, each with a password that is hashed and then checked: 120 ms at the usual cost.
os.environ.setdefault("MPP_PASSWORD_COST", "4")

# Nobody's own session comes in with the commands of the tests, nor is one of theirs left behind.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="mpp-tests-config-")
for _name in ("MPP_AS", "MPP_OPERATOR"):
    os.environ.pop(_name, None)

# Whoever starts the suite in the background has it ignore Ctrl-C, and every program that a test starts would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, however long they take to make; --hypothesis-profile=explore looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")


class UtcLoader(TimestamptzLoader):
    """Instants in UTC, whatever the zone of the session: a day added to a civil time is not always 24 hours."""

    def load(self, data: Buffer) -> datetime:
        return super().load(data).astimezone(UTC)


psycopg.adapters.register_loader("timestamptz", UtcLoader)


#: The files that take longest, in the order in which workers of pytest-xdist begin them: a long one that begins last
#: would leave the other worker idle. A worker gets whole files (--dist loadfile), so that what a file sets up is set up
#: once.
LONGEST_FIRST = (
    "embedded/test_lifecycle.py", "embedded/test_replica.py", "embedded/test_storage.py", "embedded/test_postgres.py",
    "embedded/test_gateway.py", "sql/test_school_search.py", "sql/test_deployment.py",
    "journeys/test_client_path.py", "sql/test_races.py",
    "library/reports/test_reports.py", "library/mail/test_delivery.py", "journeys/test_school_path.py",
    "sql/test_follow_up.py", "sql/test_school_races.py", "library/test_classes.py", "sql/test_privileges.py",
    "library/sheets/test_heavy_sheets.py", "sql/test_classes.py", "library/diplomas/test_diplomas.py",
    "library/test_clients.py", "library/test_photos.py", "sql/test_pictures.py",
    "cli/test_school_commands.py", "cli/test_commands.py", "cli/test_client_commands.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what the backend does not offer, and begin with the files that take longest."""
    backends.leave_out(items)
    places = {Path(__file__).parent / file: place for place, file in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and why."""
    skipped = (report.longrepr for report in terminalreporter.stats.get("skipped", []))
    lines = backends.summary(reason[2] for reason in skipped if isinstance(reason, tuple))
    terminalreporter.section("what the backend offers")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackStatus]:
    """The running stack: ``.api_url``, ``.db_url`` and ``.env()`` with every key."""
    backend = backends.backend()
    if backend in ("url", "native"):
        yield _from_environment()
    elif backend == "docker":
        from tests.support.docker_backend import docker_stack

        with docker_stack() as status:
            yield status
    else:
        if version := os.environ.get("MPP_TEST_POSTGRES"):
            os.environ["MPP_POSTGRES"] = str(binaries_of(int(version)))
        with _embedded(session_directory(tmp_path_factory)) as status:
            yield status


@pytest.fixture(scope="session")
def world(stack: StackStatus) -> Iterator[World]:
    """People and editions on the running stack."""
    made = World(stack)
    yield made
    made.close()


@pytest.fixture(scope="session")
def played(world: World) -> Played:
    """A running edition with some points; tests read it and change nothing."""
    return Played.new(world)


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
        embedded = Stack(stack_settings(home=home), Ports.free())
        status = embedded.start()
    clock.move_database(status.db_url)
    try:
        yield status
    finally:
        embedded.reset()
        shutil.rmtree(home)


def _from_environment() -> StackStatus:
    values = {name: backends.address(name) for name in backends.VARIABLES}
    url = values["API_URL"].rstrip("/")
    values |= {"API_URL": url, "REST_URL": f"{url}/rest/v1", "FUNCTIONS_URL": f"{url}/functions/v1"}
    for name in ("ANON_KEY", "SERVICE_ROLE_KEY", "JWT_SECRET", "MAILPIT_URL"):
        values[name] = os.environ.get(name, os.environ.get(f"SUPABASE_{name}", ""))
    # 0 is no port: what needs one is left out where none is named.
    return StackStatus(Path(), Ports(smtp=int(os.environ.get("MPP_TEST_SMTP_PORT") or 0)), (), values)
