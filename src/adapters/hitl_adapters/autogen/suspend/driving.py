"""One stretch of a run: a team or an agent is driven until it ends, drains, or is abandoned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from autogen_agentchat.base import TaskResult

from hitl_core.gate import heeding_stops

from .scope import Current, Scope, Suspended, entered

log = logging.getLogger("hitl_core")

GRACE: Final = 5.0
"""Seconds that a cancelled team has to drain before its task is cancelled too."""

Start = Callable[[], AsyncGenerator[Any, None]]


async def drive(scope: Scope, start: Start) -> TaskResult | None:
    """Drive to the end; returns the result, or None if the agent was suspended or a stop came.

    Raises what the team raised, and what ended the now. Never `asyncio.wait_for` on a team: it would go on
    working (research/autogen.md §3.3). A token always goes along.
    """
    now = scope.now
    work = asyncio.ensure_future(_work(scope, start))
    ended = asyncio.ensure_future(now.ended.wait())
    try:
        with heeding_stops(now.gate, lambda why: now.ended.set()):
            await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
        if now.gate.stopped is not None:
            await now.idle.wait()
    finally:
        ended.cancel()
        await _abandoned(now, work)
    if now.failure is not None:
        raise now.failure
    return None if now.gate.stopped is not None else work.result()


async def _work(scope: Scope, start: Start) -> TaskResult | None:
    result: TaskResult | None = None
    with entered(scope):
        try:
            async with aclosing(start()) as stream:
                async for item in stream:
                    result = item if isinstance(item, TaskResult) else result
        except Suspended:
            return None
    return result


async def _abandoned(now: Current, work: asyncio.Task[Any]) -> None:
    """End what still works. A team that was cancelled is thrown away, as is one that paused."""
    now.over = True
    if not work.done():
        for task in now.at_work:
            task.cancel()
        now.token.cancel()
        await asyncio.wait({work}, timeout=GRACE)
    while not work.done():
        log.warning("run %s: its team does not heed its cancellation token; cancelling its task", now.turn.run.id)
        work.cancel()
        await asyncio.wait({work}, timeout=GRACE)
    if not work.cancelled():
        work.exception()  # whoever needs it reads it from the task; nobody has to
