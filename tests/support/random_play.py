"""Random play: many writers do what players, ambassadors and staff may do, while the proof of the scores stays empty.

Each writer draws from the seed and its own number. In which order the database meets what all of them do differs from
run to run. Anything but a success or a refusal of the game is a fault, and so is a deadlock.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.support.crowd import Answer, assert_proven, attempt, connect, deadlocks, open_lines
from tests.support.game import SECRET_WORD, Connection, Edition, Game, League, Person
from tests.support.waiting import LIMIT, join

PHONE = "+33612345678"

#: Often what is bounded by the day only, and most often what touches the rest of a team.
CARDS = ("t-bike", "t-boost", "t-flash", "t-hidden", *("t-soup", "t-plane") * 4, *("t-picnic", "t-swap") * 5)

#: How many receipts of a player are kept, of those that may be taken back.
_KEPT = 20


@dataclass
class Outcome:
    """What a run came to: answers by deed and code, how often the scores were proven, and what must not happen."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    proofs: int = 0
    faults: list[str] = field(default_factory=list)
    deadlocks: int = 0

    def succeeded(self, deed: str) -> int:
        """How often a deed was done, not refused."""
        return self.answers[deed, "00000"]


class RandomPlay:
    """People and leagues of two editions, one ranked by total and one by average, and what they do at random."""

    def __init__(self, game: Game, *, people: int, leagues: int) -> None:
        self.editions = [
            game.edition(ranking_basis=basis, league_min_players=2, league_max_players=12, unlock_guesses_per_hour=100)
            for basis in ("total", "average")
        ]
        self.people = [game.registered() for _ in range(people)]
        self.leagues = [
            game.league(edition, is_open=True, phone=PHONE) for edition in self.editions for _ in range(leagues)
        ]
        self.people += [league.ambassador for league in self.leagues]
        self._players: dict[tuple[uuid.UUID | None, int], uuid.UUID] = {}
        self._receipts: dict[uuid.UUID, list[uuid.UUID]] = {}
        for number, person in enumerate(self.people[:people]):
            league = self.leagues[number % len(self.leagues)]
            game.player(league, person, team=number % 2, phone=PHONE)
            self._players[person.account, league.edition.id] = person.player_id or uuid.uuid4()
        game.db.commit()

    #: What is done, and how often among a hundred.
    SHARES: ClassVar = {
        "validate": 48, "cancel": 17, "unlock": 3, "join": 8, "leave": 3, "choose_team": 5, "move": 3, "list": 3,
        "hand_over": 2, "co_ambassador": 2, "expel": 2, "renew_code": 1, "create_league": 1, "import": 1, "erase": 1,
    }  # fmt: skip

    def do(self, deed: str, game: Game, chance: random.Random) -> Any:
        """Do one thing as somebody who is drawn, on the connection of ``game``."""
        return getattr(self, f"_{deed}")(game, chance)

    def _somebody(self, game: Game, chance: random.Random) -> tuple[Person, Edition]:
        """Somebody and an edition, most often one that they play or have played."""
        person = chance.choice(self.people)
        known = [edition for edition in self.editions if (person.account, edition.id) in self._players]
        return person.on(game.db), chance.choice(known if known and chance.random() < 0.95 else self.editions)

    def _player(self, person: Person, edition: Edition) -> uuid.UUID:
        """The player of somebody in an edition; one that never was where they do not play."""
        key = (person.account, edition.id)
        if key not in self._players:
            found = person.view("my_players", edition_id=edition.id)
            if not found:
                return uuid.uuid4()
            self._players[key] = found[0]["player_id"]
        return self._players[key]

    def _validate(self, game: Game, chance: random.Random) -> None:
        person, edition = self._somebody(game, chance)
        person.player_id = self._player(person, edition)
        receipt = game.validate(person, edition, chance.choice(CARDS))
        kept = self._receipts.setdefault(person.player_id, [])
        kept.append(receipt["validation_id"])
        del kept[:-_KEPT]

    def _cancel(self, game: Game, chance: random.Random) -> None:
        person, edition = self._somebody(game, chance)
        for _ in range(10):
            with contextlib.suppress(LookupError, ValueError):
                kept = self._receipts[self._players[person.account, edition.id]]
                person.call("cancel_validation", validation_id=kept.pop(chance.randrange(len(kept))))
                return
            person, edition = self._somebody(game, chance)
        person.call("cancel_validation", validation_id=uuid.uuid4())

    def _unlock(self, game: Game, chance: random.Random) -> None:
        person, edition = self._somebody(game, chance)
        person.call("unlock_challenge", edition_id=edition.id, word=chance.choice((SECRET_WORD, "wrong")))

    def _join(self, game: Game, chance: random.Random) -> None:
        person, league = chance.choice(self.people).on(game.db), chance.choice(self.leagues)
        self._players[person.account, league.edition.id] = person.call("join_league", league_id=league.id, phone=PHONE)

    def _leave(self, game: Game, chance: random.Random) -> None:
        person, edition = self._somebody(game, chance)
        mine = person.view("my_players", edition_id=edition.id)
        person.call("leave_league", league_id=mine[0]["league_id"] if mine else uuid.uuid4())

    def _choose_team(self, game: Game, chance: random.Random) -> None:
        person, edition = self._somebody(game, chance)
        mine = person.view("my_players", edition_id=edition.id)
        teams = next((league.teams for league in self.leagues if mine and league.id == mine[0]["league_id"]), [])
        person.call("choose_team", team_id=chance.choice(teams or [uuid.uuid4()]))

    def _led(self, game: Game, chance: random.Random) -> tuple[League, Person, uuid.UUID]:
        """A league, whoever leads it now, and one of its players."""
        league = chance.choice(self.leagues)
        rows = game.rows(
            "select p.id, a.account_id as leader from mpp.player p"
            " left join mpp.ambassador a on a.league_id = p.league_id and a.is_principal"
            " where p.league_id = %s order by p.id",
            (league.id,),
        )
        leader = rows[0]["leader"] if rows else None
        person = next((one for one in self.people if one.account == leader), chance.choice(self.people))
        return league, person.on(game.db), chance.choice(rows)["id"] if rows else uuid.uuid4()

    def _move(self, game: Game, chance: random.Random) -> None:
        league, leader, player = self._led(game, chance)
        leader.call("choose_team", team_id=chance.choice(league.teams), player_id=player)

    def _list(self, game: Game, chance: random.Random) -> None:
        person, edition = self._somebody(game, chance)
        player = self._player(person, edition)
        person.call("set_listing", scope="player", subject_id=player, listed=chance.random() < 0.6)

    def _hand_over(self, game: Game, chance: random.Random) -> None:
        league, leader, player = self._led(game, chance)
        leader.call("hand_over_league", league_id=league.id, player_id=player)

    def _co_ambassador(self, game: Game, chance: random.Random) -> None:
        _, leader, player = self._led(game, chance)
        leader.call("set_co_ambassador", player_id=player, granted=chance.random() < 0.5)

    def _expel(self, game: Game, chance: random.Random) -> None:
        _, leader, player = self._led(game, chance)
        leader.call("expel_player", player_id=player, reason="at random")

    def _renew_code(self, game: Game, chance: random.Random) -> None:
        league, leader, _ = self._led(game, chance)
        leader.call("renew_join_code", league_id=league.id)

    def _create_league(self, game: Game, chance: random.Random) -> None:
        """A new league of somebody takes the place of one of the old ones, which goes on without newcomers."""
        person, edition = self._somebody(game, chance)
        place = chance.choice([n for n, league in enumerate(self.leagues) if league.edition is edition])
        self.leagues[place] = game.league(edition, person, is_open=True, phone=PHONE)
        self._players[person.account, edition.id] = person.player_id or uuid.uuid4()

    def _import(self, game: Game, chance: random.Random) -> None:
        edition = chance.choice(self.editions)
        players = [player for (_, of), player in list(self._players.items()) if of == edition.id]
        drawn = chance.sample(players, min(5, len(players)))
        game.service.call(
            "import_validations", edition_code=edition.code, player_ids=drawn,
            challenge_ids=[edition.challenges["t-soup"]] * len(drawn), done_at=[edition.starts_at] * len(drawn),
            request_keys=[uuid.uuid4() for _ in drawn],
        )  # fmt: skip

    def _erase(self, game: Game, chance: random.Random) -> None:
        """Somebody's account goes, by the staff or by Auth, and somebody new takes their place."""
        place = chance.randrange(len(self.people))
        gone, self.people[place] = self.people[place], game.registered()
        if chance.random() < 0.5:
            game.service.call("erase_person", account_id=gone.account, reason="at random")
        else:
            game.run("delete from auth.users where id = %s", (gone.account,))


