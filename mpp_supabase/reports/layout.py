"""Lays a report out once, as sections with charts and tables; page, PDF and workbook are drawn from that.

So a figure is chosen, rounded and suppressed in one place, and the three kinds of file cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal, TypeAlias

from mpp_supabase.diplomas.printing import clean
from mpp_supabase.models import LEAST_PEOPLE, Award
from mpp_supabase.reports import charts
from mpp_supabase.reports.advice import advise
from mpp_supabase.reports.charts import Bar
from mpp_supabase.reports.figures import ClientReport
from mpp_supabase.reports.wording import MINUS, MISSING, Number, Words, exact

CHART_ROWS = 15
COLUMNS_OF_FOLDED = 3
"""In so many columns stands a long narrow table: three weeks of days, a week in each."""
MOST_NAMED = 6
"""Names of one award on a page: of many winners the others are counted; the workbook has them all."""
MOST_GENERAL = 5
"""Leagues of a client that are shown in the general ranking, if it has so many."""


class Suppressed(Enum):
    """In a cell instead of a number of people under 5."""

    UNDER_FIVE = "under_five"


UNDER_FIVE = Suppressed.UNDER_FIVE

Value: TypeAlias = str | int | Decimal | date | Suppressed | None
Kind: TypeAlias = Literal["text", "long", "code", "count", "decimal", "change", "rank", "date"]
NUMBERS: frozenset[Kind] = frozenset(("count", "decimal", "change", "rank"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and how its values are written. A long text gets the room of two."""

    title: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `row_kinds` say how the values of a mixed column are written.

    `sheet_rows` are the rows of the workbook where pages leave some out for want of room.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    row_kinds: tuple[Kind, ...] = ()
    sheet_rows: tuple[tuple[Value, ...], ...] | None = None

    @property
    def heading(self) -> int:
        """The column that says what a row is about."""
        kinds = [column.kind for column in self.columns]
        return next((kinds.index(kind) for kind in ("long", "text") if kind in kinds), 0)

    def kind(self, row: int, column: int) -> Kind:
        """How the value at (row, column) is written."""
        kind = self.columns[column].kind
        return self.row_kinds[row] if self.row_kinds and kind == "count" else kind


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing that is made for a font, and what it shows in a sentence."""

    description: str
    draw: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Card:
    """A key figure: its label, how it is written, and lines under it."""

    label: str
    value: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading. Key figures are shown as cards and kept as a table in the workbook.

    A `folded` table is long and narrow: it stands under its chart in columns of its own.
    """

    key: str
    title: str
    texts: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    points: tuple[str, ...] = ()
    chart: Chart | None = None
    table: Table | None = None
    note: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole report in one language."""

    language: str
    file_title: str
    brand: str
    title: str
    organisation: str
    code: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    about_title: str
    about: tuple[str, ...]
    contents: str
    page: str
    day: date


def lay_out(report: ClientReport, words: Words) -> Layout:
    """Return the layout of a checked report in the language of `words`."""
    edition, organisation = report.edition, clean(report.organisation.name)
    title, period = clean(words.of(edition.title)), words.period(edition.first_day, edition.last_day)
    lines = [words("edition_dates", edition=title, period=period)]
    seen = report.overview
    if report.kind == "weekly" and seen.week and seen.week_first and seen.week_last:
        title, period = words("weekly_title", week=seen.week), words.period(seen.week_first, seen.week_last)
        lines.insert(0, words("week_dates", week=seen.week, weeks=edition.weeks, period=period))
    else:
        title = words("provisional_title" if report.provisional else "final_title")
    lines.append(words("as_of", moment=words.moment(report.follow_up.as_of, edition.time_zone)))
    if report.provisional:
        lines.append(words("provisional"))
    return Layout(
        language=words.language,
        file_title=words("file_title", title=title, organisation=organisation),
        brand=words("brand"),
        title=title,
        organisation=organisation,
        code=report.organisation.code,
        lines=tuple(lines),
        sections=tuple(_sections(report, words)),
        about_title=words("about"),
        about=tuple(_about(report, words)),
        contents=words("contents"),
        page=words("page", page="{page}", pages="{pages}"),
        day=report.follow_up.as_of.date(),
    )


def _about(report: ClientReport, words: Words) -> Iterator[str]:
    if report.follows_only:
        yield words("about_class_ranks")
        yield words("about_suppressed")
        yield words("about_pupils")
    else:
        yield words("about_active")
        yield words("about_ranks")
        yield words("about_suppressed")
        yield words("about_aliases" if report.shows_players else "about_people")
    yield words("about_zone", zone=report.edition.time_zone)


def written(value: Value, kind: Kind, words: Words) -> str:
    """Return a value as a page shows it."""
    if value is None:
        return "" if kind in ("text", "long", "code") else MISSING
    if isinstance(value, Suppressed):
        return words("under_five")
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return words.day(value)
    if kind == "change":
        return _signed(value, words)
    return words.decimal(value) if isinstance(value, Decimal) else words.count(value)


def _sections(report: ClientReport, words: Words) -> Iterator[Section]:
    yield _territory_figures(report, words) if report.follows_only else _figures(report, words)
    if report.awards:
        yield _awards(report, words)
    if texts := advise(report, words):
        yield Section("advice", words("advice_final" if report.kind == "final" else "advice"), points=texts)
    if report.weeks:
        yield _weeks(report, words)
    if report.days:
        yield _days(report, words)
    if not report.follows_only:
        yield _leagues(report, words)
    if report.kind == "weekly" and any(league.attention for league in report.follow_up.leagues):
        yield _attention(report, words)
    if report.follow_up.units:
        yield _units(report, words)
    if report.follow_up.general:
        yield _general(report, words)
    if report.comparison:
        yield _comparison(report, words)
    if report.themes:
        yield _themes(report, words)
    if any(one.department for one in report.follow_up.departments):
        yield _departments(report, words)
    if report.follow_up.territory or report.follows_only:
        yield _territory(report, words)


# ------------------------------------------------------------------------------------------------ the parts of a report


def _figures(report: ClientReport, words: Words) -> Section:
    """The client's sums since the start, and its active players: of the week, or of the whole edition."""
    seen, final = report.overview, report.kind == "final"
    active = seen.active_players_ever if final else seen.active_players
    # The people of a week that is on are fewer than those of a whole one.
    active_change = seen.active_players_change if report.follow_up.week_is_over else None
    expected: tuple[str, ...] = ()
    share_active: tuple[str, ...] = ()
    if seen.expected_players and seen.players is not None:
        share = words.percent(Decimal(seen.players) / seen.expected_players)
        expected = (words("of_expected", share=share, expected=seen.expected_players),)
    if seen.players and active is not None:
        share_active = (words("of_players", share=words.percent(Decimal(active) / seen.players)),)
    # What few people did is suppressed with their number.
    per_player = None if seen.players is None else seen.points_per_player
    figures: list[tuple[str, Value, Number | None, Kind, tuple[str, ...]]] = [
        (words("players"), _people(seen.players), seen.players_change, "count", expected),
        (words("active_edition" if final else "active_week"), _people(active), active_change, "count", share_active),
        (words("leagues"), seen.leagues, seen.leagues_change, "count", ()),
        (words("validations"), _people(seen.validations), seen.validations_change, "count", ()),
        (words("points"), _people(seen.points), seen.points_change, "count", ()),
        (
            words("points_per_player"),
            _decimal(per_player),
            None if seen.players is None else seen.points_per_player_change,
            "decimal",
            (),
        ),
    ]
    cards: list[Card] = []
    rows: list[tuple[Value, ...]] = []
    kinds: list[Kind] = []
    for place, (label, value, change, kind, notes) in enumerate(figures):
        moved = None if value is UNDER_FIVE or final else _number(change, kind)
        if moved is not None:
            # What is counted since the start grew in this week; the active ones are another week's.
            same, other = ("same_as_before", "against_before") if place == 1 else ("unchanged", "this_week_change")
            notes = (words(other, change=_signed(moved, words)) if moved else words(same), *notes)
        cards.append(Card(label, written(value, kind, words), notes))
        rows.append((label, value, moved))
        kinds.append(kind)
    if seen.expected_players:
        rows.insert(1, (words("expected"), seen.expected_players, None))
        kinds.insert(1, "count")
    changing = any(row[2] is not None for row in rows)
    columns = [Column(words("figure"), "text"), Column(words("value"), "count")]
    if changing:
        columns.append(Column(words("change"), "change"))
    table = Table(
        words("figures"), tuple(columns), tuple(row if changing else row[:2] for row in rows), row_kinds=tuple(kinds)
    )
    return Section("figures", words("figures"), cards=tuple(cards), table=table)


