"""`when = { … }` → a condition record."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Final

from ..checking import DEEPEST, unknown
from ..rules import (
    PER_WORDS,
    All,
    AnyOf,
    Argument,
    Budget,
    Condition,
    Confidence,
    ContextValue,
    During,
    Not,
    Novel,
    Op,
    Operand,
    Path,
    Per,
    Rate,
    Test,
    Type,
    Where,
    plain,
    split,
)
from .cursor import Cursor, type_name

HEADS: Final = (
    "all",
    "any",
    "not",
    "argument",
    "context",
    "confidence",
    "time",
    "calendar",
    "budget",
    "rate",
    "novel",
)
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


_NO_TIME: Final = timedelta(hours=1)
"""Stands for a window that could not be read."""

UNREAD: Final = During(weekdays=(0,))
"""Stands for a condition that could not be read, so that its neighbours keep their places."""


def read_condition(table: Cursor | None, depth: int = 0) -> Condition:
    """The condition that a table says; UNREAD with faults noted if there is none."""
    if table is None:
        return UNREAD
    if depth > DEEPEST:
        table.fault(f"is nested deeper than {DEEPEST} levels")
        return UNREAD
    heads = [key for key in HEADS if key in table]
    if len(heads) != 1:
        _refuse_heads(table, heads)
        return UNREAD
    table.only((heads[0], *(Op if heads[0] in ("argument", "context") else ())))
    return _read_head(table, heads[0], depth)


def _refuse_heads(table: Cursor, heads: list[str]) -> None:
    if heads:
        table.fault(f"has {' and '.join(heads)} in one table; combine them with all = [ … ] or any = [ … ]")
    else:
        table.only((*HEADS, *Op))
        table.fault(f"does not say what to look at: one of {', '.join(HEADS)}")


def _read_head(table: Cursor, head: str, depth: int) -> Condition:
    match head:
        case "all" | "any":
            parts = tuple(read_condition(part, depth + 1) for part in table.tables(head))
            return All(parts) if head == "all" else AnyOf(parts)
        case "not":
            return Not(read_condition(table.table("not"), depth + 1))
        case "confidence":
            tests = table.table("confidence")
            return Where(Confidence(), read_tests(tests)) if tests else UNREAD
        case "time":
            window = table.table("time")
            return read_window(window) if window else UNREAD
        case "calendar":
            return _read_calendar(table)
        case "budget" | "rate" | "novel":
            inner = table.table(head)
            return read_past(inner, head) if inner else UNREAD
        case _:
            path = read_path(table, head)
            subject = Argument(path) if head == "argument" else ContextValue(path)
            return Where(subject, _read_some(table))


def read_path(table: Cursor, key: str) -> Path:
    value = table.raw[key]
    if isinstance(value, str):
        return split(value)
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return tuple(value)
    table.fault('must be a path such as "customer.country", or a list of keys', key)
    return ("?",)


# ── tests ───────────────────────────────────────────────────────────────────────────────────────────────────


def _read_some(table: Cursor) -> tuple[Test, ...]:
    """The tests in a table that also has a head, which was looked at before."""
    rest = {key: value for key, value in table.raw.items() if key in tuple(Op)}
    return read_tests(table.below(rest))


def read_tests(table: Cursor, depth: int = 0) -> tuple[Test, ...]:
    table.only(Op)
    if depth > DEEPEST:
        return ()  # the check finds it, and says so
    return tuple(Test(op, _read_operand(table, op, depth)) for op in Op if op in table)


def _read_operand(table: Cursor, op: Op, depth: int) -> Operand:
    value = table.raw[op]
    if op in (Op.EVERY, Op.SOME, Op.LENGTH):
        inner = table.table(op)
        return read_tests(inner, depth + 1) if inner else ()
    if op is Op.TYPE and isinstance(value, str):
        return _read_type(table, value)
    return plain(value)


def _read_type(table: Cursor, value: str) -> Operand:
    if value in tuple(Type):
        return Type(value)
    table.fault(unknown(value, Type, what="type"), Op.TYPE)
    return Type.NULL


# ── the past ────────────────────────────────────────────────────────────────────────────────────────────────


def read_past(table: Cursor, head: str) -> Condition:
    """`budget`, `rate` or `novel`: what is looked at, in which time, apart by what, and (but for `novel`) its tests."""
    looks = ("within", "per") if head == "rate" else ("argument", "within", "per")
    table.only((*looks, *(() if head == "novel" else Op)))
    for key in looks[:1] if head == "novel" else looks[:-1]:
        if key not in table:
            table.fault("is missing", key)
    path = read_path(table, "argument") if "argument" in table and head != "rate" else ("?",)
    within, per = table.duration("within"), _read_per(table)
    if head == "novel":
        return Novel(path, within, per)
    subject = Rate(within or _NO_TIME, per) if head == "rate" else Budget(path, within or _NO_TIME, per)
    return Where(subject, _read_some(table))


def _read_per(table: Cursor) -> Per:
    value = table.raw.get("per", [])
    entries = value if isinstance(value, list) else [value]
    return tuple(part for index, entry in enumerate(entries) for part in _read_part(table, index, entry))


def _read_part(table: Cursor, index: int, entry: object) -> Per:
    if isinstance(entry, str):
        return (entry,)
    if isinstance(entry, dict) and len(entry) == 1 and next(iter(entry)) in ("argument", "context"):
        inner, head = table.below(entry, "per", index), next(iter(entry))
        return (Argument(read_path(inner, head)) if head == "argument" else ContextValue(read_path(inner, head)),)
    table.fault(f'must be {", ".join(PER_WORDS)}, {{ argument = "…" }} or {{ context = "…" }}', "per", index)
    return ()


def _read_calendar(table: Cursor) -> Condition:
    name, known = table.text("calendar"), table.named.calendars
    if name in known:
        return known[name]
    if name is not None:
        table.fault(unknown(name, known, what="calendar") if known else f"{name!r} is not in [calendars]", "calendar")
    return UNREAD


# ── windows of time ─────────────────────────────────────────────────────────────────────────────────────────


def read_window(table: Cursor, *beside: str) -> During:
    """A window of the clock; `beside`: keys that mean something else."""
    table.only(("from", "to", "zone", "weekdays", *beside))
    days = table.texts("weekdays") if "weekdays" in table else ()
    for day in days:
        if day not in WEEKDAYS:
            table.fault(unknown(day, WEEKDAYS, what="weekday"), "weekdays")
    weekdays = tuple(WEEKDAYS.index(day) for day in days if day in WEEKDAYS)
    start, end = _read_clock(table, "from"), _read_clock(table, "to")
    return During(start=start, end=end, zone=table.text("zone") or "UTC", weekdays=weekdays)


def _read_clock(table: Cursor, key: str) -> time | None:
    value = table.raw.get(key)
    if value is None or isinstance(value, time):
        return value
    if not isinstance(value, str):
        table.fault(f'must be a time of day such as "09:00", not {type_name(value)}', key)
        return None
    try:
        hours, minutes = value.split(":")
        return time(int(hours), int(minutes))
    except ValueError:
        table.fault(f'{value!r} is no time of day; write it like "09:00"', key)
        return None
