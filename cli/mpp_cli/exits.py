"""What `mpp` answers to the shell."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; MEANING says what each stands for."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    CONNECTION = 3
    CHECK_FAILED = 4
    FILE_INVALID = 5
    UNEXPECTED = 70
    OUTPUT = 74
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANING = {
    Exit.OK: "Done, or nothing to do.",
    Exit.REFUSED: "A rule of the game, Auth, Storage or the migrations said no, or you did not confirm.",
    Exit.USAGE: "The command was not understood: unknown option, missing argument, wrong value, nobody to confirm.",
    Exit.CONNECTION: "Configuration or connection: no project, wrong key, no answer, local stack not running.",
    Exit.CHECK_FAILED: "A check found something: scores that differ, findings of lint or advisors.",
    Exit.FILE_INVALID: "A file is wrong: edition, list, directory, kit. What is wrong was named, nothing changed.",
    Exit.UNEXPECTED: "An error nobody foresaw; run the command again with `mpp --debug` and report it.",
    Exit.OUTPUT: "The output could not be written: the disk is full or fails, or a diploma or report cannot be made.",
    Exit.INTERRUPTED: "Stopped with Ctrl-C.",
    Exit.PIPE_CLOSED: "Whoever was reading the output left.",
}


def code_of(error: Exception) -> Exit:
    """Return the exit code of an error of mpp_supabase; UNEXPECTED for anything else."""
    from mpp_supabase import (
        AccountError,
        ClientFileError,
        ConfigError,
        CursorError,
        DiplomaError,
        DirectoryError,
        EditionFileError,
        NewsletterError,
        Refusal,
        ReportError,
        SheetError,
        StorageError,
        TransportError,
    )
    from supabase_embedded import StackError

    kinds: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Exit], ...] = (
        ((EditionFileError, SheetError, DirectoryError, ClientFileError, NewsletterError), Exit.FILE_INVALID),
        ((Refusal, AccountError, StorageError), Exit.REFUSED),
        ((DiplomaError, ReportError), Exit.OUTPUT),
        (CursorError, Exit.USAGE),
        ((ConfigError, TransportError, StackError), Exit.CONNECTION),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.UNEXPECTED)
