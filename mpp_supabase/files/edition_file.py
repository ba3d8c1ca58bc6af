"""Reads the YAML file that describes a whole edition and says everything that is wrong with it at once.

The result is the JSON document that `api.apply_edition` takes: the same keys, every default written out, every time an
ISO 8601 text with the offset of the edition's zone. What the file means is decided here; what the game does with it is
decided by the database, which checks it all again.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from mpp_supabase.civil_time import (
    AmbiguousTime,
    NoSuchTime,
    WrongOffset,
    fixed_offset,
    instant,
    same_time_days_later,
    start_of_day,
)
from mpp_supabase.errors import EditionFileError, FileProblem
from mpp_supabase.files._yaml import MAX_BYTES, Entry, Mapping, Node, Scalar, Sequence, read_yaml, shown

AUDIENCES = ("public", "school")
RANKINGS = ("total", "average")
KINDS = ("standard", "collective", "boost", "hidden", "flash", "malus")
SCHOOL_KINDS = tuple(kind for kind in KINDS if kind != "hidden")
LEVELS = ("maternelle", "elementaire", "college", "lycee")
LANGUAGES = ("fr", "en", "de")
REQUIRED_LANGUAGES = ("fr", "en")

DEFAULT_DAYS = 21
MAX_DAYS = 366
MAX_POINTS = 20
MIN_FACTOR, MAX_FACTOR = 2, 5
MAX_QUORUM = 100
MAX_REPEAT = 1000
MAX_LEAGUE_SIZE = 1000
MAX_TEAMS = 20
MAX_GUESSES = 100
MAX_CHALLENGES = 500
MAX_CURRICULUM = 4
FIRST_YEAR, LAST_YEAR = 2000, 2100
TITLE_LENGTH = 120
DESCRIPTION_LENGTH = 2000
SECRET_LENGTH = (3, 60)

EDITION_CODE = re.compile(r"[a-z0-9-]{3,40}\Z")
CHALLENGE_CODE = re.compile(r"[a-z0-9-]{3,60}\Z")
THEME_CODE = re.compile(r"[a-z0-9-]{2,40}\Z")
ORGANISATION_CODE = re.compile(r"[a-z0-9-]{3,40}\Z")

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r"(?: ?([+-])([0-9]{2}):?([0-9]{2}))?\Z"
)

Plain = TypeVar("Plain")


@dataclass(frozen=True, slots=True)
class EditionFile:
    """A valid edition file. `document` is what `api.apply_edition` takes; `code` is the edition's code."""

    name: str
    code: str
    document: dict[str, Any]


def read_edition_file(path: str | Path) -> EditionFile:
    """Read and check an edition file.

    Returns the document for `api.apply_edition`. Raises EditionFileError with every problem found, each with its line,
    column, field and fix.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        problem = FileProblem(str(path), 0, 0, "", f"cannot be read ({reason})", "check the path")
        raise EditionFileError(str(path), [problem]) from None
    return parse_edition(data, str(path))


def parse_edition(data: bytes | str, name: str = "edition.yaml") -> EditionFile:
    """Check the text of an edition file; `name` is what the problems call it. Raises EditionFileError."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    root, flaws = read_yaml(raw)
    check = _Check(name)
    for flaw in flaws:
        check.at(flaw.line, flaw.column, flaw.field, flaw.wrong, flaw.fix)
    document: dict[str, Any] = {}
    if root is not None:
        document = _Edition(check).document(root)
    elif not flaws:
        check.at(1, 1, "", "the file is empty", "start with `edition:`; docs/cli.md shows a whole file")
    if check.problems:
        raise EditionFileError(name, sorted(set(check.problems), key=lambda p: (p.line, p.column, p.field)))
    return EditionFile(name, str(document["edition"]["code"]), document)


def normal_secret(word: str) -> str:
    """Return a hidden challenge's secret word as the database compares it: no accents, case, spaces, ’ or -."""
    return re.sub(r"[\u0300-\u036f\s'’-]", "", unicodedata.normalize("NFKD", word)).lower()


