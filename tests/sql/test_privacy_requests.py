"""What people ask about their own data: the erasure of their account, its waiting time, the way back."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from tests.support.game import DAY, Game, Person

MINUTE = dt.timedelta(minutes=1)


def let_erasures_wait(game: Game, days: int) -> None:
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
    assert answer["is_erased"]
    assert answer["erases_at"] >= answer["asked_at"]
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
    let_erasures_wait(game, 7)
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
    assert game.service.call("erase_due_account") is False
    game.clock(answer["erases_at"])
    assert game.service.call("erase_due_account") is True
    assert not exists(game, person)
    assert len(mails(game, "account_erased")) == 1
    assert game.service.call("erase_due_account") is False


def test_until_then_the_owner_may_keep_the_account(game):
    let_erasures_wait(game, 7)
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
    assert game.service.call("erase_due_account") is False
    assert exists(game, person)
    with game.refused("MP065"):
        person.call("keep_my_account")


def test_to_and_fro_ends_after_five_erasures_in_a_day(game):
    let_erasures_wait(game, 7)
    person = game.registered()
    for _ in range(5):
        person.call("erase_my_account")
        person.call("keep_my_account")
    with game.refused("MP047"):
        person.call("erase_my_account")
    game.clock(game.now + 2 * DAY)
    assert signed_in_before(game, person, MINUTE).call("erase_my_account")["is_erased"] is False


def test_accounts_whose_time_has_come_go_one_after_another_the_oldest_request_first(game):
    let_erasures_wait(game, 1)
    people = [game.registered() for _ in range(3)]
    for person in people:
        person.call("erase_my_account")
    game.clock(game.now + 2 * DAY)
    for done in range(4):
        assert [exists(game, person) for person in people] == [number >= done for number in range(3)]
        assert game.service.call("erase_due_account") is (done < 3)


# a recent sign-in


@pytest.mark.parametrize("days", [0, 7])
def test_an_erasure_takes_a_sign_in_of_the_last_minutes(game, days):
    let_erasures_wait(game, days)
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
    let_erasures_wait(game, 7)
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
    assert not exists(game, first)
    assert not exists(game, second)


# what comes by mail, by letter or by telephone


def request(game: Game, number: int) -> dict:
    (row,) = game.service.view("privacy_requests", id=number)
    return row


@pytest.mark.parametrize(
    ("now", "asked_on", "due"),
    [
        # Clocks go back on 25 October: the answer is due at the same hour.
        ("2026-10-20T10:00:00+02:00", None, "2026-11-19T10:00:00+01:00"),
        ("2026-10-20T10:00:00+02:00", "2026-10-15", "2026-11-14T00:00:00+01:00"),
        ("2026-03-10T10:00:00+01:00", "2026-03-10", "2026-04-09T00:00:00+02:00"),
    ],
)
def test_a_request_is_due_thirty_days_after_it_came(game, now, asked_on, due):
    game.begin(dt.datetime.fromisoformat(now))
    person, staff = game.registered(), game.staff()
    given = {"asked_on": asked_on} if asked_on else {}
    number = staff.call(
        "record_privacy_request", kind="access", channel="letter", note="a copy", account_id=person.account, **given
    )
    assert request(game, number)["due_at"] == dt.datetime.fromisoformat(due)
    (mine,) = person.view("my_privacy_requests")
    assert (mine["kind"], mine["channel"], mine["state"]) == ("access", "letter", "open")
    trace = game.rows("select actor_id, details from mpp.audit where action = 'privacy.record'")
    assert trace == [{"actor_id": staff.account, "details": {"kind": "access", "channel": "letter"}}]


def test_an_answer_settles_a_request_and_forgets_the_address(game):
    staff = game.staff()
    asked = {"kind": "objection", "channel": "mail", "note": "no mails"}
    done, refusal = (
        staff.call("record_privacy_request", **asked, address=f"{name}@Example.org") for name in ("ada", "bo")
    )
    assert request(game, done)["address"] == "ada@example.org"
    staff.call("settle_privacy_request", request_id=done, outcome="off every list")
    staff.call("settle_privacy_request", request_id=refusal, outcome="nobody we know", refused=True)
    rows = [request(game, number) for number in (done, refusal)]
    assert [(row["state"], row["address"], row["outcome"], row["handled_by"]) for row in rows] == [
        ("done", None, "off every list", staff.account),
        ("refused", None, "nobody we know", staff.account),
    ]
    with game.refused("MP066"):
        staff.call("settle_privacy_request", request_id=done, outcome="again")
    with game.refused("MP005"):
        staff.call("settle_privacy_request", request_id=refusal + 1, outcome="what")
    assert "example.org" not in str(game.rows("select details from mpp.audit where action like 'privacy.%%'"))


def test_an_erasure_is_settled_by_erasing_and_not_by_saying_so(game):
    person, staff = game.registered(), game.staff()
    asked = {"kind": "erasure", "channel": "telephone", "note": "forget me", "account_id": person.account}
    number = staff.call("record_privacy_request", **asked)
    with game.refused("MP010"):
        staff.call("settle_privacy_request", request_id=number, outcome="done")
    staff.call("erase_person", account_id=person.account, reason="request")
    row = request(game, number)
    assert (row["state"], row["handled_by"], row["account_id"]) == ("done", staff.account, None)


def test_only_the_owner_takes_back_an_erasure_that_waits(game):
    let_erasures_wait(game, 7)
    person, staff = game.registered(), game.staff()
    person.call("erase_my_account")
    (row,) = game.service.view("privacy_requests", account_id=person.account)
    with game.refused("MP066"):
        staff.call("settle_privacy_request", request_id=row["id"], outcome="stay with us", refused=True)


def test_what_is_recorded_is_checked(game):
    person, staff = game.registered(), game.staff()
    asked = {"kind": "access", "channel": "mail", "note": "a copy", "account_id": person.account}
    today = game.one("select private.today()")
    for wrong in (
        {"kind": "everything"}, {"channel": "fax"}, {"note": " "}, {"address": "ada@example.org"}, {"account_id": None},
        {"account_id": None, "address": "nowhere"}, {"asked_on": today + DAY}, {"asked_on": today - 366 * DAY},
    ):  # fmt: skip
        with game.refused("MP010") as caught:
            staff.call("record_privacy_request", **{**asked, **wrong})
        assert "nowhere" not in str(caught.value)
    with game.refused("MP005"):
        staff.call("record_privacy_request", **{**asked, "account_id": uuid.uuid4()})


# clients


def test_the_staff_learn_that_a_client_has_no_owner_any_more(game):
    client, staff = game.organisation(), game.staff()
    first, second = game.employed(client, "owner"), game.employed(client, "owner")
    manager = game.employed(client, "manager")
    manager.call("erase_my_account")
    first.call("erase_my_account")
    assert mails(game, "client_without_owner") == []
    second.call("erase_my_account")
    (mail,) = mails(game, "client_without_owner")
    assert mail["account_id"] == staff.account
    assert mail["data"]["client"] == game.one("select code from mpp.organisation where id = %s", (client,))


def test_an_owner_whose_access_is_over_was_none(game):
    client, _ = game.organisation(), game.staff()
    owner = game.employed(client, "owner")
    game.run("update mpp.staff set access_from = private.clock() - interval '2 days',"
             " access_until = private.clock() - interval '1 day'")  # fmt: skip
    owner.call("erase_my_account")
    assert mails(game, "client_without_owner") == []


# files


def put(game: Game, path: str, bucket: str = "pictures", owner: uuid.UUID | None = None) -> None:
    game.run("insert into storage.buckets (id, name) values (%s, %s) on conflict do nothing", (bucket, bucket))
    game.run(
        "insert into storage.objects (bucket_id, name, owner_id) values (%s, %s, %s)",
        (bucket, path, None if owner is None else str(owner)),
    )


def waiting(game: Game, **more: int) -> list[tuple[str, str]]:
    return [(row["bucket_id"], row["path"]) for row in game.service.table("files_to_remove", **more)]


def test_files_of_an_erased_account_are_queued_until_storage_has_deleted_them(game):
    person, other = game.registered(), game.registered()
    mine = [f"{person.account}/face.png", f"{person.account}/old/face.png"]
    for path in (*mine, f"{other.account}/face.png", f"{uuid.uuid4()}/league.png"):
        put(game, path)
    assert waiting(game) == []
    person.call("erase_my_account")
    assert sorted(waiting(game)) == [("pictures", path) for path in mine]
    assert len(waiting(game, how_many=1)) == 1
    # Storage deletes the row of a file with its bytes.
    game.run("select set_config('storage.allow_delete_query', 'true', true)")
    game.run("delete from storage.objects where name = %s", (mine[0],))
    assert waiting(game) == [("pictures", mine[1])]
    game.run("delete from storage.objects where name = %s", (mine[1],))
    assert waiting(game) == []
    assert game.rows("select * from mpp.file_removal") == []


def test_a_file_that_was_being_uploaded_meanwhile_is_taken_up_later(game):
    person, other = game.registered(), game.registered()
    person.call("erase_my_account")
    late = f"{person.account}/late.png"
    put(game, late, owner=person.account)
    # Of others: of an account that is there, in another's folder, without an uploader, of a client.
    put(game, f"{other.account}/face.png", owner=other.account)
    put(game, f"{uuid.uuid4()}/league.png", owner=person.account)
    put(game, f"{uuid.uuid4()}/unknown.png")
    assert waiting(game) == [("pictures", late)]


def test_pictures_and_photos_of_an_erased_account_go_with_its_other_files(game):
    person = game.registered()
    name = "0" * 32
    put(game, f"{person.account}/new/{name}.png", "profile-pictures", person.account)
    assert waiting(game) == []
    person.call("erase_my_account")
    assert waiting(game) == [("profile-pictures", f"{person.account}/new/{name}.png")]


def test_the_kit_of_a_client_outlives_whoever_uploaded_it(game):
    client = game.organisation()
    owner = game.employed(client, "owner")
    put(game, f"{client}/own/logo.png", "client-files", owner.account)
    owner.call("erase_my_account")
    assert waiting(game) == []
