"""Real concurrency for the tests of races: many connections at once, on committed data."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg

from tests.support.refusal_details import only_times
from tests.support.waiting import LIMIT, join, wait_until

from .game import Connection, Edition, Game

#: What a command may answer in the middle of a crowd; anything else is a fault.
Answer = tuple[str, Any]


def connect(url: str, *, autocommit: bool = False) -> Connection:
    # The locks are what is tested here; waiting for the disk at each commit would only make it slow.
    return psycopg.connect(url, options=f"-c synchronous_commit=off -c lock_timeout={LIMIT}s", autocommit=autocommit)


@contextlib.contextmanager
def committed(url: str) -> Iterator[Game]:
    """A game whose set-up is committed by ``game.db.commit()``; at the end nothing may have been a deadlock."""
    with connect(url) as db:
        before = deadlocks(db)
        game = Game(db)
        yield game
        db.rollback()
        assert deadlocks(db) == before, "a deadlock was detected"


def deadlocks(db: Connection) -> int:
    db.execute("select pg_stat_clear_snapshot()")
    row = db.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    db.commit()
    return int(row[0])  # type: ignore[index]


def attempt(call: Callable[[], Any]) -> Answer:
    """What a call answers: 00000 and its value, or the SQLSTATE of its refusal."""
    try:
        return "00000", call()
    except psycopg.Error as error:
        return error.sqlstate or "?" if only_times(error.diag.message_detail) else "DETAIL", str(error)


def at_once(url: str, work: Sequence[Callable[[Connection], Any]]) -> list[Answer]:
    """Run each piece of work on a connection of its own, all released at the same moment."""
    answers: list[Answer] = [("?", None)] * len(work)
    gate = threading.Barrier(len(work))

    def run(place: int) -> None:
        with connect(url, autocommit=True) as db:
            gate.wait(timeout=LIMIT)
            answers[place] = attempt(lambda: work[place](db))

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    join(*threads)
    return answers


def codes(answers: Sequence[Answer]) -> Counter[str]:
    return Counter(code for code, _ in answers)


def assert_proven(game: Game, edition: Edition) -> None:
    """Scores are the sums of the ledger, and a league is the sum of its teams."""
    assert game.faults(edition) == []
    wrong = game.rows(
        "with earned as (select u.subject_id, sum(v.points) as points from mpp.validation v"
        " cross join lateral unnest(array[v.player_id, v.team_id, v.league_id]) u (subject_id)"
        " where v.edition_id = %(edition)s and v.state = 'credited' group by u.subject_id)"
        " select s.subject_id from mpp.score s left join earned e using (subject_id)"
        " where s.edition_id = %(edition)s and s.points <> coalesce(e.points, 0)",
        {"edition": edition.id},
    )
    assert wrong == []
    players = game.rows(
        "select l.id from mpp.league l join mpp.score s on s.subject_id = l.id where l.edition_id = %s and s.players <>"
        " (select count(*) from (select p.id from mpp.player p where p.league_id = l.id union"
        " select v.player_id from mpp.validation v where v.league_id = l.id) m)",
        (edition.id,),
    )
    assert players == []


def is_waiting(watching: Connection, other: Connection) -> bool:
    """Whether another connection waits for a lock; the watching one is in no transaction."""
    watch = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
    return watching.execute(watch, (other.info.backend_pid,)).fetchone() == (True,)


def meanwhile(
    game: Game,
    lines: Sequence[Connection],
    lock: str,
    arguments: Sequence[Any],
    call: Callable[[Connection], Any],
    then: Callable[[], Any],
) -> Answer:
    """The answer to a call that had to wait for ``lock`` while ``then`` happened in the transaction that held it."""
    waiting = lines[0]
    game.db.commit()
    game.db.execute(lock, arguments)  # type: ignore[arg-type]
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(attempt(lambda: call(waiting))))
    thread.start()
    wait_until(lambda: is_waiting(lines[1], waiting) or not thread.is_alive())
    assert thread.is_alive(), f"the call did not wait: {answers}"
    then()
    game.db.commit()
    join(thread)
    return answers[0]


LEAGUE = "select private.lock_edition(%s), private.lock_league(%s)"
EDITION = "select private.lock_edition(%s, true)"


class Crowd:
    """Workers that each do one thing after another until told to stop; what they were answered is counted."""

    def __init__(self, lines: Sequence[Connection]) -> None:
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self._lines = list(lines)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def add(
        self,
        work: Callable[[Connection, random.Random], Any],
        *,
        times: int = 10**9,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """One more worker, on a line of its own, which does ``work`` this often or until the condition holds."""
        place = len(self._threads)
        line = self._lines[place]

        def run() -> None:
            chance = random.Random(place)
            try:
                for _ in range(times):
                    if until():
                        break
                    code, said = attempt(lambda: work(line, chance))
                    with self._lock:
                        self.answers[code] += 1
                    if code != "00000" and not code.startswith("MP"):
                        self.faults.append(f"{code}: {said}")
                        break
            except Exception as error:
                self.faults.append(repr(error))

        self._threads.append(threading.Thread(target=run))

    def has_done(self, enough: int) -> bool:
        """Whether so many calls have succeeded, or something went wrong: what crowds work until, not for seconds."""
        return self.answers["00000"] >= enough or bool(self.faults)

    def wait_for_more(self, calls: int, most: int) -> None:
        """Wait until so many more calls have succeeded, or ``most`` in all: what a worker does who works seldom."""
        enough = min(self.answers["00000"] + calls, most)
        wait_until(lambda: self.has_done(enough))

    def wait_for_attempts(self, more: int) -> None:
        """Wait until so many more calls were answered, or something went wrong."""
        enough = self.answers.total() + more
        wait_until(lambda: self.answers.total() >= enough or bool(self.faults))

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Crowd]:
        """Start everybody; at the end wait for them, and nobody may have met anything but a refusal."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            join(*self._threads)
        assert self.faults == [], self.faults


@contextlib.contextmanager
def open_lines(url: str) -> Iterator[list[Connection]]:
    """Sixteen connections that stay."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(url, autocommit=True)) for _ in range(16)]
