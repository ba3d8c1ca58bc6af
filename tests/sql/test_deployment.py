"""Deploying to an empty Supabase database, on every version of Postgres, and what the Supabase CLI says of it."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from _pytest.mark import ParameterSet

from mpp_supabase import read_edition_file
from mpp_supabase.local import PostgresServer
from mpp_supabase.local.auth.schema import migrate
from mpp_supabase.local.migrations import apply_migrations
from tests.postgres_versions import MAJORS, ROOT, binaries_of, server_of

from .game import DAY, HOUR, Game

#: Where Debian keeps the one packaged Postgres that has plpgsql_check, which `supabase db lint` needs.
DEBIAN = Path("/usr/lib/postgresql/15"), Path("/usr/share/postgresql/15/extension/plpgsql_check.control")


@dataclass(frozen=True)
class Deployed:
    """A server with two databases: `pushed` got the migrations from the CLI, `loaded` the files of sql/schema."""

    server: PostgresServer
    home: Path

    @property
    def pushed(self) -> str:
        """URL of the first database."""
        return self.server.url()

    @property
    def loaded(self) -> str:
        """URL of the second database."""
        return self.server.url(database="loaded")

    def supabase(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the Supabase CLI on this project, in a home of its own and without telemetry."""
        environment = {**os.environ, "HOME": str(self.home), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}
        return subprocess.run(
            [ROOT / "node_modules/.bin/supabase", *arguments],
            cwd=ROOT, env={**environment, "PGSSLMODE": "disable"}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def push(self) -> subprocess.CompletedProcess[str]:
        """`supabase db push` to the first database."""
        return self.supabase("db", "push", "--yes", f"--remote={self.pushed}")

    def scratch(self, name: str) -> str:
        """URL of a copy of the second database, to be spoilt."""
        with self.server.connect("supabase_admin") as connection:
            connection.execute(f"create database {name} template loaded owner postgres".encode())
        return self.server.url(database=name)

    def difference(self, to: str) -> str:
        """The statements that would turn the first database into another."""
        written = self.home / "difference.sql"
        written.unlink(missing_ok=True)
        done = self.supabase("db", "diff", "--from", self.pushed, "--to", to, "--output", str(written))
        assert done.returncode == 0, done.stdout + done.stderr
        return written.read_text().strip()


def deploy(server: PostgresServer, home: Path) -> Deployed:
    """Push to the first database, which has nothing but Supabase's roles and the tables of Auth."""
    deployed = Deployed(server, home)
    migrate(server.url("supabase_auth_admin"))
    with server.connect("supabase_admin") as connection:
        connection.execute("create database loaded template postgres owner postgres")
    done = deployed.push()
    assert done.returncode == 0, done.stdout + done.stderr
    with server.connect() as connection:
        connection.execute("alter role authenticator set pgrst.db_schemas = 'api'")
    return deployed


def version(major: int) -> ParameterSet:
    """The fixture `deployed` on one version, whose tests share a worker."""
    return pytest.param(major, marks=pytest.mark.xdist_group(f"postgres-{major}"))


@pytest.fixture(scope="module", params=[version(major) for major in MAJORS])
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The two databases on each version of Postgres."""
    with server_of(binaries_of(request.param)) as server:
        assert server.major() == request.param
        deployed = deploy(server, tmp_path_factory.mktemp("home"))
        with psycopg.connect(deployed.loaded) as connection:
            for file in sorted((ROOT / "sql/schema").glob("*.sql")):
                connection.execute(file.read_bytes())
        yield deployed


#: The version of hosted Supabase is enough.
hosted = pytest.mark.parametrize("deployed", [version(17)], indirect=True)


def test_pushing_the_migrations_gives_what_the_schema_gives(deployed: Deployed) -> None:
    assert deployed.difference(deployed.loaded) == ""


def test_the_comparison_sees_a_column_a_grant_and_a_policy(deployed: Deployed) -> None:
    changes = {
        "alter table mpp.team add column colour text": 'ADD COLUMN "colour"',
        "drop policy team_select_authenticated on mpp.team": '"team_select_authenticated"',
        "grant insert on mpp.team to authenticated": "GRANT INSERT",
    }
    changed = deployed.scratch("changed")
    with psycopg.connect(changed) as connection:
        for change in changes:
            connection.execute(change.encode())
    said = deployed.difference(changed)
    for sign in changes.values():
        assert sign in said


def test_a_second_push_and_the_stack_itself_find_nothing_left_to_apply(deployed: Deployed) -> None:
    again = deployed.push()
    assert again.returncode == 0, again.stderr
    assert "Applying migration" not in again.stdout + again.stderr
    assert apply_migrations(deployed.pushed, ROOT / "supabase/migrations") == []


def test_an_edition_of_the_catalogue_is_played_and_proved(deployed: Deployed) -> None:
    with psycopg.connect(deployed.pushed) as db:
        play(Game(db), "adult-2026-06")
        db.rollback()


def play(game: Game, name: str) -> None:
    """Set up an edition of the catalogue, play one challenge of each kind in one team, freeze, and verify."""
    document = read_edition_file(ROOT / f"catalogue/{name}.yaml").document
    starts, ends = (datetime.fromisoformat(document["edition"][key]) for key in ("starts_at", "ends_at"))
    card = {kind: next(c for c in document["challenges"] if c["kind"] == kind)
            for kind in ("standard", "collective", "boost", "hidden", "flash", "malus")}  # fmt: skip

    changes = game.service.table("apply_edition", document=document)
    assert len(changes) >= len(document["challenges"]) >= 95
    assert game.service.table("apply_edition", document=document, dry_run=True) == []
    game.clock(starts - 10 * DAY)
    game.service.call("open_edition", edition_code=name)
    edition = game.one("select id from mpp.edition where code = %s", (name,))
    ids = {row["code"]: row["id"] for row in game.rows(
        "select k.code, c.id from mpp.edition_challenge c join mpp.challenge k on k.id = c.challenge_id"
        " where c.edition_id = %s", (edition,))}  # fmt: skip

    ana = game.registered("ana")
    league = ana.call("create_league", edition_id=edition, name="The first league")
    (code,) = (row["join_code"] for row in ana.view("my_leagues", league_id=league))
    team = ana.view("league_teams", league_id=league)[0]["team_id"]
    players = [ana, *(game.registered() for _ in range(card["collective"]["quorum"] - 1))]
    for player in players[1:]:
        player.call("join_league", join_code=code)
    for player in players:
        player.call("choose_team", team_id=team)
        player.player_id = player.view("my_players", edition_id=edition)[0]["player_id"]

    def validate(player, kind):
        return player.call(
            "validate_challenge", player_id=player.player_id, challenge_id=ids[card[kind]["code"]],
            request_key=uuid.uuid4(), proof_sent=True,
        )  # fmt: skip

    game.clock(starts + HOUR)
    validate(ana, "standard")
    validate(ana, "malus")
    assert {validate(player, "collective")["state"] for player in players[:-1]} == {"pending"}
    assert validate(players[-1], "collective")["state"] == "credited"
    assert ana.call("unlock_challenge", edition_id=edition, word=card["hidden"]["secret"])["unlocked"]
    validate(ana, "hidden")
    for kind in ("boost", "flash"):
        game.clock(datetime.fromisoformat(card[kind]["window"]["from"]))
        receipt = validate(ana, kind)
    expected = {kind: one["points"] * (one["factor"] or 1) for kind, one in card.items()}
    assert receipt["player_points"] == sum(expected.values())

    game.clock(ends)
    game.service.call("freeze_edition", edition_code=name)
    with game.refused("MP022", "MP024"):
        validate(players[1], "standard")
    assert game.service.table("verify_scores", edition_code=None) == []
    (row,) = game.anon.view("league_ranking", edition_id=edition)
    assert row["points"] == sum(expected.values()) + (len(players) - 1) * expected["collective"]
    assert (row["rank"], row["players"]) == (1, len(players))
    first = game.anon.view("player_ranking", edition_id=edition, rank=1)
    assert [line["label"] for line in first] == ["ana"]


@hosted
def test_the_advisors_find_nothing(deployed: Deployed) -> None:
    done = deployed.supabase("db", "advisors", "--fail-on", "warn", f"--remote={deployed.pushed}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr


# The CLI tells the advisors to look where api.schemas of supabase/config.toml says.
@hosted
def test_the_advisors_look_at_the_exposed_schema(deployed: Deployed) -> None:
    faults = {
        "create view api.leak as select * from mpp.profile": ("security_definer_view", "`api.leak`"),
        "create table api.bare (id integer primary key)": ("rls_disabled_in_public", "`api.bare`"),
        "create function api.loose() returns void language sql as ''": ("function_search_path_mutable", "`api.loose`"),
    }
    url = deployed.scratch("faulty")
    with psycopg.connect(url) as connection:
        for fault in faults:
            connection.execute(fault.encode())
        connection.execute("grant select on api.leak, api.bare to anon")
    done = deployed.supabase("db", "advisors", "--fail-on", "warn", f"--remote={url}")
    assert done.returncode == 1
    found = json.loads(done.stdout[done.stdout.index("[\n") : done.stdout.rindex("]") + 1])
    said = {each["name"]: each["detail"] for each in found}
    for name, where in faults.values():
        assert where in said[name]


@pytest.mark.filterwarnings("default::pytest.PytestWarning")
def test_the_linter_of_plpgsql_finds_nothing_but_what_is_wrong(tmp_path: Path) -> None:
    binaries, extension = DEBIAN
    if not extension.exists():
        warnings.warn(
            pytest.PytestWarning(
                f"`supabase db lint` was not run: it needs plpgsql_check, and {extension} is not there "
                "(Debian: apt-get install postgresql-15 postgresql-15-plpgsql-check)."
            ),
            stacklevel=1,
        )
        return
    with server_of(binaries) as server:
        with server.connect("supabase_admin") as connection:
            connection.execute("create extension plpgsql_check schema extensions")
        deployed = deploy(server, tmp_path)
        done = lint(deployed)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "No schema errors found" in done.stdout + done.stderr
        with server.connect() as connection:
            connection.execute(
                "create function private.lost() returns void language plpgsql set search_path = '' as"
                " $$ begin update mpp.team set no_such_column = 1; end $$"
            )
        done = lint(deployed)
        assert done.returncode == 1
        assert "no_such_column" in done.stdout


def lint(deployed: Deployed) -> subprocess.CompletedProcess[str]:
    """`supabase db lint` of our schemas."""
    return deployed.supabase(
        "db",
        "lint",
        "--schema",
        "api,private,mpp",
        "--level",
        "warning",
        "--fail-on",
        "warning",
        f"--remote={deployed.pushed}",
    )
