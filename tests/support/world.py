"""A small world on the stack for the tests of services and commands: people who play over HTTP, and editions."""

from __future__ import annotations

import itertools
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from mpp_supabase import MPP, Account, Edition, School, SchoolClass, Settings, parse_edition
from mpp_supabase.files.school_directory import CHECK_LETTERS
from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.waiting import LIMIT

PASSWORD = "correct horse battery staple"

_numbers = itertools.count(1)

CARDS = """
themes:
  w-theme: {fr: Thème, en: Theme}
challenges:
  - {code: w-bike, kind: standard, theme: w-theme, points: 4, repeat: unlimited, title: {fr: Vélo, en: Bike},
     description: {fr: Texte, en: Text}}
  - {code: w-walk, kind: standard, theme: w-theme, points: 1, repeat: unlimited, title: {fr: Marche, en: Walk},
     description: {fr: Texte, en: Text}}
  - {code: w-plane, kind: malus, theme: w-theme, points: -2, title: {fr: Avion, en: Plane},
     description: {fr: Texte, en: Text}}
  - {code: w-secret, kind: hidden, secret: coquelicot, theme: w-theme, points: 2, title: {fr: Caché, en: Hidden},
     description: {fr: Texte, en: Text}}
"""

SCHOOL_CARDS = """
themes:
  w-theme: {fr: Thème, en: Theme}
curriculum:
  w-science: {fr: Sciences, en: Science}
challenges:
  - {code: s-walk, kind: standard, theme: w-theme, points: 2, repeat: 5, curriculum: [w-science],
     levels: [maternelle, elementaire, college, lycee], title: {fr: Marche, en: Walk, de: Gehen},
     description: {fr: Texte, en: Text}}
  - {code: s-soup, kind: standard, theme: w-theme, points: 3, levels: [elementaire, college], curriculum: [w-science],
     title: {fr: Soupe, en: Soup}, description: {fr: Texte, en: Text}}
  - {code: s-proof, kind: standard, theme: w-theme, points: 1, proof: true, levels: [elementaire],
     curriculum: [w-science], title: {fr: Photo, en: Photo}, description: {fr: Texte, en: Text}}
  - {code: s-lamps, kind: collective, quorum: 2, theme: w-theme, points: 4, levels: [elementaire],
     curriculum: [w-science], title: {fr: Lampes, en: Lamps}, description: {fr: Texte, en: Text}}
  - {code: s-car, kind: malus, theme: w-theme, points: -1, repeat: 3, levels: [elementaire, college],
     curriculum: [w-science], title: {fr: Voiture, en: Car}, description: {fr: Texte, en: Text}}
  - {code: s-flash, kind: flash, theme: w-theme, points: 5, levels: [elementaire], curriculum: [w-science],
     window: {from: FLASH_FROM, until: FLASH_UNTIL}, title: {fr: Éclair, en: Flash},
     description: {fr: Texte, en: Text}}
"""


def edition_text(code: str, starts_in: timedelta = timedelta(hours=-1), days: int = 21, **changes: str) -> str:
    """The text of an edition file that starts so long from now; `changes` are lines of its `edition:` part."""
    lines = {
        "code": code,
        "audience": "public",
        "title": f"{{fr: Édition {code}, en: Edition {code}}}",
        "time_zone": "UTC",
        "starts_at": f"{clock.now() + starts_in:%Y-%m-%d %H:%M}",
        "days": str(days),
    }
    lines |= changes
    head = "".join(f"  {key}: {value}\n" for key, value in lines.items())
    return f"edition:\n{head}{CARDS if lines['audience'] == 'public' else _school_cards(starts_in)}"


def _school_cards(starts_in: timedelta) -> str:
    """Cards of school editions; the flash challenge is open the whole second day."""
    day = clock.now() + starts_in + timedelta(days=1)
    return SCHOOL_CARDS.replace("FLASH_FROM", f"{day:%Y-%m-%d} 00:00").replace(
        "FLASH_UNTIL", f"{day + timedelta(days=1):%Y-%m-%d} 00:00"
    )


def new_code(name: str = "edition") -> str:
    """A code that no other test uses, also on a stack that is older than this run."""
    return f"{name}-{secrets.token_hex(4)}-{next(_numbers)}"


def new_rne() -> str:
    """The code of a school that no other test uses."""
    number = secrets.randbelow(9_000_000) + 1_000_000
    return f"{number}{CHECK_LETTERS[number % 23]}"


@dataclass
class Person:
    """Somebody with an account, who calls the API as a phone does."""

    world: World
    account: Account
    token: str

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of schema api as this person."""
        answer = self.world.http.post(
            f"/rest/v1/rpc/{function}",
            json=arguments,
            headers={"Authorization": f"Bearer {self.token}", "Content-Profile": "api"},
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def read(self, view: str, **where: str) -> list[dict[str, Any]]:
        """Read a view of schema api as this person."""
        answer = self.world.http.get(
            f"/rest/v1/{view}", params=where, headers={"Authorization": f"Bearer {self.token}", "Accept-Profile": "api"}
        )
        assert answer.is_success, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def player_id(self, edition: Edition) -> str:
        """The id of this person's player in an edition."""
        (player,) = self.read("my_players", edition_id=f"eq.{edition.id}")
        return str(player["player_id"])

    def validate(self, edition: Edition, card: str, times: int = 1) -> list[str]:
        """Validate a challenge; return the ids of the validations."""
        (challenge,) = self.read("challenges", edition_id=f"eq.{edition.id}", code=f"eq.{card}")
        keys = [str(uuid.uuid4()) for _ in range(times)]
        for key in keys:
            self.call(
                "validate_challenge",
                player_id=self.player_id(edition),
                challenge_id=challenge["id"],
                request_key=key,
            )
        return keys


