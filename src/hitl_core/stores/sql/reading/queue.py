"""The queue in an order: one walk along an index after the other, each from where the page before ended.

arrival    inbox
deadline   soonest (what has a deadline) ─► inbox (what has none)
risk       by_level, from human_leads down ─► what an older release has opened, which says no level
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ....commands import CountQueue, ListQueue, ListRequests, Order, Page, QueueCounts, Settled
from ....protocol import Level
from ..tables import LEVELS, OPEN, View, level_of, no_cursor, open_ones
from .inbox import in_view

_WAITS: Final = "q.state = 'open' AND q.waits = 1"
_BODY: Final = "LEFT JOIN hitl_bodies b ON b.key = q.body"
_BY_KEY: Final = f"{OPEN}, q.due FROM hitl_requests q INDEXED BY hitl_inbox {_BODY} WHERE {_WAITS}"
_ARRIVED: Final = f"{_BY_KEY} AND q.key > ?"
_ENDLESS: Final = f"{_BY_KEY} AND q.due IS NULL AND q.key > ?"
_SOONEST: Final = f"""{OPEN}, q.due FROM hitl_requests q INDEXED BY hitl_soonest {_BODY}
    WHERE {_WAITS} AND q.due IS NOT NULL AND (q.due, q.key) > (?, ?)"""
_OF_LEVEL: Final = f"""{OPEN}, q.due FROM hitl_requests q INDEXED BY hitl_by_level {_BODY}
    WHERE {_WAITS} AND q.level = ? AND q.key > ?"""
_OF_NO_LEVEL: Final = f"""{OPEN}, q.due FROM hitl_requests q INDEXED BY hitl_by_level {_BODY}
    WHERE {_WAITS} AND q.level IS NULL AND q.key > ?"""
_PUT_OFF: Final = f"""{OPEN}, q.due FROM hitl_timers t JOIN hitl_requests q ON q.key = t.request {_BODY}
    WHERE t.event = 'request.woken' AND {_WAITS} AND t.request > ?"""

_NOTICES: Final = f"""{OPEN}, q.due FROM hitl_requests q INDEXED BY hitl_notices {_BODY}
    WHERE q.state = 'open' AND q.waits = 0 AND q.key < ?"""

# Looked up for each row of a page, so that what is put off elsewhere costs nothing.
_AWAKE: Final = """ AND NOT EXISTS (SELECT 1 FROM hitl_timers w
    WHERE w.request = q.key AND w.event = 'request.woken')"""


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk: its name in a cursor, its statement, what that is given first, and what it goes by."""

    name: str
    sql: str
    given: tuple[Any, ...] = ()
    by: str = "q.key"

    def after(self, due: int, key: int) -> tuple[Any, ...]:
        return (*self.given, due, key) if self.by == "q.due, q.key" else (*self.given, key)


_ARRIVAL: Final = (_Walk("a", _ARRIVED),)
_DEADLINE: Final = (_Walk("d", _SOONEST, by="q.due, q.key"), _Walk("n", _ENDLESS))
_LEVELS: Final = (
    *(_Walk(f"l{number}", _OF_LEVEL, (number,)) for number in sorted(LEVELS.values(), reverse=True)),
    _Walk("l", _OF_NO_LEVEL),
)
_ASIDE: Final = (_Walk("p", _PUT_OFF, by="t.request"),)
_TOLD: Final = (_Walk("t", _NOTICES, by="q.key DESC"),)
_FIRST: Final = 2**62


def list_queue(view: View, query: ListQueue) -> Page[Settled]:
    """Raises RecordError for a cursor that no page in this order has had."""
    more, given = _narrowed(view, query)
    rows: list[tuple[Any, ...]] = []
    last = ""
    for walk, due, key in _from(query):
        sql = f"{walk.sql}{more} ORDER BY {walk.by} LIMIT ?"
        found = view.execute(sql, (*walk.after(due, key), *given, query.limit - len(rows))).fetchall()
        rows += found
        if found:
            last = f"{walk.name}.{found[-1][4] or 0}.{found[-1][0]}"
        if len(rows) == query.limit:
            break
    found_all = len(rows) < query.limit
    return Page(tuple(open_ones(view, [row[:4] for row in rows])), None if found_all else last)


