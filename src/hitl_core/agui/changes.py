"""Says when a conversation has changed: a page that hears it connects again, and shows what others have decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ..errors import HitlError
from ..protocol import RunState, sha256
from ..runtime import Runtime
from .people import Person
from .threads import Thread, thread_of
from .working import Working

BEAT: Final = 15.0
"""Seconds after which something is said in any case, so that nothing between takes the connection for dead."""


async def changes(hitl: Runtime, thread: str, person: Person, working: Working) -> AsyncIterator[str]:
    """Server-sent events: `changed`, with letters that are others whenever a page would show something else.

    The first comes at once. It ends where the person does not see the conversation. A run that was answered elsewhere
    goes on here if no worker has taken it: somebody is looking at it.
    """
    told = ""
    while True:
        try:
            found = await thread_of(hitl, thread, person)
        except HitlError:
            return
        tag = _tag(found)
        yield f"event: changed\ndata: {tag}\n\n" if tag != told else ": still here\n\n"
        told = tag
        if found.run is not None and found.run.state is RunState.READY:
            working.go_on(hitl, found.run.id)
        await hitl.store.changed(timeout=BEAT)


def _tag(thread: Thread) -> str:
    run = "" if thread.run is None else f"{thread.run.id} {thread.run.state}"
    return sha256(f"{run} {[each.id for each in thread.asked]} {len(thread.said)}".encode())[-16:]
