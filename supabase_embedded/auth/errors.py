"""What the server answers when it refuses, in the two JSON shapes of Supabase Auth."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

#: From this `X-Supabase-Api-Version` on, an error's `code` is its name and its text is in `message`.
NAMED_CODES_SINCE = "2024-01-01"


class Refusal(Exception):
    """A request that the server answers with an error: HTTP status, code by name, message for people."""

    def __init__(self, status: int, code: str, message: str, reasons: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.reasons = reasons

    def response(self, request: Request) -> Response:
        """Write the error in the shape that the client's API version asks for."""
        document: dict[str, Any]
        headers = {"x-sb-error-code": self.code}
        if _wants_named_codes(request):
            headers["X-Supabase-Api-Version"] = NAMED_CODES_SINCE
            document = {"code": self.code, "message": self.message}
        else:
            document = {"code": self.status, "error_code": self.code, "msg": self.message}
        if self.reasons is not None:
            document["weak_password"] = {"reasons": self.reasons}
        return JSONResponse(document, self.status, headers)


def bad_request(code: str, message: str) -> Refusal:
    """400: the request cannot be understood or is wrong in itself."""
    return Refusal(400, code, message)


def invalid(message: str) -> Refusal:
    """400 validation_failed."""
    return Refusal(400, "validation_failed", message)


def forbidden(code: str, message: str) -> Refusal:
    """403: understood, but not allowed with this token or code."""
    return Refusal(403, code, message)


def not_found(code: str, message: str) -> Refusal:
    """404: no such account or flow."""
    return Refusal(404, code, message)


def unprocessable(code: str, message: str) -> Refusal:
    """422: understood, but the state of the account or of the server does not allow it."""
    return Refusal(422, code, message)


def unexpected(message: str = "Unexpected failure, please check server logs for more information") -> Refusal:
    """500: our fault; the log says more than the answer."""
    return Refusal(500, "unexpected_failure", message)


def expired_code(message: str = "Token has expired or is invalid") -> Refusal:
    """403 otp_expired, the one answer to a code that is wrong, used, too old or for nobody."""
    return Refusal(403, "otp_expired", message)


def _wants_named_codes(request: Request) -> bool:
    # Versions are dates, so they compare as text; anything else is the first version, as on the real server.
    version = request.headers.get("X-Supabase-Api-Version", "")
    return len(version) == 10 and version[:4].isdigit() and version >= NAMED_CODES_SINCE
