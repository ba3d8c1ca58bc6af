"""Terms of use: versions, and their announcement to everybody who has not accepted them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from mpp_supabase.errors import MPPError
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, parse_row, query
from mpp_supabase.transport import Query

BATCH = 500
LARGEST = 200_000


class TermsVersion(Model):
    """A version of the terms, by language at `address` or in `body` (fr, en, maybe de); the first one has neither."""

    version: str
    published_at: datetime
    effective_at: datetime
    is_current: bool
    address: dict[str, str] | None
    body: dict[str, str] | None


class TextError(MPPError):
    """A text for people cannot be read; nothing was sent."""

    code = "text"


class _Batch(Model):
    queued: int
    already: int
    after: UUID | None


class Terms(Service):
    """Versions of the terms of use. Publishing needs the secret key or a session of the staff, announcing the key."""

    def iterate(self) -> Iterator[TermsVersion]:
        """Yield the versions, the one published last first."""
        return self._iterate(TermsVersion, _VERSIONS)

    def publish(
        self,
        version: str,
        effective_on: date,
        *,
        address: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> bool:
        """Publish a version that holds from the beginning of a day in Paris, at `address` or as `body` by language.

        Return whether it is new: the same again changes nothing. Raises InvalidField: a day too near, a version that
        was published with another text, a language that is missing.
        """
        given: dict[str, Any] = {"version": version, "effective_on": effective_on.isoformat()}
        for name, texts in (("address", address), ("body", body)):
            if texts is not None:
                given[name] = dict(texts)
        return bool(self._transport.call("publish_terms", given, idempotent=True))

    def announce(self, version: str, on_progress: Callable[[int], None] = lambda _: None) -> tuple[int, int]:
        """Queue the announcement for everybody who has not accepted the version published last, a batch at a time.

        Return how many mails are new and how many were there before. Broken off, it is simply done again. Raises
        InvalidField when it is another version.
        """
        queued = already = 0
        after: UUID | None = None
        while True:
            arguments: dict[str, Any] = {"version": version, "how_many": BATCH}
            if after is not None:
                arguments["after"] = str(after)
            batch = parse_row(_Batch, self._transport.call("queue_terms_notices", arguments, idempotent=True))
            queued, already = queued + batch.queued, already + batch.already
            on_progress(queued + already)
            if batch.after is None:
                return queued, already
            after = batch.after


_VERSIONS: Query = query(TermsVersion, "terms_versions", "published_at desc, version desc")


def read_text(path: Path) -> str:
    """Return the text of a file for people to read. Raises TextError: missing, empty, too long, not UTF-8."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").strip()
    except OSError as error:
        raise TextError(f"{path} cannot be read ({error.strerror}).", "Name a file of text.") from None
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is not UTF-8 (byte {error.start}).", "Save it as UTF-8.") from None
    if len(raw) > LARGEST:
        raise TextError(f"{path} has {len(raw):,} bytes; {LARGEST:,} is the most.", "Publish an address instead.")
    if not text:
        raise TextError(f"{path} is empty.", "Write the text into it.")
    return text
