"""Local dates and times of an edition's zone, turned into instants (A2: a three-week edition lasts 21 civil days)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo


class NoSuchTime(ValueError):
    """The clock skips this local time; `later` is the first local time after the gap."""

    def __init__(self, later: datetime) -> None:
        super().__init__(f"the clock skips this time; it shows {later:%H:%M} next")
        self.later = later


class AmbiguousTime(ValueError):
    """The clock shows this local time twice; `first` and `second` are the two instants, with their offsets."""

    def __init__(self, first: datetime, second: datetime) -> None:
        super().__init__("the clock shows this time twice that night")
        self.first = first
        self.second = second


class WrongOffset(ValueError):
    """The zone does not have this offset at this local time; `right` are the instants it does have."""

    def __init__(self, right: list[datetime]) -> None:
        super().__init__("the zone does not have this offset then")
        self.right = right


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a civil day in `zone`: 00:00, or the first time shown where it is skipped."""
    return _through_utc(datetime.combine(day, time(), zone))


def same_time_days_later(start: datetime, days: int) -> datetime:
    """Return the instant `days` civil days after `start`, at the same time on the wall clock of its zone.

    Across a clock change that is not `days` × 24 hours. Where the clock skips that time, the first instant after.
    """
    zone = start.tzinfo
    return _through_utc(datetime.combine(start.date() + timedelta(days=days), start.time(), zone))


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time that exists exactly once.

    `local` may carry a fixed offset, which then chooses among the instants of an hour that comes twice.
    Raises NoSuchTime in the gap of a clock change, AmbiguousTime in the repeated hour (when no offset is given),
    WrongOffset when the zone does not have that offset at that time.
    """
    naive = local.replace(tzinfo=None)
    candidates: list[datetime] = []
    for fold in (0, 1):
        attempt = naive.replace(tzinfo=zone, fold=fold)
        found = _through_utc(attempt)
        if found.replace(tzinfo=None, fold=0) == naive and found.utcoffset() not in [c.utcoffset() for c in candidates]:
            candidates.append(found)
    if not candidates:
        raise NoSuchTime(_through_utc(naive.replace(tzinfo=zone)))
    if local.tzinfo is not None:
        for candidate in candidates:
            if candidate.utcoffset() == local.utcoffset():
                return candidate
        raise WrongOffset(candidates)
    if len(candidates) == 2:
        raise AmbiguousTime(*candidates)
    return candidates[0]


def fixed_offset(sign: str, hours: int, minutes: int) -> timezone:
    """Return the fixed zone of an offset written as `+02:00`."""
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if sign == "-" else delta)


def _through_utc(local: datetime) -> datetime:
    return local.astimezone(UTC).astimezone(local.tzinfo)
