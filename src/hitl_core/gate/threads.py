"""Sync tools run in threads of their own; what they need of the gate is done on its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def wait_for(step: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """Wait in a worker thread for a step on `loop`. Raises RuntimeError on that event loop itself."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        step.close()
        raise RuntimeError("a sync tool was called on the event loop; call it in a thread or make it async")
    return asyncio.run_coroutine_threadsafe(step, loop).result()
