"""Stops: nothing that one covers starts any more. Lifting one is an act of its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from ...commands import Stop, StopScope
from ...errors import Fault, NotPermitted, RunNotFound
from ...wire import Count, bodies, forms
from ..auth import OperateVisitor, RunsVisitor, Visitor
from ..site import CurrentSite, Site
from .calls import Calls, answer, sent
from .visibility import require_same, seen_run

router = Calls("stops", "/api/stops")

Scope = Annotated[StopScope, Query(description="What a stop covers.")]
Stopped = Annotated[bodies.Stopping, sent(bodies.Stopping)]


@router.call("GET", "", "listStops", forms.STOPS)
async def list_stops(visitor: RunsVisitor, site: CurrentSite) -> Response:
    """The stops in force that reach you."""
    found = await site.hitl.stops()
    return answer(forms.STOPS, tuple([each for each in found if await _reaches(site, visitor, each)]))


async def _reaches(site: Site, visitor: Visitor, stop: Stop) -> bool:
    if stop.scope is StopScope.TENANT:
        return visitor.sees(stop.target)
    if stop.scope is not StopScope.RUN or visitor.tenant is None:
        return True
    try:
        await seen_run(site, visitor, stop.target)
    except RunNotFound:
        return False
    return True


@router.call("POST", "", "stop", forms.COUNT, problems=(404,))
async def stop(visitor: OperateVisitor, site: CurrentSite, body: Stopped) -> Response:
    """Put a stop in force: nothing that it covers starts any more. Says how many requests it froze."""
    await _require_seen(site, visitor, body)
    frozen = await site.hitl.stop(body.scope, body.target, by=visitor.responder, reason=body.reason)
    return answer(forms.COUNT, Count(count=frozen))


@router.call("POST", "/lift", "lift", forms.COUNT, problems=(404,))
async def lift(visitor: OperateVisitor, site: CurrentSite, body: Stopped) -> Response:
    """Lift a stop. Says how many requests are open again. Lifting twice is harmless."""
    await _require_seen(site, visitor, body)
    thawed = await site.hitl.lift(body.scope, body.target, by=visitor.responder, reason=body.reason)
    return answer(forms.COUNT, Count(count=thawed))


async def _require_seen(site: Site, visitor: Visitor, body: bodies.Stopping) -> None:
    """Raises RunNotFound, NotPermitted. Somebody of one tenant stops, and lifts, nothing that reaches others too."""
    require_same(visitor, body.by)
    if body.scope is StopScope.RUN:
        await seen_run(site, visitor, body.target)
    elif body.scope is StopScope.TENANT and not visitor.sees(body.target):
        raise NotPermitted([Fault("target", f"is not your tenant, which is {visitor.tenant!r}")])
    elif body.scope is not StopScope.TENANT and visitor.tenant is not None:
        raise NotPermitted([Fault("scope", f"{body.scope.value!r} reaches other tenants than {visitor.tenant!r}")])


@router.call("GET", "/reach", "reach", forms.REACH)
async def reach(visitor: RunsVisitor, site: CurrentSite, scope: Scope) -> Response:
    """What a stop would reach here, and when."""
    return answer(forms.REACH, await site.hitl.reach(scope))
