"""Reads the French Ministry's open directory of schools (`fr-en-annuaire-education`, CSV), one row at a time.

    reading = read_directory("fr-en-annuaire-education.csv")
    for school in reading:
        …
    reading.problems, reading.left_out

The Ministry exports the file with headers in capitals, in lower case or mixed, with or without a byte-order mark, and
the portal lets people choose the separator: all of these are read, and what Excel makes of the file when it saves it
again (a first line `sep=;`, UTF-16, 35.0 for 35). Schools keep their names as they are written there.
What becomes of them in the database is decided elsewhere.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mpp_supabase.errors import MPPError
from mpp_supabase.files._yaml import shown
from mpp_supabase.typed import trimmed

LEVELS = ("maternelle", "elementaire", "college", "lycee")

CHECK_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""The last letter of an RNE (also called UAI) is the one at its seven digits modulo 23. I, O and Q are not used."""

MAX_ROWS = 500_000
MAX_BYTES = 1 << 30
MAX_LINE = 1 << 20
MAX_PROBLEMS = 1000
"""So many problems are kept; `problem_count` goes on counting."""
NAME_LENGTH = 120
CITY_LENGTH = 80

_RNE = re.compile(r"[0-9]{7}[A-Z]\Z")
_DEPARTMENT = re.compile(r"(?:0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5]|97[1-8]|98[678])\Z")
_COMMUNE = re.compile(r"(?:(?:0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5])[0-9]{3}|9(?:7[1-8]|8[678])[0-9]{2})\Z")
_POSTCODE = re.compile(r"(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3}\Z")
# What the database refuses beside control characters: fillers, and accents piled on one letter.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]|[\u0300-\u036f]{3}")
_SEPARATORS = (";", ",", "\t", "|")
# Excel's first line, which says the separator.
_DECLARED = re.compile(r'"?sep=(.)"?[;,\t]*\s*\Z', re.IGNORECASE)
# A number of a spreadsheet: 35.0, 35,00.
_DECIMALS = re.compile(r"(?<=[0-9])[.,]0+\Z")
_CHUNK = 1 << 20
_YES = frozenset(("1", "1.0", "oui", "o", "true", "vrai"))
_MAX_REASONS = 50

_NEEDED = {
    "identifiant_de_l_etablissement": "Identifiant_de_l_etablissement",
    "nom_etablissement": "Nom_etablissement",
    "type_etablissement": "Type_etablissement",
    "code_postal": "Code_postal",
    "nom_commune": "Nom_commune",
}
_USEFUL = (
    "ecole_maternelle",
    "ecole_elementaire",
    "etat",
    "code_departement",
    "code_commune",
    "libelle_nature",
    "multi_uai",
    "etablissement_multi_lignes",
)
_TYPE_LEVELS: Mapping[str, tuple[str, ...]] = {
    "college": ("college",),
    "lycee": ("lycee",),
    # Adapted teaching from the 6e to the CAP.
    "erea": ("college", "lycee"),
}


class DirectoryError(MPPError):
    """The file is not a directory of schools, or cannot be read at all."""

    code = "school_directory"


@dataclass(frozen=True, slots=True)
class DirectorySchool:
    """A school of the directory. `levels` are in the order of LEVELS; `line` is where the row starts, from 1.

    `department` is the one the file states (35, 2A, 974), `commune` the INSEE code; both may be missing.
    """

    rne: str
    name: str
    levels: tuple[str, ...]
    country: str
    postcode: str
    city: str
    line: int
    department: str | None = None
    commune: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryProblem:
    """A row that cannot be used: its line, the column as the file names it, the value, what is wrong, and the fix."""

    line: int
    column: str
    value: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        value = f" ({self.value})" if self.value else ""
        return f"{place}: {self.problem}{value} — {self.fix}"


def check_letter(rne: str) -> str:
    """Return the letter that belongs behind the seven digits of an RNE. Raises ValueError when there are not seven."""
    digits = rne[:7]
    if len(digits) != 7 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("an RNE begins with seven digits")
    return CHECK_LETTERS[int(digits) % 23]


def is_rne(text: str) -> bool:
    """Tell whether this is an RNE: seven digits and the capital letter that belongs to them."""
    return _RNE.match(text) is not None and check_letter(text) == text[7]


def read_directory(path: str | Path) -> DirectoryReading:
    """Open a directory of schools. Iterating the answer gives one DirectorySchool for each row that is a school.

    The encoding and the header are looked at now; rows are read while iterating, and only their codes are kept. Raises
    DirectoryError: no file, another kind of file, columns that are missing (all named at once), an encoding that
    cannot be read.
    """
    return DirectoryReading(Path(path))


