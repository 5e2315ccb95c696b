"""P27: what people keep rejecting is refused in the end, and nobody is asked about it again."""

from __future__ import annotations

from ....capabilities import Capability
from ....protocol import RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in
from ..scenes import Scene, pay
from ..world import World, only

GATED = Capability.GATE_TOOLS


@behaviour("P27", GATED)
async def what_was_rejected_three_times_is_not_asked_about_again(world: World) -> None:
    """The fourth identical call is refused at once, the agent hears why, and the trail has it."""
    run = await world.start(Scene.of(pay(), pay(), pay(), pay()))
    for _ in range(3):
        expect("the run", run.state, RunState.PAUSED)
        run = await world.decide(run, "reject", "no")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "people have rejected exactly this 3 times in a row", world.heard())
    expect("the trail", (await world.events()).count("action.refused"), 1)


@behaviour("P27", GATED)
async def another_decision_or_other_arguments_are_asked_about(world: World) -> None:
    """Rejections of another amount do not count, and an approval in between starts the count anew."""
    said = ("reject", "reject", "approve", "reject", "reject")
    run = await world.start(Scene.of(*(pay() for _ in said), pay(amount=1.5)))
    for decision in said:
        run = await world.decide(run, decision)
    expect("what is asked", only(run).action.arguments["amount"], 1.5)
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [40.5, 1.5])
