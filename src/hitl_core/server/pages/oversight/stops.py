"""/stops: what is stopped, by whom and why; what a stop would reach; stop, and lift."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ....commands import Stop, StopScope
from ....errors import Fault, HitlError, RunNotFound
from ...auth import OperateVisitor, Visitor
from ...feed import tip
from ...site import CurrentSite, Site
from ..environment import render
from ..forms import FormInvalid, faults_of, status_of, stripped, typed_in
from ..routes import PageRoute, back

stops = APIRouter(include_in_schema=False, route_class=PageRoute)


_NAMES: Final = {
    StopScope.RUN: "one run",
    StopScope.AGENT: "an agent, in all runs",
    StopScope.TOOL: "a tool, in all runs",
    StopScope.TENANT: "a tenant",
    StopScope.ALL: "everything",
}
_TARGETS: Final = {
    StopScope.RUN: "its id",
    StopScope.AGENT: "its name",
    StopScope.TOOL: "its name",
    StopScope.TENANT: "its name",
    StopScope.ALL: "",
}
_SAID: Final = {
    "stopped": "The stop is in force.",
    "lifted": "The stop is lifted.",
    "none": "No such stop was in force.",
}


@stops.get("/stops", name="stops")
async def shown(
    request: Request,
    visitor: OperateVisitor,
    site: CurrentSite,
    scope: str = "all",
    target: str = "",
    said: str = "",
    count: int = 0,
) -> Response:
    """What is stopped, and the form of a stop; `scope` and `target` are what it is about at first."""
    return await _page(
        request, visitor, site, {"scope": scope, "target": target}, said=_SAID.get(said, ""), count=count
    )


async def _page(request: Request, visitor: Visitor, site: Site, fields: dict[str, str], **more: Any) -> Response:
    scope = StopScope(fields["scope"]) if fields.get("scope") in list(StopScope) else StopScope.ALL
    scope = scope if scope in _scopes_of(visitor) else StopScope.TENANT
    at = await tip(site.store)
    found = [each for each in await site.hitl.stops() if await _is_theirs(site, visitor, each)]
    context: dict[str, Any] = {"faults": (), "status": 200, "said": "", "count": 0, "lifting": None, **more}
    return render(
        request,
        "stops.html",
        visitor,
        here="stops",
        stops=found,
        at=at,
        scope=scope,
        scopes=_scopes_of(visitor),
        names=_NAMES,
        targets=_TARGETS,
        target=fields.get("target", "") or ((visitor.tenant or "") if scope is StopScope.TENANT else ""),
        reason=fields.get("reason", ""),
        reaches=await site.hitl.reach(scope),
        **context,
    )


def _scopes_of(visitor: Visitor) -> list[StopScope]:
    """Somebody of one tenant stops nothing of others, and lifts nothing that holds them, as a stop of a tool does.

    Whether they may stop the rest, the runtime says.
    """
    return [each for each in StopScope if visitor.tenant is None or each in (StopScope.RUN, StopScope.TENANT)]


async def _is_theirs(site: Site, visitor: Visitor, stop: Stop) -> bool:
    """Whether somebody sees a stop: it reaches their tenant, or they see all."""
    if visitor.tenant is None or stop.scope in (StopScope.ALL, StopScope.AGENT, StopScope.TOOL):
        return True
    return visitor.sees(stop.target if stop.scope is StopScope.TENANT else await _tenant_of(site, stop.target))


async def _tenant_of(site: Site, run_id: str) -> str | None:
    try:
        return (await site.hitl.run(run_id)).tenant
    except RunNotFound:
        return None


@stops.post("/stops")
async def stop(request: Request, visitor: OperateVisitor, site: CurrentSite) -> Response:
    """Put a stop in force."""
    fields = stripped(await typed_in(request))
    try:
        scope, target = await _given(site, visitor, fields)
        if not fields.get("reason"):
            raise FormInvalid(Fault("reason", "is missing; whoever lifts the stop has to know why it is there"))
        frozen = await site.hitl.stop(scope, target, by=visitor.responder, reason=fields["reason"])
    except (HitlError, FormInvalid) as exc:
        return await _page(request, visitor, site, fields, faults=faults_of(exc), status=status_of(exc))
    return back(request, "stops", said="stopped", count=str(frozen))


@stops.post("/stops/lift")
async def lift(request: Request, visitor: OperateVisitor, site: CurrentSite) -> Response:
    """Lift a stop: a separate act, by another person where the authority says so."""
    fields = stripped(await typed_in(request))
    try:
        scope, target = await _given(site, visitor, fields)
        if not fields.get("reason"):
            raise FormInvalid(Fault("reason", "is missing; the trail says why what was stopped may go on"))
        known = any((each.scope, each.target) == (scope, target) for each in await site.hitl.stops())
        thawed = await site.hitl.lift(scope, target, by=visitor.responder, reason=fields["reason"])
    except (HitlError, FormInvalid) as exc:
        lifting = (fields.get("scope", ""), fields.get("target", ""))
        again = {"lifting": lifting, "faults": faults_of(exc), "status": status_of(exc)}
        return await _page(request, visitor, site, {"scope": StopScope.ALL}, **again)
    return back(request, "stops", said="lifted" if known else "none", count=str(thawed))


async def _given(site: Site, visitor: Visitor, fields: dict[str, str]) -> tuple[StopScope, str]:
    """What a form names. Raises FormInvalid; what is another tenant's is not there."""
    named, target = fields.get("scope", ""), fields.get("target", "")
    if named not in list(StopScope):
        raise FormInvalid(Fault("scope", f"{named!r} is none of {', '.join(StopScope)}"))
    scope = StopScope(named)
    if scope is StopScope.ALL:
        target = ""
    elif not target:
        raise FormInvalid(Fault("target", f"is missing: which {scope}?"))
    if scope not in _scopes_of(visitor) or (scope is StopScope.TENANT and not visitor.sees(target)):
        raise FormInvalid(Fault("scope", f"reaches other tenants than {visitor.tenant!r}"))
    if scope is StopScope.RUN and not visitor.sees(await _tenant_of(site, target)):
        raise FormInvalid(Fault("target", f"there is no run {target!r}"))
    return scope, target
