"""What it costs to be observed, and what it costs not to be: a cycle of a run, in CPU of this process.

A cycle is start, pause, an approval, and the resume to the end, on a store in memory: a disk's share would hide what is
compared. All kinds take turns. "Places" are what the log knows of run and turn; nothing else is there for nobody.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from hitl_adapters.plain import PlainAdapter, gate
from hitl_core.apps import AppSource
from hitl_core.clock import SystemClock
from hitl_core.gate import Surroundings
from hitl_core.observing import Observer, observed
from hitl_core.observing.measuring import Measuring
from hitl_core.observing.otel import Tracing
from hitl_core.observing.prometheus import Prometheus
from hitl_core.policy import Policy
from hitl_core.runtime import Runtime, Settings
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.tools import Catalogue

from .yardsticks import Figure, Found, median, microseconds

AT_ONCE = 10
UNSEEN = 1.02
"""What may be left of it where nobody observes."""


@gate.guard(title="Pay money back")
async def refund(order: str) -> str:
    return f"paid {order}"


async def app(given: Any) -> Any:
    return await refund("A-1042")


@dataclass(slots=True)
class Desk:
    """A runtime with its observers, and the CPU seconds of its cycles."""

    hitl: Runtime
    with_places: bool = True
    spent: list[float] = field(default_factory=list)

    @classmethod
    async def watched_by(cls, *observers: Observer, with_places: bool = True) -> Desk:
        catalogue, policy = Catalogue(), Policy(version="1")
        adapter = PlainAdapter(AppSource("bench:app", app), catalogue=catalogue)
        store, seen = observed(await SqliteStore.open("sqlite://"), adapter, observers)
        around = Surroundings(store=store, policy=lambda: policy, clock=SystemClock(), catalogue=catalogue)
        return cls(Runtime(adapter=seen, around=around, settings=Settings(app="bench:app")), with_places)

    async def cycles(self) -> None:
        with ExitStack() as without:
            if not self.with_places:
                for room in ("turn", "requests"):
                    without.enter_context(patch(f"hitl_core.runtime.{room}.placed", _nowhere))
            begun = time.process_time()
            for _ in range(AT_ONCE):
                run = await self.hitl.start(None)
                await self.hitl.respond(run.pending[0].approve(by="ann"))
                assert (await self.hitl.resume(run.id)).output == "paid A-1042"
            self.spent.append((time.process_time() - begun) / AT_ONCE)


@contextmanager
def _nowhere(**known: str) -> Iterator[None]:
    yield


class _Nobody(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """A cycle without places, as it is for nobody, measured, and traced."""
    provider, now = TracerProvider(), SystemClock().now
    provider.add_span_processor(BatchSpanProcessor(_Nobody()))
    bare = await Desk.watched_by(with_places=False)
    nobody = await Desk.watched_by()
    measured = await Desk.watched_by(Measuring(Prometheus(), now))
    traced = await Desk.watched_by(Tracing(provider.get_tracer("bench")))
    for _ in range(3 if smoke else 60):
        for desk in (bare, nobody, measured, traced):
            await desk.cycles()
    for desk in (bare, nobody, measured, traced):
        await desk.hitl.close()
    provider.shutdown()
    return [
        _figure("a cycle that nobody observes", nobody, "without places", bare, goal=UNSEEN, binding=True),
        _figure("a cycle measured for Prometheus", measured, "that nobody observes", nobody),
        _figure("a cycle traced by OpenTelemetry", traced, "that nobody observes", nobody),
    ]


def _figure(name: str, desk: Desk, against: str, other: Desk, **more: Any) -> Figure:
    one, base = median(desk.spent), median(other.spent)
    return Figure(name, f"{microseconds(one)} of CPU", f"{against}: {microseconds(base)}", one / base, **more)