def _territory_figures(report: ClientReport, words: Words) -> Section:
    sums, title = report.follow_up.territory_sums, words("territory_figures")
    figures: list[tuple[str, Value, Kind, tuple[str, ...]]] = [
        (words("classes"), sums.classes, "count", ()),
        (words("schools"), sums.schools, "count", ()),
    ]
    if report.follow_up.territory:
        small = sums.classes - sums.counted
        note = (words("without_small", n=small),) if small else ()
        per_pupil = None if sums.points_per_pupil is None else exact(sums.points_per_pupil)
        figures += [
            (words("pupils"), sums.pupils, "count", note),
            (words("points"), sums.points, "count", ()),
            (words("points_of_week"), sums.points_this_week, "count", ())
            if report.kind == "weekly"
            else (words("playing_classes"), sums.playing, "count", ()),
            (words("points_per_pupil"), per_pupil, "decimal", note),
        ]
    return Section(
        "figures",
        title,
        cards=tuple(Card(label, written(value, kind, words), notes) for label, value, kind, notes in figures),
        table=Table(
            title,
            (Column(words("figure"), "text"), Column(words("value"), "count")),
            tuple((label, value) for label, value, _, _ in figures),
            row_kinds=tuple(kind for _, _, kind, _ in figures),
        ),
    )


