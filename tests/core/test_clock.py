"""Where time comes from."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hitl_core.clock import SystemClock
from hitl_core.testing.clock import START, ManualClock


async def test_the_systems_clock_is_in_utc() -> None:
    clock = SystemClock()
    await clock.sleep(0)
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_manual_clock_moves_only_by_hand() -> None:
    clock = ManualClock()
    sleeper = asyncio.ensure_future(clock.sleep(10))
    clock.advance(9)
    await asyncio.sleep(0)
    assert clock.now() == START + timedelta(seconds=9)
    assert not sleeper.done()
    clock.advance(minutes=1)
    await sleeper
