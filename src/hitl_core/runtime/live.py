"""The live events of one turn, as somebody sees them who listens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Final

from ..protocol import LiveEvent, LiveKind, Run

Listeners = list[asyncio.Queue[LiveEvent]]
"""The queues that every event of a runtime goes to."""

_END: Final = LiveEvent(run_id="-", kind=LiveKind.COMPLETED)


async def listen(listeners: Listeners, run_id: str, work: Coroutine[Any, Any, Run]) -> AsyncGenerator[LiveEvent, None]:
    """The events of a turn that `work` drives. Who stops listening waits for its end: the turn itself goes on."""
    queue: asyncio.Queue[LiveEvent] = asyncio.Queue()
    listeners.append(queue)
    turn = asyncio.ensure_future(work)
    turn.add_done_callback(lambda _: queue.put_nowait(_END))
    try:
        yield LiveEvent(run_id=run_id, kind=LiveKind.STARTED)
        while (event := await queue.get()) is not _END:
            if event.run_id == run_id:
                yield event
        await turn
    finally:
        listeners.remove(queue)
        if not turn.done():
            await asyncio.wait((turn,))