def _weeks(report: ClientReport, words: Words) -> Section:
    titles = ("week", "from", "to", "new_players", "active_players", "validations", "points")
    kinds: tuple[Kind, ...] = ("rank", "date", "date", "count", "count", "count", "count")
    rows = tuple(
        (
            week.week,
            week.first_day,
            week.last_day,
            _people(week.new_players),
            _people(week.active_players),
            _people(week.validations),
            _people(week.points),
        )
        for week in report.weeks
    )

    def bars(place: int) -> tuple[Bar, ...]:
        return tuple(
            Bar(words("week_number", n=row[0]), value if isinstance(value, int) else 0, written(value, "count", words))
            for row in rows
            for value in (row[place],)
        )

    panels = ((words("validations"), bars(5)), (words("active_players"), bars(4)))
    title = words("weeks")
    description = "; ".join(
        f"{heading}: " + ", ".join(words("chart_of", name=bar.name, value=bar.shown) for bar in found)
        for heading, found in panels
    )
    return Section(
        "weeks",
        title,
        chart=Chart(description, lambda font: charts.columns("weeks", title, description, panels, font)),
        table=Table(title, _columns(words, titles, kinds), rows),
    )


def _days(report: ClientReport, words: Words) -> Section:
    title, found = words("days"), report.days
    best = max(found, key=lambda day: day.validations)
    description = words("days_best", day=words.long_date(best.day), n=best.validations) if best.validations else title
    bars = tuple(Bar(words.short_day(day.day), day.validations, words.count(day.validations)) for day in found)
    panels = ((words("validations"), bars),)
    kinds: tuple[Kind, ...] = ("date", "count", "count")
    return Section(
        "days",
        title,
        texts=(description,) if best.validations else (),
        chart=Chart(description, lambda font: charts.columns("days", title, description, panels, font)),
        table=Table(
            title,
            _columns(words, ("day", "validations", "points"), kinds),
            tuple((day.day, day.validations, day.points) for day in found),
        ),
        folded=len(found) > 10,
    )


