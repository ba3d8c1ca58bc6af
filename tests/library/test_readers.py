"""What only reads is called by GET: the read replicas of a hosted project take nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import psycopg
import pytest

from supabase_embedded import StackStatus
from tests.support import ROOT

#: How the package calls a function by POST and by GET; a client of supabase-py calls by GET with `get=True`.
WRITING = {"call", "_call_rows", "must"}
READING = {"read", "_read_rows"}


@pytest.fixture(scope="module")
def functions(stack: StackStatus) -> dict[str, bool]:
    """The functions of schema api: whether they only read."""
    with psycopg.connect(stack.db_url) as db:
        rows = db.execute(
            "select proname, provolatile <> 'v' from pg_proc where pronamespace = 'api'::regnamespace"
        ).fetchall()
    return dict(rows)


def calls(source: str) -> Iterator[tuple[str, bool, int]]:
    """The name of each function of api that a program calls, whether by GET, and the line."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        by_get = node.func.attr in READING or any(
            word.arg == "get" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in node.keywords
        )
        if by_get or node.func.attr in WRITING | {"rpc"}:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, by_get, node.lineno


def test_what_only_reads_is_called_by_get_and_what_writes_by_post(functions: dict[str, bool]) -> None:
    seen, wrong = set(), []
    for path in sorted([*(ROOT / "mpp_supabase").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]):
        for name, by_get, line in calls(path.read_text(encoding="utf-8")):
            if name in functions:
                seen.add(name)
                if functions[name] != by_get:
                    wrong.append(f"{path.relative_to(ROOT)}:{line} {name}")
    assert wrong == []
    assert {"list_accounts", "verify_scores", "read_clock", "validate_challenge", "apply_edition"} <= seen


def test_the_check_sees_a_reader_that_is_called_by_post() -> None:
    source = 't.call("verify_scores", {})\nclient.rpc("my_rank", {}, get=True)\nself._read_rows(M, "a", {})'
    assert list(calls(source)) == [("verify_scores", False, 1), ("my_rank", True, 2), ("a", True, 3)]
