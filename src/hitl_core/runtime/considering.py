"""What would come of something, before anybody says it: the faults of an answer, and whose inbox is whose."""

from __future__ import annotations

from ..checks import authorise
from ..commands import GetRequest, ListRequests
from ..errors import Fault, NotAuthorised
from ..protocol import PauseRequest, Reply, Responder, Response, changed_arguments
from ..quorum import asked_now
from .identity import identified, in_view_of, known
from .judge import MAY_BE_DECIDED, weighed
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


async def inbox_of(runtime: Runtime, by: Responder) -> ListRequests:
    """The query for what somebody may decide, in their tenant, to be narrowed further.

    Raises NotPermitted for whom no directory knows.
    """
    users, roles, tenant = await in_view_of(runtime._around, by)
    return ListRequests(roles=roles, users=users, tenant=tenant, awake=True)
