"""The web application: routes, who asks, and what each request does to rows and bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from supabase_embedded.storage.bodies import Upload, read_upload
from supabase_embedded.storage.database import ROLES, Caller, Connection, Database, Row
from supabase_embedded.storage.errors import Refusal, denied, invalid, no_bucket, no_object, too_large, wrong_type
from supabase_embedded.storage.files import Files, TooLargeError, chunks_of
from supabase_embedded.storage.tokens import Tokens

log = logging.getLogger("embedded.storage")

#: How long a link to upload is good, in seconds, and how many files one request may name: as hosted.
UPLOAD_LINK_SECONDS = 7200
MOST_NAMES = 1000

#: The largest body that is no file, in bytes.
LARGEST_JSON = 1 << 20

_KEY = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]{1,1024}")
_BUCKET = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,100}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SIZE = re.compile(r"(\d{1,12})\s*(b|kb|kib|mb|mib|gb|gib)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 1000**2, "mib": 1 << 20, "gb": 1000**3, "gib": 1 << 30}
_SORTABLE = ("name", "updated_at", "created_at", "last_accessed_at")


@dataclass(frozen=True)
class StorageConfig:
    """What the stack tells its Storage server; ``largest`` is the most bytes of any file."""

    port: int
    database_url: str
    directory: str
    jwks: str
    jwt_secret: str
    largest: int


@dataclass
class _Server:
    """One running server."""

    database: Database
    files: Files
    tokens: Tokens
    largest: int


def create_app(config: StorageConfig) -> Starlette:
    """Build the server. The database is connected, and what an interrupted server left is deleted, when it starts."""
    files = Files(Path(config.directory))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        pool = AsyncConnectionPool[Connection](
            config.database_url,
            connection_class=AsyncConnection[Row],
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "options": "-c timezone=UTC -c application_name=embedded-storage -c statement_timeout=30s",
            },
            min_size=1,
            max_size=5,
            # Postgres may have been started again meanwhile.
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        async with pool:
            database = Database(pool)
            app.state.server = _Server(database, files, Tokens(config.jwks, config.jwt_secret), config.largest)
            async with database.as_caller(Caller("service_role")) as connection:
                kept = await database.versions(connection)
            if left := files.sweep(kept):
                log.info("%d files that belonged to nothing were deleted", left)
            yield

    handlers: Any = {
        Refusal: _on_refusal,
        HTTPException: _on_http_exception,
        ClientDisconnect: _on_disconnect,
        Exception: _on_failure,
    }
    return Starlette(routes=_ROUTES, lifespan=lifespan, exception_handlers=handlers)


# Buckets


async def list_buckets(request: Request) -> Response:
    """GET /bucket"""
    server, caller = _asked(request, "storage.bucket.list")
    async with server.database.as_caller(caller) as connection:
        return _json(await server.database.buckets(connection))


async def show_bucket(request: Request) -> Response:
    """GET /bucket/{bucket}"""
    server, caller = _asked(request, "storage.bucket.get")
    async with server.database.as_caller(caller) as connection:
        return _json(await server.database.bucket(connection, request.path_params["bucket"]))


async def create_bucket(request: Request) -> Response:
    """POST /bucket"""
    server, caller = _asked(request, "storage.bucket.create")
    body = await _body(request)
    name = body.get("name")
    if not isinstance(name, str) or not _BUCKET.fullmatch(name):
        raise invalid("Bucket name invalid", "InvalidBucketName")
    values = _bucket_values(body) | {"id": body.get("id") or name, "name": name, "owner_id": caller.owner}
    async with server.database.as_caller(caller) as connection:
        await server.database.create_bucket(connection, values)
    return _json({"name": values["id"]})


async def update_bucket(request: Request) -> Response:
    """PUT /bucket/{bucket}"""
    server, caller = _asked(request, "storage.bucket.update")
    values = _bucket_values(await _body(request))
    if not values:
        raise invalid("Nothing to update")
    async with server.database.as_caller(caller) as connection:
        await server.database.update_bucket(connection, request.path_params["bucket"], values)
    return _json({"message": "Successfully updated"})


async def delete_bucket(request: Request) -> Response:
    """DELETE /bucket/{bucket}"""
    server, caller = _asked(request, "storage.bucket.delete")
    async with server.database.as_caller(caller) as connection:
        await server.database.delete_bucket(connection, request.path_params["bucket"])
    return _json({"message": "Successfully deleted"})


async def empty_bucket(request: Request) -> Response:
    """POST /bucket/{bucket}/empty"""
    server, caller = _asked(request, "storage.bucket.empty")
    bucket = request.path_params["bucket"]
    async with server.database.as_caller(caller) as connection:
        await server.database.bucket(connection, bucket)
        found = await connection.execute("select name from storage.objects where bucket_id = %s", [bucket])
        gone = await server.database.delete(connection, bucket, [row["name"] for row in await found.fetchall()])
    for row in gone:
        server.files.delete(row["version"])
    return _json({"message": "Successfully emptied"})


# Uploading


async def upload(request: Request) -> Response:
    """POST /object/{bucket}/{name}, refused when the name is taken, or with x-upsert instead of what is there"""
    server, caller = _asked(request, "storage.object.upload")
    return await _uploaded(request, server, caller, upsert=request.headers.get("x-upsert") == "true")


async def replace(request: Request) -> Response:
    """PUT /object/{bucket}/{name}"""
    server, caller = _asked(request, "storage.object.upload_update")
    return await _uploaded(request, server, caller, upsert=True)


async def sign_upload(request: Request) -> Response:
    """POST /object/upload/sign/{bucket}/{name}: a link with which one file may be uploaded"""
    server, caller = _asked(request, "storage.object.sign_upload_url")
    bucket, name = _named(request)
    upsert = request.headers.get("x-upsert") == "true"
    await _dry_run(server, caller, bucket, name, upsert=upsert)
    path = f"{bucket}/{name}"
    token = server.tokens.sign("upload", path, UPLOAD_LINK_SECONDS, owner=caller.owner, upsert=upsert)
    return _json({"url": f"/object/upload/sign/{quote(path)}?token={token}", "token": token})


async def upload_signed(request: Request) -> Response:
    """PUT /object/upload/sign/{bucket}/{name}?token=…"""
    server = _server(request)
    bucket, name = _named(request)
    claims = server.tokens.opened("upload", f"{bucket}/{name}", request.query_params.get("token", ""))
    caller = Caller(method=request.method, path=request.url.path, operation="storage.object.upload_signed").as_service()
    owner = claims.get("owner")
    return await _uploaded(request, server, caller, upsert=claims.get("upsert") is True, owner=owner)


async def _uploaded(
    request: Request, server: _Server, caller: Caller, *, upsert: bool, owner: str | None = None
) -> Response:
    bucket, name = _named(request)
    async with server.database.as_caller(caller.as_service()) as connection:
        limits = await server.database.bucket(connection, bucket)
    largest = min(server.largest, limits["file_size_limit"] or server.largest)
    arriving = await read_upload(request)
    if limits["allowed_mime_types"]:
        _check_type(arriving.type, limits["allowed_mime_types"])
    owner = owner or caller.owner
    # Before the bytes come: who may not write learns it at once, and nothing is kept meanwhile.
    await _dry_run(server, caller, bucket, name, upsert=upsert, owner=owner)
    try:
        stored = await server.files.store(arriving.chunks, largest)
    except TooLargeError:
        raise too_large() from None
    metadata = _metadata(arriving, stored.size, stored.digest)
    row = {
        "bucket_id": bucket,
        "name": name,
        "version": stored.version,
        "metadata": metadata,
        "user_metadata": arriving.metadata,
        **_owner(owner),
    }
    replaced = await _recorded(server, caller, row, upsert=upsert)
    server.files.delete(replaced)
    async with server.database.as_caller(caller.as_service()) as connection:
        found = await server.database.object(connection, bucket, name)
    return _json({"Id": str(found["id"]), "Key": f"{bucket}/{name}"})


async def _dry_run(
    server: _Server, caller: Caller, bucket: str, name: str, *, upsert: bool, owner: str | None = None
) -> None:
    """Write the row as the caller and take it back: row-level security and triggers say whether it may be."""
    async with server.database.as_caller(caller, dry_run=True) as connection:
        row = {"bucket_id": bucket, "name": name, "version": "1", **_owner(owner or caller.owner)}
        await server.database.write(connection, row, upsert=upsert)


async def _recorded(server: _Server, caller: Caller, row: Row, *, upsert: bool) -> str | None:
    """Write the row of bytes that are there, if the caller may still do so; without the row they go again."""

    async def write(connection: Connection) -> str | None:
        return await server.database.write(connection, row, upsert=upsert)

    try:
        async with server.database.after_dry_run(caller, write) as connection:
            return await write(connection)
    except BaseException:
        server.files.delete(row["version"])
        raise


# Reading


async def download(request: Request) -> Response:
    """GET and HEAD /object/{bucket}/{name} and /object/authenticated/{bucket}/{name}"""
    server, caller = _asked(request, "storage.object.get_authenticated", visitors=True)
    return await _answered(request, server, await _readable(request, server, caller))


async def download_public(request: Request) -> Response:
    """GET and HEAD /object/public/{bucket}/{name}"""
    server, caller = _server(request), Caller()
    return await _answered(request, server, await _readable(request, server, caller))


async def download_signed(request: Request) -> Response:
    """GET and HEAD /object/sign/{bucket}/{name}?token=…"""
    server = _server(request)
    bucket, name = _named(request)
    server.tokens.opened("download", f"{bucket}/{name}", request.query_params.get("token", ""))
    async with server.database.as_caller(Caller().as_service()) as connection:
        found = await server.database.object(connection, bucket, name)
    return await _answered(request, server, found)


async def info(request: Request) -> Response:
    """GET /object/info/{bucket}/{name}"""
    server, caller = _asked(request, "object.get_authenticated_info", visitors=True)
    found = await _readable(request, server, caller)
    about = found["metadata"] or {}
    shown = {name: found[name] for name in ("id", "name", "version", "bucket_id", "created_at")}
    shown |= {
        "size": about.get("size"),
        "content_type": about.get("mimetype"),
        "cache_control": about.get("cacheControl"),
        "etag": about.get("eTag"),
        "metadata": found["user_metadata"],
        "last_modified": found["updated_at"],
    }
    return _json(shown)


async def list_objects(request: Request) -> Response:
    """POST /object/list/{bucket}"""
    server, caller = _asked(request, "storage.object.list")
    body = await _body(request)
    prefix = _text(body, "prefix")
    sort = body.get("sortBy")
    sort = sort if isinstance(sort, dict) else {}
    column = sort.get("column") or "name"
    if column not in _SORTABLE:
        raise invalid(f"body/sortBy/column must be one of {', '.join(_SORTABLE)}")
    asked = {
        "prefix": prefix if not prefix or prefix.endswith("/") else f"{prefix}/",
        "search": _text(body, "search"),
        "limit": _number(body, "limit", 100, least=1),
        "offset": _number(body, "offset", 0),
        "column": column,
        "order": sort.get("order"),
    }
    async with server.database.as_caller(caller) as connection:
        return _json(await server.database.listing(connection, request.path_params["bucket"], asked))


async def sign(request: Request) -> Response:
    """POST /object/sign/{bucket}/{name}: a link with which anybody may read one file"""
    server, caller = _asked(request, "storage.object.sign")
    bucket, name = _named(request)
    seconds = _number(await _body(request), "expiresIn", None, least=1)
    async with server.database.as_caller(caller) as connection:
        await server.database.object(connection, bucket, name)
    return _json({"signedURL": _link(server, f"{bucket}/{name}", seconds)})


async def sign_many(request: Request) -> Response:
    """POST /object/sign/{bucket}: links to several files"""
    server, caller = _asked(request, "storage.object.sign_many")
    bucket, body = request.path_params["bucket"], await _body(request)
    names, seconds = _names(body, "paths"), _number(body, "expiresIn", None, least=1)
    async with server.database.as_caller(caller) as connection:
        known = await server.database.names(connection, bucket, names)
    no_object = "Either the object does not exist or you do not have access to it"
    return _json(
        [
            {
                "path": name,
                "error": None if name in known else no_object,
                "signedURL": _link(server, f"{bucket}/{name}", seconds) if name in known else None,
            }
            for name in names
        ]
    )


def _link(server: _Server, path: str, seconds: int) -> str:
    return f"/object/sign/{quote(path)}?token={server.tokens.sign('download', path, seconds)}"


async def _readable(request: Request, server: _Server, caller: Caller) -> Row:
    """The row of a file that the caller may read. Raises Refusal: 404."""
    bucket, name = _named(request)
    async with server.database.as_caller(caller.as_service()) as connection:
        is_public = (await server.database.bucket(connection, bucket))["public"]
    if not is_public and not caller.claims:
        raise no_bucket()
    async with server.database.as_caller(caller.as_service() if is_public else caller) as connection:
        return await server.database.object(connection, bucket, name)


async def _answered(request: Request, server: _Server, found: Row) -> Response:
    """The bytes of a file, or the part of them that was asked for."""
    try:
        file = server.files.open(found["version"])
    except (OSError, TypeError, ValueError):
        raise no_object() from None
    with contextlib.ExitStack() as opened:
        opened.enter_context(file)
        size, about = os.fstat(file.fileno()).st_size, found["metadata"] or {}
        headers = _headers(request, found, about)
        if headers["etag"] and request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        first, last, status = 0, size - 1, 200
        if wanted := _RANGE.fullmatch(request.headers.get("range", "")):
            first, last = _span(wanted[1], wanted[2], size)
            status, headers["content-range"] = 206, f"bytes {first}-{last}/{size}"
        headers["content-length"] = str(last - first + 1)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        opened.pop_all()
        return StreamingResponse(chunks_of(file, first, last - first + 1), status, headers)


def _headers(request: Request, found: Row, about: Row) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "cache-control": about.get("cacheControl", "no-cache"),
        "content-type": about.get("mimetype", "application/octet-stream"),
        "etag": about.get("eTag", ""),
        "last-modified": format_datetime(found["updated_at"].astimezone(UTC), usegmt=True),
        "x-robots-tag": "none",
    }
    if "download" in request.query_params:
        wished = quote(request.query_params["download"], safe="")
        named = f" filename={wished}; filename*=UTF-8''{wished}" if wished else ""
        headers["content-disposition"] = f"attachment;{named}"
    return headers


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    """The first and the last byte of a range such as 0-99, 100- or -50. Raises Refusal."""
    if first:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    else:
        begin, end = max(size - int(last or 0), 0), size - 1
    if begin > end:
        raise Refusal(416, "InvalidRange", "invalid range provided", "invalid_range")
    return begin, end


# Changing


async def move(request: Request) -> Response:
    """POST /object/move"""
    server, caller = _asked(request, "storage.object.move")
    bucket, name, to_bucket, to_name = await _both_names(request)
    values = {"to_bucket": to_bucket, "to_name": to_name}

    async def rename(connection: Connection) -> None:
        await server.database.object(connection, bucket, name)
        await server.database.rename(connection, bucket, name, values)

    async with server.database.after_dry_run(caller, rename) as connection:
        await rename(connection)
    return _json({"message": "Successfully moved"})


async def copy(request: Request) -> Response:
    """POST /object/copy"""
    server, caller = _asked(request, "storage.object.copy")
    bucket, name, to_bucket, to_name = await _both_names(request)
    upsert = request.headers.get("x-upsert") == "true"
    async with server.database.as_caller(caller) as connection:
        source = await server.database.object(connection, bucket, name)
    await _dry_run(server, caller, to_bucket, to_name, upsert=upsert)
    try:
        version = await run_in_threadpool(server.files.copy, source["version"])
    except (OSError, TypeError, ValueError):
        raise no_object() from None
    row = {key: source[key] for key in ("metadata", "user_metadata")}
    row |= {"bucket_id": to_bucket, "name": to_name, "version": version, **_owner(caller.owner)}
    server.files.delete(await _recorded(server, caller, row, upsert=upsert))
    return _json({"Key": f"{to_bucket}/{to_name}"})


async def delete(request: Request) -> Response:
    """DELETE /object/{bucket}/{name}"""
    server, caller = _asked(request, "storage.object.delete")
    bucket, name = _named(request)
    async with server.database.as_caller(caller) as connection:
        gone = await server.database.delete(connection, bucket, [name])
        if not gone:
            # Hosted tells "not there" from "not yours"; a file that the caller cannot see is not there.
            await server.database.object(connection, bucket, name)
            raise denied("Access denied")
    server.files.delete(gone[0]["version"])
    return _json({"message": "Successfully deleted"})


async def delete_many(request: Request) -> Response:
    """DELETE /object/{bucket}: the files named; what is not there, or not the caller's, is left out of the answer"""
    server, caller = _asked(request, "storage.object.delete_many")
    names = _names(await _body(request), "prefixes")
    async with server.database.as_caller(caller) as connection:
        gone = await server.database.delete(connection, request.path_params["bucket"], names)
    for row in gone:
        server.files.delete(row["version"])
    return _json(gone)


