"""How a store stands, for a thread that asks; however often it asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import Load, OpenGroup, StopScope
from hitl_core.observing import gauges as room
from hitl_core.observing.gauges import Gauges, gauges
from hitl_core.observing.instruments import COUNTED_ALL, INSTRUMENTS, OLDEST, OPEN, READY, READY_OLDEST, RUNNING, STOPS
from hitl_core.testing.clock import START

LOAD = Load(
    open=3,
    levels=(OpenGroup("confirm", 2), OpenGroup("unknown", 1)),
    approvers=(),
    oldest=START - timedelta(seconds=90),
    ready=4,
    ready_since=START + timedelta(seconds=1),
    running=5,
    stops={StopScope.TOOL: 1},
    counted_all=False,
)


class Desk:
    """A store that answers one query, and counts how often."""

    def __init__(self) -> None:
        self.looks = 0
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def fetch(self, query: Any) -> Any:
        self.looks += 1
        await self.hangs.wait()
        return LOAD


def test_a_look_at_the_store_is_gauges_and_what_is_not_there_is_0() -> None:
    found = {(each.name, " ".join(each.labels.values())): each.value for each in gauges(LOAD, START)}
    assert found == {
        (OPEN, "confirm"): 2,
        (OPEN, "collaborate"): 0,
        (OPEN, "human_leads"): 0,
        (OPEN, "unknown"): 1,
        (OLDEST, ""): 90.0,
        (READY, ""): 4,
        (READY_OLDEST, ""): 0.0,
        (RUNNING, ""): 5,
        **{(STOPS, scope.value): int(scope is StopScope.TOOL) for scope in StopScope},
        (COUNTED_ALL, ""): 0,
    }
    assert all(tuple(each.labels) == INSTRUMENTS[each.name].labels for each in gauges(LOAD, START))


async def test_the_store_is_asked_once_for_many_who_ask_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    desk: Any = Desk()
    shown = Gauges(desk, lambda: START)
    assert shown.read() == [], "the loop's own thread would wait for itself"
    first, second = [await asyncio.to_thread(shown.read) for _ in range(2)]
    assert (first == second, desk.looks) == (True, 1)
    assert shown.read() == first
    monkeypatch.setattr(room, "SECONDS", -1.0)
    shown = Gauges(desk, lambda: START)
    for _ in range(2):
        await asyncio.to_thread(shown.read)
    assert desk.looks == 3


async def test_a_store_that_hangs_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    desk: Any = Desk()
    desk.hangs.clear()
    monkeypatch.setattr(room, "PATIENCE", 0.01)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(Gauges(desk, lambda: START).read)
