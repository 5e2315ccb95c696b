"""Queries: one function each, on a connection that sees one consistent state. The inbox has a file of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ....commands import (
    Effect,
    GetCheckpoint,
    GetRequest,
    GetRun,
    Known,
    Lease,
    ListAsked,
    ListAssigned,
    ListEffects,
    ListGuidance,
    ListLeases,
    ListOverrides,
    ListRuns,
    ListStops,
    ListUndone,
    ListVersions,
    Look,
    Override,
    Page,
    ReadHistory,
    Recall,
    Settled,
    Stop,
    Undone,
)
from ....errors import RequestNotFound, RowCorrupt
from ....lifecycle import ActionState
from ....policy import Past
from ....protocol import DraftVersion, Guidance, Json, Run, instant
from ..commands import covering, find, in_force, own_effect, past
from ..tables import (
    EFFECT,
    GUIDANCE,
    RUN,
    EffectRow,
    RunRow,
    View,
    ahead_of_newest,
    bodies,
    column,
    drafts,
    guidance_record,
    key_of,
    last_assigned,
    newest_request,
    pending,
    remembered,
    request_by_id,
    request_by_key,
    run_record,
    text,
    word,
)

# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def get_run(view: View, query: GetRun) -> Run:
    row = find(view, query.run_id)
    return run_record(view, row, pending(view, row.key))


def get_checkpoint(view: View, query: GetCheckpoint) -> Json:
    row = find(view, query.run_id)
    return bodies.get(view, row.checkpoint, what=f"checkpoint of run {row.name}")


def list_runs(view: View, query: ListRuns) -> Page[Run]:
    before = key_of(query.cursor) if query.cursor else 2**62
    states = f" AND {_STATE} IN ({', '.join('?' * len(query.states))})" if query.states else ""
    undoing = () if query.undoes is None else (query.undoes,)
    tenant = () if query.tenant is None else (query.tenant,)
    thread = () if query.thread is None else (column(query.thread),) * 2
    starter = () if query.started_by is None else (query.started_by,)
    lowest = 0 if query.within is None else _lowest(view, before, query.within)
    whose = f"{_TENANT * len(tenant)}{_STARTER * len(starter)}"
    kept = f"{states}{_UNDOES * len(undoing)}{whose}{_THREAD if thread else ''}"
    given = (before, lowest, *query.states, *undoing, *tenant, *starter, *thread, query.limit)
    sql = f"{RUN} WHERE r.key < ? AND r.key >= ?{kept} ORDER BY r.key DESC LIMIT ?"
    rows = [RunRow(*row) for row in view.execute(sql, given).fetchall()]
    if len(rows) == query.limit and rows:
        lowest = rows[-1].key
    elif not view.one("SELECT 1 FROM hitl_runs WHERE key < ? LIMIT 1", lowest):
        return Page(tuple(_readable(view, rows)))
    return Page(tuple(_readable(view, rows)), str(lowest))


def _lowest(view: View, before: int, within: int) -> int:
    """The oldest of so many runs before one."""
    found = view.one("SELECT key FROM hitl_runs WHERE key < ? ORDER BY key DESC LIMIT 1 OFFSET ?", before, within - 1)
    return 0 if found is None else int(found[0])


_TENANT: Final = " AND a.tenant = ?"
_STARTER: Final = " AND r.started_by = ?"
_THREAD: Final = """ AND r.key IN (SELECT key FROM hitl_runs WHERE thread = ? AND thread <> id
    UNION ALL SELECT key FROM hitl_runs WHERE id = ? AND thread = id)"""
"""Most runs have a thread of their own, under their own id, and no entry in an index of threads."""
_UNDOES: Final = " AND json_extract(r.more, '$.undoes') = ? AND json_extract(r.more, '$.undoes') IS NOT NULL"
_STATE: Final = "CASE WHEN w.run IS NULL THEN r.state ELSE 'ready' END"


def _readable(view: View, rows: list[RunRow]) -> list[Run]:
    found = []
    for row in rows:
        try:
            found.append(run_record(view, row))
        except RowCorrupt as exc:
            view.skip("run", row.name, exc)
    return found


def list_leases(view: View, query: ListLeases) -> tuple[Lease, ...]:
    rows = view.execute(f"{RUN} WHERE r.until IS NOT NULL AND r.state = 'running' ORDER BY r.until").fetchall()
    return tuple(RunRow(*row).lease for row in rows)


# ── requests, effects, journal ───────────────────────────────────────────────────────────────────────────────


def get_request(view: View, query: GetRequest) -> Settled:
    found = request_by_id(view, query.request_id)
    if found is None:
        raise RequestNotFound(f"there is no request {query.request_id!r} in this store; `hitl inbox` lists them")
    return found


_NEXT_ROUND: Final = """SELECT MAX(q.round) + 1 FROM hitl_requests q
    WHERE q.run = (SELECT key FROM hitl_runs WHERE id = ?) AND q.call = ?"""
_EFFECT: Final = f"{EFFECT} WHERE e.run = (SELECT key FROM hitl_runs WHERE id = ?) AND e.call = ?"  # noqa: S608


def look(view: View, query: Look) -> Known:
    place = (column(query.run_id), query.call)
    ahead_of_newest(view, query.run_id, query.call)
    view.link.ahead(_EFFECT, place)
    (next_round,) = view.one(_NEXT_ROUND, *place) or (None,)
    settled = newest_request(view, query.run_id, query.call)
    effect = view.one(_EFFECT, *place)
    return Known(settled, None if effect is None else EffectRow.of(effect).record(), next_round or 0)


def list_effects(view: View, query: ListEffects) -> tuple[Effect, ...]:
    run = view.one("SELECT key FROM hitl_runs WHERE id = ?", column(query.run_id)) or (None,)
    rows = view.execute(f"{EFFECT} WHERE e.run = ? ORDER BY e.key", run).fetchall()
    return tuple(EffectRow.of(row).record() for row in rows)


def list_undone(view: View, query: ListUndone) -> dict[str, Undone]:
    rows = view.execute(_UNDONE, (column(query.run_id),)).fetchall()
    return {
        call: Undone(text(run), word(ActionState, state, "the undo of", call), error)
        for call, run, state, error in rows
    }


_UNDONE: Final = """SELECT e.call, r.id, b.state, COALESCE(b.error, '') FROM hitl_undone u
    JOIN hitl_effects e ON e.key = u.effect JOIN hitl_effects b ON b.key = u.by JOIN hitl_runs r ON r.key = b.run
    WHERE e.run = (SELECT key FROM hitl_runs WHERE id = ?)"""


def list_overrides(view: View, query: ListOverrides) -> tuple[Override, ...]:
    sql = """SELECT call, original, body, by, reason, at FROM hitl_overrides
        WHERE run = (SELECT key FROM hitl_runs WHERE id = ?) ORDER BY key"""
    found = []
    for call, original, body, by, reason, at in view.execute(sql, (column(query.run_id),)).fetchall():
        what = f"output of run {query.run_id}"
        was, now = bodies.get(view, original, what=what), bodies.get(view, body, what=what)
        found.append(Override(call, was, now, by, reason, instant(at)))
    return tuple(found)


def recall(view: View, query: Recall) -> dict[str, Json]:
    return remembered(view, query.run_id)


def list_guidance(view: View, query: ListGuidance) -> tuple[Guidance, ...]:
    run = view.one("SELECT key FROM hitl_runs WHERE id = ?", column(query.run_id)) or (None,)
    return tuple(map(guidance_record, view.execute(f"{GUIDANCE} ORDER BY g.key", run).fetchall()))


def list_versions(view: View, query: ListVersions) -> tuple[DraftVersion, ...]:
    return drafts.versions(view, query.draft)


_ASKED: Final = """SELECT q.key FROM hitl_requests q JOIN hitl_origins o ON o.key = q.origin
    WHERE q.run = (SELECT key FROM hitl_runs WHERE id = ?) AND q.waits = 1 AND o.tool = ? ORDER BY q.key DESC LIMIT ?"""


def list_assigned(view: View, query: ListAssigned) -> dict[str, datetime]:
    return last_assigned(view, query.people, query.tenant)


def list_asked(view: View, query: ListAsked) -> tuple[Settled, ...]:
    rows = view.execute(_ASKED, (column(query.run_id), query.tool, query.limit)).fetchall()
    return tuple(request_by_key(view, key) for (key,) in rows)


# ── stops and history ────────────────────────────────────────────────────────────────────────────────


def list_stops(view: View, query: ListStops) -> tuple[Stop, ...]:
    if query.run_id is None:
        return in_force(view)
    return covering(view, run=query.run_id, tenant=query.tenant, tool=query.tool, agents=query.agents)


def read_history(view: View, query: ReadHistory) -> tuple[Past, ...]:
    own = own_effect(view, query.run_id, query.call)
    return tuple(past(view, question, query.now, own) for question in query.questions)
