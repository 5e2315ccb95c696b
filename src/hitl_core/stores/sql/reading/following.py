"""The trail for whoever follows it: each line with the run and the tenant that it is about, in one statement."""

from __future__ import annotations

from typing import Any, Final

from ....commands import FollowAudit, Followed, Page
from ..tables import View, column, text
from .trail import entry_of

_LAST: Final = 2**63 - 1

# A line names its run where it was written for one; else what it is about may be a request, a run or a grant.
_LINES: Final = """SELECT a.seq, a.at, a.event, a.subject, a.actor, a.body, a.mac, n.id, COALESCE(p.tenant, g.tenant)
    FROM hitl_audit a
    LEFT JOIN hitl_requests q ON q.id = a.subject
    LEFT JOIN hitl_grants g ON g.id = a.subject
    LEFT JOIN hitl_runs o ON o.id = a.subject
    LEFT JOIN hitl_runs n ON n.key = COALESCE(a.run, q.run, o.key)
    LEFT JOIN hitl_apps p ON p.key = n.app WHERE """
_OF_RUN: Final = """a.seq IN (SELECT seq FROM hitl_audit WHERE run = ?
    UNION ALL SELECT m.seq FROM hitl_requests r JOIN hitl_audit m ON m.rowid = r.line WHERE r.run = ?) AND """


def follow_audit(view: View, query: FollowAudit) -> Page[Followed]:
    place = (query.after or _LAST) if query.newest else query.after
    order = "a.seq < ? ORDER BY a.seq DESC" if query.newest else "a.seq > ? ORDER BY a.seq"
    with view.link.tolerant():
        of, whose = _of_run(view, query.run_id)
        rows = view.execute(f"{_LINES}{of}{order} LIMIT ?", (*whose, place, query.limit)).fetchall()
        items = tuple(_followed(view, row) for row in rows)
    return Page(items, str(rows[-1][0]) if rows and len(rows) == query.limit else None)


def _of_run(view: View, run_id: str | None) -> tuple[str, tuple[Any, ...]]:
    if run_id is None:
        return "", ()
    (key,) = view.one("SELECT key FROM hitl_runs WHERE id = ?", column(run_id)) or (None,)
    return _OF_RUN, (key, key)


def _followed(view: View, row: tuple[Any, ...]) -> Followed:
    *line, run, tenant = row
    return Followed(entry_of(view, tuple(line)), None if run is None else text(run), tenant)