def _leagues(report: ClientReport, words: Words) -> Section:
    title = words("league_ranking")
    hidden = words("opted_out", n=report.opted_out) if report.opted_out else ""
    leagues, final = report.follow_up.leagues, report.kind == "final"
    if not leagues:
        none = "no_league_final" if final else "no_league"
        return Section("leagues", title, texts=(hidden or words(none),))
    with_units = any(league.unit for league in leagues)
    with_change = not final and any(league.points_this_week is not None for league in leagues)
    titles = ["rank", "league", "unit", "players", "active_players", "validations", "points", "points_per_player"]
    kinds: list[Kind] = ["rank", "long", "text", "count", "count", "count", "count", "decimal"]
    titles.append("this_week")
    kinds.append("change")
    rows: list[tuple[Value, ...]] = [
        (
            league.rank,
            clean(report.follow_up.own_name(league.name)),
            clean(league.unit or ""),
            _people(league.players),
            _people(league.active_players_ever if final else league.active_players),
            _people(league.validations),
            _people(league.points),
            _per_head(league.points_per_player, league.players),
            league.points_this_week,
        )
        for league in leagues
    ]
    kept = [place for place in range(9) if (place != 2 or with_units) and (place != 8 or with_change)]
    table = Table(
        title,
        _columns(words, [titles[place] for place in kept], [kinds[place] for place in kept]),
        tuple(tuple(row[place] for place in kept) for row in rows),
    )
    drawn = tuple(
        Bar(clean(report.follow_up.own_name(league.name)), league.points, words.count(league.points))
        for league in leagues[:CHART_ROWS]
        if league.points is not None
    )
    more = len(leagues) > CHART_ROWS
    texts = (words("league_points_first", n=CHART_ROWS, all=len(leagues)),) if more else ()
    description = ", ".join(words("chart_of", name=bar.name, value=bar.shown) for bar in drawn)
    return Section(
        "leagues",
        title,
        texts=texts,
        chart=Chart(description, lambda font: charts.bars("leagues", words("league_points"), description, drawn, font)),
        table=table,
        note=hidden,
    )


def _attention(report: ClientReport, words: Words) -> Section:
    rows: list[tuple[Value, ...]] = [
        (
            clean(report.follow_up.own_name(league.name)),
            clean(league.unit or ""),
            " · ".join(words(f"attention_{reason}") for reason in league.attention),
        )
        for league in report.follow_up.leagues
        if league.attention
    ]
    titles: tuple[str, ...] = ("league", "unit", "why")
    kinds: tuple[Kind, ...] = ("long", "text", "long")
    if not any(row[1] for row in rows):
        titles, kinds, rows = titles[::2], kinds[::2], [row[::2] for row in rows]
    return Section(
        "attention", words("attention"), table=Table(words("attention"), _columns(words, titles, kinds), tuple(rows))
    )


def _units(report: ClientReport, words: Words) -> Section:
    titles = ("rank", "unit", "leagues", "players", "points", "points_per_player")
    kinds: tuple[Kind, ...] = ("rank", "long", "count", "count", "count", "decimal")
    rows = tuple(
        (
            unit.rank,
            clean(unit.label),
            unit.leagues,
            _people(unit.players),
            unit.points,
            _per_head(unit.points_per_player, unit.players),
        )
        for unit in report.follow_up.units
    )
    return Section(
        "units",
        words("units"),
        table=Table(words("units"), _columns(words, titles, kinds), rows),
        note=words("opted_out", n=report.opted_out) if report.opted_out else "",
    )


