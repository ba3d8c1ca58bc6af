"""The bytes on disk. A file is written once, under its version and never under a name that somebody chose."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 16

#: Uploads that have not ended yet.
_PART = ".part"

# Whatever else somebody keeps in the directory is not ours to delete.
_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.part)?")


@dataclass(frozen=True)
class Stored:
    """Bytes that were written: the version they are kept under, their number and their MD5."""

    version: str
    size: int
    digest: str


class TooLargeError(Exception):
    """More bytes came than were allowed."""


class Files:
    """A directory of versions, readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def store(self, chunks: AsyncIterator[bytes], largest: int) -> Stored:
        """Write what arrives, whole or not at all. Raises TooLargeError, and whatever the sender's end raises."""
        version = str(uuid.uuid4())
        part, size, digest = self._path(version).with_suffix(_PART), 0, hashlib.md5(usedforsecurity=False)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > largest:
                        raise TooLargeError
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path(version))
        finally:
            part.unlink(missing_ok=True)
        return Stored(version, size, digest.hexdigest())

    def copy(self, version: str) -> str:
        """Keep the same bytes under a new version as well; return it. Raises OSError."""
        copied = str(uuid.uuid4())
        os.link(self._path(version), self._path(copied))
        return copied

    def open(self, version: str) -> BinaryIO:
        """The bytes of a version; once open they stay readable, whatever replaces them. Raises OSError."""
        return self._path(version).open("rb")

    def delete(self, version: str | None) -> None:
        """Delete bytes, if they are there."""
        if version is not None:
            self._path(version).unlink(missing_ok=True)

    def sweep(self, kept: Collection[str]) -> int:
        """Delete what an interrupted server left: halves, and bytes that no row speaks of. Returns how many."""
        left = [path for path in self._directory.iterdir() if _OURS.fullmatch(path.name) and path.name not in kept]
        for path in left:
            path.unlink()
        return len(left)

    def _path(self, version: str) -> Path:
        # A version is ours, but it has been to the database and back.
        return self._directory / str(uuid.UUID(version))


def chunks_of(file: BinaryIO, first: int, count: int) -> Iterator[bytes]:
    """Yield bytes of an open file from a place on, and close it."""
    with file:
        file.seek(first)
        while count > 0 and (chunk := file.read(min(CHUNK, count))):
            count -= len(chunk)
            yield chunk
