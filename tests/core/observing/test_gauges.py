"""How a store stands, for a thread that asks; however often it asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import Beat, ListWorkers, Load, Loads, OpenGroup, SeenWorker, StopScope
from hitl_core.observing import gauges as room
from hitl_core.observing.gauges import Gauges, gauges
from hitl_core.observing.instruments import (
    COUNTED_ALL,
    INSTRUMENTS,
    OLDEST,
    OPEN,
    PLACES,
    READY,
    READY_OLDEST,
    RUNNING,
    STOPS,
    WORKERS,
)
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


def worker(version: str, busy: int = 0, *, since: float = 0, ending: bool = False) -> SeenWorker:
    """A worker of four places that was last seen so many seconds ago."""
    beat = Beat("w", START, Loads("plain", "desk:app", version), 4, busy, ending)
    return SeenWorker(beat, START - timedelta(seconds=since), START + timedelta(seconds=30 - since))


CREW = (worker("1", 3), worker("1", 4), worker("2", 1, ending=True), worker("2", 2, since=31))


class Desk:
    """A store that answers one query, and counts how often."""

    def __init__(self) -> None:
        self.looks = 0
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def fetch(self, query: Any) -> Any:
        self.looks += 1
        await self.hangs.wait()
        return () if isinstance(query, ListWorkers) else LOAD


def test_a_look_at_the_store_is_gauges_and_what_is_not_there_is_0() -> None:
    found = {(each.name, " ".join(each.labels.values())): each.value for each in gauges(LOAD, CREW, START)}
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
        (WORKERS, "working 1"): 2,
        (WORKERS, "ending 1"): 0,
        (WORKERS, "gone 1"): 0,
        (PLACES, "busy 1"): 7,
        (PLACES, "free 1"): 1,
        (WORKERS, "working 2"): 0,
        (WORKERS, "ending 2"): 1,
        (WORKERS, "gone 2"): 1,
        (PLACES, "busy 2"): 1,
        (PLACES, "free 2"): 3,
        (COUNTED_ALL, ""): 0,
    }
    assert all(tuple(each.labels) == INSTRUMENTS[each.name].labels for each in gauges(LOAD, CREW, START))


def test_that_there_is_no_worker_is_said() -> None:
    found = {(each.name, each.labels.get("state")): each.value for each in gauges(LOAD, (), START)}
    assert (found[WORKERS, "working"], found[PLACES, "free"]) == (0, 0)


async def test_the_store_is_asked_once_for_many_who_ask_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    desk: Any = Desk()
    shown = Gauges(desk, lambda: START)
    assert shown.read() == [], "the loop's own thread would wait for itself"
    first, second = [await asyncio.to_thread(shown.read) for _ in range(2)]
    assert (first == second, desk.looks) == (True, 2), "one look at what waits, one at who works"
    assert shown.read() == first
    monkeypatch.setattr(room, "SECONDS", -1.0)
    shown = Gauges(desk, lambda: START)
    for _ in range(2):
        await asyncio.to_thread(shown.read)
    assert desk.looks == 6


async def test_a_store_that_hangs_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    desk: Any = Desk()
    desk.hangs.clear()
    monkeypatch.setattr(room, "PATIENCE", 0.01)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(Gauges(desk, lambda: START).read)
