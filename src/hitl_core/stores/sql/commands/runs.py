"""Runs: opening, leasing and claiming them. Whoever holds the newest fence works on a run; nobody else can write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from ....commands import Claimed, ClaimRuns, Lease, OpenRun, RenewLease, ReopenRun
from ....errors import LeaseLost, RowCorrupt, RunBusy, RunFinished, RunNotFound
from ....lifecycle import RUN, RequestEvent, RunEvent
from ....protocol import AuditEvent, Json, Run, RunState, instant, micros
from ..tables import READY as SELECT_READY
from ..tables import RUN as SELECT_RUN
from ..tables import RunRow, Transaction, View, bodies, column, pending, requests, run_record
from .freezing import wake
from .stops import covering, of_run

# ── finding ──────────────────────────────────────────────────────────────────────────────────────────────────


def find(view: View, name: str) -> RunRow:
    """The row of a run. Raises RunNotFound."""
    found = view.one(f"{SELECT_RUN} WHERE r.id = ?", column(name))
    if found is None:
        raise RunNotFound(f"there is no run {name!r} in this store; `hitl runs` lists them")
    return RunRow.of(found)


def by_key(view: View, key: int) -> RunRow:
    found = view.one(f"{SELECT_RUN} WHERE r.key = ?", key)
    assert found is not None
    return RunRow.of(found)


def leased(view: View, lease: Lease) -> RunRow:
    """The run that a lease is for. Raises LeaseLost unless the lease is the run's current one."""
    found = view.one(f"{SELECT_RUN} WHERE r.id = ?", column(lease.run_id))
    row = None if found is None else RunRow.of(found)
    if row is None or row.state != RunState.RUNNING or (row.owner, row.fence) != (lease.owner, lease.fence):
        raise LeaseLost(f"run {lease.run_id!r} is no longer held by {lease.owner!r}: {_holder(row)}. Drop this turn")
    return row


def _holder(row: RunRow | None) -> str:
    if row is None:
        return "there is no such run"
    return f"{row.owner!r} holds it" if row.state == RunState.RUNNING else f"it is {row.state}"


def current(view: View, row: RunRow) -> Run:
    """The Run as it stands now, with its open requests."""
    return run_record(view, by_key(view, row.key), pending(view, row.key))


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────


def move(txn: Transaction, row: RunRow, event: RunEvent, now: datetime, also: str = "", *values: Any) -> RunState:
    """Move a run along the table of lifecycle.py; `also` sets further columns to `values`. Raises IllegalMove."""
    target = RUN.advance(RunState(row.state), event)
    sql = f"UPDATE hitl_runs SET state = ?, updated = ?{also} WHERE key = ?"  # noqa: S608
    txn.execute(sql, (target, micros(now), *values, row.key))
    if row.state == RunState.READY:
        txn.execute("DELETE FROM hitl_woken WHERE run = ?", (row.key,))
    if target is RunState.READY:
        wake(txn, row.key, now)
    return target


_LEASED: Final = ", owner = ?, fence = fence + 1, until = ?, attempts = attempts + 1"
FREED: Final = ", owner = NULL, until = NULL"

# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────

_INSERT: Final = """INSERT INTO hitl_runs (id, state, app, thread, started_by, created, updated, attempts, turns,
    fence, owner, until, input, more) VALUES (?, 'running', ?, ?, ?, ?, ?, 1, 0, 1, ?, ?, ?, ?)"""


def open_run(txn: Transaction, command: OpenRun) -> Claimed:
    run, now = command.run, command.now
    body = None if run.input is None else bodies.pack(run.input, what="input", limit=bodies.RESULT_LIMIT)
    for stop in covering(txn, run=run.id, tenant=run.tenant):
        raise stop.holds_back(f"run {run.id}")
    if txn.one("SELECT 1 FROM hitl_runs WHERE id = ?", column(run.id)):
        raise RunBusy(f"there is a run {run.id!r} already; every run needs an id of its own")
    until = now + timedelta(seconds=command.lease_seconds)
    created, updated, ends = map(micros, (run.created_at, now, until))
    extra: dict[str, Json] = {**(run.model_extra or {}), **({"undoes": run.undoes} if run.undoes else {})}
    more = bodies.json_text(extra, what="run") if extra else None
    values = (column(run.id), _app(txn, run), column(run.thread), run.started_by, created, updated)
    key = txn.link.insert(_INSERT, (*values, command.owner, ends, bodies.put_value(txn, body), more))
    note: dict[str, Json] = {"backend": run.backend, "app": run.app, "by": run.started_by}
    note |= {"undoes": run.undoes} if run.undoes else {}
    txn.note(AuditEvent.RUN_STARTED, run.id, command.owner, now, note, run=key)
    opened = run.model_copy(update={"state": RunState.RUNNING, "attempts": 1, "updated_at": now})
    return Claimed(opened, Lease(run.id, command.owner, 1, until), None, first=True)


def _app(txn: Transaction, run: Run) -> int:
    return requests.interned(
        txn,
        "SELECT key FROM hitl_apps WHERE backend = ? AND app = ? AND version = ? AND tenant = ?",
        "INSERT INTO hitl_apps (backend, app, version, tenant) VALUES (?, ?, ?, ?)",
        (run.backend, run.app, run.app_version, run.tenant),
    )


