"""Reports of clients from the database: one call brings the figures, reports/ lays them out; and the weekly mails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mpp_supabase.errors import EditionNotOver, EditionNotRunning, Refusal
from mpp_supabase.models import Award, ClientAward, ClientLeague, Edition, FollowUp, Participation, WeeklyReader
from mpp_supabase.services._service import Service, Where, parse_row, query

if TYPE_CHECKING:
    from mpp_supabase.reports import ClientReport, Format, Language, ReportKind

MOST_NEEDING = 10
"""Leagues that need attention in a mail; the report has all of them."""
LINE = 300
"""Longest line of a mail (mail/letters.py)."""


class ClientReports(Service):
    """What clients follow, and their reports. With the secret key those of every client."""

    def follow(self, participation_id: int) -> FollowUp:
        """Return every figure of a client in an edition, in one snapshot. Raises ParticipationUnknown."""
        arguments = {"participation_id": participation_id}
        return parse_row(FollowUp, self._transport.read("client_report", arguments))

    def weekly(self, participation_id: int) -> ClientReport:
        """Return the report of the week that is on.

        Raises ReportError before the edition starts, ParticipationUnknown.
        """
        from mpp_supabase.reports import ClientReport, ReportError

        found = self.follow(participation_id)
        if found.overview.week is None:
            name = found.organisation.name
            raise ReportError(f"{name}: {found.edition.code} has not started.", "There is a week to report then.")
        return ClientReport("weekly", found)

    def final(self, participation_id: int) -> ClientReport:
        """Return the final report with the awards, once the edition is over.

        Raises ReportError before, ParticipationUnknown.
        """
        from mpp_supabase.reports import ClientReport, ReportError

        found = self.follow(participation_id)
        if found.as_of < found.edition.ends_at:
            name = found.organisation.name
            raise ReportError(
                f"{name}: {found.edition.code} is not over.", "Its final report comes after the end; freeze it first."
            )
        return ClientReport("final", found, tuple(self._awards(found)))

    def _awards(self, found: FollowUp) -> list[Award]:
        """The awards among the client's own, or those of the whole edition that classes of its territory won."""
        where: Where = (("participation_id", "eq", found.overview.participation_id),)
        if not found.follows_only:
            return list(self._iterate(ClientAward, query(ClientAward, "client_awards", "place, award_id", where)))
        part = self._first(Participation, query(Participation, "client_participations", "participation_id", where))
        if part is None:
            return []
        followed = {one.class_id for one in found.territory} | {one.school_id for one in found.territory}
        every: Where = (("edition_id", "eq", part.edition_id), ("scope", "in", "(class,school)"))
        awards = self._iterate(Award, query(Award, "awards", "place, award_id", every))
        return [award for award in awards if award.subject_id in followed]

    def write(
        self,
        kind: ReportKind,
        participations: Sequence[Participation],
        directory: str | Path,
        language: Language | None = None,
        formats: Sequence[Format] = ("html", "pdf", "xlsx"),
        *,
        edition: Edition | None = None,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> list[Path]:
        """Write the reports of these clients into a directory, each in its own language unless told otherwise.

        Returns the files. A client whose report cannot be made does not hold up the others: ReportError comes at the
        end and names each of them. With the `edition` of them all, one that has not started, or is not over, is refused
        once instead: EditionNotRunning, EditionNotOver.
        """
        from mpp_supabase.reports import ReportError, write_report

        if edition is not None:
            _refuse_early(kind, edition)
        problems: list[str] = []
        written: list[Path] = []
        for done, participation in enumerate(participations, start=1):
            try:
                made = self.weekly if kind == "weekly" else self.final
                written += write_report(directory, made(participation.participation_id), language, formats)
            except ReportError as error:
                problems.extend(error.problems)
            except Refusal as error:
                problems.append(f"{participation.organisation_name}: {error.message}")
            on_progress(done, len(participations))
        if problems:
            raise ReportError(
                "Some reports could not be made." if len(problems) > 1 else problems[0],
                f"{len(written)} files of other reports are written; correct this, and run it again."
                if written
                else "Nothing was written; correct this, and run it again.",
                problems,
            )
        return written

    def weekly_mails(self, participation_id: int, ranks: dict[UUID, int] | None = None) -> list[dict[str, Any]]:
        """Return the mails of a client's week, to be queued: staff inside their dates, ambassadors who agreed.

        One mail for each person, client and week, whatever is queued again: their keys say so. `ranks` are places in
        the general ranking by league. Raises ReportError before the edition starts, ParticipationUnknown.
        """
        from mpp_supabase.reports import ReportError

        found = self.follow(participation_id)
        if found.overview.week is None:
            name = found.organisation.name
            raise ReportError(f"{name}: {found.edition.code} has not started.", "There is a week to write about then.")
        arguments = {"participation_id": participation_id}
        readers = self._read_rows(WeeklyReader, "weekly_readers", arguments)
        return list(_mails(found, readers, ranks or {}))


def _refuse_early(kind: ReportKind, edition: Edition) -> None:
    if kind == "weekly" and edition.phase in ("draft", "registration"):
        raise EditionNotRunning(f"{edition.code} has not started.", "There is a week to report then.")
    if kind == "final" and edition.phase in ("draft", "registration", "running"):
        hint = f"Its final reports come then: `mpp edition freeze {edition.code}`."
        raise EditionNotOver(f"{edition.code} is not over.", hint)


# Mails


def _mails(found: FollowUp, readers: Sequence[WeeklyReader], ranks: dict[UUID, int]) -> Iterator[dict[str, Any]]:
    overview = found.overview
    assert overview.week is not None
    assert overview.week_last is not None
    until = _midnight(found, overview.week_last) + timedelta(days=8)
    leagues = {league.league_id: league for league in found.leagues}
    data: dict[str, dict[str, Any]] = {}
    for reader in readers:
        lang: Language = "en" if reader.language == "en" else "fr"
        # Nobody runs two leagues of one edition: one note each, and one report for who also works for the client.
        key = f"{overview.participation_id}/{overview.week}/{reader.account_id}"
        mail: dict[str, Any] = {
            "account_id": str(reader.account_id),
            "language": lang,
            "useful_until": until.isoformat(),
        }
        if reader.league_id is None:
            if lang not in data:
                data[lang] = _report_data(found, lang)
            yield mail | {
                "key": f"weekly-report/{key}",
                "template": "weekly_report",
                "purpose": "weekly_report",
                "organisation_id": overview.organisation_id,
                "data": data[lang],
            }
        elif reader.league_id in leagues:
            yield mail | {
                "key": f"ambassador-note/{key}",
                "template": "ambassador_note",
                "purpose": "league_alerts",
                "league_id": str(reader.league_id),
                "data": _note_data(found, leagues[reader.league_id], ranks.get(reader.league_id), lang),
            }


def _report_data(found: FollowUp, language: Language) -> dict[str, Any]:
    from mpp_supabase.mail.wording import WORDING
    from mpp_supabase.reports import ClientReport
    from mpp_supabase.reports.advice import advise
    from mpp_supabase.reports.wording import Words

    words, report, overview = Words(language), ClientReport("weekly", found), found.overview
    assert overview.week_first is not None
    assert overview.week_last is not None
    figures: list[tuple[str, int | None, int | None]]
    if report.follows_only:
        sums = found.territory_sums
        figures = [
            ("classes", sums.classes, None),
            ("schools", sums.schools, None),
            # Without the small classes it would be another number: the report says so beside it, here is no room.
            ("pupils", sums.pupils if sums.counted == sums.classes else None, None),
            ("points", sums.points, sums.points_this_week),
        ]
    else:
        figures = [
            ("players", overview.players, overview.players_change),
            ("active_players", overview.active_players, None),
            ("leagues", overview.leagues, overview.leagues_change),
            ("validations", overview.validations, overview.validations_change),
            ("points", overview.points, overview.points_change),
        ]
    colon = WORDING[language].colon
    pushed = [
        _line(
            f"{found.own_name(league.name)}{colon} "
            + ", ".join(words(f"attention_{reason}") for reason in league.attention)
        )
        for league in found.leagues
        if league.attention
    ]
    return {
        "organisation": found.organisation.name,
        "edition": words.of(found.edition.title),
        "from_day": _midnight(found, overview.week_first).isoformat(),
        "until_day": _midnight(found, overview.week_last).isoformat(),
        "time_zone": found.edition.time_zone,
        "figures": _counts(figures),
        "needs_attention": pushed[:MOST_NEEDING],
        "advice": [_line(text) for text in advise(report, words)],
    }


def _note_data(found: FollowUp, league: ClientLeague, rank: int | None, language: Language) -> dict[str, Any]:
    from mpp_supabase.reports.wording import Words

    words = Words(language)
    figures = [
        ("players", league.players, None),
        ("active_players", league.active_players, None),
        ("validations", league.validations, None),
        ("points", league.points, league.points_this_week),
    ]
    # Whoever reads this runs the league.
    advice = [words(f"note_{reason}") for reason in league.attention if reason != "no_ambassador"]
    return {
        "league": league.name,
        "edition": words.of(found.edition.title),
        "rank": rank,
        "figures": _counts(figures),
        "advice": [_line(text) for text in advice],
    }


def _counts(figures: Iterable[tuple[str, int | None, int | None]]) -> list[dict[str, Any]]:
    """What is suppressed is not said."""
    return [{"name": name, "value": value, "change": moved} for name, value, moved in figures if value is not None]


def _line(text: str) -> str:
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


def _midnight(found: FollowUp, day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(found.edition.time_zone))
