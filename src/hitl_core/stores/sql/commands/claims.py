"""ClaimRuns: which runs a worker gets. Tenants take turns, and what it cannot load is passed over, not read.

What is ready stands in lanes: one for each app, version, form of checkpoint and tenant. The lanes are gone through one
after the other, each by one look at an index, however much waits in those that are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from ....commands import Claimed, ClaimRuns
from ....errors import RowCorrupt
from ....lifecycle import RunEvent
from ....protocol import AuditEvent, Json, RunState, micros
from ..tables import READY, RUN, RunRow, Transaction, View, column
from .runs import FREED, TAKEN, lease_to, move, taken
from .stops import of_run


def claim_runs(txn: Transaction, command: ClaimRuns) -> tuple[Claimed, ...]:
    while rows := claimable(txn, command):
        claimed = [one for row in rows if (one := _claim(txn, command, row)) is not None]
        if claimed:  # else all of them have failed here, and others may be behind them
            return tuple(claimed)
    return ()


def is_idle(view: View, command: ClaimRuns) -> bool:
    """Whether there is nothing to claim."""
    if command.run_id is not None:
        found = view.one(_LOOK, column(command.run_id), micros(command.now))
        if found is None or not found[0]:
            return found is None
    return not claimable(view, command, 1)


# ── which ────────────────────────────────────────────────────────────────────────────────────────────────────


def claimable(view: View, command: ClaimRuns, most: int | None = None) -> list[RunRow]:
    """The runs that the command would take: those whose time has come, then ready ones, lane by lane."""
    if command.run_id is not None:
        return list(_named(view, command, command.run_id))
    limit = command.limit if most is None else most
    due, lanes = _look(view, command, limit)
    anything = view.one(_ANY_STOP) is not None
    found = _some(view, _due(view, command, limit), limit, anything) if due else []
    suspects = [row for row in found if _is_suspect(command, row)]
    if suspects and command.alone:
        return suspects[:1]
    if any(_waits_for_long(command, row) for row in suspects):
        return []
    found = [row for row in found if row not in suspects]
    for number, lane in enumerate(lanes):
        share = -(-(limit - len(found)) // (len(lanes) - number))
        found += _some(view, _of_lane(view, command, lane, share), share, anything)
    return found


SUSPECT: Final = 2
"""After so many workers that died in one turn of a run, what else they worked on was perhaps only beside it."""


def _is_suspect(command: ClaimRuns, row: RunRow) -> bool:
    """Whether the run may be what its workers die of. One that has had its tries is no danger: it fails at once."""
    return row.owner is not None and SUSPECT <= row.tries < command.tries


def _waits_for_long(command: ClaimRuns, row: RunRow) -> bool:
    """Whether nobody was free for it for a whole lease: then who is asked now takes nothing else until they are."""
    return row.until is not None and row.until <= micros(command.now - timedelta(seconds=command.lease_seconds))


def _some(view: View, rows: Iterator[RunRow], most: int, stopped: bool) -> list[RunRow]:
    """So many of the rows, without those that a stop covers; `stopped`: one is in force that may."""
    found: list[RunRow] = []
    while len(found) < most and (row := next(rows, None)) is not None:
        found += [] if stopped and of_run(view, row) else [row]
    return found


def _named(view: View, command: ClaimRuns, name: str) -> Iterator[RunRow]:
    """One run, if it can be taken. That it is at work already is judged by its own row, which is locked."""
    narrow, given = _narrow(command)
    sql = f"{RUN} WHERE r.id = ? AND {_FREE}{narrow}{view.unless_locked('r')}"
    rows = view.execute(sql, (column(name), micros(command.now), *given)).fetchall()
    return (row for row in map(RunRow._make, rows) if not of_run(view, row))


_FREE: Final = """(r.state = 'ready' OR (r.state <> 'running' AND w.run IS NOT NULL)
    OR (r.state = 'running' AND r.until <= ?))"""
_LOOK: Final = f"""SELECT EXISTS (SELECT 1 FROM hitl_stops) FROM hitl_runs r
    LEFT JOIN hitl_woken w ON w.app = r.app AND w.run = r.key WHERE r.id = ? AND {_FREE}"""  # noqa: S608
"""Whether one run can be taken, as far as its row says; and whether anything is stopped: then there is more to see."""


def _due(view: View, command: ClaimRuns, size: int) -> Iterator[RunRow]:
    """Runs under a lease that has ended, and turns that broke and are tried again by now."""
    narrow, given = _narrow(command)
    sql = f"{RUN} WHERE r.until <= ?{narrow} ORDER BY r.until, r.key{_PAGE}{view.unless_locked('r')}"
    return _pages(view, sql, (micros(command.now), *given), size)


def _of_lane(view: View, command: ClaimRuns, lane: int, size: int) -> Iterator[RunRow]:
    undos = _UNDOS if command.only_undos else ""
    sql = f"{READY} WHERE w.app = ?{undos} ORDER BY w.run{_PAGE}{view.unless_locked('r', 'w')}"
    return _pages(view, sql, (lane,), size)


def _pages(view: View, sql: str, given: tuple[Any, ...], size: int) -> Iterator[RunRow]:
    """Rows in pages, each locked as it is read where others write at the same time."""
    passed = 0
    while True:
        rows = view.execute(sql, (*given, size, passed)).fetchall()
        yield from map(RunRow._make, rows)
        if len(rows) < size:
            return
        passed += size


_PAGE: Final = " LIMIT ? OFFSET ?"
_UNDOS: Final = " AND json_extract(r.more, '$.undoes') IS NOT NULL"

# ── whose turn it is ─────────────────────────────────────────────────────────────────────────────────────────

_LANES: Final = """WITH RECURSIVE lanes (app) AS (SELECT MIN(app) FROM hitl_woken WHERE app > {last} UNION ALL
    SELECT (SELECT MIN(o.app) FROM hitl_woken o WHERE o.app > lanes.app) FROM lanes WHERE lanes.app IS NOT NULL)
    SELECT {turn}, a.key FROM lanes CROSS JOIN hitl_apps a ON a.key = lanes.app
    WHERE a.tenant NOT IN (SELECT target FROM hitl_stops WHERE scope = 'tenant')"""
_ANY_DUE: Final = "SELECT 0, 0 FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app WHERE r.until <= ?"
_LAST: Final = "COALESCE((SELECT app FROM hitl_runs WHERE id = ?), 0)"
_ANY_STOP: Final = "SELECT 1 FROM hitl_stops LIMIT 1"


def _look(view: View, command: ClaimRuns, places: int) -> tuple[bool, list[int]]:
    """Whether anything is due, and the lanes whose turn it is, as many as there are places.

    They begin after the lane of the run which was taken last, and go round.
    """
    narrow, given = _of_app(command)
    looks = [f"SELECT * FROM ({_ANY_DUE}{narrow} LIMIT 1) d", _lanes(narrow, "0", 2)]  # noqa: S608
    values: tuple[Any, ...] = (micros(command.now), *given, *given, places)
    if command.after is not None:
        looks.insert(1, _lanes(narrow, _LAST, 1))
        values = (micros(command.now), *given, column(command.after), *given, places, *given, places)
    view.link.ahead(_ANY_STOP)
    rows = view.execute(" UNION ALL ".join(looks), values).fetchall()
    in_turn = [lane for _, lane in sorted(rows) if lane]  # those of the second round stand behind those of the first
    return (0, 0) in rows, list(dict.fromkeys(in_turn))[:places]


def _lanes(narrow: str, last: str, turn: int) -> str:
    return f"SELECT * FROM ({_LANES.format(last=last, turn=turn)}{narrow} LIMIT ?) l{turn}"  # noqa: S608


def _narrow(command: ClaimRuns) -> tuple[str, tuple[Any, ...]]:
    sql, given = _of_app(command)
    return (sql + _UNDOS if command.only_undos else sql), given


def _of_app(command: ClaimRuns) -> tuple[str, tuple[Any, ...]]:
    """What the caller can load."""
    sql, given = "", list[Any]()
    loads: tuple[tuple[str, Sequence[str]], ...] = (
        ("backend", command.backends),
        ("app", command.apps),
        ("version", command.versions),
        ("format", command.formats),
    )
    for name, allowed in loads:
        if allowed:
            sql += f" AND a.{name} IN ({', '.join('?' * len(allowed))})"
            given += allowed
    return sql, tuple(given)


# ── taking ───────────────────────────────────────────────────────────────────────────────────────────────────


def _claim(txn: Transaction, command: ClaimRuns, row: RunRow) -> Claimed | None:
    """Take one run. One that cannot be read, or has had its tries, fails here: it does not come up again and again."""
    interrupted = row.owner is not None
    if interrupted and command.run_id is None and 0 < command.tries <= row.tries:
        _park(txn, command, row)
        return None
    ready = None if interrupted else max(row.updated, row.until or 0)
    try:
        now = move(txn, row, RunEvent.CLAIM, command.now, lease_to(command), counts=(*TAKEN, "tries"))
        claimed = taken(txn, now, interrupted=interrupted, ready=ready)
    except RowCorrupt as exc:
        txn.skip("run", row.name, exc)
        broken = row._replace(state=RunState.RUNNING.value)
        move(txn, broken, RunEvent.FAIL, command.now, FREED | {"error": f"{exc.code} {exc}"})
        txn.note(AuditEvent.RUN_FAILED, row.name, command.owner, command.now, {"code": exc.code}, run=row.key)
        return None
    body: dict[str, Json] = {"fence": now.fence, "interrupted": interrupted}
    body |= {} if ready is None else {"ready": ready}
    txn.note(AuditEvent.RUN_CLAIMED, row.name, command.owner, command.now, body, run=row.key)
    return claimed


def _park(txn: Transaction, command: ClaimRuns, row: RunRow) -> None:
    """A run whose turn has ended with its worker too often. Whose it was stays in its row: that turn never ended."""
    error = (
        f"its turn did not end: the last {row.tries} workers that had it died or were frozen in it, the last one was "
        f"{row.owner}. It is not tried again by itself; `hitl resume` tries it once a person has seen to the cause"
    )
    error += f". Before that it had failed: {row.error}" if row.error else ""
    move(txn, row, RunEvent.FAIL, command.now, {"until": None, "error": error})
    txn.note(AuditEvent.RUN_FAILED, row.name, command.owner, command.now, {"tries": row.tries}, run=row.key)
