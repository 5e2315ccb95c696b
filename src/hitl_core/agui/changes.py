"""Says when a conversation has changed: a page that hears it connects again, and shows what others have decided."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from ..errors import HitlError
from ..protocol import RunState, sha256
from ..runtime import Runtime
from .people import Person
from .threads import Thread, thread_of
from .working import Working

BEAT: Final = 15.0
"""Seconds after which something is said in any case, so that nothing between takes the connection for dead."""
LASTS: Final = 900.0
"""Seconds after which a page has to come again, which its browser does by itself."""
LOOKED_UP: Final = 15.0
"""Seconds after which it is looked up whether somebody is whom they were."""

Still = Callable[[], Awaitable[bool]]
"""Whether who listens is whom they were when they came, and may do what they might."""


async def changes(hitl: Runtime, thread: str, person: Person, working: Working, still: Still) -> AsyncGenerator[str]:
    """Server-sent events: `changed`, with letters that are others whenever a page would show something else.

    The first comes at once. It ends where the person does not see the conversation, is not who they were, or has
    listened for long, and when the server ends. A run that was answered elsewhere goes on here if no worker has taken
    it: somebody is looking at it.
    """
    told, now = "", asyncio.get_running_loop().time
    looked, until = now(), now() + LASTS
    while now() < until and not working.ending.is_set():
        if now() - looked >= LOOKED_UP:
            if not await still():
                return
            looked = now()
        try:
            found = await thread_of(hitl, thread, person)
        except HitlError:
            return
        tag = _tag(found)
        yield f"event: changed\ndata: {tag}\n\n" if tag != told else ": still here\n\n"
        told = tag
        if found.run is not None and found.run.state is RunState.READY:
            working.go_on(hitl, found.run.id)
        await _something(hitl, working)


async def _something(hitl: Runtime, working: Working) -> None:
    """Return when something has changed in the store, or the server ends, or after a while."""
    waits = {asyncio.create_task(hitl.store.changed(timeout=BEAT)), asyncio.create_task(working.ending.wait())}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in waits:
            each.cancel()


def _tag(thread: Thread) -> str:
    run = "" if thread.run is None else f"{thread.run.id} {thread.run.state}"
    return sha256(f"{run} {[each.id for each in thread.asked]} {len(thread.said)}".encode())[-16:]
