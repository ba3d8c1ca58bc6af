"""What people ask about their own data: the erasure of their account, its waiting time, the way back."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.support.game import DAY, Game, Person

MINUTE = dt.timedelta(minutes=1)


def wait(game: Game, days: int) -> None:
    game.service.call("set_setting", name="erasure_wait", value=str(days))


def exists(game: Game, person: Person) -> bool:
    return bool(game.one("select exists (select from auth.users where id = %s)", (person.account,)))


def mails(game: Game, template: str) -> list[dict]:
    return game.rows("select * from mpp.outbox where template = %s order by id", (template,))


def traces(game: Game, person: Person) -> list[dict]:
    return game.rows("select * from mpp.audit where subject = %s and action = 'user.erase'", (str(person.account),))


def signed_in_before(game: Game, person: Person, ago: dt.timedelta, *others: dict) -> Person:
    """The same person, whose session was opened so long ago."""
    twin = person.on(game.db)
    at = int(game.one("select extract(epoch from private.clock() - %s)", (ago,)))
    twin.claims = {**person.claims, "amr": [{"method": "password", "timestamp": at}, *others]}
    return twin


# at once


def test_an_account_is_erased_at_once_where_the_setting_says_so(game):
    person = game.player(game.league(game.edition()))
    answer = person.call("erase_my_account")
    assert answer["is_erased"] and answer["erases_at"] >= answer["asked_at"]
    assert not exists(game, person)
    with game.refused("MP001"):
        person.call("erase_my_account")
    # The request stays, and leads to nobody.
    (request,) = game.rows("select * from mpp.privacy_request")
    assert (request["state"], request["account_id"], request["handled_by"]) == ("done", None, None)
    (trace,) = traces(game, person)
    assert (trace["actor_id"], trace["details"]) == (person.account, {"reason": "asked by its owner"})


def test_a_mail_tells_the_address_that_its_account_is_gone(game):
    person = game.registered(language="en")
    person.call("erase_my_account")
    (mail,) = mails(game, "account_erased")
    assert (mail["address"], mail["language"], mail["state"]) == (f"{person.account.hex}@example.org", "en", "queued")
    assert str(person.account) not in mail["key"]
    (claimed,) = [
        row
        for row in game.service.table("claim_mail", worker=person.account, lease_seconds=60, message_domain="a.org")
        if row["template"] == "account_erased"
    ]
    assert claimed["address"] == mail["address"]


def test_nobody_is_told_at_an_address_that_was_never_confirmed(game):
    person = game.registered()
    game.run("update auth.users set email_confirmed_at = null where id = %s", (person.account,))
    game.service.call("erase_person", account_id=person.account, reason="why")
    assert not exists(game, person)
    assert mails(game, "account_erased") == []


def test_somebody_without_a_profile_or_with_terms_to_accept_may_go_too(game):
    people = (game.signed_in(), game.registered(), game.teacher())
    game.terms("2099-01", -DAY)
    for person in people:
        assert person.call("erase_my_account")["is_erased"]
        assert not exists(game, person)


# a waiting time


def test_an_erasure_waits_as_long_as_the_setting_says_and_shows(game):
    wait(game, 7)
    person = game.registered()
    game.clock(game.now)
    answer = person.call("erase_my_account")
    assert not answer["is_erased"]
    assert answer["erases_at"] == game.now + 7 * DAY
    assert person.view("my_profile")[0]["erases_at"] == answer["erases_at"]
    (mine,) = person.view("my_privacy_requests")
    assert (mine["kind"], mine["state"], mine["erases_at"]) == ("erasure", "waiting", answer["erases_at"])
    # Asked again it is the same one, and one mail.
    assert person.call("erase_my_account") == answer
    (mail,) = mails(game, "erasure_asked")
    assert (mail["account_id"], mail["useful_until"]) == (person.account, answer["erases_at"])

    game.clock(answer["erases_at"] - MINUTE)
    assert game.service.call("erase_due_accounts") == 0
    game.clock(answer["erases_at"])
    assert game.service.call("erase_due_accounts") == 1
    assert not exists(game, person)
    assert len(mails(game, "account_erased")) == 1
    assert game.service.call("erase_due_accounts") == 0


def test_until_then_the_owner_may_keep_the_account(game):
    wait(game, 7)
    person = game.registered()
    with game.refused("MP065"):
        person.call("keep_my_account")
    asked = person.call("erase_my_account")
    person.call("keep_my_account")
    assert person.view("my_profile")[0]["erases_at"] is None
    (mine,) = person.view("my_privacy_requests")
    assert mine["state"] == "withdrawn"
    assert [mail["state"] for mail in mails(game, "erasure_asked")] == ["dropped"]
    game.clock(asked["erases_at"])
    assert game.service.call("erase_due_accounts") == 0
    assert exists(game, person)
    with game.refused("MP065"):
        person.call("keep_my_account")


def test_to_and_fro_ends_after_five_erasures_in_a_day(game):
    wait(game, 7)
    person = game.registered()
    for _ in range(5):
        person.call("erase_my_account")
        person.call("keep_my_account")
    with game.refused("MP047"):
        person.call("erase_my_account")
    game.clock(game.now + 2 * DAY)
    assert signed_in_before(game, person, MINUTE).call("erase_my_account")["is_erased"] is False


def test_accounts_whose_time_has_come_go_a_few_at_a_time(game):
    wait(game, 1)
    people = [game.registered() for _ in range(3)]
    for person in people:
        person.call("erase_my_account")
    game.clock(game.now + 2 * DAY)
    assert [game.service.call("erase_due_accounts", how_many=2) for _ in range(3)] == [2, 1, 0]
    assert not any(exists(game, person) for person in people)
    with game.refused("MP010"):
        game.service.call("erase_due_accounts", how_many=101)


# a recent sign-in


@pytest.mark.parametrize("days", [0, 7])
def test_an_erasure_takes_a_sign_in_of_the_last_minutes(game, days):
    wait(game, days)
    person = game.registered()
    with game.refused("MP064") as caught:
        signed_in_before(game, person, 16 * MINUTE).call("erase_my_account")
    assert "15 minutes" in str(caught.value)
    game.service.call("set_setting", name="recent_sign_in", value="20")
    signed_in_before(game, person, 16 * MINUTE).call("erase_my_account")


def test_a_token_that_was_renewed_is_no_sign_in(game):
    """Nor is a link that changed the address: the one to the old mailbox opens a session too."""
    person = game.registered()
    now = int(game.one("select extract(epoch from private.clock())"))
    for method in ("token_refresh", "email_change", "anonymous"):
        with game.refused("MP064"):
            signed_in_before(game, person, DAY, {"method": method, "timestamp": now}).call("erase_my_account")
    for amr in (None, [], {}, "password"):
        twin = person.on(game.db)
        twin.claims = {**person.claims, "amr": amr, "iat": now}
        with game.refused("MP064"):
            twin.call("erase_my_account")
    assert exists(game, person)
    signed_in_before(game, person, DAY, {"method": "totp", "timestamp": now}).call("erase_my_account")


def test_whoever_has_a_second_factor_shows_it(game):
    person = game.registered()
    game.run(
        "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)"
        " values (gen_random_uuid(), %s, 'totp', 'verified', now(), now())",
        (person.account,),
    )
    with game.refused("MP013"):
        person.call("erase_my_account")
    assert game.with_second_factor(person).call("erase_my_account")["is_erased"]


# by the staff


def test_the_staff_erase_somebody_who_asked_by_another_way(game):
    wait(game, 7)
    staff, person = game.staff(), game.registered()
    person.call("erase_my_account")
    assert staff.call("erase_person", account_id=person.account, reason="her letter")["is_erased"]
    assert not exists(game, person)
    (request,) = game.rows("select * from mpp.privacy_request")
    assert (request["state"], request["handled_by"]) == ("done", staff.account)
    (trace,) = traces(game, person)
    assert (trace["actor_id"], trace["details"]) == (staff.account, {"reason": "her letter"})
    with game.refused("MP005"):
        staff.call("erase_person", account_id=person.account, reason="her letter")
    other = game.registered()
    with game.refused("MP010"):
        staff.call("erase_person", account_id=other.account, reason=" ")


def test_a_session_of_the_staff_does_not_erase_the_staff(game):
    first, second = game.staff(), game.staff()
    for account in (first.account, second.account):
        with game.refused("MP006"):
            first.call("erase_person", account_id=account, reason="why")
    # Anybody leaves by themselves, and the secret key may do it.
    first.call("erase_my_account")
    game.service.call("erase_person", account_id=second.account, reason="left")
    assert not exists(game, first) and not exists(game, second)
