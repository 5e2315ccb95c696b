"""The inbox: open requests in order of arrival, page by page, however many there are."""

from __future__ import annotations

import json
from typing import Any, Final

from ...commands import ListRequests, Page, Settled
from ...lifecycle import RequestState
from .identity import column
from .rows import SETTLED, readable
from .view import View

_PAGE: Final = "SELECT key FROM hitl_requests WHERE {where} ORDER BY key LIMIT ?"


def list_requests(view: View, query: ListRequests) -> Page[Settled]:
    where, given = _condition(view, query)
    after = int(query.cursor) if query.cursor else 0
    keys = _keys(view, query, f"key > ? AND {where}", (after, *given))
    if not keys:
        return Page(())
    marks = ", ".join("?" * len(keys))
    rows = view.execute(f"{SETTLED} WHERE q.key IN ({marks}) ORDER BY q.key", keys).fetchall()
    cursor = str(keys[-1]) if len(keys) == query.limit else None
    return Page(tuple(readable(view, rows)), cursor)


def _keys(view: View, query: ListRequests, where: str, given: tuple[Any, ...]) -> list[int]:
    """The keys of one page, from the partial indexes where they serve: each holds the requests of one kind."""
    kinds = ("waits = 1", "waits = 0") if query.notices else ("waits = 1",)
    keys: list[int] = []
    for kind in kinds:
        sql = _PAGE.format(where=f"{where} AND {kind}")
        keys += [found[0] for found in view.execute(sql, (*given, query.limit)).fetchall()]
    return sorted(keys)[: query.limit]


def _condition(view: View, query: ListRequests) -> tuple[str, tuple[Any, ...]]:
    where, given = _states(query.states)
    if query.run_id is not None:
        where += " AND +run = (SELECT key FROM hitl_runs WHERE id = ?)"
        given = (*given, column(query.run_id))
    if query.roles:
        audiences = _audiences(view, query.roles)
        where += f" AND audience IN ({', '.join('?' * len(audiences))})"
        given = (*given, *audiences)
    return where, given


def _states(states: tuple[RequestState, ...]) -> tuple[str, tuple[Any, ...]]:
    if states == (RequestState.OPEN,):
        # Written out, because SQLite uses a partial index only for its own words.
        return "state = 'open'", ()
    if not states:
        return "1", ()
    return f"state IN ({', '.join('?' * len(states))})", states


def _audiences(view: View, roles: tuple[str, ...]) -> tuple[int, ...]:
    """The groups of deciders that one of these roles belongs to, or that name nobody in particular."""
    rows = view.execute("SELECT key, users, roles FROM hitl_audiences").fetchall()
    wanted = set(roles)
    return tuple(key for key, users, named in rows if _includes(json.loads(users), json.loads(named), wanted))


def _includes(users: list[str], named: list[str], wanted: set[str]) -> bool:
    return not wanted.isdisjoint(named) or not (users or named)
