"""The door from code without an event loop to async code."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from hitl_core.blocking.portal import Portal


async def double(value: int) -> int:
    await asyncio.sleep(0)
    return value * 2


async def fail() -> None:
    raise LookupError("nothing here")


class Door:
    """An async context manager that remembers what became of it."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        self.log.append("opened")
        try:
            yield "inside"
        finally:
            await asyncio.sleep(0)
            self.log.append("closed")


def test_a_coroutine_runs_and_its_result_comes_back() -> None:
    with Portal() as portal:
        assert portal.wait(double(21)) == 42


def test_what_a_coroutine_raises_is_raised_here() -> None:
    with Portal() as portal, pytest.raises(LookupError, match="nothing here"):
        portal.wait(fail())


def test_an_async_context_manager_becomes_a_plain_one() -> None:
    door = Door()
    with Portal() as portal, portal.entered(door.open()) as value:
        assert (value, door.log) == ("inside", ["opened"])
    assert door.log == ["opened", "closed"]


def test_it_is_closed_also_after_an_error() -> None:
    door = Door()
    with pytest.raises(RuntimeError, match="oops"), Portal() as portal, portal.entered(door.open()):
        raise RuntimeError("oops")
    assert door.log == ["opened", "closed"]


def test_the_thread_ends_with_the_portal() -> None:
    with Portal():
        assert "hitl-portal" in {thread.name for thread in threading.enumerate()}
    assert "hitl-portal" not in {thread.name for thread in threading.enumerate()}


async def test_it_also_works_where_a_loop_runs_already() -> None:
    def blocking() -> int:
        with Portal() as portal:
            return portal.wait(double(1))

    assert blocking() == 2


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """That it interrupts: a shell starts what it puts in the background with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_the_step_before_what_it_works_with_is_closed() -> None:
    door = Door()

    async def works() -> None:
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            door.log.append("ended")

    with pytest.raises(KeyboardInterrupt), Portal() as portal, portal.entered(door.open()):
        portal.wait(works())
    assert door.log == ["opened", "ended", "closed"]
