"""Requests: the inbox, and what is said and looked up about one of them beside deciding it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response

from ...commands import ListRequests
from ...errors import Fault, NotPermitted
from ...lifecycle import RequestState
from ...protocol.record import Name
from ...runtime.considering import inbox_of
from ...wire import bodies, forms
from ..auth import OperateVisitor, RequestsVisitor, Right, Visitor
from ..seeing import sees, sees_all
from ..site import CurrentSite
from .calls import Calls, answer, sent
from .idempotency import Idempotent
from .parameters import CalledBy, Cursor, Limit, RequestId, opened, page_of
from .visibility import request_in_tenant, require_same, seen_request, seen_run

router = Calls("requests", "/api/requests")

Roles = Annotated[tuple[Name, ...], Query(alias="role", description="Only what these roles may decide.", max_length=50)]
Notices = Annotated[bool, Query(description="Notices too, which nobody has to answer.")]
Deferred = Annotated[bool, Query(description="Also what was put off.")]
States = Annotated[
    tuple[RequestState, ...],
    Query(alias="state", description="Requests that stand like this, of all that you may see.", max_length=20),
]
OfRun = Annotated[str | None, Query(alias="run", description="Those of one run.", min_length=1, max_length=256)]
Mine = Annotated[
    bool | None,
    Query(
        description="True: what you may decide. False: all of your tenant, which needs the right `runs`. Without it: "
        "as much as you may see."
    ),
]


@router.call("GET", "", "listRequests", forms.INBOX, problems=(404,))
async def list_requests(
    visitor: RequestsVisitor,
    site: CurrentSite,
    roles: Roles = (),
    limit: Limit = 50,
    cursor: Cursor = None,
    notices: Notices = False,
    deferred: Deferred = False,
    mine: Mine = None,
    by: CalledBy = None,
    states: States = (),
    run_id: OfRun = None,
) -> Response:
    """Open requests, oldest first; with `state`, those that stand so."""
    require_same(visitor, by)
    at = opened(cursor)
    if run_id is not None:
        await seen_run(site, visitor, run_id)
    if _only_theirs(visitor, mine, narrowed=bool(roles or states or run_id)):
        await site.hitl.tick()
        own = await inbox_of(site.hitl, visitor.responder)
        own = replace(own, limit=limit, cursor=at, notices=notices, awake=not deferred)
        own = own if visitor.tenant is None else replace(own, tenant=visitor.tenant)
        return answer(forms.INBOX, page_of(await site.store.fetch(own)))
    await site.hitl.tick()
    query = ListRequests(
        states=tuple(states) or (RequestState.OPEN,),
        run_id=run_id,
        roles=tuple(roles),
        notices=notices,
        limit=limit,
        cursor=at,
        tenant=visitor.tenant,
        awake=not deferred,
    )
    return answer(forms.INBOX, page_of(await site.store.fetch(query)))


def _only_theirs(visitor: Visitor, mine: bool | None, *, narrowed: bool) -> bool:
    """Whether somebody sees what they may decide, and not all. Raises NotPermitted for who asks for more than that."""
    all_of_it = sees_all(visitor)
    if mine is None and not narrowed:
        return not all_of_it
    if not mine and not all_of_it:
        raise NotPermitted([Fault("mine", f"what others decide needs the right {Right.RUNS.value!r}")])
    return bool(mine)


@router.call("GET", "/{id}", "readRequest", forms.SETTLED, problems=(404,))
async def read_request(
    visitor: RequestsVisitor, site: CurrentSite, request_id: RequestId, by: CalledBy = None
) -> Response:
    """One request with its state, its votes and its response."""
    require_same(visitor, by)
    return answer(forms.SETTLED, await seen_request(site, visitor, request_id))


@router.call("GET", "/{id}/alike", "listAlike", forms.ALIKE, problems=(404,))
async def list_alike(visitor: RequestsVisitor, site: CurrentSite, request_id: RequestId) -> Response:
    """The open requests like this one that you see, itself included, oldest first: same tool, rule, kind and tenant."""
    await seen_request(site, visitor, request_id)
    alike = await site.hitl.alike(request_id)
    return answer(forms.ALIKE, tuple([each for each in alike if await sees(site, visitor, each)]))


@router.call("POST", "/{id}/preview", "previewEdit", forms.PREVIEW, problems=(404,))
async def preview_edit(
    visitor: RequestsVisitor,
    site: CurrentSite,
    request_id: RequestId,
    body: Annotated[bodies.Previewing, sent(bodies.Previewing)],
) -> Response:
    """What an edit would do, by the tool's own code; null where code has nothing to say. Nothing is changed."""
    settled = await seen_request(site, visitor, request_id)
    return answer(forms.PREVIEW, await site.hitl.preview(settled.request, body.arguments))


@router.call("POST", "/{id}/defer", "deferRequest", forms.SETTLED, problems=(404, 409))
async def defer_request(
    visitor: RequestsVisitor,
    site: CurrentSite,
    request_id: RequestId,
    body: Annotated[bodies.Defer, sent(bodies.Defer)],
) -> Response:
    """Put a request off: it is not in the inbox until then, for nobody. Its deadline stays."""
    require_same(visitor, body.by)
    await seen_request(site, visitor, request_id)
    return answer(forms.SETTLED, await site.hitl.defer(request_id, until=body.until, by=visitor.responder))


@router.call("POST", "/{id}/revoke", "revokeResponse", forms.SETTLED, problems=(404, 409))
async def revoke_response(
    visitor: OperateVisitor,
    site: CurrentSite,
    request_id: RequestId,
    body: Annotated[bodies.Act, sent(bodies.Act, optional=True)],
) -> Response:
    """Take back a decision that has not been used yet."""
    require_same(visitor, body.by)
    await request_in_tenant(site, visitor, request_id)
    return answer(forms.SETTLED, await site.hitl.revoke(request_id, by=visitor.responder, reason=body.reason))


# ── comments ─────────────────────────────────────────────────────────────────────────────────────────────────


@router.call("GET", "/{id}/comments", "listComments", forms.COMMENTS, problems=(404,))
async def list_comments(visitor: RequestsVisitor, site: CurrentSite, request_id: RequestId) -> Response:
    """What was said about a request beside deciding it, oldest first."""
    await seen_request(site, visitor, request_id)
    return answer(forms.COMMENTS, await site.hitl.comments(request_id))


@router.call("POST", "/{id}/comments", "comment", forms.COMMENT, status=201, problems=(404, 409))
async def comment(
    visitor: RequestsVisitor,
    site: CurrentSite,
    request_id: RequestId,
    idempotent: Idempotent,
    body: Annotated[bodies.Saying, sent(bodies.Saying)],
) -> Response:
    """Say something about an open request to whoever decides it. It is no vote, whoever says it.

    With `machine` it is shown as unverified, and stands under the name of whoever calls.
    """
    require_same(visitor, body.by)
    await seen_request(site, visitor, request_id)

    async def act() -> Response:
        said = await site.hitl.comment(request_id, body.text, by=visitor.responder, machine=body.machine)
        return answer(forms.COMMENT, said, status=201)

    return await idempotent.once(act)
