"""Reads one YAML document from outside into positioned nodes, and trusts nothing in it.

The parser's events are read one by one: no alias is followed, no tag is constructed, nothing is expanded, so a small
file cannot become a large object. Every node keeps its line and column, so that whoever checks it can say where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

MAX_BYTES = 2_000_000
MAX_DEPTH = 12
MAX_NODES = 40_000
MAX_INTEGER_DIGITS = 18

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# As the parser counts lines.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_VALUE = re.compile(r"\s*(?:- +)*[^\s:]+:\s+(?P<first>[^\w\s])")
# Of word processors and web pages: they look like spaces, and part and indent nothing.
_NO_BREAK = "\u00a0\u2007\u202f"
_UNPARTED = re.compile(rf"(?:[A-Za-z_][\w-]*:|-)[{_NO_BREAK}]")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")


_INDENT = "indent with plain spaces; a no-break space stands there, which does not indent"
_PART = "write a plain space behind the `:` or the `-`; a no-break space stands there"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `value` is a str, int, float, bool or None, resolved by YAML 1.2's core rules (dates stay text).

    `unread` marks an alias, whose value is not looked up: it was refused already. `comment` is the line and column of a
    `#` behind a value without quotes: what follows it is no part of the value, and may have been meant to be.
    """

    line: int
    column: int
    text: str
    value: str | int | float | bool | None
    unread: bool = False
    comment: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    line: int
    column: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping; line and column are the key's."""

    line: int
    column: int
    key: str
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """The entries of a mapping in file order; no key appears twice."""

    line: int
    column: int
    entries: tuple[Entry, ...]


