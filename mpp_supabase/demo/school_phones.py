"""The school demonstration's phones: teachers who run a class, and families who follow it, with the publishable key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from mpp_supabase.demo.classes import TEAMS, Classroom, register_of
from mpp_supabase.demo.phones import connect, rows_of
from mpp_supabase.demo.plan import FAMILIES_PER_CLASS
from mpp_supabase.transport import until_answered

if TYPE_CHECKING:
    import httpx

_AT_ONCE = 3
_CHOSEN = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """What a family reads of its class: its name and school, rows of league_members and of class_challenges."""

    name: str
    members: list[dict[str, Any]]
    challenges: list[dict[str, Any]]


@dataclass(slots=True)
class SchoolPhones:
    """What the phones did and saw: validations that count, whole classes at one touch, refusals by SQLSTATE."""

    validations: int = 0
    whole_class: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    around: Callable[[], list[dict[str, Any]]] = list
    """Asks, with the phone of a teacher, for the class and its neighbours in the ranking."""
    look: Callable[[], Seen] | None = None
    """Asks, with the phone of a family, for its class."""


def use_school_phones(
    env: Mapping[str, str],
    http: httpx.Client,
    edition_id: int,
    classes: Sequence[Classroom],
    stamp: str,
    rng: Random,
    advance: Callable[[], None],
) -> SchoolPhones:
    """Let a teacher's phone make and run each class, and families follow it; `advance` is told of each phone done."""
    phones = SchoolPhones()
    lock = Lock()
    terms = connect(env, http).table("terms_versions").select("version").eq("is_current", True).execute()
    version = rows_of(terms)[0]["version"]
    seeds = [rng.getrandbits(64) for _ in classes]

    def one_class(number: int) -> None:
        last = number == len(classes) - 1
        teacher = _Teacher(env, http, f"teacher-{stamp}-{number}@demo.invalid", Random(seeds[number]))
        code = teacher.begin(edition_id, classes[number], version)
        teacher.play()
        families = []
        for _ in range(FAMILIES_PER_CLASS):
            families.append(_Family(env, http, code))
            families[-1].try_to_play(teacher.class_id, teacher.cards)
            advance()
        if last:
            teacher.opt_out()
        with lock:
            phones.validations += teacher.validations
            phones.whole_class += teacher.whole_class
            for phone in (teacher, *families):
                phones.refusals.update(phone.refusals)
            if number == 0:
                phones.around, phones.look = teacher.around, families[0].look
        advance()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(one_class, number) for number in range(len(classes))]:
            done.result()
    return phones


class _Phone:
    def __init__(self, env: Mapping[str, str], http: httpx.Client) -> None:
        self.client = connect(env, http)
        self.refusals: Counter[str] = Counter()

    def rpc(self, function: str, **arguments: Any) -> Any:
        """What a function answers, or None when it refuses."""
        from postgrest.exceptions import APIError

        call = self.client.rpc(function, arguments)
        try:
            return until_answered(lambda: call.execute().data) if "request_key" in arguments else call.execute().data
        except APIError as error:
            self.refusals[str(error.code)] += 1
            return None

    def must(self, function: str, **arguments: Any) -> Any:
        """What a function answers; a refusal ends the demonstration."""
        return self.client.rpc(function, arguments).execute().data

    def read(self, function: str, **arguments: Any) -> Any:
        """What a function that only reads answers."""
        return self.client.rpc(function, arguments, get=True).execute().data

    def rows(self, view: str, **equal: str) -> list[dict[str, Any]]:
        query = self.client.table(view).select("*")
        for column, value in equal.items():
            query = query.eq(column, value)
        return rows_of(query.execute())


