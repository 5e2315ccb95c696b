"""What an operator does now and then: look at the app, fire what is due, keep to what is to be forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query, Response

from ...wire import Count, bodies, forms
from ..auth import OperateVisitor, RunsVisitor, StartVisitor
from ..auth.tenants import require_all
from ..site import CurrentSite
from .calls import Calls, answer, sent
from .visibility import require_same

router = Calls("upkeep", "/api")

Seconds = Annotated[float, Query(description="How far back rates and lags reach.", ge=1, le=3_600, allow_inf_nan=False)]


@router.call("GET", "/app", "readApp", forms.FINDINGS)
async def read_app(visitor: RunsVisitor, site: CurrentSite) -> Response:
    """What was found in the app when it was loaded: what cannot be overseen, and what runs without passing the gate."""
    return answer(forms.FINDINGS, await site.hitl.attach())


@router.call("GET", "/workload", "readWorkload", forms.WORKLOAD)
async def read_workload(visitor: RunsVisitor, site: CurrentSite, seconds: Seconds = 60.0) -> Response:
    """What waits for people and for workers, who works, and how fast it goes: of all tenants.

    Nothing is counted beyond 50,000 of each kind.
    """
    require_all(visitor, "what waits")
    return answer(forms.WORKLOAD, await site.hitl.workload(seconds=seconds))


@router.call("POST", "/tick", "tick", forms.COUNT)
async def tick(visitor: StartVisitor, site: CurrentSite) -> Response:
    """Fire what is due, and ask again who is to be reminded. Says how many requests that was about."""
    return answer(forms.COUNT, Count(count=await site.hitl.tick()))


@router.call("POST", "/retention", "retain", forms.COUNT)
async def retain(
    visitor: OperateVisitor, site: CurrentSite, body: Annotated[bodies.Retaining, sent(bodies.Retaining)]
) -> Response:
    """Erase all runs, of all tenants, that are over for longer than this. Says how many."""
    require_same(visitor, body.by)
    require_all(visitor, "retention")
    age = timedelta(seconds=body.older_than_seconds)
    erased = await site.hitl.retain(older_than=age, by=visitor.responder, reason=body.reason)
    return answer(forms.COUNT, Count(count=erased))


@router.call("POST", "/people/erasure", "erasePerson", forms.ERASED, problems=(404, 409))
async def erase_person(
    visitor: OperateVisitor, site: CurrentSite, body: Annotated[bodies.ErasingPerson, sent(bodies.ErasingPerson)]
) -> Response:
    """Put one pseudonym in the place of a person, in all records and in the trail; what they said is gone."""
    require_same(visitor, body.by)
    require_all(visitor, "the erasing of a person")
    return answer(forms.ERASED, await site.hitl.erase_person(body.person, by=visitor.responder, reason=body.reason))
