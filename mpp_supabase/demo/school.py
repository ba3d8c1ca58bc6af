"""A school edition on a local stack: the directory, 650 classes and their sheets, rankings proven a second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import psycopg
from pydantic import SecretStr

from mpp_supabase import clock
from mpp_supabase.client import MPP
from mpp_supabase.config import Settings
from mpp_supabase.demo.classes import Classroom, enrol, hire, open_classes, schools_of
from mpp_supabase.demo.habits import Card
from mpp_supabase.demo.lessons import sheets_of
from mpp_supabase.demo.plan import FAMILIES_PER_CLASS, LEVELS, Progress, SchoolOutcome, SchoolPlan
from mpp_supabase.demo.play import DAILY, THEMES, moved_edition, timed
from mpp_supabase.demo.report import write_school_report
from mpp_supabase.demo.school_phones import Seen, use_school_phones
from mpp_supabase.demo.school_proof import Proof, Ranked, class_facts, rank_classes, rank_schools
from mpp_supabase.models import ClassStanding, Edition, Neighbour, SchoolStanding

_LOADERS = 2
_CHOSEN = 24
_LOOKED_AT = (5, 40)
"""After so many classes the tables are analysed: a load outruns autovacuum, and plans for empty tables are slow."""
_CHOOSES = 0.2
"""Share of the classes whose teacher chose some challenges of the level."""


def play_school(
    env: Mapping[str, str], files: Path, reports: Path, plan: SchoolPlan, on_progress: Progress
) -> SchoolOutcome:
    """Play one school edition and return what it came to.

    Arguments are those of play. Each call makes an edition of its own, school-demo-DATE-TIME, with a folder of its own
    under `reports`, and keeps schools and teachers of earlier ones. Raises the errors of mpp_supabase.
    """
    now = clock.now()
    code = f"school-demo-{now:%Y%m%d-%H%M%S}"
    rng = Random(code)
    outcome = SchoolOutcome(code, reports / code / "report.html")
    outcome.report.parent.mkdir(parents=True, exist_ok=True)
    document = moved_edition(files / "catalogue" / "school-2026-11.yaml", code, now)
    directory = files / "catalogue" / "directory-sample.csv"
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
            stage = "Loading the directory of schools"
            outcome.directory = mpp.schools.import_directory(
                directory, on_progress=lambda done, lines: on_progress(stage, done, lines)
            ).schools
            on_progress("Applying the edition", 0, 1)
            mpp.editions.apply(document)
            mpp.editions.open(code)
            edition = mpp.editions.get(code)
            on_progress("Applying the edition", 1, 1)

        with timed(outcome, "classes in bulk"):
            term = enrol(schools_of(connection, directory), plan, rng)
            teachers = hire(connection, files / "sql" / "seed" / "demo.sql", len(term.staff), rng)
            opened = _counter(on_progress, "Making classes, and pupils in them", len(term.staff))
            shares = _shares(list(zip(term.staff, teachers, strict=True)))
            seeds = [Random(rng.getrandbits(64)) for _ in shares]
            _each(
                env,
                shares,
                lambda own, share, number: open_classes(own, edition.id, share, seeds[number], lambda: opened(1)),
            )
            connection.execute("analyze mpp.player, mpp.league, mpp.team, mpp.score")

        with timed(outcome, "phones over HTTP"):
            count = len(term.phones) * (1 + FAMILIES_PER_CLASS)
            advance = _counter(on_progress, "Teachers and families by phone, over HTTP", count)
            stamp = code.removeprefix("school-demo-")
            phones = use_school_phones(env, http, edition.id, term.phones, stamp, rng, lambda: advance(1))
            outcome.validations, outcome.whole_class = phones.validations, phones.whole_class
            outcome.refusals = dict(phones.refusals)

        with timed(outcome, "sheets in bulk"):
            _fill(env, edition, term.staff, cards_by_level(connection, edition.id), now, rng, outcome, on_progress)

        with timed(outcome, "one class on paper"):
            on_progress("Spreadsheets, out and in again", 0, 1)
            (best, *_) = cast("Sequence[ClassStanding]", mpp.rankings.page(edition.id, "class", 1).rows)
            _papers(mpp, best, outcome)
            on_progress("Spreadsheets, out and in again", 1, 1)

        with timed(outcome, "freeze and proof"):
            on_progress("Freezing", 0, 1)
            mpp.editions.close(code, "End of the demonstration")
            mpp.editions.freeze(code)
            on_progress("Freezing", 1, 1)
            on_progress("Proving every score", 0, 1)
            outcome.mismatches = mpp.editions.verify(code)
            on_progress("Proving every score", 1, 1)
            on_progress("Ranking again from the ledger", 0, 1)
            outcome.proof = prove(mpp, connection, edition)
            on_progress("Ranking again from the ledger", 1, 1)

        with timed(outcome, "diplomas"):
            on_progress("Diplomas of a class", 0, 1)
            outcome.papers.append(outcome.report.parent / "diplomas.pdf")
            mpp.classes.write_diplomas(best.subject_id, outcome.papers[-1])
            on_progress("Diplomas of a class", 1, 1)

        outcome.teacher = [Neighbour.model_validate(row) for row in phones.around()]
        if phones.look is not None:
            _as_family(phones.look(), outcome)
        outcome.classes = _standings(mpp, edition.id, 10)
        outcome.levels = {level: _standings(mpp, edition.id, 3, level) for level in LEVELS}
        outcome.schools = cast("list[SchoolStanding]", list(mpp.rankings.page(edition.id, "school", 10).rows))
        outcome.statistics = mpp.editions.statistics(edition.id)
        daily = connection.execute(DAILY, (edition.time_zone, edition.id)).fetchall()
        themes = connection.execute(THEMES, (edition.id,)).fetchall()
        write_school_report(outcome, daily, themes)
    return outcome


def prove(mpp: MPP, connection: psycopg.Connection[Any], edition: Edition) -> Proof:
    """Rank classes and schools from the ledger, in Python, and compare every line that the API shows."""
    facts, rows = class_facts(connection, edition.id)
    proof = Proof(validations=rows)
    least = edition.league_min_players
    proof.compare("classes", _shown(mpp, edition.id, "class"), rank_classes(facts, least))
    proof.compare("schools", _shown(mpp, edition.id, "school"), rank_schools(facts, least))
    for level in LEVELS:
        shown = _shown(mpp, edition.id, "school", level)
        proof.compare("schools within a level", shown, rank_schools(facts, least, level))
    return proof


def _shown(mpp: MPP, edition_id: int, scope: str, level: str | None = None) -> list[Ranked]:
    return cast("list[Ranked]", list(mpp.rankings.iterate(edition_id, scope, level=level)))


def _standings(mpp: MPP, edition_id: int, limit: int, level: str | None = None) -> list[ClassStanding]:
    return cast("list[ClassStanding]", list(mpp.rankings.page(edition_id, "class", limit, level=level).rows))


def _papers(mpp: MPP, best: ClassStanding, outcome: SchoolOutcome) -> None:
    """Write the roster and the tracking sheet of a class, and read them back: that changes nothing."""
    roster, tracking = (outcome.report.parent / name for name in ("roster.xlsx", "tracking.xlsx"))
    mpp.classes.export_roster(best.subject_id, roster)
    mpp.classes.export_tracking(best.subject_id, tracking)
    read, recorded = (
        mpp.classes.import_roster(best.subject_id, roster),
        mpp.classes.import_tracking(best.subject_id, tracking),
    )
    changed = len(read.added) + len(read.corrected) + recorded.recorded
    outcome.read_back = (changed, read.unchanged + recorded.already)
    outcome.papers = [roster, tracking]
    outcome.papers_class = f"{best.label}, {best.school_label}"


def _as_family(seen: Seen, outcome: SchoolOutcome) -> None:
    """Keep what a family's phone shows: who has most points, and what most of the class did."""
    members = ((each["name"], each["validations"], each["points"]) for each in seen.members)
    done = ((each["title"]["fr"], each["pupils_credited"], each["points_earned"]) for each in seen.challenges)
    outcome.family_class = seen.name
    outcome.family = sorted(members, key=lambda row: (-row[2], row[0]))[:6]
    outcome.family_challenges = sorted((row for row in done if row[1]), key=lambda row: (-row[1], row[0]))[:6]


