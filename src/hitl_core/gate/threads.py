"""Sync code that calls the gate: it waits in its own thread while the gate's event loop works."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def wait_on(loop: asyncio.AbstractEventLoop, step: Coroutine[Any, Any, T]) -> T:
    """The result of a step on `loop`. Raises RuntimeError where waiting for it would hold up that very loop."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        step.close()
        raise RuntimeError("a sync tool was called on the event loop; call it in a thread or make it async")
    return asyncio.run_coroutine_threadsafe(step, loop).result()