class _Check:
    """Collects problems, and turns nodes into plain values or a problem and None."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[FileProblem] = []

    def at(self, line: int, column: int, field: str, wrong: str, fix: str) -> None:
        self.problems.append(FileProblem(self.name, line, column, field, wrong, fix))

    def wrong(self, node: Node | Entry, field: str, wrong: str, fix: str) -> None:
        self.at(node.line, node.column, field, wrong, fix)

    def mapping(self, node: Node, field: str, required: Iterable[str], optional: Iterable[str]) -> Fields:
        """Return the entries of a mapping; unknown and missing keys are problems, null counts as missing."""
        required, known = tuple(required), (*required, *optional)
        if isinstance(node, Scalar) and node.unread:
            return Fields(self, node, field, {}, usable=False)
        if not isinstance(node, Mapping):
            keys = ", ".join(known[:3])
            subject = "must" if field else "the file must"
            self.wrong(node, field, f"{subject} be a mapping, not {_kind_of(node)}", f"write keys under it: {keys}…")
            return Fields(self, node, field, {}, usable=False)
        entries: dict[str, Entry] = {}
        for entry in node.entries:
            if entry.key in known:
                entries[entry.key] = entry
            else:
                fix = _nearest(entry.key, known)
                if known == LANGUAGES and _is_null(entry.value):
                    fix = "put a text that contains a comma between quotes"
                self.wrong(entry, _join(field, shown(entry.key)), "unknown key", fix)
        fields = Fields(self, node, field, entries, usable=True)
        for key in required:
            fields.require(key)
        return fields


@dataclass(frozen=True, slots=True)
class Fields:
    """The known entries of one mapping, read by name. Every reader returns None after noting a problem."""

    check: _Check
    node: Node
    path: str
    entries: dict[str, Entry]
    usable: bool

    def require(self, key: str, example: str | None = None) -> None:
        """Note a key that is missing or has no value."""
        if not self.usable:
            return
        example = f"`{key}: {example or _EXAMPLES.get(self.field(key)) or _EXAMPLES[key]}`"
        if key not in self.entries:
            self.check.wrong(self.node, self.field(key), "missing", f"add {example}")
        elif not self.given(key):
            self.check.wrong(self.entries[key], self.field(key), "has no value", f"write {example}")

    def given(self, key: str) -> bool:
        """Whether a key is there and has a value."""
        entry = self.entries.get(key)
        return entry is not None and not _is_null(entry.value)

    def value(self, key: str) -> Node | None:
        """The node of a key that was given, and that can be looked at."""
        node = self.entries[key].value if self.given(key) else None
        return None if isinstance(node, Scalar) and node.unread else node

    def field(self, key: str) -> str:
        """The path of a key from the top of the file: `challenges[3].points`."""
        return _join(self.path, key)

    def wrong(self, key: str, wrong: str, fix: str) -> None:
        """Note what is wrong with a key, and what to do."""
        place = self.value(key) or self.entries.get(key) or self.node
        self.check.wrong(place, self.field(key), wrong, fix)

    def _scalar(self, key: str, wanted: str, fix: str, accept: Callable[[Any], bool]) -> Any:
        node = self.value(key)
        if node is None:
            return None
        if isinstance(node, Scalar) and accept(node.value):
            return node.value
        self.wrong(key, f"must be {wanted}, not {_kind_of(node)}", fix)
        return None

    def text(self, key: str, longest: int, *, private: bool = False, lines: bool = False) -> str | None:
        """Return a text of `longest` characters at most; a `private` one is not repeated, `lines` may have several."""
        if self._is_cut(key):
            return None
        found = self._scalar(key, "text", "put the text between quotes", lambda value: isinstance(value, str))
        if found is None:
            return None
        text = unicodedata.normalize("NFC", str(found)).strip()
        if not text:
            self.wrong(key, "is empty", "write some text")
        elif len(text) > longest:
            start = "" if private else f" ({shown(text, 40)})"
            self.wrong(key, f"is {len(text)} characters long{start}", f"at most {longest} characters")
        elif "\n" in text and not lines:
            self.wrong(key, "holds a line break", "write it on one line")
        elif any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") and c not in "\n\u200d" for c in text):
            self.wrong(key, "holds an invisible character", "type the text again without it")
        else:
            return text
        return None

    def _is_cut(self, key: str) -> bool:
        """Refuse a comment behind a text without quotes: `Challenge #1 of Monday` would be "Challenge"."""
        entry = self.entries.get(key)
        if entry is None or not isinstance(entry.value, Scalar) or entry.value.comment is None:
            return False
        wrong = "a text without quotes ends before this #, the rest would be lost"
        fix = "put the whole text between quotes, or a comment on a line of its own before it"
        self.check.at(*entry.value.comment, self.field(key), wrong, fix)
        return True

    def code(self, key: str, pattern: re.Pattern[str], rule: str) -> str | None:
        """Return a code that matches the pattern, which `rule` says in words."""
        found = self._scalar(key, "text", "write a code between quotes", lambda value: isinstance(value, str))
        if found is None:
            return None
        if pattern.match(found):
            return str(found)
        self.wrong(key, f"not a code ({shown(found)})", f"use {rule}; for example {_as_code(found, self.field(key))}")
        return None

    def choice(self, key: str, among: tuple[str, ...]) -> str | None:
        """Return one of the values."""
        node = self.value(key)
        if node is None:
            return None
        if isinstance(node, Scalar) and node.text in among:
            return node.text
        given = node.text if isinstance(node, Scalar) else _kind_of(node)
        self.wrong(key, f"unknown value ({shown(given)})", _nearest(given, among))
        return None

    def integer(self, key: str, least: int, most: int, fix: str = "") -> int | None:
        """Return a whole number between the two, both included."""
        fix = fix or f"write a whole number from {least} to {most}"
        found = self._scalar(
            key, "a whole number", fix, lambda value: isinstance(value, int) and not isinstance(value, bool)
        )
        if found is None:
            return None
        node = self.value(key)
        if isinstance(node, Scalar) and re.match(r"[-+]?0[0-9]", node.text):
            # Half the world's readers of YAML take 010 for eight.
            self.wrong(key, f"a number that begins with 0 ({shown(node.text)})", f"write {found}")
            return None
        if least <= found <= most:
            return int(found)
        self.wrong(key, f"out of range ({found})", fix)
        return None

    def boolean(self, key: str) -> bool | None:
        """Return true or false."""
        found = self._scalar(key, "true or false", "write true or false", lambda value: isinstance(value, bool))
        return None if found is None else bool(found)

    def translations(self, key: str, longest: int, *, lines: bool = False) -> dict[str, str] | None:
        """Return a text by language, of `longest` characters at most; fr and en are required."""
        node = self.value(key)
        if node is None:
            return None
        if not isinstance(node, Mapping):
            fix = f"write {key}: {{fr: …, en: …}}"
            self.wrong(key, f"must hold one text per language, not {_kind_of(node)}", fix)
            return None
        fields = self.check.mapping(node, self.field(key), (), LANGUAGES)
        before = len(self.check.problems)
        texts = {language: fields.text(language, longest, lines=lines) for language in LANGUAGES}
        cut = {problem.field for problem in self.check.problems[before:]}
        for language in REQUIRED_LANGUAGES:
            if not fields.given(language) and fields.field(language) not in cut:
                self.check.wrong(
                    fields.entries.get(language, node),
                    fields.field(language),
                    "translation missing",
                    f"add the {_LANGUAGE_NAMES[language]} text: {{fr: …, en: …}}",
                )
        if len(self.check.problems) > before:
            return None
        return {language: text for language, text in texts.items() if text is not None}

    def day(self, key: str) -> date | None:
        """Return a date, written 2026-06-01."""
        node = self.value(key)
        if node is None:
            return None
        text = node.text.strip() if isinstance(node, Scalar) else ""
        found = _DATE.match(text)
        if not found:
            self.wrong(key, f"not a date ({_given(node)})", "write a date as 2026-06-01")
            return None
        try:
            day = date(*(int(part) for part in found.groups()))
        except ValueError:
            self.wrong(key, f"no such day in the calendar ({shown(text)})", "write a date that exists")
            return None
        return self._in_reach(key, day, text)

    def codes(self, key: str, fix: str, accept: Callable[[Node], str | None]) -> list[str]:
        """Read a list of codes, each once; `accept` returns the code of an item, or None after noting a problem."""
        node = self.value(key)
        if node is None:
            return []
        if not isinstance(node, Sequence):
            self.wrong(key, f"must be a list, not {_kind_of(node)}", fix)
            return []
        if not node.items:
            self.wrong(key, "is empty", fix)
        found: list[str] = []
        for item in node.items:
            code = None if isinstance(item, Scalar) and item.unread else accept(item)
            if code in found:
                self.check.wrong(item, self.field(key), f"given twice ({code})", "keep it once")
            elif code is not None:
                found.append(code)
        return found

    def only_for_school(self, key: str) -> None:
        """Refuse a key of school editions in a public one."""
        if key in self.entries:
            wrong, fix = "only for a school edition, this one is public", f"remove {key} or write audience: school"
            self.check.wrong(self.entries[key], self.field(key), wrong, fix)

    def _in_reach(self, key: str, day: date, text: str) -> date | None:
        if FIRST_YEAR <= day.year <= LAST_YEAR:
            return day
        self.wrong(key, f"a year out of range ({shown(text)})", f"use a year from {FIRST_YEAR} to {LAST_YEAR}")
        return None

    def moment(self, key: str, zone: zoneinfo.ZoneInfo | None) -> datetime | None:
        """Read a local time; an offset may follow where the clock shows it twice. None too when the zone is unknown."""
        node = self.value(key)
        if node is None:
            return None
        text = node.text.strip() if isinstance(node, Scalar) else ""
        found = _TIME.match(text)
        if not found:
            day = _DATE.match(text)
            fix = f"write {text} 00:00" if day else "write a local time as 2026-06-08 18:00"
            self.wrong(key, f"not a date and time ({_given(node)})", fix)
            return None
        parts = [int(part) for part in found.groups(default="0")[:6]]
        try:
            local = datetime(*parts)  # type: ignore[arg-type]
        except ValueError:
            fix = "write a date and time that exist; midnight at the end of a day is 00:00 of the next"
            self.wrong(key, f"no such time ({shown(text)})", fix)
            return None
        if self._in_reach(key, local.date(), text) is None or zone is None:
            return None
        if found.group(7):
            hours, minutes = int(found.group(8)), int(found.group(9))
            if hours > 15 or minutes > 59:
                self.wrong(key, f"no such offset ({shown(text)})", "leave the offset out: times are local")
                return None
            local = local.replace(tzinfo=fixed_offset(found.group(7), hours, minutes))
        return self._instant(key, local, zone, text)

    def _instant(self, key: str, local: datetime, zone: zoneinfo.ZoneInfo, text: str) -> datetime | None:
        try:
            return instant(local, zone)
        except NoSuchTime as gap:
            wrong = f"does not exist in {zone.key}: the clock goes forward that night ({shown(text)})"
            self.wrong(key, wrong, f"write {gap.later:%Y-%m-%d %H:%M} or a time before the change")
        except AmbiguousTime as twice:
            wrong = f"comes twice in {zone.key}: the clock goes back that night ({shown(text)})"
            fix = f"add the offset: {_with_offset(twice.first)} (first) or {_with_offset(twice.second)} (second)"
            self.wrong(key, wrong, fix)
        except WrongOffset as offset:
            right = " or ".join(_with_offset(moment) for moment in offset.right)
            self.wrong(key, f"not the offset of {zone.key} at that time ({shown(text)})", f"write {right}")
        return None


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The edition's zone and bounds, as far as the file gave them right."""

    zone: zoneinfo.ZoneInfo | None
    starts_at: datetime | None
    ends_at: datetime | None


