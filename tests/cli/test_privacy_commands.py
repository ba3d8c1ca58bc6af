"""`mpp privacy`: from the command to the rows of the database."""

from __future__ import annotations

from mpp_cli.exits import Exit
from tests.support.world import World

from .conftest import Mpp


def exists(world: World, account: object) -> bool:
    row = world.database.execute("select exists (select from auth.users where id = %s)", (account,)).fetchone()
    return row is not None and bool(row[0])


def test_an_erasure_asks_for_the_address_once_more(mpp: Mpp, world: World) -> None:
    account = world.signed_in().account
    address = str(account.email)
    given = ("privacy", "erase", address, "--reason", "her letter")
    untyped = mpp(*given)
    assert untyped.code == Exit.USAGE
    assert f"add --retype {address}" in untyped.err
    mistyped = mpp(*given, "--retype", "somebody@example.org")
    assert mistyped.code == Exit.REFUSED
    assert f"That is not {address}. Nothing was changed." in mistyped.err
    assert exists(world, account.id)
    done = mpp(*given, "--retype", address.upper())
    assert done.code == Exit.OK, done.err
    assert f"{address} is erased." in done.err
    assert not exists(world, account.id)
    trace = world.database.execute(
        "select details ->> 'reason' from mpp.audit where action = 'user.erase' and subject = %s", (str(account.id),)
    ).fetchall()
    assert trace == [("her letter",)]
    gone = mpp("privacy", "erase", str(account.id), "--reason", "her letter", "--retype", str(account.id))
    assert gone.code != Exit.OK


def test_a_purge_erases_accounts_whose_time_has_come(mpp: Mpp, world: World) -> None:
    world.ops.rules.set("erasure_wait", "3")
    try:
        person, other = world.signed_in(), world.signed_in()
        for each in (person, other):
            each.call("erase_my_account")
        world.database.execute(
            "update mpp.privacy_request set erases_at = private.clock() where account_id = %s", (person.account.id,)
        )
        assert "Accounts erased" not in mpp("privacy", "purge", "--dry-run").err
        done = mpp("privacy", "purge", "--yes")
        assert "Accounts erased, as their owners asked: 1" in done.err
        assert not exists(world, person.account.id)
        assert exists(world, other.account.id)
        other.call("keep_my_account")
    finally:
        world.ops.rules.set("erasure_wait", "0")
