"""Typed text as the database takes it (sql/schema/02_text.sql), for what never gets there or not yet.

Tests hold both equal.
"""

from __future__ import annotations

import re
import unicodedata

# The lists are those of private.trimmed.
_ADDED = re.compile("[\u00ad\u200c\u200d\ufe00-\ufe0f]+")
_WHITE = re.compile("[\t-\r \u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000]+")
_PLAIN = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
)
_UNSEEN = re.compile("\\S\u200b+\\S")
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
_LONE_DOT = re.compile(r"(^|@)\.|\.\.|\.@")
# Bounded, and begun at the sign: looked for from the start of a long text it would take its length squared.
_SOME_ADDRESS = re.compile(r"[^\s@]@[^\s@]{1,253}\.[^\s@.]{2,}")
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

    Nobody sees whether it parts a first name and a surname (`private.fault_of_unseen`).
    """
    return _UNSEEN.search(text) is not None


def is_mail_address(text: str) -> bool:
    """Whether a text is one plain e-mail address, as `private.is_mail_address` has it."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None and _LONE_DOT.search(text) is None


def holds_mail_address(text: str) -> bool:
    """Whether there is something in a text that looks like an e-mail address, also one that no mail would reach.

    This keeps addresses out where none belongs: it finds every text that is_mail_address accepts, and more.
    """
    return _SOME_ADDRESS.search(text) is not None
