"""Effects: what a tool does to the world. `executing` is written before it, what happened after it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, assert_never

from ....commands import BeginEffect, Effect, EndEffect, MoveEffect, PerformEffect, RecordRefusal
from ....errors import LeaseLost
from ....lifecycle import ACTION, ActionEvent, ActionState, IllegalMove, RequestEvent
from ....protocol import Action, AuditEvent, EffectMode, Executed, Failed, Json, RunState, micros
from ..tables import EFFECT, EffectRow, RequestRow, RunRow, Transaction, View, bodies, column, requests
from ..tables import RUN as SELECT_RUN
from . import slips, stops
from .counting import check_past, count
from .endings import ERROR_LENGTH
from .grants import note_use, permit
from .permission import check, take
from .runs import leased

_AT: Final = f"{EFFECT} WHERE e.run = ? AND e.call = ?"


def find(view: View, run: int, call: str) -> EffectRow | None:
    found = view.one(_AT, run, call)
    return None if found is None else EffectRow.of(found)


def _must_find(view: View, run: RunRow, call: str) -> EffectRow:
    found = find(view, run.key, call)
    if found is None:
        raise IllegalMove(f"run {run.name!r} has no action at the call {call!r}; begin it first")
    return found


# ── refusing ─────────────────────────────────────────────────────────────────────────────────────────────────


def record_refusal(txn: Transaction, command: RecordRefusal) -> None:
    run = leased(txn, command.lease)
    known = find(txn, run.key, command.call)
    if known is not None and known.state == ActionState.REFUSED:
        return
    why = str(command.note.body.get("why", ""))[:ERROR_LENGTH]
    if known is None:
        _insert(txn, run, command.call, command.action, ActionState.REFUSED, command.lease.fence, error=why)
    elif known.state in ACTION.sources(ActionEvent.REFUSE):
        _move(txn, known, ActionEvent.REFUSE, ", error = ?", why)
    txn.write(command.note, command.now, run=run.key)


# ── beginning and ending ─────────────────────────────────────────────────────────────────────────────────────


def begin_effect(txn: Transaction, command: BeginEffect) -> Effect:
    run = leased(txn, command.lease)
    _ahead(txn, command, run)
    known = find(txn, run.key, command.call)
    notice = None if command.notice is None else requests.check(command.notice, run)
    request = check(txn, command, run, known)
    begun_before = 0 if known is None else known.key
    check_past(txn, command, begun_before)
    granted = permit(txn, command, run, begun_before)
    key = _start(txn, command, run, known, request)
    if granted is not None:
        note_use(txn, command, run, granted, key)
    if granted is not None or (known is not None and known.grant is not None):
        txn.execute("UPDATE hitl_effects SET granted = ? WHERE key = ?", (granted, key))
    count(txn, command, key)
    take(txn, run, command.call, key)
    if request is not None:
        requests.move(txn, RequestEvent.CONSUME, "key = ?", request.key)
    if command.notice is not None and notice is not None:
        requests.insert(txn, run, command.notice, notice, command.now, ())
        slips.untold(txn, command.notice.id, command.untold, command.now)
    if command.note is not None:
        txn.write(command.note, command.now, run=run.key)
    begun = _by_key(txn, key)
    _note_started(txn, command, run, begun)
    return begun


def _ahead(txn: Transaction, command: BeginEffect, run: RunRow) -> None:
    """What an action that begins is judged by."""
    txn.link.ahead(_AT, (run.key, command.call))
    stops.ahead(txn, run, command.action)
    if command.request_id is not None:
        requests.ahead_of_id(txn, command.request_id)
    txn.link.expects("hitl_effects")


def _start(
    txn: Transaction, command: BeginEffect, run: RunRow, known: EffectRow | None, request: RequestRow | None
) -> int:
    asked = None if request is None else request.key
    if known is None:
        state, fence, mode = ActionState.EXECUTING, command.lease.fence, command.mode
        return _insert(txn, run, command.call, command.action, state, fence, mode=mode, attempts=1, request=asked)
    also = ", mode = ?, attempts = attempts + 1, fence = ?, request = COALESCE(?, request)"
    values = (command.mode, command.lease.fence, asked)
    if known.state == ActionState.ALLOWED:
        bodies.replace(txn, known.action, _packed(command.action))
        _move(txn, known, ActionEvent.BEGIN, also, *values)
    else:
        # An idempotent call whose worker died stays `executing` and is begun again under the same key.
        txn.execute(f"UPDATE hitl_effects SET state = state{also} WHERE key = ?", (*values, known.key))  # noqa: S608
    return known.key


def end_effect(txn: Transaction, command: EndEffect) -> Effect:
    run = _begun_in(txn, command)
    known = _must_find(txn, run, command.call)
    if known.state == ActionState.EXECUTING and known.fence != command.lease.fence:
        raise LeaseLost(f"the call {command.call!r} was begun under another lease; what it did is in doubt")
    _end(txn, run, known, command)
    return _by_key(txn, known.key)


def _begun_in(txn: Transaction, command: EndEffect) -> RunRow:
    """The run of an effect, for whoever holds it; late also for who held it when it was cancelled, and alone knows what
    came of the effect. Raises LeaseLost.
    """
    try:
        return leased(txn, command.lease)
    except LeaseLost:
        if not command.late:
            raise
        found = txn.one(f"{SELECT_RUN} WHERE r.id = ?", column(command.lease.run_id))
        if found is None or (run := RunRow.of(found)).state != RunState.CANCELLED:
            raise
        known = find(txn, run.key, command.call)
        if known is None or (known.state, known.fence) != (ActionState.IN_DOUBT, command.lease.fence):
            raise
        return run


_LATE: Final = {ActionEvent.SUCCEED: ActionEvent.CONFIRM_HAPPENED, ActionEvent.FAIL: ActionEvent.ABANDON}
"""How what is in doubt since its run was cancelled moves when its outcome comes after all."""


def _end(txn: Transaction, run: RunRow, known: EffectRow, command: EndEffect) -> None:
    late = known.state == ActionState.IN_DOUBT
    succeed, fail = _LATE.values() if late else _LATE
    match command.outcome:
        case Executed(result=result):
            body = None if result is None else bodies.pack(result, what="result", limit=bodies.RESULT_LIMIT)
            also = ", result = ?, error = NULL, ended = ?"
            _move(txn, known, succeed, also, bodies.put_value(txn, body), micros(command.now))
            event, told = AuditEvent.EFFECT_EXECUTED, {} if body is None else {"result": body.digest.hex()}
        case Failed(error=error):
            _move(txn, known, fail, ", error = ?", error[:ERROR_LENGTH])
            event, told = AuditEvent.EFFECT_FAILED, {}
        case _:
            assert_never(command.outcome)
    _close_request(txn, run, known)
    _note(txn, event, run, known.call, command.lease.owner, command.now, **told)


def perform_effect(txn: Transaction, command: PerformEffect) -> Effect:
    """Begin, do it, end, in this transaction. What `effect` wrote goes if it raises; that it failed stays."""
    begin = command.begin
    begun = begin_effect(txn, begin)
    txn.execute("SAVEPOINT hitl_effect")
    try:
        with txn.link.lend() as connection:
            result = command.effect(connection)
        ended = end_effect(txn, EndEffect(begin.lease, begun.call, Executed(result), begin.now))
    except Exception as exc:
        txn.link.take_back("hitl_effect", exc)
        error = f"{type(exc).__name__}: {exc}"
        ended = end_effect(txn, EndEffect(begin.lease, begun.call, Failed(error), begin.now))
    txn.execute("RELEASE hitl_effect")
    return ended


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────

_SETTLING: Final = (
    ActionEvent.LOSE,
    ActionEvent.SUSPEND,
    ActionEvent.CONFIRM_HAPPENED,
    ActionEvent.CONFIRM_NOT_HAPPENED,
    ActionEvent.ABANDON,
)


def move_effect(txn: Transaction, command: MoveEffect) -> Effect:
    run = leased(txn, command.lease)
    known = _must_find(txn, run, command.call)
    _check_move(command, known)
    happened = command.event is ActionEvent.CONFIRM_HAPPENED and command.result is not None
    body = bodies.pack(command.result, what="result", limit=bodies.RESULT_LIMIT) if happened else None
    abandoned = "abandoned: nobody knows whether it happened" if command.event is ActionEvent.ABANDON else None
    values = (bodies.put_value(txn, body), abandoned)
    _move(txn, known, command.event, ", result = COALESCE(?, result), error = COALESCE(?, error)", *values)
    if command.event in (ActionEvent.CONFIRM_HAPPENED, ActionEvent.ABANDON):
        _close_request(txn, run, known)
    event = AuditEvent.EFFECT_IN_DOUBT if command.event is ActionEvent.LOSE else AuditEvent.EFFECT_SETTLED
    _note(txn, event, run, known.call, command.by, command.now, **{"as": command.event})
    return _by_key(txn, known.key)


def _check_move(command: MoveEffect, known: EffectRow) -> None:
    if command.event not in _SETTLING:
        raise IllegalMove(f"an action cannot be moved by {command.event}; possible: {', '.join(sorted(_SETTLING))}")
    if command.event is ActionEvent.LOSE and known.fence >= command.lease.fence:
        raise IllegalMove(f"the call {known.call!r} was begun in this turn; only an older one can be lost")
    ACTION.advance(ActionState(known.state), command.event)


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

_INSERT: Final = """INSERT INTO hitl_effects (run, call, state, mode, attempts, fence, request, action, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _insert(
    txn: Transaction,
    run: RunRow,
    call: str,
    action: Action,
    state: ActionState,
    fence: int,
    *,
    mode: EffectMode = EffectMode.LEDGER,
    attempts: int = 0,
    request: int | None = None,
    error: str = "",
) -> int:
    body = bodies.put(txn, _packed(action))
    return txn.link.insert(_INSERT, (run.key, call, state, mode, attempts, fence, request, body, error or None))


def _packed(action: Action) -> bodies.Body:
    text = action.model_dump_json(exclude_defaults=True)
    return bodies.pack_text(text, what="action", limit=bodies.REQUEST_LIMIT)


def _move(txn: Transaction, row: EffectRow, event: ActionEvent, also: str, *values: Any) -> None:
    """Move an action along the table of lifecycle.py. Raises IllegalMove."""
    target = ACTION.advance(ActionState(row.state), event)
    sql = f"UPDATE hitl_effects SET state = ?{also} WHERE key = ?"  # noqa: S608
    txn.execute(sql, (target, *values, row.key))


def _by_key(view: View, key: int) -> Effect:
    found = view.one(f"{EFFECT} WHERE e.key = ?", key)
    assert found is not None
    return EffectRow.of(found).record()


def _close_request(txn: Transaction, run: RunRow, row: EffectRow) -> None:
    requests.move(txn, RequestEvent.CLOSE, "run = ? AND call = ?", run.key, row.call)


def _note_started(txn: Transaction, command: BeginEffect, run: RunRow, begun: Effect) -> None:
    told: dict[str, Json] = {"tool": begun.action.tool, "digest": begun.action.digest, "mode": begun.mode}
    told |= {"attempt": begun.attempts, "request": begun.request_id}
    told |= {} if begun.grant_id is None else {"grant": begun.grant_id}
    _note(txn, AuditEvent.EFFECT_STARTED, run, begun.call, command.lease.owner, command.now, **told)


def _note(txn: Transaction, event: AuditEvent, run: RunRow, call: str, actor: str, now: datetime, **told: Json) -> None:
    txn.note(event, run.name, actor, now, {"call": call, **told}, run=run.key)