def _themes(report: ClientReport, words: Words) -> Section:
    title = words("themes")
    named = ((words.of(theme.name), theme.validations, theme.points) for theme in report.themes)
    found = sorted(named, key=lambda theme: (-theme[1], -theme[2], theme[0]))
    bars = tuple(Bar(clean(name), validations, words.count(validations)) for name, validations, _ in found)
    description = ", ".join(words("chart_of", name=bar.name, value=bar.shown) for bar in bars)
    kinds: tuple[Kind, ...] = ("long", "count", "count")
    return Section(
        "themes",
        title,
        chart=Chart(description, lambda font: charts.bars("themes", title, description, bars, font)),
        table=Table(
            title,
            _columns(words, ("theme", "validations", "points"), kinds),
            tuple((clean(name), validations, points) for name, validations, points in found),
        ),
    )


def _departments(report: ClientReport, words: Words) -> Section:
    title, names = words("map"), charts.geography().names
    known = {one.department: one.players for one in report.follow_up.departments if one.department}
    found = {code: players for code, players in known.items() if players is not None and players >= LEAST_PEOPLE}
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[Value, ...]] = [(clean(code), names.get(code, ""), players) for code, players in ordered]
    if len(found) < sum(players != 0 for players in known.values()):
        rows.append(("", words("other_departments"), words("suppressed")))
    map_words = charts.MapWords(
        words("paris"),
        words("no_department"),
        lambda first, last: (
            f"≥ {words.count(first)}"
            if last is None
            else words("range", first=first, last=last)
            if last > first
            else words.count(first)
        ),
        lambda n: words("map_players", n=n),
    )
    description = ", ".join(
        words("chart_of", name=names.get(code, code), value=words.count(players)) for code, players in ordered[:10]
    )
    kinds: tuple[Kind, ...] = ("code", "long", "count")
    return Section(
        "map",
        title,
        chart=Chart(
            description or words("map_note"),
            lambda font: charts.france("map", title, description or words("map_note"), found, map_words, font),
        ),
        table=Table(title, _columns(words, ("code", "department", "players"), kinds), tuple(rows)),
        note=f"{words('map_note')} {words('map_credit')}",
    )


def _territory(report: ClientReport, words: Words) -> Section:
    territory = report.follow_up.territory
    if not territory:
        text = words("no_class_final" if report.kind == "final" else "no_class")
        return Section("territory", words("territory"), texts=(text,))
    titles = ["rank", "class", "school", "level", "city", "pupils", "points", "points_per_pupil"]
    kinds: list[Kind] = ["rank", "long", "long", "text", "text", "count", "count", "decimal"]
    with_change = report.kind == "weekly" and any(one.points_this_week is not None for one in territory)
    with_national = any(one.general_rank is not None for one in territory)
    if with_change:
        titles.append("this_week")
        kinds.append("change")
    if with_national:
        titles.append("national_rank")
        kinds.append("count")
    rows: list[tuple[Value, ...]] = [
        (
            one.rank,
            clean(one.name),
            clean(one.school),
            _level(one.level, words),
            clean(one.city),
            _people(one.pupils),
            one.points,
            _per_head(one.points_per_pupil, one.pupils),
            *((one.points_this_week,) if with_change else ()),
            *((one.general_rank,) if with_national else ()),
        )
        for one in territory
    ]
    counts = words(
        "territory_counts",
        classes=words("n_classes", n=len(territory)),
        schools=words("n_schools", n=report.follow_up.territory_sums.schools),
    )
    return Section(
        "territory",
        words("territory"),
        texts=(counts,),
        table=Table(words("territory"), _columns(words, titles, kinds), tuple(rows)),
    )


