"""Which advice a report gives: rules over its figures, the most pressing first. Their texts are in wording.py."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mpp_supabase.diplomas.printing import clean
from mpp_supabase.models import ClientLeague, ClientWeek
from mpp_supabase.reports.figures import AttentionReason, ClientReport
from mpp_supabase.reports.wording import Words

MOST = 5
"""Nobody does more than this in a week."""

FEW_CAME = 0.7
FEW_ACTIVE = 0.5
FALLING = 0.8
RISING = 1.2
CLOSE_RACE = 0.05


def advise(report: ClientReport, words: Words) -> tuple[str, ...]:
    """Return up to MOST pieces of advice in the language of `words`; a suppressed figure decides nothing."""
    rules = _after_the_end(report, words) if report.kind == "final" else _in_the_week(report, words)
    return tuple(text for text, _ in zip(rules, range(MOST), strict=False))


def _in_the_week(report: ClientReport, words: Words) -> Iterator[str]:
    overview, leagues = report.overview, report.follow_up.leagues
    players, active, expected = overview.players, overview.active_players, overview.expected_players
    if report.follows_only:
        yield from _in_the_classes(report, words)
        return
    if not leagues and not overview.leagues:
        yield words("advice_no_league")
        return
    if players == 0:
        yield words("advice_no_player")
        return
    number, weeks, is_over = overview.week or 1, report.edition.weeks, report.follow_up.week_is_over
    if weeks > 1 and number == weeks - 1 and is_over:
        yield words("advice_last_days")
    if weeks > 1 and number == weeks and not is_over:
        yield words("advice_last_week", day=words.day(report.edition.last_day))
    if expected and players is not None and players < FEW_CAME * expected and number < weeks:
        yield words("advice_few_came", n=players, expected=expected)
    if alone := _needing(report, "no_ambassador"):
        yield words("advice_no_ambassador", n=len(alone), names=words.listed(alone))
    if quiet := _needing(report, "quiet", "not_started"):
        yield words("advice_quiet", n=len(quiet), names=words.listed(quiet))
    if players and active is not None and active < FEW_ACTIVE * players:
        yield words("advice_few_active", share=words.percent(Decimal(active) / players))
    this, before = _week(report, number), _week(report, number - 1)
    done = this.validations if this else None
    earlier = before.validations if before else None
    if done is not None and earlier is not None and is_over and done < FALLING * earlier:
        yield words("advice_falling", validations=done, before=earlier)
    if weeks > 2 and number + 1 == (weeks + 1) // 2:
        yield words("advice_halfway")
    if untouched := tuple(clean(words.of(theme.name)) for theme in report.themes if theme.validations == 0):
        yield words("advice_themes", n=len(untouched), names=words.listed(untouched))
    if race := _close_race(leagues):
        first, second, gap = race
        yield words("advice_close_race", first=_name(report, first), second=_name(report, second), n=gap)
    if done is not None and earlier is not None and done > RISING * earlier:
        yield words("advice_rising", validations=done, before=earlier)
    if leagues and not any(league.attention for league in leagues):
        yield words("advice_all_well", n=len(leagues))


def _in_the_classes(report: ClientReport, words: Words) -> Iterator[str]:
    territory = report.follow_up.territory
    if not territory:
        yield words("advice_no_class")
        return
    waiting = sum(one.points == 0 for one in territory)
    if waiting:
        yield words("advice_classes_waiting", n=waiting)
    first = next((one for one in territory if one.rank == 1 and one.points), None)
    if first:
        yield words("advice_classes_first", name=clean(first.name), school=clean(first.school))
    if (report.overview.week or 1) >= report.edition.weeks - 1:
        yield words("advice_classes_end")


def _after_the_end(report: ClientReport, words: Words) -> Iterator[str]:
    if report.follows_only:
        if report.follow_up.territory:
            yield words("advice_thank_classes_titles" if report.awards else "advice_thank_classes")
            yield words("advice_classes_end")
        yield words("advice_next_classes")
        return
    if report.overview.players == 0:
        yield words("advice_start_earlier")
        return
    yield words("advice_thank_titles" if report.awards else "advice_thank")
    if report.themes and (best := max(report.themes, key=lambda theme: theme.validations)).validations > 0:
        yield words("advice_keep", theme=clean(words.of(best.name)))
    yield words("advice_ask")
    yield words("advice_next")


def _needing(report: ClientReport, *reasons: AttentionReason) -> tuple[str, ...]:
    return tuple(_name(report, league) for league in report.follow_up.leagues if set(reasons) & set(league.attention))


def _name(report: ClientReport, league: ClientLeague) -> str:
    return clean(report.follow_up.own_name(league.name))


def _week(report: ClientReport, number: int) -> ClientWeek | None:
    return next((week for week in report.weeks if week.week == number), None)


def _close_race(leagues: tuple[ClientLeague, ...]) -> tuple[ClientLeague, ClientLeague, int] | None:
    """The first two leagues and the points between them, when that is little."""
    shown = [(league, league.points) for league in leagues if league.points is not None]
    if len(shown) < 2:
        return None
    (first, most), (second, points) = shown[:2]
    return (first, second, most - points) if 0 < most - points <= CLOSE_RACE * most else None
