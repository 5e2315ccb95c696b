"""Scenario 11: a request with 50 MB of arguments where there is little memory."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.testing.processes import Order, Processes
from tests.faults.checker import faults, left
from tests.faults.desk import Desk
from tests.faults.places import Place
from tests.faults.scenarios import scenario

pytestmark = pytest.mark.processes
MEGABYTE = 1024 * 1024
ROOM = 800 * MEGABYTE
"""What the process may take beside what it has; a thread alone reserves up to 72 MB of addresses."""


def in_use() -> int:
    """The size of this process's address space."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


async def asks(place: list[str], megabytes: int) -> list[list[Any]]:
    """Ask about so much, and then about a little, in a process that gets no more memory; what became of both runs."""
    desk = Desk(Place.of(place))

    @gate.guard
    async def refund(order: str) -> str:
        desk.happened.write(tool="refund", key="never", order=order[:10])
        return "paid"

    async with desk.open(lambda input: refund("x" * input)) as hitl:
        resource.setrlimit(resource.RLIMIT_AS, (in_use() + ROOM,) * 2)
        runs = [await hitl.start(size) for size in (megabytes * MEGABYTE, 10)]
        return [[run.state.value, run.error, len(run.pending)] for run in runs]


@scenario(11)
@pytest.mark.parametrize("megabytes", [2, 50, 500], ids=["2 MB", "50 MB", "more than can be looked at"])
async def test_a_request_that_is_too_large(place: Place, processes: Processes, megabytes: int) -> None:
    """Fails without `limit` in `Action.digest` (protocol/action.py), or if a MemoryError in a turn ends the process."""
    ended = processes.run(Order.of(asks, place=place.told, megabytes=megabytes))
    assert (ended.signal, ended.error) == (0, "")
    large, small = ended.result
    assert (large[0], large[2]) == ("failed", 0)
    assert ("MemoryError" if megabytes > 100 else "bytes as JSON; the limit is 65,536") in large[1]
    assert small == ["paused", "", 1]
    found = await left(place)
    assert len(found.requests) == 1
    assert found.ledger == ()
    assert faults(found) == []
