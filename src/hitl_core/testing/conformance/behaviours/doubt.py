"""P42: what happened to a tool whose process died in it. The processes that die here are real, and killed."""

from __future__ import annotations

from ....capabilities import Capability
from ....gate import ABORT, HAPPENED, NOT_HAPPENED
from ....lifecycle import ActionState
from ....protocol import Kind, PauseRequest, Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import Scene, book, note, pay, ship
from ..world import World, free, only
from .restart import GATED, RESTART, RESUME, START, found

DOUBT = Capability.DETECT_IN_DOUBT


async def _dies_in_tool(world: World, when: str, scene: Scene, tool: str = "pay", rules: str = "") -> Run:
    """The process is killed in the tool, before or after its effect; the run as the next process finds it."""
    world.rules(rules or free(tool))
    world.sets(scene)
    world.stage.kills(tool, "before" if when == "before" else "after")
    await world.dies(START)
    return await found(world)


def _doubt(run: Run) -> PauseRequest:
    request = only(run)
    expect("the question", (request.kind, request.in_doubt), (Kind.CHOICE, True))
    options = [each.id for each in request.options]
    expect("its options", options, [HAPPENED.id, NOT_HAPPENED.id, ABORT.id])
    return request


@behaviour("P42", GATED, DOUBT)
async def a_tool_that_may_have_run_is_in_doubt(world: World) -> None:
    """Killed after the effect and before its record: a person is asked, and it is not run again meanwhile."""
    run = await _dies_in_tool(world, "after", Scene.of(pay()))
    _doubt(run)
    await world.resume(run)
    await world.wait(run)
    (effect,) = await (await world.hitl()).effects(run.id)
    expect("the effect", effect.state, ActionState.IN_DOUBT)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P42", GATED, DOUBT)
async def it_happened(world: World) -> None:
    """A person says that it happened: it is not run again, and what they say is its result."""
    run = await _dies_in_tool(world, "after", Scene.of(pay()))
    run = await world.decide(run, "choose", HAPPENED.id, reason="it is on the statement")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])
    expect_in("what the agent heard", "it is on the statement", world.heard())


@behaviour("P42", GATED, DOUBT)
async def it_did_not_happen(world: World) -> None:
    """A person says that it did not happen: it runs now, once."""
    run = await _dies_in_tool(world, "before", Scene.of(pay()))
    _doubt(run)
    run = await world.decide(run, "choose", NOT_HAPPENED.id)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P42", GATED, DOUBT)
async def without_a_clear_word_it_does_not_run(world: World) -> None:
    """A person stops it: it does not run, and the agent is told that nobody knows."""
    run = await _dies_in_tool(world, "before", Scene.of(pay()))
    run = await world.decide(run, "choose", ABORT.id)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "not known whether this call had its effect", world.heard())


@behaviour("P42", GATED, DOUBT)
async def each_death_is_a_question_of_its_own(world: World) -> None:
    """The word about the first attempt says nothing about the second one."""
    first = await _dies_in_tool(world, "before", Scene.of(pay()))
    await world.say(_doubt(first), "choose", NOT_HAPPENED.id)
    world.stage.kills("pay", "after")
    await world.dies(RESUME)
    second = await found(world)
    expect_that("it is asked again", _doubt(second).id != only(first).id)
    await world.decide(second, "choose", HAPPENED.id)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P42", GATED, DOUBT)
async def a_death_while_asking_loses_nothing(world: World) -> None:
    """Killed again before the question about the doubt was stored: the next process asks it."""
    world.rules(free())
    world.sets(Scene.of(pay()))
    world.stage.kills("pay", "after")
    await world.dies(START)
    await world.dies(RESUME, crash="before PauseRun 1")
    await world.decide(await found(world), "choose", HAPPENED.id)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P42", GATED, DOUBT, Capability.EDIT_ARGUMENTS)
async def an_edited_call_in_doubt_keeps_its_edit(world: World) -> None:
    """An approved and edited call whose process died runs as edited, when a person says that it did not happen."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "edit", {"order": "A-1042", "amount": 9.5})
    world.stage.kills("pay", "before")
    await world.dies(RESUME)
    run = await world.decide(await found(world), "choose", NOT_HAPPENED.id)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [9.5])
    expect_in("what the agent heard", "A person changed this call", world.heard())


@behaviour("P42", GATED, DOUBT, Capability.PARALLEL_PAUSES)
async def the_call_beside_it_is_not_in_doubt(world: World) -> None:
    """Of two calls at once one was killed; the one that had its outcome is not run again."""
    world.rules(free(), free("note"))
    world.sets(Scene.of(note(), (pay("A", 1.5), note("beside"))))
    world.stage.kills("pay", "after")
    await world.dies(START)
    run = await found(world)
    for request in run.pending:  # the call beside may have begun, too
        await world.say(request, "choose", HAPPENED.id)
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [1.5])
    expect_that("no note was written twice", world.happened("note") <= 2)


@behaviour("P42", GATED, RESTART)
async def an_idempotent_tool_is_retried_with_its_key(world: World) -> None:
    """A tool that is safe to repeat is called again with the same key, and nobody is asked."""
    run = await _dies_in_tool(world, "after", Scene.of(ship()), "ship")
    expect("the run", run.state, RunState.COMPLETED)
    keys = [line["key"] for line in world.stage.happened("ship")]
    expect("its calls and keys", (len(keys), len(set(keys))), (2, 1))


async def _books(world: World, crash: str) -> None:
    world.rules(free("book"))
    world.sets(Scene.of(book()))
    await world.dies(START, crash=crash)
    run = await found(world)
    expect("the run", run.state, RunState.COMPLETED)
    expect("the bookings", world.stage.booked(), 1)
    expect_in("what the agent heard", "booked A-1042", world.heard())


@behaviour("P42", GATED, RESTART)
async def a_transactional_effect_that_was_not_begun_happens_once(world: World) -> None:
    """Killed before the transaction: neither effect nor record is there, and it happens once."""
    await _books(world, "before PerformEffect 1")


@behaviour("P42", GATED, RESTART)
async def a_transactional_effect_is_never_in_doubt(world: World) -> None:
    """Killed after the transaction: effect and record are both there, and nobody is asked."""
    await _books(world, "after PerformEffect 1")