class _Edition:
    """Checks the parts of an edition file in order and builds the document."""

    def __init__(self, check: _Check) -> None:
        self._check = check

    def document(self, root: Node) -> dict[str, Any]:
        fields = self._check.mapping(root, "", ("edition", "themes", "challenges"), ("rules", "curriculum"))
        edition, calendar = self._edition(fields)
        audience = edition.get("audience")
        rules = self._rules(fields, audience)
        document: dict[str, Any] = {"edition": edition, "rules": rules, "themes": self._names(fields, "themes")}
        if audience == "school":
            fields.require("curriculum")
            document["curriculum"] = self._names(fields, "curriculum")
        elif audience == "public":
            fields.only_for_school("curriculum")
        game = _Game(
            audience,
            calendar,
            _codes(document["themes"]),
            _codes(document.get("curriculum", [])),
            rules["league_size"]["max"],
        )
        document["challenges"] = self._challenges(fields, game)
        return document

    def _edition(self, top: Fields) -> tuple[dict[str, Any], _Calendar]:
        node = top.value("edition")
        if node is None:
            return {}, _Calendar(None, None, None)
        fields = self._check.mapping(
            node,
            "edition",
            ("code", "audience", "title", "time_zone"),
            ("starts_on", "starts_at", "days", "registration_closes_on", "organisation"),
        )
        zone = _zone(fields)
        days = fields.integer("days", 1, MAX_DAYS) if fields.given("days") else DEFAULT_DAYS
        calendar = _calendar(fields, zone, days)
        return {
            "code": fields.code("code", EDITION_CODE, "3 to 40 of a-z, 0-9 and -"),
            "audience": fields.choice("audience", AUDIENCES),
            "title": fields.translations("title", TITLE_LENGTH),
            "time_zone": zone.key if zone else None,
            "starts_at": _iso(calendar.starts_at),
            "ends_at": _iso(calendar.ends_at),
            "registration_closes_at": _iso(_registration_closes_at(fields, calendar)),
            "organisation": fields.code("organisation", ORGANISATION_CODE, "3 to 40 of a-z, 0-9 and -"),
        }, calendar

    def _rules(self, top: Fields, audience: str | None) -> dict[str, Any]:
        # At school a league is a whole class.
        school = audience == "school"
        rules: dict[str, Any] = {
            "league_size": {"min": 6, "max": 40 if school else 24},
            "teams_per_league": 6 if school else 2,
            "ranking": "average" if school else "total",
            "unlock_guesses_per_hour": 10,
        }
        node = top.value("rules")
        if node is None:
            return rules
        fields = self._check.mapping(node, "rules", (), tuple(rules))
        size = fields.value("league_size")
        if size is not None:
            bounds = self._check.mapping(size, "rules.league_size", (), ("min", "max"))
            found = {key: bounds.integer(key, 1, MAX_LEAGUE_SIZE) for key in ("min", "max") if bounds.given(key)}
            default = rules["league_size"]
            merged = default | {key: value for key, value in found.items() if value is not None}
            if merged["min"] > merged["max"]:
                wrong = f"the smallest size is above the largest ({merged['min']} > {merged['max']})"
                fields.wrong("league_size", wrong, f"write {{min: {default['min']}, max: {default['max']}}}, min first")
            rules["league_size"] = merged
        for key, read in (
            ("teams_per_league", lambda: fields.integer("teams_per_league", 1, MAX_TEAMS)),
            ("ranking", lambda: fields.choice("ranking", RANKINGS)),
            ("unlock_guesses_per_hour", lambda: fields.integer("unlock_guesses_per_hour", 1, MAX_GUESSES)),
        ):
            value = read()
            if value is not None:
                rules[key] = value
        return rules

    def _names(self, top: Fields, key: str) -> list[dict[str, Any]]:
        """The codes declared under `themes` or `curriculum`, each with its name."""
        node = top.value(key)
        if node is None:
            return []
        if not isinstance(node, Mapping):
            fix = f"write one line per theme: `{_EXAMPLES[key][1:-1]}`"
            self._check.wrong(node, key, f"must be a mapping of codes to names, not {_kind_of(node)}", fix)
            return []
        if not node.entries:
            self._check.wrong(node, key, "is empty", "add at least one theme")
        fields = Fields(self._check, node, key, {entry.key: entry for entry in node.entries}, usable=True)
        names = []
        for entry in node.entries:
            if not THEME_CODE.match(entry.key):
                fix = f"use 2 to 40 of a-z, 0-9 and -; for example {_as_code(entry.key, key)}"
                self._check.wrong(entry, fields.field(shown(entry.key)), f"not a code ({shown(entry.key)})", fix)
            if not fields.given(entry.key):
                fix = f"write {shown(entry.key)}: {{fr: …, en: …}}"
                self._check.wrong(entry, fields.field(shown(entry.key)), "translation missing", fix)
            names.append({"code": entry.key, "title": fields.translations(entry.key, TITLE_LENGTH)})
        return names

    def _challenges(self, top: Fields, game: _Game) -> list[dict[str, Any]]:
        node = top.value("challenges")
        if node is None:
            return []
        if not isinstance(node, Sequence):
            fix = "start each challenge with `- code:`"
            self._check.wrong(node, "challenges", f"must be a list, not {_kind_of(node)}", fix)
            return []
        if not node.items:
            self._check.wrong(node, "challenges", "is empty", "add at least one challenge")
        if len(node.items) > MAX_CHALLENGES:
            fix = f"at most {MAX_CHALLENGES} in an edition"
            self._check.wrong(node, "challenges", f"too many challenges ({len(node.items)})", fix)
            return []
        seen = _Seen()
        return [
            _Challenge(self._check, item, number, game).document(seen)
            for number, item in enumerate(node.items, start=1)
        ]


