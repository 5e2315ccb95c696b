"""What a worker does, on every adapter, when the model does not answer: tries again where nothing has run."""

from __future__ import annotations

from typing import Any

from hitl_core import Run
from hitl_core.protocol import RunState
from hitl_core.runtime import Worker
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


async def worked(at: Desk, run: Run) -> Run:
    """What a worker makes of a run."""
    async with at.open() as hitl:
        await Worker(hitl).run_until_idle()
        return await hitl.run(run.id)
