"""The made-up people of the demonstration: animals and plants, in leagues named after places of nature."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5

import psycopg

from mpp_supabase.demo.plan import PHONE_LEAGUES, PHONES_PER_LEAGUE, Plan

NAMES: dict[str, list[str]] = json.loads((Path(__file__).parent / "names.json").read_text(encoding="utf-8"))
_TEAMS = ("Les Bourgeons", "Les Racines")
_ACCOUNTS = UUID("5b0f7c5e-6d3c-4f0e-9a55-0d2c4c1f7a10")
_CATEGORIES = ("friends", "family", "colleagues", "colleagues", "neighbours", "students", "association")
_POSTCODES = (
    "75011",
    "69003",
    "13006",
    "31000",
    "44000",
    "67000",
    "33000",
    "59800",
    "35000",
    "34000",
    "29200",
    "38000",
)


@dataclass(frozen=True, slots=True)
class Roster:
    """The players that were seated: their ids, league by league."""

    leagues: list[list[Any]]

    @property
    def players(self) -> int:
        """How many players there are."""
        return sum(len(league) for league in self.leagues)


def register_players(
    connection: psycopg.Connection[Any], seed: Path, edition_id: int, plan: Plan, rng: Random
) -> Roster:
    """Create the accounts that are missing, and this edition's leagues, teams and players, in one transaction.

    `seed` is sql/seed/demo.sql. Accounts are demo-N@demo.invalid, kept from one demonstration to the next.
    """
    statements = named_statements(seed)
    phones = PHONE_LEAGUES if plan.leagues > PHONE_LEAGUES else 0
    leagues, count = plan.leagues - phones, plan.players - phones * PHONES_PER_LEAGUE
    league_ids = [_new_id(rng) for _ in range(leagues)]
    sizes = _sizes(count, leagues, rng)
    players = [_new_id(rng) for _ in range(count)]
    emails = [f"demo-{number:06d}@demo.invalid" for number in range(1, count + 1)]
    accounts = [uuid5(_ACCOUNTS, email) for email in emails]
    animals = NAMES["aliases"]
    words = [animals[(number * 7919) % len(animals)] for number in range(count)]
    aliases = [f"{word} {number:05d}" for number, word in enumerate(words, start=1)]
    teams = {league: [_new_id(rng) for _ in _TEAMS] for league in league_ids}
    memberships = [
        (league, teams[league][place % len(_TEAMS)])
        for league, size in zip(league_ids, sizes, strict=True)
        for place in range(size)
    ]
    first_of = list(accumulate(sizes, initial=0))[:-1]
    columns: list[tuple[str, dict[str, Any]]] = [
        ("accounts", {"accounts": accounts, "emails": emails}),
        (
            "profiles",
            {
                "accounts": accounts,
                "first_names": words,
                "aliases": aliases,
                "postcodes": [rng.choice(_POSTCODES) for _ in emails],
                "birth_dates": [date(1958, 1, 1) + timedelta(days=rng.randrange(18_000)) for _ in emails],
            },
        ),
        (
            "leagues",
            {
                "leagues": league_ids,
                "names": league_names(leagues, rng),
                "categories": [rng.choice(_CATEGORIES) for _ in league_ids],
                "listed": [rng.random() > 0.01 for _ in league_ids],
            },
        ),
        ("codes", {"leagues": league_ids}),
        (
            "teams",
            {
                "teams": [team for league in league_ids for team in teams[league]],
                "team_leagues": [league for league in league_ids for _ in _TEAMS],
                "team_names": [name for _ in league_ids for name in _TEAMS],
            },
        ),
        (
            "players",
            {
                "players": players,
                "accounts": accounts,
                "player_leagues": [league for league, _ in memberships],
                "player_teams": [team for _, team in memberships],
                "aliases": aliases,
                "first_names": words,
                "listed": [rng.random() > 0.03 for _ in players],
            },
        ),
        (
            "ambassadors",
            {
                "leagues": league_ids,
                "accounts": [accounts[first] for first in first_of],
                "players": [players[first] for first in first_of],
            },
        ),
    ]
    with connection.transaction():
        for name, values in columns:
            connection.execute(statements[name], {"edition_id": edition_id} | values)
    connection.execute("analyze mpp.profile, mpp.league, mpp.team, mpp.player, mpp.score")
    return Roster([players[first : first + size] for first, size in zip(first_of, sizes, strict=True)])


def _new_id(rng: Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


def named_statements(path: Path) -> dict[str, bytes]:
    """Return the statements of a seed file by the name in the `-- name:` line above each."""
    found: dict[str, bytes] = {}
    for part in path.read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, statement = part.partition("\n")
        found[name.strip()] = statement.strip().encode()
    return found


def league_names(count: int, rng: Random) -> list[str]:
    """Return `count` different names, such as "Les Colibris du Grand Chêne 2"."""
    plain = [f"Les {group} {place}" for group in NAMES["groups"] for place in NAMES["places"]]
    rng.shuffle(plain)
    rounds = -(-count // len(plain))
    return [name if turn == 1 else f"{name} {turn}" for turn in range(1, rounds + 1) for name in plain][:count]


def _sizes(players: int, leagues: int, rng: Random) -> list[int]:
    """Players of each league: 16 to 24 around the mean, adding up exactly."""
    sizes = [players // leagues] * leagues
    for index in range(players - sum(sizes)):
        sizes[index] += 1
    for _ in range(leagues * 2):
        giver, taker = rng.randrange(leagues), rng.randrange(leagues)
        if sizes[giver] > 16 and sizes[taker] < 24:
            sizes[giver] -= 1
            sizes[taker] += 1
    return sizes
