"""People, editions and leagues for the tests of the database, made through the same functions as apps use.

A person speaks to the database as PostgREST would for them: their database role and the claims of their token, and one
savepoint a call, so that a refusal leaves the test's transaction usable.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.support import clock
from tests.support.refusal_details import only_times
from tests.support.school_codes import SchoolCodes

Connection = psycopg.Connection[Any]

NOW = timedelta()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

TERMS = "2026-01"
SECRET_WORD = "Été indien"

#: code: (kind, points, repeat, quorum, factor, proof, window as (from, until) from now)
CHALLENGES: dict[str, tuple[str, int, int | None, int | None, int | None, bool, tuple[timedelta, timedelta] | None]] = {
    "t-bike": ("standard", 4, 2, None, None, False, None),
    "t-photo": ("standard", 3, 1, None, None, True, None),
    "t-soup": ("standard", 2, None, None, None, False, None),
    "t-window": ("standard", 1, 1, None, None, False, (-HOUR, HOUR)),
    "t-later": ("standard", 1, 1, None, None, False, (HOUR, DAY)),
    "t-picnic": ("collective", 5, 1, 3, None, False, None),
    "t-swap": ("collective", 2, 2, 2, None, False, None),
    "t-boost": ("boost", 2, 3, None, 3, False, (-HOUR, HOUR)),
    "t-boost-over": ("boost", 2, 3, None, 3, False, (-DAY, -HOUR)),
    "t-hidden": ("hidden", 6, 1, None, None, False, None),
    "t-flash": ("flash", 3, 1, None, None, False, (-HOUR, HOUR)),
    "t-flash-over": ("flash", 3, 1, None, None, False, (-DAY, -HOUR)),
    "t-flash-soon": ("flash", 3, 1, None, None, False, (HOUR, DAY)),
    "t-plane": ("malus", -5, None, None, None, False, None),
}

_numbers = itertools.count(1)
_codes = SchoolCodes(1_000_000)


def translated(text: str) -> dict[str, str]:
    """The same text in French and in English."""
    return {"fr": f"{text} (fr)", "en": text}


@contextlib.contextmanager
def refused(*codes: str) -> Iterator[Any]:
    """The block is refused with one of these SQLSTATEs, no DETAIL but times; the error is yielded as ``.value``."""
    with pytest.raises(psycopg.Error) as caught:
        yield caught
    assert caught.value.sqlstate in codes, f"{caught.value.sqlstate}: {caught.value}"
    assert only_times(caught.value.diag.message_detail), caught.value.diag.message_detail


class Person:
    """Somebody at the other end of the API: a database role and the claims of a token."""

    def __init__(self, db: Connection, role: str, account: uuid.UUID | None = None, **claims: Any) -> None:
        self.db = db
        self.role = role
        self.account = account
        self.player_id: uuid.UUID | None = None
        self.claims = {"role": role, **({"sub": str(account)} if account else {}), **claims}
        self.headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{self.role} {self.account or ''}>"

    def on(self, db: Connection) -> Person:
        """The same person speaking through another connection."""
        twin = Person(db, self.role, self.account)
        twin.claims, twin.headers, twin.player_id = self.claims, self.headers, self.player_id
        return twin

    @contextlib.contextmanager
    def acting(self) -> Iterator[Connection]:
        """Within the block the connection is this person's."""
        with self.db.transaction():
            self.db.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.headers', %s, true)",
                (self.role, json.dumps(self.claims), json.dumps(self.headers)),
            )
            yield self.db
            self.db.execute(
                "select set_config('role', 'none', true), set_config('request.jwt.claims', '', true),"
                " set_config('request.headers', '', true)"
            )

    def rows(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """The rows of a query, as dicts."""
        if self.db.autocommit:
            return self._in_one_message(query, parameters)
        with self.acting() as db, db.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query, parameters)  # type: ignore[arg-type]
            return cursor.fetchall()

    def _in_one_message(self, query: str, parameters: Sequence[Any] | dict[str, Any]) -> list[dict[str, Any]]:
        """The same in one message to the server, which makes it one transaction: for crowds."""
        with psycopg.ClientCursor(self.db, row_factory=dict_row) as cursor:
            who = cursor.mogrify(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
                (self.role, json.dumps(self.claims)),
            )
            cursor.execute(f"{who}; {cursor.mogrify(query, parameters)}")  # type: ignore[call-overload]
            cursor.nextset()
            return cursor.fetchall()

    def one(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The only value of the only row of a query."""
        (row,) = self.rows(query, parameters)
        (value,) = row.values()
        return value

    def view(self, name: str, **equal: Any) -> list[dict[str, Any]]:
        """The rows of a view of api in which the columns have these values."""
        where = sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in equal
        )
        query = sql.SQL("select * from api.{} where {}").format(
            sql.Identifier(name), where if equal else sql.SQL("true")
        )
        return self.rows(query.as_string(self.db), equal)

    def table(self, function: str, **arguments: Any) -> list[dict[str, Any]]:
        """The rows that a function of api returns."""
        given = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in arguments.items()}
        passed = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in given
        )
        query = sql.SQL("select * from api.{}({})").format(sql.Identifier(function), passed)
        return self.rows(query.as_string(self.db), given)

    def call(self, function: str, **arguments: Any) -> Any:
        """What a function of api answers: its value, or its one row as a dict."""
        (row,) = self.table(function, **arguments)
        return row[function] if list(row) == [function] else row


#: Levels at which a card is played in a school edition; the others are for every level.
LEVELS = {"t-photo": ["college", "lycee"], "t-plane": ["lycee"]}
EVERY_LEVEL = ["maternelle", "elementaire", "college", "lycee"]


@dataclass
class Edition:
    """An edition and its challenges by code."""

    id: int
    code: str
    starts_at: datetime
    ends_at: datetime
    challenges: dict[str, int] = field(default_factory=dict)


@dataclass
class League:
    """A league, its join code, its ambassador and the ids of its teams in the order they were made."""

    id: uuid.UUID
    edition: Edition
    join_code: str
    ambassador: Person
    teams: list[uuid.UUID]


@dataclass
class Class:
    """A class, its teacher, the code for its families, its teams, and its pupils by display name."""

    id: uuid.UUID
    edition: Edition
    school: uuid.UUID
    teacher: Person
    code: str
    teams: list[uuid.UUID]
    pupils: dict[str, uuid.UUID] = field(default_factory=dict)


class Game:
    """Makes people, editions and leagues in one transaction; ``postgres`` is the deploying role itself."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.anon = Person(db, "anon")
        self.service = Person(db, "service_role")
        self.now: datetime = db.execute("select private.clock()").fetchone()[0]  # type: ignore[index]
        self.base: int = db.execute("select pg_current_xact_id()::text::bigint % 4294967296").fetchone()[0]  # type: ignore[index]

    # what the database holds

    def rows(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """Rows as the deploying role sees them."""
        with self.db.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query, parameters)  # type: ignore[arg-type]
            return cursor.fetchall()

    def one(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The only value of the only row of a query."""
        (row,) = self.rows(query, parameters)
        (value,) = row.values()
        return value

    def run(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run a statement as the deploying role in a savepoint of its own; returns how many rows it touched."""
        with self.db.transaction():
            return self.db.execute(statement, parameters).rowcount  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        """A digest of every row that this transaction has written and that still stands."""
        # Of the tables that it wrote to, also where that was undone: to plan a query of all takes longer than the rest.
        tables = [
            row["name"]
            for row in self.rows(
                "select c.oid::regclass::text as name from pg_class c"
                " where c.relnamespace = 'mpp'::regnamespace and c.relkind = 'r'"
                " and pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)"
                " + pg_stat_get_xact_tuples_deleted(c.oid) > 0 order by 1"
            )
        ]
        each = " union all ".join(
            f"select '{table}', t::text from {table} t where t.xmin::text::bigint >= {self.base}"
            " and pg_xact_status(t.xmin::text::xid8) = 'in progress'"
            for table in tables
        )
        each = each or "select '', '' where false"
        return str(self.one(f"select md5(coalesce(string_agg(r::text, '' order by r::text), '')) from ({each}) r"))

    @contextlib.contextmanager
    def refused(self, *codes: str) -> Iterator[Any]:
        """The block is refused with one of these SQLSTATEs, shows no DETAIL but times and changes nothing."""
        before = self.fingerprint()
        with refused(*codes) as caught:
            yield caught
        assert self.fingerprint() == before, "a refusal changed something"

    def score(self, subject: uuid.UUID) -> int:
        """Points of a player, a team or a league."""
        return int(self.one("select points from mpp.score where subject_id = %s", (subject,)))

    def faults(self, edition: Edition | None = None) -> list[dict[str, Any]]:
        """What verify_scores finds."""
        return self.service.table("verify_scores", edition_code=edition.code if edition else None)

    def clock(self, instant: datetime) -> None:
        """From now on the game's clock stands at this instant, until the transaction is rolled back."""
        self.db.execute(
            sql.SQL(
                "create or replace function private.clock() returns timestamptz language sql volatile"
                " set search_path = pg_catalog, pg_temp as $$ select {}::timestamptz $$"
            ).format(sql.Literal(instant.isoformat()))
        )

    def begin(self, instant: datetime) -> None:
        """The same, for a test whose days fall as they do on that day: editions are made around it, too."""
        self.clock(instant)
        self.now = instant

    # people

    def account(self, *, anonymous: bool = False) -> uuid.UUID:
        """A new account of Auth; returns its id."""
        account = uuid.uuid4()
        self.db.execute(
            "insert into auth.users (id, email, is_anonymous, created_at, email_confirmed_at)"
            " values (%s, %s, %s, private.clock(), private.clock())",
            (account, None if anonymous else f"{account.hex}@example.org", anonymous),
        )
        return account

    def signed_in(self) -> Person:
        """Somebody with an account and no profile."""
        account = self.account()
        address = f"{account.hex}@example.org"
        return Person(self.db, "authenticated", account, email=address, is_anonymous=False, amr=self.by("otp"))

    def by(self, method: str) -> list[dict[str, Any]]:
        """How a session was opened, as its token says it: just now, by this method."""
        return [{"method": method, "timestamp": int(self.one("select extract(epoch from clock_timestamp())"))}]

    def anonymous(self) -> Person:
        """Somebody on an anonymous account."""
        return Person(self.db, "authenticated", self.account(anonymous=True), is_anonymous=True)

    def registered(self, alias: str | None = None, birth_date: str = "1990-06-15", **more: Any) -> Person:
        """Somebody with an account and a profile."""
        person = self.signed_in()
        person.call("register", **self.profile(alias=alias or f"alias-{next(_numbers)}", birth_date=birth_date, **more))
        return person

    def profile(self, **more: Any) -> dict[str, Any]:
        """Arguments of register."""
        return {
            "first_name": "Ana", "last_name": "Belin", "alias": "ana", "country": "FR", "postcode": "75011",
            "birth_date": "1990-06-15", "terms_version": TERMS, **more,
        }  # fmt: skip

    def terms(self, version: str, from_now: timedelta) -> None:
        """Publish a version of the terms that holds from then on; one that holds already was published as long ago."""
        self.run(
            "insert into mpp.terms_version (version, published_at, effective_at)"
            " values (%s, private.clock() + least(%s, interval '0'), private.clock() + %s)",
            (version, from_now, from_now),
        )

    def staff(self) -> Person:
        """A member of the association's staff, without a profile."""
        person = self.signed_in()
        self.service.call("set_ops_member", member_id=person.account, granted=True)
        return person

    def with_second_factor(self, person: Person) -> Person:
        """The same person in a session that has shown a second factor."""
        session = uuid.uuid4()
        self.run(
            "insert into auth.sessions (id, user_id, created_at, aal) values (%s, %s, private.clock(), 'aal2')",
            (session, person.account),
        )
        twin = person.on(self.db)
        twin.claims = {**person.claims, "aal": "aal2", "session_id": str(session)}
        return twin

    def require_second_factor(self) -> None:
        """From now on the staff and owners of clients need one."""
        self.service.call("set_setting", name="second_factor", value="required")

    def child(self, age: int) -> str:
        """The birth date of somebody who turned this age yesterday."""
        return str(self.one("select (private.today() - make_interval(years => %s))::date - 1", (age,)))

    # editions and leagues

    def edition(
        self, phase: str = "running", *, starts: timedelta = -7 * DAY, ends: timedelta = 14 * DAY,
        registration: timedelta | None = None, organisation: int | None = None, **columns: Any,
    ) -> Edition:  # fmt: skip
        """An edition in this phase with all six kinds of challenges; times are counted from now."""
        if phase == "registration":
            starts, ends = starts + 14 * DAY, ends + 14 * DAY
        elif phase in ("closed", "frozen"):
            ends = -HOUR
        starts_at, ends_at = self.now + starts, self.now + ends
        row = {
            "code": f"t-{uuid.uuid4().hex[:12]}",
            "audience": "public",
            "title": Jsonb(translated("An edition")),
            "organisation_id": organisation,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "registration_closes_at": ends_at if registration is None else self.now + registration,
            "ranking_basis": "total",
            **columns,
        }
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        values = sql.SQL(", ").join(map(sql.Placeholder, row))
        query = sql.SQL("insert into mpp.edition ({}) values ({}) returning id").format(names, values)
        edition = Edition(self.one(query.as_string(self.db), row), row["code"], starts_at, ends_at)
        self._deal(edition, school=row["audience"] == "school")
        if phase != "draft":
            self.service.call("open_edition", edition_code=edition.code)
        if phase == "frozen":
            self.freeze(edition)
        return edition

    def _deal(self, edition: Edition, *, school: bool) -> None:
        cards = []
        for code, (kind, points, repeat, quorum, factor, proof, window) in CHALLENGES.items():
            if school and kind == "hidden":
                continue
            # Windows are counted from now, or for an edition to come from its third day.
            origin = self.now if edition.starts_at <= self.now else edition.starts_at + 2 * DAY
            opens, closes = (origin + window[0], origin + window[1]) if window else (None, None)
            cards.append((code, kind, points, repeat, quorum, factor, proof, opens, closes))
        rows = self.rows(
            "insert into mpp.edition_challenge (edition_id, challenge_id, kind, points, repeat_limit, quorum,"
            " boost_factor, needs_proof, opens_at, closes_at, secret_digest)"
            " select %(id)s, k.id, c.kind::api.challenge_kind, c.points, c.repeat_limit, c.quorum,"
            " c.factor, c.proof, c.opens,"
            " c.closes, case when c.kind = 'hidden' then private.secret_digest(%(code)s, %(word)s) end"
            " from unnest(%(codes)s::text[], %(kinds)s::text[], %(points)s::smallint[], %(repeats)s::smallint[],"
            " %(quorums)s::smallint[], %(factors)s::smallint[], %(proofs)s::boolean[], %(opens)s::timestamptz[],"
            " %(closes)s::timestamptz[]) c (code, kind, points, repeat_limit, quorum, factor, proof, opens, closes)"
            " join mpp.challenge k on k.code = c.code"
            " returning id, (select k.code from mpp.challenge k where k.id = challenge_id)",
            {
                "id": edition.id,
                "code": edition.code,
                "word": SECRET_WORD,
                **dict(
                    zip(
                        ("codes", "kinds", "points", "repeats", "quorums", "factors", "proofs", "opens", "closes"),
                        map(list, zip(*cards, strict=True)),
                        strict=True,
                    )
                ),
            },
        )
        edition.challenges = {row["code"]: row["id"] for row in rows}
        assert len(edition.challenges) == len(cards)
        if school:
            for code, challenge in edition.challenges.items():
                self.db.execute(
                    "update mpp.edition_challenge set levels = %s where id = %s",
                    (LEVELS.get(code, EVERY_LEVEL), challenge),
                )

    def close(self, edition: Edition) -> None:
        """End a running edition now."""
        self.service.call("close_edition", edition_code=edition.code, reason="end of the test")

    def freeze(self, edition: Edition) -> datetime:
        """Freeze an edition that has ended."""
        return self.service.call("freeze_edition", edition_code=edition.code)  # type: ignore[no-any-return]

    def league(self, edition: Edition, ambassador: Person | None = None, **arguments: Any) -> League:
        """A league of the edition, with its ambassador as the only player."""
        ambassador = ambassador or self.registered()
        arguments.setdefault("name", f"League {uuid.uuid4().hex[:8]}")
        league = ambassador.call("create_league", edition_id=edition.id, **arguments)
        ambassador.player_id = self._player_id(ambassador, edition)
        teams = self.rows("select id from mpp.team where league_id = %s order by created_at, id", (league,))
        return League(
            league,
            edition,
            self.one("select code from mpp.join_code where league_id = %s", (league,)),
            ambassador,
            [row["id"] for row in teams],
        )

    def player(self, league: League, person: Person | None = None, team: int | None = None, **arguments: Any) -> Person:
        """Somebody who joined the league by its code; ``team`` is the index of the team to choose."""
        person = person or self.registered()
        person.player_id = person.call("join_league", join_code=league.join_code, **arguments)
        if team is not None:
            person.call("choose_team", team_id=league.teams[team])
        return person

    # schools and classes

    def teacher(self, **arguments: Any) -> Person:
        """Somebody registered as a teacher, who does not play."""
        person = self.signed_in()
        person.call(
            "register_teacher",
            **{
                "first_name": "Tess",
                "last_name": "Exemple",
                "role": "Enseignante",
                "terms_version": TERMS,
                **arguments,
            },
        )
        return person

    def school(self, levels: Sequence[str] = EVERY_LEVEL, **arguments: Any) -> uuid.UUID:
        """A new school, added by a teacher of its own."""
        code = _codes.draw(self.db)
        given = {"name": f"École {code[:7]}", "city": "Exempleville", "postcode": "01000", "levels": list(levels)}
        return self.service.call(  # type: ignore[no-any-return]
            "add_school", **{"rne": code, **given, **arguments}
        )

    def class_(
        self, edition: Edition, teacher: Person | None = None, level: str = "elementaire",
        pupils: Sequence[str] = (), **arguments: Any,
    ) -> Class:  # fmt: skip
        """A class of the edition with these pupils, in a school of its own unless one is given."""
        teacher = teacher or self.teacher()
        school = arguments.pop("school_id", None) or self.school()
        arguments.setdefault("name", f"Class {next(_numbers)}")
        id_ = teacher.call("create_class", edition_id=edition.id, school_id=school, level=level, **arguments)
        teams = self.rows("select id from mpp.team where league_id = %s order by created_at, id", (id_,))
        made = Class(
            id_, edition, school, teacher, self.one("select code from mpp.class_code where league_id = %s", (id_,)),
            [row["id"] for row in teams],
        )  # fmt: skip
        if pupils:
            self.pupils(made, *pupils)
        return made

    def pupils(self, class_: Class, *names: str, **more: Any) -> list[uuid.UUID]:
        """Add pupils, written as "Lina" or "Lina M"; returns their ids."""
        asked = [dict(zip(("first_name", "initial"), name.split(), strict=False)) | more for name in names]
        rows = class_.teacher.table("add_pupils", class_id=class_.id, pupils=Jsonb(asked))
        class_.pupils |= {row["name"]: row["pupil_id"] for row in rows}
        return [row["pupil_id"] for row in rows]

    def family(self, class_: Class) -> Person:
        """An anonymous account that gave the code of the class."""
        person = self.anonymous()
        assert person.call("claim_class", code=class_.code)["claimed"]
        return person

    # clients

    def organisation(self, **arguments: Any) -> int:
        """A new client of the association, of a kind that may have leagues and follow schools; returns its id."""
        code = f"t-{uuid.uuid4().hex[:12]}"
        given = {"code": code, "name": f"Client {next(_numbers)}", "kind": "local_authority", **arguments}
        return self.service.call("set_organisation", **given)  # type: ignore[no-any-return]

    def employed(
        self, organisation: int, role: str = "viewer", *, since: timedelta = -30 * DAY, until: timedelta = 30 * DAY,
        person: Person | None = None,
    ) -> Person:  # fmt: skip
        """Somebody who works for the organisation; dates are counted from now."""
        person = person or self.signed_in()
        self.run(
            "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
            " values (%s, %s, %s, %s, %s)",
            (organisation, person.account, role, self.now + since, self.now + until),
        )
        return person

    def participation(self, organisation: int, edition: Edition, **arguments: Any) -> int:
        """The part of an organisation in an edition; returns its id."""
        return self.service.call(  # type: ignore[no-any-return]
            "set_participation", organisation_id=organisation, edition_code=edition.code, **arguments
        )

    def client_league(
        self, participation: int, edition: Edition, name: str = "", unit: str | None = None,
        first: Person | None = None,
    ) -> League:  # fmt: skip
        """A league of a client with one player, who joined first and runs it."""
        asked = Jsonb([{"name": name or f"League {uuid.uuid4().hex[:8]}", "unit": unit}])
        (made,) = self.service.table("create_client_leagues", participation_id=participation, leagues=asked)
        teams = self.rows("select id from mpp.team where league_id = %s order by created_at, id", (made["league_id"],))
        first = first or self.registered()
        league = League(made["league_id"], edition, made["join_code"], first, [row["id"] for row in teams])
        self.player(league, first)
        return league

    def _player_id(self, person: Person, edition: Edition) -> uuid.UUID:
        return self.one(  # type: ignore[no-any-return]
            "select id from mpp.player where account_id = %s and edition_id = %s", (person.account, edition.id)
        )

    def validate(
        self, person: Person, edition: Edition, code: str, key: uuid.UUID | None = None, **more: Any
    ) -> dict[str, Any]:
        """Validate a challenge for the person's player; returns the receipt."""
        return person.call(  # type: ignore[no-any-return]
            "validate_challenge", player_id=person.player_id, challenge_id=edition.challenges[code],
            request_key=key or uuid.uuid4(), **more,
        )  # fmt: skip

    def cancel(self, person: Person, receipt: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Take a validation back; returns the receipt."""
        return person.call("cancel_validation", validation_id=receipt["validation_id"], **more)  # type: ignore[no-any-return]


def document(code: str = "t-file", **changes: Any) -> dict[str, Any]:
    """A small edition document with all six kinds, three weeks from tomorrow; ``changes`` replace top-level keys."""
    start = (clock.now() + DAY).replace(hour=6, minute=0, second=0, microsecond=0)
    plain = {"theme": "t-theme", "repeat": 1, "proof": False, "quorum": None, "factor": None, "window": None,
             "secret": None, "goals": [11]}  # fmt: skip
    window = {"from": (start + DAY).isoformat(), "until": (start + 2 * DAY).isoformat()}
    texts = {"title": translated("A card"), "description": translated("What to do")}
    return {
        "edition": {
            "code": code,
            "audience": "public",
            "title": translated("Edition from a file"),
            "time_zone": "Europe/Paris",
            "starts_at": start.isoformat(),
            "ends_at": (start + 21 * DAY).isoformat(),
            "registration_closes_at": (start + 14 * DAY).isoformat(),
            "organisation": None,
        },
        "rules": {
            "league_size": {"min": 6, "max": 24},
            "teams_per_league": 2,
            "ranking": "total",
            "unlock_guesses_per_hour": 10,
        },
        "themes": [{"code": "t-theme", "title": translated("Theme")}],
        "challenges": [
            {**plain, **texts, "code": "f-standard", "kind": "standard", "points": 4, "repeat": 2},
            {**plain, **texts, "code": "f-collective", "kind": "collective", "points": 3, "quorum": 4},
            {**plain, **texts, "code": "f-boost", "kind": "boost", "points": 2, "factor": 2, "window": window},
            {**plain, **texts, "code": "f-hidden", "kind": "hidden", "points": 5, "secret": "coquelicot"},
            {**plain, **texts, "code": "f-flash", "kind": "flash", "points": 3, "window": window},
            {**plain, **texts, "code": "f-malus", "kind": "malus", "points": -5, "repeat": None},
        ],
        **changes,
    }


def school_document(code: str = "t-school-file", **changes: Any) -> dict[str, Any]:
    """The same for a school edition: levels and curriculum themes for every challenge, and no hidden one."""
    file = document(code)
    levels = (["maternelle", "elementaire"], ["elementaire"], ["college"], ["lycee"], EVERY_LEVEL)
    cards = [card for card in file["challenges"] if card["kind"] != "hidden"]
    return {
        **file,
        "edition": {**file["edition"], "audience": "school"},
        "curriculum": [{"code": "t-living", "title": translated("The living world")}],
        "challenges": [
            {**card, "levels": of_card, "curriculum": ["t-living"]} for card, of_card in zip(cards, levels, strict=True)
        ],
        **changes,
    }


def commit_cards(url: str) -> None:
    """Put the cards of CHALLENGES into the catalogue, once: what every edition of these tests is made of."""
    with psycopg.connect(url) as db:
        db.execute(
            "insert into mpp.theme (code, name) values ('t-theme', %s) on conflict do nothing",
            (Jsonb(translated("Theme")),),
        )
        for code in CHALLENGES:
            db.execute(
                "insert into mpp.challenge (code, theme, title, description, goals)"
                " select %(code)s, 't-theme', %(title)s, %(description)s, '{11}'"
                " where not exists (select from mpp.challenge k where k.code = %(code)s)",
                {"code": code, "title": Jsonb(translated(code)), "description": Jsonb(translated("What to do"))},
            )