class World:
    """The stack as tests use it: clients, a connection to its database, people and editions."""

    def __init__(self, stack: StackStatus) -> None:
        env = stack.env()
        self.env = {
            "SUPABASE_URL": env["API_URL"],
            "SUPABASE_PUBLISHABLE_KEY": env["PUBLISHABLE_KEY"],
            "SUPABASE_SECRET_KEY": env["SECRET_KEY"],
            "SUPABASE_DB_URL": env["DB_URL"],
        }
        self.settings = Settings(
            url=env["API_URL"], publishable_key=env["PUBLISHABLE_KEY"], secret_key=env["SECRET_KEY"], source="the tests"
        )
        self.ops = MPP.connect(self.settings)
        self.visitor = MPP.connect(self.settings, role="publishable")
        self.http = httpx.Client(base_url=env["API_URL"], headers={"apikey": env["PUBLISHABLE_KEY"]}, timeout=LIMIT)
        self.database = psycopg.connect(env["DB_URL"], autocommit=True)
        self._classes = 0
        self._head: Person

    def close(self) -> None:
        """Close every connection."""
        self.ops.close()
        self.visitor.close()
        self.http.close()
        self.database.close()

    def signed_in(self) -> Person:
        """Somebody with an account and nothing else."""
        email = f"{secrets.token_hex(6)}@example.org"
        account = self.ops.users.create(email, SecretStr(PASSWORD))
        answer = self.http.post(
            "/auth/v1/token", params={"grant_type": "password"}, json={"email": email, "password": PASSWORD}
        )
        return Person(self, account, answer.json()["access_token"])

    def person(self, alias: str) -> Person:
        """A registered person who is signed in."""
        person = self.signed_in()
        person.call(
            "register",
            first_name="Ada",
            last_name="Test",
            alias=alias,
            country="FR",
            postcode="75011",
            birth_date="1990-01-01",
            terms_version=self.terms(),
        )
        return person

    def teacher(self) -> Person:
        """Somebody registered as a teacher, who is signed in."""
        teacher = self.signed_in()
        teacher.call(
            "register_teacher",
            first_name="Tess",
            last_name="Exemple",
            role="Enseignante",
            terms_version=self.terms(),
        )
        return teacher

    def school(self, *levels: str, name: str = "École des Tilleuls") -> School:
        """A new school of these levels (élémentaire and collège without any)."""
        return self.ops.schools.add(name, "Exempleville", "01000", levels or ("elementaire", "college"), rne=new_rne())

    def school_edition(self, **changes: Any) -> Edition:
        """A new school edition, running for three days."""
        return self.edition(name="school", audience="school", **{"starts_in": timedelta(days=-3), **changes})

    def class_(
        self,
        edition: Edition,
        *pupils: str,
        school: School | None = None,
        level: str = "elementaire",
        name: str = "CE2",
    ) -> SchoolClass:
        """A class with these pupils ("Lina", or "Lina M"), in a school of its own unless one is given."""
        school = school or self.school()
        if self._classes % 10 == 0:
            # Nobody runs more than twelve classes of an edition.
            self._head = self.teacher()
        self._classes += 1
        class_id = self.ops.classes.create(edition.id, school.school_id, name, level, self._head.account.id)
        if pupils:
            names = (pupil.split() for pupil in pupils)
            self.ops.classes.add_pupils(
                class_id, [dict(zip(("first_name", "initial"), name, strict=False)) for name in names]
            )
        return self.ops.classes.get(class_id)

    def terms(self) -> str:
        """The version of the terms of use in force."""
        row = self.database.execute("select version from api.terms_versions where is_current").fetchone()
        assert row is not None
        return str(row[0])

    def edition(self, *, opened: bool = True, name: str = "edition", **changes: Any) -> Edition:
        """A new edition, running since an hour ago unless told otherwise."""
        code = new_code(name)
        self.ops.editions.apply(parse_edition(edition_text(code, **changes)).document)
        if opened:
            self.ops.editions.open(code)
        return self.ops.editions.get(code)

    def league(self, edition: Edition, ambassador: Person, *others: Person, name: str = "League") -> str:
        """A league of these people; return its id."""
        league_id = str(ambassador.call("create_league", edition_id=edition.id, name=name))
        (league,) = ambassador.read("my_leagues", league_id=f"eq.{league_id}")
        for person in others:
            person.call("join_league", join_code=league["join_code"])
        return league_id

    def fingerprint(self) -> str:
        """A digest of what files can change: editions and their cards, schools, classes, pupils, validations, audit."""
        tables = (
            *("edition", "edition_challenge", "challenge", "theme", "curriculum_theme", "audit"),
            *("school", "league", "team", "player", "validation", "class_challenge", "class_code", "score"),
        )
        found = [
            self.database.execute(
                f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from mpp.{table} t"  # type: ignore[arg-type]
            ).fetchone()
            for table in tables
        ]
        return str(found)


@dataclass(frozen=True)
class Played:
    """An edition in which four people of two leagues have played: 9, 8, 8 and 0 points."""

    edition: Edition
    ada: Person
    bob: Person
    cleo: Person
    dan: Person
    first_league: str
    second_league: str

    @classmethod
    def new(cls, world: World) -> Played:
        """Let them play."""
        edition = world.edition(name="played")
        ada, bob, cleo, dan = (world.person(alias) for alias in ("Ada", "Bob", "Cléo", "=Dan"))
        first = world.league(edition, ada, bob, name="Premiers")
        second = world.league(edition, cleo, dan, name="Seconds")
        ada.validate(edition, "w-bike", 2)
        ada.validate(edition, "w-walk")
        bob.validate(edition, "w-bike", 2)
        cleo.validate(edition, "w-bike", 2)
        return cls(edition, ada, bob, cleo, dan, first, second)
