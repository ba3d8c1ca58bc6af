"""Many at once, on committed data: each test has an edition of its own."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.support.crowd import (
    EDITION,
    LEAGUE,
    Answer,
    Crowd,
    assert_proven,
    at_once,
    attempt,
    codes,
    committed,
    is_waiting,
    meanwhile,
    open_lines,
)
from tests.support.game import SECRET_WORD, Connection, Edition, Game, Jsonb, Person, document
from tests.support.waiting import join, wait_until

PHONE = "+33612345678"


def begin(deleting: threading.Thread, lines: Sequence[Connection]) -> None:
    """Start a deletion on the third line, and go on once it waits for a lock or is over."""
    deleting.start()
    wait_until(lambda: is_waiting(lines[1], lines[2]) or not deleting.is_alive())


@pytest.fixture
def game(arena_url: str) -> Iterator[Game]:
    with committed(arena_url) as game:
        yield game


@pytest.fixture
def lines(arena_url: str) -> Iterator[list[Connection]]:
    with open_lines(arena_url) as lines:
        yield lines


def test_the_same_request_key_fifty_times_at_once_gives_one_validation(game, arena_url):
    edition = game.edition()
    ana = game.player(game.league(edition))
    game.db.commit()
    key = uuid.uuid4()
    answers = at_once(arena_url, [lambda db: game.validate(ana.on(db), edition, "t-soup", key)] * 50)
    assert codes(answers) == {"00000": 50}
    assert all(answer == answers[0] for answer in answers)
    assert game.one("select count(*) from mpp.validation where player_id = %s", (ana.player_id,)) == 1
    assert game.score(ana.player_id) == 2
    assert_proven(game, edition)


def test_one_key_used_by_two_leagues_at_once_serves_one_of_them(game, arena_url):
    edition = game.edition()
    people = [game.league(edition).ambassador for _ in range(8)]
    game.db.commit()
    key = uuid.uuid4()
    answers = at_once(arena_url, [lambda db, p=p: game.validate(p.on(db), edition, "t-soup", key) for p in people])
    assert codes(answers) == {"00000": 1, "MP044": 7}
    assert_proven(game, edition)


def test_the_repeat_limit_holds_against_many_keys_at_once(game, arena_url):
    edition = game.edition()
    ana = game.player(game.league(edition))
    game.db.commit()
    answers = at_once(arena_url, [lambda db: game.validate(ana.on(db), edition, "t-bike")] * 12)
    assert codes(answers) == {"00000": 2, "MP042": 10}
    assert game.score(ana.player_id) == 8


def test_twenty_at_once_for_the_last_place_have_one_winner(game, arena_url):
    edition = game.edition(league_min_players=1, league_max_players=3)
    league = game.league(edition)
    game.player(league)
    people = [game.registered() for _ in range(20)]
    game.db.commit()
    answers = at_once(
        arena_url, [lambda db, p=p: p.on(db).call("join_league", join_code=league.join_code) for p in people]
    )
    assert codes(answers) == {"00000": 1, "MP032": 19}
    assert game.one("select count(*) from mpp.player where league_id = %s", (league.id,)) == 3
    assert game.one("select players from mpp.score where subject_id = %s", (league.id,)) == 3


def test_twenty_guesses_at_once_are_limited_to_ten(game, arena_url):
    edition = game.edition()
    ana = game.player(game.league(edition))
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, n=n: ana.on(db).call("unlock_challenge", edition_id=edition.id, word=f"wrong {n}")
            for n in range(20)
        ],
    )
    assert codes(answers) == {"00000": 10, "MP046": 10}
    assert sorted(a["guesses_left"] for code, a in answers if code == "00000") == list(range(10))


def test_one_account_that_creates_and_joins_leagues_at_once_plays_in_one(game, arena_url):
    edition = game.edition()
    leagues = [game.league(edition) for _ in range(4)]
    person = game.registered()
    game.db.commit()
    work: list[Callable[[Connection], Any]] = [
        lambda db, n=n: person.on(db).call("create_league", edition_id=edition.id, name=f"Mine {n}") for n in range(5)
    ]
    work += [lambda db, g=g: person.on(db).call("join_league", join_code=g.join_code) for g in leagues]
    answers = at_once(arena_url, work)
    assert codes(answers) == {"00000": 1, "MP030": 8}
    assert game.one("select count(*) from mpp.player where account_id = %s", (person.account,)) == 1
    # What was refused left no league behind.
    assert game.one("select count(*) from mpp.league where edition_id = %s", (edition.id,)) in (4, 5)
    assert (
        game.one(
            # A client's league waits for the first who comes.
            "select count(*) from mpp.league l where l.edition_id = %s and l.participation_id is null"
            " and not exists (select from mpp.ambassador a where a.league_id = l.id)",
            (edition.id,),
        )
        == 0
    )


def test_a_league_name_wanted_by_ten_at_once_goes_to_one(game, arena_url):
    edition = game.edition()
    people = [game.registered() for _ in range(10)]
    game.db.commit()
    answers = at_once(
        arena_url,
        [lambda db, p=p: p.on(db).call("create_league", edition_id=edition.id, name="Wanted") for p in people],
    )
    assert codes(answers) == {"00000": 1, "MP038": 9}


def test_registering_ten_times_at_once_makes_one_profile(game, arena_url):
    person = game.signed_in()
    profile = game.profile()
    game.db.commit()
    answers = at_once(arena_url, [lambda db: person.on(db).call("register", **profile)] * 10)
    assert codes(answers) == {"00000": 1, "MP004": 9}
    assert game.one("select count(*) from mpp.consent where account_id = %s", (person.account,)) == 1


def test_applying_one_document_four_times_at_once_makes_one_edition(game, arena_url):
    file = document(f"t-{uuid.uuid4().hex[:10]}")
    game.db.commit()
    answers = at_once(arena_url, [lambda db: len(game.service.on(db).table("apply_edition", document=file))] * 4)
    assert codes(answers) == {"00000": 4}
    assert sorted(bool(changes) for _, changes in answers) == [False, False, False, True]


def test_freezing_eight_times_at_once_freezes_once(game, arena_url):
    edition = game.edition("closed")
    game.db.commit()
    answers = at_once(arena_url, [lambda db: game.service.on(db).call("freeze_edition", edition_code=edition.code)] * 8)
    assert codes(answers) == {"00000": 8}
    assert len({at for _, at in answers}) == 1
    assert (
        game.one("select count(*) from mpp.audit where action = 'edition.freeze' and subject = %s", (edition.code,))
        == 1
    )


def test_handing_over_to_ten_at_once_leaves_one_principal(game, arena_url):
    edition = game.edition()
    league = game.league(edition)
    people = [game.player(league) for _ in range(10)]
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, p=p: league.ambassador.on(db).call(
                "hand_over_league", league_id=league.id, player_id=p.player_id
            )
            for p in people
        ],
    )
    assert codes(answers) == {"00000": 1, "MP007": 9}
    assert game.one("select count(*) from mpp.ambassador where league_id = %s and is_principal", (league.id,)) == 1


# what happens while a request waits for a lock


def test_who_is_expelled_while_their_validation_waits_validates_nothing(game, lines):
    edition = game.edition()
    league = game.league(edition)
    ana = game.player(league)
    code, _ = meanwhile(
        game, lines, LEAGUE, (edition.id, league.id),
        lambda db: game.validate(ana.on(db), edition, "t-soup"),
        lambda: league.ambassador.call("expel_player", player_id=ana.player_id, reason="why"),
    )  # fmt: skip
    assert code == "MP035"
    assert game.score(league.id) == 0


def test_who_is_expelled_while_their_cancellation_waits_takes_nothing_back(game, lines):
    edition = game.edition()
    league = game.league(edition)
    ana = game.player(league)
    receipt = game.validate(ana, edition, "t-soup")
    code, _ = meanwhile(
        game, lines, LEAGUE, (edition.id, league.id),
        lambda db: game.cancel(ana.on(db), receipt),
        lambda: league.ambassador.call("expel_player", player_id=ana.player_id, reason="why"),
    )  # fmt: skip
    assert code == "MP035"
    assert game.score(league.id) == 2


def test_an_edition_that_is_closed_while_a_validation_waits_takes_it_no_more(game, lines):
    edition = game.edition()
    ana = game.player(game.league(edition))
    code, _ = meanwhile(
        game,
        lines,
        EDITION,
        (edition.id,),
        lambda db: game.validate(ana.on(db), edition, "t-soup"),
        lambda: game.close(edition),
    )
    assert code == "MP022"


def test_an_edition_that_is_closed_while_somebody_waits_to_join_takes_nobody_more(game, lines):
    edition = game.edition()
    league, person = game.league(edition), game.registered()
    for call in (
        lambda db: person.on(db).call("join_league", join_code=league.join_code),
        lambda db: person.on(db).call("create_league", edition_id=edition.id, name="Late"),
    ):
        code, _ = meanwhile(
            game,
            lines,
            EDITION,
            (edition.id,),
            call,
            lambda: game.run(
                "update mpp.edition set registration_closes_at = private.clock() where id = %s", (edition.id,)
            ),
        )
        assert code == "MP023"


def test_a_code_renewed_while_somebody_waits_opens_nothing(game, lines):
    edition = game.edition()
    league, person = game.league(edition), game.registered()
    code, _ = meanwhile(
        game, lines, LEAGUE, (edition.id, league.id),
        lambda db: person.on(db).call("join_league", join_code=league.join_code),
        lambda: league.ambassador.call("renew_join_code", league_id=league.id),
    )  # fmt: skip
    assert code == "MP031"


def test_who_stops_being_co_ambassador_while_waiting_leads_no_more(game, lines):
    edition = game.edition()
    league = game.league(edition)
    helper, ana = game.player(league), game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    code, _ = meanwhile(
        game, lines, LEAGUE, (edition.id, league.id),
        lambda db: helper.on(db).call("expel_player", player_id=ana.player_id, reason="why"),
        lambda: league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=False),
    )  # fmt: skip
    assert code == "MP007"


def test_who_stops_being_co_ambassador_while_waiting_hides_no_league(game, lines):
    edition = game.edition()
    league = game.league(edition)
    helper = game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    code, _ = meanwhile(
        game, lines, LEAGUE, (edition.id, league.id),
        lambda db: helper.on(db).call("set_listing", scope="league", subject_id=league.id, listed=False),
        lambda: league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=False),
    )  # fmt: skip
    assert code == "MP007"
    assert len(game.anon.view("league_ranking", subject_id=league.id)) == 1


def test_a_player_or_an_ambassador_put_out_while_waiting_does_nothing_more(game, lines):
    edition = game.edition()
    deeds = {
        "renew_join_code": lambda league, person: {"league_id": league.id},
        "set_listing": lambda league, person: {"scope": "league", "subject_id": league.id, "listed": False},
        "choose_team": lambda league, person: {"team_id": league.teams[0]},
        "validate_challenge": lambda league, person: {
            "player_id": person.player_id, "challenge_id": edition.challenges["t-soup"], "request_key": uuid.uuid4(),
        },
        "leave_league": lambda league, person: {"league_id": league.id},
    }  # fmt: skip
    for deed, arguments in deeds.items():
        league = game.league(edition)
        person = league.ambassador
        code, _ = meanwhile(
            game, lines, LEAGUE, (edition.id, league.id),
            lambda db, p=person, d=deed, a=arguments(league, person): p.on(db).call(d, **a),
            lambda p=person: game.run(
                "update auth.users set banned_until = private.clock() + interval '1 year' where id = %s", (p.account,)
            ),
        )  # fmt: skip
        assert code == "MP001", deed


def test_who_is_expelled_while_changing_team_or_leaving_is_simply_out(game, lines):
    edition = game.edition()
    for deed, code in (("choose_team", "MP005"), ("leave_league", "MP035")):
        league = game.league(edition)
        ana = game.player(league, team=0)
        arguments = {"team_id": league.teams[1]} if deed == "choose_team" else {"league_id": league.id}
        answer, _ = meanwhile(
            game, lines, LEAGUE, (edition.id, league.id),
            lambda db, p=ana, d=deed, a=arguments: p.on(db).call(d, **a),
            lambda g=league, p=ana: g.ambassador.call("expel_player", player_id=p.player_id, reason="why"),
        )  # fmt: skip
        assert answer == code, deed


#: What happens to an account in Auth while a call of it waits.
ENDS = {
    "disabled": "update auth.users set banned_until = now() + interval '10 years' where id = %s",
    "deleted softly": "update auth.users set deleted_at = now() where id = %s",
}


@pytest.mark.parametrize("deed", ["join_league", "create_league"])
def test_whoever_is_disabled_while_waiting_joins_and_makes_no_league(game, lines, deed):
    edition = game.edition()
    league, person = game.league(edition), game.registered()
    call = {"join_code": league.join_code} if deed == "join_league" else {"edition_id": edition.id, "name": "Late"}
    code, _ = meanwhile(
        game, lines, EDITION, (edition.id,),
        lambda db: person.on(db).call(deed, **call),
        lambda: game.run(ENDS["disabled"], (person.account,)),
    )  # fmt: skip
    assert code == "MP001"


@pytest.mark.parametrize("deed", ["renew_join_code", "renew_class_code", "invite_co_teacher"])
def test_what_somebody_is_handed_while_their_disabling_waits_is_void(game, lines, deed):
    if deed == "renew_join_code":
        edition = game.edition()
        league = game.league(edition)
        person, call = league.ambassador, {"league_id": league.id}
    else:
        edition = game.edition(audience="school")
        league = game.class_(edition)
        person, call = league.teacher, {"class_id": league.id}
    handed: list[str] = []
    code, _ = meanwhile(
        game, lines, LEAGUE, (edition.id, league.id),
        lambda db: db.execute(ENDS["disabled"], (person.account,)),
        lambda: handed.append(person.call(deed, **call)),
    )  # fmt: skip
    assert code == "00000"
    for table in ("join_code", "class_code", "class_invitation"):
        assert game.rows(f"select code from mpp.{table} where code = %s", (handed[0],)) == []


#: Whatever staff of a client do for it.
CLIENT = "select pg_advisory_xact_lock(hashtext('mpp.client'), %s)"


@pytest.mark.parametrize("end", ["removed", "made a viewer", "over", *ENDS])
@pytest.mark.parametrize(
    "deed", ["create_client_leagues", "invite_participants", "invite_staff", "set_staff", "remove_staff"]
)
def test_whoever_works_for_a_client_no_more_when_their_turn_comes_does_nothing(game, lines, deed, end):
    edition, client = game.edition(), game.organisation()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    person, other = game.employed(client, "owner"), game.employed(client, "manager")
    name = game.one("select name from mpp.league where id = %s", (league.id,))
    calls: dict[str, dict[str, Any]] = {
        "create_client_leagues": {"participation_id": part, "leagues": Jsonb([{"name": name}])},
        "invite_participants": {"participation_id": part, "participants": Jsonb([{"email": "guest@example.org"}])},
        "invite_staff": {"organisation_id": client, "email": "new@example.org"},
        "set_staff": {"organisation_id": client, "account_id": other.account, "role": "viewer"},
        "remove_staff": {"organisation_id": client, "account_id": other.account},
    }

    def then() -> None:
        if end == "removed":
            game.service.call("remove_staff", organisation_id=client, account_id=person.account)
        elif end == "made a viewer":
            game.service.call("set_staff", organisation_id=client, account_id=person.account, role="viewer")
        elif end == "over":
            game.run("update mpp.staff set access_until = private.clock() where account_id = %s", (person.account,))
        else:
            game.run(ENDS[end], (person.account,))

    def call(db: Connection) -> Any:
        act = person.on(db)
        return act.table(deed, **calls[deed]) if deed == "create_client_leagues" else act.call(deed, **calls[deed])

    code, _ = meanwhile(game, lines, CLIENT, (client,), call, then)
    assert code in {
        "removed": ("MP090", "MP093"),
        "made a viewer": ("MP092",),
        "over": ("MP091", "MP093"),
    }.get(end, ("MP001", "MP093", "MP090"))
    assert game.rows("select 1 from mpp.staff where account_id = %s and role = 'manager'", (other.account,))
    assert game.rows("select 1 from mpp.staff_invitation where organisation_id = %s", (client,)) == []
    assert game.rows("select 1 from mpp.participant where participation_id = %s", (part,)) == []


@pytest.mark.parametrize("how", ["removed", "disabled", "deleted"])
def test_the_codes_that_a_manager_is_given_while_their_removal_waits_are_void(game, lines, how):
    edition, client = game.edition(), game.organisation()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    owner, manager = game.employed(client, "owner"), game.employed(client, "manager")
    name = game.one("select name from mpp.league where id = %s", (league.id,))
    given: list[str] = []

    def end(db: Connection) -> Any:
        if how == "removed":
            return owner.on(db).call("remove_staff", organisation_id=client, account_id=manager.account)
        if how == "disabled":
            return db.execute(ENDS["disabled"], (manager.account,))
        return db.execute("delete from auth.users where id = %s", (manager.account,))

    def then() -> None:
        asked = Jsonb([{"name": name}])
        given.append(manager.table("create_client_leagues", participation_id=part, leagues=asked)[0]["join_code"])

    code, _ = meanwhile(game, lines, CLIENT, (client,), end, then)
    assert code == "00000"
    assert given == [league.join_code]
    assert game.rows("select 1 from mpp.join_code where code = %s", (given[0],)) == []


def test_an_account_deleted_while_it_waits_to_join_leaves_nothing_of_it(game, lines, arena_url):
    edition = game.edition()
    closed, opened = game.league(edition), game.league(edition, is_open=True, phone=PHONE)
    calls: list[tuple[str, Sequence[Any], Callable[[Person], Any]]] = [
        (LEAGUE, (edition.id, closed.id), lambda p: p.call("join_league", join_code=closed.join_code)),
        (LEAGUE, (edition.id, opened.id), lambda p: p.call("join_league", league_id=opened.id, phone=PHONE)),
        (EDITION, (edition.id,), lambda p: p.call("create_league", edition_id=edition.id, name="Ghosts")),
    ]
    for lock, locked, call in calls:
        person = game.registered()
        deletions: list[Answer] = []

        def delete(person: Person = person, deletions: list[Answer] = deletions) -> None:
            statement = "delete from auth.users where id = %s"
            deletions.append(attempt(lambda: lines[2].execute(statement, (person.account,)).rowcount))

        deleting = threading.Thread(target=delete)
        code, _ = meanwhile(
            game,
            lines,
            lock,
            locked,
            lambda db, p=person, c=call: c(p.on(db)),
            lambda d=deleting: begin(d, lines),
        )
        join(deleting)
        # Whichever comes first, neither is lost and no name stays.
        assert code in ("00000", "MP001", "MP003")
        assert deletions == [("00000", 1)]
        assert game.one("select count(*) from mpp.profile where id = %s", (person.account,)) == 0
        assert game.one("select count(*) from mpp.player where account_id = %s", (person.account,)) == 0
        assert game.one("select count(*) from mpp.ambassador where account_id = %s", (person.account,)) == 0
    assert_proven(game, edition)


@pytest.mark.parametrize("deed", ["hand_over_league", "set_co_ambassador", "choose_team", "expel_player"])
def test_an_account_deleted_while_the_ambassador_deals_with_it_is_deleted(game, lines, arena_url, deed):
    edition = game.edition()
    league = game.league(edition)
    heir = game.player(league, team=0)
    arguments = {
        "hand_over_league": {"league_id": league.id, "player_id": heir.player_id},
        "set_co_ambassador": {"player_id": heir.player_id, "granted": True},
        "choose_team": {"team_id": league.teams[1], "player_id": heir.player_id},
        "expel_player": {"player_id": heir.player_id, "reason": "why"},
    }[deed]
    deletions: list[Answer] = []

    def delete() -> None:
        statement = "delete from auth.users where id = %s"
        deletions.append(attempt(lambda: lines[2].execute(statement, (heir.account,)).rowcount))

    deleting = threading.Thread(target=delete)
    code, said = meanwhile(
        game,
        lines,
        LEAGUE,
        (edition.id, league.id),
        lambda db: league.ambassador.on(db).call(deed, **arguments),
        lambda: begin(deleting, lines),
    )
    join(deleting)
    assert code in ("00000", "MP005"), said
    assert deletions == [("00000", 1)]
    principals = "select count(*) from mpp.ambassador where league_id = %s and is_principal"
    assert game.one(principals, (league.id,)) == 1
    assert_proven(game, edition)


def test_a_freeze_waits_for_the_writer_under_way_and_counts_what_it_did(game, lines):
    edition = game.edition()
    ana = game.player(game.league(edition))
    receipt = game.validate(ana, edition, "t-soup")
    game.close(edition)
    code, _ = meanwhile(
        game, lines, "select private.lock_edition(%s)", (edition.id,),
        lambda db: game.service.on(db).call("freeze_edition", edition_code=edition.code),
        lambda: game.cancel(game.service, receipt, reason="why"),
    )  # fmt: skip
    assert code == "00000"
    assert game.score(ana.player_id) == 0
    assert_proven(game, edition)


def test_a_quorum_reached_and_lost_by_several_at_once_credits_all_or_none(game, arena_url):
    edition = game.edition()
    league = game.league(edition)
    people = [game.player(league, team=0) for _ in range(8)]
    game.db.commit()
    for _ in range(10):
        answers = at_once(arena_url, [lambda db, p=p: game.validate(p.on(db), edition, "t-picnic") for p in people[:3]])
        assert codes(answers) == {"00000": 3}
        states = [
            row["state"]
            for row in game.rows(
                "select state from mpp.validation where league_id = %s and state <> 'cancelled'", (league.id,)
            )
        ]
        assert states == ["credited"] * 3
        game.db.commit()
        # Two leave and three arrive in the same moment: whatever the order, five did it minus two.
        more = at_once(
            arena_url,
            [
                *(lambda db, p=p, r=r: game.cancel(p.on(db), r[1]) for p, r in zip(people[:2], answers, strict=False)),
                *(lambda db, p=p: game.validate(p.on(db), edition, "t-picnic") for p in people[3:6]),
            ],
        )
        assert codes(more) == {"00000": 5}
        assert game.score(league.teams[0]) == 20
        assert game.faults(edition) == []
        game.db.commit()
        rest = at_once(
            arena_url,
            [
                lambda db, v=row["id"], p=row["player_id"]: (
                    next(q for q in people if q.player_id == p).on(db).call("cancel_validation", validation_id=v)
                )
                for row in game.rows(
                    "select id, player_id from mpp.validation where league_id = %s and state <> 'cancelled'",
                    (league.id,),
                )
            ],
        )
        assert codes(rest) == {"00000": 4}
        assert game.score(league.id) == 0
        game.db.commit()
    assert_proven(game, edition)


def test_nothing_is_written_after_a_freeze_in_fifty_rounds(game, lines):
    people = [game.registered(f"racer {n}") for n in range(3)]
    game.db.commit()
    total: Counter[str] = Counter()
    for number in range(50):
        edition = game.edition()
        league = game.league(edition, people[0])
        for person in people[1:]:
            game.player(league, person)
        # In some rounds an account is deleted while the edition is frozen.
        leaving = game.player(league) if number % 4 == 0 else None
        game.db.commit()
        frozen = threading.Event()
        crowd = Crowd(lines)
        for person in people[:2]:
            crowd.add(
                lambda db, chance, p=person, e=edition: game.validate(
                    p.on(db), e, chance.choice(("t-soup", "t-plane", "t-swap"))
                ),
                until=frozen.is_set,
            )
        crowd.add(
            lambda db, chance, p=people[2]: p.on(db).call(
                "set_listing", scope="player", subject_id=p.player_id, listed=chance.random() < 0.5
            ),
            until=frozen.is_set,
        )
        if leaving:
            crowd.add(
                lambda db, chance, a=leaving.account: db.execute("delete from auth.users where id = %s", (a,)), times=1
            )
        with crowd.at_work():
            crowd.wait_for_attempts(random.Random(number).randrange(12))
            game.close(edition)
            game.db.commit()
            at = game.freeze(edition)
            game.db.commit()
            shown = ranks(game, edition)
            crowd.wait_for_attempts(3)
            frozen.set()
        total += crowd.answers
        late = game.one(
            "select count(*) from mpp.validation where edition_id = %s and greatest(validated_at, changed_at) >= %s",
            (edition.id, at),
        )
        assert late == 0
        assert_proven(game, edition)
        # Who leaves after the freeze takes their row along, and moves nobody else.
        assert ranks(game, edition).items() <= shown.items()
        game.db.commit()
    assert total["00000"] > 50
    assert set(total) <= {"00000", "MP022", "MP024", "MP042"}


def ranks(game: Game, edition: Edition) -> dict[uuid.UUID, tuple[int, int]]:
    """Points and rank by player, as shown."""
    rows = game.rows("select subject_id, points, rank from api.player_ranking where edition_id = %s", (edition.id,))
    return {row["subject_id"]: (row["points"], row["rank"]) for row in rows}


def test_everything_that_changes_a_league_at_once_with_validations_leaves_right_scores(game, lines):
    edition = game.edition(league_min_players=2, league_max_players=12, unlock_guesses_per_hour=100)
    leagues = [game.league(edition, is_open=True, phone=PHONE) for _ in range(3)]
    people = [game.registered() for _ in range(18)]
    for number, person in enumerate(people[:12]):
        game.player(leagues[number % 3], person, phone=PHONE)
    for person in people[12:]:
        person.player_id = None
    game.db.commit()
    crowd = Crowd(lines)
    everyone = [*people, *(league.ambassador for league in leagues)]

    def play(db: Connection, chance: random.Random) -> None:
        person = chance.choice(everyone).on(db)
        if person.player_id is None:
            person.player_id = next(
                iter(r["player_id"] for r in person.view("my_players", edition_id=edition.id)), uuid.uuid4()
            )
        deed = chance.random()
        if deed < 0.6:
            game.validate(person, edition, chance.choice(("t-bike", "t-soup", "t-picnic", "t-swap", "t-plane")))
        elif deed < 0.9:
            mine = [
                r for r in person.view("league_validations", player_id=person.player_id) if r["state"] != "cancelled"
            ]
            if mine:
                person.call("cancel_validation", validation_id=chance.choice(mine)["validation_id"])
        else:
            person.call("unlock_challenge", edition_id=edition.id, word=chance.choice((SECRET_WORD, "wrong")))

    def move(db: Connection, chance: random.Random) -> None:
        person, league = chance.choice(people).on(db), chance.choice(leagues)
        deed = chance.randrange(5)
        if deed == 0:
            person.call("join_league", league_id=league.id, phone=PHONE)
        elif deed == 1:
            person.call("leave_league", league_id=league.id)
        elif deed == 2:
            person.call("choose_team", team_id=chance.choice(league.teams))
        elif deed == 3:
            mine = person.view("my_players", edition_id=edition.id)
            if mine:
                person.call(
                    "set_listing", scope="player", subject_id=mine[0]["player_id"], listed=chance.random() < 0.5
                )
        else:
            person.call(
                "update_profile",
                alias=f"a{chance.randrange(1000)}",
                birth_date=chance.choice(("1990-01-01", "2000-01-01")),
            )

    def lead(db: Connection, chance: random.Random) -> None:
        league = chance.choice(leagues)
        person = league.ambassador.on(db)
        members = person.view("league_members", league_id=league.id)
        target = chance.choice(members)["player_id"] if members else uuid.uuid4()
        deed = chance.randrange(7)
        if deed == 0:
            person.call("set_listing", scope="league", subject_id=league.id, listed=chance.random() < 0.5)
        elif deed == 1:
            person.call("rename_team", team_id=chance.choice(league.teams), name=f"Team {chance.randrange(1000)}")
        elif deed == 2:
            person.call("choose_team", team_id=chance.choice(league.teams), player_id=target)
        elif deed == 3 and chance.random() < 0.1:
            person.call("expel_player", player_id=target, reason="why")
        elif deed == 4:
            person.call("set_co_ambassador", player_id=target, granted=chance.random() < 0.5)
        elif deed == 5:
            person.call("renew_join_code", league_id=league.id)
        else:
            person.call("hand_over_league", league_id=league.id, player_id=person.player_id)

    def staff(db: Connection, chance: random.Random) -> None:
        service = game.service.on(db)
        if chance.random() < 0.5:
            assert service.table("verify_scores", edition_code=edition.code) == []
        else:
            at = edition.starts_at
            rows = [p for p in everyone if p.player_id]
            service.call(
                "import_validations", edition_code=edition.code, player_ids=[p.player_id for p in rows],
                challenge_ids=[edition.challenges["t-soup"]] * len(rows), done_at=[at] * len(rows),
                request_keys=[uuid.uuid4() for _ in rows],
            )  # fmt: skip
        crowd.wait_for_more(25, 600)

    def forget(db: Connection, chance: random.Random) -> None:
        crowd.wait_for_more(100, 600)
        victim = people[chance.randrange(12, 18)]
        db.execute("delete from auth.users where id = %s", (victim.account,))

    for work, number in ((play, 8), (move, 3), (lead, 3), (staff, 1), (forget, 1)):
        for _ in range(number):
            crowd.add(work, until=lambda: crowd.has_done(600))
    with crowd.at_work():
        pass
    assert crowd.answers["00000"] > 200
    assert_proven(game, edition)
    assert game.one(
        "select count(*) from mpp.player p where p.edition_id = %s group by p.league_id having p.league_id is not null"
        " order by 1 desc limit 1",
        (edition.id,),
    ) <= 12  # fmt: skip
    game.close(edition)
    game.freeze(edition)
    assert game.faults(edition) == []


def test_sixteen_writers_on_one_league_leave_right_scores(game, lines):
    edition = game.edition(league_max_players=40)
    league = game.league(edition)
    people = [league.ambassador, *(game.player(league) for _ in range(39))]
    game.db.commit()
    # What is bounded by the card, more often what is bounded by the day only, and most often what touches the others.
    kinds = ("t-bike", "t-boost", "t-flash", "t-window", *("t-soup", "t-plane") * 4, *("t-picnic", "t-swap") * 4)
    crowd = Crowd(lines)

    def writer(players: list[Person]) -> Callable[[Connection, random.Random], Any]:
        receipts: dict[Any, list[dict[str, Any]]] = {player.player_id: [] for player in players}

        def work(db: Connection, chance: random.Random) -> None:
            person = chance.choice(players)
            done = receipts[person.player_id]
            if done and chance.random() < 0.4:
                game.cancel(person.on(db), done.pop(chance.randrange(len(done))))
            else:
                done.append(game.validate(person.on(db), edition, chance.choice(kinds)))

        return work

    for n in range(16):
        crowd.add(writer(people[n::16]), times=200)
    with crowd.at_work():
        pass
    assert sum(crowd.answers.values()) == 3_200
    assert set(crowd.answers) <= {"00000", "MP042", "MP047"}
    assert crowd.answers["00000"] > 1_200
    assert_proven(game, edition)
