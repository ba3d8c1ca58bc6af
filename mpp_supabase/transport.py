"""The one way out: PostgREST's schema `api`, Supabase Auth's admin interface and Storage, over one connection pool.

Services describe what they want; here it is sent, tried again where that is harmless, and every failure becomes one of
errors.py. The Supabase libraries are imported when the first request is made.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mpp_supabase.errors import (
    AccountError,
    ConfigError,
    CursorError,
    KeyRefused,
    MPPError,
    StorageError,
    TransportError,
    is_answer,
    refusal,
)

if TYPE_CHECKING:
    import ssl

    import httpx
    from postgrest import SyncPostgrestClient
    from storage3 import SyncStorageClient
    from storage3._sync.file_api import SyncBucketProxy
    from supabase_auth import SyncGoTrueAdminAPI, SyncGoTrueClient

    from mpp_supabase.config import Settings
    from mpp_supabase.session import SessionKeeper

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
LONG_SECONDS = 600.0
ATTEMPTS = 4
CHUNK = 500
"""Rows asked for at a time; below the smallest max-rows that PostgREST is usually given."""

_BUSY = frozenset((502, 503, 504, 520, 521, 522, 523, 524))
_TOO_LARGE = frozenset((413, 414, 431))

Row = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Order:
    """One column of a list's order, never null. The columns of a list together identify a row."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A list to read: a view of schema `api`, its columns, what to keep (column, operator, value), and its order."""

    view: str
    columns: tuple[str, ...]
    order: tuple[Order, ...]
    where: tuple[tuple[str, str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Pages:
    """A list that a function of schema `api` hands out by pages: its other arguments, its order, its name in cursors.

    The function takes `page_size`, and what the last row has in the columns of the order as `after_<column>`.
    """

    function: str
    arguments: dict[str, Any]
    order: tuple[Order, ...]
    view: str


class _Busy(Exception):
    """The gateway answered that what is behind it is not there now."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")


class Transport:
    """Sends requests with the `secret` or the `publishable` key, or the latter and the `session` of a person.

    `operator` is who says to stand behind the secret key: the audit keeps the name as a claim. Close it, or use it as
    a context manager.
    """

    def __init__(
        self, settings: Settings, role: str, *, session: SessionKeeper | None = None, operator: str = ""
    ) -> None:
        if (session is not None) != (role == "session"):
            raise ValueError("the role session comes with a session, and no other does")
        self.url = settings.url
        self.role = role
        self.session = session
        self._operator = operator if role == "secret" else ""
        self._key = settings.key("publishable" if role == "session" else role)

    def __repr__(self) -> str:
        return f"Transport({self.url!r}, {self.role!r})"

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if "_http" in self.__dict__:
            self._http.close()
            del self.__dict__["_http"]
            self.__dict__.pop("_rest", None)
            self.__dict__.pop("_admin", None)
            self.__dict__.pop("_files", None)
            self.__dict__.pop("_auth", None)

    def rows(self, query: Query | Pages, limit: int, after: str | None = None) -> tuple[list[Row], str | None]:
        """Read up to `limit` rows after a cursor; return them and the cursor of the next page, None at the end.

        The server may cut any answer short without a word (max-rows): reading goes on until there is nothing more.
        """
        found: list[Row] = []
        cursor = decode_cursor(query, after) if after is not None else None
        while len(found) <= limit:
            chunk = self._chunk(query, min(CHUNK, limit + 1 - len(found)), cursor)
            if not chunk:
                break
            found += chunk
            cursor = _onward(query, chunk, cursor)
        more = len(found) > limit
        found = found[:limit]
        return found, encode_cursor(query, found[-1]) if more and found else None

    def iterate(self, query: Query | Pages, after: str | None = None) -> Iterator[Row]:
        """Yield every row of a list after a cursor, asking for a page at a time."""
        cursor = decode_cursor(query, after) if after is not None else None
        while chunk := self._chunk(query, CHUNK, cursor):
            yield from chunk
            cursor = _onward(query, chunk, cursor)

    def call(
        self, function: str, arguments: Row | None = None, *, idempotent: bool = False, timeout: float = ANSWER_SECONDS
    ) -> Any:
        """Call a function of schema `api` that writes; return its JSON value. `timeout` is how many seconds to wait.

        `idempotent` says that calling it twice does no more than once, as with a request key: only then is it sent
        again when there was no answer (`is_answer`), as long as the timeout allows. Raises the Refusal of what the
        game refuses, TransportError for any other error and when no answer came.
        """
        sent = {} if arguments is None else arguments
        with self._waiting(timeout):
            return self._try(
                lambda: self._rest.rpc(function, sent).execute().data, idempotent=idempotent, timeout=timeout
            )

    def read(self, function: str, arguments: Row | None = None, *, timeout: float = ANSWER_SECONDS) -> Any:
        """Call a function of schema `api` that only reads, by GET, which read replicas take; return its JSON value.

        An argument that is None takes its default. Raises what `call` raises.
        """
        sent = {name: _plain(value) for name, value in (arguments or {}).items() if value is not None}
        with self._waiting(timeout):
            return self._try(
                lambda: self._rest.rpc(function, sent, get=True).execute().data, idempotent=True, timeout=timeout
            )

    def admin(self, act: Callable[[SyncGoTrueAdminAPI], Result], *, idempotent: bool = False) -> Result:
        """Do something with the accounts of Supabase Auth. Raises ConfigError without the secret key."""
        if self.role != "secret":
            raise needs_the_secret_key(self.url)
        return self._try(lambda: act(self._admin), idempotent=idempotent)

    def auth(self, act: Callable[[SyncGoTrueClient], Result], *, idempotent: bool = False) -> Result:
        """Sign a person in to Supabase Auth, or do what they may do with their own account."""
        return self._try(lambda: act(self._auth), idempotent=idempotent)

    def sign_out(self, access_token: str) -> None:
        """End the session of this token, and no other of its account."""
        self._try(lambda: self._auth.admin.sign_out(access_token, "local"), idempotent=True)

    def storage(self, bucket: str, act: Callable[[SyncBucketProxy], Result], *, idempotent: bool = False) -> Result:
        """Do something with the files of a bucket of Storage. Raises StorageError for what it refuses."""
        with self._waiting(LONG_SECONDS):
            return self._try(lambda: act(self._files.from_(bucket)), idempotent=idempotent)

    @contextmanager
    def _waiting(self, seconds: float) -> Iterator[None]:
        """Wait so long for an answer."""
        import httpx

        usual = self._http.timeout
        self._http.timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            yield
        finally:
            self._http.timeout = usual

    def _chunk(self, query: Query | Pages, size: int, cursor: list[Any] | None) -> list[Row]:
        if isinstance(query, Pages):
            after = {f"after_{order.column}": value for order, value in zip(query.order, cursor or (), strict=False)}
            rows: Any = self.read(query.function, {**query.arguments, **after, "page_size": size})
            if not isinstance(rows, list):
                raise TransportError(f"{self.url} answered {query.function} with something that is not a list.")
            return rows

        def ask() -> list[Row]:
            request = self._rest.from_(query.view).select(*query.columns)
            for column, operator, value in query.where:
                request = request.filter(column, operator, _plain(value))
            if cursor is not None:
                request = request.or_(_beyond(query.order, cursor))
                first = query.order[0]
                # Implied by the line above, and what lets an index start where the last page ended.
                if len(query.order) > 1:
                    request = request.filter(first.column, "lte" if first.descending else "gte", _plain(cursor[0]))
            for order in query.order:
                request = request.order(order.column, desc=order.descending)
            rows: Any = request.limit(size).execute().data
            if not isinstance(rows, list):
                raise ValueError("not a list of rows")
            return rows

        return self._try(ask, idempotent=True)

    def _try(self, act: Callable[[], Result], *, idempotent: bool, timeout: float = ANSWER_SECONDS) -> Result:
        import httpx
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_exponential

        def may_try_again(error: BaseException) -> bool:
            cause = _cause(error)
            if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout):
                return True
            return idempotent and _is_no_answer(cause)

        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(timeout),
            wait=wait_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception(may_try_again),
            reraise=True,
        )
        try:
            return retrying(act)
        except MPPError:
            raise
        except Exception as error:
            raise self._explained(error, idempotent) from None

    def _explained(self, error: Exception, idempotent: bool) -> MPPError:
        """Turn whatever the libraries raised into one of errors.py; none of it repeats a header or a key."""
        import httpx
        from postgrest import APIError
        from pydantic import ValidationError
        from storage3.exceptions import StorageApiError
        from supabase_auth.errors import AuthApiError, AuthError

        cause = _cause(error)
        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout):
            hint = "Check SUPABASE_URL and the network; for the local stack, `mpp stack status`."
            return TransportError(f"{self.url} does not answer.", hint)
        again = "Try again in a moment." if idempotent else "It may have been done all the same: look, then try again."
        if isinstance(cause, httpx.TimeoutException):
            return TransportError(f"{self.url} took too long to answer.", again)
        if isinstance(cause, _Busy):
            return TransportError(f"{self.url} is up, but not what is behind it ({cause}).", again)
        if isinstance(cause, httpx.HTTPError | httpx.InvalidURL):
            return TransportError(f"The connection to {self.url} broke ({type(cause).__name__}).", again)
        if isinstance(error, APIError) and _is_no_answer(error):
            said = f"{error.code or 'no code'}: {error.message or 'no message'}"
            return TransportError(f"{self.url} failed to answer ({said}).", again, str(error.code or "") or None)
        if isinstance(error, APIError):
            return self._database_error(
                str(error.code or ""), str(error.message or "no message"), str(error.hint or ""), error.details
            )
        if isinstance(error, AuthApiError):
            hint = _ACCOUNT_HINTS.get(str(error.code), "")
            return AccountError(_sentence(error.message), hint, str(error.code or error.status))
        if isinstance(error, StorageApiError) and error.code != "LibraryError":
            return StorageError(_sentence(error.message), "", _STORAGE_CODES.get(str(error.code), str(error.code)))
        if isinstance(error, StorageApiError):
            return TransportError(f"{self.url} gave an answer that is not Supabase's.", "Check SUPABASE_URL.")
        if isinstance(error, AuthError | ValidationError | ValueError | TypeError | KeyError):
            return TransportError(f"{self.url} gave an answer that is not Supabase's.", "Check SUPABASE_URL.")
        raise error

    def _database_error(self, code: str, message: str, hint: str, details: str | None) -> MPPError:
        if len(code) == 5 and code.startswith("MP"):
            return refusal(code, message, hint, details)
        if code == "42501" and self.session is not None:
            who = self.session.session.email
            return KeyRefused(f"{who} may not do this: {message}.", "With the secret key: `mpp --as key …`.")
        if code == "42501":
            return KeyRefused(f"The {self.role} key may not do this: {message}.", "Use the key that may.")
        if code == "57014":
            return TransportError("The database took too long and gave up.", "Try again, or ask for less at a time.")
        if code in ("PGRST106", "PGRST200", "PGRST202", "PGRST203", "PGRST204", "PGRST205", "42703", "42P01", "42883"):
            return TransportError(
                f"The database of {self.url} is not the one this program knows ({code}: {message}).",
                "Bring it up to date with `mpp db push`, or update this program.",
                code,
            )
        return TransportError(f"{self.url} answered {code or 'an error'}: {message}", hint, code or None)

    def _refuse_key_or_absence(self, response: httpx.Response) -> None:
        if response.status_code in _BUSY:
            response.read()
            raise _Busy(response.status_code)
        if response.status_code in _TOO_LARGE and not response.request.url.path.startswith("/storage/"):
            raise TransportError(f"{self.url} does not take a request as large as this.", "Ask for less at a time.")
        # What a session gets is the affair of _Bearer.
        if response.status_code != 401 or self.session is not None:
            return
        response.read()
        if _database_code(response):
            # PostgREST answers 401 as well when the role of a good key may not do something.
            return
        names = {"secret": "SUPABASE_SECRET_KEY", "publishable": "SUPABASE_PUBLISHABLE_KEY"}
        raise KeyRefused(
            f"{self.url} does not accept the {self.role} key.",
            f"Check {names[self.role]}; no other key is tried.",
        )

    @cached_property
    def _http(self) -> httpx.Client:
        import httpx

        key = self._key.get_secret_value()
        headers: dict[str, str | bytes] = {"apikey": key, "Accept-Language": "en"}
        if not key.startswith("sb_"):
            headers["Authorization"] = f"Bearer {key}"
        if self._operator:
            headers["X-MPP-Operator"] = self._operator.encode()
        return httpx.Client(
            headers=headers,  # type: ignore[arg-type]
            auth=_bearer(self.session) if self.session is not None else None,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            verify=_trusted(),
            event_hooks={"response": [self._refuse_key_or_absence]},
        )

    @cached_property
    def _rest(self) -> SyncPostgrestClient:
        from postgrest import SyncPostgrestClient

        client = SyncPostgrestClient(f"{self.url}/rest/v1", schema="api", headers={}, http_client=self._http)
        # What may be tried again, and how soon, is decided in one place: _try.
        client.retry_enabled = False
        return client

    @cached_property
    def _admin(self) -> SyncGoTrueAdminAPI:
        from supabase_auth import SyncGoTrueAdminAPI

        return SyncGoTrueAdminAPI(url=f"{self.url}/auth/v1", headers={}, http_client=self._http)

    @cached_property
    def _auth(self) -> SyncGoTrueClient:
        from supabase_auth import SyncGoTrueClient

        # A memory of its own: the session lives as long as this object, and what is kept of it is kept by session.py.
        return SyncGoTrueClient(
            url=f"{self.url}/auth/v1",
            headers={},
            auto_refresh_token=False,
            persist_session=False,
            flow_type="implicit",
            http_client=self._http,
        )

    @cached_property
    def _files(self) -> SyncStorageClient:
        from storage3 import SyncStorageClient

        # Hosted, Storage may ask for this header where the others do without; the key's own value is taken in it.
        headers = {} if self.session is not None else {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        return SyncStorageClient(f"{self.url}/storage/v1/", headers, http_client=self._http)


def needs_the_secret_key(url: str) -> ConfigError:
    """Say that a session is not enough."""
    return ConfigError(
        f"This needs the secret key of {url}; the session of a person is not enough.",
        "Set SUPABASE_SECRET_KEY, and run it as `mpp --as key …`.",
    )


def _bearer(keeper: SessionKeeper) -> httpx.Auth:
    import httpx

    class Bearer(httpx.Auth):
        """Sends the token of a session, and once another one where the server finds that it has ended."""

        def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            token = keeper.access_token()
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
            if response.status_code != 401:
                return
            response.read()
            # A clock that is wrong, or a key that the server has changed: nothing was done with the request.
            if not _database_code(response):
                request.headers["Authorization"] = f"Bearer {keeper.renewed(token)}"
                yield request

    return Bearer()


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS trusts: read once, which takes 35 ms, for every client of the process."""
    import httpx

    return httpx.create_ssl_context()


#: The older names of Storage's errors, which storage3 tells, and its codes.
_STORAGE_CODES = {
    "Bucket not found": "NoSuchBucket",
    "Duplicate": "ResourceAlreadyExists",
    "Payload too large": "EntityTooLarge",
    "Unauthorized": "AccessDenied",
    "invalid_mime_type": "InvalidMimeType",
    "not_found": "NoSuchKey",
}

_ACCOUNT_HINTS = {
    "email_exists": "Find it with `mpp user list`.",
    "user_already_exists": "Find it with `mpp user list`.",
    "weak_password": "Choose a longer password.",
    "user_not_found": "List the accounts with `mpp user list`.",
    "over_email_send_rate_limit": "Wait a minute before the next mail.",
    "email_address_invalid": "Check the spelling of the address.",
    "validation_failed": "Check the spelling of the address.",
    "invalid_credentials": "Check address and password; `mpp login --mail` sends a code instead.",
    "email_not_confirmed": "Follow the link in the mail that came with the account, or use `mpp login --mail`.",
    "user_banned": "The account is disabled: ask whoever runs the project.",
    "otp_disabled": "There is no such account. Somebody with the secret key makes one with `mpp user create`.",
    "otp_expired": "Check the code, or ask for another one.",
    "mfa_verification_failed": "Type the code that the app shows now; check the clock of the telephone.",
    "mfa_factor_name_conflict": "Give it another name.",
    "insufficient_aal": "Show the second factor that there is: sign in again with `mpp login`.",
    "over_request_rate_limit": "Wait five minutes.",
}


def _database_code(response: httpx.Response) -> bool:
    try:
        code = response.json().get("code")
    except (ValueError, AttributeError):
        return False
    return isinstance(code, str) and bool(code) and not code.startswith("PGRST3")


def until_answered(act: Callable[[], Result]) -> Result:
    """Do what a phone does with a request that has a request key: send it again until it is answered, a few times."""
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.1, max=1.0),
        retry=retry_if_exception(_is_no_answer),
        reraise=True,
    )(act)


