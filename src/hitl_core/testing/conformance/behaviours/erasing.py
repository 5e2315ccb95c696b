"""P74: erasing people. They are named nowhere any more, it stays one person, and the trail verifies."""

from __future__ import annotations

from typing import Final

from ....capabilities import Capability
from ....errors import PersonNotErasable
from ....lifecycle import RequestState
from ....protocol import Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_that, refuses
from ..scenes import Scene, pay
from ..world import World, only

GATED = Capability.GATE_TOOLS
MIA: Final = "mia-4711"


async def _paid(world: World, by: str) -> Run:
    run = await world.decide(await world.start(Scene.of(pay())), "approve", by=by, reason=f"WORDS of {by}")
    expect("the run", run.state, RunState.COMPLETED)
    return run


async def _said(world: World) -> str:
    """All that the store says of people: requests with their answers, runs, and the trail as it is read and sealed."""
    said = [entry.to_json() for entry in await world.trail()]
    said += [run.to_json() for run in (await (await world.hitl()).runs()).items]
    for state in RequestState:
        said += await world.requests(state)
    return "\n".join(said)


@behaviour("P74", GATED)
async def who_is_erased_is_named_nowhere_and_stays_one_person(world: World) -> None:
    """After two decisions of one person and one of another: two names are left, one of them a pseudonym."""
    for name in (MIA, "bob", MIA):
        await _paid(world, name)
    expect_that("they are named before", MIA in await _said(world))
    erased = await (await world.hitl()).erase_person(MIA, by="dora", reason="asked for")
    left = await _said(world)
    expect("what is left of them", (MIA in left, "WORDS of bob" in left), (False, True))
    decided = [entry.actor for entry in await world.trail("request.decided")]
    expect("who decided", decided, [erased.name, "bob", erased.name])
    (line,) = await world.trail("person.erased")
    expect("the erasing", (line.actor, line.subject), ("dora", erased.name))
    expect("the seals", (await world.verified()).findings, ())


@behaviour("P74", GATED)
async def who_is_still_counted_on_is_not_erased(world: World) -> None:
    """While a decision of theirs waits to be used they are not erased, and nothing is changed: it is used."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve", by=MIA)
    before = await _said(world)
    with refuses("an erasing", PersonNotErasable):
        await (await world.hitl()).erase_person(MIA, by="dora", reason="asked for")
    expect("what is recorded", await _said(world), before)
    run = await world.resume(run)
    expect("what was paid", (run.state, world.paid()), (RunState.COMPLETED, [40.5]))


@behaviour("P74", GATED)
async def with_a_run_the_names_in_its_trail_go(world: World) -> None:
    """Of a run that is erased the trail names nobody any more; it names whoever erased it, and verifies."""
    run = await _paid(world, MIA)
    other = await _paid(world, "bob")
    await (await world.hitl()).erase(run.id, by="dora", reason="asked for")
    expect_that("the other run is as it was", "bob" in await _said(world) and other.state is RunState.COMPLETED)
    expect_that("it names nobody", MIA not in await _said(world))
    (line,) = await world.trail("run.erased")
    expect("who erased it", line.actor, "dora")
    expect("the seals", (await world.verified()).findings, ())
