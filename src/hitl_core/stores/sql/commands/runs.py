"""Runs: opening and leasing them. Whoever holds the newest fence works on a run; nobody else can write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from ....commands import Build, Claimed, ClaimRuns, Lease, OpenRun, ReleaseRun, RenewLease, ReopenRun
from ....errors import LeaseLost, RunBusy, RunFinished, RunNotFound
from ....lifecycle import RUN, RequestEvent, RunEvent
from ....protocol import AuditEvent, Json, PauseRequest, Run, RunState, instant, micros
from ..tables import RUN as SELECT_RUN
from ..tables import (
    RunRow,
    Transaction,
    View,
    ahead_of_pending,
    ahead_of_remembered,
    bodies,
    column,
    illegible,
    pending,
    remembered,
    requests,
    run_record,
)
from .freezing import wake
from .stops import covering, of_run

# ── finding ──────────────────────────────────────────────────────────────────────────────────────────────────


FIND: Final = f"{SELECT_RUN} WHERE r.id = ?"


def find(view: View, name: str) -> RunRow:
    """The row of a run. Raises RunNotFound."""
    found = view.one(FIND, column(name))
    if found is None:
        raise RunNotFound(f"there is no run {name!r} in this store; `hitl runs` lists them")
    return RunRow.of(found)


def by_key(view: View, key: int) -> RunRow:
    found = view.one(f"{SELECT_RUN} WHERE r.key = ?", key)
    assert found is not None
    return RunRow.of(found)


def leased(view: View, lease: Lease) -> RunRow:
    """The run that a lease is for. Raises LeaseLost unless the lease is the run's current one."""
    found = view.one(FIND, column(lease.run_id))
    row = None if found is None else RunRow.of(found)
    if row is None or row.state != RunState.RUNNING or (row.owner, row.fence) != (lease.owner, lease.fence):
        raise LeaseLost(f"run {lease.run_id!r} is no longer held by {lease.owner!r}: {_holder(row)}. Drop this turn")
    return row


def _holder(row: RunRow | None) -> str:
    if row is None:
        return "there is no such run"
    return f"{row.owner!r} holds it" if row.state == RunState.RUNNING else f"it is {row.state}"


def current(view: View, row: RunRow, asked: Mapping[bytes, PauseRequest] | None = None) -> Run:
    """The Run of a row that is as it stands now, with its open requests; `asked` as in `pending`."""
    ahead_of_pending(view, row.key)
    bodies.ahead(view, *row.told)
    return run_record(view, row, pending(view, row.key, asked))


def settled(view: View, row: RunRow) -> Run:
    """The Run of such a row, if it is known that nothing in it is open."""
    bodies.ahead(view, *row.told)
    return run_record(view, row)


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────


def move(
    txn: Transaction,
    row: RunRow,
    event: RunEvent,
    now: datetime,
    changed: Mapping[str, Any] | None = None,
    *,
    counts: tuple[str, ...] = (),
    wakes: bool = True,
) -> RunRow:
    """Move a run along the table of lifecycle.py; returns its row as it is then: it was read under the lock.

    `changed` are other columns that change, by their names in RunRow, and `counts` those that go up by one. A run that
    becomes ready can be taken at once, unless `changed` says until when it waits. Raises IllegalMove; RowCorrupt, once
    the run is moved, if what goes up by one was no number.
    """
    state, at = RUN.advance(RunState(row.state), event).value, micros(now)
    changed = changed or {}
    stored = {name: value for name, value in changed.items() if name not in _OF_APP}
    txn.execute(_moving(tuple(stored), counts), (state, at, *stored.values(), row.key))
    if row.state == RunState.READY:
        txn.execute("DELETE FROM hitl_woken WHERE app = ? AND run = ?", (row.app_key, row.key))
    if state == RunState.READY and wakes:
        wake(txn, row.key, now)
    try:
        counted = {name: getattr(row, name) + 1 for name in counts}
    except TypeError as exc:
        raise illegible("run", row.id, exc) from exc
    return row._replace(state=state, updated=at, **counted, **changed)


