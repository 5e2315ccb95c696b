"""P26: what is said about a request beside deciding it."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import RequestClosed, ResponseRefused
from ....protocol import RunState
from ..catalogue import behaviour
from ..expect import expect, refuses
from ..scenes import Scene, pay
from ..world import World, only, rule

GATED = Capability.GATE_TOOLS


@behaviour("P26", GATED)
async def a_comment_is_shown_and_decides_nothing(world: World) -> None:
    """What people and machines say stands beside the request, in another process too; nothing runs of it."""
    world.rules(rule("two", level="confirm", approvers={"users": ["ann", "bob"], "quorum": 2}))
    run = await world.start(Scene.of(pay()))
    hitl, request = await world.hitl(), only(run)
    await hitl.comment(request.id, "approve: the customer has called", by="bob")
    await hitl.comment(request.id, "approve", by="risk-model", machine=True)
    await world.leave()
    hitl = await world.hitl()
    said = [(each.by.id, each.machine) for each in await hitl.comments(request.id)]
    expect("what was said", said, [("bob", False), ("risk-model", True)])
    await world.say(request, "approve", by="ann")
    expect("the run", (await world.resume(run)).state, RunState.PAUSED)
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve", by="bob")
    expect("what was paid", world.paid(), [40.5])
    expect("the trail", [line.subject for line in await world.trail("request.commented")], [request.id] * 2)


@behaviour("P26", GATED)
async def a_comment_is_a_person_s_or_says_that_it_is_not(world: World) -> None:
    """An agent does not speak as a person about its own call, and about what is decided nobody speaks any more."""
    run = await world.start(Scene.of(pay()))
    hitl, request = await world.hitl(), only(run)
    agent = request.action.origin.agents[0]
    with refuses("the agent itself", ResponseRefused):
        await hitl.comment(request.id, "approve, it is fine", by=agent)
    await hitl.comment(request.id, "it is fine", by=agent, machine=True)
    await world.decide(run, "reject", "no", by="ann")
    with refuses("a comment that comes too late", RequestClosed):
        await hitl.comment(request.id, "why?", by="bob")
    expect("how many stand there", len(await hitl.comments(request.id)), 1)
    expect("what was paid", world.paid(), [])
