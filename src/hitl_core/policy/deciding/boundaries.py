"""Where the answer of a test can change: the values at the edges of what it lets pass. Nothing is decided here."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from ...protocol import Json
from ..rules import Doubt, During, Number, OnDays, Op, Test, as_json, number, same
from .compiled import passes_all

NUMERIC: Final = (Op.ABOVE, Op.AT_LEAST, Op.BELOW, Op.AT_MOST)
SECOND: Final = timedelta(seconds=1)

_READ: Final = (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS)
_SAMPLES: Final[tuple[Json, ...]] = (None, False, True, 0, "", [], {})
_LONGEST: Final = 10_000
_LONGEST_COMPARED: Final = 200
_MOST_ITEMS: Final = 50
_DAYS_AROUND: Final = 8
_NEAREST_DAYS: Final = 4


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────


def limits(tests: Iterable[Test]) -> Iterator[Number]:
    """The numbers at which the answer of these tests changes."""
    for test in tests:
        if test.op in NUMERIC:
            yield number(test.operand)
        elif test.op in (Op.EQUALS, Op.ONE_OF):
            for member in _members(test):
                known = as_number(member)
                if known is not None:
                    yield known


def around(bounds: Iterable[Number], now: Number | None) -> Iterator[Number]:
    """The numbers beside these bounds, and one between each two of them: all that can come out differently.

    The step beside a bound is one in the last place that the bound or the present number is written with; what lies
    between two bounds may need a finer one (`is_finer`).
    """
    ordered = sorted(set(bounds))
    for bound in ordered:
        step = Decimal(1).scaleb(-max(_places(bound), 0 if now is None else _places(now)))
        yield from (bound, bound - step, bound + step)
    for low, high in pairwise(ordered):
        yield (Decimal(low) + Decimal(high)) / 2


def is_finer(value: Number, bounds: Iterable[Number], now: Number | None) -> bool:
    """Whether a number has more places than what it was made from: a fraction among whole numbers, say."""
    return _places(value) > max(map(_places, (*bounds, 0 if now is None else now)))


def as_number(value: object) -> Number | None:
    try:
        return number(value)
    except Doubt:
        return None


def _places(value: Number) -> int:
    exponent = Decimal(value).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


# ── other values ────────────────────────────────────────────────────────────────────────────────────────────


def others(tests: tuple[Test, ...], now: object) -> Iterator[Json]:
    """Values that may pass where `now` does not, or the other way round: all but plain numbers."""
    for test in tests:
        match test.op:
            case Op.EQUALS | Op.ONE_OF:
                yield from map(as_json, _members(test))
                yield from _something_else(now)
            case Op.TYPE:
                yield from _SAMPLES
            case Op.EXISTS:
                yield None
            case Op.STARTS_WITH | Op.ENDS_WITH | Op.CONTAINS:
                yield from _texts(test, now)
            case Op.HAS_ITEM:
                yield from _lists_with(as_json(test.operand), now)
            case Op.LENGTH:
                yield from _resized(test, now)
            case Op.EVERY | Op.SOME:
                yield from _lists_of(test, now)
            case _:
                continue


def distance(now: object, to: object) -> tuple[float, Number]:
    """How far a value is from what it is now: from 0 to 1, and for numbers the difference itself.

    Of numbers the difference as part of itself and the present number; of texts and lists the share that differs;
    everything else is 1.
    """
    one, other = as_number(now), as_number(to)
    if one is not None and other is not None:
        apart = abs(Decimal(other) - Decimal(one))
        return float(apart / (apart + abs(Decimal(one)))) if apart else 0.0, apart
    if isinstance(now, str) and isinstance(to, str) and max(len(now), len(to)) <= _LONGEST_COMPARED:
        return 1 - difflib.SequenceMatcher(None, now, to).ratio(), 0
    if isinstance(now, list) and isinstance(to, list) and max(len(now), len(to)) <= _LONGEST_COMPARED:
        mine, yours = [json.dumps(each) for each in now], [json.dumps(each) for each in to]
        return 1 - difflib.SequenceMatcher(None, mine, yours).ratio(), 0
    return 1.0, 0


def _members(test: Test) -> tuple[Any, ...]:
    return test.operand if test.op is Op.ONE_OF else (test.operand,)  # type: ignore[return-value]  # as checked


def _something_else(now: object) -> Iterator[Json]:
    if isinstance(now, bool):
        yield not now
    elif isinstance(now, str):
        yield now + "?"
    elif isinstance(now, list | dict):
        yield type(now)()


def _texts(test: Test, now: object) -> Iterator[Json]:
    parts: Any = test.operand if isinstance(test.operand, tuple) else (test.operand,)
    for part in parts:
        if not isinstance(now, str):
            yield part
            continue
        yield part + now if test.op is Op.STARTS_WITH else now + part
        yield {Op.STARTS_WITH: now.removeprefix(part), Op.ENDS_WITH: now.removesuffix(part)}.get(
            test.op, now.replace(part, "")
        )


def _lists_with(item: Json, now: object) -> Iterator[Json]:
    if not isinstance(now, list):
        yield from ([item], [])
        return
    yield [*now, item]
    yield [each for each in now if not _same(each, item)]
    yield []


def _resized(test: Test, now: object) -> Iterator[Json]:
    if not isinstance(now, str | list):
        return
    tests: Any = test.operand
    for size in around(limits(tests), len(now)):
        if 0 <= size <= _LONGEST and size == int(size):
            yield now[: int(size)] + _filling(now) * (int(size) - len(now))


def _filling(now: Any) -> Any:
    return now[-1:] or ("x" if isinstance(now, str) else [None])


def _lists_of(test: Test, now: object) -> Iterator[Json]:
    """Lists with one item less or another one, and those with none that passes or none that does not."""
    inner: Any = test.operand
    if not isinstance(now, list) or not now:
        yield from ([each] for each in _items(inner, None))
        return
    for place, item in list(enumerate(now))[:_MOST_ITEMS]:
        yield [*now[:place], *now[place + 1 :]]
        yield from ([*now[:place], each, *now[place + 1 :]] for each in _items(inner, item))
    passes = passes_all(inner)
    yield [each for each in now if _passes(passes, each)]
    yield [each for each in now if not _passes(passes, each)]


def _items(tests: tuple[Test, ...], now: object) -> Iterator[Json]:
    yield from (as_json(Decimal(each)) for each in around(limits(tests), as_number(now)))
    yield from others(tests, now)


def _passes(passes: Any, value: object) -> bool:
    try:
        return bool(passes(value))
    except Doubt:
        return False


def _same(one: object, other: object) -> bool:
    try:
        return same(one, other)
    except Doubt:
        return False


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────


def moments(condition: During | OnDays, now: datetime) -> Iterator[datetime]:
    """The moments at which a window or a calendar begins or ends around now, and the last ones before."""
    zone = ZoneInfo(condition.zone)
    today = now.astimezone(zone).date()
    for day, clock in _edges(condition, today):
        edge = datetime.combine(day, clock, zone).astimezone(UTC)
        yield from (edge, edge - SECOND)


def _edges(condition: During | OnDays, today: date) -> Iterator[tuple[date, time]]:
    if isinstance(condition, OnDays):
        yield from ((day, time()) for day in _edge_days(condition, today))
        return
    clocks = [each for each in (condition.start, condition.end) if each is not None]
    clocks += [time()] if condition.weekdays else []
    for offset in range(-_DAYS_AROUND, _DAYS_AROUND + 1):
        yield from ((today + timedelta(days=offset), clock) for clock in clocks)


def _edge_days(calendar: OnDays, today: date) -> list[date]:
    """The nearest days on which a calendar begins or ends to hold."""
    day = timedelta(days=1)
    firsts = [*calendar.dates, *(first for first, _ in calendar.spans), *_yearly(calendar, today)]
    lasts = [*calendar.dates, *(last for _, last in calendar.spans), *_yearly(calendar, today)]
    edges = {*firsts, *(last + day for last in lasts if last < date.max)}
    before = sorted(edge for edge in edges if edge <= today)[-_NEAREST_DAYS:]
    return before + sorted(edge for edge in edges if edge > today)[:_NEAREST_DAYS]


def _yearly(calendar: OnDays, today: date) -> Iterator[date]:
    for year in (today.year - 1, today.year, today.year + 1):
        for month, number_of_day in calendar.yearly:
            try:
                yield date(year, month, number_of_day)
            except ValueError:  # the 29th of February
                continue
