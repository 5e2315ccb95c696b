"""Says when a conversation has changed: a page that hears it connects again, and shows what others have decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ..errors import HitlError
from ..protocol import sha256
from ..runtime import Runtime
from .people import Person
from .threads import Thread, thread_of

BEAT: Final = 15.0
"""Seconds after which something is said in any case, so that nothing between takes the connection for dead."""


async def changes(hitl: Runtime, thread: str, person: Person) -> AsyncIterator[str]:
    """Server-sent events: `changed`, with letters that are others whenever a page would show something else.

    The first comes at once. It ends where the person does not see the conversation.
    """
    told = ""
    while True:
        try:
            tag = _tag(await thread_of(hitl, thread, person))
        except HitlError:
            return
        yield f"event: changed\ndata: {tag}\n\n" if tag != told else ": still here\n\n"
        told = tag
        await hitl.store.changed(timeout=BEAT)


def _tag(thread: Thread) -> str:
    run = "" if thread.run is None else f"{thread.run.id} {thread.run.state}"
    return sha256(f"{run} {[each.id for each in thread.asked]} {len(thread.said)}".encode())[-16:]
