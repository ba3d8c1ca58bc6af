"""Turns a class into the pages of its PDF. Every text is data to the template: nothing in a name is read as markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mpp_supabase.diplomas.printing import (
    FONT,
    DrawingError,
    breakable,
    clean,
    drawn,
    is_decoration,
    ready,
    slug,
)
from mpp_supabase.diplomas.wording import LANGUAGES, WORDINGS, Forms, Language, Wording
from mpp_supabase.errors import MPPError
from mpp_supabase.files._files import written_whole

if TYPE_CHECKING:
    import typst

Figures = Literal["challenges", "points", "both", "none"]
FIGURES: tuple[Figures, ...] = get_args(Figures)
"""What a pupil's page may tell: challenges done, points, both, or neither. Never a rank."""

MAX_PUPILS = 500
MAX_TEXT = 200

TEMPLATE = Path(__file__).with_name("diploma.typ")


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
    has is an error and not an empty box; an emoji that no font has is left out. Raises DiplomaError.
    """
    press = _Press(language, figures, fonts)
    write_pdf(Path(path), press.pdf(diplomas))
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
            write_pdf(path, pdf)
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
        self._compiler, self._families = compiler_with(fonts)

    def pdf(self, diplomas: ClassDiplomas) -> bytes:
        """Return the class's PDF. Raises DiplomaError."""
        _check(diplomas)
        names = (diplomas.edition, diplomas.class_name, diplomas.school, *(pupil.name for pupil in diplomas.pupils))
        return pressed(
            self._compiler,
            lambda without: self._page(diplomas, without),
            diplomas.ends_on,
            _called(diplomas),
            names,
            (diplomas.city, diplomas.teacher or ""),
        )

    def _page(self, diplomas: ClassDiplomas, without: frozenset[str]) -> dict[str, Any]:
        def shown(text: str) -> str:
            return breakable(clean("".join(character for character in text if character not in without)))

        words = self._wording
        period = words.period(diplomas.starts_on, diplomas.ends_on)
        school, city = shown(diplomas.school), shown(diplomas.city)
        return {
            "document": document(f"{words.file_title}, {clean(diplomas.class_name)}", diplomas.ends_on),
            "language": self._language,
            "fonts": [FONT, *self._families],
            "words": page_words(words),
            "content": {
                "edition": f"{shown(diplomas.edition)} · {period}",
                "class": shown(diplomas.class_name),
                "school": f"{school}, {city}" if city else school,
                "signature": shown(diplomas.teacher or ""),
                "pupils": [
                    {"name": shown(pupil.name), "deed": _deed(words, self._figures, pupil)} for pupil in diplomas.pupils
                ],
                "certificates": [
                    {
                        "title": words.certificate,
                        "name": shown(diplomas.class_name),
                        "under": f"{school}, {city}" if city else school,
                        "awards": "",
                        "figures": _class_figures(words, diplomas),
                        "praise": words.praise,
                    }
                ],
            },
        }


def document(title: str, last: date) -> dict[str, Any]:
    """Return what the file says of itself: its title, and the last day of the edition as its date."""
    return {"title": title, "date": {"year": last.year, "month": last.month, "day": last.day}}


def page_words(words: Wording) -> dict[str, str]:
    """Return the words that stand on every page."""
    return {
        "title": words.title,
        "awarded": words.awarded,
        "date": words.date_line,
        "signature": words.signature_line,
    }


def pressed(
    compiler: typst.Compiler,
    page_without: Callable[[frozenset[str]], dict[str, Any]],
    closing: date,
    called: str,
    names: Sequence[str],
    others: Sequence[str],
) -> bytes:
    """Return the PDF of a page that is made without the given characters: emoji that no font has are left out.

    No name may be nothing but these. Raises DiplomaError, which names every text with a letter that no font has.
    """

    def printed(without: frozenset[str]) -> tuple[bytes, frozenset[str]]:
        try:
            return drawn(compiler, page_without(without), datetime.combine(closing, time(12), UTC))
        except DrawingError as error:
            raise DiplomaError(
                f"The pages of {called} could not be drawn: {error}.", "Report this with the names that stand on them."
            ) from None

    pdf, missing = printed(frozenset())
    named = all(set(clean(name)) - missing - {" "} for name in names)
    if missing and named and all(is_decoration(character) for character in missing):
        pdf, missing = printed(missing)
    if not missing:
        return pdf
    # Once each, in the order of the page.
    wrong = [text for text in dict.fromkeys(clean(text) for text in (*names, *others)) if missing & set(text)]
    raise DiplomaError(
        f"{called}: no font here can print {', '.join(wrong) or ' '.join(sorted(missing))}.",
        "Name a directory with a font that has these letters, or write the name in Latin letters.",
        [f"{called}: no font here can print {text}" for text in wrong],
    )


def compiler_with(fonts: str | Path | None) -> tuple[typst.Compiler, list[str]]:
    """Return a compiler of the template, and the names of the font families that a directory adds to it.

    Raises DiplomaError when there are no fonts in the directory.
    """
    import typst

    families: list[str] = []
    directories: list[Path] = []
    if fonts is not None:
        directories = [Path(fonts)]
        found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=directories)
        families = sorted(found.families())
        if not families:
            raise DiplomaError(f"There are no fonts in {fonts}.", "Give a directory with .ttf or .otf files.")
    return ready(TEMPLATE, directories), families


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
        if needed and not clean(text):
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
    return f"{clean(diplomas.class_name) or 'a class without a name'} ({clean(diplomas.school) or 'no school'})"


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
    counts = (
        (len(diplomas.pupils), words.pupils),
        (diplomas.challenges, words.challenges),
        (diplomas.points, words.points),
    )
    return certificate_figures(words, counts, diplomas.rank, diplomas.classes, words.classes)


def certificate_figures(
    words: Wording, counts: Sequence[tuple[int | None, Forms]], rank: int | None, ranked: int | None, among: Forms
) -> list[dict[str, str]]:
    """Return the figures of a certificate: those above zero, then the rank among those that were ranked."""
    found = [
        {"value": words.number(count), "raised": "", "label": words.counted(forms, count)}
        for count, forms in counts
        if count is not None and count > 0
    ]
    if rank is not None:
        mark, raised = words.ordinal_mark(rank)
        label = words.place if ranked is None else words.counted(among, ranked)
        found.append({"value": words.number(rank) + mark, "raised": raised, "label": label})
    return found


def _file_names(directory: Path, classes: Sequence[ClassDiplomas]) -> list[Path]:
    taken: dict[str, int] = {}
    names = []
    for diplomas in classes:
        name = "-".join(filter(None, (slug(diplomas.school), slug(diplomas.class_name)))) or "class"
        taken[name] = taken.get(name, 0) + 1
        while taken[name] > 1 and f"{name}-{taken[name]}" in taken:
            taken[name] += 1
        if taken[name] > 1:
            name = f"{name}-{taken[name]}"
            taken[name] = 1
        names.append(directory / f"{name}.pdf")
    return names


def write_pdf(path: Path, pdf: bytes) -> None:
    """Write a whole file or none. Raises DiplomaError."""
    try:
        with written_whole(path) as file:
            file.write(pdf)
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: Path, error: OSError) -> DiplomaError:
    reason = (error.strerror or "it cannot be written").lower()
    return DiplomaError(f"{path} cannot be written ({reason}).", "Choose a directory that exists and is yours.")
