"""Says when conversations have changed: a page that hears it connects again, and shows what others have decided.

One stream for all that a page shows: a browser has six connections to a server, and each stream takes one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from ..errors import HitlError
from ..protocol import RunState, sha256
from .agent import Agent
from .people import Person
from .threads import Thread, standing, with_drafts
from .working import Working

BEAT: Final = 15.0
"""Seconds after which something is said in any case, so that nothing between takes the connection for dead."""
MOST: Final = 50
"""Conversations that one stream is about; what is asked for beyond that is left out."""
LASTS: Final = 900.0
"""Seconds after which a page has to come again, which its browser does by itself."""
LOOKED_UP: Final = 15.0
"""Seconds after which it is looked up whether somebody is whom they were."""

Still = Callable[[], Awaitable[bool]]
"""Whether who listens is whom they were when they came, and may do what they might."""


async def _always() -> bool:
    return True


async def changes(
    agent: Agent, threads: Sequence[str], person: Person, working: Working, still: Still = _always
) -> AsyncGenerator[str]:
    """Server-sent events `changed` with `{"threadId", "tag"}`: the tag is another whenever a page would show something
    else.

    The first of each comes at once; nothing of a conversation that the person does not see. It ends when they are not
    who they were, or have listened for long, and when the server ends. A run that was answered elsewhere goes on here
    if no worker has taken it: somebody is looking at it.

    A store knows by the task what it has told it of, so one task listens; and before it looks for the first time.
    """
    told: dict[str, str] = {}
    now = asyncio.get_running_loop().time
    looked, until = now(), now() + LASTS
    await agent.hitl.store.changed(timeout=0.0)
    while now() < until and not working.ending.is_set():
        if now() - looked >= LOOKED_UP:
            if not await still():
                return
            looked = now()
        for name in dict.fromkeys(threads[:MOST]):
            tag = await _looked_at(agent, name, person, working)
            if tag and tag != told.get(name):
                told[name] = tag
                yield f"event: changed\ndata: {json.dumps({'threadId': name, 'tag': tag})}\n\n"
        yield ": still here\n\n"
        with suppress(TimeoutError):
            async with working.until_ending():
                await agent.hitl.store.changed(timeout=BEAT)


async def _looked_at(agent: Agent, name: str, person: Person, working: Working) -> str:
    """Letters that say how a conversation stands; "" where the person does not see it."""
    try:
        found = await with_drafts(agent.hitl, await standing(agent, name, person))
    except HitlError:
        return ""
    if found.run is not None and found.run.state is RunState.READY:
        working.go_on(agent.hitl, found.run.id)
    return _tag(found)


def _tag(thread: Thread) -> str:
    """Whatever is said or decided moves the run: a turn that begins, pauses or ends, an answer, a reassignment. Who may
    decide, and what people make of a draft, does not.
    """
    run = "" if thread.run is None else f"{thread.run.id} {thread.run.state} {thread.run.updated_at}"
    asked = [(each.id, thread.drafts[each.id].number if each.id in thread.drafts else 0) for each in thread.asked]
    return sha256(f"{run} {asked} {[each.id for each in thread.elsewhere]}".encode())[-16:]
