"""/tokens: what lets programs call the API in one's own name; make one, which is shown once, and end one."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from ....errors import Fault, HitlError
from ....policy import parse_duration
from ...auth import Right, TokensVisitor, Visitor
from ...auth.tokens import make_own, revoke
from ...auth.tokens import tokens as tokens_of
from ...site import CurrentSite, Site
from ..environment import render
from ..forms import faults_of, status_of, stripped, typed_in
from ..routes import PageRoute, back

tokens = APIRouter(include_in_schema=False, route_class=PageRoute)

_SAID: Final = {"revoked": "The token has ended: nothing comes in by it any more."}
_NEW: Final = {"name": "", "lasts": "90d", f"right:{Right.REQUESTS}": "1"}

_MEANS: Final = {
    Right.REQUESTS: "see what you may decide, and answer it",
    Right.RUNS: "see runs, what they were given and what came of them",
    Right.START: "start and resume runs",
    Right.OPERATE: "stop, lift, cancel, steer, undo, override, grant",
    Right.POLICY: "see the policy, have it explained and tried",
    Right.AUDIT: "read the trail, and have it verified",
    Right.TOKENS: "make tokens for no more than it may do itself",
}


@tokens.get("/tokens", name="tokens")
async def listed(request: Request, visitor: TokensVisitor, site: CurrentSite, said: str = "") -> Response:
    """One's own tokens, newest first, and the form of a new one."""
    return await _page(request, visitor, site, _NEW, said=_SAID.get(said, ""))


async def _page(request: Request, visitor: Visitor, site: Site, fields: dict[str, str], **more: Any) -> Response:
    context: dict[str, Any] = {"faults": (), "status": 200, "said": "", "secret": "", **more}
    return render(
        request,
        "tokens.html",
        visitor,
        tokens=await tokens_of(site, person=visitor.responder.id, tenant=visitor.tenant),
        means={right: said for right, said in _MEANS.items() if right in visitor.rights},
        fields=fields,
        **context,
    )


@tokens.post("/tokens")
async def make(request: Request, visitor: TokensVisitor, site: CurrentSite) -> Response:
    """A new one. What it says is on this page and nowhere else."""
    fields = {"name": "", "lasts": "", **stripped(await typed_in(request))}
    rights = [right for right in Right if fields.get(f"right:{right}")]
    try:
        lasts = parse_duration(fields["lasts"])
    except ValueError as exc:
        return await _page(request, visitor, site, fields, faults=(Fault("lasts", str(exc)),), status=422)
    try:
        secret, _ = await make_own(site, visitor, rights=rights, name=fields["name"], lasts=lasts)
    except HitlError as exc:
        return await _page(request, visitor, site, fields, faults=faults_of(exc), status=status_of(exc))
    return await _page(request, visitor, site, _NEW, secret=secret)


@tokens.post("/tokens/{token_id}/revoke")
async def end(request: Request, token_id: str, visitor: TokensVisitor, site: CurrentSite) -> Response:
    """End one of one's own, at once, and those that it has made."""
    if not await revoke(site, token_id, by=visitor.responder, person=visitor.responder.id):
        raise HTTPException(404, "you have no such token")
    return back(request, "tokens", said="revoked")
