"""Who works, what waits for a worker, and when something is due by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ....commands import ListWaiting, ListWorkers, NextDue, SeenWorker, Waiting
from ....protocol import instant, micros
from ..commands import WORKERS, seen_worker
from ..tables import View


def list_workers(view: View, query: ListWorkers) -> tuple[SeenWorker, ...]:
    return tuple(map(seen_worker, view.execute(WORKERS).fetchall()))


_WAITING: Final = """SELECT a.backend, a.app, a.version, a.format, a.tenant, SUM(n.runs), MIN(n.since) FROM (
    SELECT app, COUNT(*) AS runs, MIN(at) AS since FROM hitl_woken GROUP BY app UNION ALL
    SELECT app, COUNT(*), MIN(until) FROM hitl_runs WHERE until <= ? GROUP BY app) n
    JOIN hitl_apps a ON a.key = n.app GROUP BY a.backend, a.app, a.version, a.format, a.tenant
    ORDER BY a.backend, a.app, a.version, a.format, a.tenant"""


def list_waiting(view: View, query: ListWaiting) -> tuple[Waiting, ...]:
    rows = view.execute(_WAITING, (micros(query.now),)).fetchall()
    return tuple(_waiting(*row) for row in rows)


def _waiting(backend: str, app: str, version: str, format: str, tenant: str, runs: int, since: int) -> Waiting:
    return Waiting(backend, app, version, format, tenant, int(runs), instant(int(since)))


_NEXT: Final = """SELECT MIN(due) FROM (SELECT MIN(due) AS due FROM hitl_requests WHERE due IS NOT NULL UNION ALL
    SELECT MIN(due) FROM hitl_timers UNION ALL SELECT MIN(until) FROM hitl_runs WHERE until IS NOT NULL) d"""


def next_due(view: View, query: NextDue) -> datetime | None:
    (due,) = view.one(_NEXT) or (None,)
    return None if due is None else instant(due)
