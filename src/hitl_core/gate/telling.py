"""What the agent is told of what people did beside edits and refusals, which it always is told of. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..commands import Effect, Settled
from ..protocol import Kind, Proceed, Reply, Substitute, Verdict
from .surroundings import Surroundings

APPROVED: Final = "A person approved this call before it ran."
ANSWERED: Final = "A person gave this result; the tool did not run."

_DONE: Final[dict[str, str]] = {Reply.APPROVE: APPROVED, Reply.ACCEPT: APPROVED, Reply.ANSWER: ANSWERED}


def telling(around: Surroundings, settled: Settled, found: Verdict) -> Verdict:
    """A verdict with what a person did, where that is to be told and is not told already."""
    if not around.tells_everything or not isinstance(found, Proceed | Substitute) or found.note:
        return found
    return replace(found, note=_done(settled))


def told(around: Surroundings, effect: Effect, settled: Settled | None) -> str:
    """The same about a call that has begun: asked again, the agent hears again what it heard then."""
    about = settled is not None and settled.request.id == effect.request_id
    return _done(settled) if around.tells_everything and about and settled is not None else ""


def _done(settled: Settled) -> str:
    """What a person did, in words for a model; "" where nobody did anything, or a question was answered."""
    if settled.response is None or settled.request.kind is not Kind.APPROVAL:
        return ""
    return _DONE.get(settled.response.decision.type, "")
