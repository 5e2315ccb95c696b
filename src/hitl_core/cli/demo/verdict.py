"""The last line of the demo: what was promised, held against what the ledger counted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...commands import Effect, Settled
from ...lifecycle import ActionState
from ...protocol import Answer, Approve, Cancel, Edit, Reject, Run, RunState
from .world import STORY


@dataclass(frozen=True, slots=True)
class Told:
    """What the store says about one run of the story."""

    run: Run
    requests: Sequence[Settled]
    effects: Sequence[Effect]


def verdict(told: Told, *, counted: int) -> tuple[bool, str]:
    """Whether the ledger holds what people allowed, in one sentence. `counted` are its lines with the effect."""
    asked = [each for each in told.requests if each.request.action.tool == STORY.effect]
    allowed = [each for each in told.effects if each.action.tool == STORY.effect and each.state is ActionState.EXECUTED]
    if counted != len(allowed):
        return False, f"NOT AS PROMISED: {counted} {STORY.noun}s in the ledger, {len(allowed)} were allowed."
    if told.run.state is RunState.FAILED:
        return False, "The run failed; its error is above."
    if told.run.state not in (RunState.COMPLETED, RunState.CANCELLED):
        return False, f"Nothing is decided yet; the run is {told.run.state}."
    return True, f"{_counted(counted)}{_because(asked, counted)}"


def _counted(count: int) -> str:
    match count:
        case 0:
            return f"No {STORY.noun} was issued"
        case 1:
            return f"The {STORY.noun} was issued once"
        case _:
            return f"{count} {STORY.noun}s were issued"


def _because(asked: Sequence[Settled], counted: int) -> str:
    if not asked:
        return "; the policy needed nobody for that." if counted else "; the policy does not allow it, or nobody asked."
    response = asked[-1].response
    if response is None:
        return ": it was never decided."
    who = response.responder.id
    match response.decision:
        case Approve():
            return f", after {who} approved it."
        case Edit():
            return f", after {who} changed it."
        case Reject():
            return f": {who} rejected it."
        case Answer():
            return f": {who} answered in its place."
        case Cancel():
            return f": {who} ended the run."
        case _:
            return f": {who} decided {response.decision.type!r}."
