"""Sixteen writers at random for as long as it takes: `python -m bench.random_play --operations 200000 --seed 7`.

tests/support/random_play.py says what they do, and tests/sql/test_random_play.py is the short form. This one has a
server of its own, and says besides how long it took and what it left of multixacts.
"""

from __future__ import annotations

import argparse
import sys
import time

from supabase_embedded import PostgresServer
from tests.support.game import commit_cards
from tests.support.loaded_postgres import loaded_postgres
from tests.support.random_play import RandomPlay, play


def multixacts(server: PostgresServer) -> tuple[int, int]:
    """The next multixact and the next place for a member of one: how many there have been, but for two."""
    with server.connect("supabase_admin") as db:
        db.execute("checkpoint")
        row = db.execute(
            "select next_multixact_id::text::bigint, next_multi_offset::text::bigint from pg_control_checkpoint()"
        )
        found: tuple[int, int] = row.fetchone()  # type: ignore[assignment]
        return found


def main() -> int:
    """Play on a server of its own and say what came of it; the exit code is 1 after a fault or a deadlock."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=int, default=1000, help="after how many equal parts the scores are proven")
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--leagues", type=int, default=24, help="of each of the two editions")
    options = parser.parse_args()
    with loaded_postgres() as server:
        commit_cards(server.url())
        before, started = multixacts(server), time.monotonic()
        outcome = play(
            server.url(), options.operations, options.seed, parts=options.parts, people=options.people,
            leagues=options.leagues, said=lambda done: print(f"\r{done:>12,}", end="", file=sys.stderr, flush=True),
        )  # fmt: skip
        seconds, after = time.monotonic() - started, multixacts(server)
    print(file=sys.stderr)
    for deed in RandomPlay.SHARES:
        refused = {code: n for (of, code), n in sorted(outcome.answers.items()) if of == deed and code != "00000"}
        print(f"{deed:14} {outcome.succeeded(deed):>8,} done  refused {refused or 'never'}")
    print(
        f"{outcome.answers.total():,} operations in {seconds:.0f} s, seed {options.seed}; proven {outcome.proofs} times"
    )
    print(f"multixacts {before[0]:,} -> {after[0]:,}, their members {before[1]:,} -> {after[1]:,}")
    print(f"deadlocks {outcome.deadlocks}, faults {outcome.faults or 'none'}")
    return 1 if outcome.faults or outcome.deadlocks else 0


if __name__ == "__main__":
    sys.exit(main())
