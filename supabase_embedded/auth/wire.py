"""Reading requests: JSON bodies, tokens, redirect addresses, PKCE challenges."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from starlette.requests import Request

from supabase_embedded.auth.errors import Refusal, bad_request, invalid
from supabase_embedded.auth.settings import AuthSettings

#: Largest request body, in bytes.
LARGEST_BODY = 1 << 20

_BEARER = re.compile(r"bearer (\S+)", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]+")


T = TypeVar("T")


class Body:
    """A JSON object of a request; each reader gives a value of its type or refuses the request."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str:
        """A text, empty when absent."""
        return self._read(name, "")

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        return self._read(name, default)

    def mapping(self, name: str) -> dict[str, Any]:
        """An object, empty when absent."""
        missing: dict[str, Any] = {}
        return self._read(name, missing)

    def email(self, name: str = "email") -> str:
        """An e-mail address in lower case. Raises Refusal when it is absent or cannot be one."""
        address = self.text(name)
        if not address:
            raise invalid("An email address is required")
        if len(address) > 255:
            raise invalid("An email address is too long")
        if not _ADDRESS.fullmatch(address):
            raise invalid("Unable to validate email address: invalid format")
        return address.lower()

    def challenge(self) -> Challenge | None:
        """The PKCE challenge, or None. Raises Refusal when only half of it is there."""
        code, method = self.text("code_challenge"), self.text("code_challenge_method").lower()
        if not code and not method:
            return None
        if not code or not method:
            raise invalid("PKCE flow requires code_challenge_method and code_challenge")
        if not 43 <= len(code) <= 128:
            raise invalid("code challenge has to be between 43 and 128 characters")
        if not _CHALLENGE.fullmatch(code):
            raise invalid(
                "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes"
            )
        if method not in ("s256", "plain"):
            raise invalid(f'unsupported code_challenge method "{method}"')
        return Challenge(code, method)

    def _read(self, name: str, default: T) -> T:
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, type(default)):
            raise bad_request("bad_json", f"Could not parse request body as JSON: {name} has the wrong type")
        return value


@dataclass(frozen=True)
class Challenge:
    """What a client will later prove to know: a PKCE challenge and its method, s256 or plain."""

    code: str
    method: str


async def read_body(request: Request, *, optional: bool = False) -> Body:
    """Read the JSON object of a request. Raises Refusal: 413 when too large, 400 bad_json when it is not one."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BODY:
            message = f"Request body too large (max {LARGEST_BODY} bytes)"
            raise Refusal(413, "request_entity_too_large", message)
    if optional and not raw:
        return Body({})
    try:
        values = json.loads(bytes(raw), parse_constant=_refuse_constant)
        # Halves of a character and null characters are JSON, but no text that Postgres can hold.
        storable = "\\u0000" not in json.dumps(values, ensure_ascii=False).encode().decode()
    except (ValueError, RecursionError):
        raise bad_request("bad_json", "Could not parse request body as JSON") from None
    if not isinstance(values, dict) or not storable:
        raise bad_request("bad_json", "Could not parse request body as JSON: it must be an object of plain text")
    return Body(values)


def bearer_token(request: Request) -> str:
    """The token of the Authorization header. Raises Refusal (401)."""
    match = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        raise Refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
    return match[1]


def client_ip(request: Request) -> str | None:
    """Where the request comes from: the first address that the gateway forwards, else the peer's."""
    candidates = request.headers.get("X-Forwarded-For", "").split(",")
    if request.client is not None:
        candidates.append(request.client.host)
    for candidate in candidates:
        try:
            return str(ipaddress.ip_address(candidate.strip()))
        except ValueError:
            continue
    return None


def peer(request: Request) -> str:
    """The network address that the gateway saw: what came before it in X-Forwarded-For, the client wrote itself."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded or (request.client.host if request.client is not None else "")


def redirect_target(request: Request, settings: AuthSettings, wished: str = "") -> str:
    """Where a link in a mail leads in the end: the address asked for, if it is allowed, else the site."""
    asked = (
        wished,
        request.headers.get("redirect_to", ""),
        request.query_params.get("redirect_to", ""),
        request.headers.get("Referer", ""),
    )
    return next((address for address in asked if is_allowed_redirect(settings, address)), settings.site_url)


def is_allowed_redirect(settings: AuthSettings, address: str) -> bool:
    """Tell whether sign-in links may lead to an address: the site itself, this machine, or an allowed pattern."""
    if not address:
        return False
    try:
        site, target = urlsplit(settings.site_url), urlsplit(address)
        same_port = site.port == target.port or target.hostname == "localhost"
    except ValueError:
        return False
    if target.scheme == site.scheme and target.hostname == site.hostname and same_port:
        return True
    host = target.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback and target.scheme in ("http", "https")
    except ValueError:
        pass
    if host.isdigit():
        return False
    address = address.partition("#")[0]
    return any(re.fullmatch(_expression(pattern), address) for pattern in settings.uri_allow_list)


def _expression(pattern: str) -> str:
    # `*` stays within one label or path segment, `**` does not.
    parts = {"**": ".*", "*": "[^./]*", "?": "[^./]"}
    return re.sub(r"\*\*|\*|\?|[^*?]+", lambda found: parts.get(found[0]) or re.escape(found[0]), pattern)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
