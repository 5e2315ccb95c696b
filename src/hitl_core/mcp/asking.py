"""Whom to ask about a request, how, and what came of it.

The client's user is asked by a form only if an operator has said that this client carries the answers of people, and
never about a run that the client itself has started. Else they are sent to the page where people decide, as who they
sign in as; and where the client can do neither, the call says what waits, and why nobody was asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from mcp_types import (
    ClientCapabilities,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
)

from ..callers import Caller, Desk, Submission, told
from ..callers.desk import REFUSALS
from ..channels.plain_text import visible
from ..errors import NotUnderstood, ResponseRefused
from ..protocol import Decision, PauseRequest, Reply, Run
from .forms import decision_in, declined, form_of


@dataclass(frozen=True, slots=True)
class Asks:
    """What the client is able to ask its user."""

    forms: bool = False
    pages: bool = False

    @classmethod
    def of(cls, client: ClientCapabilities | None) -> Asks:
        declared = None if client is None else client.elicitation
        if declared is None:
            return cls()
        return cls(forms=declared.form is not None or declared.url is None, pages=declared.url is not None)


async def questions(desk: Desk, caller: Caller, run: Run, client: Asks) -> dict[str, ElicitRequestParams]:
    """What to ask the client's user, by the id of the request; the requests that they cannot be asked are not in it."""
    asked = {request.id: await _question(desk, caller, run, request, client) for request in run.pending}
    return {id: question for id, question in asked.items() if question is not None}


async def _question(
    desk: Desk, caller: Caller, run: Run, request: PauseRequest, client: Asks
) -> ElicitRequestParams | None:
    form = form_of(request, await offered(desk, caller, run, request)) if client.forms else None
    if form is not None:
        return ElicitRequestFormParams(message=told(request), requested_schema=form)
    if client.pages and desk.inbox:
        page = f"{desk.inbox}/requests/{request.id}"
        return ElicitRequestURLParams(message=told(request), url=page, elicitation_id=request.id)
    return None


async def unasked(desk: Desk, caller: Caller, run: Run, client: Asks) -> list[str]:
    """Why the client's user was asked nothing about what a run waits for, where they were not: what to do instead."""
    asked = await questions(desk, caller, run, client)
    return [
        f"This call has put {visible(request.title)!r} to nobody: {await _why_not_asked(desk, caller, run, request)}."
        for request in run.pending
        if request.id not in asked
    ]


async def _why_not_asked(desk: Desk, caller: Caller, run: Run, request: PauseRequest) -> str:
    replies = await offered(desk, caller, run, request)
    if not replies:
        faults = {fault.problem for reply in request.allowed for fault in await desk.why_not(caller, run, reply)}
        return "; ".join(sorted(faults))
    if form_of(request, replies) is None:
        return "what it asks for does not fit into a form (nested or listed values), so people answer in the inbox"
    return "this client cannot ask its user (elicitation), so people answer in the inbox"


async def offered(desk: Desk, caller: Caller, run: Run, request: PauseRequest) -> Collection[Reply]:
    """The decisions that may come through this caller; none where all that is left is to refuse."""
    found = [reply for reply in request.allowed if not await desk.why_not(caller, run, reply)]
    return [] if all(reply in REFUSALS for reply in found) else found


class Came(Enum):
    """What came of asking about one request."""

    DECIDED = "decided"
    OPENED = "opened"
    """The page where people decide."""
    NOTHING = "nothing"


async def took(
    desk: Desk, caller: Caller, run: Run, request: PauseRequest, form: bool, result: ElicitResult
) -> tuple[Came, str]:
    """What came of what the client's user did, also in words.

    They declined: that is a refusal. They dismissed it: nothing is decided, and the request stays open.
    """
    what = repr(visible(request.title))
    if not form:
        opened = result.action == "accept"
        return (
            (Came.OPENED, f"{what} is opened where people decide.")
            if opened
            else (Came.NOTHING, f"{what} is not opened.")
        )
    if result.action == "cancel":
        return Came.NOTHING, f"{what} was dismissed: nothing is decided."
    try:
        decision = await _meant(desk, caller, run, request, result)
        if decision is None:
            return Came.NOTHING, f"{what} was declined, which answers nothing: it stays open."
        await desk.answer(caller, run, Submission(request.id, request.digest, decision))
    except (ResponseRefused, NotUnderstood) as exc:
        return Came.NOTHING, f"{what}: the answer was not taken: {exc}"
    return Came.DECIDED, f"{what}: {decision.type}, by {caller.responder.id}."


async def _meant(desk: Desk, caller: Caller, run: Run, request: PauseRequest, result: ElicitResult) -> Decision | None:
    if result.action == "decline":
        return declined(request)
    return decision_in(request, await offered(desk, caller, run, request), result.content)
