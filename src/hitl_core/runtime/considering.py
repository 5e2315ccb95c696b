"""For those who show requests and take answers in: what would come of an answer, who is asked, whose inbox is whose."""

from __future__ import annotations

from collections.abc import Iterable

from ..checks import authorise
from ..commands import GetRequest, ListRequests, Settled
from ..errors import Fault, NotAuthorised
from ..protocol import PauseRequest, Reject, Reply, Responder, Response, changed_arguments
from ..quorum import asked_now
from .identity import identified, in_view_of, known, on_behalf_of
from .judge import MAY_BE_DECIDED, note_refusal, weighed
from .runtime import Runtime


async def faults_in(runtime: Runtime, response: Response) -> tuple[Fault, ...]:
    """Everything that `respond` would refuse this answer for, as things stand; none for a request that is not open.

    Nothing is decided; only that somebody is not known is recorded. Raises RequestNotFound.
    """
    around = runtime._around
    settled = await runtime.store.fetch(GetRequest(response.request_id))
    if settled.state not in MAY_BE_DECIDED:
        return ()
    try:
        response = await identified(around, settled, response)
    except NotAuthorised as exc:
        return exc.faults
    if changed_arguments(response.decision) is not None:
        await runtime._learn_tools()
    return tuple((await weighed(around, settled, response))[0])


async def may_decide(runtime: Runtime, request: PauseRequest, by: Responder, *, tenant: str) -> bool:
    """Whether somebody may say yes to a request of this tenant, as things stand. Nothing is decided, or recorded."""
    around, now = runtime._around, runtime._around.now()
    who, faults = await known(around, by, tenant=tenant)
    said = (await runtime.store.fetch(GetRequest(request.id))).votes
    yes = request.approve if Reply.APPROVE in request.allowed else request.reject
    response = yes(by=who.id).model_copy(update={"responder": who})
    return not faults and not authorise(request, response, asked_now(request, said, response, now), said)


async def why_not_asked(runtime: Runtime, settled: Settled, by: Responder) -> tuple[Fault, ...]:
    """Why somebody may not even refuse a request, as the directory knows them now; nothing, if they may.

    Nothing is decided; only that somebody is not known is recorded.
    """
    around, now = runtime._around, runtime._around.now()
    try:
        refusal = await identified(around, settled, Response.to(settled.request, Reject(), by=by, at=now))
    except NotAuthorised as exc:
        return exc.faults
    asked = asked_now(settled.request, settled.votes, refusal, now)
    return tuple(authorise(settled.request, refusal, asked, settled.votes))


async def record_refusal(runtime: Runtime, response: Response, faults: Iterable[Fault]) -> None:
    """Record that an answer was refused where it came in, before `respond` could judge it."""
    await note_refusal(runtime._around, response, list(faults))


async def known_as(runtime: Runtime, name: str | None) -> str | None:
    """The name that the directory of people has for somebody; theirs, for whom it does not know."""
    return await on_behalf_of(runtime._around, name)


async def inbox_of(runtime: Runtime, by: Responder) -> ListRequests:
    """The query for what somebody may decide, in their tenant, to be narrowed further.

    Raises NotPermitted for whom no directory knows.
    """
    users, roles, tenant = await in_view_of(runtime._around, by)
    return ListRequests(roles=roles, users=users, tenant=tenant, awake=True)