Node: TypeAlias = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something in the text that is refused whatever it means; line and column start at 1."""

    line: int
    column: int
    field: str
    wrong: str
    fix: str


class _Unreadable(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.wrong)
        self.flaw = flaw


def read_yaml(data: bytes) -> tuple[Node | None, list[Flaw]]:
    """Parse one YAML document; return its root (None when it cannot be read at all) and the flaws met on the way.

    Refused: more than 2,000,000 bytes, text that is not UTF-8, control characters, anchors, aliases, merge keys, tags,
    more than one document, keys that are not plain text, keys given twice, more than 12 levels or 40,000 values.
    """
    flaws: list[Flaw] = []
    try:
        root = _Reader(_decode(data), flaws).document()
    except _Unreadable as stop:
        flaws.append(stop.flaw)
        root = None
    return root, flaws


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Unreadable(
            Flaw(1, 1, "", f"the file is too large ({len(data):,} bytes)", f"keep it under {MAX_BYTES:,} bytes")
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise _Unreadable(
            Flaw(line, column, "", f"not UTF-8 text (byte 0x{data[error.start]:02x})", "save the file as UTF-8")
        ) from None
    found = _UNREADABLE.search(text)
    if found:
        line, column = _position(text, found.start())
        raise _Unreadable(
            Flaw(line, column, "", f"a control character (U+{ord(found.group()):04X})", "remove it from the file")
        )
    return text


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


class _Reader:
    """Builds the nodes of one document from the parser's events."""

    def __init__(self, text: str, flaws: list[Flaw]) -> None:
        self._text = text
        self._lines = _LINE_BREAK.split(text)
        self._flaws = flaws
        self._nodes = 0
        self._aliases: set[str] = set()

    def document(self) -> Node | None:
        root: Node | None = None
        seen = False
        events = self._events()
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if seen:
                    self._flaw(event, "", "a second document (---)", "keep one edition per file")
                    break
                seen = True
                root = self._node(next(events), events, "", 0)
        return root

    def _events(self) -> Iterator[Any]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError

        try:
            yield from YAML(typ="safe", pure=True).parse(self._text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            wrong = f"not valid YAML: {error.problem or error.context or 'it cannot be read'}"
            raise _Unreadable(Flaw(line, column, "", wrong, self._advice(line, column, wrong))) from None
        except Exception as error:
            # In a few corners the parser fails with a plain Python error (OverflowError at an escape beyond Unicode):
            # the file is at fault all the same.
            wrong = f"not valid YAML: {type(error).__name__}"
            raise _Unreadable(Flaw(1, 1, "", wrong, "check quotes, brackets and indentation")) from None

    def _advice(self, line: int, column: int, wrong: str) -> str:
        content = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        before = self._lines[line - 2] if 1 < line <= len(self._lines) else ""
        if "\t" in content[: len(content) - len(content.lstrip())]:
            return "indent with spaces, not tabs"
        for text in (content, before):
            if re.match(rf" *[{_NO_BREAK}]", text):
                return _INDENT
            if _UNPARTED.match(text.lstrip(" ")):
                return _PART
        if "\\t" in wrong or "\t" in content:
            return "write a space for the tab, or put the text between quotes"
        if "mapping values are not allowed" in wrong:
            if re.match(r" *-[^\s-][^\s:]*:\s", before):
                return "write a space behind the hyphen of the line before, as in `- code: …`"
            if before.strip() and not re.search(r":\s", content[: column - 1]):
                return "indent this line as those beside it, or put a text that contains `: ` between quotes"
            return "put a text that contains `: ` between quotes"
        if "but got ':'" in wrong:
            return "close the bracket that is open before it, or put a text that contains `: ` between quotes"
        if "expected <block end>" in wrong and "<block mapping start>" in wrong:
            return "indent this line as the other keys beside it"
        if " #" in content or " #" in before:
            return "put a text that contains ` #` between quotes; without them it ends there"
        value = _VALUE.match(content)
        if value and value["first"] not in "\"'":
            return f"put a text that begins with {value['first']} between quotes, the whole of it"
        return "check quotes, brackets and indentation on this line and the one before"

    def _flaw(self, event: Any, field: str, wrong: str, fix: str) -> None:
        self._flaws.append(Flaw(event.start_mark.line + 1, event.start_mark.column + 1, field, wrong, fix))

    def _node(self, event: Any, events: Iterator[Any], field: str, depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Unreadable(
                Flaw(line, column, field, f"more than {MAX_NODES:,} values", "split the file: one edition per file")
            )
        if depth > MAX_DEPTH:
            raise _Unreadable(
                Flaw(line, column, field, f"nested more than {MAX_DEPTH} levels deep", "check brackets and indentation")
            )
        kind = type(event).__name__
        if kind == "AliasEvent":
            # Once for each name: a file made to explode repeats them by the thousand.
            if event.anchor not in self._aliases:
                self._aliases.add(event.anchor)
                self._flaw(event, field, f"an alias (*{event.anchor})", "write the value out, or a text between quotes")
            return Scalar(line, column, "", None, unread=True)
        if event.anchor is not None:
            self._flaw(event, field, f"an anchor (&{event.anchor})", "remove it, or put a text between quotes")
        if kind == "ScalarEvent":
            tagged = self._refuse_tag(event, field)
            plain = event.style is None and not tagged
            self._refuse_no_break(event, field)
            return Scalar(line, column, event.value, _resolve(event.value) if plain else event.value)
        self._refuse_tag(event, field)
        if kind == "SequenceStartEvent":
            return Sequence(line, column, tuple(self._items(events, field, depth)))
        return Mapping(line, column, tuple(self._entries(events, field, depth)))

    def _refuse_tag(self, event: Any, field: str) -> bool:
        tag = event.tag
        if tag is None:
            return False
        self._flaw(event, field, f"a tag ({shown(str(tag))})", "remove it, or put a text between quotes")
        return True

    def _refuse_no_break(self, event: Any, field: str) -> None:
        """Where a key or an item begins its line, a no-break space makes a text of it."""
        start = event.start_mark
        before = self._lines[start.line][: start.column] if start.line < len(self._lines) else ""
        if event.style is not None or before.strip(" -"):
            return
        if event.value[:1] in tuple(_NO_BREAK):
            self._flaw(event, field, "a no-break space at the beginning of the line", _INDENT)
        elif _UNPARTED.match(event.value):
            self._flaw(event, field, "a no-break space where a space has to be", _PART)

    def _items(self, events: Iterator[Any], field: str, depth: int) -> Iterator[Node]:
        for index, event in enumerate(events, start=1):
            if type(event).__name__ == "SequenceEndEvent":
                return
            yield self._node(event, events, f"{field}[#{index}]", depth + 1)

    def _entries(self, events: Iterator[Any], field: str, depth: int) -> Iterator[Entry]:
        seen: dict[str, int] = {}
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                return
            key = self._node(event, events, field, depth + 1)
            name = key.text if isinstance(key, Scalar) else "?"
            path = f"{field}.{name}" if field else name
            opening = next(events)
            value = self._node(opening, events, path, depth + 1)
            if isinstance(value, Scalar) and type(opening).__name__ == "ScalarEvent" and opening.style is None:
                value = replace(value, comment=self._comment(event, opening))
            if not isinstance(key, Scalar):
                self._flaw(event, field, "a key that is not text", "use a plain name as key")
            elif name == "<<" and event.style is None:
                self._flaw(event, field, "a merge key (<<)", "write the keys out; merging is refused")
            elif name in seen:
                self._flaw(event, path, f"given twice (first on line {seen[name]})", "keep one of the two")
            else:
                seen[name] = key.line
                yield Entry(key.line, key.column, name, value)

    def _comment(self, key: Any, value: Any) -> tuple[int, int] | None:
        """Where a comment begins that a person may have meant as more of this value, which has no quotes."""
        # A value that is left out stands nowhere: `title: #1 on Monday`.
        end = value.end_mark if value.value else key.end_mark
        behind = self._lines[end.line][end.column :] if end.line < len(self._lines) else ""
        found = re.match(r"[ \t]+#" if value.value else r"[ \t]*:[ \t]+#", behind)
        if found:
            return end.line + 1, end.column + found.end()
        if not value.value or behind.strip():
            return None
        # On the next line, and further in than the key: more lines of the value would stand there.
        for number in range(end.line + 1, len(self._lines)):
            text = self._lines[number].lstrip(" \t")
            if text:
                column = len(self._lines[number]) - len(text)
                return (number + 1, column + 1) if text[0] == "#" and column > key.start_mark.column else None
        return None


def _resolve(text: str) -> str | int | float | bool | None:
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.match(text) and len(text) <= MAX_INTEGER_DIGITS:
        return int(text)
    if _DECIMAL.match(text) and not _INTEGER.match(text):
        return float(text)
    return text


def shown(value: object, limit: int = 60) -> str:
    """The value as it may stand on one line of a terminal: control characters escaped, cut at `limit` characters."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(c if _is_safe(c) else c.encode("unicode_escape").decode("ascii") for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_safe(character: str) -> bool:
    return character == "\xa0" or character.isprintable()