async def status(request: Request) -> Response:
    """GET /status: that the server runs"""
    return Response(status_code=200)


# Requests


def _server(request: Request) -> _Server:
    server: _Server = request.app.state.server
    return server


def _asked(request: Request, operation: str, *, visitors: bool = False) -> tuple[_Server, Caller]:
    """The server, and the caller by the token; ``visitors`` may come without one. Raises Refusal (403)."""
    server = _server(request)
    stranger = Caller(method=request.method, path=request.url.path, operation=operation)
    try:
        claims = server.tokens.claims_of(request.headers.get("authorization", ""))
    except Refusal:
        if not visitors:
            raise
        return server, stranger
    role = claims.get("role") or "anon"
    if role not in ROLES:
        raise denied("Access denied: Invalid role")
    return server, dataclasses.replace(stranger, role=role, claims=claims)


def _named(request: Request) -> tuple[str, str]:
    """Bucket and name of the path. Raises Refusal (400)."""
    return request.path_params["bucket"], _key(request.path_params["name"])


def _key(name: object) -> str:
    if not isinstance(name, str) or not _KEY.fullmatch(name):
        raise invalid(f"Invalid key: {name if isinstance(name, str) else ''}", "InvalidKey")
    return name


async def _both_names(request: Request) -> tuple[str, str, str, str]:
    body = await _body(request)
    bucket = _text(body, "bucketId")
    to_bucket = _text(body, "destinationBucket") or bucket
    return bucket, _key(body.get("sourceKey")), to_bucket, _key(body.get("destinationKey"))


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises Refusal (400)."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_JSON:
            raise Refusal(413, "EntityTooLarge", "Request body is too large")
    try:
        values = json.loads(bytes(raw))
        # Halves of a character and null characters are JSON, but no text that Postgres can hold.
        storable = "\\u0000" not in json.dumps(values, ensure_ascii=False).encode().decode()
    except (ValueError, RecursionError):
        raise invalid("Body is not valid JSON") from None
    if not isinstance(values, dict) or not storable:
        raise invalid("Body must be an object of plain text")
    return values


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise invalid(f"body/{name} must be string")
    return value


