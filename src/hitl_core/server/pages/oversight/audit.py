"""/audit: the trail page by page, each line in words; its verification; and the trail as a table to take along."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from ....audit import COLUMNS, cells
from ....commands import FollowAudit, Followed
from ....contracts import pages
from ....protocol import AuditEvent
from ...auth import AuditVisitor, Visitor
from ...auth.tenants import require_all
from ...feed.happened import happened
from ...site import CurrentSite, Site
from ..environment import render
from ..routes import PageRoute, back
from ..runs.timeline import gist, in_words
from .verifying import Verifications, verifications

audit = APIRouter(include_in_schema=False, route_class=PageRoute)

PAGE: Final = 100
AT_ONCE: Final = 500
WITHIN: Final = 2_000
"""Lines that are looked at for one page: a rare event in a long trail does not make the page slow."""

MOMENT: Final = 0.75
"""Seconds that a page waits for a verification: a short trail is verified by then."""

Reading = Annotated[Verifications, Depends(verifications)]
Number = Annotated[int, Query(ge=0, le=2**62)]
Name = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that a page shows, newest first. `before` is where older ones begin; None where there are none."""

    shown: tuple[Followed, ...]
    before: int | None
    looked: int


@audit.get("/audit", name="audit")
async def trail(
    request: Request,
    visitor: AuditVisitor,
    site: CurrentSite,
    reading: Reading,
    run: Name = "",
    event: Name = "",
    before: Number = 0,
) -> Response:
    """The trail, newest first: of one run, of one event."""
    lines = await _lines(site, visitor, run, event, before)
    return render(
        request,
        "audit.html",
        visitor,
        here="audit",
        lines=lines,
        words=in_words,
        gist=gist,
        run=run,
        event=event,
        before=before,
        events=_families(),
        reading=reading.last if visitor.tenant is None else None,
        looked=WITHIN,
    )


async def _lines(site: Site, visitor: Visitor, run: str, event: str, before: int) -> Lines:
    """As many lines as fit a page, looked for among so many."""
    shown, looked, at = list[Followed](), 0, before
    while looked < WITHIN:
        page = await site.store.fetch(FollowAudit(at, AT_ONCE, run or None, newest=True))
        for each in page.items:
            looked, at = looked + 1, each.entry.seq
            if _is_asked(each, event) and happened(each).is_for(visitor):
                shown.append(each)
            if len(shown) == PAGE:
                return Lines(tuple(shown), at, looked)
        if page.cursor is None:
            return Lines(tuple(shown), None, looked)
    return Lines(tuple(shown), at, looked)


def _is_asked(line: Followed, event: str) -> bool:
    return not event or line.entry.event == event or line.entry.event.startswith(f"{event}.")


def _families() -> dict[str, list[str]]:
    """The events by what they are about."""
    found: dict[str, list[str]] = {}
    for event in AuditEvent:
        found.setdefault(event.partition(".")[0], []).append(event.value)
    return found


@audit.get("/audit/trail.csv")
async def table(visitor: AuditVisitor, site: CurrentSite, run: Name = "") -> Response:
    """The trail as a table, oldest line first: no cell of it is anything that a spreadsheet would run."""
    name = "trail.csv" if not run else "trail-of-a-run.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_rows(site, visitor, run), media_type="text/csv", headers=headers)


async def _rows(site: Site, visitor: Visitor, run: str) -> AsyncGenerator[str]:
    """Page by page, as fast as they are taken: a trail of millions of lines is never held as a whole."""
    yield _written([COLUMNS])
    async for page in pages(site.store, FollowAudit(run_id=run or None)):
        yield _written(cells(each.entry) for each in page.items if happened(each).is_for(visitor))


def _written(rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue()


# ── verifying ────────────────────────────────────────────────────────────────────────────────────────────────


@audit.post("/audit/verify")
async def verify(request: Request, visitor: AuditVisitor, reading: Reading) -> Response:
    """Begin to read the whole trail again: it is one chain of all tenants."""
    require_all(visitor, "the whole trail")
    reading.begin(visitor.name)
    await reading.finished(MOMENT)
    return back(request, "audit", "verify")


@audit.get("/audit/verify")
async def verified(request: Request, visitor: AuditVisitor, reading: Reading) -> Response:
    """What the last reading has found, or how far it has come."""
    require_all(visitor, "the whole trail")
    return render(request, "audit_verify.html", visitor, here="audit", reading=reading.last)
