"""P24, P52, P61 about who people are: a directory, requests that are given on, and people who are away."""

from __future__ import annotations

from datetime import timedelta

from ....capabilities import Capability
from ....commands import StopScope
from ....errors import NotAuthorised, NotPermitted
from ....protocol import RunState
from ..catalogue import behaviour
from ..expect import expect, refuses
from ..scenes import Scene, pay
from ..world import World, only, rule

GATED = Capability.GATE_TOOLS
LEAD = rule("lead", level="confirm", approvers={"roles": ["lead"]})
STAFF = """
[people.mia]
roles = ["lead"]
[people.ben]
[people.fay]
roles = ["lead"]
delegate = "ben"
away = [{ from = 2000-01-01, until = 2100-01-01 }]
[people.eve]
roles = ["lead"]
tenant = "elsewhere"
"""


@behaviour("P24", GATED)
async def roles_come_from_the_directory(world: World) -> None:
    """Whoever the directory does not know, or knows in another tenant, is refused, whatever they say of themselves."""
    world.people(STAFF)
    world.rules(LEAD)
    run = await world.start(Scene.of(pay()))
    for stranger in ("mallory", "eve"):
        with refuses(f"the answer of {stranger}", NotAuthorised):
            await world.say(only(run), "approve", by=stranger, roles=("lead",))
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve", by="mia")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P24", GATED)
async def who_stands_in_decides_and_is_recorded_as_such(world: World) -> None:
    """While somebody is away, the person whom they have named decides for them."""
    world.people(STAFF)
    world.rules(rule("fay", level="confirm", approvers={"users": ["fay"]}))
    run = await world.start(Scene.of(pay()))
    said = (await world.say(only(run), "approve", by="ben")).settled.response
    acting = said.responder.acting_for if said else None
    expect("for whom", acting and acting.id, "fay")
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P52", GATED)
async def given_on_it_asks_somebody_else_about_the_same(world: World) -> None:
    """A request that is given on stays open and shows the same; who gave it on does not decide it any more."""
    world.rules(rule("mia", level="confirm", approvers={"users": ["mia"]}))
    run = await world.start(Scene.of(pay()))
    request = only(run)
    said = await world.say(request, "delegate", "ben", by="mia")
    expect("what is shown", said.settled.request.digest, request.digest)
    with refuses("who gave it on", NotAuthorised):
        await world.say(request, "approve", by="mia")
    expect("the run", (await world.resume(run)).state, RunState.PAUSED)
    await world.decide(run, "approve", by="ben")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P52", GATED)
async def put_off_it_comes_back(world: World) -> None:
    """What is put off is out of the inbox until its time; nothing has run, and nothing else has changed."""
    run = await world.start(Scene.of(pay()))
    request, hitl = only(run), await world.hitl()
    await hitl.defer(request.id, until=world.clock.now() + timedelta(hours=1), by="mia")
    expect("the inbox", await world.inbox(), [])
    await world.leave()
    world.clock.advance(3600)
    expect("the inbox at its time", await world.inbox(), [request])
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P61", GATED)
async def another_person_lifts_it(world: World) -> None:
    """Where people are known, whoever put a stop in force does not lift it, and nothing runs meanwhile."""
    world.people(STAFF)
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve", by="mia")
    hitl = await world.hitl()
    await hitl.stop(StopScope.TOOL, "pay", by="mia", reason="audit")
    with refuses("the same person", NotPermitted):
        await hitl.lift(StopScope.TOOL, "pay", by="mia", reason="all fine")
    expect("the run", (await world.resume(run)).state, RunState.STOPPED)
    expect("what was paid", world.paid(), [])
    await hitl.lift(StopScope.TOOL, "pay", by="ben", reason="all fine")
    await world.wait(run)
    expect("what was paid after it was lifted", world.paid(), [40.5])
