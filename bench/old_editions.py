"""What old editions cost the one that is played: `python -m bench.old_editions`.

Two databases hold the same running edition. One has nothing else, the other the ledgers, scores and counts of many old,
frozen editions as well. Everything is measured in turn on both; times are medians. The copies of an edition are rows
with other ids, written without triggers.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg

from supabase_embedded import PostgresServer
from tests.support.game import HOUR, Edition, Game, Person, commit_cards
from tests.support.loaded_postgres import copy_database, loaded_postgres

LEAGUES = 200
EACH = 20

#: Accounts that play, league by league; returns the ids of their players.
PLAYERS = """
with account as (
    insert into auth.users (id, email, created_at, email_confirmed_at)
    select gen_random_uuid(), 'player-' || n || '@bench.invalid', private.clock(), private.clock()
    from generate_series(1, %(leagues)s * %(each)s) n
    returning id
), profile as (
    insert into mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)
    select id, 'P', 'P', 'P', 'FR', '75011', '1990-01-01' from account
    returning id
), league as (
    insert into mpp.league (edition_id, name, category)
    select %(edition)s, 'League ' || n, 'friends' from generate_series(1, %(leagues)s) n
    returning id
), team as (
    insert into mpp.team (league_id, edition_id, name)
    select l.id, %(edition)s, 'Team ' || n from league l cross join generate_series(1, 2) n
    returning id, league_id
)
insert into mpp.player (edition_id, account_id, league_id, team_id, alias, first_name)
select %(edition)s, p.id, t.league_id, t.id, 'P', 'P'
from (select id, row_number() over () - 1 as n from profile) p
join (select id, league_id, row_number() over (order by league_id, id) - 1 as n from team) t
    on t.n = p.n / (%(each)s / 2)
