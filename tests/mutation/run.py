"""Drop one policy, one trigger or one grant at a time, or open one policy to everybody, and see that a test notices.

    python -m tests.mutation.run                         every mutation, two at a time
    python -m tests.mutation.run --kind policy trigger   some kinds: see below
    python -m tests.mutation.run --only 'mpp.score'      those whose statement matches a pattern
    python -m tests.mutation.run --part 2/4              one of four equal parts, to share the work among machines

Kinds: policy and trigger are dropped; grants on a table, column, function or schema are revoked; an open policy lets
everything through; an unguarded table has row-level security off.

Each mutation is made in a database of its own, copied from a loaded one. The tests that name the object run first, then
the rest of tests/sql; the first failure ends the run of a mutation. The tests of the catalogs (test_catalog.py, with
the golden file of the grants) do not count: they compare lists, and would notice everything. The exit code is the
number of survivors, 100 at most. Not part of the suite: it takes minutes.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
import pytest

from tests.loaded_postgres import copy_database, loaded_postgres
from tests.sql.game import commit_cards

SUITE = Path(__file__).resolve().parent.parent / "sql"
KINDS = ("policy", "trigger", "table", "column", "function", "schema", "open", "unguarded")
#: The races are slow, and last; the catalog and what is compared with it do not count.
LAST = ("test_races.py",)
NOT_COUNTED = ("test_catalog.py", "test_deployment.py")

_MUTATIONS = """
set search_path = pg_catalog, pg_temp;
select 'policy', format('drop policy %I on %s', p.polname, p.polrelid::regclass), p.polrelid::regclass::text
from pg_catalog.pg_policy p
union all
select 'open', format('alter policy %I on %s using (true)', p.polname, p.polrelid::regclass), p.polrelid::regclass::text
from pg_catalog.pg_policy p
where p.polcmd <> 'a'
union all
select 'open', format('alter policy %I on %s with check (true)', p.polname, p.polrelid::regclass),
    p.polrelid::regclass::text
from pg_catalog.pg_policy p
where p.polcmd in ('a', 'w')
union all
select 'unguarded', format('alter table %s disable row level security', c.oid::regclass), c.oid::regclass::text
from pg_catalog.pg_class c
where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p')
union all
select 'trigger', format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass), t.tgrelid::regclass::text
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc f on f.oid = t.tgfoid and f.pronamespace = 'private'::regnamespace
where not t.tgisinternal
union all
select 'table', format('revoke %s on %s from %s', g.privilege_type, c.oid::regclass, g.grantee::regrole),
    c.oid::regclass::text
from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) g
where c.relnamespace in ('api'::regnamespace, 'mpp'::regnamespace)
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role')
union all
select 'column',
    format('revoke %s (%I) on %s from %s', g.privilege_type, a.attname, c.oid::regclass, g.grantee::regrole),
    c.oid::regclass::text
from pg_catalog.pg_class c
join pg_catalog.pg_attribute a on a.attrelid = c.oid, pg_catalog.aclexplode(a.attacl) g
where c.relnamespace in ('api'::regnamespace, 'mpp'::regnamespace)
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role')
union all
select 'function', format('revoke execute on function %s from %s', p.oid::regprocedure, g.grantee::regrole),
    p.pronamespace::regnamespace || '.' || p.proname
from pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) g
where p.pronamespace in ('api'::regnamespace, 'private'::regnamespace)
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role')
union all
select 'schema', format('revoke %s on schema %s from %s', g.privilege_type, n.nspname, g.grantee::regrole), n.nspname
from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g
where n.nspname in ('api', 'mpp', 'private')
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role', 'mpp_owner')
    and g.privilege_type = 'USAGE'
