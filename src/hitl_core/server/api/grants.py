"""Standing grants: what people let run for a time without being asked each time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Response

from ...commands import ListGrants
from ...wire import bodies, forms
from ..auth import OperateVisitor, RunsVisitor
from ..auth.tenants import require_home
from ..site import CurrentSite
from .calls import Calls, answer, sent
from .idempotency import Idempotent
from .parameters import GrantId, Limit
from .visibility import require_same, seen_grant, seen_run

router = Calls("grants", "/api/grants")


@router.call("GET", "", "listGrants", forms.GRANTS)
async def list_grants(visitor: RunsVisitor, site: CurrentSite, limit: Limit = 100) -> Response:
    """The newest grants first, those that have ended included."""
    return answer(forms.GRANTS, await site.store.fetch(ListGrants(limit=limit, tenant=visitor.tenant)))


@router.call("POST", "", "giveGrant", forms.GRANT, status=201, problems=(404, 409))
async def give_grant(
    visitor: OperateVisitor,
    site: CurrentSite,
    idempotent: Idempotent,
    body: Annotated[bodies.Granting, sent(bodies.Granting)],
) -> Response:
    """Let calls run that a rule would ask about at level confirm, for a time and within limits."""
    require_same(visitor, body.by)
    if body.allows.run_id is None:
        require_home(site, visitor, "a grant for all runs")
    else:
        await seen_run(site, visitor, body.allows.run_id)

    async def act() -> Response:
        who, lasts = visitor.responder, lasting(body.lasts_seconds)
        return answer(
            forms.GRANT, await site.hitl.grant(body.allows, by=who, lasts=lasts, reason=body.reason), status=201
        )

    return await idempotent.once(act)


@router.call("POST", "/{id}/revoke", "revokeGrant", forms.GRANT, problems=(404,))
async def revoke_grant(
    visitor: OperateVisitor,
    site: CurrentSite,
    grant_id: GrantId,
    body: Annotated[bodies.Act, sent(bodies.Act, optional=True)],
) -> Response:
    """Take a grant back: nothing begins under it any more. Twice is harmless."""
    require_same(visitor, body.by)
    await seen_grant(site, visitor, grant_id)
    return answer(forms.GRANT, await site.hitl.revoke_grant(grant_id, by=visitor.responder, reason=body.reason))


def lasting(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
