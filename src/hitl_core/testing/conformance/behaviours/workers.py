"""P43: of two workers, one resumes."""

from __future__ import annotations

from ....errors import LeaseLost, RunBusy
from ....protocol import RunState
from ..catalogue import behaviour
from ..expect import expect, refuses
from ..scenes import Scene, pay
from ..world import LEASE, World, only
from .restart import GATED, RESTART, nothing_repeated


@behaviour("P43", GATED, RESTART)
async def two_workers_share_the_work(world: World) -> None:
    """Two processes work on six answered runs at once; each call runs once."""
    run = await world.start(Scene.of(pay()))
    for _ in range(5):
        await world.say(only(run), "approve")
        run = await world.start()
    await world.say(only(run), "approve")
    ended = await world.elsewhere((("work",),), (("work",),), survive=True)
    expect("their errors", [each.error for each in ended], ["", ""])
    runs = (await (await world.hitl()).runs()).items
    expect("the runs", [each.error or each.state for each in runs], [RunState.COMPLETED] * 6)
    expect("what was paid", world.paid(), [40.5] * 6)
    await nothing_repeated(world)


@behaviour("P43", GATED)
async def a_run_that_is_worked_on_is_not_taken(world: World) -> None:
    """While a worker holds a run, another one is told so and does nothing."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    async with world.another() as one:
        (claimed,) = await one.claim(limit=1)
        with refuses("the second worker", RunBusy):
            await world.resume(run)
        expect("what was paid meanwhile", world.paid(), [])
        await one.drive(claimed)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P43", GATED)
async def a_worker_that_froze_is_refused(world: World) -> None:
    """A worker that lost its lease while it was frozen can do nothing when it thaws."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    async with world.another() as frozen:
        (claimed,) = await frozen.claim(limit=1)
        world.clock.advance(LEASE)
        expect("the run of the other", (await world.wait(run)).state, RunState.COMPLETED)
        with refuses("the frozen worker", LeaseLost):
            await frozen.drive(claimed)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P43", GATED)
async def a_worker_that_froze_cannot_begin_a_tool(world: World) -> None:
    """A worker that thaws beside the next one, before anything ran, does not run the call."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    async with world.another() as frozen, world.another() as other:
        (old,) = await frozen.claim(limit=1)
        world.clock.advance(LEASE)
        (new,) = await other.claim(limit=1)
        with refuses("the frozen worker", LeaseLost):
            await frozen.drive(old)
        expect("what was paid by the frozen one", world.paid(), [])
        await other.drive(new)
    expect("what was paid", world.paid(), [40.5])
