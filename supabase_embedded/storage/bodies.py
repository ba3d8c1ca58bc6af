"""The body of an upload: the bytes themselves, or a form in which a browser or a library sends them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from supabase_embedded.storage.errors import invalid

#: The largest field of a form beside the file, in bytes.
LARGEST_FIELD = 1 << 20


@dataclass
class Upload:
    """What is uploaded: type, cache control, the user's own metadata, and the bytes as they arrive."""

    type: str
    cache_control: str
    metadata: dict[str, Any] | None
    chunks: AsyncIterator[bytes]


async def read_upload(request: Request) -> Upload:
    """Read a request up to where the bytes of the file begin. Raises Refusal."""
    content_type = request.headers.get("content-type", "application/octet-stream")
    if not content_type.lower().startswith("multipart/form-data"):
        metadata = _metadata(request.headers.get("x-metadata"), encoded=True)
        return Upload(content_type, request.headers.get("cache-control", "no-cache"), metadata, _chunks(request))
    form = _Form(content_type, request)
    first = await form.begin()
    seconds = form.fields.get("cacheControl", "")
    # It becomes a header of every answer.
    if not seconds.isprintable() or not seconds.isascii():
        raise invalid("cacheControl is not plain text")
    return Upload(
        form.fields.get("contentType") or form.file_type,
        f"max-age={seconds}" if seconds else "no-cache",
        _metadata(form.fields.get("metadata", form.fields.get("userMetadata"))),
        form.rest(first),
    )


def _metadata(text: str | None, *, encoded: bool = False) -> dict[str, Any] | None:
    try:
        value = json.loads(base64.b64decode(text) if encoded else text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk


@dataclass
class _Part:
    """One part of a form while it is read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False


class _Form:
    """A form of fields and one file, read as it arrives; fields count up to the file."""

    def __init__(self, content_type: str, request: Request) -> None:
        boundary = parse_options_header(content_type.encode("latin-1"))[1].get(b"boundary")
        if not boundary:
            raise invalid("The form has no boundary")
        self.fields: dict[str, str] = {}
        self.file_type = "application/octet-stream"
        self._stream = request.stream()
        self._part = _Part()
        self._header = (bytearray(), bytearray())
        self._field = bytearray()
        self._bytes: list[bytes] = []
        self._begun = self._ended = False
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    async def begin(self) -> list[bytes]:
        """Read up to the file; return what came of it already. Raises Refusal when there is none."""
        async for _ in self._feed():
            if self._begun:
                return self._taken()
        raise invalid("No content provided")

    async def rest(self, first: list[bytes]) -> AsyncIterator[bytes]:
        """Yield the file. Raises Refusal when the form breaks off."""
        for chunk in first:
            yield chunk
        async for _ in self._feed():
            for chunk in self._taken():
                yield chunk
        if not self._ended:
            raise invalid("The form breaks off")

    async def _feed(self) -> AsyncIterator[None]:
        try:
            async for chunk in self._stream:
                if chunk:
                    self._parser.write(chunk)
                    yield
        except MultipartParseError:
            raise invalid("The form cannot be read") from None

    def _taken(self) -> list[bytes]:
        taken, self._bytes = self._bytes, []
        return taken

    def _on_part_begin(self) -> None:
        self._part, self._field = _Part(), bytearray()

    def _on_header_end(self) -> None:
        name, value = self._header
        self._part.headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        options = parse_options_header(self._part.headers.get(b"content-disposition", b""))[1]
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        # supabase-js sends the file without a name of its own.
        if b"filename" in options or self._part.name == "" or b"content-type" in self._part.headers:
            if self._begun:
                raise invalid("One file at a time")
            self._part.is_file = self._begun = True
            self.file_type = self._part.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._bytes.append(data[start:end])
        else:
            self._field += data[start:end]
            if len(self._field) > LARGEST_FIELD:
                raise invalid(f"The field {self._part.name[:40]} is too long")

    def _on_part_end(self) -> None:
        if not self._part.is_file and len(self.fields) < 10:
            self.fields[self._part.name] = self._field.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self._ended = True
