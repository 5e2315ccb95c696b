"""What of it all a caller sees: what is another tenant's is as if it did not exist."""

from __future__ import annotations

from ...commands import GetRequest, GetRun, ListGrants, ListRuns, Settled
from ...errors import Fault, GrantNotFound, NotPermitted, RequestNotFound, RunNotFound
from ...protocol import Grant, Run
from ..auth import Right, Visitor
from ..seeing import sees
from ..site import Site


async def seen_run(site: Site, visitor: Visitor, run_id: str) -> Run:
    """A run that somebody sees. Raises RunNotFound, in the same words for what there is not and for what is hidden."""
    try:
        run = await site.store.fetch(GetRun(run_id))
    except RunNotFound:
        raise no_run(run_id) from None
    if not visitor.sees(run.tenant):
        raise no_run(run_id)
    return run


async def seen_request(site: Site, visitor: Visitor, request_id: str) -> Settled:
    """A request that somebody sees (seeing.py). Raises RequestNotFound, in the same words as above."""
    settled = await request_in_tenant(site, visitor, request_id)
    if not await sees(site, visitor, settled):
        raise RequestNotFound(no_request(request_id))
    return settled


async def request_in_tenant(site: Site, visitor: Visitor, request_id: str) -> Settled:
    """A request of the visitor's tenant, for who may stop and take back whatever there is. Raises RequestNotFound."""
    try:
        settled = await site.store.fetch(GetRequest(request_id))
        await seen_run(site, visitor, settled.request.run_id)
    except (RequestNotFound, RunNotFound):
        raise RequestNotFound(no_request(request_id)) from None
    return settled


async def seen_grant(site: Site, visitor: Visitor, grant_id: str) -> Grant:
    """A grant that somebody sees. Raises GrantNotFound."""
    found = await site.store.fetch(ListGrants(id=grant_id, tenant=visitor.tenant))
    if not found:
        raise GrantNotFound(f"there is no grant {grant_id!r} here; `GET /api/grants` lists them")
    return found[0]


def no_run(run_id: str) -> RunNotFound:
    return RunNotFound(f"there is no run {run_id!r} here; `GET /api/runs` lists them")


def no_request(request_id: str) -> str:
    return f"there is no request {request_id!r} here; `GET /api/requests` lists them"


def require_same(visitor: Visitor, by: str | None) -> None:
    """Raises NotPermitted where a caller believes to be somebody else than who calls: nothing is done in their name."""
    if by is not None and by != visitor.responder.id:
        raise NotPermitted([Fault("by", f"is {by!r}, and who calls is {visitor.responder.id!r}; leave it out")])


async def require_own(site: Site, visitor: Visitor, thread: str | None) -> None:
    """Raises NotPermitted for a thread of others: what they have said in it, its agent remembers, and may tell."""
    newest = () if thread is None else (await site.store.fetch(ListRuns(thread=thread, limit=1))).items
    for run in newest:
        knows_it = run.started_by == visitor.responder.id or Right.RUNS in visitor.rights
        if not (knows_it and visitor.sees(run.tenant)):
            raise NotPermitted([Fault("thread", f"{thread!r} is somebody else's; begin one of your own")])
