"""From an edition file to a frozen, proven ranking, on a local stack."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
from pydantic import SecretStr

from mpp_supabase import clock
from mpp_supabase.client import MPP
from mpp_supabase.config import Settings
from mpp_supabase.demo.habits import Card, Columns, days_of_play
from mpp_supabase.demo.people import register_players
from mpp_supabase.demo.phones import use_phones
from mpp_supabase.demo.plan import (
    PHONE_LEAGUES,
    PHONES_PER_LEAGUE,
    ClientOutcome,
    Outcome,
    Plan,
    Progress,
    SchoolOutcome,
)
from mpp_supabase.demo.report import write_report
from mpp_supabase.files.edition_file import read_edition_file
from mpp_supabase.models import Neighbour

DAYS_PLAYED = 19
_IMPORT_ROWS = 20_000


def play(env: Mapping[str, str], files: Path, reports: Path, plan: Plan, on_progress: Progress) -> Outcome:
    """Play one edition and return what it came to.

    `env` holds the names of `mpp stack status --json` (API_URL, keys, DB_URL); `files` is the project's folder with
    catalogue/ and sql/; the report is written under `reports`. Each call makes an edition of its own, demo-DATE-TIME,
    and keeps the accounts of earlier ones. Raises the errors of mpp_supabase.
    """
    now = clock.now()
    code = f"demo-{now:%Y%m%d-%H%M%S}"
    rng = Random(code)
    outcome = Outcome(code, reports / f"{code}.html")
    document = moved_edition(files / "catalogue" / "adult-2026-09.yaml", code, now)
    settings = Settings(
        url=env["API_URL"], publishable_key=SecretStr(env["PUBLISHABLE_KEY"]), secret_key=SecretStr(env["SECRET_KEY"])
    )
    # Nothing is prepared: a pooler in transaction mode would not find it again.
    with (
        MPP.connect(settings) as mpp,
        psycopg.connect(env["DB_URL"], autocommit=True, prepare_threshold=None) as connection,
        httpx.Client(timeout=30) as http,
    ):
        with timed(outcome, "set up"):
            on_progress("Applying the edition", 0, 1)
            mpp.editions.apply(document)
            mpp.editions.open(code)
            edition = mpp.editions.get(code)
            cards = _cards(connection, edition.id)
            on_progress("Applying the edition", 1, 1)
        with timed(outcome, "sign up in bulk"):
            on_progress("Making leagues and players", 0, 1)
            roster = register_players(connection, files / "sql" / "seed" / "demo.sql", edition.id, plan, rng)
            on_progress("Making leagues and players", 1, 1)

        phone_count = PHONE_LEAGUES * PHONES_PER_LEAGUE
        with timed(outcome, "phones over HTTP"):
            done = 0

            def advance(step: int) -> None:
                nonlocal done
                done += step
                on_progress("Phones sign up, join and play over HTTP", done, phone_count)

            on_progress("Phones sign up, join and play over HTTP", 0, phone_count)
            phones = use_phones(env, http, edition.id, cards, code.removeprefix("demo-"), rng, advance)
            outcome.refusals = dict(phones.refusals)

        with timed(outcome, "play in bulk"):
            zone = ZoneInfo(edition.time_zone)
            total = plan.validations - phones.validations
            outcome.validations = phones.validations
            # Two loaders, each with leagues of its own: no league waits for the other loader's locks.
            shares = [(roster.leagues[0::2], total // 2), (roster.leagues[1::2], total - total // 2)]
            played = [
                days_of_play(leagues, cards, edition.starts_at, now, zone, share, rng) for leagues, share in shares
            ]
            count = max(len(days) for days in played)
            with (
                psycopg.connect(env["DB_URL"], autocommit=True, prepare_threshold=None) as second,
                ThreadPoolExecutor(len(played)) as loaders,
            ):
                for number in range(count):
                    loads = [
                        loaders.submit(_load, own, code, days[number])
                        for own, days in zip((connection, second), played, strict=True)
                        if number < len(days)
                    ]
                    outcome.validations += sum(load.result() for load in loads)
                    on_progress(f"Day {number + 1} of {count}", outcome.validations - phones.validations, total)
                    if number == 0:
                        # A bulk load outruns autovacuum: without figures the planner walks whole tables.
                        connection.execute("analyze mpp.validation, mpp.score")

        with timed(outcome, "proof"):
            if phones.one is not None:
                rows = phones.one.rpc("my_rank", {"edition_id": edition.id, "neighbours": 3}, get=True).execute().data
                outcome.one_player = [Neighbour.model_validate(row) for row in rows]  # type: ignore[union-attr]
            on_progress("Freezing", 0, 1)
            mpp.editions.close(code, "End of the demonstration")
            mpp.editions.freeze(code)
            on_progress("Freezing", 1, 1)
            on_progress("Proving every score", 0, 1)
            outcome.mismatches = mpp.editions.verify(code)
            on_progress("Proving every score", 1, 1)

        outcome.players = list(mpp.rankings.page(edition.id, "player", 10).rows)
        outcome.leagues = list(mpp.rankings.page(edition.id, "league", 10).rows)
        outcome.statistics = mpp.editions.statistics(edition.id)
        daily = connection.execute(DAILY, (edition.time_zone, edition.id)).fetchall()
        themes = connection.execute(THEMES, (edition.id,)).fetchall()
        write_report(outcome, daily, themes)
    return outcome


def moved_edition(path: Path, code: str, now: datetime) -> dict[str, Any]:
    """Return the document of an edition file, moved by whole days so that it is on its 20th day at `now`.

    Times keep their place on the wall clock. Joining stays possible to the end, so that phones can play.
    """
    document = read_edition_file(path).document
    head = document["edition"]
    zone = ZoneInfo(head["time_zone"])
    first = datetime.fromisoformat(head["starts_at"]).astimezone(zone)
    shift = (now.astimezone(zone).date() - timedelta(days=DAYS_PLAYED)) - first.date()

    def moved(at: str) -> str:
        local = datetime.fromisoformat(at).astimezone(zone).replace(tzinfo=None) + shift
        return local.replace(tzinfo=zone).isoformat()

    for key in ("starts_at", "ends_at"):
        head[key] = moved(head[key])
    head["registration_closes_at"] = head["ends_at"]
    head["code"] = code
    head["title"] = {"fr": f"Démonstration {now:%d/%m/%Y}", "en": f"Demonstration of {now:%d %B %Y}"}
    for challenge in document["challenges"]:
        if challenge["window"]:
            challenge["window"] = {edge: moved(at) for edge, at in challenge["window"].items()}
    return document


def _load(connection: psycopg.Connection[Any], code: str, day: Columns) -> int:
    done = 0
    for start in range(0, len(day), _IMPORT_ROWS):
        part = slice(start, start + _IMPORT_ROWS)
        row = connection.execute(
            "select api.import_validations(%s, %s, %s, %s, %s)",
            (code, day.players[part], day.challenges[part], day.done_at[part], day.keys[part]),
        ).fetchone()
        done += int(row[0]) if row else 0
    return done


def _cards(connection: psycopg.Connection[Any], edition_id: int) -> list[Card]:
    rows = connection.execute(
        "select id, kind::text, points, repeat_limit, opens_at, closes_at from api.challenges"
        " where edition_id = %s order by code",
        (edition_id,),
    )
    return [Card(*row) for row in rows]


@contextmanager
def timed(outcome: Outcome | SchoolOutcome | ClientOutcome, stage: str) -> Iterator[None]:
    """Note how many seconds the block took."""
    start = time.perf_counter()
    yield
    outcome.seconds[stage] = time.perf_counter() - start


DAILY = """
    select (v.validated_at at time zone %s)::date as day, count(*) as validations, sum(v.points) as points
    from mpp.validation v
    where v.edition_id = %s and v.state = 'credited'
    group by 1
    order by 1
"""
THEMES = """
    select t.name ->> 'en' as theme, count(*) as validations
    from mpp.validation v
    join mpp.edition_challenge c on c.id = v.challenge_id
    join mpp.challenge k on k.id = c.challenge_id
    join mpp.theme t on t.code = k.theme
    where v.edition_id = %s and v.state = 'credited'
    group by 1
    order by validations desc
"""