def _fill(
    env: Mapping[str, str],
    edition: Edition,
    classes: Sequence[Classroom],
    cards: Mapping[str, list[Card]],
    now: datetime,
    rng: Random,
    outcome: SchoolOutcome,
    on_progress: Progress,
) -> None:
    """Import the sheets of three weeks for every class, as its teacher sends them."""
    zone = ZoneInfo(edition.time_zone)
    advance = _counter(on_progress, "Tracking sheets of three weeks", len(classes))
    shares = _shares(classes)
    seeds = [Random(rng.getrandbits(64)) for _ in shares]
    lock = Lock()

    def fill(own: psycopg.Connection[Any], share: Sequence[Classroom], number: int) -> None:
        random = seeds[number]
        for done, classroom in enumerate(share):
            if done in _LOOKED_AT:
                own.execute("analyze mpp.validation, mpp.score")
            in_play = cards[classroom.level]
            if random.random() < _CHOOSES and len(in_play) > _CHOSEN:
                in_play = random.sample(in_play, _CHOSEN)
                chosen = [card.id for card in in_play]
                own.execute("select api.choose_class_challenges(%s, %s)", (classroom.id, chosen))
            sheets, together = sheets_of(classroom.pupils, in_play, edition.starts_at, now, zone, random)
            recorded = 0
            for sheet in sheets:
                row = own.execute(
                    "select recorded from api.import_class_sheet(%s, %s, %s, %s, %s)",
                    (classroom.id, sheet.pupils, sheet.challenges, sheet.times, sheet.done_on),
                ).fetchone()
                recorded += row[0] if row else 0
            with lock:
                outcome.validations += recorded
                outcome.whole_class += together
                advance(1)

    _each(env, shares, fill)


