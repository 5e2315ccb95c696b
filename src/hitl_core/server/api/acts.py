"""What people do to a run without having been asked: cancel, rewind, undo, override, steer, erase."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response

from ...errors import StoreUnavailable
from ...wire import bodies, forms
from ..auth import OperateVisitor
from ..site import CurrentSite
from .calls import Calls, answer, sent
from .idempotency import Idempotent
from .parameters import RunId, Wait
from .runs import in_time
from .visibility import require_same, seen_run

router = Calls("runs", "/api/runs/{id}")

Doing = Annotated[bodies.Act, sent(bodies.Act, optional=True)]


@router.call("POST", "/cancel", "cancelRun", forms.RUN, problems=(404, 409))
async def cancel_run(visitor: OperateVisitor, site: CurrentSite, run_id: RunId, body: Doing) -> Response:
    """End a run that is not over; what waits in it never runs."""
    require_same(visitor, body.by)
    await seen_run(site, visitor, run_id)
    return answer(forms.RUN, await site.hitl.cancel(run_id, by=visitor.responder, reason=body.reason))


@router.call("POST", "/rewind", "rewindRun", forms.RUN, problems=(404, 409))
async def rewind_run(
    visitor: OperateVisitor, site: CurrentSite, run_id: RunId, idempotent: Idempotent, body: Doing, wait: Wait = 10
) -> Response:
    """Take the run back to its last pause and ask again. What its tools did stays done; that is for `undoRun`."""
    require_same(visitor, body.by)
    await seen_run(site, visitor, run_id)

    async def act() -> Response:
        work = site.hitl.rewind(run_id, by=visitor.responder, reason=body.reason)
        return answer(forms.RUN, await in_time(site, visitor, run_id, work, wait))

    return await idempotent.once(act)


@router.call("POST", "/undo", "undoRun", forms.UNDOING, problems=(404, 409))
async def undo_run(
    visitor: OperateVisitor,
    site: CurrentSite,
    run_id: RunId,
    idempotent: Idempotent,
    body: Annotated[bodies.Undo, sent(bodies.Undo, optional=True)],
    wait: Wait = 10,
) -> Response:
    """Take back what the tools of a run have done, or one call of it: in a run of its own, the newest first.

    It goes on when this call is over: `readUndo` says how it stands.
    """
    require_same(visitor, body.by)
    await seen_run(site, visitor, run_id)

    async def act() -> Response:
        work = site.hitl.undo(run_id, body.call, by=visitor.responder, reason=body.reason)
        try:
            return answer(forms.UNDOING, await site.hitl.going_on(work, within=max(wait, 1.0)))
        except TimeoutError:
            begun = await site.hitl.undos(run_id)
        if not begun:
            raise StoreUnavailable(f"the undo of run {run_id} has not begun yet; see its undos in a while")
        return answer(forms.UNDOING, begun[-1])

    return await idempotent.once(act)


@router.call("POST", "/override", "overrideRun", forms.OVERRIDE, problems=(404, 409))
async def override_run(
    visitor: OperateVisitor,
    site: CurrentSite,
    run_id: RunId,
    idempotent: Idempotent,
    body: Annotated[bodies.Overriding, sent(bodies.Overriding)],
) -> Response:
    """Replace the output of a completed run; or the result of a call, before it is used further."""
    require_same(visitor, body.by)
    await seen_run(site, visitor, run_id)

    async def act() -> Response:
        who, why = visitor.responder, body.reason
        return answer(forms.OVERRIDE, await site.hitl.override(run_id, body.value, body.call, by=who, reason=why))

    return await idempotent.once(act)


@router.call("POST", "/steer", "steerRun", forms.GUIDANCE, problems=(404, 409))
async def steer_run(
    visitor: OperateVisitor,
    site: CurrentSite,
    run_id: RunId,
    idempotent: Idempotent,
    body: Annotated[bodies.Steer, sent(bodies.Steer)],
) -> Response:
    """Say something to the agent: it enters the conversation at the next safe point, and permits nothing."""
    require_same(visitor, body.by)
    await seen_run(site, visitor, run_id)

    async def act() -> Response:
        return answer(forms.GUIDANCE, await site.hitl.steer(run_id, body.text, by=visitor.responder))

    return await idempotent.once(act)


@router.call("POST", "/erase", "eraseRun", forms.RUN, problems=(404, 409))
async def erase_run(
    visitor: OperateVisitor, site: CurrentSite, run_id: RunId, body: Annotated[bodies.Erase, sent(bodies.Erase)]
) -> Response:
    """Erase what a run that is over has said: payloads, free texts, names. The audit trail stays and verifies."""
    require_same(visitor, body.by)
    await seen_run(site, visitor, run_id)
    return answer(forms.RUN, await site.hitl.erase(run_id, by=visitor.responder, reason=body.reason))
