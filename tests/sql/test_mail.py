"""The outbox: one mail for a key, claims, settling, consent at the last moment, unsubscribing, who may do what."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.support.game import HOUR, Connection, Game, Jsonb, Person

PEOPLE = ("anon", "anonymous", "player", "client_staff", "staff", "service")
OK, DENIED = "00000", "42501"

Claimed = dict[str, Any]


class Post:
    """Queues, claims and settles in the transaction of the test."""

    def __init__(self, game: Game) -> None:
        self.game = game
        game.run("delete from mpp.outbox")
        self.worker = uuid.uuid4()

    def queue(self, key: str = "k", **mail: Any) -> int:
        """Queue a mail to an address; says how many are new."""
        base = {"key": key, "template": "staff_invitation", "data": {"code": "SECRET"}}
        if "account_id" not in mail:
            base["address"] = f"{uuid.uuid4().hex[:8]}@example.org"
        return int(self.game.service.call("queue_mails", mails=Jsonb([base | mail])))

    def claim(self, worker: uuid.UUID | None = None, lease: int = 60, domain: str = "example.org") -> Claimed | None:
        """Claim the next mail."""
        found = self.game.service.table(
            "claim_mail", worker=worker or self.worker, lease_seconds=lease, message_domain=domain
        )
        return found[0] if found else None

    def take(self, **options: Any) -> Claimed:
        """Claim a mail that must be there."""
        mail = self.claim(**options)
        assert mail is not None
        return mail

    def settle(self, mail: Claimed, outcome: str, worker: uuid.UUID | None = None, **more: Any) -> str:
        """Settle a mail in hand."""
        return str(
            self.game.service.call(
                "settle_mail",
                id=mail["id"],
                attempt=mail["attempt"],
                worker=worker or self.worker,
                outcome=outcome,
                **more,
            )
        )

    def state(self, key: str = "k") -> tuple[str, str | None]:
        """State and last word of a mail."""
        (row,) = self.game.rows("select state, reply from mpp.outbox where key = %s", (key,))
        return row["state"], row["reply"]

    def later(self, by: timedelta = HOUR) -> None:
        """Let time pass: by moving what lies ahead."""
        self.game.run(
            "update mpp.outbox set claim_expires_at = claim_expires_at - %(by)s, claimed_at = claimed_at - %(by)s,"
            " next_attempt_at = next_attempt_at - %(by)s",
            {"by": by},
        )


@pytest.fixture
def post(game: Game) -> Post:
    return Post(game)


def consenting(game: Game, *purposes: str) -> Person:
    """Somebody who agreed to these mails."""
    return game.registered(**dict.fromkeys(purposes, True))


def client(game: Game) -> int:
    """A new organisation."""
    return int(game.service.call("set_organisation", code=f"org-{uuid.uuid4().hex[:8]}"))


def employ(game: Game, organisation: int, begins: str = "-1 day", ends: str = "1 day") -> Person:
    """Somebody who works for a client from when to when."""
    person = game.registered()
    game.run(
        "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
        " values (%s, %s, 'owner', private.clock() + %s::interval, private.clock() + %s::interval)",
        (organisation, person.account, begins, ends),
    )
    return person


# queueing


def test_a_key_is_queued_once_and_the_second_mail_changes_nothing(game, post):
    assert post.queue("once", address="one@example.org") == 1
    assert post.queue("once", address="two@example.org", template="newsletter") == 0
    (row,) = game.rows("select address, template from mpp.outbox where key = 'once'")
    assert row == {"address": "one@example.org", "template": "staff_invitation"}


@pytest.mark.parametrize(
    "address",
    [
        "nobody", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "a@example.org\r\n", "<a@example.org>",
        "a@example.org,b@example.org", '"a"@example.org', "a@exa mple.org", "é@example.org", "a@-x.org",
        "a..b@example.org", ".a@example.org", "a@example..org", f"{'a' * 65}@example.org", f"a@{'x' * 64}.org",
        "a@example.org\u2028", "",
    ],
)  # fmt: skip
def test_what_is_not_one_plain_address_is_refused(game, post, address):
    with game.refused("MP010"):
        post.queue(address=address)


@pytest.mark.parametrize("key", ["", "two words", "é", "x" * 201, "a\nb"])
def test_a_key_is_short_and_visible(game, post, key):
    with game.refused("MP010"):
        post.queue(key)


def test_what_needs_a_consent_goes_to_accounts_only(game, post):
    for purpose in ("newsletter", "league_alerts"):
        with game.refused("MP010"):
            post.queue(address="a@example.org", purpose=purpose)


@pytest.mark.parametrize(
    "wrong", [{"template": "No"}, {"template": None}, {"language": "de"}, {"data": []}, {"data": {"x": "x" * 50_000}}]
)
def test_a_mail_that_cannot_be_is_refused_without_showing_it(game, post, wrong):
    with game.refused("MP010"):
        post.queue(**wrong)


def test_a_mail_goes_to_one_recipient(game, post):
    with game.refused("MP010"):
        post.queue(account_id=str(game.account()), address="a@example.org")


def test_the_message_id_is_made_of_the_key_and_keeps_its_first_domain(game, post):
    post.queue("m")
    first = post.take(domain="one.example.org")
    post.settle(first, "later", retry_seconds=0)
    second = post.take(domain="two.example.org")
    assert first["message_id"] == second["message_id"]
    assert first["message_id"].endswith("@one.example.org")
    digest = game.one("select substr(encode(sha256('m'), 'hex'), 1, 40)")
    assert first["message_id"].startswith(digest)


def test_the_language_is_the_readers_then_the_clients_then_french(game, post):
    english = game.service.call("set_organisation", code=f"org-{uuid.uuid4().hex[:8]}", language="en")
    german = game.registered(language="de")
    french = game.registered(language="fr")
    for key, mail in {
        "de": {"account_id": str(german.account), "organisation_id": english},
        "fr": {"account_id": str(french.account), "organisation_id": english},
        "client": {"organisation_id": english}, "nothing": {}, "said": {"language": "en"},
    }.items():  # fmt: skip
        post.queue(key, **mail)
    found = {row["key"]: row["language"] for row in game.rows("select key, language from mpp.outbox")}
    assert found == {"de": "en", "fr": "fr", "client": "en", "nothing": "fr", "said": "en"}


# claims


def test_a_mail_is_in_one_hand_and_service_mails_go_first(post):
    post.queue("invitation", purpose="invitation")
    post.queue("service")
    first, second = post.take(), post.take(worker=uuid.uuid4())
    assert [first["purpose"], second["purpose"]] == ["service", "invitation"]
    assert post.claim(worker=uuid.uuid4()) is None


def test_a_sender_whose_answer_got_lost_is_given_the_same_mail_again(post):
    post.queue("a")
    post.queue("b")
    first = post.take()
    again = post.take()
    assert (again["id"], again["attempt"]) == (first["id"], first["attempt"] + 1)


def test_a_claim_that_has_ended_is_not_taken_by_anybody_until_it_is_settled(game, post):
    post.queue()
    mail = post.take()
    assert game.service.table("stranded_mails") == []
    post.later()
    assert post.claim() is None
    assert post.claim(worker=uuid.uuid4()) is None
    (stranded,) = game.service.table("stranded_mails")
    assert stranded["message_id"] == mail["message_id"]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("sent", "sent"), ("later", "queued"), ("unavailable", "queued"), ("refused", "failed"), ("bounced", "failed"),
        ("unknown", "uncertain"),
    ],
)  # fmt: skip
def test_what_became_of_a_mail_in_hand_decides_its_state_and_may_be_said_twice(game, post, outcome, state):
    post.queue()
    mail = post.take()
    assert post.settle(mail, outcome, reply="said", retry_seconds=600) == state
    before = game.fingerprint()
    assert post.settle(mail, outcome, reply="said", retry_seconds=600) == state
    assert game.fingerprint() == before
    assert post.claim() is None


def test_what_was_sent_keeps_no_content(game, post):
    post.queue()
    post.settle(post.take(), "sent")
    (row,) = game.rows("select data, sent_at is not null as timed from mpp.outbox")
    assert row == {"data": {}, "timed": True}


def test_a_mail_is_settled_by_its_own_sender_and_claim_only(game, post):
    post.queue()
    mail = post.take()
    for wrong in ({"worker": uuid.uuid4()}, {"mail": mail | {"attempt": mail["attempt"] - 1}}):
        with game.refused("MP096"):
            post.settle(**{"mail": mail, "outcome": "later"} | wrong)
    with game.refused("MP097"):
        post.settle(mail | {"id": 0}, "sent")
    with game.refused("MP010"):
        post.settle(mail, "whatever")


def test_that_it_was_delivered_is_believed_after_the_claim_and_nothing_else_is(game, post):
    post.queue()
    mail = post.take()
    post.later()
    game.service.call("settle_stranded", id=mail["id"], attempt=mail["attempt"], verdict="not_delivered")
    with game.refused("MP096"):
        post.settle(mail, "refused")
    assert post.settle(mail, "sent") == "sent"


def test_after_ten_times_later_a_mail_has_failed_and_the_bounce_is_soft(game, post):
    post.queue(address="slow@example.org")
    states = [post.settle(post.take(), "later", reply=f"450 no {n}", retry_seconds=0) for n in range(10)]
    assert states == ["queued"] * 9 + ["failed"]
    (bounce,) = game.service.view("mail_bounces", address="slow@example.org")
    assert (bounce["is_hard"], bounce["reason"]) == (False, "450 no 9")


def test_later_waits(post):
    post.queue()
    post.settle(post.take(), "later", retry_seconds=600)
    assert post.claim() is None
    post.later()
    assert post.take()["attempt"] == 2


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("delivered", "sent"), ("not_delivered", "queued"), ("unknown", "uncertain"), ("given_up", "failed")],
)
def test_a_stranded_mail_is_settled_by_the_verdict(game, post, verdict, state):
    post.queue()
    mail = post.take()
    with game.refused("MP096"):
        game.service.call("settle_stranded", id=mail["id"], attempt=mail["attempt"], verdict=verdict)
    post.later()
    with game.refused("MP096"):
        game.service.call("settle_stranded", id=mail["id"], attempt=mail["attempt"] + 1, verdict=verdict)
    assert game.service.call("settle_stranded", id=mail["id"], attempt=mail["attempt"], verdict=verdict) == state
    assert (post.claim() is not None) is (state == "queued")


def test_an_uncertain_mail_is_not_asked_about_before_the_server_had_its_time(game, post):
    post.queue()
    mail = post.take(lease=60)
    post.settle(mail, "unknown")
    post.later(timedelta(seconds=30))
    assert game.service.table("stranded_mails") == []
    post.later(timedelta(seconds=31))
    assert [m["id"] for m in game.service.table("stranded_mails")] == [mail["id"]]


def test_an_old_verdict_does_not_settle_a_later_attempt(game, post):
    post.queue()
    first = post.take()
    post.later()
    game.service.call("settle_stranded", id=first["id"], attempt=first["attempt"], verdict="not_delivered")
    post.take(worker=uuid.uuid4())
    post.later()
    with game.refused("MP096"):
        game.service.call("settle_stranded", id=first["id"], attempt=first["attempt"], verdict="not_delivered")


# who gets it, decided when it leaves


def dropped(post: Post, because: str) -> None:
    assert post.claim() is None
    assert post.state() == ("dropped", because)


@pytest.mark.parametrize("purpose", ["newsletter", "league_alerts"])
def test_who_withdraws_between_queueing_and_sending_gets_nothing(game, post, purpose):
    reader = consenting(game, purpose)
    post.queue(account_id=str(reader.account), purpose=purpose)
    (due,) = game.service.table("due_mails")
    assert due["obstacle"] is None
    reader.call("set_consent", purpose=purpose, granted=False)
    (due,) = game.service.table("due_mails")
    assert due["obstacle"] == "no consent"
    dropped(post, "no consent")
    assert game.one("select data from mpp.outbox") == {}


@pytest.mark.parametrize("purpose", ["newsletter", "league_alerts"])
def test_who_never_agreed_or_agreed_to_something_else_gets_nothing(game, post, purpose):
    reader = consenting(game, {"newsletter": "league_alerts", "league_alerts": "newsletter"}[purpose])
    post.queue(account_id=str(reader.account), purpose=purpose)
    dropped(post, "no consent")


def test_who_agreed_again_gets_it(game, post):
    reader = consenting(game, "newsletter")
    reader.call("set_consent", purpose="newsletter", granted=False)
    reader.call("set_consent", purpose="newsletter", granted=True)
    post.queue(account_id=str(reader.account), purpose="newsletter")
    assert post.take()["address"] == f"{reader.account.hex}@example.org"  # type: ignore[union-attr]


def test_an_address_is_read_when_the_mail_leaves(game, post):
    reader = consenting(game, "newsletter")
    post.queue(account_id=str(reader.account), purpose="newsletter")
    game.run("update auth.users set email = 'moved@example.org' where id = %s", (reader.account,))
    assert post.take()["address"] == "moved@example.org"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ("email_confirmed_at = null", "address not confirmed"),
        ("banned_until = private.clock() + interval '1 day'", "account disabled"),
        ("email = null", "no address"),
        ("email = 'not an address'", "no address"),
    ],
)
def test_an_account_that_nobody_answers_for_gets_nothing(game, post, change, because):
    reader = consenting(game, "newsletter")
    post.queue(account_id=str(reader.account), purpose="newsletter")
    game.run(f"update auth.users set {change} where id = %s", (reader.account,))
    dropped(post, because)


def test_the_mails_of_a_deleted_account_go_with_it(game, post):
    account = game.account()
    post.queue(account_id=str(account))
    game.run("delete from auth.users where id = %s", (account,))
    assert game.rows("select from mpp.outbox") == []


def test_client_staff_get_reports_inside_their_dates_and_of_their_own_client(game, post):
    ours, theirs = client(game), client(game)
    people = {
        "now": (employ(game, ours), None),
        "before": (employ(game, ours, "1 hour", "1 day"), "no access"),
        "after": (employ(game, ours, "-2 days", "-1 hour"), "no access"),
        "others": (employ(game, theirs), "no access"),
        "player": (game.registered(), "no access"),
    }
    for key, (person, _) in people.items():
        post.queue(key, account_id=str(person.account), purpose="weekly_report", organisation_id=ours)
    found = {row["key"]: row["obstacle"] for row in game.service.table("due_mails")}
    assert found == {key: obstacle for key, (_, obstacle) in people.items()}
    post.settle(post.take(), "sent")
    assert post.claim() is None
    assert {key for key in people if post.state(key)[0] == "sent"} == {"now"}


def test_a_note_about_a_league_goes_to_its_ambassadors_only(game, post):
    ambassador = consenting(game, "league_alerts")
    league = game.league(game.edition(), ambassador)
    player = consenting(game, "league_alerts")
    game.player(league, player)
    for key, person in (("a", ambassador), ("p", player)):
        post.queue(key, account_id=str(person.account), purpose="league_alerts", league_id=str(league.id))
    assert {row["key"]: row["obstacle"] for row in game.service.table("due_mails")} == {
        "a": None, "p": "no longer an ambassador",
    }  # fmt: skip


def test_what_comes_too_late_is_dropped(game, post):
    post.queue(useful_until=str(game.now - HOUR))
    dropped(post, "too late")


def test_nothing_goes_to_an_address_that_does_not_exist_until_it_is_cleared(game, post):
    for key in ("one", "two", "three"):
        post.queue(key, address="Gone@example.org")
    post.settle(post.take(), "bounced", reply="550 5.1.1 nobody")
    assert post.claim() is None
    assert post.state("two") == ("dropped", "address bounced")
    assert game.staff().call("clear_bounces", address="gone@EXAMPLE.org") == 1
    post.queue("four", address="gone@example.org")
    assert post.take()["address"] == "gone@example.org"


def test_a_soft_bounce_stops_nothing(game, post):
    game.service.call("record_bounce", address="full@example.org", is_hard=False, reason="full")
    post.queue(address="full@example.org")
    assert post.claim() is not None


# unsubscribing


def token_of(post: Post, **mail: Any) -> str:
    post.queue(f"t-{uuid.uuid4()}", **mail)
    claimed = post.take()
    post.settle(claimed, "sent")
    assert claimed["unsubscribe_token"] is not None
    return str(claimed["unsubscribe_token"])


@pytest.mark.parametrize("purpose", ["newsletter", "league_alerts"])
def test_the_link_in_a_mail_withdraws_the_consent_without_signing_in_and_once(game, post, purpose):
    reader = consenting(game, "newsletter", "league_alerts")
    token = token_of(post, account_id=str(reader.account), purpose=purpose)
    before = len(reader.view("my_consents"))
    for _ in range(3):
        assert not game.anon.call("unsubscribe", token=token)
    consents = {row["purpose"]: row["granted"] for row in reader.view("my_consents")}
    assert consents == {"terms": True, "newsletter": True, "league_alerts": True} | {purpose: False}
    (last,) = game.rows(
        "select channel, granted from mpp.consent where account_id = %s and not granted", (reader.account,)
    )
    assert last == {"channel": "mail", "granted": False}
    assert len(reader.view("my_consents")) == before
    post.queue(account_id=str(reader.account), purpose=purpose)
    dropped(post, "no consent")


def test_the_link_in_a_report_stops_reports_and_nothing_else(game, post):
    organisation = client(game)
    reader = employ(game, organisation)
    report = {"account_id": str(reader.account), "purpose": "weekly_report", "organisation_id": organisation}
    token = token_of(post, **report)
    game.anon.call("unsubscribe", token=token)
    post.queue(**report)
    dropped(post, "unsubscribed")
    post.queue("access", account_id=str(reader.account))
    assert post.claim() is not None


def test_an_invited_address_may_refuse_further_invitations(game, post):
    token = token_of(post, address="asked@example.org", purpose="invitation")
    game.anon.call("unsubscribe", token=token)
    post.queue(address="ASKED@example.org", purpose="invitation")
    dropped(post, "unsubscribed")


def test_an_unknown_token_is_answered_like_a_known_one_and_changes_nothing(game, post):
    known = token_of(post, address="asked@example.org", purpose="invitation")
    before = game.fingerprint()
    for token in ("", "x", known[:-1], known.upper(), "f" * 64, "x" * 100_000):
        assert not game.anon.call("unsubscribe", token=token)
    assert game.fingerprint() == before
    assert not game.anon.call("unsubscribe", token=known)
    assert game.fingerprint() != before


def test_tokens_are_long_random_and_kept_as_digests_only(game, post):
    reader = consenting(game, "newsletter")
    tokens = {token_of(post, account_id=str(reader.account), purpose="newsletter") for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) == 64 and int(token, 16) for token in tokens)
    stored = game.one("select string_agg(u::text, ' ') from mpp.unsubscribe_token u")
    assert not any(token in stored for token in tokens)


def test_a_service_mail_has_no_link_out(post):
    post.queue()
    assert post.take()["unsubscribe_token"] is None


def test_leaving_works_during_maintenance(game, post):
    token = token_of(post, address="asked@example.org", purpose="invitation")
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message)"
        " values (private.clock() - interval '1 hour', private.clock() + interval '1 hour', %s)",
        (Jsonb({"fr": "Travaux", "en": "Works"}),),
    )
    game.anon.call("unsubscribe", token=token)
    assert game.one("select count(*) from mpp.mail_suppression") == 1


# newsletters


def issue(name: str, **more: Any) -> dict[str, Any]:
    return {"code": name, "language": "fr", "subject": "Le printemps", "body": "Bonjour", "how_many": 3, **more}


def test_a_newsletter_is_queued_in_batches_for_those_who_agreed_each_once(game, post):
    readers = [consenting(game, "newsletter") for _ in range(7)]
    others = [game.registered(), game.registered(language="en", newsletter=True)]
    gone = consenting(game, "newsletter")
    gone.call("set_consent", purpose="newsletter", granted=False)
    after, total = None, 0
    while True:
        batch = game.service.call("queue_newsletter", **issue("spring", after=after))
        total += batch["queued"]
        after = batch["after"]
        if after is None:
            break
    mine = {row["account_id"] for row in game.rows("select account_id from mpp.outbox")}
    assert {reader.account for reader in readers} <= mine
    assert mine.isdisjoint({person.account for person in (*others, gone)})
    assert total == len(mine)
    # Broken off and begun again.
    again = game.service.call("queue_newsletter", **issue("spring", how_many=1000))
    assert (again["queued"], again["already"]) == (0, total)
    mail = post.take()
    assert (mail["data"]["subject"], mail["data"]["body"]) == ("Le printemps", "Bonjour")


def test_a_newsletter_does_not_change_under_its_code(game, post):
    consenting(game, "newsletter")
    game.service.call("queue_newsletter", **issue("spring"))
    for change in ({"subject": "L’été"}, {"body": "Au revoir"}):
        with game.refused("MP098"):
            game.service.call("queue_newsletter", **issue("spring", **change))
    assert game.service.call("queue_newsletter", **issue("spring", language="en", body="Hello"))["queued"] >= 0


@pytest.mark.parametrize(
    "wrong",
    [{"code": "No!"}, {"language": "de"}, {"body": " "}, {"how_many": 0}, {"subject": ""}, {"subject": "a\u202eb"}],
)
def test_a_newsletter_that_cannot_be_is_refused(game, post, wrong):
    with game.refused("MP010"):
        game.service.call("queue_newsletter", **issue("spring", **wrong))


# who may

Arguments = Callable[[Post], dict[str, Any]]
SECRET_KEY = {**dict.fromkeys(PEOPLE, DENIED), "service": OK}
STAFF = {"anon": DENIED, "anonymous": "MP006", "player": "MP006", "client_staff": "MP006", "staff": OK, "service": OK}
EVERYBODY = dict.fromkeys(PEOPLE, OK)


def stranded(post: Post) -> dict[str, Any]:
    post.queue("stranded")
    mail = post.take(worker=uuid.uuid4())
    post.later()
    return {"id": mail["id"], "attempt": mail["attempt"]}


def in_hand(post: Post) -> dict[str, Any]:
    post.queue("in-hand")
    mail = post.take()
    return {"id": mail["id"], "attempt": mail["attempt"], "worker": post.worker}


COMMANDS: dict[str, tuple[Arguments, dict[str, str]]] = {
    "queue_mails": (
        lambda p: {"mails": Jsonb([{"key": "new", "template": "weekly_report", "address": "a@example.org"}])},
        SECRET_KEY,
    ),
    "queue_newsletter": (lambda p: issue("mine"), SECRET_KEY),
    "queue_league_notes": (lambda p: {"edition_code": p.game.edition().code}, SECRET_KEY),
    "purge_expired": (lambda p: {"dry_run": True}, STAFF),
    "due_mails": (lambda p: {}, SECRET_KEY),
    "claim_mail": (
        lambda p: {"worker": uuid.uuid4(), "lease_seconds": 60, "message_domain": "example.org"}, SECRET_KEY,
    ),
    "settle_mail": (lambda p: {**in_hand(p), "outcome": "sent"}, SECRET_KEY),
    "stranded_mails": (lambda p: {}, SECRET_KEY),
    "settle_stranded": (lambda p: {**stranded(p), "verdict": "delivered"}, SECRET_KEY),
    "record_bounce": (lambda p: {"address": "gone@example.org", "is_hard": True}, STAFF),
    "clear_bounces": (lambda p: {"address": "gone@example.org"}, STAFF),
    "unsubscribe": (lambda p: {"token": "x"}, EVERYBODY),
}  # fmt: skip


@pytest.fixture
def people(game: Game, post: Post) -> dict[str, Person]:
    post.queue("waiting")
    return {
        "anon": game.anon, "anonymous": game.anonymous(), "player": game.registered(),
        "client_staff": employ(game, client(game)), "staff": game.staff(), "service": game.service,
    }  # fmt: skip


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_mails_is_for_whom_it_is_meant(game, post, people, command, name):
    arguments, expected = COMMANDS[command]
    given = arguments(post)
    if expected[name] == OK:
        people[name].table(command, **given)
        return
    with game.refused(expected[name]):
        people[name].table(command, **given)


@pytest.mark.parametrize("view", ["ops_outbox", "mail_bounces"])
def test_only_the_staff_read_what_became_of_mails(game, post, people, view):
    game.service.call("record_bounce", address="gone@example.org", is_hard=True)
    for name, person in people.items():
        if name == "anon":
            with game.refused(DENIED):
                person.view(view)
        else:
            assert bool(person.view(view)) is (name in ("staff", "service")), name


def test_not_even_the_staff_read_the_content_or_the_address_of_a_mail(game, post, people):
    game.run("delete from mpp.outbox")
    post.queue("secret", address="reader@example.org")
    post.take()
    for name in ("staff", "service"):
        shown = str(people[name].view("ops_outbox"))
        assert "secret" in shown
        assert "reader@example.org" not in shown
        assert "SECRET" not in shown
    for column in ("data", "address", "sent_to"):
        for role in ("anon", "authenticated", "service_role"):
            assert not game.one("select has_column_privilege(%s, 'mpp.outbox', %s, 'select')", (role, column))


@pytest.mark.parametrize("table", ["unsubscribe_token", "mail_suppression", "newsletter"])
def test_nobody_is_granted_the_tables_behind(game, table):
    for role in ("anon", "authenticated", "service_role"):
        assert not game.one("select has_table_privilege(%s, %s, 'select')", (role, f"mpp.{table}"))


def test_the_planner_knows_nothing_of_mails(game):
    assert game.rows(
        "select attrelid::regclass, attname from pg_attribute where attnum > 0 and not attisdropped"
        " and attrelid in ('mpp.outbox'::regclass, 'mpp.mail_bounce'::regclass, 'mpp.mail_suppression'::regclass,"
        " 'mpp.unsubscribe_token'::regclass) and attstattarget is distinct from 0"
    ) == []  # fmt: skip


# at once


def test_two_senders_at_once_never_take_the_same_mail(arena_url):
    """Four senders empty a queue of forty, over connections of their own."""
    from concurrent.futures import ThreadPoolExecutor

    mark = uuid.uuid4().hex
    with psycopg.connect(arena_url, autocommit=True) as db:
        db.execute("delete from mpp.outbox")
        db.execute(
            "select private.queue_mail(%s || n, 'staff_invitation', '{}', address => 'a' || n || '@example.org')"
            " from generate_series(1, 40) n",
            (mark,),
        )

    def empty(_: int) -> list[int]:
        taken = []
        worker = uuid.uuid4()
        with psycopg.connect(arena_url, autocommit=True) as db:
            while found := _claimed(db, worker):
                taken.append(found[0])
                db.execute("select api.settle_mail(%s, %s, %s, 'sent')", (found[0], found[1], worker))
        return taken

    with ThreadPoolExecutor(4) as pool:
        hands = list(pool.map(empty, range(4)))
    taken = [mail for hand in hands for mail in hand]
    assert len(taken) == len(set(taken)) == 40
    with psycopg.connect(arena_url, autocommit=True) as db:
        db.execute("delete from mpp.outbox")


def _claimed(db: Connection, worker: uuid.UUID) -> tuple[int, int] | None:
    found: tuple[int, int] | None = db.execute(
        "select id, attempt from api.claim_mail(%s, 60, 'example.org')", (worker,)
    ).fetchone()
    return found
