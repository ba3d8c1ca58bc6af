"""What the server answers when it refuses, in the JSON shape of Supabase Storage."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response


class Refusal(Exception):
    """A request answered with an error: ``status`` stands in the body, and the answer itself is a 400, as hosted."""

    def __init__(self, status: int, code: str, message: str, error: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.error = error or code

    def response(self) -> Response:
        """Write the error."""
        document = {
            "statusCode": str(self.status),
            "error": self.error,
            "message": self.message,
            "code": self.code,
        }
        return JSONResponse(document, self.status if self.status >= 500 else 400)


def no_bucket() -> Refusal:
    """No such bucket, or none that the caller may know of."""
    return Refusal(404, "NoSuchBucket", "Bucket not found", "Bucket not found")


def no_object() -> Refusal:
    """No such file, or none that the caller may know of: one answer for both."""
    return Refusal(404, "NoSuchKey", "Object not found", "not_found")


def denied(message: str) -> Refusal:
    """Understood, but not for this caller."""
    return Refusal(403, "AccessDenied", message, "Unauthorized")


def invalid(message: str, code: str = "InvalidRequest") -> Refusal:
    """The request is wrong in itself."""
    return Refusal(400, code, message)


def too_large() -> Refusal:
    """More bytes than the bucket takes."""
    return Refusal(413, "EntityTooLarge", "The object exceeded the maximum allowed size", "Payload too large")


def wrong_type(given: str) -> Refusal:
    """A type of file that the bucket does not take."""
    return Refusal(415, "InvalidMimeType", f"mime type {given} is not supported", "invalid_mime_type")
