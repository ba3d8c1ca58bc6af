"""Local times and days become the right instants, whatever the clocks of the zone do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from mpp_supabase.civil_time import (
    AmbiguousTime,
    NoSuchTime,
    WrongOffset,
    fixed_offset,
    instant,
    same_time_days_later,
    start_of_day,
)

PARIS = ZoneInfo("Europe/Paris")


def test_a_day_starts_at_midnight_of_its_zone() -> None:
    assert start_of_day(date(2026, 6, 1), PARIS).isoformat() == "2026-06-01T00:00:00+02:00"
    assert start_of_day(date(2026, 1, 1), PARIS).isoformat() == "2026-01-01T00:00:00+01:00"


def test_a_day_whose_midnight_is_skipped_starts_when_the_clock_goes_on() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    assert start_of_day(date(2026, 4, 24), cairo).isoformat() == "2026-04-24T01:00:00+03:00"


def test_a_day_whose_midnight_comes_twice_starts_the_first_time() -> None:
    havana = ZoneInfo("America/Havana")
    assert start_of_day(date(2026, 11, 1), havana).isoformat() == "2026-11-01T00:00:00-04:00"


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (date(2026, 6, 1), "2026-06-22T00:00:00+02:00", 504),
        (date(2026, 3, 16), "2026-04-06T00:00:00+02:00", 503),
        (date(2026, 10, 12), "2026-11-02T00:00:00+01:00", 505),
    ],
)
def test_three_weeks_are_21_civil_days_also_across_a_clock_change(start: date, end: str, hours: int) -> None:
    starts_at = start_of_day(start, PARIS)
    ends_at = same_time_days_later(starts_at, 21)
    assert ends_at.isoformat() == end
    assert (ends_at.astimezone(UTC) - starts_at.astimezone(UTC)).total_seconds() == hours * 3600


def test_a_skipped_time_is_refused_with_the_time_shown_next() -> None:
    with pytest.raises(NoSuchTime) as refused:
        instant(datetime(2026, 3, 29, 2, 30), PARIS)
    assert f"{refused.value.later:%H:%M}" == "03:30"
    assert instant(datetime(2026, 3, 29, 3, 0), PARIS).isoformat() == "2026-03-29T03:00:00+02:00"
    assert instant(datetime(2026, 3, 29, 1, 59), PARIS).isoformat() == "2026-03-29T01:59:00+01:00"


def test_a_repeated_time_needs_its_offset() -> None:
    local = datetime(2026, 10, 25, 2, 30)
    with pytest.raises(AmbiguousTime) as refused:
        instant(local, PARIS)
    assert (refused.value.second.astimezone(UTC) - refused.value.first.astimezone(UTC)).total_seconds() == 3600
    first = instant(local.replace(tzinfo=fixed_offset("+", 2, 0)), PARIS)
    second = instant(local.replace(tzinfo=fixed_offset("+", 1, 0)), PARIS)
    assert (first.isoformat(), second.isoformat()) == ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00")


def test_an_offset_that_the_zone_does_not_have_is_refused() -> None:
    with pytest.raises(WrongOffset):
        instant(datetime(2026, 6, 1, 12, tzinfo=fixed_offset("-", 5, 0)), PARIS)
