"""Taking turns over one call: what a person sent back or asked about, and the agent's next call of the same tool."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ..commands import ListAsked, ListVersions, Settled
from ..lifecycle import RequestState
from ..protocol import Action, Ask, Asked, PauseRequest, Refuse, Revise, Run, Verdict
from .surroundings import Surroundings

RETURNS: Final = (Ask, Revise)
"""Decisions after which the agent is to call the same tool again, and people look at it as the same matter."""


_STANDS: Final = (RequestState.DECIDED, RequestState.CONSUMED, RequestState.CLOSED)


async def going_on(
    around: Surroundings, run: Run, request: PauseRequest, waiting: Iterable[PauseRequest]
) -> PauseRequest:
    """A new request as one that goes on from what was returned to the agent before, if anything was."""
    known = await _returned(around, run, request.action, waiting)
    if known is None:
        return request
    draft = known.request.draft or request.draft
    more = {"follows": known.request.id, "draft": request.draft and draft, "asked": _exchange(known, request)}
    return request.model_copy(update=more)


def _exchange(known: Settled, request: PauseRequest) -> tuple[Asked, ...]:
    """What was asked so far, and what the agent says now: its own words, shown as such."""
    response = known.response
    if response is None or not isinstance(response.decision, Ask):
        return known.request.asked
    question, answer = response.decision.question, request.context.message
    by = response.responder.id
    return (*known.request.asked, Asked(request_id=known.request.id, by=by, question=question, answer=answer))


async def _returned(around: Surroundings, run: Run, action: Action, waiting: Iterable[PauseRequest]) -> Settled | None:
    """The newest request about this tool, of the same agent, that was returned and that no other request follows."""
    asked = await around.store.fetch(ListAsked(run.id, action.tool))
    followed = {each.follows for each in (*waiting, *(settled.request for settled in asked))}
    for settled in asked:
        same = settled.state in _STANDS and settled.request.action.origin.agents == action.origin.agents
        response = settled.response
        if same and response and isinstance(response.decision, RETURNS) and settled.request.id not in followed:
            return settled
    return None


async def as_it_stands(around: Surroundings, settled: Settled, found: Verdict) -> Verdict:
    """A refusal that sends a draft back says how it stood then, if a person had changed it. Later the same is said."""
    response, draft = settled.response, settled.request.draft
    if not isinstance(found, Refuse) or draft is None or response is None or not isinstance(response.decision, Revise):
        return found
    versions = await around.store.fetch(ListVersions(draft))
    newest = [each for each in versions if each.request_id == settled.request.id][-1]
    if newest.by is None:
        return found
    arguments = json.dumps(newest.arguments, ensure_ascii=False)
    return Refuse(f"{found.text} {newest.by.id} has changed it meanwhile; it stands at {arguments}.")
