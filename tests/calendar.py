"""`make calendar`: the tests that ask a clock, on a list of hard instants and in several time zones.

    python -m tests.calendar                                    every instant, each under one of the time zones
    python -m tests.calendar --only 2027-03-28 tests/client_sql -k plan

Instants are civil times in Europe/Paris. Every instant and every zone is met, in pairs: all of them would take
three times as long, and a test meets the zone of the machine in the same way whatever day it is.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import time

from tests.clock import VARIABLE
from tests.postgres_versions import ROOT

INSTANTS = {
    "2026-12-31T23:59": "the last minute of a year",
    "2027-02-28T12:00": "the last day of February",
    "2028-02-29T12:00": "29 February",
    "2027-03-28T01:30": "the night summer time begins, before",
    "2027-03-28T03:30+02:00": "the same, after: 02:30 is skipped",
    "2027-10-31T01:30": "the night summer time ends, before",
    "2027-10-31T02:30+02:00": "02:30 for the first time",
    "2027-10-31T02:30+01:00": "02:30 for the second time",
    "2027-07-14T10:00": "a holiday",
    "2027-01-04T08:00": "a Monday",
    "2029-11-30T17:00": "a date three years ahead",
    "2026-12-28T09:00": "a day on which a plan was told to be wrong",
}
ZONES = ("Pacific/Noumea", "America/Los_Angeles", "UTC")

#: Layers that ask a clock. What is left out reads files, or keeps the real time: Auth, sockets, processes.
LAYERS = (
    "tests/sql", "tests/client_sql", "tests/service", "tests/cli", "tests/mail", "tests/reports", "tests/diplomas",
    "tests/stack/test_demo.py", "tests/stack/test_school_demo.py", "tests/stack/test_client_demo.py",
    "tests/stack/test_phone_path.py", "tests/stack/test_phone_limits.py", "tests/stack/test_school_path.py",
    "tests/stack/test_client_path.py",
)  # fmt: skip


def main() -> int:
    """Run the tests once for each instant; return how many instants had a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="instants that begin so")
    options, arguments = parser.parse_known_args()
    if not any(argument.startswith("tests") for argument in arguments):
        arguments += LAYERS
    failed = []
    for (instant, why), zone in zip(INSTANTS.items(), itertools.cycle(ZONES), strict=False):
        if not instant.startswith(options.only):
            continue
        print(f"{instant}  {zone}  ({why})", flush=True)
        began = time.monotonic()
        # Sessions of Postgres, too, in that zone: no day may come from it.
        environment = {**os.environ, VARIABLE: instant, "TZ": zone, "PGTZ": zone}
        command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", "--dist", "loadgroup", *arguments]
        run = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        ends = re.compile(r"(FAILED|ERROR) |\d+ (passed|failed|error)")
        told = [line for line in run.stdout.splitlines() if ends.match(line)]
        print("\n".join(f"    {line}" for line in told or run.stderr.splitlines()[-5:]), flush=True)
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
        if run.returncode != 0:
            failed.append(instant)
    print(f"Failed: {', '.join(failed)}" if failed else "Right on every day.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
