"""What can go wrong with the embedded stack, as one class that carries what to do next."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path


class StackError(Exception):
    """The embedded stack cannot do what was asked.

    ``message`` says what happened and to what, ``hint`` what to do next; both are one line and hold no secret. A hint
    is written with ``{stack}`` and ``{variables}``: `hints_naming` puts there the command and the prefix that the
    people who run this stack know.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint
        self._command, self._variables = "stack", "EMBEDDED_"

    @property
    def hint(self) -> str:
        """What to do next."""
        return self._hint.replace("{stack}", self._command).replace("{variables}", self._variables)

    def name_in_hint(self, command: str, variables: str) -> None:
        """Name this command and this prefix of environment variables in the hint."""
        self._command, self._variables = command, variables


@contextlib.contextmanager
def hints_naming(command: str, variables: str) -> Iterator[None]:
    """Let every StackError of a block name the command and the variables that its reader knows."""
    try:
        yield
    except StackError as error:
        error.name_in_hint(command, variables)
        raise


def disk_full(path: Path | str) -> StackError:
    """The error for a file system without room, naming the place that is full."""
    return StackError(
        f"The disk is full: there is no room left under {path}.",
        "Free some space (a new stack needs about 200 MB), or set {variables}HOME to a directory on another disk.",
    )


def from_os_error(error: OSError, path: Path | str) -> StackError:
    """Turn an operating system error into a StackError; ``path`` is used when the error names no file."""
    where = error.filename or path
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(where)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StackError(
            f"Writing {where} is not allowed ({error.strerror}).",
            "Give your user access to it, or set {variables}HOME to a directory that you can write.",
        )
    return StackError(f"The operating system refused: {error.strerror or error} ({where}).", "See `{stack} logs`.")
