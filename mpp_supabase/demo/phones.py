"""The demonstration's phones: they sign up, join and play through HTTP with nothing but the publishable key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Event, Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mpp_supabase.demo.habits import Card
from mpp_supabase.demo.plan import PHONE_LEAGUES, PHONES_PER_LEAGUE
from mpp_supabase.transport import until_answered

if TYPE_CHECKING:
    import httpx

    from supabase import Client

_NAMES = (
    "Sittelle",
    "Roitelet",
    "Martin-pêcheur",
    "Pinson",
    "Geai",
    "Huppe",
    "Alouette",
    "Fauvette",
    "Verdier",
    "Tarier",
)
_AT_ONCE = 4


@dataclass(slots=True)
class Phones:
    """What the phones did: the client of one of them, validations that count, and refusals by SQLSTATE."""

    one: Client | None = None
    validations: int = 0
    refusals: Counter[str] = field(default_factory=Counter)


def use_phones(
    env: Mapping[str, str],
    http: httpx.Client,
    edition_id: int,
    cards: Sequence[Card],
    stamp: str,
    rng: Random,
    advance: Callable[[int], None],
) -> Phones:
    """Let six leagues of ten phones sign up, form and play; `advance` is told of each phone that is done."""
    phones = Phones()
    lock, stopped = Lock(), Event()
    terms = connect(env, http).table("terms_versions").select("version").eq("is_current", True).execute()
    version = rows_of(terms)[0]["version"]
    seeds = [rng.getrandbits(64) for _ in range(PHONE_LEAGUES)]

    def league(number: int) -> None:
        own = Random(seeds[number])
        code: str | None = None
        for member in range(PHONES_PER_LEAGUE):
            if stopped.is_set():
                return
            phone = _Phone(env, http, f"phone-{stamp}-{number}-{member}@demo.invalid", own)
            phone.register(f"{_NAMES[member]} {number + 1}", version)
            if code is None:
                code = phone.found_league(edition_id, f"Les Téléphones {number + 1}")
            else:
                phone.join(code)
            phone.play(edition_id, cards)
            with lock:
                phones.validations += phone.validations
                phones.refusals.update(phone.refusals)
                if phones.one is None:
                    phones.one = phone.client
                advance(1)

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for done in [pool.submit(league, number) for number in range(PHONE_LEAGUES)]:
            done.result()
    finally:
        # After Ctrl-C the phones in hand finish, and no other begins.
        stopped.set()
        pool.shutdown(cancel_futures=True)
    return phones


class _Phone:
    def __init__(self, env: Mapping[str, str], http: httpx.Client, email: str, rng: Random) -> None:
        self.client = connect(env, http)
        self.validations = 0
        self.refusals: Counter[str] = Counter()
        self._rng = rng
        self.client.auth.sign_up({"email": email, "password": uuid4().hex})

    def register(self, alias: str, terms_version: str) -> None:
        profile = {
            "first_name": alias.split(" ")[0],
            "last_name": "Démo",
            "alias": alias,
            "country": "FR",
            "postcode": "75011",
            "birth_date": "1990-05-04",
            "terms_version": terms_version,
        }
        self.client.rpc("register", profile).execute()

    def found_league(self, edition_id: int, name: str) -> str:
        league = self.client.rpc("create_league", {"edition_id": edition_id, "name": name}).execute()
        own = self.client.table("my_leagues").select("join_code").eq("league_id", str(league.data)).execute()
        return str(rows_of(own)[0]["join_code"])

    def join(self, code: str) -> None:
        self.client.rpc("join_league", {"join_code": code}).execute()

    def play(self, edition_id: int, cards: Sequence[Card]) -> None:
        """Validate a handful, take one back, and meet the rules: a repeat too many is refused by name."""
        me = rows_of(self.client.table("my_players").select("player_id").eq("edition_id", edition_id).execute())[0][
            "player_id"
        ]
        open_now = [
            card for card in cards if card.kind in ("standard", "collective", "malus") and card.opens_at is None
        ]
        last = None
        for card in self._rng.sample(open_now, self._rng.randint(4, 9)):
            last = self._validate(me, card.id) or last
        if last and self._rng.random() < 0.3:
            self.client.rpc("cancel_validation", {"validation_id": last}).execute()
            self.validations -= 1
        once = next(card for card in open_now if card.repeat_limit == 1)
        for _ in range(2):
            self._validate(me, once.id)

    def _validate(self, player: str, challenge: int) -> str | None:
        from postgrest.exceptions import APIError

        key = str(uuid4())
        request = {"player_id": player, "challenge_id": challenge, "request_key": key, "proof_sent": True}
        try:
            until_answered(lambda: self.client.rpc("validate_challenge", request).execute())
        except APIError as error:
            self.refusals[str(error.code)] += 1
            return None
        self.validations += 1
        return key


def connect(env: Mapping[str, str], http: httpx.Client) -> Client:
    """Return the client of a phone: the publishable key, nobody signed in, and connections that the caller closes."""
    from supabase.lib.client_options import SyncClientOptions

    from supabase import create_client

    options = SyncClientOptions(schema="api", auto_refresh_token=False, persist_session=False, httpx_client=http)
    return create_client(env["API_URL"], env["PUBLISHABLE_KEY"], options)


def rows_of(response: Any) -> list[dict[str, Any]]:
    """Return the rows of an answer."""
    rows: list[dict[str, Any]] = response.data
    return rows
