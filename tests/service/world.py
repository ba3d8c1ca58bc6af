"""A small world on the stack for the tests of services and commands: people who play over HTTP, and editions."""

from __future__ import annotations

import itertools
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from mpp_supabase import MPP, Account, Edition, Settings, parse_edition
from mpp_supabase.local import StackStatus

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


def edition_text(code: str, starts_in: timedelta = timedelta(hours=-1), days: int = 21, **changes: str) -> str:
    """The text of an edition file that starts so long from now; `changes` are lines of its `edition:` part."""
    lines = {
        "code": code,
        "audience": "public",
        "title": f"{{fr: Édition {code}, en: Edition {code}}}",
        "time_zone": "UTC",
        "starts_at": f"{datetime.now(UTC) + starts_in:%Y-%m-%d %H:%M}",
        "days": str(days),
    }
    head = "".join(f"  {key}: {value}\n" for key, value in (lines | changes).items())
    return f"edition:\n{head}{CARDS}"


def new_code(name: str = "edition") -> str:
    """A code that no other test uses, also on a stack that is older than this run."""
    return f"{name}-{secrets.token_hex(4)}-{next(_numbers)}"


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
        self.http = httpx.Client(base_url=env["API_URL"], headers={"apikey": env["PUBLISHABLE_KEY"]}, timeout=30)
        self.database = psycopg.connect(env["DB_URL"], autocommit=True)

    def close(self) -> None:
        """Close every connection."""
        self.ops.close()
        self.visitor.close()
        self.http.close()
        self.database.close()

    def person(self, alias: str) -> Person:
        """A registered person who is signed in."""
        email = f"{secrets.token_hex(6)}@example.org"
        account = self.ops.users.create(email, SecretStr(PASSWORD))
        answer = self.http.post(
            "/auth/v1/token", params={"grant_type": "password"}, json={"email": email, "password": PASSWORD}
        )
        person = Person(self, account, answer.json()["access_token"])
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

    def terms(self) -> str:
        """The version of the terms of use in force."""
        row = self.database.execute(
            "select version from api.terms_versions order by published_at desc limit 1"
        ).fetchone()
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
        """A digest of what an edition file can change: editions, challenges, cards, themes, audit."""
        tables = ("edition", "edition_challenge", "challenge", "theme", "audit")
        found = [
            self.database.execute(
                f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from mpp.{table} t"  # type: ignore[arg-type]
            ).fetchone()
            for table in tables
        ]
        return str(found)
