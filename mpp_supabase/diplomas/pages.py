"""Turns a class into the pages of its PDF. Every text is data to the template: nothing in a name is read as markup."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from mpp_supabase._files import written_whole
from mpp_supabase.diplomas.wording import LANGUAGES, WORDINGS, Language, Wording
from mpp_supabase.errors import MPPError

if TYPE_CHECKING:
    import typst

Figures = Literal["challenges", "points", "both", "none"]
FIGURES: tuple[Figures, ...] = get_args(Figures)
"""What a pupil's page may tell: challenges done, points, both, or neither. Never a rank."""

MAX_PUPILS = 500
MAX_TEXT = 200

_TEMPLATE = Path(__file__).with_name("diploma.typ")
_FONT = "Libertinus Serif"
_LONGEST_WORD = 40
_WORD_PIECE = 20
_MISSING = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")


class DiplomaError(MPPError):
    """The diplomas of a class cannot be made. `problems` lists every reason, each with the class it is about."""

    code = "diploma"

    def __init__(self, message: str, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems) or (message,)


@dataclass(frozen=True, slots=True)
class PupilDiploma:
    """A pupil as the ceremony names it: first name, with an initial where the class has two of them ("Lina M.").

    `challenges` and `points` are the pupil's own. What is unknown, or not above zero, is not printed: the page then
    thanks for taking part.
    """

    name: str
    challenges: int | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True)
class ClassDiplomas:
    """A class at the end of an edition.

    `edition` is its title in the language of the pages; `starts_on` and `ends_on` are its first and last day. The
    totals and `rank` (among `classes`) stand on the class's certificate only, each where it is given.
    """

    edition: str
    starts_on: date
    ends_on: date
    class_name: str
    school: str
    city: str
    pupils: tuple[PupilDiploma, ...]
    teacher: str | None = None
    challenges: int | None = None
    points: int | None = None
    rank: int | None = None
    classes: int | None = None


def write_diplomas(
    path: str | Path,
    diplomas: ClassDiplomas,
    language: Language = "fr",
    *,
    figures: Figures = "challenges",
    fonts: str | Path | None = None,
) -> int:
    """Write the PDF of one class and return its number of pages: one for each pupil, and the certificate.

    The same class gives the same bytes on every machine: fonts come with typst. They hold Latin, Greek, Cyrillic,
    Hebrew, Armenian, Georgian, Devanagari and Arabic letters; `fonts` is a directory with more. A letter that no font
    has is an error and not an empty box; an emoji that no font has is left out. Raises DiplomaError. S: closing of a
    school edition; D7.
    """
    press = _Press(language, figures, fonts)
    _replace(Path(path), press.pdf(diplomas))
    return len(diplomas.pupils) + 1