class DirectoryReading:
    """A directory being read. Each iteration starts from the top and counts anew.

    `lines` is the number of lines of the file, for progress against `DirectorySchool.line`; `rows`, `schools` and
    `problem_count` count what has been read; `problems` holds the first MAX_PROBLEMS problems; `left_out` says how many
    rows are no schools of the game, by reason.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding, self.lines = _encoding(path)
        with self._open() as file:
            self._above, self._separator, self._header, self._columns = _header(path, file)
        self._start_over()

    def _start_over(self) -> None:
        self.rows = 0
        self.schools = 0
        self.problem_count = 0
        self.problems: list[DirectoryProblem] = []
        self.left_out: Counter[str] = Counter()
        self._lines_by_code: dict[str, int] = {}

    def _open(self) -> TextIO:
        try:
            return self.path.open(encoding=self.encoding, newline="")
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def __iter__(self) -> Iterator[DirectorySchool]:
        self._start_over()
        with self._open() as file:
            lines = _lines(self.path, file)
            reader = csv.reader(lines, delimiter=self._separator)
            try:
                for _ in range(self._above):
                    next(lines)
                next(reader)
                start = self._above + reader.line_num + 1
                for values in reader:
                    line, start = start, self._above + reader.line_num + 1
                    if not any(value.strip() for value in values):
                        continue
                    self.rows += 1
                    if self.rows > MAX_ROWS:
                        raise DirectoryError(
                            f"{self.path.name} has more than {MAX_ROWS:,} rows.",
                            "The Ministry's directory has about 68,000: give that file.",
                        )
                    school = self._school(line, values)
                    if school is not None:
                        self.schools += 1
                        yield school
            except csv.Error:
                raise DirectoryError(
                    f"{self.path.name}, line {start}: a quotation mark is opened here and never closed.",
                    "Download the file again, or correct that line.",
                ) from None
            except UnicodeDecodeError:
                raise _undecodable(self.path) from None
            except OSError as error:
                raise _unreadable(self.path, error) from None

    def _school(self, line: int, values: list[str]) -> DirectorySchool | None:
        if len(values) != len(self._header):
            self._problem(
                line,
                "",
                "",
                f"the row has {len(values)} values for {len(self._header)} columns",
                "put a value that holds the separator between quotation marks",
            )
            return None
        row = {key: trimmed(values[index]) for key, index in self._columns.items()}
        for key in ("code_postal", "code_departement", "code_commune"):
            row[key] = _DECIMALS.sub("", row.get(key, "")).replace(" ", "")
        reason = _reason_to_leave_out(row)
        if reason:
            self._leave_out(reason)
            return None
        rne = row["identifiant_de_l_etablissement"].upper()
        problems = [*_wrong_code(rne), *_wrong_values(row)]
        if problems:
            for key, value, problem, fix in problems:
                self._problem(line, self._header[self._columns[key]], value, problem, fix)
            return None
        if rne in self._lines_by_code:
            if _several_sites(row):
                self._leave_out("another site of a school that is listed already")
                return None
            first = self._lines_by_code[rne]
            name = self._header[self._columns["identifiant_de_l_etablissement"]]
            self._problem(line, name, rne, f"this code is on line {first} already", "keep one of the two rows")
            return None
        self._lines_by_code[rne] = line
        return DirectorySchool(
            rne,
            _shortened(row["nom_etablissement"]),
            _levels(row),
            "FR",
            row["code_postal"],
            row["nom_commune"],
            line,
            department_code(row.get("code_departement", "")) or None,
            _commune(row.get("code_commune", "")) or None,
        )

    def _leave_out(self, reason: str) -> None:
        if reason not in self.left_out and len(self.left_out) >= _MAX_REASONS:
            reason = "other types"
        self.left_out[reason] += 1

    def _problem(self, line: int, column: str, value: str, problem: str, fix: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(DirectoryProblem(line, column, shown(value), problem, fix))


_Wrong = tuple[str, str, str, str]


def _wrong_code(rne: str) -> Iterator[_Wrong]:
    key = "identifiant_de_l_etablissement"
    if not rne:
        yield key, "", "there is no code", "give the school's RNE: seven digits and a letter"
    elif not _RNE.match(rne):
        fix = "it is seven digits and a letter, such as 0759999L"
        whole = rne.zfill(8)
        if is_rne(whole):
            fix = f"write {whole}; a spreadsheet dropped the zero, so use the file as it was downloaded"
        yield key, rne, "this is not an RNE", fix
    elif not is_rne(rne):
        yield key, rne, "the letter does not go with the digits", f"check the digits; theirs is {check_letter(rne)}"


def _wrong_values(row: Mapping[str, str]) -> Iterator[_Wrong]:
    for key, what, limit in (("nom_etablissement", "name", None), ("nom_commune", "city", CITY_LENGTH)):
        text = row[key]
        if not text:
            yield key, "", f"there is no {what}", f"give the school's {what}"
        elif limit and len(text) > limit:
            yield key, text, f"the {what} has {len(text)} characters", f"shorten it to {limit}"
        elif not text.isprintable() or _UNSEEN.search(text):
            yield key, text, f"the {what} holds characters that cannot be seen", "remove them"
    if not row["type_etablissement"]:
        yield "type_etablissement", "", "there is no type", "give one, such as Ecole, Collège or Lycée"
    postcode = row["code_postal"]
    if not postcode:
        yield "code_postal", "", "there is no postcode", "give five digits"
    elif not _POSTCODE.match(postcode):
        fix = "give five digits, as in 01000"
        if _POSTCODE.match("0" + postcode):
            fix = f"write 0{postcode}; a spreadsheet dropped the zero, so use the file as it was downloaded"
        yield "code_postal", postcode, "this is not a French postcode", fix
    department, commune = department_code(row.get("code_departement", "")), _commune(row.get("code_commune", ""))
    if department and not _DEPARTMENT.match(department):
        fix = "give the code of one, as in 035 or 02A"
        yield "code_departement", row["code_departement"], "this is not a French department", fix
    if commune and not _COMMUNE.match(commune):
        fix = "give the five characters of INSEE, as in 35047"
        yield "code_commune", row["code_commune"], "this is not the code of a commune", fix


def department_code(text: str) -> str:
    """The code of a department as it is kept: the directory writes 035 and 02A, a spreadsheet leaves 35, or 1."""
    return text.upper().lstrip("0").zfill(2) if text else ""


def _commune(text: str) -> str:
    return text.upper().zfill(5) if text else ""


def _shortened(name: str) -> str:
    """Cut a name that is longer than the database keeps, between two words."""
    if len(name) <= NAME_LENGTH:
        return name
    cut = name[:NAME_LENGTH]
    return cut[: cut.rfind(" ", NAME_LENGTH // 2)].rstrip(" ,;-–—") + "…"


def _reason_to_leave_out(row: Mapping[str, str]) -> str:
    kind = _plain(row["type_etablissement"])
    if kind and kind != "ecole" and kind not in _TYPE_LEVELS:
        return f"type {shown(row['type_etablissement'])}"
    # A school with several sites has a row for each; the main one says where the school is.
    if _several_sites(row) and re.search(r"\bannexe\b", _plain(row["nom_etablissement"])):
        return "the annexe of a school"
    # Classes behind the baccalauréat only: the directory gives these no type.
    nature = _plain(row.get("libelle_nature", ""))
    if not kind and re.search(r"\b(sts|cpge|superieur)", nature):
        return "after the baccalauréat"
    state = _plain(row.get("etat", ""))
    if state.startswith("ferme"):
        return "closed"
    if state == "a ouvrir":
        return "not open yet"
    if row.get("code_departement", "").lstrip("0") == "99" or "etranger" in _plain(row.get("libelle_nature", "")):
        return "abroad"
    return ""


def _several_sites(row: Mapping[str, str]) -> bool:
    return _plain(row.get("multi_uai") or row.get("etablissement_multi_lignes", "")) in _YES


def _levels(row: Mapping[str, str]) -> tuple[str, ...]:
    kind = _plain(row["type_etablissement"])
    if kind in _TYPE_LEVELS:
        return _TYPE_LEVELS[kind]
    first = LEVELS[:2]
    flagged = tuple(level for level in first if _plain(row.get(f"ecole_{level}", "")) in _YES)
    if flagged:
        return flagged
    # An export without these columns, or a row that leaves both empty: the name tells, and a "primaire" has both.
    for text in (row["nom_etablissement"], row.get("libelle_nature", "")):
        named = tuple(level for level in first if level in _plain(text))
        if named:
            return named
    return first


def _plain(text: str) -> str:
    """Lower case, no accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).strip().lower()


