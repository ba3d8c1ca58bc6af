"""Writes reports to files: each appears whole or not at all, and one client that fails does not stop the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from errno import EISDIR
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from mpp_supabase.diplomas.printing import DrawingError, clean, slug
from mpp_supabase.errors import MPPError
from mpp_supabase.files._files import written_whole
from mpp_supabase.reports.figures import ATTENTION_REASONS, KINDS, ClientReport
from mpp_supabase.reports.layout import Layout, lay_out
from mpp_supabase.reports.page import draw_page
from mpp_supabase.reports.paper import print_report
from mpp_supabase.reports.wording import LANGUAGES, Language, Words
from mpp_supabase.reports.workbook import write_workbook

Format: TypeAlias = Literal["html", "pdf", "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WRITERS: dict[Format, Callable[[Layout, Words], bytes]] = {
    "html": draw_page,
    "pdf": print_report,
    "xlsx": write_workbook,
}


class ReportError(MPPError):
    """A report cannot be made. `problems` lists every reason, each with the client it is about."""

    code = "report"

    def __init__(self, message: str, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems) or (message,)


def write_report(
    path_or_directory: str | Path,
    report: ClientReport,
    language: Language | None = None,
    formats: Sequence[Format] = FORMATS,
) -> list[Path]:
    """Write a report in each format and return its files, in the formats' order; in the client's language, or another.

    A path that ends in .html, .pdf or .xlsx names the file, with the ending of each format; anything else is a
    directory, made if it is missing, where files are named after the client, the edition and the week; files of the
    same names are replaced. Nothing is written unless everything can be made. Raises ReportError.
    """
    language = language or report.language
    stem = _stem(Path(path_or_directory), report, language)
    made = _made(report, language, formats)
    paths = [stem.with_name(f"{stem.name}.{form}") for form in made]
    path = stem
    try:
        # All of them stand beside their places before the first one is put there.
        with ExitStack() as opened:
            for path, content in zip(paths, made.values(), strict=True):
                if path.is_dir():
                    raise IsADirectoryError(EISDIR, "it is a directory")
                opened.enter_context(written_whole(path)).write(content)
    except OSError as error:
        raise _not_written(path, error) from None
    return paths


def report_bytes(report: ClientReport, language: Language | None = None, form: Format = "pdf") -> bytes:
    """Return a report as the content of one file: to be attached to a mail, or served. Raises ReportError."""
    return _made(report, language or report.language, (form,))[form]


def write_reports(
    directory: str | Path,
    reports: Sequence[tuple[ClientReport, Language]],
    formats: Sequence[Format] = FORMATS,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write the reports of many clients, each in its language, into one directory, and return the files.

    `on_progress` gets the reports done and all reports. A client whose report cannot be made does not hold up the
    others: ReportError comes at the end and names each of them. A directory that cannot be written to stops everything.
    """
    directory = _directory(Path(directory))
    problems: list[str] = []
    written: list[Path] = []
    for done, (report, language) in enumerate(reports, start=1):
        try:
            written += write_report(directory, report, language, formats)
        except ReportError as error:
            problems.extend(error.problems)
        if on_progress is not None:
            on_progress(done, len(reports))
    if problems:
        raise ReportError(
            "Some reports could not be made.",
            "Correct what is listed and run it again; the other reports are written.",
            problems,
        )
    return written


def _made(report: ClientReport, language: Language, formats: Sequence[Format]) -> dict[Format, bytes]:
    _check(report, language, formats)
    words = Words(language)
    layout = lay_out(report, words)
    try:
        return {form: _WRITERS[form](layout, words) for form in formats}
    except DrawingError as error:
        raise ReportError(
            f"{_called(report)}: the PDF could not be drawn: {error}.", "Report this with the client's name."
        ) from None


def _check(report: ClientReport, language: str, formats: Sequence[str]) -> None:
    wrong: list[str] = []
    if language not in LANGUAGES:
        wrong.append(f"there are no reports in {language!r}, only in {', '.join(LANGUAGES)}")
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        wrong.append(f"{', '.join(unknown) or 'nothing'} is not a format, only {', '.join(FORMATS)} are")
    if report.kind not in KINDS:
        wrong.append(f"{report.kind!r} is not a kind of report")
    if not clean(report.organisation.name) or not slug(report.organisation.code):
        wrong.append("the organisation has no name or no code")
    edition = report.edition
    moments = {"as_of": report.follow_up.as_of, "starts_at": edition.starts_at, "ends_at": edition.ends_at}
    naive = [name for name, moment in moments.items() if moment.tzinfo is None]
    if naive:
        wrong.append(f"{', '.join(naive)} has no time zone")
    elif edition.starts_at >= edition.ends_at:
        wrong.append("the edition ends before it starts")
    if report.kind == "weekly":
        seen = report.overview
        if not seen.week or seen.week < 1 or seen.week_first is None or seen.week_last is None:
            wrong.append("a weekly report needs the number and the days of its week")
        elif seen.week_first > seen.week_last:
            wrong.append("its week ends before it starts")
    reasons = {reason for league in report.follow_up.leagues for reason in league.attention} - set(ATTENTION_REASONS)
    wrong += [f"{name!r} is not a reason for attention" for name in sorted(reasons)]
    if wrong:
        problems = [f"{_called(report)}: {problem}" for problem in wrong]
        raise ReportError(
            f"{_called(report)}: {'; '.join(wrong)}.", "Correct the report; nothing was written.", problems
        )


def _called(report: ClientReport) -> str:
    return clean(report.organisation.name) or report.organisation.code or "a client without a name"


def _stem(path: Path, report: ClientReport, language: str) -> Path:
    if path.suffix.lower().removeprefix(".") in FORMATS and not path.is_dir():
        return path.with_suffix("")
    part = "final" if report.kind == "final" else f"week-{report.overview.week}"
    name = "-".join((_code(report.organisation.code), _code(report.edition.code), part, language))
    return _directory(path) / name


def _code(code: str) -> str:
    # As it is, or a-b and a--b would be one file: the codes of the database are fit for names of files.
    return code if re.fullmatch(r"[a-z0-9-]{1,60}", code) else slug(code)


def _directory(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(directory, error) from None
    return directory


def _not_written(path: Path, error: OSError) -> ReportError:
    reason = (error.strerror or "it cannot be written").lower()
    return ReportError(f"{path} cannot be written ({reason}).", "Choose a directory that exists and is yours.")
