"""Take one rule of the database away at a time, and see that a test notices.

    python -m tests.mutation.run                         every mutation, two at a time
    python -m tests.mutation.run --kind policy trigger   some kinds: see below
    python -m tests.mutation.run --only 'mpp.score'      those whose name matches a pattern
    python -m tests.mutation.run --part 2/4              one of four equal parts, to share the work among machines

Kinds: mutants.py says what each takes away.

The suite runs once without any mutation, and what each test touches is recorded (record.py); a test that fails even so
is named and left out. Each mutation is made in a
database of its own, copied from a loaded one, and there run the tests that touched what it changes: those to which the
refusal or constraint spoke first, then the quickest; the first failure ends it. The tests of the catalogs
(test_catalog.py, with the golden file of the grants) do not count: they compare lists, and would notice everything.

A survivor wants a test. equivalent.txt names those that no test can notice, each with the reason. The exit code is the
number of other survivors, 100 at most. Not part of the suite: it takes half an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import pickle
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from supabase_embedded import PostgresServer
from tests.mutation.mutants import KINDS, Mutation, mutations
from tests.mutation.record import Recorder, Touched
from tests.support.game import commit_cards
from tests.support.loaded_postgres import copy_database, loaded_postgres

SUITE = Path(__file__).resolve().parent.parent / "sql"
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
#: What compares lists, or has databases of its own, which no mutation reaches.
NOT_COUNTED = ("test_catalog.py", "test_deployment.py", "test_migrations.py")
#: The kinds that the tests of who may do what are most likely to notice.
ACCESS = ("policy", "open", "unguarded", "table", "column", "function", "schema")
#: A test that takes longer than this many seconds waits for something that never comes.
LIMIT = 300.0


@dataclass(frozen=True)
class Outcome:
    """What became of a mutation: the test that failed first, or none; ``tried`` tests ran."""

    mutation: Mutation
    killer: str | None
    tried: int
    seconds: float


@dataclass
class Child:
    """A process that tries a mutation, since when, and when a test of it ended last."""

    process: BaseProcess
    mutation: Mutation
    started: float
    heard: float


class FirstFailure:
    """A plugin of pytest that remembers the first test that failed."""

    def __init__(self) -> None:
        self.test: str | None = None
        self.text = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.test is None:
            self.test = report.nodeid
            self.text = report.longreprtext


def chosen_mutations(db: psycopg.Connection[Any], arguments: argparse.Namespace) -> list[Mutation]:
    """The mutations that the arguments ask for."""
    chosen = [m for m in mutations(db) if m.kind in arguments.kind and re.search(arguments.only, m.name)]
    part, parts = map(int, arguments.part.split("/"))
    return chosen[part - 1 :: parts]


def chosen_tests(mutation: Mutation, touched: Sequence[Touched], names: Sequence[str]) -> list[int]:
    """The places of the tests that could notice a mutation, the likeliest first."""

    def place(number: int) -> tuple[float, ...] | None:
        test, name = touched[number], names[number]
        may_notice = bool(test.named.intersection(mutation.named)) or any(
            (function, mutation.line) in test.lines for function in mutation.functions
        )
        if may_notice:
            return (0, test.seconds)
        if mutation.kind in ACCESS:
            about = {text.rpartition(".")[2] for text in (*mutation.tables, *mutation.functions)}
            if "privileges.py" in name:
                likely = "every_view" in name or "policies_alone" in name or any(word in name for word in about)
                return (1 if likely else 3, test.seconds)
        if test.functions.intersection(mutation.functions) or test.written.intersection(mutation.tables):
            return (2, test.seconds)
        # A view or a schema leaves no trace of its own in the statistics: for those, everything.
        if mutation.kind in ACCESS:
            return (4 if test.read.intersection(mutation.tables) else 5, number)
        return None

    places = {number: place(number) for number in range(len(touched))}
    likely = sorted((key, number) for number, key in places.items() if key is not None)
    return [number for _, number in likely]


class Mutating:
    """A plugin of pytest that runs the collected tests on mutants instead of once."""

    def __init__(self, server: PostgresServer, arguments: argparse.Namespace) -> None:
        self.server = server
        self.arguments = arguments
        self.failure = FirstFailure()
        self.outcomes: list[Outcome] = []
        self.items: list[pytest.Item] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("some tests cannot be collected")
        session.config.pluginmanager.register(self.failure)
        self.items = session.items
        with psycopg.connect(self.server.url()) as db:
            chosen = chosen_mutations(db, self.arguments)
        touched = self._recorded()
        names = [item.nodeid for item in self.items]
        print(
            f"{len(chosen)} mutations, {len(names)} tests; recorded in {sum(t.seconds for t in touched):.0f} s",
            flush=True,
        )
        jobs = ((m, [self.items[place] for place in chosen_tests(m, touched, names)]) for m in chosen)
        for outcome in self._in_parallel(jobs):
            self.outcomes.append(outcome)
            verdict = f"killed by {outcome.killer[:150]}" if outcome.killer else "SURVIVED"
            print(
                f"[{len(self.outcomes)}/{len(chosen)}] {outcome.mutation.kind} {outcome.mutation.name}: {verdict}"
                f" ({outcome.tried} tests, {outcome.seconds:.1f} s)",
                flush=True,
            )
        return True

    def _recorded(self) -> list[Touched]:
        """What each test touches: from the file of an earlier run, or by running it without any mutation."""
        known: dict[str, Touched] = {}
        file = self.arguments.record
        with contextlib.ExitStack() as stack:
            kept = stack.enter_context(file.open("ab+")) if file else None
            if kept:
                kept.seek(0)
                with contextlib.suppress(EOFError):
                    while True:
                        known |= pickle.load(kept)
            for test in self._record([item for item in self.items if item.nodeid not in known]):
                known |= test
                if kept:
                    pickle.dump(test, kept)
                    kept.flush()
        self.items = [item for item in self.items if item.nodeid in known]
        return [known[item.nodeid] for item in self.items]

    def _record(self, items: list[pytest.Item]) -> Iterator[dict[str, Touched]]:
        """Run the tests without any mutation in a process of its own; what each touches, by its name."""
        if not items:
            return
        with _copy(self.server, "recorded") as url:
            with self.server.connect("supabase_admin", "recorded") as db:
                db.execute("alter database recorded set track_functions = 'all'")
            assert self.server.log is not None
            recorder = Recorder(url, self.server.log)
            ours, theirs = multiprocessing.Pipe(duplex=False)
            child = multiprocessing.get_context("fork").Process(target=self._run_all, args=(recorder, items, theirs))
            child.start()
            theirs.close()
            for item in items:
                touched = ours.recv()
                if isinstance(touched, str):
                    print(f"left out, for it fails without any mutation: {item.nodeid}\n{touched}", flush=True)
                else:
                    yield {item.nodeid: touched}
            child.join()

    def _run_all(self, recorder: Recorder, items: list[pytest.Item], answer: Connection) -> None:
        self._become_child(recorder.url)
        items[0].config.pluginmanager.register(recorder)
        for touched in recorder.run(items):
            answer.send(self.failure.text if self.failure.test else touched)
            self.failure.test = None
        os._exit(0)

    def _in_parallel(self, jobs: Iterator[tuple[Mutation, list[pytest.Item]]]) -> Iterator[Outcome]:
        """Outcomes as they come, each from a process of its own: a fork has the tests and no connection yet."""
        running: dict[Connection, Child] = {}
        fork = multiprocessing.get_context("fork")
        for number, (mutation, items) in enumerate(jobs):
            if len(running) >= self.arguments.jobs:
                yield from self._finished(running)
            ours, theirs = multiprocessing.Pipe(duplex=False)
            process = fork.Process(target=self._try, args=(f"mutant_{number}", mutation, items, theirs))
            process.start()
            theirs.close()
            running[ours] = Child(process, mutation, time.monotonic(), time.monotonic())
        while running:
            yield from self._finished(running)

    def _finished(self, running: dict[Connection, Child]) -> Iterator[Outcome]:
        """Wait until at least one is finished, or says nothing for too long."""
        before = len(running)
        while len(running) == before:
            ready = wait(list(running), timeout=5)
            for end, child in list(running.items()):
                if end in ready:
                    try:
                        killer, tried = end.recv()
                    except EOFError:
                        killer, tried = "nothing: the process of the tests died", 0
                    child.heard = time.monotonic()
                    if tried < 0:
                        continue
                elif time.monotonic() - child.heard < LIMIT:
                    continue
                else:
                    child.process.kill()
                    killer, tried = "nothing: a test that never ended", 0
                del running[end]
                child.process.join()
                yield Outcome(child.mutation, killer, tried, time.monotonic() - child.started)

    def _try(self, name: str, mutation: Mutation, items: list[pytest.Item], answer: Connection) -> None:
        """In a process of its own: make the mutation in a copy of the template and run the tests until one fails."""
        tried = 0
        with _copy(self.server, name, of="mpp_template") as url:
            with self.server.connect("supabase_admin", name) as db:
                try:
                    db.execute(mutation.statement)
                except psycopg.Error as error:
                    answer.send((f"NOT MADE: {error}", 0))
                    os._exit(0)
            self._become_child(url)
            for item, following in zip(items, [*items[1:], None], strict=False):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                tried += 1
                if self.failure.test:
                    break
                answer.send((None, -tried))
        answer.send((self.failure.test, tried))
        # Nothing of pytest's own end: its fixtures are the parent's business.
        os._exit(0)

    def _become_child(self, url: str) -> None:
        os.environ["MPP_TEST_DB_URL"] = url
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)


@contextlib.contextmanager
def _copy(server: PostgresServer, name: str, of: str = "mpp_template") -> Iterator[str]:
    """The URL of a copy of the template, as role postgres; dropped at the end, whoever is connected to it."""
    url = copy_database(server, name, of=of)
    try:
        yield url
    finally:
        with server.connect("supabase_admin", "template1") as db:
            db.execute(f"drop database {name} with (force)".encode())


def equivalent() -> dict[str, str]:
    """The mutations that no test can notice, by name, and why: a name at the margin, then the reason, indented."""
    found: dict[str, str] = {}
    name = ""
    for line in EQUIVALENT.read_text().splitlines():
        if line.startswith(" "):
            found[name] = f"{found[name]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            name = line
            found[name] = ""
    return found


def report(outcomes: Sequence[Outcome]) -> str:
    """By kind how many there are, were killed, and are equivalent; then every survivor."""
    known = equivalent()
    lines = [f"{'kind':10} {'made':>5} {'killed':>7} {'equivalent':>11} {'survived':>9}"]
    for kind in (*KINDS, "all"):
        of_kind = [o for o in outcomes if kind in (o.mutation.kind, "all")]
        alive = [o for o in of_kind if not o.killer]
        same = sum(1 for o in alive if o.mutation.name in known)
        if of_kind:
            lines.append(f"{kind:10} {len(of_kind):5} {len(of_kind) - len(alive):7} {same:11} {len(alive) - same:9}")
    lines += [f"survived: {o.mutation.kind} {o.mutation.name}" for o in survivors(outcomes)]
    lines += [
        f"not equivalent, for it is killed: {o.mutation.name}"
        for o in outcomes
        if o.killer and o.mutation.name in known
    ]
    lines += [f"not made: {o.mutation.name}: {o.killer}" for o in outcomes if (o.killer or "").startswith("NOT MADE")]
    return "\n".join(lines)


def survivors(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that no test noticed and equivalent.txt does not explain."""
    known = equivalent()
    return [o for o in outcomes if not o.killer and o.mutation.name not in known]


