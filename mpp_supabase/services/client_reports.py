"""Reports of clients from the database: one call brings the figures, reports/ lays them out; and the weekly mails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mpp_supabase.errors import EditionNotOver, EditionNotRunning, Refusal
from mpp_supabase.models import ClientLeague, Edition, FollowUp, Participation, WeeklyReader
from mpp_supabase.services._service import Service, Where, parse_row, query
from mpp_supabase.services.awards import Award, ClientAward

if TYPE_CHECKING:
    from mpp_supabase.reports import ClientReport, Format, Language, ReportKind

FEWEST_COMPARED = 5
"""Players whose average is compared with that of the edition."""
MOST_NEEDING = 10
"""Leagues that need attention in a mail; the report has all of them."""
LINE = 300
"""Longest line of a mail (mail/letters.py)."""


class ClientReports(Service):
    """What clients follow, and their reports. With the secret key those of every client."""

    def follow(self, participation_id: int) -> FollowUp:
        """Return every figure of a client in an edition, in one snapshot. Raises ParticipationUnknown."""
        arguments = {"participation_id": participation_id}
        return parse_row(FollowUp, self._transport.call("client_report", arguments, idempotent=True))

    def weekly(self, participation_id: int, language: Language | None = None) -> ClientReport:
        """Return the report of the week that is on, in the client's language unless told otherwise.

        Raises ReportError before the edition starts, ParticipationUnknown.
        """
        from mpp_supabase.reports import ReportError

        found = self.follow(participation_id)
        if found.overview.week is None:
            name = found.organisation.name
            raise ReportError(f"{name}: {found.edition.code} has not started.", "There is a week to report then.")
        return weekly_report(found, language)

    def final(self, participation_id: int, language: Language | None = None) -> ClientReport:
        """Return the final report with the awards, once the edition is over. Raises ReportError before."""
        from mpp_supabase.reports import ReportError

        found = self.follow(participation_id)
        if found.as_of < found.edition.ends_at:
            name = found.organisation.name
            raise ReportError(
                f"{name}: {found.edition.code} is not over.", "Its final report comes after the end; freeze it first."
            )
        return final_report(found, self._awards(found), language)

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
                report = made(participation.participation_id, language)
                lang: Any = language or self._spoken(participation)
                written += write_report(directory, report, lang, formats)
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

    def _spoken(self, participation: Participation) -> str:
        where: Where = (("organisation_id", "eq", participation.organisation_id),)
        from mpp_supabase.models import Organisation

        found = self._first(Organisation, query(Organisation, "client_organisations", "organisation_id", where))
        return found.language if found else "fr"

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
        readers = self._call_rows(WeeklyReader, "weekly_readers", arguments, idempotent=True)
        return list(_mails(found, readers, ranks or {}))


def _refuse_early(kind: ReportKind, edition: Edition) -> None:
    if kind == "weekly" and edition.phase in ("draft", "registration"):
        raise EditionNotRunning(f"{edition.code} has not started.", "There is a week to report then.")
    if kind == "final" and edition.phase in ("draft", "registration", "running"):
        hint = f"Its final reports come then: `mpp edition freeze {edition.code}`."
        raise EditionNotOver(f"{edition.code} is not over.", hint)


def weekly_report(found: FollowUp, language: Language | None = None) -> ClientReport:
    """Return a follow-up as a weekly report."""
    return _report(found, "weekly", _language(found, language))


def final_report(found: FollowUp, awards: Sequence[Award], language: Language | None = None) -> ClientReport:
    """Return a follow-up after the end as a final report."""
    lang = _language(found, language)
    return _report(found, "final", lang, awards)


def _language(found: FollowUp, language: Language | None) -> Language:
    return language or ("en" if found.organisation.language == "en" else "fr")


def _report(found: FollowUp, kind: ReportKind, language: Language, awards: Sequence[Award] = ()) -> ClientReport:
    from mpp_supabase import reports

    overview, edition, final = found.overview, found.edition, kind == "final"
    active = overview.active_players_ever if final else overview.active_players
    # The people of a week that is on are fewer than those of a whole one.
    active_change = overview.active_players_change if not final and found.week_is_over else None
    return reports.ClientReport(
        kind=kind,
        organisation=reports.Organisation(found.organisation.code, found.organisation.name, found.organisation.kind),
        edition=reports.Edition(
            edition.code, _in(edition.title, language), edition.starts_at, edition.ends_at, edition.time_zone
        ),
        as_of=found.as_of,
        totals=reports.Totals(
            players=reports.Figure(overview.players, overview.players_change),
            active_players=reports.Figure(active, active_change),
            leagues=reports.Figure(overview.leagues, overview.leagues_change),
            validations=reports.Figure(overview.validations, overview.validations_change),
            points=reports.Figure(overview.points, overview.points_change),
            points_per_player=reports.Figure(overview.points_per_player, overview.points_per_player_change),
            expected=overview.expected_players,
        ),
        week=None if final else overview.week,
        week_first=None if final else overview.week_first,
        week_last=None if final else overview.week_last,
        weeks=tuple(
            reports.Week(
                week.week,
                week.first_day,
                week.last_day,
                week.new_players,
                week.active_players,
                week.validations,
                week.points,
            )
            for week in found.weeks
        )
        if overview.leagues
        else (),
        days=tuple(_days(found)) if overview.leagues else (),
        leagues=tuple(
            reports.League(
                rank=league.rank,
                name=_own_name(found, league.name),
                unit=league.unit,
                players=league.players,
                active_players=league.active_players_ever if final else league.active_players,
                validations=league.validations,
                points=league.points,
                points_per_player=league.points_per_player,
                change=None if final else league.points_this_week,
                attention=() if final else league.attention,  # type: ignore[arg-type]
            )
            for league in found.leagues
        ),
        units=tuple(
            reports.Unit(unit.rank, unit.label, unit.leagues, unit.players, unit.points, unit.points_per_player)
            for unit in found.units
        ),
        themes=tuple(
            reports.Theme(theme.theme, _in(theme.name, language), theme.validations, theme.points)
            for theme in found.themes
        )
        if overview.leagues
        else (),
        departments=tuple(
            reports.Department(one.department, one.players) for one in found.departments if one.department
        ),
        territory=tuple(
            reports.TerritoryClass(
                name=one.name,
                school=one.school,
                level=one.level,
                city=one.city,
                pupils=one.pupils,
                points=one.points,
                points_per_pupil=one.points_per_pupil,
                rank=one.rank,
                national_rank=one.general_rank,
                points_this_week=one.points_this_week,
            )
            for one in found.territory
        ),
        awards=tuple(_awards(found, awards, language)),
        general=tuple(
            reports.GeneralRank(best.name, best.rank, found.edition_totals.leagues, best.points, best.points_per_player)
            for best in found.general
        ),
        comparison=tuple(_comparison(found)) if final else (),
        follows_classes=found.follows_only,
        provisional=final and edition.frozen_at is None,
        shows_players=any(award.scope == "player" for award in awards),
    )


def _days(found: FollowUp) -> Iterator[Any]:
    """Every day so far, those without a validation too."""
    from mpp_supabase.reports import Day

    if not found.days or not found.weeks:
        return
    known = {day.day: day for day in found.days}
    zone = ZoneInfo(found.edition.time_zone)
    last = max(*known, min(found.as_of.astimezone(zone).date(), found.weeks[-1].last_day))
    day = min(*known, found.weeks[0].first_day)
    while day <= last:
        there = known.get(day)
        yield Day(day, there.validations if there else 0, there.points if there else 0)
        day += timedelta(days=1)


def _comparison(found: FollowUp) -> Iterator[Any]:
    """Averages of the client beside those of the edition: on both sides over the leagues that show their players."""
    from mpp_supabase.reports import Comparison

    all_ = found.edition_compared
    shown = [league for league in found.leagues if league.players]
    players = sum(league.players or 0 for league in shown)
    if players < FEWEST_COMPARED or not all_.players or not all_.leagues:
        return
    if all_.points is not None:
        points = sum(league.points or 0 for league in shown)
        yield Comparison("points_per_player", Decimal(points) / players, Decimal(all_.points) / all_.players)
    yield Comparison("players_per_league", Decimal(players) / len(shown), Decimal(all_.players) / all_.leagues)


def _awards(found: FollowUp, awards: Iterable[Award], language: Language) -> Iterator[Any]:
    """One line for each award, with everybody who shares it."""
    from mpp_supabase import reports

    shared: dict[str, list[Award]] = {}
    for award in awards:
        shared.setdefault(award.rule, []).append(award)
    for winners in shared.values():
        names = tuple(dict.fromkeys(_winner(found, winner) for winner in winners))
        first = winners[0]
        yield reports.Award(_in(first.title, language), names, _in(first.description, language))


def _winner(found: FollowUp, award: Award) -> str:
    """Who has it; a team with its league, since there is an Équipe 1 in each, and a class with its school."""
    name = _own_name(found, award.label)
    if award.scope == "class":
        school = next((one.school for one in found.territory if one.class_id == award.subject_id), "")
        return f"{name} ({school})" if school else name
    return f"{name} ({_own_name(found, award.league_label)})" if award.scope == "team" and award.league_label else name


def _own_name(found: FollowUp, name: str) -> str:
    """The name of a league as its own client says it: without the client's name in front of every line."""
    return name.removeprefix(f"{found.organisation.name} · ")


def _in(text: dict[str, str], language: str) -> str:
    return text.get(language) or text.get("en") or next(iter(text.values()), "")


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
    from mpp_supabase.reports.advice import advise
    from mpp_supabase.reports.wording import Words

    words, report, overview = Words(language), weekly_report(found, language), found.overview
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
            f"{_own_name(found, league.name)}{colon} "
            + ", ".join(words(f"attention_{reason}") for reason in league.attention)
        )
        for league in found.leagues
        if league.attention
    ]
    return {
        "organisation": found.organisation.name,
        "edition": _in(found.edition.title, language),
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
        "edition": _in(found.edition.title, language),
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
