"""Pictures and photos that people upload: checked and written anew by a worker before anybody else sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mpp_supabase.errors import StorageError
from mpp_supabase.files.image import ImageError, clean_image
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service

if TYPE_CHECKING:
    from storage3._sync.file_api import SyncBucketProxy

Result = TypeVar("Result")

#: The longest side of a profile picture, in pixels.
PICTURE_SIDE = 512

_PAGE = 100


class Upload(Model):
    """A file of Storage that waits for the worker; `media_type` is what its uploader said it is."""

    bucket_id: str
    path: str
    media_type: str | None


@dataclass(frozen=True, slots=True)
class CheckedUploads:
    """What a run of the worker did: how many uploads it took, how many it refused, how many files it removed."""

    taken: int
    refused: int
    removed: int


class Photos(Service):
    """Pictures and photos. Checking needs the secret key.

    A run may be cut off at any point. The next one does again what was not finished, with the same result: an upload
    goes last, and what became of it has a name that follows from its own.
    """

    def check(self, most: int = 1000, on_each: Callable[[int], None] = lambda done: None) -> CheckedUploads:
        """Check uploads, `most` of each kind at most, and remove files that are shown no more; return what was done.

        `on_each` is told how many are done.
        """
        taken = refused = 0
        seen: set[str] = set()
        while len(seen) < most:
            waiting = self._read_rows(Upload, "pictures_to_check", {"how_many": min(_PAGE, most - len(seen))})
            new = [upload for upload in waiting if upload.path not in seen]
            if not new:
                break
            for upload in new:
                seen.add(upload.path)
                problem = self._check(upload)
                taken, refused = taken + (problem is None), refused + (problem is not None)
                on_each(len(seen))
        return CheckedUploads(taken, refused, self._sweep(most))

    def _check(self, upload: Upload) -> str | None:
        """Check one upload, record it and remove it; return what is wrong with it."""
        problem = None
        try:
            image = clean_image(self._bytes(upload), upload.path.rpartition(".")[2], upload.media_type, PICTURE_SIDE)
        except ImageError as error:
            problem = error.problem
        else:
            self._put(upload.bucket_id, _checked_path(upload.path), image)
        self._transport.call("record_picture", {"path": upload.path, "problem": problem}, idempotent=True)
        self._remove(upload.bucket_id, [upload.path])
        return problem

    def _bytes(self, upload: Upload) -> bytes:
        """The bytes of an upload. Raises ImageError when they are gone."""
        try:
            return self._do(upload.bucket_id, lambda bucket: bucket.download(upload.path))
        except StorageError as error:
            if error.code != "NoSuchKey":
                raise
            raise ImageError("unreadable", "The file is gone.") from None

    def _put(self, bucket_id: str, path: str, image: bytes) -> None:
        options: Any = {"content-type": "image/jpeg", "cache-control": "60", "upsert": "true"}
        self._do(bucket_id, lambda bucket: bucket.upload(path, image, options))

    def _sweep(self, most: int) -> int:
        """Remove files that are shown no more; return how many."""
        removed = 0
        while removed < most:
            found = self._read_rows(Upload, "pictures_to_remove", {"how_many": min(_PAGE, most - removed)})
            if not found:
                break
            for bucket_id in {upload.bucket_id for upload in found}:
                self._remove(bucket_id, [upload.path for upload in found if upload.bucket_id == bucket_id])
            removed += len(found)
        return removed

    def _remove(self, bucket_id: str, paths: list[str]) -> None:
        self._do(bucket_id, lambda bucket: bucket.remove(paths))

    def _do(self, bucket_id: str, act: Callable[[SyncBucketProxy], Result]) -> Result:
        return self._transport.storage(bucket_id, act, idempotent=True)


def _checked_path(path: str) -> str:
    """Where the checked image of an upload goes: as private.checked_path has it."""
    account, _, name = path.split("/")
    return f"{account}/{name.partition('.')[0]}.jpg"
