"""supabase/migrations: what was released stays, and what is new comes later. What they make: test_deployment."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import ROOT

MIGRATIONS = ROOT / "supabase/migrations"


def git(repository: Path, *arguments: str) -> str:
    """What git says; nothing where there is no repository."""
    command = ["git", "-c", "user.name=tests", "-c", "user.email=tests@example.org", *arguments]
    # In a hook, git's own variables would send this to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False).stdout


def rewritten(repository: Path, directory: str) -> list[str]:
    """What is wrong with the migrations of a checkout next to those of its releases (tags v1, v1.2…)."""
    faults = []
    now = {path.name for path in (repository / directory).glob("*.sql")}
    for tag in git(repository, "tag", "--list", "v[0-9]*").split():
        for line in git(repository, "diff", "--no-renames", "--name-status", tag, "--", directory).splitlines():
            kind, path = line.split("\t")
            if kind != "A":
                faults.append(f"{Path(path).name} was released in {tag} and is {'gone' if kind == 'D' else 'changed'}")
        then = {Path(path).name for path in git(repository, "ls-tree", "--name-only", tag, f"{directory}/").split()}
        newest = max(then, default="")
        faults += [f"{name} sorts before {newest} of {tag}" for name in sorted(now - then) if name < newest]
    return faults


def test_every_migration_is_named_by_the_time_it_was_made() -> None:
    files = sorted(path.name for path in MIGRATIONS.iterdir())
    versions = []
    for name in files:
        match = re.fullmatch(r"(\d{14})_[a-z0-9_]+\.sql", name)
        assert match, f"{name} is not YYYYMMDDhhmmss_what_it_does.sql"
        datetime.strptime(match[1], "%Y%m%d%H%M%S")
        versions.append(match[1])
    assert versions
    assert len(set(versions)) == len(versions), "two migrations have the same version"


def test_before_the_first_release_the_one_migration_is_the_schema() -> None:
    if git(ROOT, "tag", "--list", "v[0-9]*").split():
        return  # From then on a migration is the difference: test_deployment.py compares what they make.
    (baseline,) = MIGRATIONS.glob("*.sql")
    schema = b"".join(path.read_bytes() for path in sorted((ROOT / "sql/schema").glob("*.sql")))
    assert baseline.read_bytes() == schema, "run `make baseline`"


def test_what_was_released_is_not_rewritten() -> None:
    assert rewritten(ROOT, "supabase/migrations") == []


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A repository with one migration in its release v1, and a later one since."""
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    git(tmp_path, "init", "--quiet")
    (migrations / "20260101000000_first.sql").write_text("select 1;\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    git(tmp_path, "tag", "v1")
    (migrations / "20260301000000_third.sql").write_text("select 3;\n")
    git(tmp_path, "add", ".")
    assert rewritten(tmp_path, "migrations") == []
    return tmp_path


def test_a_released_migration_that_changes_is_noticed(released: Path) -> None:
    (released / "migrations/20260101000000_first.sql").write_text("select 2;\n")
    assert rewritten(released, "migrations") == ["20260101000000_first.sql was released in v1 and is changed"]


def test_a_released_migration_that_disappears_is_noticed(released: Path) -> None:
    (released / "migrations/20260101000000_first.sql").unlink()
    assert rewritten(released, "migrations") == ["20260101000000_first.sql was released in v1 and is gone"]


def test_a_migration_slipped_in_before_a_released_one_is_noticed(released: Path) -> None:
    (released / "migrations/20251201000000_earlier.sql").write_text("select 0;\n")
    git(released, "add", ".")
    assert rewritten(released, "migrations") == [
        "20251201000000_earlier.sql sorts before 20260101000000_first.sql of v1"
    ]
