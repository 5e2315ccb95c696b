"""A turn of a run as it works: its live events as Server-Sent Events. They are a courtesy; the store says what is true.

`live` is an event, `end` the last one, `problem` why it ended otherwise. Who goes away leaves the turn to itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Annotated, Final

from fastapi import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from ...errors import HitlError
from ...protocol import LiveEvent
from ...runtime import Runtime
from ...wire import bodies, forms, plain_problem, problem_of
from ..auth import StartVisitor
from ..auth.tenants import require_home
from ..site import CurrentSite
from .calls import HEADERS, Calls, sent
from .parameters import RunId
from .visibility import require_own, require_same, seen_run

router = Calls("runs", "/api/runs")

FOREVER: Final = 1e9
MEDIA: Final = "text/event-stream"

_Item = LiveEvent | Exception | None
"""What comes of a turn: an event, why it broke, and None at its end."""


@router.call("POST", "/stream", "streamRun", None, problems=(409,), media=MEDIA)
async def stream_run(
    visitor: StartVisitor, site: CurrentSite, body: Annotated[bodies.Start, sent(bodies.Start)]
) -> Response:
    """Start a run and tell its live events until it pauses or ends. It runs for whoever calls."""
    require_same(visitor, body.by)
    require_home(site, visitor, "a run that is started")
    await require_own(site, visitor, body.thread)
    events = site.hitl.stream(body.input, by=visitor.responder.id, thread=body.thread, tools=body.tools)
    return await _streamed(site.hitl, events)


@router.call("POST", "/{id}/stream", "streamResume", None, problems=(404, 409), media=MEDIA)
async def stream_resume(
    visitor: StartVisitor,
    site: CurrentSite,
    run_id: RunId,
    body: Annotated[bodies.Resume, sent(bodies.Resume, optional=True)],
) -> Response:
    """Like `resumeRun`, telling the live events. There are none if there is nothing to do."""
    await seen_run(site, visitor, run_id)
    return await _streamed(site.hitl, site.hitl.stream_resume(run_id, ask_again=body.ask_again))


async def _streamed(hitl: Runtime, events: AsyncIterator[LiveEvent]) -> Response:
    """The stream, once its first event is there. Raises what the turn raises before that."""
    queue: asyncio.Queue[_Item] = asyncio.Queue()
    waiting = asyncio.create_task(hitl.going_on(_pumped(events, queue), within=FOREVER))
    first = await queue.get()
    if isinstance(first, Exception):
        await waiting
        raise first
    return EventSourceResponse(_told(queue, first, waiting), headers=dict(HEADERS))


async def _pumped(events: AsyncIterator[LiveEvent], queue: asyncio.Queue[_Item]) -> None:
    """All events into the queue, and how it ended. Nobody who listens can stop it."""
    end: Exception | None = None
    try:
        async for event in events:
            queue.put_nowait(event)
    except Exception as exc:
        end = exc
    queue.put_nowait(end)


async def _told(
    queue: asyncio.Queue[_Item], first: _Item, waiting: asyncio.Task[None]
) -> AsyncGenerator[ServerSentEvent, None]:
    item = first
    try:
        while isinstance(item, LiveEvent):
            yield ServerSentEvent(forms.EVENT.write(item).decode(), event="live")
            item = await queue.get()
        yield ServerSentEvent("{}", event="end") if item is None else _why(item)
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


def _why(exc: Exception) -> ServerSentEvent:
    problem = problem_of(exc) if isinstance(exc, HitlError) else plain_problem(500, "the turn broke off")
    return ServerSentEvent(problem.model_dump_json(), event="problem")
