"""The databases of tests/sql, and the people of two clients."""

from __future__ import annotations

import pytest

from tests.sql.conftest import arena_url, connection, database_url, db, game, server
from tests.sql.game import Game

from .clients import Clients

__all__ = ["arena_url", "connection", "database_url", "db", "game", "server"]


@pytest.fixture
def clients(game: Game) -> Clients:
    """Two clients that take part in one edition, and somebody of every kind."""
    return Clients(game)
