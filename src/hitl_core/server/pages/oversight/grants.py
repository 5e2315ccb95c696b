"""/grants: what runs for a time without being asked about each time; give, and take back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import ValidationError

from ....commands import ListGrants
from ....errors import Fault, HitlError
from ....policy import parse_duration
from ....protocol import Allowance, Grant, Json
from ...auth import OperateVisitor, Visitor
from ...auth.tenants import require_home
from ...site import CurrentSite, Site
from ..environment import render
from ..forms import FormInvalid, faults_of, status_of, stripped, typed_in
from ..routes import PageRoute, back
from ..runs.routes import run_of

grants = APIRouter(include_in_schema=False, route_class=PageRoute)


PAGE: Final = 100
"""Grants on the page, the newest."""

_SAID: Final = {
    "given": "The grant is in force.",
    "revoked": "The grant is taken back: nothing begins under it any more.",
}


@grants.get("/grants", name="grants")
async def listed(
    request: Request, visitor: OperateVisitor, site: CurrentSite, said: str = "", tool: str = ""
) -> Response:
    """The newest grants, and the form of a new one."""
    return await _page(request, visitor, site, {"tool": tool}, said=_SAID.get(said, ""))


async def _page(request: Request, visitor: Visitor, site: Site, fields: dict[str, str], **more: Any) -> Response:
    context: dict[str, Any] = {"faults": (), "status": 200, "said": "", "revoking": "", **more}
    found = await site.store.fetch(ListGrants(tenant=visitor.tenant, limit=PAGE))
    return render(
        request,
        "grants.html",
        visitor,
        here="grants",
        grants=found,
        most=PAGE,
        fields={name: fields.get(name, "") for name in _FIELDS},
        limits=limits,
        **context,
    )


_FIELDS: Final = ("tool", "lasts", "times", "sum_of", "most", "when", "agent", "run_id", "reason")


def limits(grant: Grant) -> str:
    """Within what a grant lets calls run, besides its time."""
    allows = grant.allows
    said = [
        f"agent {allows.agent}" if allows.agent else "",
        f"run {allows.run_id}" if allows.run_id else "",
        f"{allows.times} calls" if allows.times else "",
        f"{allows.sum_of} up to {allows.most:g} in all" if allows.sum_of and allows.most else "",
        json.dumps(allows.when, ensure_ascii=False) if allows.when else "",
    ]
    return "; ".join(filter(None, said))


@grants.post("/grants")
async def give(request: Request, visitor: OperateVisitor, site: CurrentSite) -> Response:
    """Let calls run for a time without asking."""
    fields = stripped(await typed_in(request))
    try:
        allows, lasts = _allowance(fields), _lasting(fields.get("lasts", ""))
        if allows.run_id is None:
            require_home(site, visitor, "a grant for all runs")
        else:
            await run_of(site, visitor, allows.run_id)
        await site.hitl.grant(allows, by=visitor.responder, lasts=lasts, reason=fields.get("reason", ""))
    except (HitlError, FormInvalid, ValidationError) as exc:
        return await _page(request, visitor, site, fields, faults=faults_of(exc), status=status_of(exc))
    except HTTPException:
        gone = (Fault("run_id", f"there is no run {fields['run_id']!r}"),)
        return await _page(request, visitor, site, fields, faults=gone, status=422)
    return back(request, "grants", said="given")


@grants.post("/grants/{grant_id}/revoke")
async def revoke(request: Request, grant_id: str, visitor: OperateVisitor, site: CurrentSite) -> Response:
    """Take a grant back."""
    fields = stripped(await typed_in(request))
    known = await site.store.fetch(ListGrants(id=grant_id, tenant=visitor.tenant))
    if not known:
        raise HTTPException(404, "there is no such grant")
    try:
        await site.hitl.revoke_grant(grant_id, by=visitor.responder, reason=fields.get("reason", ""))
    except HitlError as exc:
        again = {"revoking": grant_id, "faults": faults_of(exc), "status": status_of(exc)}
        return await _page(request, visitor, site, {}, **again)
    return back(request, "grants", said="revoked")


def _allowance(fields: dict[str, str]) -> Allowance:
    """Raises ValidationError, FormInvalid."""
    given: dict[str, Json] = {name: fields[name] for name in ("tool", "agent", "run_id", "sum_of") if fields.get(name)}
    given |= {name: fields[name] for name in ("times", "most") if fields.get(name)}
    if fields.get("when"):
        given["when"] = _condition(fields["when"])
    if not given.get("tool"):
        raise FormInvalid(Fault("tool", "is missing: whose calls are to run?"))
    return Allowance.model_validate(given)


def _condition(text: str) -> Json:
    try:
        found: Json = json.loads(text)
    except ValueError as exc:
        raise FormInvalid(Fault("when", f"is no JSON: {exc}")) from exc
    return found


def _lasting(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise FormInvalid(Fault("lasts", str(exc))) from exc
