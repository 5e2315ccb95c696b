"""What waits, counted along indexes up to a bound; and how fast it goes, from the end of the trail."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from ....commands import Load, OpenGroup, Pace, ReadLoad, ReadPace, StopScope
from ....errors import ProtocolUnknown, RowCorrupt
from ....protocol import instant, micros
from ..tables import View, level_of, request_by_key

UNKNOWN: Final = "unknown"
ANYBODY: Final = "anybody"

MOST_APPROVERS: Final = 10
"""Groups of deciders that are named; of more, the largest."""

# ── what waits ───────────────────────────────────────────────────────────────────────────────────────────────

# From the entries of one index, which has all three columns. `key > 0` lets SQLite walk it in its order.
COUNT_OPEN: Final = """SELECT c.audience, c.level, COUNT(*), MIN(c.key) FROM (
    SELECT q.key, q.audience, q.level FROM hitl_requests q INDEXED BY hitl_inbox
    WHERE q.state = 'open' AND q.waits = 1 AND q.key > 0 ORDER BY q.key LIMIT ?) AS c GROUP BY c.audience, c.level"""
_READY: Final = """SELECT COUNT(*), MIN(c.at) FROM (
    SELECT w.at FROM hitl_woken w LIMIT ?) AS c"""
_RUNNING: Final = """SELECT COUNT(*) FROM (SELECT 1 FROM hitl_runs r
    WHERE r.until IS NOT NULL AND r.state = 'running' LIMIT ?) AS c"""
_STOPS: Final = "SELECT scope, COUNT(*) FROM hitl_stops GROUP BY scope"


class _Group(NamedTuple):
    audience: int
    level: int | None
    many: int
    first: int


def read_load(view: View, query: ReadLoad) -> Load:
    groups = [_Group(*row) for row in view.execute(COUNT_OPEN, (query.most,)).fetchall()]
    ready, since = view.one(_READY, query.most) or (0, None)
    (running,) = view.one(_RUNNING, query.most) or (0,)
    waiting = sum(group.many for group in groups)
    return Load(
        open=waiting,
        levels=tuple(_levels(view, groups)),
        approvers=tuple(_approvers(view, groups)),
        oldest=_opened(view, min((group.first for group in groups), default=None)),
        ready=ready,
        ready_since=None if since is None else instant(since),
        running=running,
        stops={StopScope(scope): count for scope, count in view.execute(_STOPS).fetchall()},
        counted_all=max(waiting, ready, running) < query.most,
    )


def _levels(view: View, groups: Iterable[_Group]) -> list[OpenGroup]:
    by_level: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        by_level[level_of(group.level) or UNKNOWN].append(group)
    return sorted((_waiting(view, name, its) for name, its in by_level.items()), key=lambda each: each.name)


def _approvers(view: View, groups: Iterable[_Group]) -> list[OpenGroup]:
    by_audience: dict[int, list[_Group]] = defaultdict(list)
    for group in groups:
        by_audience[group.audience].append(group)
    largest = sorted(by_audience.items(), key=lambda each: (-_count(each[1]), each[0]))[:MOST_APPROVERS]
    return [_waiting(view, _named(view, audience), its) for audience, its in largest]


def _waiting(view: View, name: str, groups: list[_Group]) -> OpenGroup:
    return OpenGroup(name, _count(groups), _opened(view, min(group.first for group in groups)))


def _count(groups: Iterable[_Group]) -> int:
    return sum(group.many for group in groups)


def _named(view: View, audience: int) -> str:
    users, roles = view.one("SELECT users, roles FROM hitl_audiences WHERE key = ?", audience) or ("[]", "[]")
    return ", ".join([*json.loads(users), *(f"role {role}" for role in json.loads(roles))]) or ANYBODY


def _opened(view: View, key: int | None) -> datetime | None:
    """When a request was made. One that cannot be read is told of elsewhere, by whoever lists it."""
    if key is None:
        return None
    try:
        return request_by_key(view, key).request.created_at
    except (RowCorrupt, ProtocolUnknown):
        return None


# ── how fast it goes ─────────────────────────────────────────────────────────────────────────────────────────

_COUNTED: Final = """SELECT COUNT(CASE WHEN event = 'request.opened' THEN 1 END),
    COUNT(CASE WHEN event = 'request.decided' THEN 1 END), COUNT(CASE WHEN event = 'request.expired' THEN 1 END)
    FROM hitl_audit WHERE seq > ?"""
_CLAIMED: Final = "SELECT at, body FROM hitl_audit WHERE seq > ? AND event = 'run.claimed' ORDER BY seq DESC LIMIT ?"
_MOST_LAGS: Final = 1_000


def read_pace(view: View, query: ReadPace) -> Pace:
    end = (view.one("SELECT COALESCE(MAX(seq), 0) FROM hitl_audit") or (0,))[0]
    after = last_before(view, micros(query.now) - round(query.seconds * 1e6), low=max(0, end - query.lines), high=end)
    opened, decided, expired = view.one(_COUNTED, after) or (0, 0, 0)
    claimed = view.execute(_CLAIMED, (after, _MOST_LAGS)).fetchall()
    return Pace(
        seconds=_seconds(view, query, after, cut=after == end - query.lines),
        opened=opened,
        decided=decided,
        expired=expired,
        lags=tuple(lag for row in claimed if (lag := _lag(*row)) is not None),
    )


def _seconds(view: View, query: ReadPace, after: int, *, cut: bool) -> float:
    """What the counted lines span: less than was asked for if there are more than may be read."""
    first = view.one("SELECT at FROM hitl_audit WHERE seq > ? ORDER BY seq LIMIT 1", after) if cut else None
    return query.seconds if first is None else max((micros(query.now) - first[0]) / 1e6, 1e-3)


def _lag(at: int, body: str) -> float | None:
    ready: Any = json.loads(body).get("ready")
    return max(0.0, (at - ready) / 1e6) if isinstance(ready, int) else None


def last_before(view: View, since: int, *, low: int, high: int) -> int:
    """The last line that is older, by halving between two lines: they are written in the order of time."""
    while low < high:
        middle = (low + high + 1) // 2
        found = view.one("SELECT at FROM hitl_audit WHERE seq <= ? ORDER BY seq DESC LIMIT 1", middle)
        older = found is not None and found[0] < since
        low, high = (middle, high) if older else (low, middle - 1)
    return low
