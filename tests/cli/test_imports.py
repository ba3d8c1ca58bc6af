"""The command line stands on public names: cli -> mpp_supabase; only stack, db, demo and exits know the local stack."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mpp_supabase
from tests.support import ROOT

CLI = sorted((ROOT / "cli" / "mpp_cli").rglob("*.py"))
SERVICES = sorted([*(ROOT / "mpp_supabase").glob("*.py"), *(ROOT / "mpp_supabase/services").glob("*.py")])
KNOW_THE_STACK = {"stack", "db", "demo", "exits"}
OF_THE_STACK = {"mpp_supabase.project", "mpp_supabase.local_stack"}
NOUNS = {"audit", "classes", "conduct", "editions", "leagues", "maintenance", "rankings", "schools", "users"}


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield module, names and line of every import of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or "", tuple(alias.name for alias in node.names), node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, (), node.lineno


@pytest.mark.parametrize("path", CLI, ids=lambda path: path.relative_to(ROOT / "cli").as_posix())
def test_a_command_uses_public_names_only(path: Path) -> None:
    for module, names, line in imports(path):
        where = f"{path.name}:{line}"
        if module.partition(".")[0] == "supabase_embedded" or module in OF_THE_STACK:
            assert path.stem in KNOW_THE_STACK, f"{where}: {module}"
            continue
        if module.partition(".")[0] != "mpp_supabase":
            continue
        if module == "mpp_supabase":
            hidden = set(names) - set(mpp_supabase.__all__)
            assert not hidden, f"{where}: {hidden} is not public"
        else:
            assert path.stem == "demo", f"{where}: {module} is not public"


def test_the_services_are_where_they_are_looked_for() -> None:
    assert {path.stem for path in SERVICES} >= NOUNS


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_service_knows_the_transport_and_no_other_service(path: Path) -> None:
    for module, _, line in imports(path):
        assert not module.startswith("mpp_cli"), f"{path.name}:{line}: {module}"
        if path.stem in NOUNS:
            assert module.removeprefix("mpp_supabase.services.") not in NOUNS, f"{path.name}:{line}: {module}"
        if module.startswith("supabase_embedded"):
            assert path.stem == "local_stack", f"{path.name}:{line}: {module}"


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_no_service_writes_sql(path: Path) -> None:
    if not path.stem.startswith("demo"):
        assert "psycopg" not in {module for module, _, _ in imports(path)}