def _awards(report: ClientReport, words: Words) -> Section:
    """One line for each award, with everybody who shares it."""
    shared: dict[str, list[Award]] = {}
    for award in report.awards:
        shared.setdefault(award.rule, []).append(award)
    lines = [
        (
            clean(words.of(winners[0].title)),
            tuple(clean(name) for name in {one.subject_id: _winner(report, one, words) for one in winners}.values()),
            clean(words.of(winners[0].description)),
        )
        for winners in shared.values()
    ]
    kinds: tuple[Kind, ...] = ("text", "text", "text")
    rows = tuple((title, words.listed(names, MOST_NAMED), reason) for title, names, reason in lines)
    every = tuple((title, name, reason) for title, names, reason in lines for name in names)
    return Section(
        "awards",
        words("awards"),
        table=Table(words("awards"), _columns(words, ("award", "who", "reason"), kinds), rows, sheet_rows=every),
    )


def _winner(report: ClientReport, award: Award, words: Words) -> str:
    """Who has it; a team with its league, since there is an Équipe 1 in each, and a class with its school."""
    if award.is_erased:
        return words("erased_player")
    found = report.follow_up
    name = found.own_name(award.label)
    if award.scope == "class":
        school = next((one.school for one in found.territory if one.class_id == award.subject_id), "")
        return f"{name} ({school})" if school else name
    return f"{name} ({found.own_name(award.league_label)})" if award.scope == "team" and award.league_label else name


def _general(report: ClientReport, words: Words) -> Section:
    found = report.follow_up
    kinds: tuple[Kind, ...] = ("rank", "count", "long", "count", "decimal")
    rows = tuple(
        (one.rank, found.edition_totals.leagues, clean(one.name), one.points, _decimal(one.points_per_player))
        for one in found.general
    )
    titles = ("general_rank", "among", "league", "points", "points_per_player")
    title = words("general" if len(found.general) == MOST_GENERAL else "general_few")
    return Section("general", title, table=Table(title, _columns(words, titles, kinds), rows))


def _comparison(report: ClientReport, words: Words) -> Section:
    rows = tuple((words(f"measure_{one.measure}"), exact(one.own), exact(one.edition)) for one in report.comparison)
    kinds: tuple[Kind, ...] = ("long", "decimal", "decimal")
    return Section(
        "comparison",
        words("comparison"),
        table=Table(
            words("comparison"),
            _columns(words, ("measure", "own", "whole_edition"), kinds),
            rows,
        ),
        note=words("comparison_note"),
    )


# --------------------------------------------------------------------------------------------------------------- values


def _columns(words: Words, titles: Sequence[str], kinds: Sequence[Kind]) -> tuple[Column, ...]:
    return tuple(Column(words(title), kind) for title, kind in zip(titles, kinds, strict=True))


def _people(value: Number | None) -> int | Suppressed:
    """A number of people, or of what they did; none at all is no secret."""
    return UNDER_FIVE if value is None else int(value)


def _per_head(value: Number | None, people: Number | None) -> Decimal | None:
    """Points per player, unless the players are suppressed: the points would give them away."""
    return None if people is None else _decimal(value)


def _decimal(value: Number | None) -> Decimal | None:
    return None if value is None else exact(value)


def _number(value: Number | None, kind: Kind) -> int | Decimal | None:
    if value is None:
        return None
    return exact(value) if kind == "decimal" else int(value)


def _signed(value: int | Decimal, words: Words) -> str:
    text = words.decimal(abs(value)) if isinstance(value, Decimal) else words.count(abs(value))
    return f"{'+' if value > 0 else MINUS if value < 0 else '±'}{text}"


def _level(level: str | None, words: Words) -> str:
    if level is None:
        return ""
    key = f"levels_{level}"
    return words(key) if key in _LEVELS else clean(level)


_LEVELS = frozenset(("levels_maternelle", "levels_elementaire", "levels_college", "levels_lycee"))