@dataclass(frozen=True, slots=True)
class _Game:
    """What the edition says that its challenges must fit; the audience is None when the file did not give it right."""

    audience: str | None
    calendar: _Calendar
    themes: tuple[str, ...]
    curriculum: tuple[str, ...]
    largest_league: int


@dataclass(slots=True)
class _Seen:
    """Codes and secrets met so far in a file, with the line of the first."""

    codes: dict[str, int]
    secrets: dict[str, int]

    def __init__(self) -> None:
        self.codes, self.secrets = {}, {}


class _Challenge:
    """Checks one challenge (A4: what each of the six kinds needs and refuses)."""

    _REQUIRED = ("code", "kind", "theme", "points", "title", "description")
    _OPTIONAL = ("repeat", "proof", "quorum", "factor", "window", "secret", "goals", "levels", "curriculum")
    _SCHOOL = (("levels", "[elementaire, college]"), ("curriculum", "[svt, histoire-geographie]"))
    _OWN = (("collective", "quorum"), ("boost", "factor"), ("hidden", "secret"))

    def __init__(self, check: _Check, node: Node, number: int, game: _Game) -> None:
        self._check = check
        self._game = game
        self._fields = check.mapping(node, f"challenges[{_name(node, number)}]", self._REQUIRED, self._OPTIONAL)

    def document(self, seen: _Seen) -> dict[str, Any]:
        fields = self._fields
        kind = self._kind()
        window = self._window()
        document = {
            "code": self._code(seen),
            "kind": kind,
            "theme": self._theme(),
            "points": self._points(kind),
            "repeat": self._repeat(kind),
            "proof": fields.boolean("proof") or False,
            "quorum": self._quorum(kind),
            "factor": fields.integer("factor", MIN_FACTOR, MAX_FACTOR),
            "window": window,
            "secret": self._secret(seen),
            "goals": self._goals(),
            "title": fields.translations("title", TITLE_LENGTH),
            "description": fields.translations("description", DESCRIPTION_LENGTH, lines=True),
        }
        return document | self._school()

    def _kind(self) -> str | None:
        kind = self._fields.choice("kind", KINDS)
        if kind == "hidden" and self._game.audience == "school":
            # Secret words are found by accounts, and pupils have none.
            wrong = "not in a school edition (hidden): pupils have no account to find a word with"
            self._fields.wrong("kind", wrong, f"use one of: {', '.join(SCHOOL_KINDS)}")
        elif kind is not None:
            self._kind_fields(kind)
        return kind

    def _kind_fields(self, kind: str) -> None:
        for owner, key in self._OWN:
            if kind == owner:
                self._fields.require(key)
            elif self._fields.given(key):
                wrong = f"only for kind {owner}, this one is {kind}"
                entry = self._fields.entries[key]
                self._check.wrong(entry, self._fields.field(key), wrong, f"remove {key} or write kind: {owner}")
        if kind in ("boost", "flash"):
            self._fields.require("window")

    def _code(self, seen: _Seen) -> str | None:
        code = self._fields.code("code", CHALLENGE_CODE, "3 to 60 of a-z, 0-9 and -")
        if code is None:
            return None
        if code in seen.codes:
            self._fields.wrong(
                "code", f"duplicate code ({code}), first on line {seen.codes[code]}", "give each challenge its own code"
            )
        else:
            seen.codes[code] = self._fields.entries["code"].line
        return code

    def _school(self) -> dict[str, Any]:
        """The levels of a school challenge and what of the curriculum it works on; a public one has neither."""
        if self._game.audience == "public":
            for key, _ in self._SCHOOL:
                self._fields.only_for_school(key)
        if self._game.audience != "school":
            return {}
        for key, example in self._SCHOOL:
            self._fields.require(key, example)
        fix = f"write a list of levels: [{', '.join(LEVELS)}]"
        levels = self._fields.codes("levels", fix, self._level)
        declared = "declared under `curriculum:` at the top"
        curriculum = self._fields.codes("curriculum", f"write 1 to {MAX_CURRICULUM} codes {declared}", self._subject)
        if len(curriculum) > MAX_CURRICULUM:
            self._fields.wrong("curriculum", f"too many ({len(curriculum)})", f"keep at most {MAX_CURRICULUM}")
        return {"levels": [level for level in LEVELS if level in levels], "curriculum": curriculum}

    def _level(self, item: Node) -> str | None:
        if isinstance(item, Scalar) and item.text in LEVELS:
            return item.text
        given = item.text if isinstance(item, Scalar) else _kind_of(item)
        fix = _nearest(given, LEVELS)
        self._check.wrong(item, self._fields.field("levels"), f"unknown level ({shown(given)})", fix)
        return None

    def _subject(self, item: Node) -> str | None:
        declared = self._game.curriculum
        if isinstance(item, Scalar) and item.text in declared:
            return item.text
        given = item.text if isinstance(item, Scalar) else _kind_of(item)
        fix = _nearest(given, declared) if declared else "declare it under `curriculum:` at the top"
        self._check.wrong(item, self._fields.field("curriculum"), f"unknown curriculum theme ({shown(given)})", fix)
        return None

    def _theme(self) -> str | None:
        node, themes = self._fields.value("theme"), self._game.themes
        if node is None:
            return None
        if isinstance(node, Scalar) and node.text in themes:
            return node.text
        given = node.text if isinstance(node, Scalar) else _kind_of(node)
        fix = _nearest(given, themes) if themes else "declare it under `themes:`"
        self._fields.wrong("theme", f"unknown theme ({shown(given)})", fix)
        return None

    def _points(self, kind: str | None) -> int | None:
        if kind == "malus":
            return self._fields.integer("points", -MAX_POINTS, -1, f"a malus takes points: from -{MAX_POINTS} to -1")
        fix = f"write a whole number from 1 to {MAX_POINTS}" + ("" if kind is None else "; only a malus is negative")
        if kind is None:
            found = self._fields.integer("points", -MAX_POINTS, MAX_POINTS, fix)
            if found == 0:
                self._fields.wrong("points", "out of range (0)", fix)
            return found
        return self._fields.integer("points", 1, MAX_POINTS, fix)

    def _repeat(self, kind: str | None) -> int | None:
        node = self._fields.value("repeat")
        if node is None:
            return None if kind == "malus" else 1
        if isinstance(node, Scalar) and node.text == "unlimited":
            return None
        return self._fields.integer("repeat", 1, MAX_REPEAT, f"write a number from 1 to {MAX_REPEAT}, or unlimited")

    def _quorum(self, kind: str | None) -> int | None:
        largest_league = self._game.largest_league
        quorum = self._fields.integer("quorum", 2, MAX_QUORUM)
        if quorum is not None and kind == "collective" and quorum > largest_league:
            wrong = f"no team can reach it: leagues hold at most {largest_league} players ({quorum})"
            self._fields.wrong("quorum", wrong, f"write a number from 2 to {largest_league}")
        return quorum

    def _window(self) -> dict[str, str] | None:
        node = self._fields.value("window")
        if node is None:
            return None
        fields = self._check.mapping(node, self._fields.field("window"), ("from", "until"), ())
        opens, closes = (fields.moment(key, self._game.calendar.zone) for key in ("from", "until"))
        if opens is None or closes is None:
            return None
        if opens >= closes:
            wrong = "closes at the moment it opens" if opens == closes else "closes before it opens"
            times = f"{opens:%Y-%m-%d %H:%M} to {closes:%Y-%m-%d %H:%M}"
            self._fields.wrong("window", f"{wrong} ({times})", "put `from` before `until`")
            return None
        starts, ends = self._game.calendar.starts_at, self._game.calendar.ends_at
        if starts is not None and ends is not None:
            inside = f"stay between {starts:%Y-%m-%d %H:%M} and {ends:%Y-%m-%d %H:%M}"
            if opens < starts or opens >= ends:
                when = "before the edition starts" if opens < starts else "after the edition ends"
                fields.wrong("from", f"outside the edition: opens {when} ({opens:%Y-%m-%d %H:%M})", inside)
            if closes > ends or closes <= starts:
                when = "after the edition ends" if closes > ends else "before the edition starts"
                fields.wrong("until", f"outside the edition: closes {when} ({closes:%Y-%m-%d %H:%M})", inside)
        return {"from": opens.isoformat(), "until": closes.isoformat()}

    def _secret(self, seen: _Seen) -> str | None:
        shortest, longest = SECRET_LENGTH
        secret = self._fields.text("secret", longest, private=True)
        if secret is None:
            return None
        normal = normal_secret(secret)
        if len(normal) < shortest:
            self._fields.wrong("secret", "is too short", f"write a word of {shortest} to {longest} characters")
        elif normal in seen.secrets:
            wrong = f"the same word as on line {seen.secrets[normal]} (case and accents do not count)"
            self._fields.wrong("secret", wrong, "give each hidden challenge its own word")
        else:
            seen.secrets[normal] = self._fields.entries["secret"].line
        return secret

    def _goals(self) -> list[int]:
        node = self._fields.value("goals")
        if node is None:
            return []
        fix = "write a list of UN sustainable development goals, 1 to 17: [11, 13]"
        if not isinstance(node, Sequence):
            self._fields.wrong("goals", f"must be a list, not {_kind_of(node)}", fix)
            return []
        goals: list[int] = []
        for item in node.items:
            goal = item.value if isinstance(item, Scalar) else None
            if isinstance(item, Scalar) and item.unread:
                continue
            if isinstance(goal, bool) or not isinstance(goal, int) or not 1 <= goal <= 17:
                self._check.wrong(item, self._fields.field("goals"), f"no such goal ({_given(item)})", fix)
            elif goal in goals:
                self._check.wrong(item, self._fields.field("goals"), f"given twice ({goal})", "keep it once")
            else:
                goals.append(goal)
        return goals


