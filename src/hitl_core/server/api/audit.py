"""The audit trail: its lines, and whether they still say what was sealed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Response

from ...audit import Custody, Report, Verifier
from ...commands import FollowAudit, Followed, Page, ReadAudit
from ...contracts import Store, pages
from ...errors import RecordError, StoreError
from ...protocol import AuditEvent
from ...wire import forms
from ..auth import AuditVisitor, Visitor
from ..auth.tenants import require_all
from ..site import CurrentSite
from .calls import Calls, answer
from .parameters import Cursor, closed, opened
from .visibility import seen_run

router = Calls("audit", "/api/audit")

Lines = Annotated[int, Query(alias="limit", description="Lines that are looked at, at most.", ge=1, le=1_000)]
OfRun = Annotated[
    str | None, Query(alias="run", description="Only what concerns one run.", min_length=1, max_length=256)
]
OfEvents = Annotated[tuple[AuditEvent, ...], Query(alias="event", description="Only these events.", max_length=100)]
Newest = Annotated[bool, Query(description="The newest first.")]


@router.call("GET", "", "readAudit", forms.AUDIT, problems=(404,))
async def read_audit(
    visitor: AuditVisitor,
    site: CurrentSite,
    limit: Lines = 200,
    cursor: Cursor = None,
    run_id: OfRun = None,
    events: OfEvents = (),
    newest: Newest = False,
) -> Response:
    """Lines of the trail, oldest first.

    Somebody of one tenant sees its lines, and none that are of no tenant. A page may be short, or empty; as long as it
    has a cursor there may be more.
    """
    if run_id is not None:
        await seen_run(site, visitor, run_id)
    query = FollowAudit(_after(cursor), limit, run_id, newest)
    page = await site.store.fetch(query)
    told = tuple(each.entry for each in page.items if _is_for(visitor, each, events))
    return answer(forms.AUDIT, Page(told, closed(page.cursor)))


def _after(cursor: str | None) -> int:
    place = opened(cursor) or "0"
    if not (place.isascii() and place.isdigit() and len(place) <= 18):
        raise RecordError(f"{cursor!r} is no cursor of the trail; give that of the page before, as it was, or none")
    return int(place)


def _is_for(visitor: Visitor, line: Followed, events: tuple[AuditEvent, ...]) -> bool:
    return visitor.sees(line.tenant) and (not events or line.entry.event in events)


@router.call("GET", "/verify", "verifyAudit", forms.REPORT)
async def verify_audit(visitor: AuditVisitor, site: CurrentSite) -> Response:
    """Read the whole trail again, and hold it against its seals and anchors: every finding, with its place.

    The trail is one chain of all tenants, so this is for somebody of all of them.
    """
    require_all(visitor, "the whole trail")
    custody = getattr(site.store, "custody", None)
    if not isinstance(custody, Custody):
        raise StoreError("this store keeps no sealed trail, so there is nothing to verify")
    return answer(forms.REPORT, await verified(site.store, custody))


async def verified(store: Store, custody: Custody) -> Report:
    """As `audit.verify`, with all that computes beside the event loop, page by page."""
    verifier = await asyncio.to_thread(Verifier, custody)
    async for page in pages(store, ReadAudit()):
        await asyncio.to_thread(verifier.feed, page.items)
    return await asyncio.to_thread(verifier.report)
