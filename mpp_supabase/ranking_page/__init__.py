"""The ranking of a frozen edition as web pages that need no JavaScript, to put on any web host."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from mpp_supabase.diplomas.wording import WORDINGS
from mpp_supabase.errors import ConfigError
from mpp_supabase.models import Edition, Scope, Standing

if TYPE_CHECKING:
    from mpp_supabase.services.rankings import Rankings

Language: TypeAlias = Literal["fr", "en", "de"]

#: Lines of a page: some 40 kB of HTML.
LINES = 500

_HERE = Path(__file__).resolve().parent
#: Tells a folder that was published here from one that holds other files.
_MARK = "ranking.json"


@dataclass(frozen=True, slots=True)
class Published:
    """What was written: how many pages and lines, and where to begin."""

    pages: int
    lines: int
    first: Path


def publish_ranking(
    rankings: Rankings, edition: Edition, folder: Path, language: Language = "fr", live: str = ""
) -> Published:
    """Write every line of the public ranking of a frozen edition into ``folder`` as HTML, LINES to a page.

    ``live`` is the address of the live page, for a link to it. The folder is new, empty, or holds what was published
    before, which goes: who opted out since is in no page. All the pages are there, or those of before. Raises
    ConfigError where the edition is not frozen or private, or the folder holds other files; OSError; TransportError.
    """
    if edition.frozen_at is None or edition.is_private:
        why = "is private" if edition.is_private else "is not frozen yet"
        hint = "Only frozen editions that are open to everybody are published." + (
            "" if edition.is_private else f" The command is `mpp edition freeze {edition.code}`."
        )
        raise ConfigError(f"Edition {edition.code} {why}.", hint)
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / _MARK).is_file())):
        raise ConfigError(f"{folder} holds other files.", "Name a new folder, or one that holds a published ranking.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        published = _write(rankings, edition, made, _Page(edition, language, live))
        (made / _MARK).write_text(json.dumps({"edition": edition.code, "language": language}) + "\n", encoding="utf-8")
        # A folder for whoever serves it, unlike that of mkdtemp.
        made.chmod(0o755)
        if folder.exists():
            before = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)) / "before"
            folder.rename(before)
            made.rename(folder)
            shutil.rmtree(before.parent)
        else:
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Published(published.pages, published.lines, folder / published.first)


def _write(rankings: Rankings, edition: Edition, folder: Path, page: _Page) -> Published:
    pages = lines = 0
    shutil.copyfile(_HERE / "ranking.css", folder / "ranking.css")
    for scope in page.scopes:
        groups = list(_groups(rankings.iterate(edition.id, scope))) or [[]]
        for number, rows in enumerate(groups, 1):
            html = page.draw(scope, rows, number, len(groups))
            (folder / page.name(scope, number)).write_text(html, encoding="utf-8")
            pages += 1
            lines += len(rows)
    return Published(pages, lines, Path("index.html"))


def _groups(rows: Iterator[Standing]) -> Iterator[list[Standing]]:
    group: list[Standing] = []
    for row in rows:
        group.append(row)
        if len(group) == LINES:
            yield group
            group = []
    if group:
        yield group


class _Page:
    """The pages of one edition in one language."""

    def __init__(self, edition: Edition, language: Language, live: str) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self._edition = edition
        self._language = language
        self._live = live
        self._words: dict[str, Any] = json.loads((_HERE / "words.json").read_text(encoding="utf-8"))[language]
        self._wording = WORDINGS[language]
        environment = Environment(
            loader=FileSystemLoader(_HERE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("ranking.html")
        school = edition.audience == "school"
        self.scopes = (Scope.CLASS, Scope.SCHOOL, Scope.TEAM) if school else (Scope.PLAYER, Scope.TEAM, Scope.LEAGUE)

    def name(self, scope: Scope, number: int) -> str:
        """The file of a page: the first one of the first ranking is the one that a web host shows first."""
        if number > 1:
            return f"{scope.value}-{number}.html"
        return "index.html" if scope is self.scopes[0] else f"{scope.value}.html"

    def draw(self, scope: Scope, rows: Sequence[Standing], number: int, pages: int) -> str:
        """A page as HTML. Everything that is not markup of the template is escaped by it."""
        zone = ZoneInfo(self._edition.time_zone)
        last = (self._edition.ends_at - timedelta(microseconds=1)).astimezone(zone).date()
        return self._template.render(
            words=self._words,
            language=self._language,
            live=self._live,
            title=self._edition.title.get(self._language) or self._edition.title["fr"],
            dates=_capital(self._wording.period(self._edition.starts_at.astimezone(zone).date(), last)),
            phase=self._words["phases"]["frozen"],
            by_average=self._edition.ranking_basis == "average" and scope is not Scope.PLAYER,
            scope=scope.value,
            scopes=[(s.value, self._words["scopes"][s.value], self.name(s, 1)) for s in self.scopes],
            school=self._edition.audience == "school",
            rows=rows,
            rank=self._rank,
            count=self._wording.number,
            average=self._average,
            under=self._under,
            number=number,
            pages=pages,
            link=lambda n: self.name(scope, n),
        )

    def _rank(self, rank: int) -> str:
        shown = self._wording.number(rank)
        if self._language == "fr":
            return "1er" if rank == 1 else f"{shown}e"
        return f"{shown}." if self._language == "de" else shown

    def _average(self, row: Standing) -> str:
        whole, _, decimals = f"{row.points if row.points_per_player is None else row.points_per_player:.2f}".partition(
            "."
        )
        sign = "−" if whole.startswith("-") else ""
        return f"{sign}{self._wording.number(abs(int(whole)))}{'.' if self._language == 'en' else ','}{decimals}"

    @staticmethod
    def _under(row: Standing) -> str:
        """What stands under a name: the league of a player or a team, the school of a class, the city of a school."""
        school, city = getattr(row, "school_label", None), getattr(row, "city", None)
        return row.league_label or ", ".join(filter(None, (school, city)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
