"""An account is locked before a row refers to it: who is deleted meanwhile is refused, and nothing keeps the id."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.crowd import EDITION, Answer, attempt, committed, is_waiting, meanwhile, open_lines
from tests.support.game import Connection, Game, Jsonb, Person
from tests.support.waiting import join, wait_until

from .test_erasure import KEPT, WITHOUT_FOREIGN_KEY, where
from .test_schools import BERLIN

pytestmark = pytest.mark.xdist_group("races")

#: What locks an account, directly or through its profile. The lock of a led league or class is also taken by whatever
#: deletes those who lead it, and locks the staff themselves.
LOCK = re.compile(
    r"private\.lock_(account|caller|profile|profile_of_player|led_league|class)\("
    r"|(from|join) (auth\.users|mpp\.profile) \w+\s[^;]*for (key share|update)"
)
#: Commands that write such a column without a lock, and why they may.
UNLOCKED = {
    # A trigger of the account's own row, which its transaction has written to.
    "account_proved",
    # Triggers of the profile's own row, too.
    "profile_leave_partners",
    "profile_protect_from_partners",
    # They leave the column empty: a player validates alone, and the secret key is nobody.
    "import_validations",
    "validate_challenge",
}

DELETE = "delete from auth.users where id = %s"


@pytest.fixture
def arena(arena_url: str) -> Iterator[Game]:
    with committed(arena_url) as game:
        yield game


@pytest.fixture
def lines(arena_url: str) -> Iterator[list[Connection]]:
    with open_lines(arena_url) as lines:
        yield lines


def columns_of_accounts(game: Game) -> dict[str, set[str]]:
    """By table, the columns that hold an account: by a foreign key, or emptied by private.forget_account."""
    found: dict[str, set[str]] = {}
    for row in game.rows(
        "select c.relname as relation, a.attname as attribute from pg_constraint k"
        " join pg_class c on c.oid = k.conrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)"
        " where k.contype = 'f' and c.relnamespace = 'mpp'::regnamespace"
        " and k.confrelid in ('auth.users'::regclass, 'mpp.profile'::regclass)"
    ):
        found.setdefault(row["relation"], set()).add(row["attribute"])
    for place in WITHOUT_FOREIGN_KEY:
        relation, attribute = place.split(".")
        found.setdefault(relation, set()).add(attribute)
    return found


def writes(source: str, columns: dict[str, set[str]]) -> list[int]:
    """Where a function writes an account into one of these columns."""
    found = []
    for insert in re.finditer(r"insert into mpp\.(\w+)(?: as \w+)?\s*(\(([^)]*)\))?", source):
        named = set(re.findall(r"\w+", insert[3] or ""))
        if insert[1] in columns and (not named or named & columns[insert[1]]):
            found.append(insert.start())
    for update in re.finditer(r"update mpp\.(\w+)(?: \w+)?\s+set\s(.*?)(?:\bwhere\b|\breturning\b|;)", source, re.S):
        for column in columns.get(update[1], ()):
            if re.search(rf"\b{column} = (?!null\b)", update[2]):
                found.append(update.start())
    return found


def unlocked(sources: dict[str, str], columns: dict[str, set[str]]) -> set[str]:
    """Functions that write an account before they lock one, or call a function that does."""
    bare = {name: re.sub(r"--[^\n]*", "", source) for name, source in sources.items()}
    first = {name: match.start() if (match := LOCK.search(source)) else len(source) for name, source in bare.items()}
    found = {name for name, source in bare.items() if any(at < first[name] for at in writes(source, columns))}
    while True:
        calls = re.compile(rf"private\.({'|'.join(sorted(found)) or '-'})\(")
        more = {name for name, source in bare.items() if any(c.start() < first[name] for c in calls.finditer(source))}
        if more <= found:
            return found
        found |= more


def test_whatever_writes_an_account_into_a_row_locks_it_before(game):
    rows = game.rows(
        "select p.proname as name, string_agg(p.prosrc, ';') as source,"
        " bool_or(has_function_privilege('authenticated', p.oid, 'execute')"
        " or has_function_privilege('service_role', p.oid, 'execute')"
        " or has_function_privilege('anon', p.oid, 'execute')) as exposed"
        " from pg_proc p where p.pronamespace = 'private'::regnamespace group by p.proname"
    )
    sources = {row["name"]: row["source"] for row in rows}
    columns = columns_of_accounts(game)
    assert len(columns) > 15
    found = unlocked(sources, columns)
    called = {name for name in found if any(f"private.{name}(" in source for source in sources.values())}
    exposed = {row["name"] for row in rows if row["exposed"]}
    assert {name for name in found if name in exposed or name not in called} == UNLOCKED


def test_the_rule_about_locks_finds_what_it_is_about():
    columns = {"report": {"account_id"}}
    insert = "insert into mpp.report (id, account_id) values (1, account);"
    lock = "perform private.lock_account(account);"
    assert unlocked({"f": insert}, columns) == {"f"}
    assert unlocked({"f": "insert into mpp.report values (1, account);"}, columns) == {"f"}
    assert unlocked({"f": insert + lock}, columns) == {"f"}
    assert unlocked({"f": f"-- {lock}\n{insert}"}, columns) == {"f"}
    assert unlocked({"f": "update mpp.report r set account_id = account where r.id = 1;"}, columns) == {"f"}
    assert unlocked({"f": insert, "g": "perform private.f();", "h": lock + "perform private.f();"}, columns) == {
        "f",
        "g",
    }
    assert unlocked({"f": lock + insert}, columns) == set()
    assert unlocked({"f": "insert into mpp.report (id) values (1);"}, columns) == set()
    assert unlocked({"f": "update mpp.report r set account_id = null where r.id = 1;"}, columns) == set()


Deed = tuple[Person, Callable[[Person], Any]]


def report_conduct(game: Game) -> Deed:
    league = game.league(game.edition())
    person, mate = game.player(league), game.player(league)
    return person, lambda p: p.call("report_conduct", player_id=mate.player_id, reason="why")


def add_school(game: Game) -> Deed:
    asked = BERLIN | {"name": f"Schule {uuid.uuid4().hex}"}
    return game.teacher(), lambda p: p.call("add_school", **asked)


def add_school_as_staff(game: Game) -> Deed:
    return game.staff(), add_school(game)[1]


def handle_contact_request(game: Game) -> Deed:
    game.anon.call("send_contact_request", kind="contact", name="Ada", email="ada@example.org", message="Hello")
    request = game.one("select max(id) from mpp.contact_request")
    return game.staff(), lambda p: p.call("handle_contact_request", id=request, state="answered")


def expel_player_as_staff(game: Game) -> Deed:
    player = game.player(game.league(game.edition()))
    return game.staff(), lambda p: p.call("expel_player", player_id=player.player_id, reason="why")


def hand_over_league_as_staff(game: Game) -> Deed:
    league = game.league(game.edition())
    heir = game.player(league)
    return game.staff(), lambda p: p.call("hand_over_league", league_id=league.id, player_id=heir.player_id)


def set_co_ambassador_as_staff(game: Game) -> Deed:
    player = game.player(game.league(game.edition()))
    return game.staff(), lambda p: p.call("set_co_ambassador", player_id=player.player_id, granted=True)


def cancel_validation_as_staff(game: Game) -> Deed:
    edition = game.edition()
    receipt = game.validate(game.player(game.league(edition)), edition, "t-bike")
    return game.staff(), lambda p: game.cancel(p, receipt, reason="why")


def validate_for_pupils_as_staff(game: Game) -> Deed:
    class_ = game.class_(game.edition(audience="school"), pupils=("Ada",))
    asked = {"class_id": class_.id, "challenge_id": class_.edition.challenges["t-soup"], "request_key": uuid.uuid4()}
    return game.staff(), lambda p: p.table("validate_for_pupils", **asked)


def cancel_for_pupils_as_staff(game: Game) -> Deed:
    class_ = game.class_(game.edition(audience="school"), pupils=("Ada",))
    made = class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=class_.edition.challenges["t-soup"],
        request_key=uuid.uuid4(),
    )  # fmt: skip
    ids = [row["validation_id"] for row in made]
    return game.staff(), lambda p: p.table("cancel_for_pupils", class_id=class_.id, validation_ids=ids)


def hand_over_class_as_staff(game: Game) -> Deed:
    class_, heir = game.class_(game.edition(audience="school")), game.teacher()
    return game.staff(), lambda p: p.call("hand_over_class", class_id=class_.id, teacher_id=heir.account)


def register(game: Game) -> Deed:
    return game.signed_in(), lambda p: p.call("register", **game.profile())


def claim_class(game: Game) -> Deed:
    class_ = game.class_(game.edition(audience="school"))
    return game.anonymous(), lambda p: p.call("claim_class", code=class_.code)


def invite_staff(game: Game) -> Deed:
    client = game.organisation()
    owner = game.employed(client, "owner")
    return owner, lambda p: p.call("invite_staff", organisation_id=client, email="new@example.org")


@pytest.mark.parametrize(
    "deed",
    [
        report_conduct, add_school, add_school_as_staff, handle_contact_request, expel_player_as_staff,
        hand_over_league_as_staff, set_co_ambassador_as_staff, cancel_validation_as_staff,
        validate_for_pupils_as_staff, cancel_for_pupils_as_staff, hand_over_class_as_staff, register, claim_class,
        invite_staff,
    ],
    ids=lambda deed: deed.__name__,
)  # fmt: skip
def test_whoever_is_deleted_while_they_act_is_refused_and_leaves_nothing(arena, lines, deed):
    person, call = deed(arena)
    kept = where(arena, person.account) & KEPT
    answer = meanwhile(arena, lines, DELETE, (person.account,), lambda db: call(person.on(db)), lambda: None)
    assert answer[0] == "MP001", answer
    assert str(person.account) not in answer[1]
    # That the account was deleted is itself on record.
    assert where(arena, person.account) <= kept | {"audit.subject"}


def test_a_report_about_somebody_who_is_deleted_meanwhile_keeps_no_id(arena, lines):
    league = arena.league(arena.edition())
    person, told_about = arena.player(league), arena.player(league)

    def call(db: Connection) -> Any:
        return person.on(db).call("report_conduct", player_id=told_about.player_id, reason="why")

    assert meanwhile(arena, lines, DELETE, (told_about.account,), call, lambda: None)[0] == "00000"
    rows = arena.rows("select account_id from mpp.conduct_report where player_id = %s", (told_about.player_id,))
    assert rows == [{"account_id": None}]


def test_staff_who_hand_over_to_themselves_while_they_are_deleted_block_nobody(arena, lines):
    edition = arena.edition()
    league = arena.league(edition)
    staff = arena.player(league, arena.registered())
    arena.service.call("set_ops_member", member_id=staff.account, granted=True)

    def call(db: Connection) -> Any:
        return staff.on(db).call("hand_over_league", league_id=league.id, player_id=staff.player_id)

    assert meanwhile(arena, lines, DELETE, (staff.account,), call, lambda: None)[0] == "MP001"


def test_a_mail_to_somebody_who_is_being_deleted_steps_back(arena, lines):
    edition = arena.edition()
    league = arena.league(edition)
    person = arena.player(league)
    arena.run("delete from mpp.outbox")
    arena.run("update auth.users set email_confirmed_at = now() where id = %s", (person.account,))
    mail = {"key": f"k-{uuid.uuid4()}", "template": "league_note", "purpose": "league_alerts", "data": {}}
    person.call("set_consent", purpose="league_alerts", granted=True)
    arena.service.call("queue_mails", mails=Jsonb([mail | {"account_id": str(person.account)}]))
    arena.db.commit()
    # The deletion has its account, and waits for the edition; the mail is still there.
    arena.db.execute(EDITION, (edition.id,))
    deletions: list[Answer] = []
    deleting = threading.Thread(
        target=lambda: deletions.append(attempt(lambda: lines[2].execute(DELETE, (person.account,)).rowcount))
    )
    deleting.start()
    wait_until(lambda: is_waiting(lines[1], lines[2]))
    claims: list[Answer] = []
    worker = {"worker": uuid.uuid4(), "lease_seconds": 60, "message_domain": "example.org"}
    claiming = threading.Thread(
        target=lambda: claims.append(attempt(lambda: arena.service.on(lines[0]).table("claim_mail", **worker)))
    )
    claiming.start()
    wait_until(lambda: is_waiting(lines[1], lines[0]) or not claiming.is_alive())
    arena.db.commit()
    join(deleting, claiming)
    assert claims == [("00000", [])]
    assert deletions == [("00000", 1)]
    assert arena.one("select count(*) from mpp.outbox where key = %s", (mail["key"],)) == 0
