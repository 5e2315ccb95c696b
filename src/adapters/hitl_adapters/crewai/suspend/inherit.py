"""Threads that are started inside a run belong to it: outside it, their tools would pass no gate.

CrewAI copies the context into nearly all threads of its own; code of an app rarely does. So inside a run a thread
inherits it, as every thread does under Python's own `-X thread_inherit_context`. A worker of a pool outlives the run,
so it is what is submitted that inherits.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

from .current import Suspended, current
from .seams import seam


def carry_into_threads() -> None:
    """Hold on to how threads are started, once per process."""
    seam(threading.Thread, "start", _start)
    seam(ThreadPoolExecutor, "submit", _submit)


def _start(original: Any, thread: threading.Thread) -> None:
    if current() is not None:
        context, body = copy_context(), thread.run

        def run() -> None:
            with suppress(Suspended):  # a pause ends the thread as it would end its task, and is no error
                context.run(body)

        thread.run = run  # type: ignore[method-assign]  # of this one thread
    original(thread)


def _submit(original: Any, pool: ThreadPoolExecutor, work: Any, /, *args: Any, **kwargs: Any) -> Any:
    if current() is None:
        return original(pool, work, *args, **kwargs)
    return Context().run(original, pool, copy_context().run, work, *args, **kwargs)
