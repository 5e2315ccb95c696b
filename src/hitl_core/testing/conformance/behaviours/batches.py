"""P25: many requests, one gesture, and a decision of its own for each."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import BatchRefused
from ....protocol import PauseRequest, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import Scene, note, pay
from ..world import World, only, rule

GATED = Capability.GATE_TOOLS
TOGETHER = rule("notes", "note", level="confirm", batch=True)


async def _asked(world: World, count: int) -> list[PauseRequest]:
    """So many runs that each wait for one answer."""
    return [only(await world.start()) for _ in range(count)]


async def _goes_on(world: World, *requests: PauseRequest) -> None:
    hitl = await world.hitl()
    for each in requests:
        await hitl.resume(each.run_id)


@behaviour("P25", GATED)
async def many_are_answered_with_exceptions(world: World) -> None:
    """Of several requests one is refused: the others run, and every decision is recorded by itself in one batch."""
    world.rules(TOGETHER)
    world.sets(Scene.of(note()))
    requests = await _asked(world, 4)
    answers = [each.approve(by="ann") for each in requests[1:]]
    batch = await (await world.hitl()).respond_many([requests[0].reject("not this one", by="ann"), *answers])
    expect("what was refused", [each.refused for each in batch.answers], [None] * 4)
    await _goes_on(world, *requests)
    expect("what was noted", world.happened("note"), 3)
    expect_in("what the agent heard", "not this one", world.heard())
    lines = [entry.body for entry in await world.trail("request.decided")]
    expect("the decisions of the batch", [batch.id in line for line in lines], [True] * 4)


@behaviour("P25", GATED)
async def what_cannot_be_taken_back_is_answered_alone(world: World) -> None:
    """Whatever its rule says, what is not known to be reversible is not let run with others, and nothing is decided."""
    world.rules(rule("pays", level="confirm", batch=True))
    world.sets(Scene.of(pay()))
    await _alone(world)
    expect("what was paid", world.paid(), [])


@behaviour("P25", GATED)
async def what_its_rule_wants_looked_at_alone_is_answered_alone(world: World) -> None:
    """Without a word of its rule none of the answers is taken."""
    world.rules(rule("notes", "note", level="confirm"))
    world.sets(Scene.of(note()))
    await _alone(world)
    expect("what was noted", world.happened("note"), 0)


async def _alone(world: World) -> None:
    requests = await _asked(world, 2)
    with refuses("the batch", BatchRefused, "alone"):
        await (await world.hitl()).respond_many([each.approve(by="ann") for each in requests])
    await _goes_on(world, *requests)
    expect("what waits", [each.id for each in await world.inbox()], [each.id for each in requests])


@behaviour("P25", GATED)
async def several_sorts_are_not_answered_together(world: World) -> None:
    """Requests by two rules are refused whole, and that is recorded."""
    small = {"when": {"argument": "text", "equals": "small"}, "batch": True, "level": "confirm"}
    large = {"when": {"argument": "text", "equals": "large"}, "batch": True, "level": "confirm"}
    world.rules(rule("small", "note", **small), rule("large", "note", **large))
    run = await world.start(Scene.of((note("small"), note("large"))))
    seen = list(run.pending)
    if len(seen) == 1:
        seen.append(only(await world.decide(run, "approve")))
    with refuses("the batch", BatchRefused):
        await (await world.hitl()).respond_many([each.approve(by="ann") for each in seen])
    expect("the refusals", len(await world.trail("batch.refused")), 1)
    expect("the state of the run", (await world.resume(run)).state, RunState.PAUSED)
