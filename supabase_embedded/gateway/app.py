"""The gateway as an ASGI application: it checks the API key, turns it into a role, and streams to the service behind.

It decides nothing about users: their tokens go through untouched, and PostgREST and Auth verify them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import httpx
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from supabase_embedded.keys import role_token

from .pages import Pages
from .replica import Replica

log = logging.getLogger("embedded.gateway")

Headers = list[tuple[bytes, bytes]]

#: Lifetime of the token that stands for an API key behind the gateway, in seconds; renewed at half of it.
INTERNAL_TOKEN_SECONDS = 120

#: The largest request body in bytes, for everybody and for the secret key (or the legacy service_role key).
LARGEST_BODY = 1_000_000
LARGEST_BODY_OF_SECRET = 64_000_000

#: The longest address in bytes, path and query together, and the longest ``select`` in it: PostgREST spends seconds on
#: planning some thousand columns, which no timeout of the database ends.
LONGEST_ADDRESS = 8_000
LONGEST_SELECT = 2_000

#: How many bytes of a body are read before the service behind is asked, so that who sends slowly keeps nobody's place;
#: and how long, in seconds, the next bytes of a body, or a reader of an answer, may take.
READ_AHEAD = LARGEST_BODY
TIMEOUT = 20.0

#: Bytes a second that the sender of a body must reach, over each READ_AHEAD bytes of it, with TIMEOUT to spare for them
#: (ten of it for the first, which keep no place): who drips is given up, however large the file may be.
SLOWEST = 100_000

#: Connections to each service at once.
MOST_UPSTREAM = 100

#: How many seconds the replica may be behind the primary and still answer reads, and how long it may take to answer:
#: longer than the database lets the roles of the API compute.
MOST_BEHIND = 5.0
REPLICA_TIMEOUT = 10.0

#: What a mail link or an OAuth provider opens in a browser, and what verifiers fetch: no API key there, as hosted.
OPEN_PATHS = (
    "/auth/v1/verify",
    "/auth/v1/callback",
    "/auth/v1/authorize",
    "/auth/v1/.well-known/jwks.json",
    "/auth/v1/.well-known/openid-configuration",
)

_REST = "/rest/v1"
_FUNCTIONS = "/functions/v1"
_STORAGE = "/storage/v1"
_NOT_RUN = ("/realtime/v1",)

#: Where a link carries its own token, or a file is public: a browser follows it without an API key.
_LINKS = tuple(f"{_STORAGE}/object/{kind}/" for kind in ("sign", "public", "upload/sign"))

#: What a form adds to the file inside it, in bytes.
_FORM = 1_000_000

_READING = ("GET", "HEAD", "OPTIONS")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEPARATOR = re.compile(r"[/\\]")

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_NOT_FORWARDED = _HOP_BY_HOP | {b"host", b"apikey", b"authorization"}
_FORWARDING = {b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-forwarded-prefix"}

_CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Range-Unit, Server, "
        b"Transfer-Encoding, X-Supabase-Api-Version, X-Total-Count, Link",
    ),
]

#: What every answer gets: a browser takes it for what it says it is, whatever is in it.
_ADDED: Headers = [*_CORS, (b"x-content-type-options", b"nosniff")]


@dataclass(frozen=True)
class GatewayConfig:
    """Where the services are and which keys open the gateway."""

    port: int
    postgrest: str
    auth: str
    publishable: str
    secret: str
    anon: str
    service_role: str
    jwt_secret: str = field(repr=False)
    #: Where the functions are, empty when none run; and those that are called without an API key.
    functions: str = ""
    open_functions: Sequence[str] = ()
    #: Where Storage is, empty when it does not run; and the most bytes of a file.
    storage: str = ""
    largest_file: int = 0
    #: The replica: where its ``postgrest`` is, and the ``database_url`` to ask how far behind it is. Empty without one.
    replica: Mapping[str, str] = field(default_factory=dict, repr=False)
    most_behind: float = MOST_BEHIND
    #: Built web pages: the folder of each, by its name.
    pages: Mapping[str, str] = field(default_factory=dict)
    #: How long the next bytes of a body, or a reader of an answer, may take, in seconds.
    timeout: float = TIMEOUT


@dataclass(frozen=True)
class Refusal:
    """An answer of the gateway itself: HTTP status, message and hint, worded as hosted words them."""

    status: int
    message: str
    hint: str | None = None


NO_KEY = Refusal(401, "No API key found in request", "No `apikey` request header or url param was found.")
WRONG_KEY = Refusal(401, "Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")
SECRET_IN_BROWSER = Refusal(
    401,
    "Forbidden use of secret API key in browser",
    "Secret API keys can only be used in a protected environment and should be deleted immediately if exposed.",
)
TOO_LARGE = Refusal(413, "The body of the request is too large")
BAD_URL = Refusal(400, "The address of the request is not valid")
LONG_URL = Refusal(414, f"The address of the request is longer than {LONGEST_ADDRESS} bytes")
LONG_SELECT = Refusal(414, f"The select of the request is longer than {LONGEST_SELECT} characters")
SLOW_BODY = Refusal(408, "The body of the request did not arrive in time")
NO_ROUTE = Refusal(404, "no Route matched with those values")
UNAVAILABLE = Refusal(503, "The service behind this path does not answer", "See the status and the logs of the stack.")
TIMED_OUT = Refusal(504, "The upstream server is timing out")


class Gateway:
    """The ASGI application. Each service has its own pool of connections: one that hangs keeps nobody from another."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        # Idle connections are given up before PostgREST gives them up, after 30 seconds.
        limits = httpx.Limits(
            max_connections=MOST_UPSTREAM, max_keepalive_connections=MOST_UPSTREAM, keepalive_expiry=20
        )
        self._timeout = {"connect": 5.0, "read": 60.0, "write": 60.0, "pool": 30.0}
        self._roles = {config.publishable: "anon", config.secret: "service_role"}
        self._keys = {
            key: key.encode() for key in (config.publishable, config.secret, config.anon, config.service_role)
        }
        self._tokens: dict[str, tuple[float, bytes]] = {}
        optional = {_FUNCTIONS: config.functions, _STORAGE: config.storage}
        routes = {_REST: config.postgrest, "/auth/v1": config.auth, **optional}
        self._routes = tuple(
            (prefix, httpx.URL(url), httpx.AsyncHTTPTransport(limits=limits, retries=0))
            for prefix, url in routes.items()
            if url
        )
        self._replica = Replica(config.replica["database_url"], config.most_behind) if config.replica else None
        self._replica_route = (
            httpx.URL(config.replica.get("postgrest", "")), httpx.AsyncHTTPTransport(limits=limits, retries=0)
        )  # fmt: skip
        self._not_run = (*(prefix for prefix, url in optional.items() if not url), *_NOT_RUN)
        self._pages = Pages(config.pages, f"http://127.0.0.1:{config.port}", config.publishable)
        self._open_paths = (*OPEN_PATHS, *(f"{_FUNCTIONS}/{name}" for name in config.open_functions))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        watching = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._replica:
                    watching = asyncio.create_task(self._replica.watch())
                await send({"type": "lifespan.startup.complete"})
            else:
                if watching:
                    watching.cancel()
                for transport in (*(route[2] for route in self._routes), self._replica_route[1]):
                    await transport.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        headers: Headers = scope["headers"]
        if refusal := _wrong_address(path, scope["raw_path"], scope["query_string"]):
            await self._refuse(refusal, scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and _first(headers, b"access-control-request-method"):
            await self._answer(_preflight(headers), scope, receive, send)
            return
        if path == "/health":
            replica = {"replica": self._replica.report()} if self._replica else {}
            await self._answer(JSONResponse({"status": "ok", **replica}), scope, receive, send)
            return
        if self._pages.serves(path):
            await self._pages(scope, receive, send)
            return
        if any(_below(path, prefix) for prefix in self._not_run):
            name = path.split("/")[1]
            await self._refuse(Refusal(503, f"The embedded stack does not run {name}"), scope, receive, send)
            return
        for prefix, upstream, transport in self._routes:
            # The service gets the path as it was written, so the prefix must be there unescaped as well.
            if _below(path, prefix) and _below(scope["raw_path"].decode("latin-1"), prefix):
                await self._proxy(prefix, upstream, transport, scope, receive, send)
                return
        await self._refuse(NO_ROUTE, scope, receive, send)

    async def _proxy(
        self,
        prefix: str,
        upstream: httpx.URL,
        transport: httpx.AsyncHTTPTransport,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        headers: Headers = scope["headers"]
        query, key = _take_key(headers, scope["query_string"])
        authorization = given = _first(headers, b"authorization")
        is_link = scope["path"].startswith(_LINKS) and not key and not authorization
        if scope["path"] not in self._open_paths and not is_link:
            checked = self._authorize(key, authorization, _first(headers, b"user-agent"))
            if isinstance(checked, Refusal):
                await self._refuse(checked, scope, receive, send)
                return
            authorization = checked
        largest = LARGEST_BODY_OF_SECRET if self._is_secret(key, given) else LARGEST_BODY
        if prefix == _STORAGE:
            largest = self._config.largest_file + _FORM
        if int(_first(headers, b"content-length") or 0) > largest:
            await self._refuse(TOO_LARGE, scope, receive, send)
            return
        raw_path = scope["raw_path"][len(prefix) :] or b"/"
        raw_path += b"?" + query if query else b""
        body = _Body(receive, largest, self._config.timeout) if _has_body(headers) else None
        places = [(upstream, transport)]
        if self._replica and prefix == _REST and body is None and scope["method"] in ("GET", "HEAD"):
            # Whom to ask first. The other is asked where the first has no answer.
            places.insert(0 if self._replica.serves else 1, self._replica_route)
        try:
            requests = [
                httpx.Request(
                    scope["method"],
                    place.copy_with(raw_path=raw_path),
                    headers=self._forwarded(scope, prefix, authorization),
                    stream=body,
                    extensions={"timeout": self._timeout},
                )
                for place, _ in places
            ]
        except (httpx.InvalidURL, UnicodeError):
            await self._refuse(BAD_URL, scope, receive, send)
            return
        try:
            if body is not None:
                await body.read_ahead()
            again = scope["method"] in _READING and body is None
            response = await self._first_answer(
                [(to, request) for (_, to), request in zip(places, requests, strict=True)], again=again
            )
        except _SlowBodyError:
            await self._refuse(SLOW_BODY, scope, receive, send, close=True)
            return
        except _BodyTooLargeError:
            await self._refuse(TOO_LARGE, scope, receive, send)
            return
        except httpx.TimeoutException:
            await self._refuse(TIMED_OUT, scope, receive, send)
            return
        except httpx.TransportError as error:
            log.warning("%s %s: %s", scope["method"], prefix, type(error).__name__)
            await self._refuse(UNAVAILABLE, scope, receive, send)
            return
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status_code,
                    "headers": [
                        (name.lower(), value)
                        for name, value in response.headers.raw
                        if name.lower() not in _HOP_BY_HOP
                        and not name.lower().startswith((b"access-control-", b"x-content-type-options"))
                    ]
                    + _ADDED,
                }
            )
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for chunk in response.stream:
                async with asyncio.timeout(self._config.timeout):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            # Nobody reads the answer. The server closes a connection whose answer has no end.
            log.warning("%s %s: the answer was not read", scope["method"], prefix)
        finally:
            await response.aclose()

    async def _first_answer(
        self, asked: Sequence[tuple[httpx.AsyncHTTPTransport, httpx.Request]], *, again: bool
    ) -> httpx.Response:
        """The answer of the first service that has one; that of the last, or its failure, whatever it is."""
        *others, last = asked
        for transport, request in others:
            request.extensions["timeout"] = {**self._timeout, "read": REPLICA_TIMEOUT}
            with contextlib.suppress(httpx.TransportError):
                response = await self._sent(transport, request, again=again)
                if response.status_code < 500:
                    return response
                await response.aclose()
        return await self._sent(*last, again=again)

    async def _sent(
        self, transport: httpx.AsyncHTTPTransport, request: httpx.Request, *, again: bool
    ) -> httpx.Response:
        """The answer of a service, asked once more if it closed the connection before any of it (``again``)."""
        try:
            return await transport.handle_async_request(request)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if not again:
                raise
            return await transport.handle_async_request(request)

    def _authorize(self, key: str, authorization: bytes, user_agent: bytes) -> bytes | Refusal:
        """The Authorization header to send on, or why the request is refused."""
        bearer = _bearer(authorization)
        key = key or bearer
        if not key:
            return NO_KEY
        known = self._known(key)
        if known is None:
            # A user's token alone is no API key.
            return NO_KEY if key == bearer and not key.startswith("sb_") else WRONG_KEY
        if known == self._config.secret and user_agent.startswith(b"Mozilla/"):
            return SECRET_IN_BROWSER
        if authorization and bearer != key:
            # Only an API key can stand in for a token, and only the one that the request shows as its own.
            return WRONG_KEY if bearer.startswith("sb_") else authorization
        role = self._roles.get(known)
        return b"Bearer " + (known.encode() if role is None else self._token(role))

    def _known(self, key: str) -> str | None:
        """The configured key that equals this one; every key is compared, in constant time."""
        given = key.encode()
        found = None
        for known, encoded in self._keys.items():
            if hmac.compare_digest(given, encoded):
                found = known
        return found

    def _is_secret(self, key: str, authorization: bytes) -> bool:
        """Whether a request carries a key of the service role, in either header."""
        secrets = (self._config.secret, self._config.service_role)
        return any(self._known(given) in secrets for given in (key, _bearer(authorization)))

    def _token(self, role: str) -> bytes:
        made, token = self._tokens.get(role, (0.0, b""))
        # The clock that who verifies it looks at: the monotonic one stands still while the machine is suspended. A
        # clock that was set back makes a token of the future, which is none either.
        now = time.time()
        if not 0 <= now - made < INTERNAL_TOKEN_SECONDS / 2:
            token = role_token(role, self._config.jwt_secret, INTERNAL_TOKEN_SECONDS).encode()
            self._tokens[role] = (now, token)
        return token

    def _forwarded(self, scope: Scope, prefix: str, authorization: bytes) -> Headers:
        client = (scope["client"] or ("127.0.0.1", 0))[0].encode()
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in _NOT_FORWARDED and name not in _FORWARDING and name != b"x-forwarded-for"
        ]
        before = _first(scope["headers"], b"x-forwarded-for")
        host = _first(scope["headers"], b"host")
        headers += [
            (b"host", host),
            (b"x-forwarded-for", before + b", " + client if before else client),
            (b"x-forwarded-host", host.split(b":")[0]),
            (b"x-forwarded-port", str(self._config.port).encode()),
            (b"x-forwarded-proto", b"http"),
            (b"x-forwarded-prefix", prefix.encode()),
        ]
        if authorization:
            headers.append((b"authorization", authorization))
        if scope["method"] == "HEAD":
            # PostgREST closes the connection after a HEAD without saying so, and the next request would meet its end.
            headers.append((b"connection", b"close"))
        if _first(scope["headers"], b"transfer-encoding"):
            headers.append((b"transfer-encoding", b"chunked"))
        return headers

    async def _refuse(
        self, refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, close: bool = False
    ) -> None:
        body = {"message": refusal.message} | ({"hint": refusal.hint} if refusal.hint else {})
        headers = {"connection": "close"} if close else None
        await self._answer(JSONResponse(body, refusal.status, headers), scope, receive, send)

    async def _answer(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        response.raw_headers.extend(_ADDED)
        await response(scope, receive, send)


class _BodyTooLargeError(Exception):
    """More came than the sender may send; the service behind has seen only the beginning, and no end."""


class _SlowBodyError(Exception):
    """The next bytes of a body did not come in time."""


class _Body(httpx.AsyncByteStream):
    """The request's body, up to ``largest`` bytes: its first READ_AHEAD at once, the rest passed on as it arrives.

    Each READ_AHEAD bytes have their time. Only waiting for the sender counts, not what the service behind takes.
    """

    def __init__(self, receive: Receive, largest: int, timeout: float) -> None:
        self._receive = receive
        self._left = largest
        self._timeout = timeout
        self._owed = READ_AHEAD
        self._patience = 10 * timeout + READ_AHEAD / SLOWEST
        self._ahead: list[bytes] = []
        self._whole = False

    async def read_ahead(self) -> None:
        """Wait for the first bytes. Raises _SlowBodyError."""
        size = 0
        while not self._whole and size < READ_AHEAD:
            chunk = await self._next()
            size += len(chunk)
            self._ahead.append(chunk)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        ahead, self._ahead = self._ahead, []
        for chunk in ahead:
            if chunk:
                yield chunk
        while not self._whole:
            if chunk := await self._next():
                yield chunk

    async def _next(self) -> bytes:
        clock = asyncio.get_running_loop()
        asked = clock.time()
        try:
            async with asyncio.timeout(min(self._timeout, self._patience)):
                message: Message = await self._receive()
        except TimeoutError:
            raise _SlowBodyError from None
        self._patience -= clock.time() - asked
        if message["type"] == "http.disconnect":
            raise httpx.ReadError("the client went away")
        chunk: bytes = message.get("body", b"")
        self._left -= len(chunk)
        if self._left < 0:
            raise _BodyTooLargeError
        self._owed -= len(chunk)
        if self._owed <= 0:
            self._owed, self._patience = READ_AHEAD, self._timeout + READ_AHEAD / SLOWEST
        self._whole = not message.get("more_body")
        return chunk


def _wrong_address(path: str, raw_path: bytes, query: bytes) -> Refusal | None:
    """Why an address is refused, before anything is decided by it; None when it is not.

    A path is decided by as it is written. One that means another path, by a step upwards in whatever spelling, is of
    no client that we know, and so is one with a control character.
    """
    if len(raw_path) + len(query) > LONGEST_ADDRESS:
        return LONG_URL
    if _CONTROL.search(path) or not {".", ".."}.isdisjoint(_SEPARATOR.split(path)):
        return BAD_URL
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any("\0" in part for pair in pairs for part in pair):
        # No text of Postgres holds it.
        return BAD_URL
    select = (value for name, value in pairs if name in ("select", "columns"))
    return LONG_SELECT if sum(map(len, select)) > LONGEST_SELECT else None


def _below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or lies below it."""
    return path == prefix or path.startswith(prefix + "/")


def _first(headers: Headers, name: bytes) -> bytes:
    return next((value for header, value in headers if header == name), b"")


def _bearer(authorization: bytes) -> str:
    scheme, _, value = authorization.decode("latin-1").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _has_body(headers: Headers) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


def _take_key(headers: Headers, query: bytes) -> tuple[bytes, str]:
    """The API key of a request (header first, then the ``apikey`` parameter) and the query without it."""
    key = _first(headers, b"apikey").decode("latin-1")
    if b"apikey" not in query:
        return query, key
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    rest = [(name, value) for name, value in pairs if name != "apikey"]
    if len(rest) == len(pairs):
        return query, key
    found = next(value for name, value in pairs if name == "apikey")
    return urlencode(rest, safe="*,.()!:").encode(), key or found


def _preflight(headers: Headers) -> Response:
    return Response(
        status_code=200,
        headers={
            "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT",
            "access-control-allow-headers": _first(headers, b"access-control-request-headers").decode("latin-1") or "*",
            "access-control-max-age": "3600",
        },
    )


def config_from(text: str) -> GatewayConfig:
    """Read the configuration that the stack passes in the environment."""
    return GatewayConfig(**json.loads(text))
