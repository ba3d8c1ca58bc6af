"""Contact, quote and webinar requests: anybody writes, only the association reads."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from tests.support.game import Game, Person
from tests.support.game_clients import DENIED, OK, everybody

ASKED = {"kind": "quote", "name": "Camille Exemple", "email": "camille@example.org", "message": "Bonjour,\nun devis ?"}


def sent(game: Game, email: str = "camille@example.org") -> list[dict]:
    return game.rows("select * from mpp.contact_request where email = %s order by id", (email,))


def test_everybody_but_an_anonymous_account_may_write_and_is_answered_nothing(game, clients):
    expected = everybody(OK, anonymous="MP002")
    for name, person in clients.people.items():
        assert clients.answers(name, "send_contact_request", **ASKED) == expected[name], name
        if expected[name] == OK:
            with game.db.transaction(force_rollback=True):
                assert person.call("send_contact_request", **ASKED) in ("", None)
                assert len(sent(game)) == 1


def test_a_request_is_kept_as_it_was_written(game):
    game.anon.call(
        "send_contact_request", kind="webinar", name="  Camille   Exemple ", email=" Camille@Example.ORG ",
        message="\n Première ligne\r\n\tDeuxième : l’été, 100 % 🌍\n\nFin \n", organisation="Mairie d’Exempleville",
        size=250, language="en",
    )  # fmt: skip
    (row,) = sent(game)
    assert row["message"] == "Première ligne\nDeuxième : l’été, 100 % 🌍\n\nFin"
    assert (row["kind"], row["name"], row["organisation"]) == ("webinar", "Camille Exemple", "Mairie d’Exempleville")
    assert (row["size"], row["language"], row["state"]) == (250, "en", "new")
    assert row["handled_at"] is row["note"] is row["removed_at"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": None},
        {"kind": "devis"},
        {"kind": "Quote"},
        {"name": " "},
        {"name": "x" * 121},
        {"name": "a\u202eb"},
        {"email": None},
        {"email": "nobody"},
        {"email": "a@b"},
        {"email": "a b@example.org"},
        {"email": "a@example.org\nBcc: b@example.org"},
        {"email": "a@example.org,b@example.org"},
        {"email": "<a@example.org>"},
        {"email": "a" * 65 + "@example.org"},
        {"email": "a@" + "b" * 300 + ".org"},
        {"message": None},
        {"message": " \n\t"},
        {"message": "x" * 4001},
        {"message": "x" * 5_000_000},
        {"message": "a\x07b"},
        {"message": "a\x1b[31mb"},
        {"message": "a\u202eb"},
        {"message": "a" + "\u0301" * 5},
        {"organisation": "x" * 121},
        {"size": 0},
        {"size": -1},
        {"language": "xx"},
        {"language": None},
    ],
)
def test_what_is_not_valid_is_refused_by_name_and_nothing_is_kept(game, wrong):
    with game.refused("MP010") as caught:
        game.anon.call("send_contact_request", **{**ASKED, **wrong})
    assert next(iter(wrong)) in caught.value.diag.message_primary
    assert len(caught.value.diag.message_primary) < 400


def test_a_message_may_have_four_thousand_characters_of_any_script(game):
    game.anon.call("send_contact_request", **{**ASKED, "message": "漢" * 4000})
    assert len(sent(game)[0]["message"]) == 4000


def test_after_three_of_a_day_the_messages_of_an_address_are_held_and_told_the_same(game):
    answers = {game.anon.call("send_contact_request", **ASKED) for _ in range(5)}
    answers |= {game.anon.call("send_contact_request", **{**ASKED, "email": "CAMILLE@example.org", "message": "Moi !"})}
    assert len(answers) == 1
    # Whoever writes in somebody's name does not make theirs disappear.
    assert [row["is_held"] for row in sent(game)] == [False] * 3 + [True] * 3
    assert sent(game)[-1]["message"] == "Moi !"
    # Another address is not held up by it, and a day later the first one is heard again.
    game.anon.call("send_contact_request", **{**ASKED, "email": "else@example.org"})
    assert len(sent(game, "else@example.org")) == 1
    game.clock(game.now + timedelta(days=1, minutes=5))
    game.anon.call("send_contact_request", **ASKED)
    assert [row["is_held"] for row in sent(game)].count(False) == 4


def fill(game: Game, minutes_ago: int, number: int = 200, *, held: bool = False, state: str = "new") -> None:
    game.run(
        "insert into mpp.contact_request (kind, name, email, message, language, received_at, is_held, state)"
        " select 'contact', 'x', 'n' || n || '@example.org', 'x', 'fr', private.clock() - make_interval(mins =>"
        " %s), %s, %s"
        " from generate_series(1, %s) n",
        (minutes_ago, held, state, number),
    )


def test_beyond_the_ceiling_of_an_hour_messages_are_held_and_nothing_is_lost(game, clients):
    fill(game, 30, 199)
    game.anon.call("send_contact_request", **ASKED)
    for name in ("anon", "player", "ops", "service"):
        clients[name].call("send_contact_request", **{**ASKED, "email": f"{name}@example.org"})
        assert [row["is_held"] for row in sent(game, f"{name}@example.org")] == [True]
    # Held ones do not keep the door shut.
    game.clock(game.now + timedelta(hours=1, minutes=1))
    game.anon.call("send_contact_request", **{**ASKED, "email": "later@example.org"})
    assert [row["is_held"] for row in sent(game, "later@example.org")] == [False]


def test_when_no_more_can_be_held_it_is_said_and_what_needs_not_be_held_is_kept(game, clients):
    fill(game, 60 * 24 * 3, 4999, held=True)
    # What the staff have looked at takes no room.
    fill(game, 60 * 24 * 3, 10, held=True, state="spam")
    fill(game, 60 * 24 * 3, 10, held=True, state="answered")
    assert clients.answers("anon", "send_contact_request", **ASKED) == OK
    fill(game, 30, 200)
    game.anon.call("send_contact_request", **ASKED)
    assert clients.answers("anon", "send_contact_request", **ASKED) == "MP095"
    game.service.call("handle_contact_request", id=sent(game)[0]["id"], state="in_progress")
    assert clients.answers("anon", "send_contact_request", **ASKED) == OK
    game.anon.call("send_contact_request", **ASKED)
    game.clock(game.now + timedelta(hours=1, minutes=1))
    assert clients.answers("anon", "send_contact_request", **{**ASKED, "email": "new@example.org"}) == OK


def test_of_twenty_at_once_from_one_address_three_are_not_held(arena_url):
    address = "crowd-of-contact@example.org"
    barrier = threading.Barrier(20)
    failures: list[BaseException] = []

    def send() -> None:
        try:
            with psycopg.connect(arena_url, autocommit=True) as db:
                person = Person(db, "anon")
                barrier.wait()
                person.rows("select api.send_contact_request('contact', 'x', %s, 'x')", (address,))
        except BaseException as error:
            failures.append(error)

    crowd = [threading.Thread(target=send) for _ in range(20)]
    with psycopg.connect(arena_url, autocommit=True) as db:
        # The database of a developer may hold them from another run.
        db.execute("delete from mpp.contact_request where email = %s", (address,))
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert failures == []
        counted = "select count(*) filter (where not is_held), count(*) from mpp.contact_request where email = %s"
        assert db.execute(counted, (address,)).fetchone() == (3, 20)
        db.execute("delete from mpp.contact_request where email = %s", (address,))


def test_nothing_is_written_during_maintenance(game):
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message) values (private.clock() - interval '1 hour',"
        """ private.clock() + interval '1 hour', '{"fr": "x", "en": "x"}')"""
    )
    with game.refused("MP011"):
        game.anon.call("send_contact_request", **ASKED)


# the association


@pytest.fixture
def request_id(game) -> int:
    game.anon.call("send_contact_request", **ASKED)
    return sent(game)[0]["id"]


def test_only_the_association_reads_requests(clients, request_id):
    assert clients.may_read("contact_requests", id=request_id) == everybody(0, anon=DENIED, ops=1, service=1)
    # Not the one who wrote it either, and not by the table.
    writer = clients["player"]
    with pytest.raises(psycopg.Error), clients.game.db.transaction():
        writer.rows("select * from mpp.contact_request")


def test_only_the_association_handles_and_takes_down(clients, request_id):
    expected = everybody("MP006", anon=DENIED, ops=OK, service=OK)
    for name in clients.people:
        assert clients.answers(name, "handle_contact_request", id=request_id, state="spam") == expected[name], name
        assert clients.answers(name, "remove_contact_content", id=request_id, reason="x") == expected[name], name


def test_a_request_is_handled_with_a_note_and_a_trace(game, clients, request_id):
    ops = clients["ops"]
    ops.call("handle_contact_request", id=request_id, state="in_progress", note="Called back,\nwill write on Monday")
    (row,) = ops.view("contact_requests", id=request_id)
    assert (row["state"], row["note"]) == ("in_progress", "Called back,\nwill write on Monday")
    assert (row["handled_by"], row["handled_at"] is None) == (ops.account, False)
    ops.call("handle_contact_request", id=request_id, state="answered")
    assert ops.view("contact_requests", id=request_id)[0]["note"] == "Called back,\nwill write on Monday"
    ops.call("handle_contact_request", id=request_id, state="answered", note="")
    assert ops.view("contact_requests", id=request_id)[0]["note"] is None
    trace = ops.view("audit_log", action="contact.handle", subject=str(request_id))
    assert [row["details"] for row in sorted(trace, key=lambda row: row["id"])] == [
        {"state": "in_progress"}, {"state": "answered"}, {"state": "answered"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "more"),
    [
        ("handle_contact_request", {"state": None}),
        ("handle_contact_request", {"state": "spam", "note": "x" * 2001}),
        ("handle_contact_request", {"state": "spam", "note": "a\x07b"}),
        ("remove_contact_content", {"reason": " "}),
        ("remove_contact_content", {"reason": None}),
        ("remove_contact_content", {"reason": "x" * 501}),
    ],
)
def test_what_staff_type_is_checked_too(game, clients, request_id, function, more):
    with game.refused("MP010"):
        clients["ops"].call(function, id=request_id, **more)


def test_a_request_that_does_not_exist_is_refused(game, clients):
    with game.refused("MP005"):
        clients["ops"].call("handle_contact_request", id=2_000_000_000, state="spam")
    with game.refused("MP005"):
        clients["ops"].call("remove_contact_content", id=2_000_000_000, reason="x")


def test_content_taken_down_is_gone_from_every_field_and_its_trace_stays(game, clients):
    game.anon.call(
        "send_contact_request", **{**ASKED, "message": "UNLAWFUL", "organisation": "UNLAWFUL", "name": "UNLAWFUL"}
    )
    (row,) = sent(game)
    ops = clients["ops"]
    ops.call("handle_contact_request", id=row["id"], state="in_progress", note="It says UNLAWFUL")
    ops.call("remove_contact_content", id=row["id"], reason="Threats")
    (after,) = ops.view("contact_requests", id=row["id"])
    assert "UNLAWFUL" not in str(after)
    assert (after["message"], after["email"], after["received_at"]) == ("—", None, row["received_at"])
    assert "camille" not in str(after).lower()
    assert after["removal_reason"] == "Threats"
    assert after["removed_at"] is not None
    (trace,) = ops.view("audit_log", action="contact.remove", subject=str(row["id"]))
    assert trace["details"]["reason"] == "Threats"
    assert trace["details"]["sha256"] == game.one("select encode(sha256('UNLAWFUL'), 'hex')")
    assert trace["actor_id"] == ops.account
    # Once is enough.
    before = game.fingerprint()
    ops.call("remove_contact_content", id=row["id"], reason="Again")
    assert game.fingerprint() == before


@pytest.mark.parametrize(
    "domain", ["a-" * 120 + "a.fr", ".".join(["a" * 60] * 4) + ".fr", ".".join(["a" * 60] * 3) + ".fr"]
)
def test_a_long_address_is_taken_or_refused_and_never_shows_a_row(game, domain):
    address = f"a@{domain}"
    if len(max(domain.split("."), key=len)) <= 63 and len(address) <= 254:
        game.anon.call("send_contact_request", **ASKED | {"email": address})
    else:
        with game.refused("MP010"):
            game.anon.call("send_contact_request", **ASKED | {"email": address})