def renew_lease(txn: Transaction, command: RenewLease) -> Lease:
    row = leased(txn, command.lease)
    until = command.now + timedelta(seconds=command.lease_seconds)
    txn.execute("UPDATE hitl_runs SET until = ? WHERE key = ?", (micros(until), row.key))
    return Lease(command.lease.run_id, command.lease.owner, command.lease.fence, until)


def claim_runs(txn: Transaction, command: ClaimRuns) -> tuple[Claimed, ...]:
    claimed: list[Claimed] = []
    for row in claimable(txn, command):
        one = _claim(txn, command, row)
        claimed += [one] if one else []
    return tuple(claimed)


def claimable(view: View, command: ClaimRuns) -> list[RunRow]:
    """The runs that the command would take: ready ones, oldest first, then those with an ended lease."""
    found: list[RunRow] = []
    for sql, given in _candidates(view, command):
        for row in _pages(view, sql, given, command.limit):
            if len(found) == command.limit:
                return found
            if not of_run(view, row):
                found.append(row)
    return found


def _pages(view: View, sql: str, given: tuple[Any, ...], size: int) -> Iterator[RunRow]:
    """Rows in pages, each locked as it is read where others write at the same time."""
    passed = 0
    while True:
        rows = view.execute(sql, (*given, size, passed)).fetchall()
        yield from map(RunRow._make, rows)
        if len(rows) < size:
            return
        passed += size


def _candidates(view: View, command: ClaimRuns) -> list[tuple[str, tuple[Any, ...]]]:
    narrow, given = _narrow(command)
    ready = f"{SELECT_READY} WHERE TRUE{narrow} ORDER BY w.run{_PAGE}{view.unless_locked('r', 'w')}"
    ended = f"{SELECT_RUN} WHERE r.state = 'running' AND r.until <= ?{narrow} ORDER BY r.until, r.key{_PAGE}"
    return [
        (ready, given),
        (ended + view.unless_locked("r"), (micros(command.now), *given)),
    ]


_PAGE: Final = " LIMIT ? OFFSET ?"


def _narrow(command: ClaimRuns) -> tuple[str, tuple[Any, ...]]:
    sql, given = "", list[Any]()
    if command.run_id is not None:
        sql, given = " AND r.id = ?", [column(command.run_id)]
    if command.only_undos:
        sql += " AND json_extract(r.more, '$.undoes') IS NOT NULL"
    for name, allowed in (("backend", command.backends), ("app", command.apps)):
        if allowed:
            sql += f" AND a.{name} IN ({', '.join('?' * len(allowed))})"
            given += allowed
    return sql, tuple(given)


def _claim(txn: Transaction, command: ClaimRuns, row: RunRow) -> Claimed | None:
    """Take one run. One that cannot be read fails here, so that it does not come up again and again."""
    interrupted = row.state == RunState.RUNNING
    move(txn, row, RunEvent.CLAIM, command.now, _LEASED, command.owner, _until(command))
    try:
        claimed = taken(txn, row, interrupted=interrupted)
        claimed = claimed if interrupted else replace(claimed, ready_at=instant(row.updated))
    except RowCorrupt as exc:
        txn.skip("run", row.name, exc)
        taken_row = row._replace(state=RunState.RUNNING)
        move(txn, taken_row, RunEvent.FAIL, command.now, FREED + ", error = ?", f"{exc.code} {exc}")
        txn.note(AuditEvent.RUN_FAILED, row.name, command.owner, command.now, {"code": exc.code}, run=row.key)
        return None
    body: dict[str, Json] = {"fence": claimed.lease.fence, "interrupted": interrupted}
    body |= {} if interrupted else {"ready": row.updated}
    txn.note(AuditEvent.RUN_CLAIMED, row.name, command.owner, command.now, body, run=row.key)
    return claimed


def taken(txn: Transaction, row: RunRow, *, interrupted: bool = False) -> Claimed:
    """The Claimed of a run that was just leased. Raises RowCorrupt."""
    now = by_key(txn, row.key)
    checkpoint = bodies.get(txn, now.checkpoint, what=f"checkpoint of run {now.name}")
    record = run_record(txn, now, pending(txn, now.key))
    return Claimed(record, now.lease, checkpoint, first=now.turns == 0, interrupted=interrupted)


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
    for stop in of_run(txn, row):
        raise stop.holds_back(f"run {row.name}")
    txn.execute(_DROP_OUTPUT, (row.output, row.key))
    also = _LEASED + ", output = NULL, error = NULL, more = ?"
    move(txn, row, RunEvent.REOPEN, command.now, also, command.owner, _until(command), _not_overridden(row))
    gone = requests.withdraw(
        txn, RequestEvent.SUPERSEDE, "run = ?", row.key, why=f"taken back by {command.by}: {command.reason}"
    )
    body: dict[str, Json] = {"reopened": command.reason, "superseded": [*gone], "fence": row.fence + 1}
    body["authenticated_by"] = command.authenticated_by
    txn.note(AuditEvent.RUN_CLAIMED, row.name, command.by, command.now, body, run=row.key)
    return taken(txn, row)


def _not_overridden(row: RunRow) -> str | None:
    """What a run's row says besides, without who has replaced its output: that is gone."""
    if row.more is None:
        return None
    left = {key: value for key, value in json.loads(row.more).items() if key != "overridden"}
    return bodies.json_text(left, what="run")


def _until(command: ClaimRuns | ReopenRun) -> int:
    return micros(command.now + timedelta(seconds=command.lease_seconds))
