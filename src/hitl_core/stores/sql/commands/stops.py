"""Stops: rows that forbid. They are looked up in the transactions that start something, never cached."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Final, assert_never

from ....commands import LiftStop, Note, SetStop, Stop, StopScope
from ....errors import Fault, NotPermitted
from ....protocol import Action, AuditEvent, instant, micros
from ..tables import RunRow, Transaction, View, column, text
from .freezing import freeze, thaw, wake

_ROWS: Final = "SELECT scope, target, reason, by, at FROM hitl_stops"
_OLDEST_FIRST: Final = " ORDER BY at, scope, target"
_COVERING: Final = """SELECT scope, target, reason, by, at FROM hitl_stops WHERE scope = 'all' UNION ALL
    SELECT s.scope, s.target, s.reason, s.by, s.at
    FROM (VALUES ('run', ?), ('tenant', ?), ('tool', ?){agents}) named
    CROSS JOIN hitl_stops s ON s.scope = named.column1 AND s.target = named.column2"""
"""One place of the index after the other (SQLite keeps the order of a CROSS JOIN): a third of the time of OR."""


def in_force(view: View) -> tuple[Stop, ...]:
    """The stops in force, oldest first."""
    return tuple(map(_record, view.execute(_ROWS + _OLDEST_FIRST).fetchall()))


def covering(
    view: View, *, run: str, tenant: str, tool: str | None = None, agents: Iterable[str] = ()
) -> tuple[Stop, ...]:
    """Those that cover a run as a whole, or (with `tool` and `agents`) an action in it, however many are in force."""
    rows = view.execute(*_covering(run, tenant, tool, tuple(agents))).fetchall()
    if not rows:
        return ()
    return tuple(sorted(map(_record, rows), key=lambda stop: (stop.at, stop.scope, stop.target)))


def _covering(run: str, tenant: str, tool: str | None, agents: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    return _of_agents(len(agents)), (run, tenant, tool, *agents)


@cache
def _of_agents(many: int) -> str:
    return _COVERING.format(agents=", ('agent', ?)" * many)


def ahead(view: View, run: RunRow, action: Action) -> None:
    """Those that cover this action will be asked for soon."""
    view.link.ahead(*_covering(run.name, run.tenant, action.tool, tuple(action.origin.agents)))


def of_action(view: View, run: RunRow, action: Action) -> tuple[Stop, ...]:
    """Those that cover an action of a run."""
    return covering(view, run=run.name, tenant=run.tenant, tool=action.tool, agents=action.origin.agents)


def of_run(view: View, run: RunRow) -> tuple[Stop, ...]:
    """Those that cover a run as a whole."""
    return covering(view, run=run.name, tenant=run.tenant)


def _record(row: tuple[Any, ...]) -> Stop:
    scope, target, reason, by, at = row
    return Stop(StopScope(scope), target, reason, by, instant(at))


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────

_PUT: Final = """INSERT INTO hitl_stops (scope, target, reason, by, at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (scope, target) DO UPDATE SET reason = excluded.reason, by = excluded.by, at = excluded.at"""


def set_stop(txn: Transaction, command: SetStop) -> int:
    stop = command.stop
    txn.execute(_PUT, (stop.scope, stop.target, stop.reason, stop.by, micros(stop.at)))
    where, given = _matching(txn, stop.scope, stop.target)
    frozen = freeze(txn, f"waits = 1 AND {where}", *given, now=stop.at)
    body: dict[str, Any] = {"scope": stop.scope, "target": stop.target, "reason": stop.reason, "frozen": frozen}
    body["authenticated_by"] = command.authenticated_by
    txn.note(AuditEvent.STOP_SET, _subject(stop.scope, stop.target), stop.by, stop.at, body)
    return frozen


def lift_stop(txn: Transaction, command: LiftStop) -> int:
    _must_be_another(txn, command)
    gone = txn.execute("DELETE FROM hitl_stops WHERE scope = ? AND target = ?", (command.scope, command.target))
    if not gone.rowcount:
        return 0
    left = in_force(txn)
    thawed = _thaw(txn, command, left)
    _lift_runs(txn, command.now, left)
    body: dict[str, Any] = {"scope": command.scope, "target": command.target, "reason": command.reason}
    body |= {"thawed": thawed, "authenticated_by": command.authenticated_by}
    txn.note(AuditEvent.STOP_LIFTED, _subject(command.scope, command.target), command.by, command.now, body)
    return thawed


def _must_be_another(txn: Transaction, command: LiftStop) -> None:
    """Judged where the stop is lifted: somebody else may have put it in force anew a moment ago."""
    found = txn.one("SELECT by FROM hitl_stops WHERE scope = ? AND target = ?", command.scope, command.target)
    if not command.by_another or found is None or found[0] != command.by:
        return
    subject = _subject(command.scope, command.target)
    fault = Fault("by", f"{command.by!r} put the stop of {subject} in force; another person has to lift it")
    body: dict[str, Any] = {"act": "lift", "faults": [str(fault)], "authenticated_by": command.authenticated_by}
    txn.refuse(NotPermitted([fault]), Note(AuditEvent.ACT_REFUSED, subject, command.by, body), command.now)


_FROZEN: Final = """SELECT q.key, r.id, a.tenant, o.tool, o.agents FROM hitl_requests q
    JOIN hitl_runs r ON r.key = q.run JOIN hitl_apps a ON a.key = r.app JOIN hitl_origins o ON o.key = q.origin
    WHERE q.state = 'frozen' AND q.why IS NULL AND """


def _thaw(txn: Transaction, command: LiftStop, left: tuple[Stop, ...]) -> int:
    """Thaw what the lifted stop covered and no other does. One that was frozen by hand (it says why) stays so."""
    where, given = _matching(txn, command.scope, command.target, "q.")
    free = 0
    for key, run, tenant, tool, agents in txn.execute(_FROZEN + where, given).fetchall():
        names = tuple(json.loads(agents))
        if not any(s.covers(run=text(run), tenant=tenant, tool=tool, agents=names) for s in left):
            free += thaw(txn, "key = ?", key, now=command.now)
    return free


def _lift_runs(txn: Transaction, now: datetime, left: tuple[Stop, ...]) -> None:
    """Runs that a stop has ended go on, unless they are stopped as a whole by another one.

    Which tool's or agent's stop ended a run is not kept: one too many meets its stop again, before its tool.
    """
    sql = """SELECT r.key, r.id, a.tenant FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app
        WHERE r.state = 'stopped'"""
    for key, name, tenant in txn.execute(sql).fetchall():
        if not any(s.covers(run=text(name), tenant=tenant) for s in left):
            wake(txn, key, now)


_RUN_KEY: Final = "SELECT key FROM hitl_runs WHERE id = ?"
_RUNS_OF_TENANT: Final = """SELECT r.key FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app WHERE a.tenant = ?"""
_ORIGINS_OF_TOOL: Final = "SELECT key FROM hitl_origins WHERE tool = ?"


def _matching(txn: Transaction, scope: StopScope, target: str, q: str = "") -> tuple[str, tuple[Any, ...]]:
    """SQL for the requests that a stop covers. `q` is the prefix of the request's columns."""
    match scope:
        case StopScope.ALL:
            return "TRUE", ()
        case StopScope.RUN:
            return f"{q}run IN ({_RUN_KEY})", (column(target),)
        case StopScope.TENANT:
            return f"{q}run IN ({_RUNS_OF_TENANT})", (target,)
        case StopScope.TOOL:
            return f"{q}origin IN ({_ORIGINS_OF_TOOL})", (target,)
        case StopScope.AGENT:
            keys = _origins_of(txn, target)
            return f"{q}origin IN ({', '.join('?' * len(keys))})", keys
        case _:
            assert_never(scope)


def _origins_of(txn: Transaction, agent: str) -> tuple[int, ...]:
    rows = txn.execute("SELECT key, agents FROM hitl_origins").fetchall()
    return tuple(key for key, agents in rows if agent in json.loads(agents))


def _subject(scope: StopScope, target: str) -> str:
    return f"{scope}:{target}" if target else scope.value