def play(
    url: str, operations: int, seed: int, *, parts: int, people: int, leagues: int,
    said: Callable[[int], None] = lambda done: None,
) -> Outcome:  # fmt: skip
    """Let sixteen writers do so many things; prove the scores after each of so many parts, and closed and frozen."""
    outcome, turn, lock = Outcome(), itertools.count(1), threading.Lock()
    with connect(url) as db, open_lines(url) as lines:
        game, before = Game(db), deadlocks(db)
        table = RandomPlay(game, people=people, leagues=leagues)
        deeds, weights = list(table.SHARES), list(table.SHARES.values())

        def write(number: int, line: Connection) -> None:
            own, chance = Game(line), random.Random(f"{seed}/{number}")
            while not outcome.faults:
                with lock:
                    place = next(turn)
                if place > operations:
                    break
                (deed,) = chance.choices(deeds, weights)
                answer = _answer(lambda deed=deed: table.do(deed, own, chance))  # type: ignore[misc]
                with lock:
                    outcome.answers[deed, answer[0]] += 1
                if answer[0] != "00000" and not answer[0].startswith("MP"):
                    outcome.faults.append(f"{deed}: {answer[0]} {answer[1]}")
                if place * parts // operations != (place - 1) * parts // operations:
                    for edition in table.editions:
                        outcome.faults += [f"{place}: {fault}" for fault in own.faults(edition)]
                    with lock:
                        outcome.proofs += 1
                    said(place)

        threads = [threading.Thread(target=write, args=each) for each in enumerate(lines)]
        for thread in threads:
            thread.start()
        _join(threads)
        outcome.deadlocks = deadlocks(db) - before
        if not outcome.faults:
            for edition in table.editions:
                assert_proven(game, edition)
                game.close(edition)
                game.freeze(edition)
                assert_proven(game, edition)
            db.commit()
    return outcome


def _answer(call: Callable[[], Any]) -> Answer:
    try:
        return attempt(call)
    except Exception as error:
        return "PYTHON", repr(error)


def _join(threads: Sequence[threading.Thread]) -> None:
    # A long run takes as long as it takes.
    for thread in threads:
        while thread.is_alive():
            thread.join(LIMIT)
    join(*threads)
