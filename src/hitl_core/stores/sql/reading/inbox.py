"""The inbox: open requests in order of arrival, page by page, however many there are.

Where many write at once, a request may be committed after others that arrived later. So a cursor says besides how far a
page went what it could see: who goes on behind it first gets what was opened before that place and was not to be seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, Self

from ....commands import ListRequests, Page, Settled
from ....lifecycle import RequestState
from ..tables import OPEN, SETTLED, View, column, is_snapshot, key_of, no_cursor, open_ones, readable

_OPEN_PAGE: Final = f"""{OPEN} FROM hitl_requests q INDEXED BY hitl_inbox
    LEFT JOIN hitl_bodies b ON b.key = q.body
    WHERE q.state = 'open' AND q.waits = 1 AND q.key > ?"""
_PAGE_END: Final = " ORDER BY q.key LIMIT ?"


class _Place(NamedTuple):
    """Where to go on: behind which key, and what could be seen until there ("" where nothing is ever late)."""

    key: int
    seen: str

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """Raises RecordError for a cursor that no page has ever had."""
        cursor = cursor or "0"
        key, at, seen = cursor.partition("@")
        if at and not is_snapshot(seen):
            raise no_cursor(cursor)
        return cls(key_of(key, of=cursor), seen)

    def cursor(self) -> str:
        return f"{self.key}@{self.seen}" if self.seen else str(self.key)


def list_requests(view: View, query: ListRequests) -> Page[Settled]:
    place = _Place.of(query.cursor)
    late = _late(view, query, place)
    if len(late) >= query.limit:
        return Page(late, _Place(place.key, view.link.seen()).cursor())
    page = _next_page(view, replace(query, limit=query.limit - len(late)), place.key)
    return Page((*late, *page.items), page.cursor)


def _next_page(view: View, query: ListRequests, after: int) -> Page[Settled]:
    if query.states == (RequestState.OPEN,) and not (query.notices or query.run_id or query.call):
        return _open_page(view, query, after)
    return _any_page(view, query, after)


def _late(view: View, query: ListRequests, place: _Place) -> tuple[Settled, ...]:
    """The open requests before this place that could not be seen when the page ending there was read. Few, so all."""
    if not place.seen or query.states != (RequestState.OPEN,):
        return ()
    kinds = ("q.waits = 1", "q.waits = 0") if query.notices else ("q.waits = 1",)
    (unseen, seen), (where, given) = view.link.unseen("q", place.seen), _of_run(query)
    narrow, narrowed = in_view(view, query)
    sql = f"SELECT q.key FROM hitl_requests q WHERE {unseen} AND q.key <= ? AND q.state = 'open'"  # noqa: S608
    late = f"{sql} AND ({' OR '.join(kinds)}){where}{narrow} ORDER BY q.key"
    return _rows(view, view.execute(late, (*seen, place.key, *given, *narrowed)).fetchall())


def _open_page(view: View, query: ListRequests, after: int) -> Page[Settled]:
    """The inbox proper: one walk along its index."""
    narrow, given = in_view(view, query)
    rows = view.execute(_OPEN_PAGE + narrow + _PAGE_END, (after, *given, query.limit)).fetchall()
    return Page(tuple(open_ones(view, rows)), _cursor(view, query, rows))


def _any_page(view: View, query: ListRequests, after: int) -> Page[Settled]:
    """Any states, notices too: first the keys, each kind from its own index, then the rows."""
    (states, stated), (where, given) = _states(query.states), _of_run(query)
    narrow, narrowed = in_view(view, query)
    keys = _keys(view, query, f"q.key > ? AND {states}{where}{narrow}", (after, *stated, *given, *narrowed))
    return Page(_rows(view, keys), _cursor(view, query, keys))


def _of_run(query: ListRequests) -> tuple[str, tuple[Any, ...]]:
    where, given = "", tuple[Any, ...]()
    if query.run_id is not None:
        where, given = " AND q.run = (SELECT key FROM hitl_runs WHERE id = ?)", (column(query.run_id),)
    if query.call is not None:
        where, given = f"{where} AND q.call = ?", (*given, query.call)
    return where, given


def _rows(view: View, keys: Sequence[tuple[int]]) -> tuple[Settled, ...]:
    rows = [view.one(f"{SETTLED} WHERE q.key = ?", *key) for key in keys]
    return tuple(readable(view, [row for row in rows if row]))


def _keys(view: View, query: ListRequests, where: str, given: tuple[Any, ...]) -> list[tuple[int]]:
    kinds = ("q.waits = 1", "q.waits = 0") if query.notices else ("q.waits = 1",)
    keys: list[tuple[int]] = []
    for kind in kinds:
        sql = f"SELECT q.key FROM hitl_requests q WHERE {where} AND {kind}{_PAGE_END}"  # noqa: S608
        keys += view.execute(sql, (*given, query.limit)).fetchall()
    return sorted(keys)[: query.limit]


def _cursor(view: View, query: ListRequests, rows: Sequence[tuple[Any, ...]]) -> str | None:
    return _Place(rows[-1][0], view.link.seen()).cursor() if rows and len(rows) == query.limit else None


_AWAKE: Final = " AND q.key NOT IN (SELECT request FROM hitl_timers WHERE event = 'request.woken')"
_OF_TENANT: Final = """ AND EXISTS (SELECT 1 FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app
    WHERE r.key = q.run AND a.tenant = ?)"""
_NOT_OF_APP: Final = """ AND NOT EXISTS (SELECT 1 FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app
    WHERE r.key = q.run AND a.backend = ? AND a.app = ?)"""


def in_view(view: View, query: ListRequests) -> tuple[str, tuple[Any, ...]]:
    """Whose inbox it is, and what is not put off."""
    sql, given = _for_people(view, query)
    if query.tenant is not None:
        sql, given = sql + _OF_TENANT, (*given, query.tenant)
    for each in query.not_of:
        sql, given = sql + _NOT_OF_APP, (*given, *each)
    return (sql + _AWAKE if query.awake else sql), given


def _for_people(view: View, query: ListRequests) -> tuple[str, tuple[Any, ...]]:
    if not query.roles and not query.users:
        return "", ()
    # Never an empty list: a condition that is always false lets SQLite drop the index that it is told to use.
    audiences = _audiences(view, query) or (-1,)
    return f" AND q.audience IN ({', '.join('?' * len(audiences))})", audiences


def _states(states: tuple[RequestState, ...]) -> tuple[str, tuple[Any, ...]]:
    if states == (RequestState.OPEN,):
        # Written out, because SQLite uses a partial index only for its own words.
        return "q.state = 'open'", ()
    if not states:
        return "TRUE", ()
    return f"q.state IN ({', '.join('?' * len(states))})", states


def _audiences(view: View, query: ListRequests) -> tuple[int, ...]:
    """The groups of deciders that one of these people belongs to, or that name nobody in particular."""
    rows = view.execute("SELECT key, users, roles FROM hitl_audiences").fetchall()
    named = ((key, set(json.loads(users)), set(json.loads(roles))) for key, users, roles in rows)
    return tuple(key for key, *asked in named if _includes(query, *asked))


def _includes(query: ListRequests, users: set[str], roles: set[str]) -> bool:
    return bool(users.intersection(query.users) or roles.intersection(query.roles)) or not (users or roles)
