"""Taking turns over one call: what a person sent back or asked about, and the agent's next call of the same tool."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ..commands import ListAsked, ListVersions, Settled
from ..lifecycle import RequestState
from ..protocol import Action, Ask, Asked, PauseRequest, Refuse, Revise, Run, Verdict
from .forms import Since
from .surroundings import Surroundings

RETURNS: Final = (Ask, Revise)
"""Decisions after which the agent is to call the same tool again, and people look at it as the same matter."""


_STANDS: Final = (RequestState.DECIDED, RequestState.CONSUMED, RequestState.CLOSED)


class Turns:
    """What one turn of a run asks people, and what each of it goes on from."""

    def __init__(self, around: Surroundings, run: Run) -> None:
        self._around, self._run = around, run
        self._since: dict[str, Since | None] = {}

    def lifts(self, call: str, since: Since | None) -> None:
        """A pause of the app's own is lifted at a place; `since` as in Form."""
        self._since[call] = since

    async def going_on(
        self, request: PauseRequest, since: Since | None, *, waiting: Iterable[PauseRequest]
    ) -> PauseRequest:
        """A new request as one that goes on from what was returned to the agent before, if anything was."""
        known = None if request.in_doubt else await _returned(self._around, self._run, request, waiting, since)
        if known is None:
            return request
        draft = request.draft and (known.request.draft or request.draft)
        more = {"follows": known.request.id, "draft": draft, "asked": _exchange(known, request, since)}
        return request.model_copy(update=more)

    async def all_going_on(
        self, lifted: Iterable[PauseRequest], *, waiting: Iterable[PauseRequest]
    ) -> tuple[PauseRequest, ...]:
        """The same for all that were lifted, in their order; no two go on from the same. `waiting`: what was asked for
        by proposing it, which goes on already."""
        found: list[PauseRequest] = []
        proposed = tuple(waiting)
        for each in lifted:
            since, others = self._since.get(each.call), (*proposed, *found)
            found.append(each if each in proposed else await self.going_on(each, since, waiting=others))
        return tuple(found)


def _exchange(known: Settled, request: PauseRequest, since: Since | None) -> tuple[Asked, ...]:
    """What was asked so far, and what the agent has said to it: its own words, shown as such; "" if there are none."""
    response = known.response
    if response is None or not isinstance(response.decision, Ask):
        return known.request.asked
    answer = request.context.message if since is None else since(known.request) or ""
    question, by = response.decision.question, response.responder.id
    return (*known.request.asked, Asked(request_id=known.request.id, by=by, question=question, answer=answer))


async def _returned(
    around: Surroundings, run: Run, request: PauseRequest, waiting: Iterable[PauseRequest], since: Since | None
) -> Settled | None:
    """The request about this tool, of the same agent, that was returned and that no other request follows; of several
    that are equally alike the newest."""
    asked = await around.store.fetch(ListAsked(run.id, request.action.tool))
    others = [each for each in waiting if each.call != request.call]
    followed = {each.follows for each in (*others, *(settled.request for settled in asked))}
    free = [each for each in asked if _was_returned(each, request) and each.request.id not in followed]
    free.sort(key=lambda each: _alike(each.request.action, request.action), reverse=True)
    if since is None or not free:
        return next(iter(free), None)
    own = [each.request for each in asked if since(each.request) is not None]
    if not own:  # an agent that begins anew; one that had called before is another of that name, at work beside
        return free[0]
    return next((each for each in free if each.request in own), None)


def _alike(before: Action, now: Action) -> int:
    """How many arguments are the same: of several that were returned, each is gone on from by the call most like it."""
    return sum(name in before.arguments and before.arguments[name] == value for name, value in now.arguments.items())


def _was_returned(settled: Settled, request: PauseRequest) -> bool:
    """Whether the agent got it back, and may go on from it with this request. What is asked once more about one call
    goes on from nothing else."""
    before, response = settled.request, settled.response
    same = settled.state in _STANDS and before.action.origin.agents == request.action.origin.agents
    new = request.round == 0 or before.call == request.call
    return same and new and response is not None and isinstance(response.decision, RETURNS)


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