order by 1, 2
"""


@dataclass(frozen=True)
class Mutation:
    """One statement that takes a protection or a permission away; ``target`` is what it is about."""

    kind: str
    statement: str
    target: str


@dataclass(frozen=True)
class Outcome:
    """What became of a mutation: the test that failed first, or none."""

    mutation: Mutation
    killer: str | None
    seconds: float


class FirstFailure:
    """A plugin of pytest that remembers the first test that failed."""

    def __init__(self) -> None:
        self.test: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.test is None:
            self.test = report.nodeid


def mutations(url: str) -> list[Mutation]:
    """Every mutation of the database at ``url``."""
    with psycopg.connect(url) as db:
        cursor = db.execute(_MUTATIONS)
        cursor.nextset()
        return [Mutation(*row) for row in cursor]


def test_files(target: str, left_out: Sequence[str]) -> list[str]:
    """Files of the suite, those that name the target first."""
    name = target.rpartition(".")[2]
    files = [file for file in sorted(SUITE.glob("test_*.py")) if file.name not in left_out]
    mentions = {file: file.read_text().count(name) for file in files}
    files.sort(key=lambda file: (file.name in LAST, file.name != "test_privileges.py", -mentions[file]))
    return [str(file) for file in files]


def likely(target: str) -> str:
    """A choice of test_privileges.py that is likely to notice: every view, every policy, the command of this name."""
    return f"every_view or policies_alone or {target.rpartition('.')[2]}"


def first_failure(url: str, arguments: list[str]) -> str | None:
    """The first test that fails with the database at ``url``; None when all pass."""
    os.environ["MPP_TEST_DB_URL"] = url
    plugin = FirstFailure()
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *arguments], plugins=[plugin])
    if plugin.test is None and code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return f"pytest ended with {code!s}"
    return plugin.test


@dataclass(frozen=True)
class Job:
    """One mutation to try: the server as its superuser and as postgres, and what pytest is told besides."""

    number: int
    mutation: Mutation
    admin: str
    base: str
    left_out: tuple[str, ...]
    more: tuple[str, ...]


def try_mutation(job: Job) -> Outcome:
    """Make the mutation in a copy of the template and run the tests until one fails."""
    started = time.monotonic()
    name = f"mutant_{job.number}"
    with psycopg.connect(f"{job.admin}/template1", autocommit=True) as db:
        db.execute(f"create database {name} template mpp_template owner postgres")
    try:
        with psycopg.connect(f"{job.admin}/{name}", autocommit=True) as db:
            db.execute(job.mutation.statement)  # type: ignore[call-overload]
        url, target = f"{job.base}/{name}", job.mutation.target
        # Most are noticed by the tests that try every view and this command as everybody.
        killer = first_failure(url, [str(SUITE / "test_privileges.py"), "-k", likely(target), *job.more])
        killer = killer or first_failure(url, [*test_files(target, job.left_out), *job.more])
    finally:
        with psycopg.connect(f"{job.admin}/template1", autocommit=True) as db:
            db.execute(f"drop database {name} with (force)")
    return Outcome(job.mutation, killer, time.monotonic() - started)


def in_parallel(jobs: list[Job], processes: int) -> Iterator[Outcome]:
    """Outcomes as they come, each from a process of its own."""
    # A fresh process each time: pytest keeps what it has imported and the connection it has opened.
    with multiprocessing.get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(try_mutation, jobs, chunksize=1)


def report(outcomes: list[Outcome]) -> str:
    """Killed and total by kind, and every survivor."""
    total, killed = Counter(o.mutation.kind for o in outcomes), Counter(o.mutation.kind for o in outcomes if o.killer)
    lines = [f"{kind:10} {killed[kind]:4} / {total[kind]}" for kind in KINDS if total[kind]]
    lines.append(f"{'all':10} {sum(killed.values()):4} / {len(outcomes)}")
    lines += [f"survived: {o.mutation.statement}" for o in outcomes if not o.killer]
    return "\n".join(lines)


def main() -> int:
    """Run the mutations that were asked for; returns the number of survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", type=Path, help="another directory with bin/postgres")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--only", default="", help="a pattern that the statement matches")
    parser.add_argument("--part", default="1/1", help="K/N: the Kth of N equal parts")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-races", action="store_true", help="leave test_races.py out")
    parser.add_argument("--list", action="store_true", help="print the mutations and run none")
    parser.add_argument("--out", type=Path, help="write the outcomes as JSON")
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest, after --")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))

    with loaded_postgres(arguments.postgres) as server:
        commit_cards(server.url())
        chosen = [
            m for m in mutations(server.url()) if m.kind in arguments.kind and re.search(arguments.only, m.statement)
        ]
        chosen = chosen[part - 1 :: parts]
        if arguments.list:
            print("\n".join(m.statement for m in chosen))
            return 0
        admin, base = (server.url(role).rpartition("/")[0] for role in ("supabase_admin", "postgres"))
        copy_database(server, "mpp_template")
        left_out = (*NOT_COUNTED, *(LAST if arguments.no_races else ()))
        nothing = Mutation("none", "select 1", "nothing")
        first, *jobs = (
            Job(number, mutation, admin, base, left_out, tuple(arguments.pytest))
            for number, mutation in enumerate([nothing, *chosen])
        )
        (baseline,) = in_parallel([first], 1)
        if baseline.killer:
            print(f"The tests fail without any mutation: {baseline.killer}", file=sys.stderr)
            return 101
        print(f"{len(chosen)} mutations; the tests pass without any in {baseline.seconds:.0f} s", flush=True)
        outcomes = []
        for outcome in in_parallel(jobs, arguments.jobs):
            outcomes.append(outcome)
            verdict = f"killed by {outcome.killer}" if outcome.killer else "SURVIVED"
            print(
                f"[{len(outcomes)}/{len(chosen)}] {outcome.mutation.statement}: {verdict} ({outcome.seconds:.1f} s)",
                flush=True,
            )
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(o) for o in outcomes], indent=1))
    print(report(outcomes))
    return min(100, sum(1 for o in outcomes if not o.killer))


if __name__ == "__main__":
    sys.exit(main())
