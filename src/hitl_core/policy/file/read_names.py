"""`[groups]`, `[calendars]` and `[hours]` → what rules can call by name."""

from __future__ import annotations

from datetime import date, datetime

from ...protocol import ALWAYS, Hours
from ..checking import below, days_problems, hours_problems, unknown
from ..rules import OnDays
from .cursor import Cursor, type_name
from .read_condition import read_window
from .read_people import read_names

CALENDAR = ("zone", "days")
SPAN = ("from", "to")


def read_named(top: Cursor) -> None:
    """Add the groups, calendars and working hours of one file to what is known by name."""
    groups = top.table("groups")
    for name in () if groups is None else groups.raw:
        assert groups is not None
        _add_group(groups, name)
    for name, table in top.named_tables("calendars"):
        if name in top.named.calendars:
            table.fault("is the name of a calendar already")
        top.named.calendars[name] = _sound(table, _read_calendar(name, table))
    for name, table in top.named_tables("hours"):
        if name in top.named.hours or name == ALWAYS.name:
            table.fault("is the name of working hours already")
        top.named.hours[name] = _read_hours(name, table)


def _add_group(groups: Cursor, name: str) -> None:
    members = read_names(groups, name)
    if members == ():
        groups.fault("has nobody in it", name)
    if name in groups.named.groups:
        groups.fault("is the name of a group already", name)
    groups.named.groups[name] = members or ()


def _sound(table: Cursor, calendar: OnDays) -> OnDays:
    """The calendar; one that is wrong is reported here, and not once more for every rule that looks at it."""
    if not any(path[: len(table.path)] == table.path for path, _ in table.faults):
        problems = list(below(table.path, days_problems(calendar)))
        table.faults += problems
        if not problems:
            return calendar
    return OnDays(name=calendar.name, dates=frozenset({date.min}))


def _read_calendar(name: str, table: Cursor) -> OnDays:
    table.only(CALENDAR)
    dates: set[date] = set()
    spans: list[tuple[date, date]] = []
    yearly: set[tuple[int, int]] = set()
    days = table.raw.get("days", [])
    if not isinstance(days, list):
        table.fault(f"must be a list of days, not {type_name(days)}", "days")
        days = []
    for index, day in enumerate(days):
        match day:
            case date() if not isinstance(day, datetime):
                dates.add(day)
            case str() if (found := _every_year(day)) is not None:
                yearly.add(found)
            case dict() if (span := _span(table.below(day, "days", index))) is not None:
                spans.append(span)
            case dict():
                continue
            case _:
                problem = 'must be a date (2026-12-24), "12-24" for every year, or { from = …, to = … }'
                table.fault(problem, "days", index)
    zone = table.text("zone") or "UTC"
    return OnDays(name=name, zone=zone, dates=frozenset(dates), spans=tuple(spans), yearly=frozenset(yearly))


def _every_year(text: str) -> tuple[int, int] | None:
    try:
        day = date.fromisoformat(f"2024-{text}")  # a leap year, so that 02-29 is a day
    except ValueError:
        return None
    return (day.month, day.day) if len(text) == 5 else None


def _span(table: Cursor) -> tuple[date, date] | None:
    table.only(SPAN)
    found = []
    for key in SPAN:
        day = table.raw.get(key)
        if isinstance(day, date) and not isinstance(day, datetime):
            found.append(day)
        else:
            table.fault("must be a date, such as 2026-12-24", key)
    return (found[0], found[1]) if len(found) == 2 else None


def _read_hours(name: str, table: Cursor) -> Hours:
    """The working hours; those that are wrong are reported here, and count every hour."""
    window, known, faults = read_window(table, "closed"), table.named.calendars, len(table.faults)
    closed = table.texts("closed") if "closed" in table else ()
    for calendar in closed:
        if calendar not in known:
            table.fault(unknown(calendar, known, what="calendar"), "closed")
        elif known[calendar].zone != window.zone:
            table.fault(
                f"{calendar!r} counts its days in {known[calendar].zone}, these are hours in {window.zone}", "closed"
            )
    days = [known[calendar] for calendar in closed if calendar in known]
    hours = Hours(
        name=name,
        zone=window.zone,
        opens=window.start,
        closes=window.end,
        weekdays=window.weekdays,
        dates=tuple(sorted({day for each in days for day in each.dates})),
        spans=tuple(span for each in days for span in each.spans),
        yearly=tuple(sorted({day for each in days for day in each.yearly})),
    )
    if len(table.faults) == faults:
        table.faults += below(table.path, hours_problems(hours))
    return hours if len(table.faults) == faults else ALWAYS