def _zone(fields: Fields) -> zoneinfo.ZoneInfo | None:
    node = fields.value("time_zone")
    if node is None:
        return None
    name = node.text if isinstance(node, Scalar) else ""
    known = zoneinfo.available_timezones()
    if name in known:
        return zoneinfo.ZoneInfo(name)
    lower = {zone.lower(): zone for zone in known}
    near = difflib.get_close_matches(name.lower(), sorted(lower), n=1, cutoff=0.6)
    fix = f"did you mean {lower[near[0]]}?" if near else "use a zone such as Europe/Paris"
    fields.wrong("time_zone", f"unknown time zone ({_given(node)})", fix)
    return None


def _calendar(fields: Fields, zone: zoneinfo.ZoneInfo | None, days: int | None) -> _Calendar:
    if fields.given("starts_on") and fields.given("starts_at"):
        fields.wrong("starts_at", "given beside starts_on", "keep starts_on (00:00) or starts_at, not both")
    elif fields.usable and not fields.given("starts_on") and not fields.given("starts_at"):
        fields.wrong("starts_on", "missing", f"add `starts_on: {_EXAMPLES['starts_on']}`")
    first, moment = fields.day("starts_on"), fields.moment("starts_at", zone)
    if zone is None:
        return _Calendar(None, None, None)
    starts_at = start_of_day(first, zone) if first else moment
    if first and starts_at and starts_at.date() != first:
        fields.wrong("starts_on", f"the calendar of {zone} skips {first}", f"write {starts_at.date()}")
        return _Calendar(zone, None, None)
    if starts_at is None or days is None:
        return _Calendar(zone, starts_at, None)
    ends_at = start_of_day(first + timedelta(days=days), zone) if first else same_time_days_later(starts_at, days)
    return _Calendar(zone, starts_at, ends_at)


