"""One turn of an agent, or of a team inside a team or a tool. A turn that paused is replayed from its start: model
answers come from the journal, finished calls and people's answers from the gate."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from hitl_core.errors import HitlError

from .scope import Scope, Suspended, current_scope, enter

_END: Final = object()


class Turns:
    """The turns of one participant: counted, run in a scope of their own, and saved as they were at their start."""

    def __init__(self, name: str, save: Callable[[], Any]) -> None:
        self.name = name
        self._save = save
        self._start: Mapping[str, Any] | None = None

    async def saved(self) -> Mapping[str, Any]:
        """The participant's state; that at the start of its turn while the turn has no end."""
        return await self._save() if self._start is None else self._start

    async def run(self, parts: Callable[[Scope], AsyncIterator[Any]]) -> AsyncGenerator[Any, None]:
        """One turn: what `parts` yields in the turn's scope. Errors become a pause of the team, which keeps its other
        participants' work; the run then fails by the error itself."""
        parent = current_scope()
        if parent is None:
            raise RuntimeError(f"{self.name} is overseen and was run outside a run; start it with hitl.start(…)")
        scope = parent.turn_of(self.name)
        if parent.depth == 0:
            self._start = await self._save()
        scope.enters()
        try:
            async with aclosing(pumped(parts(scope), scope)) as items:
                async for item in items:
                    yield item
        except HitlError as exc:
            scope.now.halt(exc)
            raise Suspended(str(exc)) from exc
        except Exception as exc:
            if parent.called:
                raise
            scope.now.error = scope.now.error or exc
            raise Suspended(str(exc)) from exc
        self._start = None
        parent.passed(self.name)


async def pumped(stream: AsyncIterator[Any], scope: Scope) -> AsyncGenerator[Any, None]:
    """The items of a stream that runs in `scope`. Raises Suspended when it waits for people, or was cancelled.

    Each step is a task of its own, so that a turn whose tools all wait can be torn down from outside.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    context.run(enter, scope)
    cancelled: asyncio.Future[None] = loop.create_future()
    scope.now.token.link_future(cancelled)
    stuck = loop.create_task(scope.stuck.wait())
    step: asyncio.Task[Any] | None = None
    try:
        while True:
            step = loop.create_task(_step(stream), context=context)
            await asyncio.wait((step, cancelled, stuck), return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                raise Suspended("cancelled" if cancelled.cancelled() else "every call waits")
            item = _came_to(step, scope)
            if item is _END:
                return
            yield item
    finally:
        stuck.cancel()
        await _torn_down(step, scope)


async def _step(stream: AsyncIterator[Any]) -> Any:
    return await anext(stream, _END)


def _came_to(step: asyncio.Task[Any], scope: Scope) -> Any:
    """What a step came to. Raises Suspended if it was cancelled, and what it raised."""
    if not step.cancelled():
        return step.result()
    if not scope.now.over:
        scope.now.error = scope.now.error or RuntimeError(f"something cancelled the turn of {scope.path[-1]}")
    raise Suspended("cancelled")


async def _torn_down(step: asyncio.Task[Any] | None, scope: Scope) -> None:
    """Leave no task of the turn behind."""
    if step is not None and not step.done():
        step.cancel()
    if scope.batch is not None:
        await scope.batch.tear_down()
    if step is not None:
        await asyncio.gather(step, return_exceptions=True)
