"""`mpp stack …` as people and scripts use it, on the running probe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mpp_cli.stack import app
from mpp_supabase.project import find_project
from supabase_embedded import Stack, StackError, StackStatus

NAMES = {
    "API_URL",
    "REST_URL",
    "FUNCTIONS_URL",
    "DB_URL",
    "PUBLISHABLE_KEY",
    "SECRET_KEY",
    "ANON_KEY",
    "SERVICE_ROLE_KEY",
    "JWT_SECRET",
    "MAILPIT_URL",
}


@pytest.fixture
def mpp_stack(probe: Stack, running: StackStatus, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A runner whose commands mean the probe."""
    monkeypatch.setenv("MPP_HOME", str(probe.home))
    return CliRunner()


def test_status_as_json_has_the_names_of_supabase_status(mpp_stack: CliRunner, running: StackStatus) -> None:
    result = mpp_stack.invoke(app, ["status", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == running.env()
    assert set(running.env()) == NAMES


def test_status_names_each_service_with_its_port_and_shows_every_key_whole(
    mpp_stack: CliRunner, running: StackStatus
) -> None:
    result = mpp_stack.invoke(app, ["status"])
    assert result.exit_code == 0
    for service in running.services:
        assert re.search(rf"{service.name}\s+{service.port}\s+{service.pid}\s+running", result.stdout)
    for name, value in running.env().items():
        assert re.search(rf"^{name} +{re.escape(value)}$", result.stdout, re.MULTILINE)


def test_a_hosted_project_is_told_to_confirm_addresses_and_the_local_one_does_it_by_itself(
    running: StackStatus,
) -> None:
    auth = tomllib.loads((find_project().supabase / "config.toml").read_text(encoding="utf-8"))["auth"]
    assert auth["email"]["enable_confirmations"] is True
    assert auth["email"]["double_confirm_changes"] is True
    assert auth["minimum_password_length"] >= 10
    asked = urllib.request.Request(
        f"{running.api_url}/auth/v1/settings", headers={"apikey": running.env()["PUBLISHABLE_KEY"]}
    )
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer)["mailer_autoconfirm"] is True


def test_status_of_a_stopped_stack_says_so_and_fails(
    stopped: Stack, monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    monkeypatch.setenv("MPP_HOME", str(stopped.home))
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 3
    assert "not running" in result.stderr
    monkeypatch.setenv("MPP_HOME", str(directory))
    for command in ("status", "env"):
        result = CliRunner().invoke(app, [command])
        assert (result.exit_code, result.stdout) == (3, "")
        assert "mpp stack start" in result.stderr
    assert "was not running" in CliRunner().invoke(app, ["stop"]).stderr


def test_starting_again_says_it_runs(mpp_stack: CliRunner, running: StackStatus) -> None:
    result = mpp_stack.invoke(app, ["start"])
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"already running at {running.api_url}" in result.stderr
    assert "stop it first" in mpp_stack.invoke(app, ["start", "--port-base", "5000"]).stderr


def test_env_can_be_evaluated_by_a_shell_and_read_as_dotenv(mpp_stack: CliRunner, running: StackStatus) -> None:
    exported = mpp_stack.invoke(app, ["env"]).stdout
    script = f'{exported}\nprintf \'%s|%s|%s\' "$SUPABASE_URL" "$SUPABASE_SECRET_KEY" "$DB_URL"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    values = running.env()
    assert shown.split("|") == [values["API_URL"], values["SECRET_KEY"], values["DB_URL"]]
    dotenv = dict(line.split("=", 1) for line in mpp_stack.invoke(app, ["env", "--dotenv"]).stdout.splitlines())
    assert set(dotenv) > NAMES | {"SUPABASE_PUBLISHABLE_KEY", "SUPABASE_DB_URL"}
    assert dotenv["SUPABASE_PUBLISHABLE_KEY"] == values["PUBLISHABLE_KEY"]


def test_logs_show_the_last_lines_of_one_service_or_of_all(mpp_stack: CliRunner) -> None:
    one = mpp_stack.invoke(app, ["logs", "postgres", "-n", "2"])
    assert one.exit_code == 0
    assert len(one.stdout.splitlines()) == 2
    all_of_them = mpp_stack.invoke(app, ["logs"]).stdout
    assert " postgres | " in all_of_them
    assert "postgrest | " in all_of_them
    unknown = mpp_stack.invoke(app, ["logs", "redis"])
    assert isinstance(unknown.exception, StackError)
    assert "postgrest" in unknown.exception.hint


def test_logs_can_be_followed(probe: Stack, running: StackStatus) -> None:
    script = "import sys; from mpp_cli.stack import app; app(args=['logs', 'mailbox', '-f', '-n', '0'])"
    following = subprocess.Popen(
        [sys.executable, "-c", script],
        env={"MPP_HOME": str(probe.home), "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert following.stdout is not None
        import threading

        stop = threading.Event()

        def write() -> None:
            # Again and again: the follower begins at an unknown moment.
            while not stop.wait(0.1):
                with (probe.logs / "mailbox.log").open("a") as log:
                    log.write("a line written later\n")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert following.stdout.readline() == "a line written later\n"
        finally:
            stop.set()
            writer.join()
    finally:
        following.terminate()
        following.wait()
        following.stdout.close()


def test_reset_asks_first(mpp_stack: CliRunner, probe: Stack) -> None:
    result = mpp_stack.invoke(app, ["reset"], input="n\n")
    assert result.exit_code != 0
    status = probe.status()
    assert status is not None
    assert status.running


def test_a_stack_is_reset_stopped_and_started_by_command(
    directory: Path, supabase_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPP_HOME", str(directory / "home"))
    result = CliRunner().invoke(app, ["reset", "--yes"])
    assert result.exit_code == 0
    assert "is gone" in result.stderr
