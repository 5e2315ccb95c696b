"""What a worker does, on every adapter, when model or store do not answer: tries again where nothing has run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hitl_core import Run
from hitl_core.commands import BeginEffect, EndEffect, Look
from hitl_core.contracts import Store
from hitl_core.errors import StoreUnavailable
from hitl_core.protocol import RunState
from hitl_core.runtime import Runtime, Worker
from hitl_core.testing.around import StoreAround
from hitl_core.testing.clock import ManualClock
from tests.desk import Desk
from tests.people import approve, reject


async def is_tried_until_the_model_answers(at: Desk, input: Any = None, *, times: int = 2) -> Run:
    """Nothing of a turn has run, as its call was rejected, and the model breaks `times` times: each try is later than
    the one before. Then the run pauses again; what is approved there runs once.
    """
    clock = at.clock = ManualClock()
    run = await at.start(input)
    assert run.pending, run.error
    await at.say(reject(run.pending[0]))
    for number in range(times):
        run = await worked(at, run)
        assert (run.state, run.tries) == (RunState.READY, number + 1), run.error
        assert run.retry_at is not None, run.error
        assert (run.retry_at - clock.now()).total_seconds() == 2**number
        clock.advance(2**number)
    run = await worked(at, run)
    assert (run.state, run.error) == (RunState.PAUSED, "")
    assert at.effects == []
    await at.say(approve(run.pending[0]))
    return await worked(at, run)


async def is_left_to_a_person(at: Desk, input: Any = None) -> Run:
    """The model breaks after the call that was approved has run in the same turn."""
    run = await at.start(input)
    await at.say(approve(run.pending[0]))
    run = await worked(at, run)
    assert (run.state, run.retry_at) == (RunState.FAILED, None), run.error
    return run


class Away(StoreAround):
    """A store that is away when it is first asked for this in a turn, and back at once."""

    def __init__(self, inner: Store, kind: type[Any]) -> None:
        super().__init__(inner)
        self._kind: type[Any] | None = kind

    async def apply(self, command: Any) -> Any:
        self._comes(command)
        return await self.inner.apply(command)

    async def fetch(self, query: Any) -> Any:
        self._comes(query)
        return await self.inner.fetch(query)

    def _comes(self, asked: Any) -> None:
        if self._kind is not None and isinstance(asked, self._kind):
            self._kind = None
            raise StoreUnavailable("away")


async def is_tried_when_the_store_is_back(at: Desk, input: Any = None) -> Run:
    """What was approved has not begun, as the store was away when the decision was read, and when it was to begin. What
    has begun is left to a person, also if it has ended and that was not kept.
    """
    clock = at.clock = ManualClock()
    run = await at.start(input)
    await at.say(approve(run.pending[0]))
    for number, kind in enumerate((Look, BeginEffect)):
        run = await worked(at, run, away=kind)
        assert (run.state, run.tries) == (RunState.READY, number + 1), run.error
        assert "HITL-S02 away" in run.error
        assert at.effects == []
        clock.advance(2**number)
    run = await worked(at, run, away=EndEffect)
    assert (run.state in (RunState.READY, RunState.RUNNING), run.retry_at) == (False, None), run.error
    return run


def finds_away(hitl: Runtime, kind: type[Any]) -> None:
    """Let the turns of a runtime find its store away once."""
    driver = hitl._driver
    hitl._driver = replace(driver, around=replace(driver.around, store=Away(hitl.store, kind)))


async def worked(at: Desk, run: Run, *, away: type[Any] | None = None) -> Run:
    """What a worker makes of a run; its turns find the store `away` once."""
    async with at.open() as hitl:
        if away is not None:
            finds_away(hitl, away)
        await Worker(hitl).run_until_idle()
        return await hitl.run(run.id)