def _number(body: dict[str, Any], name: str, default: int | None, *, least: int = 0) -> int:
    value = body.get(name, default)
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        # storage3 writes numbers as text, and hosted takes them.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1 << 31:
        raise invalid(f"body/{name} must be integer of {least} or more")
    return value


def _names(body: dict[str, Any], name: str) -> list[str]:
    values = body.get(name)
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_NAMES:
        raise invalid(f"body/{name} must be a list of 1 to {MOST_NAMES}")
    if not all(isinstance(value, str) for value in values):
        raise invalid(f"body/{name} must be a list of strings")
    return values


def _bucket_values(body: dict[str, Any]) -> Row:
    """The settings of a bucket that a request gives. Raises Refusal (400)."""
    values: Row = {}
    if "public" in body:
        values["public"] = body["public"] is True
    if "file_size_limit" in body:
        limit = body["file_size_limit"]
        match = _SIZE.fullmatch(str(limit)) if limit is not None else None
        if limit is not None and match is None:
            raise invalid("body/file_size_limit must be a number of bytes, or a size such as 50MB")
        values["file_size_limit"] = int(match[1]) * _UNITS[(match[2] or "").lower()] if match else None
    if "allowed_mime_types" in body:
        types = body["allowed_mime_types"]
        if types is not None and not (isinstance(types, list) and all(isinstance(t, str) and "/" in t for t in types)):
            raise invalid("body/allowed_mime_types must be a list of types such as image/png")
        values["allowed_mime_types"] = types
    return values