def _is_no_answer(error: BaseException) -> bool:
    """Whether the server failed to answer: what was asked may have been done or not."""
    import httpx
    from postgrest import APIError
    from storage3.exceptions import StorageApiError
    from supabase_auth.errors import AuthApiError, AuthUnknownError

    if isinstance(error, APIError):
        return not is_answer(error.code)
    if isinstance(error, AuthApiError | StorageApiError):
        status = str(error.status)
        return status.isdecimal() and int(status) >= 500
    broken = httpx.NetworkError | httpx.RemoteProtocolError | httpx.ReadTimeout
    # AuthUnknownError: a failure in plain text.
    return isinstance(error, broken | AuthUnknownError | _Busy)


def _cause(error: BaseException) -> BaseException:
    """The network error inside supabase_auth's own, which hides it."""
    inner = error.__cause__
    return inner if inner is not None and type(error).__name__ == "AuthRetryableError" else error


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(value: Any) -> str:
    text = _plain(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _beyond(order: tuple[Order, ...], cursor: list[Any]) -> str:
    """The PostgREST condition for rows after the cursor: (a > x) or (a = x and b > y) or …"""
    branches: list[str] = []
    equal: list[str] = []
    for column, value in zip(order, cursor, strict=True):
        step = f"{column.column}.{'lt' if column.descending else 'gt'}.{_quoted(value)}"
        branches.append(f"and({','.join([*equal, step])})")
        equal.append(f"{column.column}.eq.{_quoted(value)}")
    return ",".join(branches)


def _onward(query: Query | Pages, chunk: list[Row], cursor: list[Any] | None) -> list[Any]:
    """The place of the last row; a server that gives the same rows again would otherwise be asked for ever."""
    reached = [chunk[-1][order.column] for order in query.order]
    if reached == cursor:
        raise TransportError(f"The list {query.view} does not go on where its last page ended.")
    return reached


def encode_cursor(query: Query | Pages, row: Row) -> str:
    """Return the text that names a place in a list; only the same list takes it back."""
    values = [query.view, *(row[order.column] for order in query.order)]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(query: Query | Pages, cursor: str) -> list[Any]:
    """Return the order values inside a cursor. Raises CursorError when it is not one of this list."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        values = None
    simple = isinstance(values, list) and all(isinstance(value, str | int | float) for value in values)
    if not simple or len(values) != len(query.order) + 1 or values[0] != query.view:
        raise CursorError("This is not a cursor of this list.", "Use the one printed with the page before.")
    return list(values[1:])
