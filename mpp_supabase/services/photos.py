"""Pictures and photos that people upload: checked and written anew by a worker before anybody else sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from mpp_supabase.errors import PhotoUnknown, StorageError
from mpp_supabase.files.image import ImageError, clean_image
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, Where, query

if TYPE_CHECKING:
    from storage3._sync.file_api import SyncBucketProxy

Result = TypeVar("Result")

#: The longest side of an image that was checked, in pixels, by its bucket.
SIDES = {"profile-pictures": 512, "photos": 2048}

_PAGE = 100


class Photo(Model):
    """A photo that was shared for communication; `remove_by` is set once its removal was asked for."""

    id: UUID
    reference: str
    league_id: UUID
    league: str
    is_class: bool
    account_id: UUID
    caption: str
    text_number: int
    shared_at: datetime
    state: str
    used_for: str | None
    path: str
    remove_by: datetime | None


class PhotoRemoval(Model):
    """A photo that must be removed by `due_at`, also where it is `used_for`; cause is asked, withdrawn or erased."""

    id: int
    reference: str
    cause: str
    note: str | None
    used_for: str | None
    asked_at: datetime
    due_at: datetime
    done_at: datetime | None


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


class _Seconds(Model):
    name: str
    value: str


class Photos(Service):
    """Pictures and photos. Checking needs the secret key; the rest the secret key, or a session of the staff.

    A run may be cut off at any point. The next one does again what was not finished, with the same result: an upload
    goes last, and what became of it has a name that follows from its own.
    """

    def check(self, most: int = 1000, on_each: Callable[[int], None] = lambda done: None) -> CheckedUploads:
        """Check uploads, `most` at most, and remove files that are shown no more; return what was done.

        `on_each` is told how many are done.
        """
        taken = refused = 0
        seen: set[str] = set()
        while len(seen) < most:
            waiting = self._read_rows(Upload, "uploads_to_check", {"how_many": min(_PAGE, most - len(seen))})
            new = [upload for upload in waiting if upload.path not in seen]
            if not new:
                break
            for upload in new:
                seen.add(upload.path)
                problem = self._check(upload)
                taken, refused = taken + (problem is None), refused + (problem is not None)
                on_each(len(seen))
        return CheckedUploads(taken, refused, self._sweep(most))

    def iterate(self, state: str | None = None) -> Iterator[Photo]:
        """Yield the photos that were shared, the earliest first, or those in one state."""
        where: Where = (("state", "eq", state),) if state is not None else ()
        return self._iterate(Photo, query(Photo, "ops_photos", "shared_at, id", where))

    def get(self, reference: str) -> Photo:
        """Return a photo by its reference. Raises PhotoUnknown."""
        found = self._first(Photo, query(Photo, "ops_photos", "id", (("reference", "eq", reference.upper()),)))
        if found is None:
            raise PhotoUnknown("There is no such photo.", "List them with `mpp photo list`.")
        return found

    def link(self, photo: Photo) -> str:
        """Return an address that shows a photo for the seconds that photo_link_seconds says. Raises StorageError."""
        rule = self._first(_Seconds, query(_Seconds, "settings", "name", (("name", "eq", "photo_link_seconds"),)))
        seconds = int(rule.value) if rule is not None else 0
        return self._do("photos", lambda bucket: str(bucket.create_signed_url(photo.path, seconds)["signedURL"]))

    def decide(self, reference: str, state: str, *, used_for: str | None = None) -> None:
        """Make a photo `approved` or `refused`, or `used` for something. Raises PhotoUnknown, InvalidField."""
        given = {"reference": reference, "state": state, "used_for": used_for}
        self._transport.call("decide_photo", given)

    def remove(self, reference: str, reason: str) -> str | None:
        """Remove a photo and settle what was asked about it; return where it was published. Raises PhotoUnknown.

        The file goes too, at once with the secret key; with a session it goes with the next run of `check`, and
        meanwhile nobody reads it.
        """
        places = self._transport.call("remove_photo", {"reference": reference, "reason": reason})
        if self._transport.role == "secret":
            self._sweep(_PAGE)
        return None if places is None else str(places)

    def removals(self, *, done: bool = False) -> Iterator[PhotoRemoval]:
        """Yield the photos that must be removed, the most urgent first, or those that were (`done`)."""
        where: Where = (("done_at", "not.is" if done else "is", "null"),)
        return self._iterate(PhotoRemoval, query(PhotoRemoval, "photo_removals", "due_at, id", where))

    def _check(self, upload: Upload) -> str | None:
        """Check one upload, record it and remove it; return what is wrong with it."""
        problem = None
        try:
            image = clean_image(
                self._bytes(upload), upload.path.rpartition(".")[2], upload.media_type, SIDES[upload.bucket_id]
            )
        except ImageError as error:
            problem = error.problem
        else:
            self._put(upload.bucket_id, _checked_path(upload.path), image)
        given = {"bucket_id": upload.bucket_id, "path": upload.path, "problem": problem}
        self._transport.call("record_upload", given, idempotent=True)
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
            found = self._read_rows(Upload, "uploads_to_remove", {"how_many": min(_PAGE, most - removed)})
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
