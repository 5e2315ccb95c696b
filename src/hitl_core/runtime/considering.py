"""What would come of something, before anybody says it: the faults of an answer, and whose inbox is whose."""

from __future__ import annotations

from ..commands import GetRequest, ListRequests
from ..errors import Fault, NotAuthorised
from ..protocol import Responder, Response, changed_arguments
from .identity import identified, in_view_of
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


async def inbox_of(runtime: Runtime, by: Responder) -> ListRequests:
    """The query for what somebody may decide, in their tenant, to be narrowed further.

    Raises NotPermitted for whom no directory knows.
    """
    users, roles, tenant = await in_view_of(runtime._around, by)
    return ListRequests(roles=roles, users=users, tenant=tenant, awake=True)
