"""A process that is watched: its measurements and its health over HTTP, while it works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ..clock import SystemClock
from ..config import Config, upkeep_of
from ..contracts import Clock
from ..errors import AdapterNotInstalled, ConfigError
from ..observing import Observer
from ..observing.endpoint import Endpoint, Page, address
from ..observing.gauges import Gauges
from ..observing.health import Alive, Readiness, Schema
from ..observing.measuring import Measuring
from ..runtime import Runtime
from ..versions import installed
from .terminal.log import tell

if TYPE_CHECKING:
    from ..observing.prometheus import Prometheus

T = TypeVar("T")

_PATIENCE: Final = 15.0


class Watched:
    """Where measurements and health are to be asked for; nowhere without an address.

    Raises ConfigError for what is no address, AdapterNotInstalled without the extra `prometheus`.
    """

    def __init__(self, at: str | None, schema: Callable[[], Schema] | None, *, lag: float) -> None:
        self._at = None if at is None else address(at)
        self._schema, self._lag = schema, lag
        self._sink = None if at is None else _prometheus()
        self._clock: Clock = SystemClock()
        self.observers: tuple[Observer, ...] = () if self._sink is None else (Measuring(self._sink, self._now),)

    async def during(self, hitl: Runtime, work: Callable[[], Awaitable[T]]) -> T:
        """Answer while `work` goes on."""
        self._clock = hitl.clock  # that of the store's server, where it is on one: ages are held against it
        if self._at is None or self._sink is None:
            return await work()
        self._sink.show(Gauges(hitl.store, hitl.clock.now))
        loop, alive = asyncio.get_running_loop(), Alive(hitl)
        ready = Readiness(hitl, lag=self._lag, schema=self._schema)

        def readiness(headers: Mapping[str, str]) -> Page:
            return Page.of(asyncio.run_coroutine_threadsafe(ready(), loop).result(_PATIENCE))

        pages = {"/metrics": self._sink.page, "/healthz": lambda headers: Page.of(alive()), "/readyz": readiness}
        endpoint = Endpoint(*self._at, pages)
        try:
            tell(f"metrics and health at http://{endpoint.host}:{endpoint.port}")
            return await work()
        finally:
            await asyncio.to_thread(endpoint.close)  # what it is answering may wait for this loop

    def _now(self) -> datetime:
        return self._clock.now()


class Meter:
    """What a process measures of several runtimes that it opens, for one page."""

    def __init__(self, sink: Prometheus) -> None:
        self._sink = sink
        self._clock: Clock = SystemClock()

    @classmethod
    def if_installed(cls) -> Meter | None:
        """None without the extra `prometheus`."""
        try:
            return cls(_prometheus())
        except AdapterNotInstalled:
            return None

    def observers(self) -> tuple[Observer, ...]:
        """Those of one runtime."""
        return (Measuring(self._sink, lambda: self._clock.now()),)

    def page(self, hitl: Runtime) -> Callable[[Mapping[str, str]], Page]:
        """What answers /metrics, with how the store of this runtime stands. Called in the loop of the runtime, once."""
        self._clock = hitl.clock
        self._sink.show(Gauges(hitl.store, hitl.clock.now))
        return self._sink.page


def schema_of(file: Path, backend: str | None) -> Callable[[], Schema] | None:
    """Who looks at the tables of a configuration's store; None for one in memory, which has nothing to be looked at."""
    config = Config.load(file, backend=backend)
    try:
        return upkeep_of(config.store_url, config.folder, config.store_options).versions
    except ConfigError:
        return None


def _prometheus() -> Prometheus:
    with installed("--metrics", extra="prometheus"):
        from ..observing.prometheus import Prometheus
    return Prometheus()
