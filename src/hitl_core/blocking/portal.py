"""A door from code without an event loop to async code: a loop of its own in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Portal:
    """`with Portal() as portal: portal.wait(coroutine)`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hitl-portal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, step: Coroutine[Any, Any, T]) -> T:
        """Run `step` on the portal's loop and wait for its result; raises what it raises.

        Ctrl-C cancels the step and waits until it has ended: what it works with may be closed after that.
        """
        begun: list[asyncio.Task[Any]] = []
        result: Future[T] | None = None
        try:
            result = asyncio.run_coroutine_threadsafe(_begin(step, begun), self._loop)
            return result.result()
        except BaseException:
            if result is None or not result.done():  # it is none of the step's own
                asyncio.run_coroutine_threadsafe(_end(begun), self._loop).result()
            raise

    @contextmanager
    def entered(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """An async context manager as a plain one."""
        value = self.wait(_enter(manager))
        try:
            yield value
        finally:
            self.wait(_leave(manager))


async def _begin(step: Coroutine[Any, Any, T], begun: list[asyncio.Task[Any]]) -> T:
    task = asyncio.current_task()
    assert task is not None, "a loop runs it"
    begun.append(task)
    return await step


async def _end(begun: list[asyncio.Task[Any]]) -> None:
    """Its first step comes after that of what it ends, which was handed to the loop before."""
    for task in begun:
        task.cancel()
        await asyncio.wait([task])


async def _enter(manager: AbstractAsyncContextManager[T]) -> T:
    return await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[Any]) -> None:
    await manager.__aexit__(None, None, None)
