"""Who let an effect happen: the decision in the audit trail that is before it, and of the same arguments. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ...commands import Effect, Settled
from ...protocol import Accept, Action, Approve, AuditEntry, AuditEvent, Edit


def unapproved(
    line: dict[str, Any],
    effects: Iterable[Effect],
    requests: Iterable[Settled],
    audit: Collection[AuditEntry],
    *,
    free: Collection[str] = (),
) -> Iterator[str]:
    """What is wrong with one line of the ledger (its tool, its key, its arguments), a sentence each.

    `effects` and `requests` are those of its run; `free` are the tools that need no decision.
    """
    run, _, named = str(line["key"]).partition(":")
    call = named or f"{line['tool']}, outside a call of the gate,"
    action = next((each.action for each in effects if each.call == call), None)
    started = _started(audit, run, call)
    if action is None or started is None:
        yield f"{call} happened, and the store and the audit trail do not know that it began"
        return
    if action.arguments != arguments_of(line):
        yield f"{call} happened with {arguments_of(line)}, not with {action.arguments} as it was recorded"
    if body_of(started)["digest"] != action.digest:
        yield f"{call} began with another digest in the audit trail than in the store"
    asked = [settled for settled in requests if settled.request.call == call and not settled.request.in_doubt]
    if line["tool"] not in free and not any(_lets(audit, each, action, before=started.seq) for each in asked):
        yield f"{call} happened, and no decision before it lets it happen with {action.arguments}"


def arguments_of(line: dict[str, Any]) -> dict[str, Any]:
    """What a line of the ledger says that the effect happened with."""
    return {name: value for name, value in line.items() if name not in ("tool", "key")}


def body_of(entry: AuditEntry) -> dict[str, Any]:
    """What a line of the trail says."""
    made: dict[str, Any] = json.loads(entry.body)
    return made


def _started(audit: Iterable[AuditEntry], run: str, call: str) -> AuditEntry | None:
    """The first time that the call began."""
    begun = (entry for entry in audit if entry.event == AuditEvent.EFFECT_STARTED and entry.subject == run)
    return next((entry for entry in begun if body_of(entry)["call"] == call), None)


def _lets(audit: Iterable[AuditEntry], settled: Settled, action: Action, *, before: int) -> bool:
    """Whether this request was decided in the trail, before that line, and the decision lets just this action run."""
    if settled.response is None:
        return False
    shown, decision = settled.request.action, settled.response.decision
    match decision:
        case Approve() | Accept(arguments=None):
            allowed = shown
        case Edit(arguments=arguments) | Accept(arguments=dict(arguments)):
            allowed = shown.edited(arguments)
        case _:
            return False
    lines = (
        entry
        for entry in audit
        if entry.event == AuditEvent.REQUEST_DECIDED and entry.subject == settled.request.id and entry.seq < before
    )
    said = [(body_of(entry)["decision"], body_of(entry)["digest"]) for entry in lines]
    return allowed.digest == action.digest and said == [(decision.type, shown.digest)]
