"""P60, P72: a framework that is at work hears of a stop, and whoever watches it hears what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Final, cast

from ....capabilities import Capability
from ....commands import EndEffect, ListStops, StopScope
from ....contracts import Store
from ....gate.stops import EVERY
from ....protocol import LiveEvent, LiveKind, RunState
from ....runtime import Runtime
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import Scene, note, pay
from ..world import World, free, only, supported

GATED, DRAIN, WATCHED = Capability.GATE_TOOLS, Capability.DRAIN, Capability.STREAM_EVENTS

_PATIENCE: Final = 10.0
"""Seconds in which an adapter that was woken has looked, or never will."""

_ROUNDS: Final = 20
"""Turns of the event loop in which whoever has seen a stop tells its framework."""


class _StopsInTheMiddle:
    """A store through which a framework works; when its first tool has run, somebody else stops everything."""

    def __init__(self, inner: Store, world: World) -> None:
        self._inner, self._world = inner, world
        self._stopped = False
        self._seen = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(self, command: Any) -> Any:
        made = await self._inner.apply(command)
        if isinstance(command, EndEffect) and not self._stopped:
            self._stopped = True
            await (await self._world.hitl()).stop(StopScope.ALL, by="bob", reason="audit")
            await self._told()
        return made

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        if isinstance(query, ListStops):
            self._seen.set()
        return found

    async def _told(self) -> None:
        """Time passes until the next look, if the adapter looks for stops while its framework works."""
        self._seen.clear()
        if self._world.clock.advance(EVERY):
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._seen.wait()
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)


@behaviour("P60", GATED, DRAIN)
async def a_stop_reaches_a_run_at_work(world: World) -> None:
    """Stopped while a tool runs, the tool ends, the model is not asked again, and the run goes on when it is lifted."""
    world.rules(free(), free("note"))
    world.sets(Scene.of(pay(), note()))
    async with world.another(wrap=lambda store: cast("Store", _StopsInTheMiddle(store, world))) as working:
        run = supported(await working.start("This is run 1."))
    expect("the run", run.state, RunState.STOPPED)
    expect("what happened", [each["tool"] for each in world.stage.happened()], ["pay"])
    expect("model calls", world.stage.thoughts(), 1)
    await (await world.hitl()).lift(StopScope.ALL, by="bob", reason="fine")
    expect("the run after it was lifted", (await world.wait(run)).state, RunState.COMPLETED)
    expect("what happened in all", [each["tool"] for each in world.stage.happened()], ["pay", "note"])
    expect("repeated model calls", world.stage.repeated_thoughts(), 0)


# ── P72: watching ────────────────────────────────────────────────────────────────────────────────────────────


async def _watched(events: AsyncIterator[LiveEvent], hitl: Runtime) -> list[LiveEvent]:
    """All events of a turn. Raises CapabilityNotSupported if that is how it ended."""
    heard = [event async for event in events]
    supported(await hitl.run(heard[0].run_id))
    return heard


@behaviour("P72", GATED, WATCHED)
async def who_watches_hears_what_happens(world: World) -> None:
    """A call's result is heard between the start of the turn and its end."""
    world.rules(free())
    world.sets(Scene.of(pay()))
    hitl = await world.hitl()
    first, *between, last = await _watched(hitl.stream("This is run 1."), hitl)
    expect("the first and the last", (first.kind, last.kind), (LiveKind.STARTED, LiveKind.COMPLETED))
    told = "\n".join(f"{event.text} {event.data}" for event in between)
    expect_in("what was heard meanwhile", "paid 40.5", told)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P72", GATED, WATCHED)
async def watching_changes_nothing(world: World) -> None:
    """A run that is watched asks, waits and pays as one that nobody watches."""
    world.sets(Scene.of(pay()))
    hitl = await world.hitl()
    before = await _watched(hitl.stream("This is run 1."), hitl)
    run = await hitl.run(before[0].run_id)
    expect("the last, and what was paid", (before[-1].kind, world.paid()), (LiveKind.PAUSED, []))
    await world.say(only(run), "approve")
    after = await _watched(hitl.stream_resume(run.id), hitl)
    expect("the last, and what was paid", (after[-1].kind, world.paid()), (LiveKind.COMPLETED, [40.5]))
    expect("model calls", (world.stage.thoughts(), world.stage.repeated_thoughts()), (2, 0))


@behaviour("P72", GATED, WATCHED)
async def who_stops_watching_stops_nothing(world: World) -> None:
    """The turn that nobody watches any more comes to its end."""
    world.rules(free())
    world.sets(Scene.of(pay()))
    hitl = await world.hitl()
    async with aclosing(cast("Any", hitl.stream("This is run 1."))) as events:
        first = await anext(events)
    run = supported(await hitl.run(first.run_id))
    expect("the run", run.state, RunState.COMPLETED)
    expect_that("it was paid once", world.paid() == [40.5])
