"""A crew runs in a thread of its own: it blocks, and the loop that keeps its lease must not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], *, name: str) -> T:
    """The result of `work`, done in a new thread with our context.

    Not one of the loop's pool: tools need those, and a crew that waited for one would hold the last of them. A daemon:
    a model that never answers must not keep a process alive that has lost its lease.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = copy_context()

    def body() -> None:
        try:
            result = context.run(work)
        except BaseException as exc:
            _tell(loop, done, None, exc)
        else:
            _tell(loop, done, result, None)

    threading.Thread(target=body, name=name, daemon=True).start()
    return await done


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    def settle() -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def off_loop(work: Callable[[], T]) -> T:
    """Do something that starts an event loop of its own, wherever we are called from."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    made: list[T] = []
    failed: list[BaseException] = []
    context = copy_context()

    def body() -> None:
        try:
            made.append(context.run(work))
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
