"""Pupils' names: first name, and an initial where first names repeat. Nothing else of a name may come in.

A first name is 1 to 30 letters of any script, with hyphens and apostrophes (' or ’, kept as typed); compound names are
joined by a hyphen, so that no surname slips in behind a space. A name typed all in capitals gets its small letters
("MARIE-LOU" is Marie-Lou): school software writes capitals, diplomas should not. Any other case is kept as typed.
"""

from __future__ import annotations

import re
import unicodedata

from mpp_supabase.typed import trimmed

MAX_FIRST_NAME = 30
MAX_TEAM = 40

# As the database (private.first_name_of): what stands for one on some keyboards; the last three are letters.
_APOSTROPHES = str.maketrans("`´‘ʻʼˈ", "''’’’’")
# The letters that the database lists (private.is_one_word): what Python counts as one changes with its version.
_LETTERS = (
    "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0300-\u036f\u1e00-\u1eff"
    "\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u03ff\u1f00-\u1fff\u0400-\u0481\u048a-\u052f"
    "\u0531-\u0556\u0560-\u0588\u10a0-\u10fa\u10fc-\u10ff\u1c90-\u1cbf"
    "\u05b0-\u05bd\u05d0-\u05f2\u0620-\u065f\u066e-\u06d3\u06fa-\u06fc\u1200-\u135f"
    "\u0900-\u0963\u0971-\u0983\u0985-\u09e3\u0a01-\u0a65\u0a81-\u0ae3\u0b01-\u0b63\u0b82-\u0be3\u0c00-\u0c63"
    "\u0c80-\u0ce3\u0d00-\u0d63\u0d81-\u0de3"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0f40-\u0fbc\u1000-\u103f\u1050-\u108f\u1100-\u11ff\u1780-\u17d3\u1820-\u18aa"
    "\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]+"
)
_ONE_WORD = re.compile(rf"(?=.*[^\u0300-\u036f]){_LETTERS}(?:[-'’]{_LETTERS})*", re.DOTALL)
_LIGATURES = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ẞ": "SS", "’": "'"})
_WORD = re.compile(r"[^\W\d_]+")
_MANY_DIGITS = re.compile(r"\d(?:[ ./()-]*\d){7}")
_SCHOOL_YEAR = re.compile(r"\b20\d\d ?[-–/] ?(?:20)?\d\d\b(?![/.-]\d)")
_LABELS = re.compile(
    "(?:total|totals|totaux|sum|somme|summe|gesamt|points?|punkte|pts|codes?|moyenne|average|durchschnitt|effectif"
    "|signatures?|remarques?|observations?)"
    "(?: general| generale| de la classe| classe| eleves?| points| [0-9]+)*"
    # What programs print at the foot of a page.
    "|(?:page|seite) [0-9]+(?: (?:(?:sur|of|von|de) )?[0-9]+)?|(?:source|quelle) .*"
    "|(?:edite|imprime|exporte|genere|printed|exported|gedruckt) (?:le|on|am) .*"
)
UNSEEN = ("an invisible character in a first name", "type the name again")
_JOIN = "join a compound first name with a hyphen (Marie-Lou); leave the surname out, or give its initial (Lina M.)"


class NotAName(ValueError):
    """Says what is wrong with a name (`problem`) and what to do (`fix`)."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


def folded(name: str) -> str:
    """Return a name as names are compared: without case, accents, ligatures, and with one kind of apostrophe."""
    stripped = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name))
    return stripped.translate(_LIGATURES).lower()


def loosely(text: str) -> str:
    """Return a title or header as they are compared: as names, and without punctuation or doubled spaces."""
    return " ".join("".join(c if c.isalnum() else " " for c in folded(trimmed(text))).split())


def display(first_name: str, initial: str | None) -> str:
    """Return the name a pupil is shown by: Lina, or Lina M."""
    return f"{first_name} {initial}." if initial else first_name


def first_name_and_initial(text: str) -> tuple[str, str | None]:
    """Return what a first-name cell says: "Lina M.", "Lina M" and "LINA MA" hold an initial. Raises NotAName."""
    words = trimmed(text).translate(_APOSTROPHES).split()
    trailing = words[-1].rstrip(".") if len(words) > 1 else ""
    if len(words) == 2 and _may_be_initial(trailing):
        return _first_name(words[0]), trailing.upper()
    if len(words) > 1:
        raise NotAName("more than a first name", _JOIN)
    return _first_name(words[0] if words else ""), None


def initial(text: str) -> str:
    """Return what an initial cell says, in capitals and without its full stop. Raises NotAName."""
    found = trimmed(text).removesuffix(".").upper()
    if not 1 <= len(found) <= 2 or not _all_letters(found):
        raise NotAName("not an initial", "give one or two letters, such as M or MA; the surname must not come in")
    return found


def team(text: str) -> str:
    """Return what a team cell says. Raises NotAName."""
    found = trimmed(text)
    if len(found) > MAX_TEAM:
        raise NotAName(f"a team's name of {len(found)} characters", f"use {MAX_TEAM} at most")
    if _MANY_DIGITS.search(_SCHOOL_YEAR.sub("", found)):
        raise NotAName("this looks like a telephone number", "put a team's name here, such as Les loutres")
    if any(unicodedata.category(c)[0] == "C" for c in found):
        raise NotAName("an invisible character in a team's name", "type the name again")
    return found


def is_label(text: str) -> bool:
    """Whether this names a row of the sheet (Total, Points, Code) rather than a pupil."""
    return _LABELS.fullmatch(loosely(text)) is not None


def is_one_word(text: str) -> bool:
    """Whether the database takes this as a first name: letters, which hyphens and apostrophes may join."""
    return _ONE_WORD.fullmatch(text) is not None


def _all_letters(text: str) -> bool:
    return all(unicodedata.category(c)[0] == "L" and is_one_word(c) for c in text)


def _may_be_initial(word: str) -> bool:
    # "Lina Ma" could be a short surname; only capitals are surely an initial.
    return _all_letters(word) and (len(word) == 1 or (len(word) == 2 and word.isupper()))


def _first_name(word: str) -> str:
    letters = [c for c in word if unicodedata.category(c)[0] in "LM"]
    odd = next((c for c in word if c not in "-'’" and unicodedata.category(c)[0] not in "LM"), None)
    if odd is not None and unicodedata.category(odd)[0] == "C":
        raise NotAName(*UNSEEN)
    if odd is not None:
        raise NotAName(f"a first name with {odd}", "use letters, hyphens and apostrophes only")
    if not letters or word[0] == "-" or unicodedata.category(word[0])[0] == "M":
        raise NotAName("not a first name", "begin with a letter; use letters, hyphens and apostrophes only")
    if not is_one_word(word):
        wrong = next((c for c in word if c not in "-'’" and re.fullmatch(_LETTERS, c) is None), "")
        problem = f"a first name with {wrong}" if wrong else "not a first name"
        raise NotAName(problem, "begin and end with a letter; use letters, hyphens and apostrophes only")
    if len(word) > MAX_FIRST_NAME:
        raise NotAName(f"a first name of {len(word)} letters", f"use {MAX_FIRST_NAME} at most")
    if len(letters) > 1 and word.isupper():
        # The capital İ of Turkish becomes i and a dot of its own, which says nothing more.
        return trimmed(_WORD.sub(lambda part: part[0][0] + part[0][1:].lower().replace("i\u0307", "i"), word))
    return word


def accents(name: str) -> int:
    """Return how many accents a name has: Léa one, Lea none."""
    return sum(unicodedata.category(c)[0] == "M" for c in unicodedata.normalize("NFD", name))
