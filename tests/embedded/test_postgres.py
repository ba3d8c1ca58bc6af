"""The database before the first migration: a hosted project's roles, on every version we promise, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from supabase_embedded import PostgresServer, StackStatus
from tests.support.postgres_versions import MAJORS, binaries_of, server_of
from tests.support.waiting import LIMIT


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server of each major version, bootstrapped."""
    with server_of(binaries_of(request.param)) as server:
        yield server


def test_the_roles_are_those_of_a_hosted_project(server: PostgresServer) -> None:
    with server.connect() as connection:
        rows = connection.execute(
            "select rolname, rolsuper, rolcanlogin, rolinherit, rolcreaterole, rolbypassrls from pg_roles "
            "where rolname !~ '^pg_' order by rolname"
        ).fetchall()
    assert {row[0]: row[1:] for row in rows} == {
        #                         super  login  inherit createrole bypassrls
        "anon": (False, False, False, False, False),
        "authenticated": (False, False, False, False, False),
        "authenticator": (False, True, False, False, False),
        "dashboard_user": (False, False, True, True, False),
        "postgres": (False, True, True, True, True),
        "service_role": (False, False, False, False, True),
        "supabase_admin": (True, True, True, True, True),
        "supabase_auth_admin": (False, True, False, True, False),
        "supabase_realtime_admin": (False, False, False, False, False),
        "supabase_storage_admin": (False, True, False, True, False),
    }


def test_a_login_needs_its_password_and_every_role_has_its_own(server: PostgresServer) -> None:
    assert len(set(server.passwords.values())) == len(server.passwords)
    for role in server.passwords:
        with server.connect(role) as connection:
            assert connection.execute("select current_user").fetchone() == (role,)
    wrong = server.url("postgres").replace(server.passwords["postgres"], server.passwords["authenticator"])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert not any(password in (server.log or Path()).read_text() for password in server.passwords.values())


def test_postgrest_can_become_the_api_roles_and_no_other(server: PostgresServer) -> None:
    with server.connect("authenticator") as connection:
        for role in ("anon", "authenticated", "service_role"):
            connection.execute(f"set role {role}")
            connection.execute("reset role")
        for role in ("postgres", "supabase_admin", "supabase_auth_admin", "dashboard_user"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"set role {role}")


def test_the_owner_may_do_what_a_hosted_project_may(server: PostgresServer) -> None:
    with server.connect() as connection:
        connection.execute("create role reader nologin; grant reader to authenticator; grant anon to reader")
        connection.execute("alter role authenticator set pgrst.db_schemas = 'api'")
        connection.execute("create schema probe; create table probe.t (id int); drop schema probe cascade")
        connection.execute("revoke anon from reader; drop role reader; alter role authenticator reset pgrst.db_schemas")
        for refused in ("create role boss superuser", "alter role supabase_admin nologin", "drop schema auth cascade"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())


def test_what_auth_makes_the_owner_may_reference(server: PostgresServer) -> None:
    with server.connect("supabase_auth_admin") as auth, server.connect() as owner:
        auth.execute("create table auth.users (id uuid primary key)")
        owner.execute("create table public.profile (id uuid references auth.users)")
        owner.execute("select from auth.users")
        auth.execute("create or replace function auth.uid() returns uuid language sql stable as 'select null::uuid'")
        owner.execute("drop table public.profile")
        auth.execute("drop table auth.users")


def test_the_claims_of_the_token_are_read(server: PostgresServer) -> None:
    claims = '{"sub": "6b1a2a52-7c4e-4a8e-9d7e-2f6f0f7a5f10", "role": "authenticated", "email": "a@b.example"}'
    with server.connect("authenticator") as connection, connection.transaction():
        connection.execute("set local role anon")
        assert connection.execute("select auth.role(), auth.email(), auth.jwt()").fetchone() == (None, None, None)
        connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
        found = connection.execute("select auth.role(), auth.email(), auth.jwt() ->> 'sub'").fetchone()
    assert found == ("authenticated", "a@b.example", "6b1a2a52-7c4e-4a8e-9d7e-2f6f0f7a5f10")


