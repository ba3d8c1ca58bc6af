"""The tables of `auth`, which the project's own tables refer to."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from supabase_embedded.auth.environment import auth_environment
from supabase_embedded.keys import Keys
from supabase_embedded.postgres.server import PostgresServer

from .conftest import SITE, AuthServer, auth_command, copy_database, run_once

KEPT = (
    *("users", "identities", "sessions", "refresh_tokens", "one_time_tokens", "flow_state"),
    *("mfa_amr_claims", "mfa_factors", "mfa_challenges"),
)

_COLUMNS = """
    select table_name, ordinal_position, column_name, udt_name, is_nullable, is_generated, character_maximum_length
    from information_schema.columns where table_schema = 'auth' and table_name = any(%s) order by 1, 2
"""
# Postgres 18 names not-null constraints too; what counts are keys and references.
_CONSTRAINTS = """
    select conrelid::regclass::text, contype::text, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'auth'::regnamespace and conrelid::regclass::text = any(%s) and contype in ('p', 'u', 'f')
    and confrelid::regclass::text <> 'auth.oauth_clients' order by 1, 2, 3
"""


def test_the_tables_are_the_real_servers(
    postgres: PostgresServer, database: str, backend: str, auth: AuthServer, signing_keys: Keys, directory: Path
) -> None:
    if not os.environ.get("MPP_AUTH_BIN"):
        # Without the real server there is nothing to compare with, except that every table is there.
        found = auth.rows("select tablename from pg_tables where schemaname = 'auth' order by 1")
        assert [name for (name,) in found] == sorted(KEPT)
        return
    other = "ours" if backend == "real" else "real"
    name = f"auth_{backend}_compared"
    copy_database(postgres, name)
    _migrate(postgres, name, other, signing_keys, directory)
    tables = [f"auth.{table}" for table in KEPT]
    with postgres.connect("supabase_admin", name) as connection:
        columns = connection.execute(_COLUMNS, [list(KEPT)]).fetchall()
        constraints = connection.execute(_CONSTRAINTS, [tables]).fetchall()
    assert columns == auth.rows(_COLUMNS, list(KEPT))
    assert constraints == auth.rows(_CONSTRAINTS, tables)


def test_migrating_again_changes_nothing(
    postgres: PostgresServer, database: str, backend: str, auth: AuthServer, address: str, signing_keys: Keys,
    directory: Path,
) -> None:  # fmt: skip
    auth.sign_up(address)
    before = auth.rows(_COLUMNS, list(KEPT))
    _migrate(postgres, database, backend, signing_keys, directory)
    assert auth.rows(_COLUMNS, list(KEPT)) == before
    assert auth.sign_in(address).status_code == 200


def test_the_owner_of_the_project_may_refer_to_accounts(
    postgres: PostgresServer, database: str, auth: AuthServer
) -> None:
    with psycopg.connect(postgres.url("postgres", database)) as connection:
        connection.execute("create schema trial")
        connection.execute("create table trial.profile (id uuid primary key references auth.users on delete cascade)")
        assert connection.execute("select count(*) >= 0 from auth.users").fetchone() == (True,)
        connection.rollback()


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_the_api_roles_see_no_table_of_auth(
    postgres: PostgresServer, database: str, auth: AuthServer, role: str, table: str
) -> None:
    with postgres.connect("supabase_admin", database) as connection:
        connection.execute(f"set role {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select 1 from auth.{table}".encode())


def test_a_deleted_account_takes_what_hangs_on_it_along(auth: AuthServer, address: str) -> None:
    user_id = auth.sign_up(address).json()["user"]["id"]
    auth.admin().delete_user(user_id)
    for table in ("identities", "sessions", "one_time_tokens"):
        assert auth.rows(f"select 1 from auth.{table} where user_id = %s", user_id) == []
    assert auth.rows("select 1 from auth.refresh_tokens where user_id = %s", user_id) == []


def test_an_account_that_is_referred_to_is_not_deleted(
    postgres: PostgresServer, database: str, auth: AuthServer, address: str
) -> None:
    user_id = auth.sign_up(address).json()["user"]["id"]
    with postgres.connect("postgres", database) as connection:
        connection.execute("create table public.ledger (player uuid references auth.users)")
        connection.execute("insert into public.ledger values (%s)", [user_id])
        try:
            answer = auth.call("DELETE", f"/admin/users/{user_id}", token=auth.role_token("service_role"))
            assert answer.status_code == 500
            assert auth.sign_in(address).status_code == 200
        finally:
            connection.execute("drop table public.ledger")


def _migrate(postgres: PostgresServer, name: str, backend: str, keys: Keys, directory: Path) -> None:
    environment = auth_environment(
        database_url=postgres.url("supabase_auth_admin", name),
        external_url="http://127.0.0.1:9",
        site_url=SITE,
        jwt_secret=keys.jwt_secret,
        jwt_keys=keys.auth_keys(),
        smtp_port=9,
        port=9,
    )
    run_once([*auth_command(backend), "migrate"], environment, directory)