def main() -> int:
    """Run the mutations that were asked for; returns the number of survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", type=Path, help="another directory with bin/postgres")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--only", default="", help="a pattern that the name matches")
    parser.add_argument("--part", default="1/1", help="K/N: the Kth of N equal parts")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--record", type=Path, help="a file that keeps what the tests touch from one run to the next")
    parser.add_argument("--list", action="store_true", help="print the mutations and run none")
    parser.add_argument("--out", type=Path, help="write the outcomes as JSON")
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest, after --")
    arguments = parser.parse_args()

    with loaded_postgres(arguments.postgres) as server:
        commit_cards(server.url())
        if arguments.list:
            with psycopg.connect(server.url()) as db:
                print("\n".join(f"{m.kind} {m.name}" for m in chosen_mutations(db, arguments)))
            return 0
        copy_database(server, "mpp_template")
        plugin = Mutating(server, arguments)
        left_out = [f"--ignore={SUITE / name}" for name in NOT_COUNTED]
        code = pytest.main(
            [str(SUITE), "-q", "-s", "-p", "no:cacheprovider", *left_out, *arguments.pytest], plugins=[plugin]
        )
    if code != pytest.ExitCode.OK:
        return 101
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(o) for o in plugin.outcomes], indent=1))
    print(report(plugin.outcomes))
    return min(100, len(survivors(plugin.outcomes)))


if __name__ == "__main__":
    sys.exit(main())