def write_all(
    directory: str | Path,
    classes: Sequence[ClassDiplomas],
    language: Language = "fr",
    *,
    figures: Figures = "challenges",
    fonts: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write a PDF for each class into a directory, made if it is missing, and return the files, in the classes' order.

    A file is named after the school and the class, with a number where two would have one name. `on_progress` gets
    the classes done and all classes. A class that cannot be printed does not hold up the others: DiplomaError comes at
    the end and names each of them. A directory that cannot be written to stops everything.
    """
    press = _Press(language, figures, fonts)
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(directory, error) from None
    paths = _file_names(directory, classes)
    problems: list[str] = []
    written: list[Path] = []
    for done, (diplomas, path) in enumerate(zip(classes, paths, strict=True), start=1):
        try:
            pdf = press.pdf(diplomas)
        except DiplomaError as error:
            problems.extend(error.problems)
        else:
            _replace(path, pdf)
            written.append(path)
        if on_progress is not None:
            on_progress(done, len(classes))
    if problems:
        failed = len(classes) - len(written)
        raise DiplomaError(
            f"The diplomas of {failed} of {len(classes)} classes could not be made.",
            "Correct what is listed and run it again; the other classes are written.",
            problems,
        )
    return written


class _Press:
    """The template with its fonts, ready to print one class after another in one language."""

    def __init__(self, language: Language, figures: Figures, fonts: str | Path | None) -> None:
        if language not in LANGUAGES:
            raise DiplomaError(f"There are no diplomas in {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
        if figures not in FIGURES:
            raise DiplomaError(f"{figures!r} is not a choice of figures.", f"Use one of: {', '.join(FIGURES)}.")
        self._language = language
        self._wording = WORDINGS[language]
        self._figures = figures
        self._compiler, self._families = _compiler(fonts)

    def pdf(self, diplomas: ClassDiplomas) -> bytes:
        """Return the class's PDF. Raises DiplomaError."""
        _check(diplomas)
        page = self._page(diplomas, frozenset())
        pdf, missing = self._printed(page, diplomas)
        if missing and all(_is_decoration(character) for character in missing) and _still_named(diplomas, missing):
            page = self._page(diplomas, missing)
            pdf, missing = self._printed(page, diplomas)
        if missing:
            raise _unprintable(diplomas, missing)
        return pdf

    def _printed(self, page: dict[str, Any], diplomas: ClassDiplomas) -> tuple[bytes, frozenset[str]]:
        import typst

        closing = datetime.combine(diplomas.ends_on, time(12), UTC)
        try:
            # The profile for accessible PDF is also what makes a missing letter an error.
            pdf = self._compiler.compile(
                format="pdf",
                sys_inputs={"page": json.dumps(page, ensure_ascii=False)},
                pdf_standards="ua-1",
                timestamp=closing,
            )
        except typst.TypstError as error:
            texts = (_ESCAPE.sub(lambda m: chr(int(m[1], 16)), text) for text in _MISSING.findall(error.diagnostic))
            if missing := frozenset("".join(texts)):
                return b"", missing
            raise DiplomaError(
                f"The pages of {_called(diplomas)} could not be drawn: {error.message}.",
                "Report this with the names of the class and the school.",
            ) from None
        return cast(bytes, pdf), frozenset()

    def _page(self, diplomas: ClassDiplomas, without: frozenset[str]) -> dict[str, Any]:
        def shown(text: str) -> str:
            return _breakable(_clean("".join(character for character in text if character not in without)))

        words = self._wording
        period = words.period(diplomas.starts_on, diplomas.ends_on)
        school, city = shown(diplomas.school), shown(diplomas.city)
        last = diplomas.ends_on
        return {
            "document": {
                "title": f"{words.file_title}, {_clean(diplomas.class_name)}",
                "date": {"year": last.year, "month": last.month, "day": last.day},
            },
            "language": self._language,
            "fonts": [_FONT, *self._families],
            "words": {
                "title": words.title,
                "awarded": words.awarded,
                "certificate": words.certificate,
                "praise": words.praise,
                "date": words.date_line,
                "signature": words.signature_line,
            },
            "content": {
                "edition": f"{shown(diplomas.edition)} · {period}",
                "class": shown(diplomas.class_name),
                "school": f"{school}, {city}" if city else school,
                "teacher": shown(diplomas.teacher or ""),
                "pupils": [
                    {"name": shown(pupil.name), "deed": _deed(words, self._figures, pupil)} for pupil in diplomas.pupils
                ],
                "figures": _class_figures(words, diplomas),
            },
        }


def _compiler(fonts: str | Path | None) -> tuple[typst.Compiler, list[str]]:
    import typst

    families: list[str] = []
    directories: list[Path] = []
    if fonts is not None:
        directories = [Path(fonts)]
        found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=directories)
        families = sorted(found.families())
        if not families:
            raise DiplomaError(f"There are no fonts in {fonts}.", "Give a directory with .ttf or .otf files.")
    compiler = typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=directories, ignore_system_fonts=True)
    return compiler, families


def _check(diplomas: ClassDiplomas) -> None:
    wrong: list[str] = []
    if not diplomas.pupils:
        wrong.append("it has no pupils")
    elif len(diplomas.pupils) > MAX_PUPILS:
        wrong.append(f"it has {len(diplomas.pupils)} pupils, and {MAX_PUPILS} is the most")
    texts: list[tuple[str, str, bool]] = [
        ("the edition's title", diplomas.edition, True),
        ("the name of the class", diplomas.class_name, True),
        ("the name of the school", diplomas.school, True),
        ("the city", diplomas.city, False),
        ("the teacher's name", diplomas.teacher or "", False),
        *((f"the name of pupil {number}", pupil.name, True) for number, pupil in enumerate(diplomas.pupils, start=1)),
    ]
    for what, text, needed in texts:
        if needed and not _clean(text):
            wrong.append(f"{what} is empty")
        elif len(text) > MAX_TEXT:
            wrong.append(f"{what} has {len(text)} characters, and {MAX_TEXT} is the most")
    if diplomas.starts_on > diplomas.ends_on:
        wrong.append("the edition ends before it starts")
    for what, figure in (("the rank", diplomas.rank), ("the number of classes", diplomas.classes)):
        if figure is not None and figure < 1:
            wrong.append(f"{what} is {figure}")
    if wrong:
        problems = [f"{_called(diplomas)}: {problem}" for problem in wrong]
        raise DiplomaError(
            f"{_called(diplomas)}: {'; '.join(wrong)}.", "Correct the class; nothing was written.", problems
        )


