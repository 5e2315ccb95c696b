"""Real processes that really die: forked from a warm parent, because importing the SDK takes seconds.

Nothing that does not survive a fork (threads, event loops, stores) may be open in the parent. The scripted model is a
process of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hitl_core.testing.scripted_model import Script, ScriptedModel

KILLED = -signal.SIGKILL


def fork(work: Callable[[], Any]) -> int:
    """Start `work` in a child; its process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(pid: int) -> int:
    """Wait for a child; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def child(work: Callable[[], Awaitable[Any]]) -> int:
    """Run `work` in a child with an event loop of its own, and wait for it."""

    async def whole() -> None:
        await work()

    return ended(fork(lambda: asyncio.run(whole())))


def on_two_cores(cases: Sequence[Callable[[], None]]) -> list[int]:
    """Run the cases in two coordinating processes; their exit codes. What went wrong is on stderr."""

    def half(start: int) -> Callable[[], None]:
        def work() -> None:
            for case in cases[start::2]:
                case()

        return work

    return [ended(pid) for pid in [fork(half(0)), fork(half(1))]]


@contextmanager
def model_process(script: Script, log: Path) -> Iterator[str]:
    """A scripted model in a process of its own; gives its base URL."""
    reading, writing = os.pipe()

    def serve() -> None:
        with ScriptedModel(script, log=log, log_bodies=True) as model:
            os.write(writing, model.base_url.encode())
            os.close(writing)
            signal.pause()

    pid = fork(serve)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield pipe.read()
    finally:
        os.kill(pid, signal.SIGKILL)
        ended(pid)
