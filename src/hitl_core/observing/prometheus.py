"""Measurements as Prometheus reads them. Needs the extra `prometheus`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .endpoint import Page
from .gauges import Gauges
from .instruments import INSTRUMENTS, Instrument, Shape
from .measuring import Measured

log = logging.getLogger("hitl_core.observing")

Made = Counter | Histogram


class Prometheus:
    """A sink. With `registry`, among what a program measures of itself; without, beside the figures of its process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        if registry is None:
            ProcessCollector(registry=self.registry)
        self._made: dict[str, Made] = {
            name: _made(name, each, self.registry)
            for name, each in INSTRUMENTS.items()
            if each.shape is not Shape.GAUGE
        }

    def take(self, measured: Measured) -> None:
        found = self._made[measured.name]
        found = found.labels(**measured.labels) if measured.labels else found
        if isinstance(found, Counter):
            found.inc(measured.value)
        else:
            found.observe(measured.value)

    def show(self, gauges: Gauges) -> None:
        """Show how the store stands, looked up when somebody asks for it."""
        self.registry.register(_Gauges(gauges.read))

    def page(self, headers: Mapping[str, str]) -> Page:
        """What `/metrics` answers."""
        encode, kind = choose_encoder(headers.get("Accept", ""))
        return Page(encode(self.registry), kind)


def prometheus_name(name: str) -> str:
    """An instrument's name as Prometheus writes it."""
    return name.replace(".", "_") + INSTRUMENTS[name].suffix


def _made(name: str, each: Instrument, registry: CollectorRegistry) -> Made:
    said: Final = (prometheus_name(name), each.says, each.labels)
    if each.shape is Shape.COUNTER:
        return Counter(*said, registry=registry)
    return Histogram(*said, registry=registry, buckets=each.bounds)


class _Gauges(Collector):
    def __init__(self, read: Callable[[], Iterable[Measured]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return _families().values()

    def collect(self) -> Iterator[Metric]:
        """A store that is away has no gauges; the counters of this process are there all the same."""
        try:
            found = list(self._read())
        except Exception as exc:
            log.warning("the gauges could not be read: %s", exc)
            return
        families = _families()
        for each in found:
            families[each.name].add_metric(list(each.labels.values()), each.value)
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    return {
        name: GaugeMetricFamily(prometheus_name(name), each.says, labels=each.labels)
        for name, each in INSTRUMENTS.items()
        if each.shape is Shape.GAUGE
    }