def _called(diplomas: ClassDiplomas) -> str:
    return f"{_clean(diplomas.class_name) or 'a class without a name'} ({_clean(diplomas.school) or 'no school'})"


def _still_named(diplomas: ClassDiplomas, without: frozenset[str]) -> bool:
    names = (diplomas.edition, diplomas.class_name, diplomas.school, *(pupil.name for pupil in diplomas.pupils))
    return all(set(_clean(name)) - without - {" "} for name in names)


def _unprintable(diplomas: ClassDiplomas, missing: frozenset[str]) -> DiplomaError:
    texts = (
        diplomas.edition,
        diplomas.class_name,
        diplomas.school,
        diplomas.city,
        diplomas.teacher or "",
        *(pupil.name for pupil in diplomas.pupils),
    )
    # Once each, in the order of the page.
    wrong = [text for text in dict.fromkeys(_clean(text) for text in texts) if missing & set(text)]
    return DiplomaError(
        f"{_called(diplomas)}: no font here can print {', '.join(wrong) or ' '.join(sorted(missing))}.",
        "Name a directory with a font that has these letters, or write the name in Latin letters.",
        [f"{_called(diplomas)}: no font here can print {text}" for text in wrong],
    )


def _deed(words: Wording, figures: Figures, pupil: PupilDiploma) -> str:
    challenges = pupil.challenges if figures in ("challenges", "both") else None
    points = pupil.points if figures in ("points", "both") else None
    has_challenges = challenges is not None and challenges > 0
    has_points = points is not None and points > 0
    sentence = {
        (True, True): words.for_both,
        (True, False): words.for_challenges,
        (False, True): words.for_points,
        (False, False): words.for_taking_part,
    }[has_challenges, has_points]
    done, won = words.counted(words.done, challenges or 0), words.counted(words.won, points or 0)
    return sentence.format(done=done, won=won)


def _class_figures(words: Wording, diplomas: ClassDiplomas) -> list[dict[str, str]]:
    def figure(value: int, forms: tuple[str, str]) -> dict[str, str]:
        return {"value": words.number(value), "raised": "", "label": words.counted(forms, value)}

    found = [figure(len(diplomas.pupils), words.pupils)]
    if diplomas.challenges is not None and diplomas.challenges > 0:
        found.append(figure(diplomas.challenges, words.challenges))
    if diplomas.points is not None and diplomas.points > 0:
        found.append(figure(diplomas.points, words.points))
    if diplomas.rank is not None:
        mark, raised = words.ordinal_mark(diplomas.rank)
        label = words.place if diplomas.classes is None else words.counted(words.classes, diplomas.classes)
        found.append({"value": words.number(diplomas.rank) + mark, "raised": raised, "label": label})
    return found


def _clean(text: str) -> str:
    """Composed letters, single spaces, and no invisible characters that turn or hide text."""
    kept = (
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs", "Cn")
    )
    return " ".join("".join(kept).split())


def _breakable(text: str) -> str:
    """Let a word that no line could hold be broken."""
    return " ".join(
        word
        if len(word) <= _LONGEST_WORD
        else "\u200b".join(word[start : start + _WORD_PIECE] for start in range(0, len(word), _WORD_PIECE))
        for word in text.split(" ")
    )


def _is_decoration(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk") or "\ufe00" <= character <= "\ufe0f"


def _file_names(directory: Path, classes: Sequence[ClassDiplomas]) -> list[Path]:
    taken: dict[str, int] = {}
    names = []
    for diplomas in classes:
        name = "-".join(filter(None, (_slug(diplomas.school), _slug(diplomas.class_name)))) or "class"
        taken[name] = taken.get(name, 0) + 1
        while taken[name] > 1 and f"{name}-{taken[name]}" in taken:
            taken[name] += 1
        if taken[name] > 1:
            name = f"{name}-{taken[name]}"
            taken[name] = 1
        names.append(directory / f"{name}.pdf")
    return names


def _slug(text: str) -> str:
    letters = text.lower().replace("œ", "oe").replace("æ", "ae").replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")


def _replace(path: Path, pdf: bytes) -> None:
    """Write beside the file and rename, so that nobody ever opens half of one."""
    try:
        with written_whole(path) as file:
            file.write(pdf)
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: Path, error: OSError) -> DiplomaError:
    reason = (error.strerror or "it cannot be written").lower()
    return DiplomaError(f"{path} cannot be written ({reason}).", "Choose a directory that exists and is yours.")
