"""The databases for the SQL tests, on a Postgres of their own without the rest of the stack.

With MPP_TEST_DB_URL (a loaded database, as role postgres) they use that one instead, whatever its version.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from supabase_embedded import PostgresServer
from tests.support.game import Connection, Game, commit_cards
from tests.support.game_clients import Clients
from tests.support.loaded_postgres import copy_database, loaded_postgres


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A loaded server with the cards of the tests: one for each worker, so that their locks never meet."""
    with loaded_postgres() as server:
        commit_cards(server.url())
        copy_database(server, "arena")
        copy_database(server, "directory")
        yield server


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a loaded database, as role postgres, for tests that roll back."""
    return _given() or request.getfixturevalue("server").url()


@pytest.fixture(scope="session")
def arena_url(request: pytest.FixtureRequest) -> str:
    """URL of a loaded database, as role postgres, for tests that commit."""
    return _given() or request.getfixturevalue("server").url(database="arena")


@pytest.fixture(scope="session")
def directory_url(request: pytest.FixtureRequest) -> str:
    """URL of a loaded database, as role postgres, for the one test that fills it with schools."""
    return _given() or request.getfixturevalue("server").url(database="directory")


def _given() -> str:
    url = os.environ.get("MPP_TEST_DB_URL", "")
    if url:
        commit_cards(url)
    return url


@pytest.fixture(scope="session")
def connection(database_url: str) -> Iterator[Connection]:
    """One connection for all rolled-back tests: it keeps the compiled functions."""
    with psycopg.connect(database_url) as connection:
        yield connection


class SharedScene:
    """A scene that stays in the open transaction for all tests in a row that ask for it; each starts from a savepoint.

    What is dear to build is built once. A test gets a copy of the Python objects too, so that none meets what another
    changed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._key: Hashable = None
        self._scene: Any = None

    @contextlib.contextmanager
    def scene(self, key: Hashable, build: Callable[[Game], Any]) -> Iterator[Any]:
        """The scene of this key, built unless it stands; what the block does to it is undone."""
        if key != self._key or self._connection.info.transaction_status != TransactionStatus.INTRANS:
            self.drop()
            self._scene = build(Game(self._connection))
            self._key = key
        with self._connection.transaction(force_rollback=True):
            yield copy.deepcopy(self._scene, {id(self._connection): self._connection})

    def drop(self) -> None:
        """Undo the scene that stands."""
        self._key = self._scene = None
        self._connection.rollback()


@pytest.fixture(scope="module")
def shared_scene(connection: Connection) -> Iterator[SharedScene]:
    """What stands in the transaction of the one connection until the end of the file, with its locks."""
    shared_scene = SharedScene(connection)
    yield shared_scene
    shared_scene.drop()


@pytest.fixture
def db(connection: Connection, shared_scene: SharedScene) -> Iterator[Connection]:
    """A connection as role postgres inside a transaction that is rolled back."""
    shared_scene.drop()
    try:
        yield connection
    finally:
        connection.rollback()


@pytest.fixture
def game(db: Connection) -> Game:
    """People, editions and leagues in the transaction of ``db``."""
    return Game(db)


@pytest.fixture
def clients(game: Game) -> Clients:
    """Two clients that take part in one edition, and somebody of every kind."""
    return Clients(game)
