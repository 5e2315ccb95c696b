"""Says when conversations have changed: a page that hears it connects again, and shows what others have decided.

One stream for all that a page shows: a browser has six connections to a server, and each stream takes one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from ..errors import HitlError
from ..protocol import RunState, sha256
from ..runtime import Runtime
from .people import Person
from .threads import Thread, thread_of
from .working import Working

BEAT: Final = 15.0
"""Seconds after which something is said in any case, so that nothing between takes the connection for dead."""
MOST: Final = 50
"""Conversations that one stream is about; what is asked for beyond that is left out."""


async def changes(hitl: Runtime, threads: Sequence[str], person: Person, working: Working) -> AsyncGenerator[str, None]:
    """Server-sent events `changed` with `{"threadId", "tag"}`: the tag is another whenever a page would show something
    else.

    The first of each comes at once; nothing of a conversation that the person does not see. A run that was answered
    elsewhere goes on here if no worker has taken it: somebody is looking at it.
    """
    told: dict[str, str] = {}
    while True:
        for name in dict.fromkeys(threads[:MOST]):
            tag = await _looked_at(hitl, name, person, working)
            if tag and tag != told.get(name):
                told[name] = tag
                yield f"event: changed\ndata: {json.dumps({'threadId': name, 'tag': tag})}\n\n"
        yield ": still here\n\n"
        await hitl.store.changed(timeout=BEAT)


async def _looked_at(hitl: Runtime, name: str, person: Person, working: Working) -> str:
    """Letters that say how a conversation stands; "" where the person does not see it."""
    try:
        found = await thread_of(hitl, name, person)
    except HitlError:
        return ""
    if found.run is not None and found.run.state is RunState.READY:
        working.go_on(hitl, found.run.id)
    return _tag(found)


def _tag(thread: Thread) -> str:
    run = "" if thread.run is None else f"{thread.run.id} {thread.run.state}"
    return sha256(f"{run} {[each.id for each in thread.asked]} {len(thread.said)}".encode())[-16:]
