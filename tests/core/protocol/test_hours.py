"""Working hours: over nights, weekends, holidays, and days on which the clock is moved."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.protocol import ALWAYS, Hours, later, passed

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Hours(name="office", zone="Europe/Berlin", opens=time(9), closes=time(17), weekdays=(0, 1, 2, 3, 4))
NIGHT = Hours(name="night", zone="Europe/Berlin", opens=time(0), closes=time(6))
DAYS = Hours(name="days", zone="Europe/Berlin", weekdays=(0, 1, 2, 3, 4))
HOUR = 3600.0


def at(text: str) -> datetime:
    """A moment on Berlin's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("hours", "start", "passing", "end"),
    [
        (OFFICE, "2026-11-02T10:00", 4, "2026-11-02T14:00"),
        (OFFICE, "2026-11-02T10:00", 7, "2026-11-02T17:00"),
        (OFFICE, "2026-11-02T16:00", 4, "2026-11-03T12:00"),
        (OFFICE, "2026-11-06T16:00", 4, "2026-11-09T12:00"),
        (OFFICE, "2026-11-07T03:00", 1, "2026-11-09T10:00"),
        (OFFICE, "2026-11-02T17:00", 1, "2026-11-03T10:00"),
        (OFFICE, "2026-11-02T06:00", 8, "2026-11-02T17:00"),
        (OFFICE, "2026-11-02T09:00", 40, "2026-11-06T17:00"),
        # The clock is set forward in the night of March 29: one hour of that night is not there.
        (NIGHT, "2026-03-29T00:00", 3, "2026-03-29T04:00"),
        (NIGHT, "2026-03-29T00:00", 6, "2026-03-30T01:00"),
        # It is set back in the night of October 25: that night has an hour more.
        (NIGHT, "2026-10-25T00:00", 6, "2026-10-25T05:00"),
        (NIGHT, "2026-10-25T00:00", 7, "2026-10-25T06:00"),
        # Office hours are not touched by it, but the weekend between them is an hour shorter.
        (OFFICE, "2026-03-27T16:00", 2, "2026-03-30T10:00"),
        (DAYS, "2026-11-06T12:00", 24, "2026-11-09T12:00"),
    ],
)
def test_what_is_counted(hours: Hours, start: str, passing: int, end: str) -> None:
    assert later(hours, at(start), passing * HOUR) == at(end)
    assert passed(hours, at(start), at(end)) == passing * HOUR


def test_closed_days_are_not_counted() -> None:
    closed = OFFICE.model_copy(
        update={
            "dates": (date(2026, 11, 3),),
            "spans": ((date(2026, 11, 5), date(2026, 11, 6)),),
            "yearly": ((11, 9),),
        }
    )
    assert later(closed, at("2026-11-02T16:00"), 2 * HOUR) == at("2026-11-04T10:00")
    assert later(closed, at("2026-11-04T16:00"), 2 * HOUR) == at("2026-11-10T10:00")
    assert passed(closed, at("2026-11-02T00:00"), at("2026-11-11T00:00")) == 3 * 8 * HOUR


def test_hours_that_never_come_end_somewhere() -> None:
    never = OFFICE.model_copy(update={"spans": ((date(2000, 1, 1), date(2200, 1, 1)),)})
    start = at("2026-11-02T10:00")
    assert later(never, start, HOUR) > start + timedelta(days=365 * 39)
    assert passed(never, start, start + timedelta(days=400)) == 0


@given(
    st.sampled_from([OFFICE, NIGHT, DAYS, ALWAYS]),
    st.integers(0, 2 * 366 * 86_400).map(lambda each: at("2026-01-01T00:00") + timedelta(seconds=each)),
    st.integers(1, 400 * 3600),
)
def test_what_has_passed_by_then_is_what_was_counted(hours: Hours, start: datetime, seconds: int) -> None:
    end = later(hours, start, seconds)
    assert passed(hours, start, end) == seconds
    assert end >= start + timedelta(seconds=seconds)


def test_every_hour_of_every_day_is_the_clock() -> None:
    start = at("2026-03-28T12:00")
    assert later(ALWAYS, start, 86_400) == later(None, start, 86_400)
    assert passed(ALWAYS, start, start + timedelta(days=3)) == passed(None, start, start + timedelta(days=3))
