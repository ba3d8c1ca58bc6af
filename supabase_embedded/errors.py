"""What can go wrong with the embedded stack, as one class that carries what to do next."""

from __future__ import annotations

import errno
from pathlib import Path

from mpp_supabase.errors import ConfigError


class StackError(ConfigError):
    """The embedded stack cannot do what was asked.

    ``message`` says what happened and to what, ``hint`` what to do next; both are one line and hold no secret.
    """

    code = "stack"


def disk_full(path: Path | str) -> StackError:
    """The error for a file system without room, naming the place that is full."""
    return StackError(
        f"The disk is full: there is no room left under {path}.",
        "Free some space (a new stack needs about 200 MB), or set MPP_HOME to a directory on another disk.",
    )


def from_os_error(error: OSError, path: Path | str) -> StackError:
    """Turn an operating system error into a StackError; ``path`` is used when the error names no file."""
    where = error.filename or path
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(where)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StackError(
            f"Writing {where} is not allowed ({error.strerror}).",
            "Give your user access to it, or set MPP_HOME to a directory that you can write.",
        )
    return StackError(f"The operating system refused: {error.strerror or error} ({where}).", "See `mpp stack logs`.")