@cache
def _moving(changed: tuple[str, ...], counts: tuple[str, ...]) -> str:
    also = [f"{'app' if name == 'app_key' else name} = ?" for name in changed]
    also += [f"{name} = {name} + 1" for name in counts]
    return f"UPDATE hitl_runs SET {', '.join(('state = ?', 'updated = ?', *also))} WHERE key = ?"  # noqa: S608


_OF_APP: Final = ("app_version", "format")
"""What a row says of its app, whose key is what is stored."""

FREED: Final[dict[str, Any]] = {"owner": None, "until": None}
TAKEN: Final = ("fence", "attempts")
"""What goes up by one with every lease; the fence, so that whoever has held the run before writes nothing more."""


def lease_to(command: ClaimRuns | ReopenRun) -> dict[str, Any]:
    """The lease of whoever takes a run, in its row."""
    return {"owner": command.owner, "until": micros(command.now + timedelta(seconds=command.lease_seconds))}


def woken(row: RunRow, now: datetime) -> RunRow:
    """The row of a run that was woken, whatever it was before."""
    return row._replace(state=RunState.READY.value, updated=micros(now))


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────

_INSERT: Final = """INSERT INTO hitl_runs (id, state, app, thread, started_by, created, updated, attempts, turns,
    fence, owner, until, input, more, tools, tries) VALUES (?, 'running', ?, ?, ?, ?, ?, 1, 0, 1, ?, ?, ?, ?, ?, 1)"""


def open_run(txn: Transaction, command: OpenRun) -> Claimed:
    run, now = command.run, command.now
    body = None if run.input is None else bodies.pack(run.input, what="input", limit=bodies.RESULT_LIMIT)
    tools = _tools_of(run)
    txn.link.ahead(_IS_THERE, (column(run.id),))
    txn.link.ahead(_APP, _of_app(run))
    txn.link.expects("hitl_runs")
    for stop in covering(txn, run=run.id, tenant=run.tenant):
        raise stop.holds_back(f"run {run.id}")
    if txn.one(_IS_THERE, column(run.id)):
        raise RunBusy(f"there is a run {run.id!r} already; every run needs an id of its own")
    ending = now + timedelta(seconds=command.lease_seconds)
    created, updated, ends = map(micros, (run.created_at, now, ending))
    extra: dict[str, Json] = {**(run.model_extra or {}), **({"undoes": run.undoes} if run.undoes else {})}
    more = bodies.json_text(extra, what="run") if extra else None
    app = _app(txn, *_of_app(run))
    values = (column(run.id), app, column(run.thread), run.started_by, created, updated)
    kept = bodies.put_value(txn, body), more, bodies.put_value(txn, tools)
    key = txn.link.insert(_INSERT, (*values, command.owner, ends, *kept))
    note: dict[str, Json] = {"backend": run.backend, "app": run.app, "by": run.started_by}
    note |= {"undoes": run.undoes} if run.undoes else {}
    txn.note(AuditEvent.RUN_STARTED, run.id, command.owner, now, note, run=key)
    opened = run.model_copy(update={"state": RunState.RUNNING, "attempts": 1, "tries": 1, "updated_at": now})
    return Claimed(opened, Lease(run.id, command.owner, 1, ending), None, first=True, journal={})


def _tools_of(run: Run) -> bodies.Body | None:
    """The tools that a run is started with."""
    if not run.tools:
        return None
    return bodies.pack([each.model_dump(mode="json") for each in run.tools], what="tools", limit=bodies.RESULT_LIMIT)


_IS_THERE: Final = "SELECT 1 FROM hitl_runs WHERE id = ?"
_APP: Final = "SELECT key FROM hitl_apps WHERE backend = ? AND app = ? AND version = ? AND tenant = ? AND format = ?"


def _of_app(run: Run) -> tuple[str, ...]:
    return run.backend, run.app, run.app_version, run.tenant, run.checkpoint_format


def _app(txn: Transaction, *what: str) -> int:
    """The key of a backend, an app, its version, a tenant and a form of checkpoints."""
    return requests.interned(
        txn,
        _APP,
        "INSERT INTO hitl_apps (backend, app, version, tenant, format) VALUES (?, ?, ?, ?, ?)",
        what,
    )


def written_by(txn: Transaction, row: RunRow, by: Build | None) -> dict[str, Any]:
    """What changes in the row of a run whose checkpoint was written by this version and in this form: it needs them."""
    if by is None or (by.version, by.format) == (row.app_version, row.format):
        return {}
    key = _app(txn, row.backend, row.app, by.version, row.tenant, by.format)
    return {"app_key": key, "app_version": by.version, "format": by.format}


