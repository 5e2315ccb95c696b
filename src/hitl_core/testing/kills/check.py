"""The proof: what the ledger, the model's log, the store and the audit trail say about one run, held together. Pure.

faults(evidence)        # [] or a sentence for everything that must not be
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...commands import Effect, Settled
from ...lifecycle import ActionState
from ...protocol import AuditEntry, Run, RunState
from ..scripted_model import CallEntry
from .approved import arguments_of, unapproved
from .stories import FREE, Story


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is left of a run.

    `lives`: the model calls that each process made, in order; `killed`: which of these processes were killed.
    `audit_findings`: what is wrong with the chain of the audit trail.
    """

    story: Story
    runs: tuple[Run, ...]
    ledger: tuple[dict[str, Any], ...]
    lives: tuple[tuple[CallEntry, ...], ...]
    killed: tuple[bool, ...]
    effects: tuple[Effect, ...]
    requests: tuple[Settled, ...]
    audit: tuple[AuditEntry, ...]
    audit_findings: tuple[str, ...] = ()


def faults(evidence: Evidence) -> list[str]:
    """Everything that is wrong, a sentence each."""
    return [
        *_of_the_run(evidence),
        *_of_the_ledger(evidence),
        *_of_decisions(evidence),
        *_of_the_model(evidence),
        *(f"audit: {finding}" for finding in evidence.audit_findings),
    ]


# ── the run, and what happened ───────────────────────────────────────────────────────────────────────────────


def _of_the_run(evidence: Evidence) -> Iterator[str]:
    if len(evidence.runs) != 1:
        yield f"there are {len(evidence.runs)} runs, not one"
    for run in evidence.runs:
        if run.state is not RunState.COMPLETED:
            yield f"the run is {run.state.value}, not completed: {run.error or [each.title for each in run.pending]}"
    for effect in evidence.effects:
        if effect.state in (ActionState.EXECUTING, ActionState.IN_DOUBT):
            yield f"the call {effect.call} of a run that is over is {effect.state.value}"


def _of_the_ledger(evidence: Evidence) -> Iterator[str]:
    """Each effect once, and just those of the story."""
    for key, times in Counter(line["key"] for line in evidence.ledger).items():
        if times > 1:
            yield f"the effect of {key} happened {times} times"
    happened = Counter(_shown(line["tool"], arguments_of(line)) for line in evidence.ledger)
    wanted = Counter(_shown(call.tool, call.arguments) for call in evidence.story.happens)
    yield from (f"{times} too many: {what}" for what, times in (happened - wanted).items())
    yield from (f"{times} too few: {what}" for what, times in (wanted - happened).items())


def _shown(tool: str, arguments: Any) -> str:
    return f"{tool} {json.dumps(arguments, sort_keys=True)}"


def _of_decisions(evidence: Evidence) -> Iterator[str]:
    for line in evidence.ledger:
        yield from unapproved(line, evidence.effects, evidence.requests, evidence.audit, free=FREE)


# ── the model ────────────────────────────────────────────────────────────────────────────────────────────────


def _of_the_model(evidence: Evidence) -> Iterator[str]:
    """Only the call in flight at a kill is made again: the last one of a process that was killed, by a later one."""
    answered = [
        [(entry.model, entry.digest) for entry in calls if entry.answered and entry.digest] for calls in evidence.lives
    ]
    latest: dict[tuple[str | None, str | None], int] = {}
    for number, calls in enumerate(answered):
        for place, call in enumerate(calls):
            before = latest.get(call)
            if call in calls[:place]:
                yield f"process {number + 1} made a call of the model twice: {call[1]}"
            elif before is not None and not (evidence.killed[before] and answered[before][-1] == call):
                yield f"process {number + 1} made a call of the model again that process {before + 1} had finished"
        latest.update(dict.fromkeys(calls, number))
