"""The communication kit of a client: files that the association gives an organisation, and those it adds."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from mpp_supabase.errors import MPPError, StorageError
from mpp_supabase.files._files import written_whole
from mpp_supabase.models import ClientFile
from mpp_supabase.services._service import Service, parse_row

if TYPE_CHECKING:
    from storage3._sync.file_api import SyncBucketProxy

Result = TypeVar("Result")

BUCKET = "client-files"

#: The most bytes of a file, and the types of file by ending: as sql/schema/34_client_file.sql has them.
LARGEST_FILE = 50 << 20
TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "zip": "application/zip",
    "csv": "text/csv",
    "ics": "text/calendar",
    "txt": "text/plain",
}

#: How long a link may go on working, in seconds: 30 days.
LONGEST_LINK = 30 * 86_400

_NAME = re.compile(r"([a-z0-9][a-z0-9-]{0,39}/)?[A-Za-z0-9][A-Za-z0-9 ._()-]*\.[A-Za-z0-9]+")
_MISPLACED = re.compile(r"\.\.|  | \.")
_LONGEST_PATH = 160
#: Letters that are more than one with an accent.
_WRITTEN_OUT = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i"}
)
#: What makes a name one that nobody can guess: 64 random bits before its ending.
_SECRET_BYTES = 8
_SECRET = re.compile(r"-[0-9a-f]{16}(?=\.[A-Za-z0-9]+$)")
_PAGE = 100
#: A replaced file is seen soon; the bytes are private all the same.
_CACHE_SECONDS = "60"


class ClientFileError(MPPError):
    """A file cannot go into a client's kit. What is wrong with it is named; nothing was changed.

    `problems` lists what is wrong with each of several files; `str()` is one line for each.
    """

    code = "client_file"

    def __init__(self, message: str, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems) or self.message


@dataclass(frozen=True, slots=True)
class _Sending:
    """A file that is to be sent, and the name it gets in the kit."""

    path: Path
    name: str


class ClientFiles(Service):
    """The files of clients, each by its name in the kit: `poster.pdf`, or `guides/ambassadors.pdf` in a folder.

    A file that is given no name gets its own with a part that nobody can guess, `poster-5f0c….pdf`, because Storage
    tells anybody whether there is a file of a name. Without that part it is understood as long as it is the only one,
    and so is a name with accents, which a kit cannot hold: `Été à vélo.pdf` is `Ete-a-velo-5f0c….pdf` there.

    The folder `own` is the client's: its managers may add to it in their app. With the secret key the association may
    do everything.
    """

    def iterate(self, organisation_id: int) -> Iterator[ClientFile]:
        """Yield the files of a client by name."""
        found = [
            parse_row(ClientFile, {"name": f"{folder}{row['name']}", **_described(row)})
            for folder in ("", *self._folders(organisation_id))
            for row in self._rows(f"{organisation_id}/{folder}".rstrip("/"))
            if row["id"] is not None
        ]
        yield from sorted(found, key=lambda file: file.name)

    def add(
        self, organisation_id: int, paths: Sequence[str | Path], *, name: str | None = None, replace: bool = False
    ) -> list[ClientFile]:
        """Put files of this computer into a client's kit; return them. `name` is for one file, and is kept as it is;
        else each has its own name, without accents, with a part that nobody can guess.

        Everything is checked before the first is sent. When one then fails, those sent before it are taken out again;
        what `replace` has replaced stays replaced. Raises ClientFileError for what is wrong with a
        file, or with each of several, and StorageError for one name that is taken.
        """
        if name is not None and len(paths) != 1:
            raise ClientFileError(f"{len(paths)} files cannot all be {name}.", "Give --name with one file.")
        known = [file.name for file in self.iterate(organisation_id)]
        sending: list[_Sending] = []
        called: set[str] = set()
        refused: list[MPPError] = []
        for path in paths:
            try:
                each = _checked(organisation_id, Path(path), name)
                if each.name in called:
                    raise ClientFileError(f"Two files would be {each.name}.", "Add one of them under another --name.")
                called.add(each.name)
                there = _among(known, each.name)
                if there is not None and not replace:
                    hint = "Replace it with --replace, or choose another --name."
                    raise StorageError(f"The kit has a file {each.name} already.", hint, "ResourceAlreadyExists")
            except (ClientFileError, StorageError) as error:
                refused.append(error)
            else:
                sending.append(_Sending(each.path, there or (name or _unguessable(each.name))))
        if len(refused) == 1:
            raise refused[0]
        if refused:
            problems = [f"{error.message} {error.hint}" for error in refused]
            raise ClientFileError(
                f"{len(refused)} files cannot be added.", "Correct them; nothing was added.", problems
            )
        new: list[str] = []
        try:
            for each in sending:
                self._send(organisation_id, each, replace=replace)
                if each.name not in known:
                    new.append(each.name)
        except BaseException:
            if new:
                self._do(lambda bucket: bucket.remove([f"{organisation_id}/{one}" for one in new]), idempotent=True)
            raise
        sent = {each.name for each in sending}
        return [file for file in self.iterate(organisation_id) if file.name in sent]

    def get(self, organisation_id: int, name: str) -> bytes:
        """Return the bytes of a file. Raises StorageError when there is no such file."""
        path = f"{organisation_id}/{self._full_name(organisation_id, name)}"
        with _of_file(name):
            return self._do(lambda bucket: bucket.download(path), idempotent=True)

    def save(self, organisation_id: int, name: str, path: str | Path) -> int:
        """Write a file of the kit to this computer, whole or not at all; return how many bytes it has.

        Raises StorageError when there is no such file, ClientFileError when it cannot be written there.
        """
        into = Path(path)
        if into.is_dir():
            raise ClientFileError(f"{into} is a directory.", "Name the file with --output.")
        whole = self.get(organisation_id, name)
        try:
            with written_whole(into) as file:
                file.write(whole)
        except OSError as error:
            raise ClientFileError(f"{into} cannot be written: {error.strerror}.", "Choose another place.") from None
        return len(whole)

    def check(self, organisation_id: int, names: Sequence[str]) -> None:
        """Raise StorageError when one of these files is not in the kit."""
        known = [file.name for file in self.iterate(organisation_id)]
        for name in names:
            if _among(known, name) is None:
                raise _unknown(name)

    def remove(self, organisation_id: int, names: Sequence[str]) -> None:
        """Remove files of a client, all or none. Raises StorageError when one is not there."""
        known = [file.name for file in self.iterate(organisation_id)]
        found = {name: _among(known, name) for name in names}
        for name, whole in found.items():
            if whole is None:
                raise _unknown(name)
        paths = [f"{organisation_id}/{whole}" for whole in found.values()]
        self._do(lambda bucket: bucket.remove(paths), idempotent=True)

    def link(self, organisation_id: int, name: str, seconds: int) -> str:
        """Return an address that gives a file to anybody who has it, for so many seconds. Raises StorageError.

        It cannot be taken back but by removing the file.
        """
        if not 1 <= seconds <= LONGEST_LINK:
            raise ValueError("seconds must be 1 to LONGEST_LINK")
        path = f"{organisation_id}/{self._full_name(organisation_id, name)}"
        with _of_file(name):
            return _uncut(
                self._do(lambda bucket: str(bucket.create_signed_url(path, seconds)["signedURL"]), idempotent=True)
            )

    def _full_name(self, organisation_id: int, name: str) -> str:
        """The whole name of a file. Raises StorageError when it is not there."""
        found = _among([file.name for file in self.iterate(organisation_id)], name)
        if found is None:
            raise _unknown(name)
        return found

    def _send(self, organisation_id: int, sending: _Sending, *, replace: bool) -> None:
        options: Any = {
            "content-type": TYPES[_ending(sending.name)],
            "cache-control": _CACHE_SECONDS,
            "upsert": str(replace).lower(),
        }
        path = f"{organisation_id}/{sending.name}"
        with _of_file(sending.name):
            self._do(lambda bucket: bucket.upload(path, sending.path, options), idempotent=replace)

    def _folders(self, organisation_id: int) -> list[str]:
        return [f"{row['name']}/" for row in self._rows(str(organisation_id)) if row["id"] is None]

    def _rows(self, prefix: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            options: Any = {"limit": _PAGE, "offset": len(found)}
            page = self._page_of(prefix, options)
            found += page
            if len(page) < _PAGE:
                return found

    def _page_of(self, prefix: str, options: Any) -> list[dict[str, Any]]:
        return self._do(lambda bucket: bucket.list(prefix, options), idempotent=True)

    def _do(self, act: Callable[[SyncBucketProxy], Result], *, idempotent: bool) -> Result:
        return self._transport.storage(BUCKET, act, idempotent=idempotent)


def plain_name(name: str) -> str:
    """The name of a file without the part that nobody can guess, as people call it."""
    return _SECRET.sub("", name)


def _unguessable(name: str) -> str:
    stem, _, ending = name.rpartition(".")
    return f"{stem}-{secrets.token_hex(_SECRET_BYTES)}.{ending}"


def _among(known: Sequence[str], name: str) -> str | None:
    """The whole name of the file that is meant, None when there is none. Raises StorageError when several could be."""
    if name in known:
        return name
    called = {name, _own_name(name)}
    meant = [each for each in known if plain_name(each) in called]
    if len(meant) > 1:
        raise StorageError(f"The kit has {len(meant)} files {name}.", f"Name one of {', '.join(meant)}.", "NoSuchKey")
    return meant[0] if meant else None


def file_name_problem(organisation_id: int, name: str, *, spare: int = 0) -> str | None:
    """Say what is wrong with a name for the kit, None when nothing is; the database checks the same.

    `spare` is how many characters are still to come.
    """
    if _ending(name) not in TYPES:
        return f"its ending is none of {', '.join(TYPES)}"
    if len(f"{organisation_id}/{name}") + spare > _LONGEST_PATH:
        return f"it is longer than {_LONGEST_PATH - spare - len(str(organisation_id)) - 1} characters"
    if not _NAME.fullmatch(name) or _MISPLACED.search(name):
        return "a name is letters without accents, digits, single spaces and . _ - ( ), in one folder at most"
    return None


def _checked(organisation_id: int, path: Path, name: str | None) -> _Sending:
    """A file that may be sent, and its name. Raises ClientFileError."""
    called = _own_name(path.name) if name is None else name
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ClientFileError(f"{path} is a directory.", "Name the files in it.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise ClientFileError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    if wrong := file_name_problem(organisation_id, called, spare=0 if name is not None else 1 + 2 * _SECRET_BYTES):
        hint = f"Give it another name, such as --name {_suggested(called)}."
        if _ending(called) not in TYPES:
            hint = "Save it as one of these, or put it into a .zip."
        raise ClientFileError(f"{called} cannot be the name of a file in the kit: {wrong}.", hint)
    if size == 0:
        raise ClientFileError(f"{path} is empty.", "Check the file.")
    if size > LARGEST_FILE:
        raise ClientFileError(
            f"{path} has {size / (1 << 20):.1f} MB, and a file of the kit {LARGEST_FILE >> 20} at most.",
            "Make it smaller, or split it.",
        )
    return _Sending(path, called)


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _own_name(name: str) -> str:
    """The name that a file gets by its own: that one, or the same without accents where the kit does not take it."""
    stem, _, ending = name.rpartition(".")
    if "/" in name or (_NAME.fullmatch(name) and not _MISPLACED.search(name)) or not _plain(stem):
        return name
    return f"{_plain(stem)}.{ending}"


def _suggested(name: str) -> str:
    """A name like this one that the kit would take."""
    folder, _, last = name.rpartition("/")
    stem, _, ending = last.rpartition(".")
    stem = _plain(stem)[:80] or "file"
    folder = _plain(folder).lower().replace("_", "-")[:40]
    return f"{folder}/{stem}.{ending}" if folder else f"{stem}.{ending}"


def _plain(text: str) -> str:
    """Text as letters without accents and digits; what is between them becomes a hyphen."""
    apart = unicodedata.normalize("NFKD", text.translate(_WRITTEN_OUT))
    apart = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return re.sub(r"[^A-Za-z0-9_]+", "-", apart).strip("-_")


def _uncut(address: str) -> str:
    """The same address without spaces and parentheses: mail programs and chats end a link at such signs."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=quote(unquote(parts.path), safe="/")))


def _described(row: dict[str, Any]) -> dict[str, Any]:
    about = row.get("metadata") or {}
    return {"size": about.get("size"), "type": about.get("mimetype"), "updated_at": row.get("updated_at")}


def _unknown(name: str) -> StorageError:
    return StorageError(f"The kit has no file {name}.", "List them with `mpp client files list`.", "NoSuchKey")


@contextmanager
def _of_file(name: str) -> Iterator[None]:
    """Name the file in what Storage refused, and what to do."""
    try:
        yield
    except StorageError as error:
        if error.code == "NoSuchKey":
            raise _unknown(name) from None
        raise StorageError(f"{name}: {error.message}", error.hint or _HINTS.get(error.code, ""), error.code) from None


_HINTS = {
    "ResourceAlreadyExists": "Somebody has just added it; replace it with --replace, or choose another --name.",
    "EntityTooLarge": "Make it smaller: the project's own limit may be lower than that of the kit.",
    "InvalidMimeType": "Bring the bucket up to date with `mpp db push`.",
    "NoSuchBucket": "Bring the database up to date with `mpp db push`.",
}
