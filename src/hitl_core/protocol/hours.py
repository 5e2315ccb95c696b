"""Working hours: what a deadline counts where nobody is expected to answer at night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from .record import Name, Record

_HORIZON: Final = 40 * 366
"""How many days are looked at; hours that are never reached end there."""


class Hours(Record):
    """The times at which people are at work: `opens` to `closes` by the clock in `zone` (IANA), on these weekdays.

    Without `opens` and `closes` the whole day counts. Weekdays are 0 for Monday … 6 for Sunday; empty means every
    day. Closed are `dates`, `spans` of dates (both ends), and days of every year (month, day). Where the clock is
    moved, an hour is an hour that passes, and a day has as many of them as it really has.
    """

    name: Name
    zone: str = "UTC"
    opens: time | None = None
    closes: time | None = None
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = ()
    dates: tuple[date, ...] = ()
    spans: tuple[tuple[date, date], ...] = ()
    yearly: tuple[tuple[int, int], ...] = ()

    def later(self, start: datetime, seconds: float) -> datetime:
        """The moment at which `seconds` of these hours have passed since `start` (with a zone), in UTC."""
        left = timedelta(seconds=seconds)
        for begins, ends in self._stretches(start):
            if ends - begins >= left:
                return begins + left
            left -= ends - begins
        return start.astimezone(UTC) + timedelta(days=_HORIZON)

    def passed(self, start: datetime, end: datetime) -> float:
        """How many seconds of these hours lie between two moments (with zones)."""
        total, until = timedelta(), end.astimezone(UTC)
        for begins, ends in self._stretches(start):
            if begins >= until:
                break
            total += min(ends, until) - begins
        return total.total_seconds()

    def _stretches(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open times from `start` on, in UTC."""
        zone, since = ZoneInfo(self.zone), start.astimezone(UTC)
        first = since.astimezone(zone).date()
        for number in range(_HORIZON):
            day = first + timedelta(days=number)
            if self._open_on(day):
                begins, ends = self._of(day, zone)
                if ends > since:
                    yield max(begins, since), ends

    def _of(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        last = day if self.closes else day + timedelta(days=1)
        opens, closes = self.opens or time.min, self.closes or time.min
        return _moment(day, opens, zone), _moment(last, closes, zone)

    def _open_on(self, day: date) -> bool:
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        if day in self.dates or (day.month, day.day) in self.yearly:
            return False
        return not any(first <= day <= last for first, last in self.spans)


ALWAYS: Final = Hours(name="always")
"""Every hour of every day."""


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def later(hours: Hours | None, start: datetime, seconds: float) -> datetime:
    """When `seconds` have passed since `start`: all of them, or those of `hours`."""
    # In UTC, because adding to a local time moves its clock, and not the time that passes.
    return start.astimezone(UTC) + timedelta(seconds=seconds) if hours is None else hours.later(start, seconds)


def passed(hours: Hours | None, start: datetime, end: datetime) -> float:
    """How many seconds have passed: all of them, or those of `hours`."""
    return (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() if hours is None else hours.passed(start, end)
