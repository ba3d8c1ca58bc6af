"""The replica: it follows the primary, answers what only reads, and gives way where it cannot."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from mpp_cli.stack import app as stack_commands
from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, Stack, StackStatus
from supabase_embedded.gateway.app import MOST_BEHIND
from supabase_embedded.gateway.replica import Lag
from supabase_embedded.state import State
from tests.conftest import choosing_ports, session_directory
from tests.embedded.conftest import MIGRATION
from tests.support.stack_tools import alive_below, processes_of
from tests.support.waiting import LIMIT, wait_until

WHO_ANSWERS = """
create function api.by_replica() returns boolean language sql stable set search_path = ''
return pg_catalog.pg_is_in_recovery();
"""


@pytest.fixture(scope="module")
def supabase(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project, with a function that says which database answers."""
    path = tmp_path_factory.mktemp("supabase")
    (path / "migrations").mkdir()
    (path / "migrations" / "20260101000000_probe.sql").write_text(MIGRATION + WHO_ANSWERS)
    (path / "config.toml").write_text('[api]\nschemas = ["api"]\nextra_search_path = []\n')
    return path


@pytest.fixture(scope="module")
def replicated(supabase: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with a replica."""
    home = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    with choosing_ports(session_directory(tmp_path_factory)):
        stack = Stack(stack_settings(home=home, supabase=supabase), Ports.free())
        stack.start(replica=True)
    yield stack
    stack.reset()
    shutil.rmtree(home)


@pytest.fixture
def status(replicated: Stack) -> StackStatus:
    """Its status once the gateway knows that the replica follows."""
    replicated.start(replica=True)
    wait_until(lambda: replica_of(replicated)["serves"], lambda: replicated.status())
    found = replicated.status()
    assert found is not None
    assert found.running
    return found


@pytest.fixture
def api(status: StackStatus) -> Iterator[httpx.Client]:
    """A client of the Data API with the secret key."""
    headers = {"apikey": status.env()["SECRET_KEY"], "user-agent": "tests"}
    with httpx.Client(base_url=f"{status.api_url}/rest/v1", headers=headers, timeout=LIMIT) as client:
        yield client


def replica_of(stack: Stack) -> dict[str, Any]:
    found = stack.status()
    assert found is not None
    return {"serves": False, "seconds_behind": None} if found.replica is None else vars(found.replica)


def by_replica(api: httpx.Client) -> bool:
    answer = api.get("/rpc/by_replica")
    assert answer.status_code == 200, answer.text
    said: bool = answer.json()
    return said


def notes(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        return [body for (body,) in connection.execute("select body from api.note order by id")]


def kill(stack: Stack, *names: str) -> None:
    """End services without the supervisor, who would start them again before we look."""
    found = [processes_of(stack)[name] for name in ("supervisor", *names)]
    for one in found:
        one.signal(signal.SIGKILL)
    wait_until(lambda: not any(one.alive for one in found))


def test_a_row_written_on_the_primary_appears_on_the_standby_where_nobody_writes(status: StackStatus) -> None:
    replica = status.env()["REPLICA_DB_URL"]
    with psycopg.connect(status.db_url, autocommit=True) as connection:
        connection.execute("insert into api.note (body) values ('followed')")
    wait_until(lambda: "followed" in notes(replica))
    with psycopg.connect(replica) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("insert into api.note (body) values ('astray')")
    assert "astray" not in notes(status.db_url)


def test_the_replica_answers_what_only_reads_and_the_primary_everything_else(
    status: StackStatus, api: httpx.Client
) -> None:
    assert by_replica(api)
    assert api.head("/rpc/by_replica").status_code == 200
    assert api.post("/rpc/by_replica").json() is False
    written = api.post("/note", json={"body": "written"}, headers={"prefer": "return=representation"})
    assert written.status_code == 201
    mine = {"id": f"eq.{written.json()[0]['id']}"}
    wait_until(lambda: len(api.get("/note", params=mine).json()) == 1)
    assert api.patch("/note", params=mine, json={"body": "changed"}).status_code == 204
    wait_until(lambda: api.get("/note", params=mine).json()[0]["body"] == "changed")
    assert api.delete("/note", params=mine).status_code == 204
    wait_until(lambda: api.get("/note", params=mine).json() == [])


@pytest.mark.parametrize("dead", [("postgrest_replica",), ("replica",), ("replica", "postgrest_replica")])
def test_reads_and_writes_go_on_when_the_standby_dies_and_it_serves_again_afterwards(
    replicated: Stack, status: StackStatus, api: httpx.Client, dead: tuple[str, ...]
) -> None:
    kill(replicated, *dead)
    for _ in range(3):
        assert not by_replica(api)
    assert api.post("/note", json={"body": "meanwhile"}).status_code == 201
    assert "meanwhile" in [row["body"] for row in api.get("/note").json()]
    replicated.start(replica=True)
    wait_until(lambda: by_replica(api), lambda: replicated.status())
    wait_until(lambda: "meanwhile" in notes(status.env()["REPLICA_DB_URL"]))


def test_a_standby_that_hangs_is_not_asked(replicated: Stack, api: httpx.Client) -> None:
    processes_of(replicated)["postgrest_replica"].signal(signal.SIGSTOP)
    try:
        assert not by_replica(api)
    finally:
        processes_of(replicated)["postgrest_replica"].signal(signal.SIGCONT)
    assert by_replica(api)


def test_a_standby_that_is_too_far_behind_is_not_asked(
    replicated: Stack, status: StackStatus, api: httpx.Client
) -> None:
    passwords = State.read(replicated.home).data["postgres"]["passwords"]
    owner = f"postgresql://supabase_admin:{passwords['supabase_admin']}@127.0.0.1:{status.ports.replica}/postgres"
    with psycopg.connect(owner, autocommit=True) as standby:
        standby.execute("select pg_wal_replay_pause()")
        wait_until(lambda: standby.execute("select pg_get_wal_replay_pause_state()").fetchone() == ("paused",))
        try:
            assert api.post("/note", json={"body": "unseen"}).status_code == 201
            assert by_replica(api), "it is behind, and not too far"
            wait_until(lambda: "unseen" in [row["body"] for row in api.get("/note").json()])
            assert not by_replica(api)
            behind = replica_of(replicated)
            assert not behind["serves"]
            assert behind["seconds_behind"] >= MOST_BEHIND
            assert behind["bytes_behind"] > 0
        finally:
            standby.execute("select pg_wal_replay_resume()")
    wait_until(lambda: by_replica(api))
    wait_until(lambda: replica_of(replicated)["bytes_behind"] == 0)


def test_reads_go_on_when_the_primary_dies(replicated: Stack, api: httpx.Client) -> None:
    kill(replicated, "postgres", "postgrest")
    assert by_replica(api)
    wait_until(lambda: replica_of(replicated)["seconds_behind"] is None)
    assert by_replica(api), "what is there is better than nothing"
    assert api.post("/note", json={"body": "lost"}).status_code == 503


def test_the_replica_learns_what_changes_in_the_schema(status: StackStatus, api: httpx.Client) -> None:
    with psycopg.connect(status.db_url, autocommit=True) as connection:
        connection.execute(
            "create function api.newborn() returns boolean language sql stable set search_path = '' "
            "return pg_catalog.pg_is_in_recovery()"
        )
        wait_until(lambda: api.get("/rpc/newborn").text == "true")
        connection.execute("drop function api.newborn()")
        wait_until(lambda: api.get("/rpc/newborn").status_code == 404)


def test_the_status_says_how_far_behind_the_replica_is(
    replicated: Stack, status: StackStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPP_HOME", str(replicated.home))
    wait_until(lambda: replica_of(replicated)["bytes_behind"] == 0)
    shown = CliRunner().invoke(stack_commands, ["status"])
    assert shown.exit_code == 0
    assert "The replica is 0.0 s (0 bytes of the log) behind and answers reads." in shown.stdout
    printed = json.loads(CliRunner().invoke(stack_commands, ["status", "--json"]).stdout)
    assert printed["REPLICA"] == {"serves": True, "seconds_behind": 0.0, "bytes_behind": 0}
    assert printed["REPLICA_DB_URL"] == status.env()["REPLICA_DB_URL"]
    with psycopg.connect(printed["REPLICA_DB_URL"]) as connection:
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (True,)


def test_the_passwords_of_the_replica_are_in_no_log_and_no_process_list(replicated: Stack, status: StackStatus) -> None:
    state = State.read(replicated.home)
    passwords = state.data["postgres"]["passwords"].values()
    written = [path.read_text(errors="replace") for path in replicated.logs.glob("*replica*.log")]
    assert len(written) == 2
    for service in status.services:
        written.append(Path(f"/proc/{service.pid}/cmdline").read_text(errors="replace"))
    assert not [password for password in passwords for text in written if password in text]
    data = Path(state.data["postgres"]["data"]).with_name("replica")
    assert data.stat().st_mode & 0o777 == 0o700
    for private in (data / "replication.pgpass", replicated.home / "postgrest_replica.conf"):
        assert private.stat().st_mode & 0o777 == 0o600


def test_a_replica_goes_on_after_a_pause_is_copied_anew_when_it_cannot_and_goes_when_it_is_not_wanted(
    new_stack: Callable[..., Stack], supabase: Path
) -> None:
    stack = new_stack(supabase=supabase)
    first = stack.start(replica=True)
    replica = first.env()["REPLICA_DB_URL"]
    data = Path(State.read(stack.home).data["postgres"]["data"]).with_name("replica")

    def write(body: str) -> None:
        with psycopg.connect(first.db_url, autocommit=True) as connection:
            connection.execute("insert into api.note (body) values (%s)", [body])

    def slots() -> list[tuple[str]]:
        with psycopg.connect(first.db_url) as connection:
            return connection.execute("select slot_name from pg_replication_slots").fetchall()

    write("before")
    copied = (data / "standby.signal").stat().st_ino
    stack.stop()
    assert alive_below(data) == []
    assert stack.start(replica=True).running
    write("between")
    wait_until(lambda: notes(replica) == ["before", "between"])
    assert (data / "standby.signal").stat().st_ino == copied, "nothing was copied again"

    # The log that it needs is gone.
    kill(stack, "replica")
    with psycopg.connect(first.db_url, autocommit=True) as connection:
        wait_until(
            lambda: connection.execute("select from pg_replication_slots where not active").fetchone() is not None
        )
        connection.execute("select pg_drop_replication_slot('replica')")
    write("missed")
    assert stack.start(replica=True).running
    wait_until(lambda: notes(replica) == ["before", "between", "missed"])

    assert slots() == [("replica",)]
    stack.stop()
    without = stack.start()
    assert [service.name for service in without.services if "replica" in service.name] == []
    assert "REPLICA_DB_URL" not in without.env()
    assert slots() == []
    assert not data.exists()


def test_a_standby_is_behind_since_it_first_heard_of_what_it_has_not_reached() -> None:
    lag = Lag()
    assert lag.seconds is None, "nobody has been asked"
    lag.heard(0, 100, 100, idle=0)
    assert (lag.seconds, lag.bytes) == (0, 0)
    lag.heard(3600, 100, 100, idle=3600)
    assert lag.seconds == 0, "a primary where nobody writes leaves nobody behind"
    lag.heard(3601, 200, 100, idle=3601)
    assert (lag.seconds, lag.bytes) == (0, 100)
    lag.heard(3603, 300, 150, idle=2)
    assert (lag.seconds, lag.bytes) == (2, 150)
    lag.heard(3604, 300, 250, idle=0)
    assert lag.seconds == 1, "what it lacks was written one second ago"
    lag.heard(3605, 300, 300, idle=0)
    assert (lag.seconds, lag.bytes) == (0, 0)
    lag.heard(3606, None, 300, idle=0)
    assert lag.seconds is lag.bytes is None, "without a primary nothing is known"
    lag.heard(3607, 900, 300, idle=40)
    assert lag.seconds == 40, "at most since it replayed last"
