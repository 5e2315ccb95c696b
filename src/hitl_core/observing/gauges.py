"""How a store stands now, for whoever asks from any thread; however often they ask, the store is asked seldom."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from datetime import datetime
from typing import Final

from ..commands import ListWorkers, Load, ReadLoad, SeenWorker, StopScope
from ..contracts import Store
from ..protocol import Level
from .instruments import COUNTED_ALL, OLDEST, OPEN, PLACES, READY, READY_OLDEST, RUNNING, STOPS, WORKERS
from .measuring import Measured

SECONDS: Final = 5.0
"""How long a look at the store stands for the next ones."""

PATIENCE: Final = 5.0
"""How long whoever asks waits for the store."""


class Gauges:
    """The gauges of one store. Made in the event loop that the store is used in."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._home = threading.get_ident()
        self._looking = threading.Lock()
        self._last: list[Measured] = []
        self._until = 0.0

    def read(self) -> list[Measured]:
        """The gauges of now, from any thread but that of the loop, which gets the last ones.

        Raises what the store raises, and TimeoutError.
        """
        if threading.get_ident() == self._home:
            return self._last
        with self._looking:
            if time.monotonic() >= self._until:
                self._last = list(gauges(*self._look(), self._now()))
                self._until = time.monotonic() + SECONDS
            return self._last

    def _look(self) -> tuple[Load, Sequence[SeenWorker]]:
        asked = asyncio.run_coroutine_threadsafe(self._looked(), self._loop)
        try:
            return asked.result(PATIENCE)
        except TookTooLong:
            asked.cancel()
            raise

    async def _looked(self) -> tuple[Load, Sequence[SeenWorker]]:
        return await self._store.fetch(ReadLoad()), await self._store.fetch(ListWorkers())


def gauges(load: Load, workers: Sequence[SeenWorker], now: datetime) -> Iterator[Measured]:
    """What a look at the store says. A level or a scope of which there is nothing is 0, and not missing."""
    levels = {level.value: 0 for level in Level if level.rank >= Level.CONFIRM.rank}
    levels |= {each.name: each.count for each in load.levels}
    for level, count in levels.items():
        yield Measured(OPEN, count, {"level": level})
    yield Measured(OLDEST, _age(load.oldest, now), {})
    yield Measured(READY, load.ready, {})
    yield Measured(READY_OLDEST, _age(load.ready_since, now), {})
    yield Measured(RUNNING, load.running, {})
    for scope in StopScope:
        yield Measured(STOPS, load.stops.get(scope, 0), {"scope": scope})
    yield from _of_workers(workers, now)
    yield Measured(COUNTED_ALL, int(load.counted_all), {})


WORKING, ENDING, GONE = "working", "ending", "gone"


def state_of(worker: SeenWorker, now: datetime) -> str:
    """How a worker is, by its last sign of life."""
    if worker.until <= now:
        return GONE
    return ENDING if worker.beat.ending else WORKING


def _of_workers(workers: Sequence[SeenWorker], now: datetime) -> Iterator[Measured]:
    """Where there is none, that is said of apps without a version, and not left out."""
    counted = Counter((state_of(each, now), each.beat.loads.version) for each in workers)
    places, busy = Counter[str](), Counter[str]()
    for each in workers:
        if state_of(each, now) != GONE:
            places[each.beat.loads.version] += each.beat.places
            busy[each.beat.loads.version] += each.beat.busy
    for version in sorted({each.beat.loads.version for each in workers} or {""}):
        for state in (WORKING, ENDING, GONE):
            yield Measured(WORKERS, counted[state, version], {"state": state, "version": version})
        yield Measured(PLACES, busy[version], {"state": "busy", "version": version})
        yield Measured(PLACES, places[version] - busy[version], {"state": "free", "version": version})


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
