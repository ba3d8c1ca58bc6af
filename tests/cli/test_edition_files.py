"""A broken edition file is answered with file, line, field and fix, and the database does not change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpp_cli.exits import Exit
from mpp_supabase import parse_edition
from tests.support import ROOT
from tests.support.world import World

from .conftest import Mpp

FILES = sorted((Path(__file__).parent / "broken_editions").glob("*.yaml"))
LINE = re.compile(r"(?P<file>[\w]+\.yaml):(?P<line>\d+):(?P<column>\d+): (?P<problem>.+) — (?P<fix>.+)")
NO_FIELD = {"empty", "not_utf8", "nul_byte", "only_a_list", "tab_indentation", "two_documents", "unclosed_bracket"}
"""Files that break before there is a field to name."""


def test_there_are_at_least_24_broken_files_each_with_its_answer() -> None:
    assert len(FILES) >= 24
    assert all(file.with_suffix(".expected").exists() for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_file_is_answered_line_by_line(file: Path, mpp: Mpp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    # Nothing is sent for a broken file, not even to a server that is not there.
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
    ended = mpp("edition", "apply", file.name, "--yes")
    expected = file.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    *answered, last = ended.err.splitlines()
    assert ended.code == Exit.FILE_INVALID
    assert ended.out == ""
    assert answered == expected
    assert "nothing was changed" in last
    for line in answered:
        found = LINE.fullmatch(line)
        assert found is not None, line
        assert found["file"] == file.name
        assert file.stem in NO_FIELD or re.match(r"[\w.\[\]#-]+: ", found["problem"]), line


def test_no_broken_file_changes_the_database(mpp: Mpp, world: World) -> None:
    before = world.fingerprint()
    for file in FILES:
        assert mpp("edition", "apply", file, "--yes").code == Exit.FILE_INVALID
    assert world.fingerprint() == before


def test_the_example_of_the_documentation_is_a_valid_file() -> None:
    documentation = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", documentation, re.DOTALL)
    document = parse_edition(example).document
    assert [challenge["kind"] for challenge in document["challenges"]] == ["standard", "collective", "boost", "hidden"]
