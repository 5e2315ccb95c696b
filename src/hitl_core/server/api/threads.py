"""Threads: what was said in each, where transcripts are kept."""

from __future__ import annotations

from fastapi import Response

from ...commands import ListSaid
from ...wire import forms
from ..auth import RunsVisitor
from ..site import CurrentSite
from .calls import Calls, answer
from .parameters import CalledBy, Cursor, Limit, Thread, opened, page_of
from .visibility import require_same

router = Calls("runs", "/api/threads")


@router.call("GET", "/{thread:path}", "readThread", forms.TRANSCRIPT)
async def read_thread(
    visitor: RunsVisitor,
    site: CurrentSite,
    thread: Thread,
    limit: Limit = 200,
    cursor: Cursor = None,
    by: CalledBy = None,
) -> Response:
    """What was said in a thread, oldest first. Empty where there is none, or transcripts are not kept.

    Each message stands there once, under its id, with as much of its text as was said by the time.
    """
    require_same(visitor, by)
    query = ListSaid(thread, visitor.tenant, limit, opened(cursor))
    return answer(forms.TRANSCRIPT, page_of(await site.store.fetch(query)))
