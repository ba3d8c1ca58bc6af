"""Transactions with the role and the claims of a request, and the rows of buckets and objects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from supabase_embedded.storage.errors import Refusal, denied, no_bucket, no_object

Row = dict[str, Any]
Connection = AsyncConnection[Row]

#: The roles that a token may name.
ROLES = ("anon", "authenticated", "service_role")

_SCOPE = """
    select set_config('role', %(role)s, true),
        set_config('request.jwt.claim.role', %(role)s, true),
        set_config('request.jwt.claim.sub', %(subject)s, true),
        set_config('request.jwt.claims', %(claims)s, true),
        set_config('request.method', %(method)s, true),
        set_config('request.path', %(path)s, true),
        set_config('storage.operation', %(operation)s, true),
        set_config('storage.allow_delete_query', 'true', true)
"""


@dataclass(frozen=True)
class Caller:
    """Who asks, by the token: its role, its claims, and the account if it has one."""

    role: str = "anon"
    claims: dict[str, Any] = field(default_factory=dict)
    method: str = ""
    path: str = ""
    operation: str = ""

    @property
    def owner(self) -> str | None:
        """The account of the token."""
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else None

    @property
    def scope(self) -> dict[str, str]:
        """What the database is told of the request."""
        return {
            "role": self.role,
            "subject": self.owner or "",
            "claims": json.dumps(self.claims),
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
        }

    def as_service(self) -> Caller:
        """The same request past row-level security, for what the server itself has to know or to write down."""
        return Caller("service_role", {"role": "service_role"}, self.method, self.path, self.operation)


class Database:
    """Buckets and objects. Every method takes the connection of `as_caller`, whose role decides what it sees."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def as_caller(self, caller: Caller, *, dry_run: bool = False) -> AsyncIterator[Connection]:
        """A transaction with the caller's role and claims; a ``dry_run`` is rolled back. Raises Refusal."""
        try:
            async with self._pool.connection() as connection, connection.transaction(force_rollback=dry_run):
                await connection.execute(_SCOPE, caller.scope)
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise _refusal_for(error) from error

    @asynccontextmanager
    async def after_dry_run(
        self, caller: Caller, act: Callable[[Connection], Awaitable[object]]
    ) -> AsyncIterator[Connection]:
        """A transaction of the server itself, at whose beginning the caller does the same and it is taken back.

        Long may have passed since the request began: who may no longer do it is refused, and nothing is written.
        Raises Refusal.
        """
        async with self.as_caller(caller.as_service()) as connection:
            async with connection.transaction(force_rollback=True):
                await connection.execute(_SCOPE, caller.scope)
                await act(connection)
            yield connection

    # Buckets

    async def bucket(self, connection: Connection, bucket_id: str) -> Row:
        """A bucket. Raises Refusal: 404."""
        found = await (await connection.execute(_BUCKETS + b" where id = %s", [bucket_id])).fetchone()
        if found is None:
            raise no_bucket()
        return found

    async def buckets(self, connection: Connection) -> list[Row]:
        """Every bucket that the caller may see, by name."""
        return await (await connection.execute(_BUCKETS + b" order by name")).fetchall()

    async def create_bucket(self, connection: Connection, values: Row) -> None:
        """Make a bucket. Raises Refusal."""
        columns = sql.SQL(", ").join(map(sql.Identifier, values))
        places = sql.SQL(", ").join(map(sql.Placeholder, values))
        await connection.execute(
            sql.SQL("insert into storage.buckets ({}) values ({})").format(columns, places), values
        )

    async def update_bucket(self, connection: Connection, bucket_id: str, values: Row) -> None:
        """Change a bucket. Raises Refusal: 404."""
        sets = sql.SQL(", ").join(sql.SQL("{} = %({})s").format(sql.Identifier(n), sql.SQL(n)) for n in values)
        query = sql.SQL("update storage.buckets set {}, updated_at = now() where id = %(bucket)s").format(sets)
        if (await connection.execute(query, {**values, "bucket": bucket_id})).rowcount == 0:
            raise no_bucket()

    async def delete_bucket(self, connection: Connection, bucket_id: str) -> None:
        """Delete an empty bucket. Raises Refusal: 404, 409."""
        await self.bucket(connection, bucket_id)
        left = await connection.execute("select from storage.objects where bucket_id = %s limit 1", [bucket_id])
        if left.rowcount:
            raise Refusal(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty")
        if (await connection.execute("delete from storage.buckets where id = %s", [bucket_id])).rowcount == 0:
            raise denied("Access denied")

    # Objects

    async def object(self, connection: Connection, bucket_id: str, name: str) -> Row:
        """A file's row. Raises Refusal: 404, whether it is not there or not the caller's to see."""
        query = _OBJECTS + b" where bucket_id = %s and name = %s"
        found = await (await connection.execute(query, [bucket_id, name])).fetchone()
        if found is None:
            raise no_object()
        return found

    async def names(self, connection: Connection, bucket_id: str, names: Sequence[str]) -> set[str]:
        """Those of these names that the caller may see."""
        query = "select name from storage.objects where bucket_id = %s and name = any(%s)"
        return {row["name"] for row in await (await connection.execute(query, [bucket_id, list(names)])).fetchall()}

    async def write(self, connection: Connection, values: Row, *, upsert: bool) -> str | None:
        """Write a file's row; return the version that it replaces. Raises Refusal: 403, 409."""
        row = {"owner": None, "owner_id": None, "metadata": None, "user_metadata": None, **values}
        row |= {name: Jsonb(row[name]) for name in ("metadata", "user_metadata") if row[name] is not None}
        replaced = None
        if upsert:
            query = "select version from storage.objects where bucket_id = %(bucket_id)s and name = %(name)s for update"
            found = await (await connection.execute(query, row)).fetchone()
            replaced = found["version"] if found else None
        await connection.execute(_INSERT + (_ON_CONFLICT if upsert else b""), row)
        return replaced

    async def rename(self, connection: Connection, bucket_id: str, name: str, values: Row) -> None:
        """Give a file another bucket and name. Raises Refusal: 403, 404, 409."""
        query = """
            update storage.objects set bucket_id = %(to_bucket)s, name = %(to_name)s
            where bucket_id = %(bucket)s and name = %(name)s
        """
        done = await connection.execute(query, {**values, "bucket": bucket_id, "name": name})
        if done.rowcount == 0:
            raise no_object()

    async def delete(self, connection: Connection, bucket_id: str, names: Sequence[str]) -> list[Row]:
        """Delete the rows that the caller may delete; return them."""
        query = sql.SQL("delete from storage.objects where bucket_id = %s and name = any(%s) returning {}").format(
            sql.SQL(_OBJECT_COLUMNS)
        )
        return await (await connection.execute(query, [bucket_id, list(names)])).fetchall()

    async def listing(self, connection: Connection, bucket_id: str, asked: Row) -> list[Row]:
        """Files and folders directly under a prefix, folders without id, as `storage.search` lists them."""
        return await (
            await connection.execute(_listing(asked["column"], asked["order"]), {**asked, "bucket": bucket_id})
        ).fetchall()

    async def versions(self, connection: Connection) -> set[str]:
        """The versions of all files: those whose bytes are to be kept."""
        rows = await (
            await connection.execute("select version from storage.objects where version is not null")
        ).fetchall()
        return {row["version"] for row in rows}


_OBJECT_COLUMNS: LiteralString = (
    "id, bucket_id, name, owner, owner_id, version, metadata, user_metadata, created_at, updated_at, last_accessed_at"
)
_OBJECTS = b"select " + _OBJECT_COLUMNS.encode() + b" from storage.objects"
_BUCKETS = b"""
    select id, name, coalesce(owner::text, owner_id, '') as owner, public, type, file_size_limit, allowed_mime_types,
        created_at, updated_at
    from storage.buckets
"""
_INSERT = b"""
    insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
    values (%(bucket_id)s, %(name)s, %(owner)s::uuid, %(owner_id)s, %(version)s, %(metadata)s, %(user_metadata)s)
"""
_ON_CONFLICT = b"""
    on conflict (bucket_id, name) do update
    set owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version, metadata = excluded.metadata,
        user_metadata = excluded.user_metadata
"""


def _listing(column: str, order: str) -> sql.Composed:
    query: LiteralString = """
        with found as (
            select o.*, split_part(substr(o.name, char_length(%(prefix)s) + 1), '/', 1) as head,
                strpos(substr(o.name, char_length(%(prefix)s) + 1), '/') > 0 as is_folder
            from storage.objects o
            where o.bucket_id = %(bucket)s and starts_with(o.name, %(prefix)s)
        )
        select f.head as name, f.id, f.updated_at, f.created_at, f.last_accessed_at, f.metadata
        from (
            select head, id, updated_at, created_at, last_accessed_at, metadata from found where not is_folder
            union all
            select distinct head, null::uuid, null::timestamptz, null::timestamptz, null::timestamptz, null::jsonb
            from found
            where is_folder
        ) f
        where %(search)s = '' or strpos(lower(f.head), lower(%(search)s)) > 0
        order by f.id is not null, {column} {order}, f.head
        limit %(limit)s offset %(offset)s
    """
    columns = {"name": "f.head", **{name: f"f.{name}" for name in ("updated_at", "created_at", "last_accessed_at")}}
    return sql.SQL(query).format(
        column=sql.SQL(columns[column]),
        order=sql.SQL("desc" if order == "desc" else "asc"),
    )


def _refusal_for(error: Exception) -> Refusal:
    """What the database refused, as Storage says it. Hosted, only 42501 keeps its own words."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        message = error.diag.message_primary or "Access denied"
        return denied("new row violates row-level security policy" if "row-level security" in message else message)
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Refusal(409, "ResourceAlreadyExists", "The resource already exists", "Duplicate")
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return Refusal(404, "NoSuchBucket", "The related resource does not exist", "not_found")
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable | PoolTimeout):
        return Refusal(544, "DatabaseTimeout", "The connection to the database timed out")
    if isinstance(error, psycopg.errors.DataError):
        return Refusal(400, "InvalidParameter", "A value of the request cannot be stored")
    return Refusal(500, "DatabaseError", f"database error, code: {getattr(error, 'sqlstate', None) or 'unknown'}")
