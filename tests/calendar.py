"""`make calendar`: the tests that ask a clock, on a list of hard instants and in several time zones.

    python -m tests.calendar                                    every instant, each under one of the time zones
    python -m tests.calendar --only 2027-03-28 tests/sql/test_plan.py

Instants are civil times in Europe/Paris, the most telling first. Every instant and every zone is met, in pairs: all of
them would take three times as long, and a test meets the zone of the machine in the same way whatever day it is.

A test whose outcome may hang on the day meets every instant: ages, weeks, plans, freezes, retention, reports, mails,
limits of a day, demos. A file of `NOW` asks the clock only for now, and makes its editions around it: it meets the
three of `HARDEST`. A file of `NEVER` asks no clock and is left out. A new file meets every instant until it is listed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import time

from tests.support import ROOT
from tests.support.clock import VARIABLE

INSTANTS = {
    "2027-10-31T02:30+01:00": "the night summer time ends, 02:30 for the second time",
    "2028-02-29T12:00": "29 February",
    "2026-12-31T23:59": "the last minute of a year",
    "2027-03-28T01:30": "the night summer time begins, before",
    "2027-10-31T01:30": "the night summer time ends, before",
    "2027-10-31T02:30+02:00": "02:30 for the first time",
    "2027-03-28T03:30+02:00": "the night summer time begins, after: 02:30 is skipped",
    "2027-07-14T10:00": "a holiday",
    "2027-01-04T08:00": "a Monday",
    "2029-11-30T17:00": "a date three years ahead",
    "2027-02-28T12:00": "the last day of February",
    "2026-12-28T09:00": "a day on which a plan was told to be wrong",
}
HARDEST = tuple(INSTANTS)[:3]
ZONES = ("Pacific/Noumea", "America/Los_Angeles", "UTC")

#: Where tests ask a clock. What is left out reads files, or keeps the real time: Auth, sockets, processes.
LAYERS = (
    "tests/sql", "tests/library", "tests/cli",
    "tests/journeys/test_demo.py", "tests/journeys/test_school_demo.py", "tests/journeys/test_client_demo.py",
    "tests/journeys/test_phone_path.py", "tests/journeys/test_phone_limits.py", "tests/journeys/test_school_path.py",
    "tests/journeys/test_client_path.py",
)  # fmt: skip

#: Files that ask the clock for now only.
NOW = (
    "tests/sql/test_audit.py", "tests/sql/test_challenges.py", "tests/sql/test_client_files.py",
    "tests/sql/test_client_privileges.py", "tests/sql/test_constraints.py", "tests/sql/test_leagues.py",
    "tests/sql/test_mail.py", "tests/sql/test_privileges.py", "tests/sql/test_races.py", "tests/sql/test_rankings.py",
    "tests/sql/test_refusals.py", "tests/sql/test_school_privileges.py", "tests/sql/test_school_races.py",
    "tests/sql/test_schools.py", "tests/sql/test_scores.py", "tests/sql/test_typed.py",
    "tests/library/test_client_files.py", "tests/library/test_schools.py",
    "tests/cli/test_commands.py", "tests/cli/test_contact_commands.py", "tests/cli/test_school_commands.py",
    "tests/library/mail/test_delivery.py", "tests/library/mail/test_mail_commands.py",
    "tests/library/mail/test_unsubscribe.py", "tests/library/diplomas/test_diplomas.py",
    "tests/journeys/test_phone_path.py", "tests/journeys/test_school_path.py", "tests/journeys/test_client_path.py",
)  # fmt: skip

#: Files that ask no clock.
NEVER = (
    "tests/sql/test_catalog.py", "tests/sql/test_deployment.py", "tests/sql/test_migrations.py",
    "tests/sql/test_names.py", "tests/sql/test_school_search.py",
    "tests/library/test_config.py", "tests/library/test_errors.py", "tests/library/test_facade.py",
    "tests/library/test_faults.py", "tests/library/test_school_directory.py", "tests/library/test_transport.py",
    "tests/cli/test_differences.py", "tests/cli/test_edition_files.py", "tests/cli/test_imports.py",
    "tests/cli/test_output.py", "tests/cli/test_reference.py",
    "tests/library/mail/test_courier.py", "tests/library/sheets",
)  # fmt: skip


def chosen(instant: str) -> list[str]:
    """The tests that meet an instant, as arguments of pytest."""
    left_out = NEVER if instant in HARDEST else (*NEVER, *NOW)
    ignored = {f"--ignore={file}" for file in left_out if file not in LAYERS}
    return [layer for layer in LAYERS if layer not in left_out] + sorted(ignored)


def main() -> int:
    """Run the tests once for each instant; return how many instants had a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="instants that begin so")
    options, arguments = parser.parse_known_args()
    named = any(argument.startswith("tests") for argument in arguments)
    failed = []
    for (instant, why), zone in zip(INSTANTS.items(), itertools.cycle(ZONES), strict=False):
        if not instant.startswith(options.only):
            continue
        print(f"{instant}  {zone}  ({why})", flush=True)
        began = time.monotonic()
        # Sessions of Postgres, too, in that zone: no day may come from it.
        environment = {**os.environ, VARIABLE: instant, "TZ": zone, "PGTZ": zone}
        command = [sys.executable, "-m", "pytest", "-v", "--tb=short", "--numprocesses", "2", "--dist", "loadfile"]
        command += ["--no-loadscope-reorder"]
        command += arguments if named else [*arguments, *chosen(instant)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as run:
            # A failure is told when it happens, and again with its message at the end.
            for line in run.stdout or ():
                if re.match(r"(\[gw\d+\] \[ *\d+%\] )?(FAILED|ERROR) |=.* (passed|failed|error)", line):
                    print(f"    {line.strip()}", flush=True)
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
        if run.returncode != 0:
            failed.append(instant)
    print(f"Failed: {', '.join(failed)}" if failed else "Right on every day.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
