"""What a report is about: a client's follow-up (mpp_supabase/models/figures.py), its awards, and which report it is.

A number of people that is None is suppressed because it is under 5; no report shows it, and none counts with it.
Points per player and the like have two decimals, as in the rankings. Moments carry their time zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from mpp_supabase.models import (
    LEAST_PEOPLE,
    Award,
    ClientDay,
    ClientOverview,
    ClientTheme,
    ClientWeek,
    FollowedEdition,
    FollowedOrganisation,
    FollowUp,
)
from mpp_supabase.reports.wording import Language

ReportKind: TypeAlias = Literal["weekly", "final"]
KINDS: tuple[ReportKind, ...] = get_args(ReportKind)

AttentionReason: TypeAlias = Literal["no_ambassador", "not_started", "quiet", "few_active", "falling", "few_players"]
ATTENTION_REASONS: tuple[AttentionReason, ...] = get_args(AttentionReason)
"""Why a league needs attention: nobody runs it, nothing validated yet, nothing this week, less than half of its players
active this week, far fewer points than at the same moment of the week before, too few players."""

Measure: TypeAlias = Literal["points_per_player", "players_per_league"]
"""What is compared with the whole edition."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measure of the client beside the average of the edition."""

    measure: Measure
    own: Decimal
    edition: Decimal


@dataclass(frozen=True, slots=True)
class ClientReport:
    """One report of a client: weekly, of the week that the follow-up is in, or final, with `awards`.

    Ties share an award: it then has one row for each winner, under one rule.
    """

    kind: ReportKind
    follow_up: FollowUp
    awards: tuple[Award, ...] = ()

    @property
    def organisation(self) -> FollowedOrganisation:
        """The client."""
        return self.follow_up.organisation

    @property
    def edition(self) -> FollowedEdition:
        """The edition."""
        return self.follow_up.edition

    @property
    def overview(self) -> ClientOverview:
        """The client's sums."""
        return self.follow_up.overview

    @property
    def language(self) -> Language:
        """The language that the client reads."""
        return "en" if self.organisation.language == "en" else "fr"

    @property
    def follows_only(self) -> bool:
        """Whether the client has no league of its own and follows the classes of its territory."""
        return self.follow_up.follows_only

    @property
    def provisional(self) -> bool:
        """Whether this is a final report whose figures may still change."""
        return self.kind == "final" and self.edition.frozen_at is None

    @property
    def shows_players(self) -> bool:
        """Whether an award names a player, by alias."""
        return any(award.scope == "player" for award in self.awards)

    @property
    def weeks(self) -> tuple[ClientWeek, ...]:
        """The weeks so far; none without a league."""
        return self.follow_up.weeks if self.overview.leagues else ()

    @property
    def themes(self) -> tuple[ClientTheme, ...]:
        """Every theme of the edition, those with no validation too; none without a league."""
        return self.follow_up.themes if self.overview.leagues else ()

    @property
    def days(self) -> tuple[ClientDay, ...]:
        """Every day so far, those without a validation too; none where nothing is known of any."""
        return tuple(_days(self.follow_up)) if self.overview.leagues else ()

    @property
    def opted_out(self) -> int:
        """How many leagues are in the sums and in no list, because they left the ranking."""
        return max(0, self.overview.leagues - len(self.follow_up.leagues))

    @property
    def comparison(self) -> tuple[Comparison, ...]:
        """Averages of the client beside those of the edition, in a final report."""
        return tuple(_comparison(self.follow_up)) if self.kind == "final" else ()


def _days(found: FollowUp) -> Iterator[ClientDay]:
    if not found.days or not found.weeks:
        return
    known = {day.day: day for day in found.days}
    last = max(*known, min(_civil_day(found.as_of, found), found.weeks[-1].last_day))
    day = min(*known, found.weeks[0].first_day)
    while day <= last:
        yield known.get(day) or ClientDay(day=day, validations=0, points=0)
        day += timedelta(days=1)


def _civil_day(moment: datetime, found: FollowUp) -> date:
    return moment.astimezone(ZoneInfo(found.edition.time_zone)).date()


def _comparison(found: FollowUp) -> Iterator[Comparison]:
    """On both sides over the leagues that show their players."""
    whole = found.edition_compared
    shown = [league for league in found.leagues if league.players]
    players = sum(league.players or 0 for league in shown)
    if players < LEAST_PEOPLE or not whole.players or not whole.leagues:
        return
    if whole.points is not None:
        points = sum(league.points or 0 for league in shown)
        yield Comparison("points_per_player", Decimal(points) / players, Decimal(whole.points) / whole.players)
    yield Comparison("players_per_league", Decimal(players) / len(shown), Decimal(whole.players) / whole.leagues)
