"""The agreement of a guardian: asked by the child, decided by a link of one use, recorded for good, withdrawn again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.game import DAY, TERMS, Game, Person
from tests.support.game_trust import address, guardian_token

LETTER = "a letter of the mother"


@pytest.fixture
def child(game) -> Person:
    """A player of twelve."""
    return game.player(game.league(game.edition()), game.registered("pomme", birth_date=game.child(12)))


def ask(game: Game, child: Person, to: str = "guardian@example.org") -> str:
    """Ask; returns the token of the mail."""
    child.call("ask_guardian", email=to)
    return guardian_token(game, child)


def log(game: Game, child: Person) -> list[tuple[bool, str, str]]:
    rows = game.rows("select * from mpp.guardian_consent where account_id = %s order by id", (child.account,))
    return [(row["granted"], row["channel"], row["text_version"]) for row in rows]


def listed(game: Game, child: Person) -> bool:
    return game.anon.view("player_ranking", subject_id=child.player_id) != []


def agrees(child: Person) -> bool:
    return child.view("my_profile")[0]["guardian_consent_at"] is not None


def test_a_guardian_agrees_by_the_link_of_a_mail_and_the_child_may_be_listed(game, child):
    with game.refused("MP050") as caught:
        child.call("set_listing", scope="player", subject_id=child.player_id, listed=True)
    assert "alias" not in str(caught.value)
    token = ask(game, child, " Guardian@Example.org ")
    (mail,) = game.rows("select * from mpp.outbox where template = 'guardian_request' order by id desc limit 1")
    assert (mail["address"], mail["purpose"], mail["language"]) == ("guardian@example.org", "service", "fr")
    assert set(mail["data"]) == {"first_name", "token", "expires_at"}
    question = game.anon.call("guardian_question", token=token)
    assert (question["first_name"], question["state"], question["text_version"]) == ("Ana", "open", TERMS)
    assert game.anon.call("guardian_decide", token=token, granted=True)["state"] == "granted"
    assert agrees(child)
    assert not listed(game, child)
    child.call("set_listing", scope="player", subject_id=child.player_id, listed=True)
    assert listed(game, child)
    assert log(game, child) == [(True, "link", TERMS)]
    (mine,) = child.view("my_guardian_requests")
    assert (mine["address"], mine["granted"]) == ("guardian@example.org", True)
    assert [c["granted"] for c in child.view("my_guardian_consents")] == [True]


def test_the_same_link_withdraws_at_any_time_and_the_child_leaves_the_ranking_at_once(game, child):
    token = ask(game, child)
    game.anon.call("guardian_decide", token=token, granted=True)
    child.call("set_listing", scope="player", subject_id=child.player_id, listed=True)
    game.clock(game.now + 300 * DAY)
    assert game.anon.call("guardian_decide", token=token, granted=False)["state"] == "withdrawn"
    assert not agrees(child)
    assert not listed(game, child)
    assert log(game, child) == [(True, "link", TERMS), (False, "link", TERMS)]
    assert game.faults() == []


def test_a_link_works_once(game, child):
    token = ask(game, child)
    # The same again, because an answer got lost, is no second decision.
    for _ in range(2):
        game.anon.call("guardian_decide", token=token, granted=True)
    for _ in range(2):
        game.anon.call("guardian_decide", token=token, granted=False)
    with game.refused("MP062"):
        game.anon.call("guardian_decide", token=token, granted=True)
    refused = ask(game, child)
    for _ in range(2):
        assert game.anon.call("guardian_decide", token=refused, granted=False)["state"] == "refused"
    with game.refused("MP062"):
        game.anon.call("guardian_decide", token=refused, granted=True)
    assert [granted for granted, *_ in log(game, child)] == [True, False, False]
    assert not agrees(child)


def test_a_link_that_nobody_used_expires_after_fourteen_days(game, child):
    token = ask(game, child)
    asked = child.view("my_guardian_requests")[0]["asked_at"]
    game.clock(asked + 14 * DAY)
    assert game.anon.call("guardian_question", token=token)["state"] == "expired"
    with game.refused("MP062"):
        game.anon.call("guardian_decide", token=token, granted=True)
    game.clock(asked + 14 * DAY - timedelta(seconds=1))
    game.anon.call("guardian_decide", token=token, granted=True)


def test_asking_again_ends_the_link_before_and_its_mail(game, child):
    first = ask(game, child)
    second = ask(game, child, "other@example.org")
    with game.refused("MP062"):
        game.anon.call("guardian_decide", token=first, granted=True)
    mails = game.rows("select state, data from mpp.outbox where template = 'guardian_request' order by id desc limit 2")
    assert [(mail["state"], bool(mail["data"])) for mail in mails] == [("queued", True), ("dropped", False)]
    game.anon.call("guardian_decide", token=second, granted=True)


@pytest.mark.parametrize("token", [None, "", "0" * 64, "x" * 5000])
def test_a_token_that_is_none_opens_nothing(game, child, token):
    ask(game, child)
    for name, more in (("guardian_question", {}), ("guardian_decide", {"granted": True})):
        with game.refused("MP062"):
            game.anon.call(name, token=token, **more)


def test_no_table_keeps_the_token_once_the_mail_has_left(game, child):
    token = ask(game, child)
    assert len(token) == 64
    game.run("update mpp.outbox set data = '{}' where template = 'guardian_request'")
    tables = game.rows(
        "select oid::regclass::text as name from pg_class where relnamespace = 'mpp'::regnamespace and relkind = 'r'"
    )
    for row in tables:
        assert game.one(f"select count(*) from {row['name']} t where strpos(t::text, %s) > 0", (token,)) == 0, row


def test_a_child_asks_three_times_a_day_and_a_mailbox_is_written_to_five_times(game, child):
    for number in range(3):
        ask(game, child, f"guardian{number}@example.org")
    with game.refused("MP047"):
        child.call("ask_guardian", email="guardian@example.org")
    game.clock(game.now + 2 * DAY)
    for number in range(5):
        ask(game, game.registered(birth_date=game.child(12)), f"Parent+{number}@example.org")
    with game.refused("MP047"):
        child.call("ask_guardian", email="parent@example.org")
    ask(game, child, "someone@example.org")
    for days in range(3, 6):
        game.clock(game.now + days * DAY)
        for number in range(2):
            ask(game, child, f"day{days}-{number}@example.org")
    game.clock(game.now + 9 * DAY)
    with game.refused("MP047"):
        child.call("ask_guardian", email="eleventh@example.org")


def test_only_somebody_else_is_asked_and_only_where_it_is_needed(game, child):
    for wrong in (None, "", "nobody", address(child), address(child).replace("@", "+parent@")):
        with game.refused("MP010"):
            child.call("ask_guardian", email=wrong)
    adolescent, german = (
        game.registered(birth_date=game.child(15)),
        game.registered(birth_date=game.child(15), country="DE", postcode="10115"),
    )
    with game.refused("MP059") as caught:
        adolescent.call("ask_guardian", email="guardian@example.org")
    assert "15" in str(caught.value)
    ask(game, german)
    game.service.call("set_setting", name="consent_ages", value="FR=15")
    with game.refused("MP059"):
        german.call("ask_guardian", email="guardian@example.org")
    teacher = game.teacher()
    with game.refused("MP003"):
        teacher.call("ask_guardian", email="guardian@example.org")
    game.anon.call("guardian_decide", token=ask(game, child), granted=True)
    with game.refused("MP010"):
        child.call("ask_guardian", email="guardian@example.org")


def test_the_age_of_consent_of_a_country_decides_who_is_listed(game):
    league = game.league(game.edition())
    german = game.player(league, game.registered(birth_date=game.child(15), country="DE", postcode="10115"))
    assert not listed(game, german)
    (profile,) = german.view("my_profile")
    assert (profile["is_under_15"], profile["needs_guardian"]) == (False, True)
    mover = game.player(league, game.registered(birth_date=game.child(15)))
    assert listed(game, mover)
    mover.call("update_profile", country="DE", postcode="10115")
    assert not listed(game, mover)


def test_the_staff_record_what_comes_by_another_way(game, child):
    staff = game.staff()
    staff.call("record_guardian_consent", account_id=child.account, granted=True, reason=LETTER)
    assert agrees(child)
    assert log(game, child) == [(True, "ops", TERMS)]
    (act,) = staff.view("audit_log", action="guardian.record", subject=str(child.account))
    assert act["details"] == {"granted": True, "reason": LETTER}
    for wrong in ({"reason": " "}, {"reason": None}, {"granted": None}):
        with game.refused("MP010"):
            staff.call(
                "record_guardian_consent", **{"account_id": child.account, "granted": True, "reason": LETTER, **wrong}
            )
    with game.refused("MP005"):
        staff.call(
            "record_guardian_consent",
            account_id="00000000-0000-4000-8000-000000000000",
            granted=True,
            reason=LETTER,
        )
    with game.refused("MP006"):
        child.call("record_guardian_consent", account_id=child.account, granted=True, reason="mine")


def test_what_the_staff_withdraw_no_link_gives_back(game, child):
    token = ask(game, child)
    game.anon.call("guardian_decide", token=token, granted=True)
    game.service.call("record_guardian_consent", account_id=child.account, granted=False, reason=LETTER)
    assert not agrees(child)
    with game.refused("MP062"):
        game.anon.call("guardian_decide", token=token, granted=True)
    assert [granted for granted, *_ in log(game, child)] == [True, False]


def test_an_erased_child_leaves_a_log_that_leads_to_nobody_and_no_link(game, child):
    token = ask(game, child)
    game.run("delete from auth.users where id = %s", (child.account,))
    with game.refused("MP062"):
        game.anon.call("guardian_decide", token=token, granted=True)
    (mail,) = game.rows(
        "select state, data from mpp.outbox where template = 'guardian_request' order by id desc limit 1"
    )
    assert (mail["state"], mail["data"]) == ("dropped", {})


def test_who_knows_the_address_can_show_that_it_agreed(game, child):
    game.anon.call("guardian_decide", token=ask(game, child), granted=True)
    assert game.one(
        "select address_digest = sha256('guardian@example.org') from mpp.guardian_consent where account_id = %s",
        (child.account,),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "update mpp.guardian_consent set granted = true",
        "delete from mpp.guardian_consent",
        "truncate mpp.guardian_consent",
    ],
)
def test_the_log_of_guardians_is_append_only_for_everybody(game, child, statement):
    game.service.call("record_guardian_consent", account_id=child.account, granted=True, reason=LETTER)
    with game.refused("MP061"):
        game.run(statement)


def test_nothing_is_decided_during_maintenance(game, child):
    token = ask(game, child)
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message)"
        ' values (private.clock(), private.clock() + interval \'1 hour\', \'{"fr": "x", "en": "x"}\')'
    )
    with game.refused("MP011"):
        game.anon.call("guardian_decide", token=token, granted=True)


# the other ways in


def test_each_protection_of_a_child_is_refused_with_its_own_reason(game, child):
    open_league = game.league(game.edition(), is_open=True, phone="+33612345678")
    client = game.organisation()
    asking = game.client_league(game.participation(client, open_league.edition, asks_phone=True), open_league.edition)
    for code, name, given in (
        ("MP052", "join_league", {"league_id": open_league.id, "phone": "+33611111111"}),
        ("MP052", "join_league", {"join_code": open_league.join_code}),
        ("MP052", "create_league", {"edition_id": open_league.edition.id, "name": "Mine", "is_open": True}),
        ("MP057", "join_league", {"join_code": asking.join_code, "phone": "+33611111111"}),
        ("MP056", "set_consent", {"purpose": "partner_sharing", "granted": True}),
        ("MP050", "set_listing", {"scope": "player", "subject_id": child.player_id, "listed": True}),
    ):
        with game.refused(code) as caught:
            child.call(name, **given)
        assert "alias" not in str(caught.value), name
    child.call("join_league", join_code=asking.join_code)
    assert game.rows("select from mpp.player_contact where player_id = %s", (child.player_id,)) == []


# how long addresses are kept


def kept(game: Game, child: Person) -> bool:
    game.service.table("purge_expired")
    return game.rows("select from mpp.guardian_request where account_id = %s", (child.account,)) != []


@pytest.mark.parametrize("answer", ["none", "refused", "withdrawn"])
def test_the_address_of_a_guardian_is_kept_thirty_days_after_the_question_is_over(game, child, answer):
    # An hour that comes once on every day.
    game.clock(game.one("select (private.today() + interval '36 hours') at time zone 'Europe/Paris'"))
    token = ask(game, child)
    over = child.view("my_guardian_requests")[0]["expires_at"]
    if answer != "none":
        if answer == "withdrawn":
            game.anon.call("guardian_decide", token=token, granted=True)
        game.anon.call("guardian_decide", token=token, granted=False)
        (row,) = child.view("my_guardian_requests")
        over = row["ended_at"] or row["decided_at"]
    end = game.one(
        "select (%s::timestamptz at time zone 'Europe/Paris' + interval '30 days') at time zone 'Europe/Paris'", (over,)
    )
    game.clock(end - timedelta(microseconds=1))
    assert kept(game, child)
    game.clock(end)
    assert not kept(game, child)
    assert len(log(game, child)) == {"none": 0, "refused": 1, "withdrawn": 2}[answer]


def test_the_address_of_a_guardian_who_agrees_is_kept_until_thirty_days_after_the_child_came_of_age(game, child):
    game.anon.call("guardian_decide", token=ask(game, child), granted=True)
    of_age = game.one(
        "select birth_date + interval '15 years 30 days' from mpp.profile where id = %s", (child.account,)
    )
    last = game.one("select %s at time zone 'Europe/Paris'", (of_age,))
    game.clock(last - timedelta(seconds=1))
    assert kept(game, child)
    game.clock(last)
    assert not kept(game, child)
