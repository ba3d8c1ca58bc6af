"""Typed text as this project keeps it: `private.trimmed` of the database, for what never gets there or not yet."""

from __future__ import annotations

import re
import unicodedata

# The lists are those of private.trimmed (sql/schema/00_foundation.sql); a test holds them equal.
_ADDED = re.compile("[\u00ad\u200c\u200d\ufe00-\ufe0f]+")
_WHITE = re.compile("[\t-\r \u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000]+")
_PLAIN = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
)
_UNSEEN = re.compile("\\S\u200b+\\S")
_AROUND = " \u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff" + "".join(map(chr, range(0x2060, 0x2070)))


def trimmed(text: str) -> str:
    """Return text composed (NFC), its white space single, plain and inside only, its hyphens and ligatures plain.

    What keyboards add to emoji is left out, and direction characters around the text are. Inside they stay: whoever
    checks the text refuses them.
    """
    text = _ADDED.sub("", unicodedata.normalize("NFC", text))
    return _WHITE.sub(" ", text).translate(_PLAIN).strip(_AROUND)


def joins_unseen(text: str) -> bool:
    """Whether a space without width stands between two letters: the database refuses it in a name of a person.

    Nobody sees whether it parts a first name and a surname (`private.refuse_unseen`).
    """
    return _UNSEEN.search(text) is not None
