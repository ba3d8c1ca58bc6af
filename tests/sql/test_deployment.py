"""Deploying to an empty Supabase database, on every version of Postgres, and what the Supabase CLI says of it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mpp_supabase import read_edition_file
from supabase_embedded import PostgresServer
from supabase_embedded.auth.schema import migrate
from supabase_embedded.migrations import apply_migrations
from tests.support import ROOT
from tests.support.game import DAY, HOUR, Game
from tests.support.loaded_postgres import copy_database
from tests.support.postgres_versions import MAJORS, binaries_of, server_of

#: Where Debian keeps the one packaged Postgres that has plpgsql_check, which `supabase db lint` needs.
DEBIAN = Path("/usr/lib/postgresql/15"), Path("/usr/share/postgresql/15/extension/plpgsql_check.control")


#: Changes to a database, and the statements with which the comparison of schemas tells them.
CHANGES = {
    "alter table mpp.team add column colour text": ['ALTER TABLE "mpp"."team" ADD COLUMN "colour" text'],
    "grant insert on mpp.team to authenticated": [
        'REVOKE ALL ON TABLE "mpp"."team" FROM "authenticated"',
        'GRANT INSERT, SELECT ON TABLE "mpp"."team" TO "authenticated"',
    ],
    "drop policy team_select_authenticated on mpp.team": ['DROP POLICY "team_select_authenticated" ON "mpp"."team"'],
}


@dataclass(frozen=True)
class Deployment:
    """A server with Supabase's roles and the tables of Auth, on which the Supabase CLI works for this project."""

    server: PostgresServer
    home: Path

    def supabase(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the Supabase CLI on this project, in a home of its own and without telemetry."""
        environment = {**os.environ, "HOME": str(self.home), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}
        return subprocess.run(
            [ROOT / "node_modules/.bin/supabase", *arguments],
            cwd=ROOT, env={**environment, "PGSSLMODE": "disable"}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def push(self) -> str:
        """`supabase db push` to the database `postgres`; returns what it said."""
        done = self.supabase("db", "push", "--yes", f"--remote={self.server.url()}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def differences(self, to: str) -> set[str]:
        """The statements that would turn the database `postgres` into another, each on one line."""
        written = self.home / "difference.sql"
        done = self.supabase("db", "diff", "--from", self.server.url(), "--to", to, "--output", str(written))
        assert done.returncode == 0, done.stdout + done.stderr
        return {" ".join(statement.split()) for statement in written.read_text().split(";") if statement.strip()}


@contextlib.contextmanager
def empty_project(binaries: Path, home: Path) -> Iterator[Deployment]:
    """What Supabase gives: no migration is applied yet, and PostgREST is told what it will expose."""
    with server_of(binaries) as server:
        migrate(server.url("supabase_auth_admin"))
        with server.connect() as connection:
            connection.execute("alter role authenticator set pgrst.db_schemas = 'api'")
        yield Deployment(server, home)


@pytest.mark.parametrize("major", MAJORS)
def test_what_is_pushed_is_what_the_schema_says_and_it_plays(major: int, tmp_path: Path) -> None:
    with empty_project(binaries_of(major), tmp_path) as deployment:
        assert deployment.server.major() == major
        loaded = copy_database(deployment.server, "loaded")
        with psycopg.connect(loaded) as connection:
            for file in sorted((ROOT / "sql/schema").glob("*.sql")):
                connection.execute(file.read_bytes())
        assert "Applying migration" in deployment.push()

        assert what_storage_has(deployment.server.url()) == what_storage_has(loaded)
        # A database that differs in three things, and in nothing else: a silent comparison would not say that it looks.
        with psycopg.connect(loaded) as connection:
            for change in CHANGES:
                connection.execute(change.encode())
        assert deployment.differences(loaded) == {told for all_told in CHANGES.values() for told in all_told}
        assert "Applying migration" not in deployment.push()
        assert apply_migrations(deployment.server.url(), ROOT / "supabase/migrations") == []
        with psycopg.connect(deployment.server.url()) as db:
            play(Game(db), "adult-2026-06")
            db.rollback()


def what_storage_has(url: str) -> list[tuple[Any, ...]]:
    """Buckets, and our policies and triggers on the tables of Storage, which the comparison of schemas leaves out."""
    with psycopg.connect(url) as db:
        found = db.execute(
            "select policyname, tablename, permissive, roles, cmd, qual, with_check from pg_policies"
            " where schemaname = 'storage' order by 1"
        ).fetchall()
        assert found
        found += db.execute(
            "select pg_get_triggerdef(t.oid) from pg_trigger t"
            " where tgrelid in ('storage.objects'::regclass, 'auth.users'::regclass) and not tgisinternal order by 1"
        ).fetchall()
        found += db.execute(
            "select id, name, public, file_size_limit, allowed_mime_types from storage.buckets order by id"
        ).fetchall()
    return found


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


def test_the_advisors_find_nothing_in_api_but_what_is_wrong(tmp_path: Path) -> None:
    faults = {
        "create view api.leak as select * from mpp.profile": ("security_definer_view", "`api.leak`"),
        "create table api.bare (id integer primary key)": ("rls_disabled_in_public", "`api.bare`"),
        "create function api.loose() returns void language sql as ''": ("function_search_path_mutable", "`api.loose`"),
    }
    with empty_project(binaries_of(17), tmp_path) as deployment:
        deployment.push()
        # The CLI has the advisors look at api.schemas of supabase/config.toml.
        command = "db", "advisors", "--fail-on", "warn", f"--remote={deployment.server.url()}"
        done = deployment.supabase(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "No issues found" in done.stdout + done.stderr

        with deployment.server.connect() as connection:
            for fault in faults:
                connection.execute(fault.encode())
            connection.execute("grant select on api.leak, api.bare to anon")
        done = deployment.supabase(*command)
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
    with empty_project(binaries, tmp_path) as deployment:
        with deployment.server.connect("supabase_admin") as connection:
            connection.execute("create extension plpgsql_check schema extensions")
        deployment.push()
        command = "db", "lint", "--schema", "api,private,mpp", "--level", "warning", "--fail-on", "warning"
        done = deployment.supabase(*command, f"--remote={deployment.server.url()}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "No schema errors found" in done.stdout + done.stderr

        with deployment.server.connect() as connection:
            connection.execute(
                "create function private.lost() returns void language plpgsql set search_path = pg_catalog, pg_temp as"
                " $$ begin update mpp.team set no_such_column = 1; end $$"
            )
        done = deployment.supabase(*command, f"--remote={deployment.server.url()}")
        assert done.returncode == 1
        assert "no_such_column" in done.stdout