def _registration_closes_at(fields: Fields, calendar: _Calendar) -> datetime | None:
    if not fields.given("registration_closes_on"):
        return calendar.ends_at
    last = fields.day("registration_closes_on")
    if last is None or calendar.zone is None or calendar.ends_at is None:
        return None
    closes_at = start_of_day(last + timedelta(days=1), calendar.zone)
    last_day = (calendar.ends_at - timedelta(microseconds=1)).date()
    if last > last_day:
        wrong = f"after the last day of the edition ({last})"
        fields.wrong("registration_closes_on", wrong, f"write {last_day} or earlier, or leave it out")
        return None
    return min(closes_at, calendar.ends_at)


_LANGUAGE_NAMES = {"fr": "French", "en": "English", "de": "German"}

_EXAMPLES = {
    "edition": "{code: …, audience: …}",
    "themes": "{mobility: {fr: Mobilité, en: Getting around}}",
    "curriculum": "{svt: {fr: SVT, en: Life and earth sciences}}",
    "challenges": "[…]",
    "code": "velo-boulot-dodo",
    "edition.code": "adult-2026-06",
    "audience": "public",
    "title": "{fr: …, en: …}",
    "description": "{fr: …, en: …}",
    "time_zone": "Europe/Paris",
    "starts_on": "2026-06-01",
    "kind": "standard",
    "theme": "mobility",
    "points": "3",
    "quorum": "4",
    "factor": "2",
    "secret": "coquelicot",
    "window": "{from: 2026-06-08 00:00, until: 2026-06-10 00:00}",
    "from": "2026-06-08 00:00",
    "until": "2026-06-10 00:00",
}


