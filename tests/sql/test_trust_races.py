"""Guardians and partners when several act at the same moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.crowd import at_once, codes, committed
from tests.support.game import Game, Person
from tests.support.game_trust import address, campaign, exported, guardian_token, join

pytestmark = pytest.mark.xdist_group("races")


@pytest.fixture
def game(arena_url: str) -> Iterator[Game]:
    with committed(arena_url) as game:
        yield game


def test_a_link_that_twenty_people_press_at_once_decides_once(game, arena_url):
    child = game.registered(birth_date=game.child(12))
    child.call("ask_guardian", email=f"{child.account.hex}@example.com")
    token = guardian_token(game, child)
    game.db.commit()

    def decide(granted):
        return lambda db: game.anon.on(db).call("guardian_decide", token=token, granted=granted)

    answers = at_once(arena_url, [decide(number % 2 == 0) for number in range(20)])
    log = [
        row["granted"]
        for row in game.rows(
            "select granted from mpp.guardian_consent where account_id = %s order by id", (child.account,)
        )
    ]
    # Agreed and then withdrawn, or refused: never agreed twice.
    assert log in ([True, False], [False])
    assert set(codes(answers)) <= {"00000", "MP062"}
    assert child.view("my_profile")[0]["guardian_consent_at"] is None


def test_twenty_questions_of_a_child_at_once_are_three(game, arena_url):
    child = game.registered(birth_date=game.child(12))
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, n=n: child.on(db).call("ask_guardian", email=f"{child.account.hex}-{n}@example.com")
            for n in range(20)
        ],
    )
    assert codes(answers) == {"00000": 3, "MP047": 17}
    waiting = "select count(*) from mpp.guardian_request where account_id = %s and ended_at is null"
    assert game.one(waiting, (child.account,)) == 1


def test_whoever_leaves_while_a_list_is_made_is_not_on_it_or_the_partner_must_be_told(game, arena_url):
    mission = campaign(game)
    people = [join(game.registered(), mission, consent=True) for _ in range(24)]
    stay, withdraw, erase = people[:8], people[8:16], people[16:]
    game.db.commit()
    service = game.service
    answers = at_once(
        arena_url,
        [
            *[lambda db: exported(Game(db), mission)] * 2,
            *[lambda db, p=p: p.on(db).call("set_consent", purpose="partner_sharing", granted=False) for p in withdraw],
            *[lambda db, p=p: db.execute("delete from auth.users where id = %s", (p.account,)) for p in erase],
        ],
    )
    assert codes(answers) == {"00000": 18}
    given = {line for _, lines in answers[:2] for line in lines}
    told = {row["address"]: row["reason"] for row in service.view("partner_withdrawals", campaign=mission.code)}
    assert {address(person) for person in stay} <= given
    assert told == {
        address(person): reason
        for reason, group in (("withdrawn", withdraw), ("erased", erase))
        for person in group
        if address(person) in given
    }
    assert exported(game, mission) == sorted(address(person) for person in stay)
    assert (
        game.one(
            "select count(*) from mpp.partner_address a join mpp.campaign c on c.id = a.campaign_id where c.code = %s",
            (mission.code,),
        )
        == 8
    )


def test_of_many_erasures_of_one_account_one_is_done(game, arena_url):
    person = game.player(game.league(edition := game.edition()))
    game.db.commit()
    answers = at_once(arena_url, [lambda db: person.on(db).call("erase_my_account")] * 8)
    assert codes(answers) == {"00000": 1, "MP001": 7}
    for query in (
        "select count(*) from mpp.audit where action = 'user.erase' and subject = %s",
        "select count(*) from mpp.outbox where template = 'account_erased' and address = %s || '@example.org'",
    ):
        given = person.account.hex if "outbox" in query else str(person.account)
        assert game.one(query, (given,)) == 1
    assert game.faults(edition) == []


def test_an_account_is_either_kept_or_erased_when_its_time_comes(game, arena_url):
    game.service.call("set_setting", name="erasure_wait", value="1")
    people = [game.registered() for _ in range(12)]
    for person in people:
        person.call("erase_my_account")
    game.run("update mpp.privacy_request set erases_at = private.clock() where state = 'waiting'")
    game.service.call("set_setting", name="erasure_wait", value="0")
    game.db.commit()

    def due(db):
        while Person(db, "service_role").call("erase_due_account"):
            pass

    def keep(person):
        return lambda db: person.on(db).call("keep_my_account")

    # Whoever runs skips an account that its owner is about to keep.
    answers = at_once(arena_url, [due, due, *map(keep, people)])
    assert {code for code, _ in answers} <= {"00000", "MP001", "MP065"}
    kept = {person.account for person, (code, _) in zip(people, answers[2:], strict=True) if code == "00000"}
    # Whoever was told that the account is kept has it; the others go with this run or the next.
    while game.service.call("erase_due_account"):
        game.db.commit()
    accounts = [person.account for person in people]
    assert {row["id"] for row in game.rows("select id from auth.users where id = any (%s)", (accounts,))} == kept
