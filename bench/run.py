"""The speeds this project promises, each as a ratio measured in one run: `make bench`.

Times are medians. What is compared runs in turn on this machine, over loopback connections from one Python process
(or from as many processes as there are writers), so that both sides pay for the same client. Redis is used where
`redis-server` is installed. Results go to bench/results.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from bench.durations import durations
from mpp_supabase import clock
from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, Stack, StackStatus

HERE = Path(__file__).parent
BARE = "mpp_bench.bare"
CARDS = 300


def main() -> None:
    """Run the benchmarks that were asked for (all by default) and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, default=1_000_000, help="size of the large edition")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long writers write")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="mpp-bench-"))
    stack = Stack(stack_settings(home=home), Ports.free())
    try:
        status = stack.start(lambda line: print(f"· {line}", flush=True))
        results = list(measure(status, options.players, options.seconds))
    finally:
        stack.reset()
        shutil.rmtree(home, ignore_errors=True)
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measure(status: StackStatus, players: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield one result after another: what, ours, theirs, ratio, goal."""
    with psycopg.connect(status.db_url, autocommit=True) as db:
        small = make_edition(db, "bench-small", 20_000)
        large = make_edition(db, "bench-large", players)
        yield from ranks(status, db, small, large, players)
        yield from writers(status, db, seconds)
        yield load(db)
        yield freeze(db, large)
    yield from durations()


def make_edition(db: psycopg.Connection[Any], code: str, players: int) -> int:
    """An edition that runs now with open challenges, and `players` scores spread as at the end of three weeks."""
    text = {"fr": code, "en": code}
    card = {
        "kind": "standard",
        "theme": "bench",
        "points": 2,
        "repeat": None,
        "proof": False,
        "quorum": None,
        "factor": None,
        "window": None,
        "secret": None,
        "goals": [],
        "title": text,
        "description": text,
    }
    document = {
        "edition": {
            "code": code,
            "audience": "public",
            "title": text,
            "time_zone": "Europe/Paris",
            "organisation": None,
            **dict(zip(("starts_at", "ends_at", "registration_closes_at"), _three_weeks(), strict=True)),
        },
        "rules": {
            "league_size": {"min": 6, "max": 1000},
            "teams_per_league": 2,
            "ranking": "total",
            "unlock_guesses_per_hour": 10,
        },
        "themes": [{"code": "bench", "title": {"fr": "Mesure", "en": "Bench"}}],
        # So many because each counts fifty times a day, and the writers of the bench do nothing else.
        "challenges": [{**card, "code": f"bench-card-{number}"} for number in range(CARDS)],
    }
    db.execute("select api.apply_edition(%s)", (json.dumps(document),))
    db.execute("select api.open_edition(%s)", (code,))
    edition = _one(db, "select id from mpp.edition where code = %s", code)
    db.execute(
        """
        insert into mpp.score
            (subject_id, edition_id, scope, label, league_label, points, value, tie_order, listed, is_public)
        select gen_random_uuid(), %s, 'player', 'Player ' || n, 'League ' || n / 20,
            p.points, p.points, (random() * 1e9)::bigint, true, true
        from (
            select n, least(320, (-40 * ln(1 - random())))::integer as points from generate_series(1, %s) n
        ) p
        """,
        (edition, players - 1),
    )
    # One of them is a person who asks for their rank.
    account = _one(
        db, "insert into auth.users (id, email) values (gen_random_uuid(), %s) returning id", f"{code}@bench.invalid"
    )
    db.execute(
        "insert into mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)"
        " values (%s, 'Bench', 'Bench', 'Bench', 'FR', '75011', '1990-01-01')",
        (account,),
    )
    player = _one(
        db,
        "insert into mpp.player (edition_id, account_id, alias, first_name)"
        " values (%s, %s, 'Bench', 'Bench') returning id",
        edition,
        account,
    )
    db.execute("update mpp.score set points = 40, value = 40 where subject_id = %s", (player,))
    db.execute("select private.fold_scores(%s)", (edition,))
    # A crowd at one value would make every rank and page cheaper than it is.
    levels = _one(db, "select count(distinct value) from mpp.score where edition_id = %s and scope = 'player'", edition)
    assert players < 1_000 or levels > 100, f"{players} players stand at {levels} values"
    db.execute("vacuum analyze mpp.score, mpp.score_count, mpp.score_delta")
    return int(edition)


def ranks(
    status: StackStatus, db: psycopg.Connection[Any], small: int, large: int, players: int
) -> Iterator[dict[str, Any]]:
    """Reading: one's own rank, and the top of the ranking, beside Redis and beside a small edition."""
    top = (
        "select rank, subject_id, label, league_label, points from api.player_ranking"
        " where edition_id = %s order by value desc, tie_order, subject_id limit 50"
    )
    with _as(status, db, small) as me_small, _as(status, db, large) as me_large, _redis(db, large) as redis:
        rank = "select rank, points from api.my_rank(%s, 'player', 0)"
        ours = _turns(
            lambda: me_large.execute(rank, (large,), prepare=True).fetchall(),
            lambda: me_small.execute(rank, (small,), prepare=True).fetchall(),
            *([redis.rank] if redis else []),
        )
        yield _result(f"my rank: {players:,} players against 20,000", ours[0], ours[1], "≤ 1.3")
        if redis:
            yield _result(
                f"my rank and score, {players:,} players, against Redis ZREVRANK + ZSCORE", ours[0], ours[2], "≤ 1.0"
            )
        with psycopg.connect(status.db_url) as anon, psycopg.connect(status.db_url) as service:
            anon.execute("set role anon")
            service.execute("set role service_role")
            tops = _turns(
                lambda: anon.execute(top, (large,), prepare=True).fetchall(),
                lambda: service.execute(top, (large,), prepare=True).fetchall(),
                *([redis.top] if redis else []),
            )
            yield _result("top 50 as anon, against the service role", tops[0], tops[1], "≤ 1.2")
            if redis:
                yield _result("top 50 as anon, against Redis ZREVRANGE … WITHSCORES", tops[0], tops[2], "≤ 0.5")


def writers(status: StackStatus, db: psycopg.Connection[Any], seconds: float) -> Iterator[dict[str, Any]]:
    """Writing: validations per second against bare inserts into an indexed table, at the opening of an edition."""
    edition = make_edition(db, "bench-writers", 1)
    db.execute("create schema mpp_bench")
    db.execute(f"create table {BARE} (like mpp.validation including defaults)")
    db.execute(f"alter table {BARE} add primary key (id)")
    for columns in ("player_id, challenge_id", "league_id, validated_at", "challenge_id"):
        db.execute(f"create index on {BARE} ({columns})")
    people = make_players(db, edition, leagues=64, each=10)
    challenges = _challenges(db, edition)
    for count in (8, 32):
        spread = [people[number % len(people)] for number in range(0, count * 10, 10)]
        ours = _rate(status.db_url, "validate", spread, edition, challenges, seconds)
        bare = _rate(status.db_url, "bare", spread, edition, challenges, seconds)
        yield _result(
            f"validate_challenge, {count} writers in {count} leagues, against bare inserts (per second)",
            ours,
            bare,
            "≥ 0.5",
            "per_second",
        )
    crowd = people[:8]
    ours = _rate(status.db_url, "validate", crowd, edition, challenges, seconds)
    bare = _rate(status.db_url, "bare", crowd, edition, challenges, seconds)
    yield _result(
        "validate_challenge, 8 writers in one league, against bare inserts (per second)",
        ours,
        bare,
        "none: a league has 24 players",
        "per_second",
    )


def make_players(db: psycopg.Connection[Any], edition: int, leagues: int, each: int) -> list[tuple[Any, Any]]:
    """Accounts that play: (account, player), league by league."""
    return db.execute(
        """
        with account as (
            insert into auth.users (id, email)
            select gen_random_uuid(), 'writer-' || n || '@bench.invalid' from generate_series(1, %(people)s) n
            returning id
        ), profile as (
            insert into mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)
            select id, 'W', 'W', 'W', 'FR', '75011', '1990-01-01' from account
            returning id
        ), league as (
            insert into mpp.league (edition_id, name, category)
            select %(edition)s, 'Bench ' || n, 'friends' from generate_series(1, %(leagues)s) n
            returning id
        ), team as (
            insert into mpp.team (league_id, edition_id, name)
            select id, %(edition)s, 'T' from league
            returning id, league_id
        )
        insert into mpp.player (edition_id, account_id, league_id, team_id, alias, first_name)
        select %(edition)s, p.id, t.league_id, t.id, 'W', 'W'
        from (select id, row_number() over () - 1 as n from profile) p
        join (select id, league_id, row_number() over () - 1 as n from team) t on t.n = p.n / %(each)s
        returning account_id, id
        """,
        {"edition": edition, "people": leagues * each, "leagues": leagues, "each": each},
    ).fetchall()


def load(db: psycopg.Connection[Any]) -> dict[str, Any]:
    """Loading 300,000 validations with their scores against COPY of the same rows into a bare table."""
    edition = make_edition(db, "bench-load", 1)
    db.execute("update auth.users set email = 'earlier-' || email where email like 'writer-%%'")
    people = [(player,) for _, player in make_players(db, edition, leagues=1_000, each=20)]
    challenge = _challenges(db, edition)[0]
    keys = [uuid4() for _ in range(300_000)]
    start = _one(db, "select starts_at from mpp.edition where id = %s", edition)
    began = time.perf_counter()
    for first in range(0, len(keys), 30_000):
        part = keys[first : first + 30_000]
        players = [people[(first + n) // 15 % len(people)][0] for n in range(len(part))]
        db.execute(
            "select api.import_validations('bench-load', %s, %s, %s, %s)",
            (players, [challenge] * len(part), [start] * len(part), part),
        )
    ours = time.perf_counter() - began
    db.execute("create table mpp_bench.copied (like mpp.validation)")
    rows = db.execute("select * from mpp.validation where edition_id = %s", (edition,)).fetchall()
    began = time.perf_counter()
    with db.cursor().copy("copy mpp_bench.copied from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    return _result(
        "loading 300,000 validations with scores, against COPY into a bare table",
        ours,
        time.perf_counter() - began,
        "≤ 3",
    )


def freeze(db: psycopg.Connection[Any], edition: int) -> dict[str, Any]:
    """Freezing a large edition against writing its ranking out once."""
    code = _one(db, "select code from mpp.edition where id = %s", edition)
    db.execute("select api.close_edition(%s, 'bench')", (code,))
    began = time.perf_counter()
    db.execute("select api.freeze_edition(%s)", (code,))
    ours = time.perf_counter() - began
    began = time.perf_counter()
    db.execute(
        "create table mpp_bench.standing as select rank() over (partition by scope order by value desc) as rank, s.*"
        " from mpp.score s where s.edition_id = %s and s.listed",
        (edition,),
    )
    return _result(
        "freezing the large edition, against one `create table as` of its ranking",
        ours,
        time.perf_counter() - began,
        "≤ 2",
    )


def _challenges(db: psycopg.Connection[Any], edition: int) -> list[int]:
    return [row[0] for row in db.execute("select id from mpp.edition_challenge where edition_id = %s", (edition,))]


def _rate(
    url: str, what: str, people: list[tuple[Any, Any]], edition: int, challenges: list[int], seconds: float
) -> float:
    """Commits per second of as many processes as there are people, each on its own connection."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(people) + 1)
    counts = context.Queue()
    work = [
        context.Process(target=_write, args=(url, what, account, player, edition, challenges, seconds, barrier, counts))
        for account, player in people
    ]
    for process in work:
        process.start()
    barrier.wait()
    total = sum(counts.get() for _ in work)
    for process in work:
        process.join()
    return total / seconds


def _write(
    url: str,
    what: str,
    account: Any,
    player: Any,
    edition: int,
    challenges: list[int],
    seconds: float,
    barrier: Any,
    counts: Any,
) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        league, team = db.execute("select league_id, team_id from mpp.player where id = %s", (player,)).fetchone() or (
            None,
            None,
        )
        if what == "validate":
            _become(db, account)
            statement = "select state from api.validate_challenge(%s, %s, %s)"
        else:
            statement = (
                f"insert into {BARE} (player_id, challenge_id, id, edition_id, team_id, league_id, points, state)"
                " values (%s, %s, %s, %s, %s, %s, 2, 'credited')"
            )
        tail = () if what == "validate" else (edition, team, league)
        done = 0
        db.execute(statement, (player, random.choice(challenges), uuid4(), *tail), prepare=True)
        barrier.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            db.execute(statement, (player, random.choice(challenges), uuid4(), *tail), prepare=True)
            done += 1
        counts.put(done)


class _Redis:
    def __init__(self, client: Any, member: str) -> None:
        self._client, self._member = client, member

    def rank(self) -> None:
        self._client.zrevrank("ranking", self._member)
        self._client.zscore("ranking", self._member)

    def top(self) -> None:
        self._client.zrevrange("ranking", 0, 49, withscores=True)


@contextlib.contextmanager
def _redis(db: psycopg.Connection[Any], edition: int) -> Iterator[_Redis | None]:
    """A Redis of its own with the same scores, when the machine has one and its client."""
    server = shutil.which("redis-server")
    try:
        import redis
    except ImportError:
        server = None
    if server is None:
        print("· Redis is not compared: it needs redis-server and the Python package redis", flush=True)
        yield None
        return
    port = Ports.free().smtp
    process = subprocess.Popen(
        [
            server,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            tempfile.gettempdir(),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        client = redis.Redis(port=port)
        _until(client.ping)
        member = ""
        with db.cursor(name="scores", withhold=True) as rows:
            rows.execute("select subject_id::text, points from mpp.score where edition_id = %s and listed", (edition,))
            while part := rows.fetchmany(20_000):
                client.zadd("ranking", dict(part))
                member = part[-1][0]
        yield _Redis(client, member)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _as(status: StackStatus, db: psycopg.Connection[Any], edition: int) -> Iterator[psycopg.Connection[Any]]:
    account = _one(
        db, "select account_id from mpp.player where edition_id = %s and account_id is not null limit 1", edition
    )
    with psycopg.connect(status.db_url, autocommit=True) as me:
        _become(me, account)
        yield me


def _become(db: psycopg.Connection[Any], account: Any) -> None:
    db.execute(
        "select set_config('request.jwt.claims', %s, false)",
        (json.dumps({"sub": str(account), "role": "authenticated"}),),
    )
    db.execute("set role authenticated")


def _turns(*work: Callable[[], object], rounds: int = 400) -> list[float]:
    """Median seconds of each, measured in turn so that a busy moment falls on all of them."""
    for each in work:
        for _ in range(20):
            each()
    times: list[list[float]] = [[] for _ in work]
    for _ in range(rounds):
        for number, each in enumerate(work):
            began = time.perf_counter()
            each()
            times[number].append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in times]


def _until(ready: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            ready()
            return
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _result(what: str, ours: float, theirs: float, goal: str, unit: str = "seconds") -> dict[str, Any]:
    ratio = ours / theirs
    shown = (
        f"{ours:,.0f}/s against {theirs:,.0f}/s"
        if unit == "per_second"
        else f"{ours * 1000:,.3f} ms against {theirs * 1000:,.3f} ms"
    )
    print(f"{ratio:8.2f} ×  (goal {goal})  {what}: {shown}", flush=True)
    return {"what": what, "ours": ours, "theirs": theirs, "unit": unit, "ratio": round(ratio, 3), "goal": goal}


def _three_weeks() -> tuple[str, str, str]:
    from datetime import timedelta

    start = clock.now() - timedelta(hours=1)
    end = (start + timedelta(days=21)).isoformat()
    return start.isoformat(), end, end


def _one(db: psycopg.Connection[Any], query: str, *arguments: Any) -> Any:
    row = db.execute(query, arguments).fetchone()
    assert row is not None
    return row[0]


if __name__ == "__main__":
    main()