def test_the_api_roles_are_cut_off_in_time(server: PostgresServer) -> None:
    with server.connect() as connection:
        rows = connection.execute(
            "select r.rolname, s.setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole "
            "where r.rolname in ('anon', 'authenticated')"
        ).fetchall()
    assert dict(rows) == {"anon": ["statement_timeout=3s"], "authenticated": ["statement_timeout=8s"]}


def test_text_sorts_and_changes_case_alike_on_every_version(server: PostgresServer) -> None:
    with server.connect() as connection:
        text = connection.execute("select upper('été'), 'B' < 'a', 'Z' < 'é'").fetchone()
        encoding = connection.execute("show server_encoding").fetchone()
    assert text == ("ÉTÉ", True, True)
    assert encoding == ("UTF8",)


def test_the_server_of_the_stack_keeps_what_it_acknowledged(running: StackStatus) -> None:
    with psycopg.connect(running.db_url) as connection:
        settings = connection.execute(
            "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', "
            "'listen_addresses', 'unix_socket_directories', 'TimeZone')"
        ).fetchall()
    assert dict(settings) == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "TimeZone": "UTC",
    }


def test_a_deadlock_is_in_the_log_and_what_people_typed_is_not(server: PostgresServer) -> None:
    move = "update public.held set note = %s where id = %s"
    with server.connect() as one, server.connect() as other, ThreadPoolExecutor(1) as pool:
        one.execute("create table public.held (id int primary key, note text)")
        one.execute("insert into public.held (id) values (1), (2)")
        try:
            for connection, mine in ((one, 1), (other, 2)):
                connection.execute("begin")
                connection.execute(move, ("typed by somebody", mine))
            waiting = pool.submit(other.execute, move, ("typed by somebody", 1))

            def meet() -> None:
                # Either of the two may be the one that is given up.
                try:
                    one.execute(move, ("typed by somebody", 2))
                finally:
                    one.execute("rollback")
                waiting.result(LIMIT)

            with pytest.raises(psycopg.errors.DeadlockDetected):
                meet()
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                one.execute("select %s::text, 'x'::int", ("typed by somebody",))
        finally:
            one.execute("rollback")
            other.execute("rollback")
            one.execute("drop table public.held")
    written = (server.log or Path()).read_text()
    assert "deadlock detected" in written
    assert 'invalid input syntax for type integer: "x"' in written
    assert "typed by somebody" not in written


def test_a_database_from_before_storage_is_given_it_and_what_is_there_stays(server: PostgresServer) -> None:
    with server.connect("supabase_admin", "template1") as connection:
        connection.execute("create database older template postgres")
    older = replace(server)
    older.url = lambda role="postgres", database="older": server.url(role, "older")  # type: ignore[method-assign]
    with older.connect("supabase_admin") as connection:
        connection.execute("drop event trigger guard_storage; drop event trigger guard_storage_drop")
        connection.execute("drop schema storage cascade")
    older.prepare_storage()
    with older.connect() as connection:
        connection.execute("insert into storage.buckets (id, name) values ('kept', 'kept')")
        connection.execute("create policy kept on storage.objects for select to anon using (bucket_id = 'kept')")
    older.prepare_storage()
    with older.connect() as connection:
        assert connection.execute("select id from storage.buckets").fetchall() == [("kept",)]
        assert connection.execute("select policyname from pg_policies").fetchall() == [("kept",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table storage.mine ()")


def test_the_helpers_of_policies_answer_as_hosted_do(server: PostgresServer) -> None:
    with server.connect() as connection:
        for name, expected in {
            "a/b/c.tar.gz": (["a", "b"], "c.tar.gz", "gz"),
            "c": ([], "c", "c"),
            "a//c.": (["a", ""], "c.", ""),
        }.items():
            query = "select storage.foldername(%(n)s), storage.filename(%(n)s), storage.extension(%(n)s)"
            assert connection.execute(query, {"n": name}).fetchone() == expected
        connection.execute("select set_config('storage.operation', 'storage.object.list', false)")
        assert connection.execute(
            "select storage.operation(), storage.allow_only_operation('object.list'),"
            " storage.allow_any_operation(array['storage.object.list', 'x']),"
            " storage.allow_only_operation('object.sign')"
        ).fetchone() == ("storage.object.list", True, True, False)
