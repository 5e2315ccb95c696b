"""Real processes that really die: forked from the test itself, because importing a framework takes seconds.

Nothing that does not survive a fork (threads, event loops, stores, savers) may be open in the test; what is to be
warm is imported and used once before, by `warmed`. The scripted model is a process of its own. Where a framework leaves
threads behind, `hitl_core.testing.processes` has a parent that only imports it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import Script, ScriptedModel

from .crash_desk import SCRIPT, CrashDesk, go_through, truthfully
from .ledger import LEDGER

KILLED = -signal.SIGKILL
PATIENCE = 30.0


def fork(work: Callable[[], Any]) -> int:
    """Start `work` in a child; returns its process id."""
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

    def half(start: int) -> None:
        for case in cases[start::2]:
            case()

    return [ended(pid) for pid in [fork(lambda: half(0)), fork(lambda: half(1))]]


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


def warmed(backend: str, folder: Path) -> None:
    """Import everything that children need, and use it once, before the first fork."""

    async def once() -> None:
        async with desk.open() as hitl:
            await go_through(hitl, truthfully)

    with model_process(SCRIPT, folder / "model.jsonl") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LEDGER, str(folder / "ledger.jsonl"))
        patch.setenv("OPENAI_API_KEY", "test")
        desk = CrashDesk(backend, folder, url, folder / "model.jsonl")
        asyncio.run(once())
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(PATIENCE)  # it has done its work, and may be on its way out
    assert threading.active_count() == 1, threading.enumerate()


def dies_at(owner: Any, method: str, when: str, nth: int) -> None:
    """In this process, die before or after the `nth` call of an async method."""
    inner, seen = getattr(owner, method), 0

    async def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        here = seen == nth
        if here and when == "before":
            die()
        result = await inner(*args, **kwargs)
        if here:
            die()
        return result

    setattr(owner, method, dying)


def counts(owner: Any, method: str, seen: list[str]) -> None:
    """In this process, note every call of an async method."""
    inner = getattr(owner, method)

    async def noting(*args: Any, **kwargs: Any) -> Any:
        seen.append(method)
        return await inner(*args, **kwargs)

    setattr(owner, method, noting)
