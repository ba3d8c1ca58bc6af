"""The embedded Supabase stands alone: it names nothing of the game, imports nothing of it, and serves any project."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import supabase_embedded
from supabase_embedded import Ports
from tests.support import ROOT

PACKAGE = ROOT / "supabase_embedded"
SOURCES = sorted(path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")
#: `challenge` and `class` are words of PKCE and of Python too.
OF_THE_GAME = re.compile(
    r"mpp|petite|plan[eè]te|\b(game|edition|league|ambassador|player|pupil|teacher|school|ranking|validation)s?\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_source_has_a_word_of_the_game(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if OF_THE_GAME.search(line)] == []


def test_nothing_of_the_game_is_imported() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            roots = {module.partition(".")[0] for module in modules}
            assert not roots & {"mpp_supabase", "mpp_cli", "tests", "bench", "docs"}, f"{path.name}:{node.lineno}"


def test_the_public_names_are_these() -> None:
    assert supabase_embedded.__all__ == [
        "Ports",
        "PostgresServer",
        "ReplicaStatus",
        "ServiceStatus",
        "Stack",
        "StackError",
        "StackSettings",
        "StackStatus",
        "running_stack",
    ]
    for name in supabase_embedded.__all__:
        assert getattr(supabase_embedded, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        supabase_embedded.nothing  # noqa: B018


def test_a_project_of_one_table_is_served_by_its_public_names_alone(directory: Path) -> None:
    migrations = directory / "supabase" / "migrations"
    migrations.mkdir(parents=True)
    (directory / "supabase" / "config.toml").write_text('[api]\nschemas = ["public"]\n')
    (migrations / "1_note.sql").write_text(
        "create table public.note (body text primary key);"
        "alter table public.note enable row level security;"
        "grant all on public.note to service_role;"
    )
    program = """
        import json, sys, urllib.request
        from pathlib import Path
        from supabase_embedded import Ports, Stack, StackSettings, running_stack

        place, root, ports = Path(sys.argv[1]), Path(sys.argv[2]), Ports(**json.loads(sys.argv[3]))
        settings = StackSettings(supabase=place / "supabase", packages=root, installed=root)
        stack = Stack(settings, ports)
        try:
            status = stack.start()
            headers = {"apikey": status.env()["SECRET_KEY"], "content-type": "application/json"}
            url = f"{status.api_url}/rest/v1/note"
            urllib.request.urlopen(urllib.request.Request(url, b'{"body": "hello"}', headers)).close()
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                rows = json.load(answer)
            running = running_stack(settings).running
            stack.stop()
            print(json.dumps([rows, running, running_stack(settings), str(stack.home)]))
        finally:
            stack.reset()
        assert not {name for name in sys.modules if name.startswith("mpp")}
    """
    ports = json.dumps(Ports.free().__dict__)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(directory), str(ROOT), ports],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[{"body": "hello"}], True, None, str(directory / ".stack")]