def _codes(names: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(name["code"] for name in names)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None and not node.unread


def _join(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key


def _name(node: Node, number: int) -> str:
    if isinstance(node, Mapping):
        for entry in node.entries:
            if entry.key == "code" and isinstance(entry.value, Scalar) and CHALLENGE_CODE.match(entry.value.text):
                return entry.value.text
    return f"#{number}"


def _kind_of(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    value = node.value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"true or false ({shown(node.text)})"
    if isinstance(value, int | float):
        return f"a number ({shown(node.text)})"
    return f"text ({shown(value)})"


def _given(node: Node) -> str:
    return shown(node.text) if isinstance(node, Scalar) else _kind_of(node)


def _nearest(given: str, among: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(given.lower(), among, n=1, cutoff=0.6)
    choices = ", ".join(among[:12]) + ("…" if len(among) > 12 else "")
    return f"did you mean {near[0]}?" if near else f"use one of: {choices}"


def _as_code(text: str, field: str) -> str:
    """The text as a code, or an example of one where nothing is left of it."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    code = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")[:40].strip("-")
    example = {"edition.code": _EXAMPLES["edition.code"], "themes": "mobility"}.get(field, _EXAMPLES["code"])
    return code if len(code) >= 3 else example


def _with_offset(moment: datetime) -> str:
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M}{offset[:3]}:{offset[3:5]}"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