def _each(
    env: Mapping[str, str],
    shares: Sequence[Sequence[Any]],
    work: Callable[[psycopg.Connection[Any], Any, int], None],
) -> None:
    """Do each share on a connection of its own, at the same time."""

    def one(number: int) -> None:
        with psycopg.connect(env["DB_URL"], autocommit=True, prepare_threshold=None) as own:
            work(own, shares[number], number)

    with ThreadPoolExecutor(len(shares)) as pool:
        for done in [pool.submit(one, number) for number in range(len(shares))]:
            done.result()


def _shares(classes: Sequence[Any]) -> list[Sequence[Any]]:
    return [classes[number::_LOADERS] for number in range(_LOADERS)]


def _counter(on_progress: Progress, stage: str, total: int) -> Callable[[int], None]:
    """Show a stage, and return what adds to it."""
    lock = Lock()
    done = 0

    def advance(step: int) -> None:
        nonlocal done
        with lock:
            done += step
            on_progress(stage, done, total)

    on_progress(stage, 0, total)
    return advance


def cards_by_level(connection: psycopg.Connection[Any], edition_id: int) -> dict[str, list[Card]]:
    """The challenges of each level, those that have not opened yet left out."""
    rows = connection.execute(
        "select id, kind::text, points, repeat_limit, opens_at, closes_at, levels from api.challenges"
        " where edition_id = %s and (opens_at is null or opens_at < private.clock()) order by code",
        (edition_id,),
    ).fetchall()
    return {level: [Card(*row[:6]) for row in rows if level in row[6]] for level in LEVELS}