def _check_type(given: str, allowed: list[str]) -> None:
    """Refuse a type that a bucket does not take; image/* stands for all of its kind. Raises Refusal (415)."""
    kind = given.split("/")[0]
    if given not in allowed and f"{kind}/*" not in allowed and "*/*" not in allowed:
        raise wrong_type(given)


def _metadata(arriving: Upload, size: int, digest: str) -> Row:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "eTag": f'"{digest}"',
        "size": size,
        "mimetype": arriving.type,
        "cacheControl": arriving.cache_control,
        "lastModified": now,
        "contentLength": size,
        "httpStatusCode": 200,
    }


def _owner(account: str | None) -> Row:
    return {"owner": account, "owner_id": account}


def _json(value: object) -> Response:
    return Response(json.dumps(value, default=_plain), media_type="application/json")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _on_refusal(request: Request, refusal: Refusal) -> Response:
    return refusal.response()


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404:
        message = f"Route {request.method}:{request.url.path} not found"
        return JSONResponse({"statusCode": "404", "error": "Not Found", "message": message}, 404)
    return Refusal(error.status_code, "InvalidRequest", error.detail).response()


async def _on_disconnect(request: Request, error: ClientDisconnect) -> Response:
    # Nobody is there to read it; the bytes that came are gone already.
    return Response(status_code=400)