class _Teacher(_Phone):
    def __init__(self, env: Mapping[str, str], http: httpx.Client, email: str, rng: Random) -> None:
        super().__init__(env, http)
        self.validations = 0
        self.whole_class = 0
        self.class_id = ""
        self.cards: list[dict[str, Any]] = []
        self.pupils: list[str] = []
        self._rng = rng
        self.client.auth.sign_up({"email": email, "password": uuid4().hex})

    def begin(self, edition_id: int, classroom: Classroom, terms_version: str) -> str:
        """Register, find the school, make the class and fill it; returns the code for families."""
        self.must(
            "register_teacher", first_name="Sittelle", last_name="Démo", role="Enseignante", terms_version=terms_version
        )
        # What somebody types: the town, and what is particular in the name.
        words = re.findall(r"\w{3,}", f"{classroom.school.city} {' '.join(classroom.school.name.split()[-2:])}")
        found = self.read("search_schools", query=" ".join(words[:8]), level=classroom.level, results=100)
        school = next(each for each in found if each["school_id"] == str(classroom.school.id))
        self.class_id = self.must(
            "create_class",
            edition_id=edition_id,
            school_id=school["school_id"],
            name=classroom.name,
            level=classroom.level,
            teams=list(TEAMS[:2]),
        )
        classroom.id = UUID(self.class_id)
        # One comes to the class some days later.
        *first, latecomer = sorted(register_of(classroom.size, self._rng), key=lambda pupil: "initial" in pupil)
        twin = next((pupil for pupil in first if pupil["first_name"] == latecomer["first_name"]), None)
        answer = self.must("add_pupils", class_id=self.class_id, pupils=first)
        late = [latecomer]
        if twin is not None:
            # Until now their first name was enough: this gives it its initial.
            there = next(row for row in answer if row["first_name"] == twin["first_name"])
            late.append({"pupil_id": there["pupil_id"], "initial": twin["initial"]})
        self.must("add_pupils", class_id=self.class_id, pupils=late)
        self.pupils = [row["player_id"] for row in self.rows("league_members", league_id=self.class_id)]
        classroom.pupils = [UUID(pupil) for pupil in self.pupils]
        cards = self.rows("class_challenges", class_id=self.class_id)
        steady = [card for card in cards if card["opens_at"] is None and card["kind"] in ("standard", "collective")]
        chosen = self._rng.sample(steady, min(_CHOSEN, len(steady)))
        self.must(
            "choose_class_challenges",
            class_id=self.class_id,
            challenge_ids=[card["challenge_id"] for card in chosen],
        )
        self.cards = chosen
        return str(self.rows("my_classes")[0]["class_code"])

    def play(self) -> None:
        """Validate for everybody, for a team, for some; send one twice, take one back, and meet the rules."""
        rng = self._rng
        cards = rng.sample(self.cards, rng.randint(11, 15))
        everybody = cards[: len(cards) // 2]
        for card in everybody:
            self._validate(card)
            self.whole_class += 1
        team = rng.choice(self.rows("league_teams", league_id=self.class_id))
        own, *alone = cards[len(everybody) :]
        self._validate(own, team_id=team["team_id"])
        for card in alone:
            key = str(uuid4())
            chosen = rng.sample(self.pupils, rng.randint(1, 12))
            self._validate(card, key, pupil_ids=chosen)
            # The answer was lost on the way: asked again, nothing is done twice.
            again = self.must("validate_for_pupils", **self._request(card, key, pupil_ids=chosen))
            if card is alone[0]:
                self.must("cancel_for_pupils", class_id=self.class_id, validation_ids=[again[0]["validation_id"]])
                self.validations -= 1
        once = next((card for card in everybody if card["repeat_limit"] == 1), None)
        if once is not None:
            self._validate(once)
        malus = next(card for card in self.rows("class_challenges", class_id=self.class_id) if not card["is_in_play"])
        self._validate(malus)
        # A pupil moves away: the name goes, what they earned stays.
        self.must("remove_pupil", pupil_id=self.pupils[-1])

    def opt_out(self) -> None:
        self.must("set_listing", scope="league", subject_id=self.class_id, listed=False)

    def around(self) -> list[dict[str, Any]]:
        return list(self.read("ranking_around", subject_id=self.class_id, neighbours=3))

    def _request(self, card: dict[str, Any], key: str, **who: Any) -> dict[str, Any]:
        proof = {"proof_sent": bool(card["needs_proof"])}
        return {"class_id": self.class_id, "challenge_id": card["challenge_id"], "request_key": key, **proof, **who}

    def _validate(self, card: dict[str, Any], key: str | None = None, **who: Any) -> None:
        answer = self.rpc("validate_for_pupils", **self._request(card, key or str(uuid4()), **who))
        self.validations += sum(row["validation_id"] is not None for row in answer or [])


class _Family(_Phone):
    def __init__(self, env: Mapping[str, str], http: httpx.Client, code: str) -> None:
        super().__init__(env, http)
        self.client.auth.sign_in_anonymously()
        # Mistyped once.
        self.must("claim_class", code="AAAAAAAAAA")
        self.must("claim_class", code=f" {code[:5].lower()}-{code[5:]}")

    def try_to_play(self, class_id: str, cards: Sequence[dict[str, Any]]) -> None:
        self.rpc(
            "validate_for_pupils",
            class_id=class_id,
            challenge_id=cards[0]["challenge_id"],
            request_key=str(uuid4()),
        )

    def look(self) -> Seen:
        (own,) = self.rows("my_classes")
        members = self.rows("league_members", league_id=own["class_id"])
        challenges = self.rows("class_challenges", class_id=own["class_id"])
        return Seen(f"{own['name']}, {own['school_label']}", members, challenges)
