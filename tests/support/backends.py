"""What the tests of a running stack run on: each backend, what it offers, and which tests therefore stay out.

A test says by ``@pytest.mark.needs("smtp")`` what it needs beyond the API and the database. What a backend does not
offer is skipped, counted and printed at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import urllib.request
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.support.waiting import LIMIT

NEEDS = {
    "home": "the home of the stack on this machine, with stack.json",
    "files": "the directory in which Storage keeps its files",
    "processes": "the processes of the stack on this machine",
    "functions": "edge functions",
    "mailbox": "Mailpit's interface, where sent mails are read",
    "pages": "the built web pages, which the gateway of the embedded stack serves",
    "smtp": "a port that takes mails for that mailbox",
    "pgbouncer": "pgbouncer on this machine, which Debian has as a package",
}

BACKENDS = ("embedded", "docker", "native", "url")


def backend() -> str:
    """The backend that MPP_TEST_BACKEND names."""
    name = os.environ.get("MPP_TEST_BACKEND", "embedded")
    if name not in BACKENDS:
        raise pytest.UsageError(f"MPP_TEST_BACKEND is {name!r}: use {', '.join(BACKENDS)}")
    return name


def offers(name: str) -> frozenset[str]:
    """What a backend offers beyond the API and the database."""
    if name == "embedded":
        return frozenset(NEEDS) - (set() if pgbouncer() else {"pgbouncer"})
    if name == "docker":
        return frozenset({"mailbox", "smtp"})
    offered = set()
    if os.environ.get("MAILPIT_URL"):
        offered.add("mailbox")
        if os.environ.get("MPP_TEST_SMTP_PORT"):
            offered.add("smtp")
    if _answers(f"{address('API_URL').rstrip('/')}/functions/v1/unsubscribe"):
        offered.add("functions")
    return frozenset(offered)


#: Where the address and the keys of a project are looked for: as `mpp` names them, then as `supabase status` does.
VARIABLES = {
    "API_URL": ("SUPABASE_URL", "API_URL"),
    "PUBLISHABLE_KEY": ("SUPABASE_PUBLISHABLE_KEY", "PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"),
    "SECRET_KEY": ("SUPABASE_SECRET_KEY", "SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    "DB_URL": ("SUPABASE_DB_URL", "DB_URL"),
}


def address(name: str) -> str:
    """An address or key of the project in the environment."""
    found = next((os.environ[variable] for variable in VARIABLES[name] if os.environ.get(variable)), None)
    if found is None:
        raise pytest.UsageError(f"MPP_TEST_BACKEND={backend()} needs {VARIABLES[name][0]} in the environment")
    return found


def pgbouncer() -> str | None:
    """The program pgbouncer of this machine; Debian puts it where only root looks."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


def leave_out(items: Iterable[pytest.Item]) -> None:
    """Skip what needs something that the backend does not offer."""
    asking = [item for item in items if any(item.iter_markers("needs"))]
    if not asking:
        return
    name = backend()
    offered = offers(name)
    for item in asking:
        wanted = {need for marker in item.iter_markers("needs") for need in marker.args}
        if unknown := wanted - set(NEEDS):
            raise pytest.UsageError(
                f"{item.nodeid} needs {', '.join(sorted(unknown))}: not one of tests/support/backends.py"
            )
        if missing := sorted(wanted - offered):
            item.add_marker(pytest.mark.skip(reason=f"{PREFIX}{', '.join(missing)}"))


PREFIX = "the backend does not offer "


def summary(reasons: Iterable[str]) -> list[str]:
    """The lines that say what was left out, from the reasons of all skipped tests."""
    name = backend()
    left_out = Counter(reason.partition(PREFIX)[2] for reason in reasons if PREFIX in reason)
    lines = [f"backend {name}: {sum(left_out.values())} tests left out"]
    lines += [
        f"  {count:4} need {missing}: {'; '.join(NEEDS[need] for need in missing.split(', '))}"
        for missing, count in sorted(left_out.items())
    ]
    return lines


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=LIMIT) as answer:
        return bool(answer.status == 200)
    return False
