"""The world of the service tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mpp_supabase import Edition
from supabase_embedded import StackStatus

from .world import Person, World


@pytest.fixture(scope="session")
def world(stack: StackStatus) -> Iterator[World]:
    """People and editions on the running stack."""
    made = World(stack)
    yield made
    made.close()


@dataclass(frozen=True)
class Played:
    """An edition in which four people of two leagues have played: 9, 8, 8 and 0 points."""

    edition: Edition
    ada: Person
    bob: Person
    cleo: Person
    dan: Person
    first_league: str
    second_league: str


@pytest.fixture(scope="session")
def played(world: World) -> Played:
    """A running edition with some points; tests read it and change nothing."""
    edition = world.edition(name="played")
    ada, bob, cleo, dan = (world.person(alias) for alias in ("Ada", "Bob", "Cléo", "=Dan"))
    first = world.league(edition, ada, bob, name="Premiers")
    second = world.league(edition, cleo, dan, name="Seconds")
    ada.validate(edition, "w-bike", 2)
    ada.validate(edition, "w-walk")
    bob.validate(edition, "w-bike", 2)
    cleo.validate(edition, "w-bike", 2)
    return Played(edition, ada, bob, cleo, dan, first, second)
