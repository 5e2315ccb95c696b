"""May this action begin? Everything is checked again in the transaction that is the last thing before the tool."""

from __future__ import annotations

from typing import Final, NoReturn

from ....commands import BeginEffect, Note, Settled
from ....errors import AlreadyStarted, DigestMismatch, EffectRefused, HitlError
from ....lifecycle import ActionState, RequestState
from ....protocol import UNDO, Action, AuditEvent, EffectMode, Json, changed_arguments
from ..tables import EffectRow, RequestRow, RunRow, Transaction, View, column, request_by_key, requests
from .stops import of_action


def check(txn: Transaction, command: BeginEffect, run: RunRow, effect: EffectRow | None) -> RequestRow | None:
    """The request that allows the action, None if it needs none. What is refused is recorded.

    Raises Stopped, AlreadyStarted, DigestMismatch or EffectRefused.
    """
    error, request = _examine(txn, command, run, effect)
    if error is not None:
        _refuse(txn, command, run, error)
    return request


def _refuse(txn: Transaction, command: BeginEffect, run: RunRow, error: HitlError) -> NoReturn:
    body: dict[str, Json] = {"call": command.call, "tool": command.action.tool, "digest": command.action.digest}
    note = Note(AuditEvent.ACTION_REFUSED, run.name, command.lease.owner, {**body, "code": error.code})
    txn.refuse(error, note, command.now, run=run.key)


def _examine(
    txn: Transaction, command: BeginEffect, run: RunRow, effect: EffectRow | None
) -> tuple[HitlError | None, RequestRow | None]:
    for stop in of_action(txn, run, command.action):
        return stop.holds_back(f"the call {command.call!r} of {command.action.tool!r}"), None
    undone = taken(txn, run, command.call, None if effect is None else effect.key)
    if undone is not None:
        return undone, None
    begun = None if effect is None else _begun(command, effect)
    if begun is not None:
        return begun, None
    if command.request_id is None:
        return _unasked(txn, command, run), None
    request = requests.by_id(txn, command.request_id)
    return _allowed(txn, command, run, request), request


def _begun(command: BeginEffect, effect: EffectRow) -> HitlError | None:
    """Why a call that is known cannot begin (again)."""
    if effect.state == ActionState.ALLOWED:
        return None
    if effect.state == ActionState.REFUSED:
        return EffectRefused(f"the call {command.call!r} was refused before: {effect.error or 'by a rule'}")
    idempotent = effect.mode == command.mode == EffectMode.IDEMPOTENT
    if effect.state != ActionState.EXECUTING or not idempotent or effect.fence >= command.lease.fence:
        return AlreadyStarted(f"the call {command.call!r} is {effect.state}; it is not started a second time")
    if effect.action_record().digest != command.action.digest:
        return DigestMismatch(f"the call {command.call!r} was started with other arguments; its key must not be reused")
    return None


def _unasked(txn: Transaction, command: BeginEffect, run: RunRow) -> HitlError | None:
    """A place where somebody was asked needs that answer; forgetting to name it is no way around it."""
    asked = requests.newest_at(txn, run.key, command.call)
    if asked is None or asked.allows or asked.state in (RequestState.CANCELLED, RequestState.SUPERSEDED):
        return None
    if request_by_key(txn, asked.key).request.digest != command.action.digest:
        return None  # it was about another action, for which it spoke and still speaks
    return EffectRefused(f"the call {command.call!r} has request {asked.name!r}, which is {asked.state}; it decides")


def _allowed(txn: Transaction, command: BeginEffect, run: RunRow, request: RequestRow | None) -> HitlError | None:
    """Why a request does not allow the action."""
    if request is None or request.run != run.key or request.call != command.call:
        return EffectRefused(f"request {command.request_id!r} is not about the call {command.call!r} of this run")
    standing = (RequestState.DECIDED, RequestState.EXPIRED, RequestState.CONSUMED)
    if request.state not in standing or not request.allows:
        return EffectRefused(f"request {request.name!r} is {request.state} and does not allow this call")
    known = request_by_key(txn, request.key)
    shown = known.request.digest if known.response is None else known.response.digest
    if not known.request.action.digest == known.request.digest == shown:
        return DigestMismatch(
            f"request {request.name!r} was shown as {shown} and is stored as {known.request.action.digest}: it was "
            "changed outside of hitl-core. `hitl audit verify` says what else was"
        )
    allowed = _what_was_allowed(known)
    if allowed.digest != command.action.digest:
        return DigestMismatch(
            f"request {request.name!r} allows {allowed.digest}, but {command.action.digest} would run; ask again"
        )
    return None


def _what_was_allowed(known: Settled) -> Action:
    action = known.request.action
    changed = None if known.response is None else changed_arguments(known.response.decision)
    return action if changed is None else action.edited(changed)


# ── an undo, once: whoever wants it, and however often ────────────────────────────────────────────────────────────

_EXECUTED: Final = """SELECT e.key, u.by FROM hitl_effects e LEFT JOIN hitl_undone u ON u.effect = e.key
    WHERE e.run = (SELECT key FROM hitl_runs WHERE id = ?) AND e.call = ? AND e.state = 'executed'"""


def taken(view: View, run: RunRow, call: str, own: int | None) -> EffectRefused | None:
    """Why this call of an undo may not begin: what it takes back was not carried out, or another one did so before."""
    if run.undoes is None:
        return None
    undone = call.removeprefix(UNDO)
    found = view.one(_EXECUTED, column(run.undoes), undone)
    if found is None or not call.startswith(UNDO):
        return EffectRefused(
            f"the call {call!r} does not start: run {run.undoes} has carried out nothing at {undone!r}"
        )
    if found[1] not in (None, own):
        return EffectRefused(f"the call {call!r} does not start: another undo of run {run.undoes} has begun it before")
    return None


def take(txn: Transaction, run: RunRow, call: str, own: int) -> None:
    """Write down that an effect is taken back by another one, in the transaction in which that begins."""
    if run.undoes is not None:
        (effect, _) = txn.one(_EXECUTED, column(run.undoes), call.removeprefix(UNDO)) or (None, None)
        sql = "INSERT INTO hitl_undone (effect, by) VALUES (?, ?) ON CONFLICT DO NOTHING"
        txn.execute(sql, (effect, own))
