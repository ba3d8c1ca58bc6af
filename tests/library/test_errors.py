"""Every refusal has one SQLSTATE, one class, one line in docs/errors.md; the three agree."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mpp_supabase import errors
from tests.support import ROOT


@pytest.fixture(scope="module")
def declared() -> list[tuple[str, str, str]]:
    """Code, name and English message of private.refusals(), as sql/schema writes them."""
    sql = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "sql" / "schema").glob("*refusal*.sql")))
    return [
        (code, name, message.replace("''", "'"))
        for code, name, message in re.findall(r"\('(MP\w{3})', '(\w+)', '((?:[^']|'')*)'", sql)
    ]


def test_sql_and_python_have_the_same_refusals(declared: list[tuple[str, str, str]]) -> None:
    assert declared
    assert {code: refusal.__name__ for code, refusal in errors.REFUSALS.items()} == {c: n for c, n, _ in declared}
    assert {code: refusal.__doc__ for code, refusal in errors.REFUSALS.items()} == {c: m for c, _, m in declared}


def test_the_database_has_the_refusals_that_the_schema_declares(
    db: psycopg.Connection[Any], declared: list[tuple[str, str, str]]
) -> None:
    rows = db.execute("select code, name, message_en from private.refusals()").fetchall()
    assert sorted(rows) == sorted(declared)


def test_sql_and_the_documentation_have_the_same_refusals(declared: list[tuple[str, str, str]]) -> None:
    documented = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(MP\w{3})` \| 400 \| `(\w+)` \| (.*?)<br>", documented, re.MULTILINE)
    assert rows == sorted(declared)


def test_the_tree_in_the_docstring_names_every_class_but_those_of_single_refusals() -> None:
    drawn = set(re.findall(r"(?:── |^    )([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE))
    tree = ast.parse(Path(errors.__file__).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"FileProblem", "ImportFault"}
    assert drawn == defined - {refusal.__name__ for refusal in errors.REFUSALS.values()}


def test_a_refusal_keeps_the_times_of_its_details() -> None:
    error = errors.refusal("MP041", "x", "", '{"opens_at": "2026-11-16T11:00:00.000000Z", "closes_at": null}')
    assert error.times == {"opens_at": datetime(2026, 11, 16, 11, tzinfo=UTC)}
    for odd in (None, "", "Key (alias)=(x) exists.", "[1]", '{"until": "soon"}', '{"until": 3}'):
        assert errors.refusal("MP041", "x", "", odd).times == {}


def test_an_unknown_code_is_still_a_refusal_that_keeps_it() -> None:
    error = errors.refusal("MP999", "New rule.", "Update.")
    assert type(error) is errors.Refusal
    assert (error.code, error.message, error.hint) == ("MP999", "New rule.", "Update.")
