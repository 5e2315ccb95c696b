"""P01-P13: what each decision does, seen by its effects."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import ResponseRefused
from ....protocol import RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import Scene, pay
from ..world import World, only


@behaviour("P01", Capability.GATE_TOOLS)
async def nothing_runs_before_a_decision(world: World) -> None:
    """A gated call waits for a decision; looking at the run and resuming it change nothing."""
    run = await world.start(Scene.of(pay()))
    expect("the run", run.state, RunState.PAUSED)
    await world.resume(run)
    await world.inbox()
    expect("what was paid", world.paid(), [])


@behaviour("P01", Capability.GATE_TOOLS)
async def a_refused_answer_runs_nothing(world: World) -> None:
    """An answer that is not offered lets nothing run."""
    run = await world.start(Scene.of(pay()))
    with refuses("a choice where an approval is asked for", ResponseRefused):
        await world.say(only(run), "choose", "yes")
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P02", Capability.GATE_TOOLS)
async def approve_runs_once_as_shown(world: World) -> None:
    """Approve runs the call once, with exactly the arguments that were shown."""
    run = await world.start(Scene.of(pay("A-7", 99.5)))
    expect("the arguments shown", only(run).action.arguments, {"order": "A-7", "amount": 99.5})
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", [(line["order"], line["amount"]) for line in world.stage.happened()], [("A-7", 99.5)])


@behaviour("P03", Capability.GATE_TOOLS, Capability.EDIT_ARGUMENTS)
async def edit_runs_once_as_edited(world: World) -> None:
    """An edited call runs once, with the edited arguments, and the model is told that it was changed."""
    run = await world.start(Scene.of(pay()))
    run = await world.decide(run, "edit", {"order": "A-1042", "amount": 9.5}, reason="9.5 is the limit")
    expect("what was paid", world.paid(), [9.5])
    expect_in("what the agent heard", "A person changed this call", world.heard())
    expect_in("what the agent heard", "9.5 is the limit", world.heard())


@behaviour("P04", Capability.GATE_TOOLS)
async def reject_never_runs(world: World) -> None:
    """A rejected call never runs, and the reason reaches the model."""
    run = await world.decide(await world.start(Scene.of(pay())), "reject", "the parcel arrived")
    await world.resume(run)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "the parcel arrived", world.heard())
