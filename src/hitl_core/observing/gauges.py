"""How a store stands now, for whoever asks from any thread; however often they ask, the store is asked seldom."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as TookTooLong
from datetime import datetime
from typing import Final

from ..commands import Load, ReadLoad, StopScope
from ..contracts import Store
from ..protocol import Level
from .instruments import COUNTED_ALL, OLDEST, OPEN, READY, READY_OLDEST, RUNNING, STOPS
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
                self._last = list(gauges(self._look(), self._now()))
                self._until = time.monotonic() + SECONDS
            return self._last

    def _look(self) -> Load:
        asked = asyncio.run_coroutine_threadsafe(self._store.fetch(ReadLoad()), self._loop)
        try:
            return asked.result(PATIENCE)
        except TookTooLong:
            asked.cancel()
            raise


def gauges(load: Load, now: datetime) -> Iterator[Measured]:
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
    yield Measured(COUNTED_ALL, int(load.counted_all), {})


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
