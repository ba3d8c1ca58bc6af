"""Texts for people, by language, as options take them: the name of a file, or for some an address."""

from __future__ import annotations

from pathlib import Path

import typer

from mpp_cli import output
from mpp_cli.exits import Exit


def read_texts(files: dict[str, str | None]) -> dict[str, str]:
    """Return the texts of files by language; those that were not named are left out."""
    from mpp_supabase import TextError, read_text

    try:
        return {language: read_text(Path(name)) for language, name in files.items() if name is not None}
    except TextError as error:
        output.say(f"mpp: {error} {error.hint}")
        raise typer.Exit(Exit.FILE_INVALID) from None
