"""What every printed page needs: clean texts, letters that a font has, and files that appear whole or not at all."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import typst

FONT = "Libertinus Serif"

_LONGEST_WORD = 40
_WORD_PART = 20
_MISSING = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")


class DrawingError(Exception):
    """The template could not be drawn: a fault of ours, in its words."""


def clean(text: str) -> str:
    """Composed letters, single spaces, and no invisible characters that turn or hide text."""
    kept = (
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs", "Cn")
    )
    return " ".join("".join(kept).split())


def breakable(text: str, longest: int = _LONGEST_WORD, part: int = _WORD_PART) -> str:
    """Let a word that no line could hold be broken."""
    return " ".join(
        word if len(word) <= longest else "\u200b".join(word[at : at + part] for at in range(0, len(word), part))
        for word in text.split(" ")
    )


def is_decoration(character: str) -> bool:
    """Whether a character, such as an emoji, may be left out without changing a name."""
    return unicodedata.category(character) in ("So", "Sk") or "\ufe00" <= character <= "\ufe0f"


def slug(text: str) -> str:
    """Return a text as part of a file's name: letters a to z, digits and hyphens."""
    letters = text.lower().replace("œ", "oe").replace("æ", "ae").replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")


def ready(template: Path, fonts: Sequence[Path] = ()) -> typst.Compiler:
    """Return a compiler of one template with typst's own fonts and those in the given directories, no others."""
    import typst

    return typst.Compiler(template, root=template.parent, font_paths=list(fonts), ignore_system_fonts=True)


def drawn(compiler: typst.Compiler, inputs: Mapping[str, Any], when: datetime) -> tuple[bytes, frozenset[str]]:
    """Return the PDF of a template's inputs, or the characters that no font has and no PDF. Raises DrawingError."""
    import typst

    try:
        # The profile for accessible PDF is also what makes a missing letter an error.
        pdf = compiler.compile(
            format="pdf",
            sys_inputs={"page": json.dumps(inputs, ensure_ascii=False)},
            pdf_standards="ua-1",
            timestamp=when,
        )
    except typst.TypstError as error:
        texts = (_ESCAPE.sub(lambda m: chr(int(m[1], 16)), text) for text in _MISSING.findall(error.diagnostic))
        if missing := frozenset("".join(texts)):
            return b"", missing
        raise DrawingError(error.message) from None
    return cast(bytes, pdf), frozenset()