async def _on_failure(request: Request, error: Exception) -> Response:
    return Refusal(500, "InternalError", "Internal Server Error", "Internal").response()


_FILE = "{bucket}/{name:path}"

_ROUTES = [
    Route("/status", status),
    Route("/bucket", list_buckets, methods=["GET"]),
    Route("/bucket", create_bucket, methods=["POST"]),
    Route("/bucket/{bucket}", show_bucket, methods=["GET"]),
    Route("/bucket/{bucket}", update_bucket, methods=["PUT"]),
    Route("/bucket/{bucket}", delete_bucket, methods=["DELETE"]),
    Route("/bucket/{bucket}/empty", empty_bucket, methods=["POST"]),
    Route("/object/list/{bucket}", list_objects, methods=["POST"]),
    Route("/object/move", move, methods=["POST"]),
    Route("/object/copy", copy, methods=["POST"]),
    Route("/object/sign/{bucket}", sign_many, methods=["POST"]),
    Route(f"/object/sign/{_FILE}", sign, methods=["POST"]),
    Route(f"/object/sign/{_FILE}", download_signed, methods=["GET"]),
    Route(f"/object/upload/sign/{_FILE}", sign_upload, methods=["POST"]),
    Route(f"/object/upload/sign/{_FILE}", upload_signed, methods=["PUT"]),
    Route(f"/object/public/{_FILE}", download_public, methods=["GET"]),
    Route(f"/object/authenticated/{_FILE}", download, methods=["GET"]),
    Route(f"/object/info/authenticated/{_FILE}", info, methods=["GET"]),
    Route(f"/object/info/{_FILE}", info, methods=["GET"]),
    Route("/object/{bucket}", delete_many, methods=["DELETE"]),
    Route(f"/object/{_FILE}", download, methods=["GET"]),
    Route(f"/object/{_FILE}", upload, methods=["POST"]),
    Route(f"/object/{_FILE}", replace, methods=["PUT"]),
    Route(f"/object/{_FILE}", delete, methods=["DELETE"]),
]
