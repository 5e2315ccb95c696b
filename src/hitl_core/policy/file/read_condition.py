"""`when = { … }` → a condition record."""

from __future__ import annotations

from datetime import time
from typing import Final

from ..checking import DEEPEST, unknown
from ..rules import (
    All,
    AnyOf,
    Argument,
    Condition,
    Confidence,
    ContextValue,
    During,
    Not,
    Op,
    Operand,
    Path,
    Test,
    Type,
    Where,
    plain,
    split,
)
from .cursor import Cursor, type_name

HEADS: Final = ("all", "any", "not", "argument", "context", "confidence", "time")
LATER: Final = ("budget", "rate", "novel", "novelty", "calendar", "count", "sum")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
    later = [key for key in LATER if key in table]
    if len(heads) != 1:
        _refuse_heads(table, heads, later)
        return UNREAD
    table.only((heads[0], *(Op if heads[0] in ("argument", "context") else ())), later=LATER)
    return _read_head(table, heads[0], depth)


def _refuse_heads(table: Cursor, heads: list[str], later: list[str]) -> None:
    if heads:
        table.fault(f"has {' and '.join(heads)} in one table; combine them with all = [ … ] or any = [ … ]")
    elif later:
        table.only((*HEADS, *Op), later=LATER)
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
            return Where(Confidence(), _read_tests(tests)) if tests else UNREAD
        case "time":
            window = table.table("time")
            return _read_window(window) if window else UNREAD
        case _:
            path = _read_path(table, head)
            subject = Argument(path) if head == "argument" else ContextValue(path)
            return Where(subject, _read_some(table))


def _read_path(table: Cursor, key: str) -> Path:
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
    return _read_tests(Cursor(rest, table.path, table.faults))


def _read_tests(table: Cursor, depth: int = 0) -> tuple[Test, ...]:
    table.only(Op, later=LATER)
    if depth > DEEPEST:
        return ()  # the check finds it, and says so
    return tuple(Test(op, _read_operand(table, op, depth)) for op in Op if op in table)


def _read_operand(table: Cursor, op: Op, depth: int) -> Operand:
    value = table.raw[op]
    if op in (Op.EVERY, Op.SOME, Op.LENGTH):
        inner = table.table(op)
        return _read_tests(inner, depth + 1) if inner else ()
    if op is Op.TYPE and isinstance(value, str):
        return _read_type(table, value)
    return plain(value)


def _read_type(table: Cursor, value: str) -> Operand:
    if value in tuple(Type):
        return Type(value)
    table.fault(unknown(value, Type, what="type"), Op.TYPE)
    return Type.NULL


# ── windows of time ─────────────────────────────────────────────────────────────────────────────────────────


def _read_window(table: Cursor) -> During:
    table.only(("from", "to", "zone", "weekdays"), later=LATER)
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