def _column_key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", _plain(name)).strip("_")


def _encoding(path: Path) -> tuple[str, int]:
    """Return how the file is encoded and its number of lines, after one pass over its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = size = 0
    utf8 = True
    accents_in_utf8 = False
    first_wrong_line = 0
    tail = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if size == 0:
                    _refuse_other_kinds(path, chunk)
                    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                        return "utf-16", _lines_of_utf16(path)
                size += len(chunk)
                if size > MAX_BYTES:
                    raise DirectoryError(
                        f"{path.name} is larger than 1 GiB.",
                        "The Ministry's directory has about 50 MB: give that file.",
                    )
                if b"\0" in chunk:
                    raise DirectoryError(f"{path.name} is not a text file.", "Give the CSV file of the directory.")
                if utf8:
                    try:
                        decoder.decode(chunk)
                    except UnicodeDecodeError as error:
                        utf8 = False
                        first_wrong_line = lines + chunk[: max(error.start - len(tail), 0)].count(b"\n") + 1
                accents_in_utf8 = accents_in_utf8 or _UTF8_ACCENT.search(tail[-1:] + chunk) is not None
                tail = decoder.getstate()[0] if utf8 else chunk[-1:]
                lines += chunk.count(b"\n")
        utf8 = utf8 and not tail
    except OSError as error:
        raise _unreadable(path, error) from None
    if size == 0:
        raise DirectoryError(f"{path.name} is empty.", "Download the directory again.")
    if utf8:
        return "utf-8-sig", lines
    if accents_in_utf8:
        raise DirectoryError(
            f"{path.name}, line {first_wrong_line}: a letter there is not UTF-8, and others in the file are.",
            "Download the directory again, or save the file anew as CSV UTF-8.",
        )
    return "cp1252", lines


def _lines_of_utf16(path: Path) -> int:
    """What Excel calls Unicode text: the number of its lines, once it is known to be one."""
    lines = size = 0
    try:
        with path.open(encoding="utf-16", newline="") as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                lines += chunk.count("\n")
                if "\0" in chunk or size > MAX_BYTES:
                    raise DirectoryError(f"{path.name} is not a text file.", "Give the CSV file of the directory.")
    except UnicodeError:
        raise DirectoryError(
            f"{path.name} is not UTF-16, though it begins as if.", "Export the directory as CSV, in UTF-8."
        ) from None
    return lines


_UTF8_ACCENT = re.compile(rb"\xc3[\x80-\xbf]")


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    kinds = (
        (b"PK\x03\x04", "a zip or Excel file"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file"),
        (b"\x1f\x8b", "a gzip file"),
    )
    for beginning, kind in kinds:
        if start.startswith(beginning):
            raise DirectoryError(f"{path.name} is {kind}.", "Export the directory as CSV, in UTF-8.")


def _header(path: Path, file: TextIO) -> tuple[int, str, list[str], dict[str, int]]:
    """Return the lines above the header, the separator, the columns as written, and where each known column is."""
    try:
        lines = _lines(path, file)
        line = next(lines, "")
        declared = _DECLARED.match(line)
        if declared:
            line = next(lines, "")
        by_separator = {
            separator: next(csv.reader([line], delimiter=separator), [])
            for separator in (*_SEPARATORS, *(declared.groups() if declared else ()))
        }
    except UnicodeDecodeError:
        raise _undecodable(path) from None
    except csv.Error:
        declared, by_separator = None, {}
    separator, names = max(by_separator.items(), key=lambda item: _known(item[1]), default=(";", []))
    columns: dict[str, int] = {}
    twice: list[str] = []
    for index, name in enumerate(names):
        key = _column_key(name)
        if key in columns and key in _NEEDED:
            twice.append(name)
        if key in _NEEDED or key in _USEFUL:
            columns.setdefault(key, index)
    missing = [name for key, name in _NEEDED.items() if key not in columns]
    if missing or twice:
        wrong = f"has no column {', '.join(missing)}" if missing else f"has two columns {', '.join(twice)}"
        found = ", ".join(shown(name, 40) for name in names[:8]) + (", …" if len(names) > 8 else "")
        raise DirectoryError(
            f"{path.name} {wrong}.",
            f"Give the CSV of fr-en-annuaire-education with its header line; this file's is: {found or 'empty'}.",
        )
    return 1 if declared else 0, separator, names, columns


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of the file, none of them so long that it would fill the memory."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise DirectoryError(
                f"{path.name}, line {number}: the line is longer than a million characters.",
                "Give the CSV of fr-en-annuaire-education: one school on each line.",
            )
        yield line


def _known(names: list[str]) -> int:
    return sum(_column_key(name) in _NEEDED for name in names)


def _undecodable(path: Path) -> DirectoryError:
    return DirectoryError(
        f"{path.name} is neither UTF-8 nor Windows-1252.", "Download the directory again, or save it anew as CSV UTF-8."
    )


def _unreadable(path: Path, error: OSError) -> DirectoryError:
    reason = (error.strerror or "it cannot be opened").lower()
    return DirectoryError(f"{path} cannot be read ({reason}).", "Check the path.")