returning id
"""

#: The tables of an edition, and what of a row differs in a copy. Each id becomes another, the same everywhere.
_COPIED = {
    "league": ("id",),
    "team": ("id", "league_id"),
    "player": ("id", "league_id", "team_id"),
    "score": ("subject_id",),
    "score_count": (),
    "validation": ("id", "player_id", "team_id", "league_id"),
}


def main() -> None:
    """Build both databases, measure, and print a line for each measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=int, default=50, help="how many old editions")
    parser.add_argument("--validations", type=int, default=60_000, help="of each edition")
    parser.add_argument("--stale", action="store_true", help="leave the planner the statistics of before the copies")
    options = parser.parse_args()
    with loaded_postgres() as server:
        build(server, options.validations)
        copy_database(server, "one")
        with server.connect("supabase_admin", "postgres") as db:
            for number in range(options.old):
                copy_edition(db, number)
                print(f"\r{number + 1} old editions", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
        for name in ("one", "postgres"):
            with server.connect("supabase_admin", name) as db:
                db.execute("checkpoint" if options.stale else "vacuum (analyze)")
                db.execute("vacuum" if options.stale else "checkpoint")
        for result in measure(server):
            print(result, flush=True)


def build(server: PostgresServer, validations: int) -> None:
    """One running edition with so many validations by 4,000 players in 200 leagues."""
    commit_cards(server.url())
    with psycopg.connect(server.url()) as db:
        game = Game(db)
        edition = game.edition(code="played", league_max_players=EACH)
        players = [row[0] for row in db.execute(PLAYERS, {"edition": edition.id, "leagues": LEAGUES, "each": EACH})]
        for first in range(0, validations, 20_000):
            part = range(first, min(first + 20_000, validations))
            game.service.call(
                "import_validations", edition_code="played", player_ids=[players[n % len(players)] for n in part],
                challenge_ids=[edition.challenges["t-soup"]] * len(part),
                done_at=[edition.starts_at + HOUR * (n // len(players)) for n in part],
                request_keys=[uuid4() for _ in part],
            )  # fmt: skip


def copy_edition(db: psycopg.Connection[Any], number: int) -> None:
    """Copy edition `played` as an old one that is frozen."""
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        (old, new) = db.execute(
            "insert into mpp.edition (code, audience, title, time_zone, starts_at, ends_at, registration_closes_at,"
            " ranking_basis, league_min_players, league_max_players, teams_per_league, opened_at, frozen_at, seal)"
            " select %s, audience, title, time_zone, starts_at - interval '300 days', ends_at - interval '300 days',"
            " registration_closes_at - interval '300 days', ranking_basis, league_min_players, league_max_players,"
            " teams_per_league, opened_at, starts_at - interval '200 days', '-' from mpp.edition where code = 'played'"
            " returning (select id from mpp.edition where code = 'played'), id",
            (f"old-{number}",),
        ).fetchone() or (0, 0)
        db.execute(
            "insert into mpp.edition_challenge (id, edition_id, challenge_id, kind, points)"
            " select 1000000 + %(new)s * 1000 + row_number() over (order by id), %(new)s, challenge_id, kind, points"
            " from mpp.edition_challenge where edition_id = %(old)s and kind in ('standard', 'malus')",
            {"old": old, "new": new},
        )
        for table, ids in _COPIED.items():
            columns = [
                name
                for (name,) in db.execute(
                    "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
                    " and not attisdropped and attgenerated = ''",
                    (f"mpp.{table}",),
                )
            ]
            other = {name: f"md5(t.{name}::text || '/{number}')::uuid" for name in ids} | {"edition_id": str(new)}
            if table == "validation":
                other["challenge_id"] = (
                    "(select n.id from mpp.edition_challenge n join mpp.edition_challenge o using (challenge_id)"
                    f" where o.id = t.challenge_id and n.edition_id = {new})"
                )
            if table == "player":
                other["account_id"] = "null::uuid"
            db.execute(
                f"insert into mpp.{table} ({', '.join(columns)})"
                f" select {', '.join(other.get(name, f't.{name}') for name in columns)} from mpp.{table} t"
                f" where t.edition_id = {old}"
            )
        db.execute("update mpp.edition set seal = private.seal_of(id) where id = %s", (new,))


def measure(server: PostgresServer) -> Iterator[str]:
    """Do the same on both, in turn; yield a line for each thing that is done."""
    games = [Game(server.connect("postgres", name)) for name in ("one", "postgres")]
    players = games[0].rows(
        "select p.id, p.account_id, e.id as edition, (select c.id from mpp.edition_challenge c join mpp.challenge k"
        " on k.id = c.challenge_id where c.edition_id = e.id and k.code = 't-plane') as card"
        " from mpp.player p join mpp.edition e on e.id = p.edition_id and e.code = 'played' order by p.id"
    )
    edition, card = players[0]["edition"], players[0]["card"]
    turn = itertools.count()

    def person(game: Game) -> tuple[Person, Any]:
        row = players[next(turn) // 2 % len(players)]
        return Person(game.db, "authenticated", row["account_id"], is_anonymous=False), row["id"]

    def validate(game: Game) -> object:
        somebody, player = person(game)
        return somebody.call("validate_challenge", player_id=player, challenge_id=card, request_key=uuid4())

    measures: dict[str, tuple[int, Callable[[Game], object]]] = {
        "validate": (400, validate),
        "rank": (400, lambda game: person(game)[0].table("my_rank", edition_id=edition)),
        "page": (200, lambda game: game.anon.table("ranking_page", edition_id=edition)),
        "statistics": (50, lambda game: game.service.view("edition_statistics", code="played")),
        "verify": (5, lambda game: game.faults(_edition(game))),
        "close": (1, lambda game: game.service.call("close_edition", edition_code="played", reason="over")),
        "freeze": (1, lambda game: game.service.call("freeze_edition", edition_code="played")),
        "verify, frozen": (5, lambda game: game.faults(_edition(game))),
        "page, frozen": (200, lambda game: game.anon.table("ranking_page", edition_id=edition)),
    }
    for name, (rounds, work) in measures.items():
        times: list[list[float]] = [[], []]
        for game in games if rounds > 1 else ():
            work(game)
        for _ in range(rounds):
            for game, taken in zip(games, times, strict=True):
                began = time.perf_counter()
                assert work(game) != [] or name.startswith("verify")
                taken.append(1000 * (time.perf_counter() - began))
        alone, among = map(statistics.median, times)
        yield f"{name:16} alone {alone:9.2f} ms   among old ones {among:9.2f} ms   {among / alone:5.2f}"


def _edition(game: Game) -> Edition:
    return Edition(0, "played", game.now, game.now)


if __name__ == "__main__":
    main()