def _from(query: ListQueue) -> Iterator[tuple[_Walk, int, int]]:
    """The walks that are left, and behind which due time and key each starts."""
    walks = _walks(query)
    if query.cursor is None:
        yield from ((walk, -_FIRST, _FIRST if walk.name == "t" else 0) for walk in walks)
        return
    name, due, key = _place(query.cursor)
    names = [walk.name for walk in walks]
    if name not in names:
        raise no_cursor(query.cursor)
    first, *others = walks[names.index(name) :]
    yield first, due, key
    yield from ((walk, -_FIRST, 0) for walk in others)


def _walks(query: ListQueue) -> tuple[_Walk, ...]:
    if query.put_off or query.notices:
        return _ASIDE if query.put_off else _TOLD
    if query.order is Order.RISK:
        wanted = {f"l{LEVELS[level]}" for level in query.levels}
        return tuple(walk for walk in _LEVELS if not wanted or walk.name in wanted)
    return _DEADLINE if query.order is Order.DEADLINE else _ARRIVAL


def _place(cursor: str) -> tuple[str, int, int]:
    name, _, rest = cursor.partition(".")
    due, _, key = rest.partition(".")
    if not key.isdecimal() or not due.removeprefix("-").isdecimal() or len(cursor) > 60:
        raise no_cursor(cursor)
    return name, int(due), int(key)


def _narrowed(view: View, query: ListQueue) -> tuple[str, tuple[Any, ...]]:
    sql, given = in_view(view, ListRequests(roles=query.roles, users=query.users, tenant=query.tenant))
    sql += "" if query.put_off or query.notices else _AWAKE
    if query.levels:
        sql += f" AND q.level IN ({_marks(query.levels)})"
        given = (*given, *(LEVELS[level] for level in query.levels))
    if query.tools or query.agents:
        origins = _origins(view, query) or (-1,)
        sql, given = f"{sql} AND q.origin IN ({_marks(origins)})", (*given, *origins)
    return sql, given


def _origins(view: View, query: ListQueue) -> tuple[int, ...]:
    """The origins that these filters let through: there are few of them, whatever waits."""
    rows = view.execute("SELECT key, tool, agents FROM hitl_origins").fetchall()
    return tuple(
        key
        for key, tool, agents in rows
        if (not query.tools or tool in query.tools)
        and (not query.agents or set(query.agents).intersection(json.loads(agents)))
    )


def _marks(values: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(values))


# ── counting ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_COUNT: Final = f"""SELECT c.level, COUNT(*) FROM (SELECT q.level FROM hitl_requests q INDEXED BY hitl_inbox
    WHERE {_WAITS} AND q.key > 0"""  # noqa: S608
_COUNT_ASIDE: Final = f"""SELECT COUNT(*) FROM (SELECT 1 FROM hitl_timers t JOIN hitl_requests q ON q.key = t.request
    WHERE t.event = 'request.woken' AND {_WAITS}"""  # noqa: S608


def count_queue(view: View, query: CountQueue) -> QueueCounts:
    more, given = in_view(view, ListRequests(roles=query.roles, users=query.users, tenant=query.tenant))
    rows = view.execute(
        f"{_COUNT}{more}{_AWAKE} ORDER BY q.key LIMIT ?) AS c GROUP BY c.level", (*given, query.most)
    ).fetchall()
    aside = (view.one(f"{_COUNT_ASIDE}{more} LIMIT ?) AS c", *given, query.most) or (0,))[0]
    levels: dict[Level, int] = {}
    for number, count in rows:
        level = level_of(number) or Level.CONFIRM
        levels[level] = levels.get(level, 0) + count
    return QueueCounts(levels, aside, sum(levels.values()) < query.most)
