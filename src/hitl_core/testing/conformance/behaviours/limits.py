"""P82: budgets, rates and first times. What counts is what has begun."""

from __future__ import annotations

from ....capabilities import Capability
from ....protocol import RunState
from ..catalogue import behaviour
from ..expect import expect
from ..scenes import Scene, pay
from ..world import World, free, only, rule

GATED = Capability.GATE_TOOLS
DAY = {"argument": "amount", "within": "1d", "above": 50}
LIMIT = (free(), rule("limit", level="confirm", when={"budget": DAY}))


@behaviour("P82", GATED)
async def what_is_above_the_limit_asks(world: World) -> None:
    """What has begun counts, over runs and restarts; what would be above the limit asks, and the next day does not."""
    world.rules(*LIMIT)
    run = await world.start(Scene.of(pay()))
    expect("the first run", run.state, RunState.COMPLETED)
    await world.leave()
    run = await world.start()
    expect("the second run", run.state, RunState.PAUSED)
    expect("its rule", only(run).because.rule, "limit")
    expect("what was paid", world.paid(), [40.5])
    world.clock.advance(days=1)
    expect("the run of the next day", (await world.start()).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5, 40.5])


@behaviour("P82", GATED)
async def calls_of_one_turn_do_not_pass_the_limit_together(world: World) -> None:
    """Of two calls in one run that fit one by one and not together, one asks."""
    world.rules(*LIMIT)
    run = await world.start(Scene.of((pay("A-1"), pay("A-2"))))
    expect("the run", run.state, RunState.PAUSED)
    expect("what was paid", world.paid(), [40.5])
    await world.decide(run, "approve")
    expect("what was paid after the approval", world.paid(), [40.5, 40.5])


@behaviour("P82", GATED)
async def a_hard_limit_holds_whatever_was_approved(world: World) -> None:
    """Two approvals that together are above a limit that denies: one of the calls runs."""
    world.rules(rule("asks", level="confirm"), rule("never", effect="deny", when={"budget": DAY}))
    first, second = await world.start(Scene.of(pay())), await world.start()
    await world.decide(first, "approve")
    await world.decide(second, "approve")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P82", GATED)
async def what_is_refused_does_not_count(world: World) -> None:
    """A call that never began leaves the limit where it was."""
    world.rules(rule("asks", level="confirm"), rule("never", effect="deny", when={"budget": DAY}))
    await world.decide(await world.start(Scene.of(pay())), "reject", "no")
    await world.decide(await world.start(), "approve")
    expect("what was paid", world.paid(), [40.5])
