"""`mpp contact`: what the staff see first, and what came when there was too much."""

from __future__ import annotations

import secrets

from mpp_cli.exits import Exit
from tests.support.world import World

from .conftest import Mpp


def test_a_request_that_does_not_exist_is_said_before_anything_is_asked(mpp: Mpp) -> None:
    ended = mpp("contact", "remove", "999999999", "--reason", "Threats")
    assert ended.code == Exit.REFUSED
    assert "for good?" not in ended.out + ended.err


def test_messages_beyond_three_of_an_address_are_listed_apart(mpp: Mpp, world: World) -> None:
    address = f"{secrets.token_hex(6)}@example.org"
    for number in range(5):
        world.ops.contacts.send("quote", f"Visitor {number}", address, "Hello")

    def listed(*options: str) -> list[str]:
        found = mpp("contact", "list", "--limit", "500", "--json", *options).json()
        return sorted(one["name"][-1] for one in found if one["email"] == address)

    assert listed() == ["0", "1", "2"]
    assert listed("--held") == ["3", "4"]
    assert listed("--state", "new") == listed("--all") == ["0", "1", "2", "3", "4"]
    shown = mpp("contact", "list")
    assert f"Others are held, the latest from {address}: mpp contact list --held" in shown.err
    (held,) = [one for one in world.ops.contacts.iterate(held=True) if one.name == "Visitor 3"]
    assert held.is_held
    assert mpp("contact", "answer", str(held.id)).code == Exit.OK
    assert listed("--held") == ["4"]