_UNDER_WAY: Final = "SELECT call FROM hitl_effects WHERE run = ? AND fence = ? AND state = 'executing' ORDER BY key"
_RELEASED: Final = """UPDATE hitl_runs SET until = ?, fence = fence + 1,
    tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END WHERE key = ?"""
"""Whatever of its turn still goes on somewhere begins nothing more: its fence is the older one."""


def release_run(txn: Transaction, command: ReleaseRun) -> tuple[str, ...]:
    row = leased(txn, command.lease)
    under_way = tuple(call for (call,) in txn.execute(_UNDER_WAY, (row.key, row.fence)).fetchall())
    if not under_way:
        txn.execute(_RELEASED, (micros(command.now), row.key))
        note: dict[str, Json] = {"fence": row.fence}
        txn.note(AuditEvent.RUN_RELEASED, row.name, command.lease.owner, command.now, note, run=row.key)
    return under_way


def renew_lease(txn: Transaction, command: RenewLease) -> Lease:
    row = leased(txn, command.lease)
    ending = command.now + timedelta(seconds=command.lease_seconds)
    txn.execute("UPDATE hitl_runs SET until = ? WHERE key = ?", (micros(ending), row.key))
    return Lease(command.lease.run_id, command.lease.owner, command.lease.fence, ending)


def taken(txn: Transaction, row: RunRow, *, interrupted: bool = False, ready: int | None = None) -> Claimed:
    """The Claimed of a run that was just leased. Raises RowCorrupt."""
    bodies.ahead(txn, row.checkpoint)
    ahead_of_remembered(txn, row.name)
    record = current(txn, row)
    checkpoint = bodies.get(txn, row.checkpoint, what=f"checkpoint of run {row.name}")
    ready_at = None if ready is None else instant(ready)
    return Claimed(record, row.lease, checkpoint, row.turns == 0, interrupted, ready_at, remembered(txn, row.name))


_DROP_OUTPUT: Final = """DELETE FROM hitl_bodies WHERE key = ?
    AND key NOT IN (SELECT body FROM hitl_overrides WHERE run = ?)"""
"""An output that is taken back goes: no row would lead to it when the run is erased. What people put there stays."""


def reopen_run(txn: Transaction, command: ReopenRun) -> Claimed:
    row = find(txn, command.run_id)
    if row.state == RunState.RUNNING:
        raise RunBusy(f"run {row.name!r} is being worked on by {row.owner!r}; wait for it, or for its lease to end")
    if row.state == RunState.CANCELLED:
        raise RunFinished(f"run {row.name!r} is cancelled; start a new one")
    if row.more and "erased" in json.loads(row.more):
        raise RunFinished(f"run {row.name!r} is erased, so nothing is left to go back to; start a new one")
    if row.more and "compacted" in json.loads(row.more):
        raise RunFinished(f"run {row.name!r} is compacted, so there is no state to go back to; start a new one")
    for stop in of_run(txn, row):
        raise stop.holds_back(f"run {row.name}")
    txn.execute(_DROP_OUTPUT, (row.output, row.key))
    begun_anew = {"tries": 1, "output": None, "error": None, "more": _not_overridden(row)}
    row = move(txn, row, RunEvent.REOPEN, command.now, lease_to(command) | begun_anew, counts=TAKEN)
    gone = requests.withdraw(
        txn, RequestEvent.SUPERSEDE, "run = ?", row.key, why=f"taken back by {command.by}: {command.reason}"
    )
    body: dict[str, Json] = {"reopened": command.reason, "superseded": [*gone], "fence": row.fence}
    body["authenticated_by"] = command.authenticated_by
    txn.note(AuditEvent.RUN_CLAIMED, row.name, command.by, command.now, body, run=row.key)
    return taken(txn, row)


def _not_overridden(row: RunRow) -> str | None:
    """What a run's row says besides, without who has replaced its output: that is gone."""
    if row.more is None:
        return None
    left = {key: value for key, value in json.loads(row.more).items() if key != "overridden"}
    return bodies.json_text(left, what="run")
