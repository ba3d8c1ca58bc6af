"""No test depends on how fast or how busy the machine is: it waits for a condition, and its one limit is LIMIT."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support import ROOT

LONG = 120

#: What measures, and runs no test of its own.
TOOLS = ("tests/calendar.py", "tests/mutation/")

#: What may wait for seconds, and why it is right on every machine all the same.
MAY = {
    "tests/support/waiting.py": "it is where tests wait",
    "tests/support/test_waiting.py": "it shows what the rule is about",
    "tests/support/fickle.py": "a slow server that looks again; nothing hangs on when",
    "tests/library/mail/test_courier.py": "a server that drips until it is hung up on",
    "tests/embedded/auth/conftest.py": "the real Auth gives up after five seconds; what does not meet is right as well",
    "tests/embedded/test_gateway.py": "a sender that looks for an answer between two bytes, for as long as it is let",
    "tests/embedded/test_commands.py": "a line that is written again and again until its reader has it",
}

WAITING = {"wait", "join", "settimeout", "result", "wait_until"}
ASKING = {"get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "Client", "AsyncClient"}
OF_THE_DATABASE = re.compile(r"(?:lock_timeout|connect_timeout)\s*=\s*'?(\d+)\s*(ms|min|s|h|)", re.IGNORECASE)


def number(node: ast.expr | None) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def limits(source: str) -> Iterator[str]:
    """Where a test waits for seconds, or gives up after some."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in OF_THE_DATABASE.finditer(node.value):
                if float(found[1]) * {"ms": 0.001, "min": 60, "h": 3600}.get(found[2].lower(), 1) < LONG:
                    yield f"{node.lineno}: {found[0]}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in {("time", "sleep"), ("asyncio", "sleep"), ("time", "monotonic")}:
                yield f"{node.lineno}: {node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "supabase_embedded.process"}:
            names = {"sleep", "monotonic", "wait_until"} & {name.name for name in node.names}
            yield from (f"{node.lineno}: {name}" for name in sorted(names))
        elif isinstance(node, ast.Call):
            yield from limits_of_call(node)


def limits_of_call(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    of = getattr(node.func.value, "id", "") if isinstance(node.func, ast.Attribute) else ""
    given = [keyword.value for keyword in node.keywords if keyword.arg in {"timeout", "connect_timeout"}]
    # A person joins a league by its name and more; a thread is joined for some seconds.
    if name in WAITING and (name != "join" or len(node.args) == 1):
        given += node.args
    if name == "pause":
        yield f"{node.lineno}: pause"
    if any((seconds := number(value)) is not None and seconds < LONG for value in given):
        yield f"{node.lineno}: {name}"
    if of == "httpx" and name in ASKING and not any(keyword.arg == "timeout" for keyword in node.keywords):
        yield f"{node.lineno}: httpx.{name} gives up after five seconds unless told"


def test_no_test_gives_up_or_goes_on_after_some_seconds() -> None:
    found = {
        f"{name}:{limit}"
        for path in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in path.parts and not (name := str(path.relative_to(ROOT))).startswith((*MAY, *TOOLS))
        for limit in limits(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_what_may_wait_for_seconds_still_does() -> None:
    assert {name for name in MAY if not list(limits((ROOT / name).read_text(encoding="utf-8")))} == set()


@pytest.mark.parametrize(
    "source",
    [
        "time.sleep(0.1)",
        "from time import sleep",
        "until = time.monotonic() + 60",
        "thread.join(timeout=0.3)",
        "thread.join(30)",
        "running.communicate(timeout=5)",
        "running.wait(10)",
        "stop.wait(0.1)",
        "connection.settimeout(60)",
        "httpx.get(url)",
        "httpx.Client(base_url=url)",
        "from supabase_embedded.process import wait_until",
        "wait_until(ready, 20)",
        """db.execute("set lock_timeout = '20s'")""",
        """connect(url, options="-c lock_timeout=500ms")""",
        "pause(0.2)",
    ],
)
def test_the_rule_finds_what_it_is_about(source: str) -> None:
    assert list(limits(source))


@pytest.mark.parametrize("source", ["thread.join(LIMIT)", "''.join('1')", "httpx.get(url, timeout=LIMIT)"])
def test_the_rule_leaves_the_rest_alone(source: str) -> None:
    assert not list(limits(source))
