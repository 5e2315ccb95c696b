"""Answers: to one request, to many in one gesture, and with a grant for others like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Response

from ...errors import BatchRefused, Fault, RequestNotFound
from ...wire import Granted, bodies, forms
from ..auth import OperateVisitor, RequestsVisitor, Visitor
from ..site import CurrentSite, Site
from .calls import Calls, answer, sent
from .grants import lasting
from .idempotency import Idempotent
from .parameters import RequestId
from .visibility import no_request, require_same, seen_request, seen_run

router = Calls("requests", "/api")


@router.call("POST", "/requests/{id}/response", "respond", forms.RECORDED, problems=(404, 409, 412))
async def respond(
    visitor: RequestsVisitor,
    site: CurrentSite,
    request_id: RequestId,
    body: Annotated[bodies.Answering, sent(bodies.Answering)],
) -> Response:
    """Decide a request as it was shown: `digest` is that of its action. The first valid answer wins.

    The same answer again is harmless, and says that it was there before.
    """
    require_same(visitor, body.by)
    await seen_request(site, visitor, request_id)
    response = body.response(request_id, visitor.responder, site.clock.now())
    return answer(forms.RECORDED, await site.hitl.respond(response))


@router.call("POST", "/responses", "respondMany", forms.BATCH)
async def respond_many(
    visitor: RequestsVisitor,
    site: CurrentSite,
    body: Annotated[bodies.AnsweringMany, sent(bodies.AnsweringMany)],
) -> Response:
    """Give answers in one gesture: each is judged and recorded by itself, under one batch id.

    All have to be to requests of one sort, whose rule allows that. Else none is taken.
    """
    for each in body.answers:
        require_same(visitor, each.by)
    await _require_seen(site, visitor, body.answers)
    now = site.clock.now()
    responses = [each.response(each.request_id, visitor.responder, now) for each in body.answers]
    return answer(forms.BATCH, await site.hitl.respond_many(responses))


async def _require_seen(site: Site, visitor: Visitor, answers: Sequence[bodies.AnsweringOne]) -> None:
    """Raises BatchRefused, in the same words for what there is not and for what is hidden."""
    faults = []
    for index, each in enumerate(answers):
        try:
            await seen_request(site, visitor, each.request_id)
        except RequestNotFound:
            faults.append(Fault(f"responses[{index}]", no_request(each.request_id)))
    if faults:
        raise BatchRefused(faults)


@router.call("POST", "/requests/{id}/response-and-grant", "respondAndGrant", forms.GRANTED, problems=(404, 409, 412))
async def respond_and_grant(
    visitor: OperateVisitor,
    site: CurrentSite,
    request_id: RequestId,
    idempotent: Idempotent,
    body: Annotated[bodies.AnsweringAndGranting, sent(bodies.AnsweringAndGranting)],
) -> Response:
    """Approve a request, then give a grant for others like it, by the same person and for the same reason."""
    require_same(visitor, body.answer.by)
    await seen_request(site, visitor, request_id)
    if body.allows.run_id is not None:
        await seen_run(site, visitor, body.allows.run_id)

    async def act() -> Response:
        response = body.answer.response(request_id, visitor.responder, site.clock.now())
        lasts = lasting(body.lasts_seconds)
        recorded, grant = await site.hitl.respond_and_grant(response, body.allows, lasts=lasts)
        return answer(forms.GRANTED, Granted(recorded=recorded, grant=grant))

    return await idempotent.once(act)
