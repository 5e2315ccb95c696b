"""While a framework works, stops are looked for on the gate's clock; one failing look is not the last."""

from __future__ import annotations

import asyncio
from typing import cast

from hitl_core.errors import Stopped, StoreUnavailable
from hitl_core.gate import Gate, heeding_stops
from hitl_core.gate.stops import EVERY
from hitl_core.testing.clock import ManualClock


class Looked:
    """A gate whose looks go as the test says: an error is raised, True is a stop."""

    def __init__(self, *found: bool | Exception) -> None:
        self.clock, self.run, self.stopped = ManualClock(), type("Run", (), {"id": "r"}), Stopped("fire")
        self.found = list(found)

    async def heed_stops(self) -> bool:
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def drained(gate: Looked, looks: int) -> list[str]:
    """What was drained in as many looks."""
    said: list[str] = []
    with heeding_stops(cast("Gate", gate), said.append):
        for _ in range(looks):
            await gate.clock.asleep()
            gate.clock.advance(seconds=EVERY)
            await asyncio.sleep(0)
    return said


async def test_a_stop_drains_once_and_is_not_looked_for_again() -> None:
    assert await drained(Looked(False, True), 2) == ["fire"]


async def test_a_look_that_fails_is_followed_by_another() -> None:
    """The store may be busy for a moment; a stop must not be missed for that."""
    assert await drained(Looked(StoreUnavailable("busy"), OSError("busy"), True), 3) == ["fire"]


async def test_work_that_is_shorter_than_the_interval_is_not_looked_at() -> None:
    gate = Looked()
    assert await drained(gate, 0) == []
