"""`mpp privacy`: from the command to the rows of the database."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

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


def test_what_is_held_about_somebody_is_written_for_them_alone(mpp: Mpp, world: World, tmp_path: Path) -> None:
    person = world.person("Ada copy")
    address, file = str(person.account.email), tmp_path / "ada.json"
    given = ("privacy", "export", address, "--reason", "her letter", "-o", file)
    done = mpp(*given)
    assert done.code == Exit.OK, done.err
    assert json.loads(file.read_text())["data"]["profile"]["alias"] == "Ada copy"
    assert file.stat().st_mode & 0o777 == 0o600
    assert mpp(*given).code == Exit.USAGE
    page = tmp_path / "ada.html"
    done = mpp("privacy", "export", address, "--reason", "r", "-o", page, "--language", "en")
    assert done.code == Exit.OK, done.err
    assert "Ada copy" in page.read_text()
    assert "My data at Ma Petite Planète" in page.read_text()
    nobody = mpp("privacy", "export", str(uuid.uuid4()), "--reason", "r", "-o", tmp_path / "nobody.json")
    assert nobody.code != Exit.OK
    assert not (tmp_path / "nobody.json").exists()


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


def test_a_request_is_recorded_listed_with_its_deadline_and_settled(mpp: Mpp, world: World) -> None:
    account = world.signed_in().account
    asked = ("privacy", "record", "--kind", "access", "--by", "letter", "--note", "a copy of all")
    assert mpp(*asked).code == Exit.USAGE
    assert mpp(*asked, "--account", account.email, "--address", "x@example.org").code == Exit.USAGE
    recorded = mpp(*asked, "--account", account.email)
    assert recorded.code == Exit.OK, recorded.err
    (found,) = [row for row in mpp("privacy", "requests", "--json").json() if row["account_id"] == str(account.id)]
    assert f"Request {found['id']} is recorded" in recorded.err
    assert (found["kind"], found["channel"], found["state"]) == ("access", "letter", "open")
    # The 30th day begins at this hour.
    listed = mpp("privacy", "requests")
    assert f"{found['due_at'][:10]} (29 days left)" in listed.out
    settled = mpp("privacy", "settle", found["id"], "--outcome", "sent")
    assert f"Request {found['id']} is done." in settled.err
    assert str(account.id) not in mpp("privacy", "requests", "--json").out
    assert "sent" in mpp("privacy", "requests", "--all").out
    assert mpp("privacy", "settle", found["id"], "--outcome", "again").code == Exit.REFUSED


def test_a_request_of_somebody_without_an_account_that_is_late_is_overdue(mpp: Mpp, world: World) -> None:
    given = ("--kind", "objection", "--by", "mail", "--note", "no mails", "--address", "Ada@example.org")
    (today,) = world.database.execute("select private.today() - 31").fetchone() or ()
    assert mpp("privacy", "record", *given, "--on", today).code == Exit.OK
    listed = mpp("privacy", "requests").out
    assert "ada@example.org" in listed
    assert "(overdue)" in listed
    (found,) = [row for row in mpp("privacy", "requests", "--json").json() if row["address"] == "ada@example.org"]
    assert "is refused." in mpp("privacy", "settle", found["id"], "--outcome", "unknown here", "--refused").err


def test_the_staff_correct_what_is_written_about_a_person(mpp: Mpp, world: World) -> None:
    person = world.person(alias="to-correct")
    given = ("privacy", "correct", person.account.email, "--reason", "her letter")
    assert mpp(*given).code == Exit.USAGE
    done = mpp(*given, "--last-name", "Zed", "--birth-date", "1991-02-03", "--sector", "energy")
    assert done.code == Exit.OK, done.err
    assert f"Corrected of {person.account.email}: last name, sector, birth date." in done.err
    row = world.database.execute(
        "select last_name, birth_date::text, sector from mpp.profile where id = %s", (person.account.id,)
    ).fetchone()
    assert row == ("Zed", "1991-02-03", "energy")
    assert "All of this was so already" in mpp(*given, "--last-name", "Zed").err
    assert mpp(*given, "--role", "director").code == Exit.REFUSED


def test_files_of_erased_accounts_are_deleted_by_a_command(mpp: Mpp) -> None:
    done = mpp("privacy", "files")
    assert done.code == Exit.OK, done.err
    assert "0 files deleted." in done.err


def test_an_account_gets_another_address_which_is_typed_twice(mpp: Mpp, world: World) -> None:
    account = world.signed_in().account
    new = f"new-{account.email}"
    given = ("user", "address", account.email, new, "--reason", "left her employer")
    assert mpp(*given).code == Exit.USAGE
    assert mpp(*given, "--retype", account.email).code == Exit.REFUSED
    done = mpp(*given, "--retype", new)
    assert done.code == Exit.OK, done.err
    assert f"The address of account {account.id} is {new}." in done.err
    row = world.database.execute(
        "select u.email, u.email_confirmed_at is not null, p.password_since, p.address_since is not null"
        " from auth.users u join mpp.account_proof p on p.account_id = u.id where u.id = %s",
        (account.id,),
    ).fetchone()
    # The old password proves nothing about the new mailbox.
    assert row == (new, True, None, True)
    assert account.email not in str(world.database.execute(
        "select details from mpp.audit where subject = %s", (str(account.id),)).fetchall())  # fmt: skip
