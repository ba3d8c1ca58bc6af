"""The database for the SQL tests: MPP_TEST_DB_URL where it is set (loaded, as role postgres), else the stack's."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from tests.loaded_postgres import loaded_postgres

from .game import Connection, Game, commit_cards


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a loaded database, as role postgres; the cards of the tests are in it."""
    url = os.environ.get("MPP_TEST_DB_URL") or request.getfixturevalue("stack").db_url
    commit_cards(url)
    return str(url)


@pytest.fixture(scope="session")
def connection(database_url: str) -> Iterator[Connection]:
    """One connection for all rolled-back tests: it keeps the compiled functions."""
    with psycopg.connect(database_url) as connection:
        yield connection


@pytest.fixture
def db(connection: Connection) -> Iterator[Connection]:
    """A connection as role postgres inside a transaction that is rolled back."""
    try:
        yield connection
    finally:
        connection.rollback()


@pytest.fixture
def game(db: Connection) -> Game:
    """People, editions and leagues in the transaction of ``db``."""
    return Game(db)


@pytest.fixture(scope="session")
def arena_url() -> Iterator[str]:
    """URL of a loaded database for tests that commit: MPP_TEST_DB_URL, else a server of its own."""
    if url := os.environ.get("MPP_TEST_DB_URL"):
        commit_cards(url)
        yield url
    else:
        with loaded_postgres() as server:
            commit_cards(server.url())
            yield server.url()
