"""What `mpp` answers to the shell. docs/cli.md lists the same codes, and a test compares the two."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; the comment of each is its line in docs/cli.md."""

    OK = 0  # Done, or nothing to do.
    REFUSED = 1  # A rule of the game or of Supabase Auth said no, or you did not confirm.
    USAGE = 2  # The command was not understood: unknown option, missing argument, wrong value.
    CONNECTION = 3  # Configuration or connection: no project, wrong key, no answer, stack not running.
    CHECK_FAILED = 4  # A check found something: scores that differ, findings of lint or advisors.
    FILE_INVALID = 5  # An edition file is wrong; every problem was printed and nothing was changed.
    UNEXPECTED = 70  # An error nobody foresaw: run again with --debug and report it.
    INTERRUPTED = 130  # Stopped with Ctrl-C.
    PIPE_CLOSED = 141  # Whoever was reading the output left.


def code_of(error: Exception) -> Exit:
    """Return the exit code of an error of mpp_supabase; UNEXPECTED for anything else."""
    from mpp_supabase import AccountError, ConfigError, CursorError, EditionFileError, Refusal, TransportError

    kinds: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Exit], ...] = (
        (EditionFileError, Exit.FILE_INVALID),
        ((Refusal, AccountError), Exit.REFUSED),
        (CursorError, Exit.USAGE),
        ((ConfigError, TransportError), Exit.CONNECTION),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.UNEXPECTED)
