"""P30-P32: several pauses at once, each answer at its own call, and pauses inside sub-agents."""

from __future__ import annotations

from ....capabilities import Capability
from ....protocol import PauseRequest, Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import HELPER, Scene, ask, delegate, note, pay, pick
from ..world import World, free, only

GATED, PARALLEL, NESTED = Capability.GATE_TOOLS, Capability.PARALLEL_PAUSES, Capability.NESTED_PAUSES

THREE = Scene.of((pay("A", 1.5), pay("B", 2.5), pay("C", 3.5)))


def _orders(run: Run) -> dict[str, PauseRequest]:
    return {str(each.action.arguments["order"]): each for each in run.pending}


@behaviour("P30", GATED, PARALLEL)
async def all_are_visible_at_once(world: World) -> None:
    """Three calls that the agent makes at once are three open requests, in their order."""
    run = await world.start(THREE)
    expect("the requests", [*_orders(run)], ["A", "B", "C"])
    expect("the inbox", [each.id for each in await world.inbox()], [each.id for each in run.pending])


async def _answers_in(world: World, order: str) -> None:
    run = await world.start(THREE)
    waiting = _orders(run)
    for each in order:
        await world.resume(run)
        await world.say(waiting[each], "approve")
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", sorted(world.paid()), [1.5, 2.5, 3.5])
    expect("repeated model calls", world.stage.repeated_thoughts(), 0)


@behaviour("P30", GATED, PARALLEL)
async def they_are_answered_from_the_last_to_the_first(world: World) -> None:
    """Answered backwards, one by one, each call runs once."""
    await _answers_in(world, "CBA")


@behaviour("P30", GATED, PARALLEL)
async def they_are_answered_from_the_middle(world: World) -> None:
    """Answered from the middle, one by one, each call runs once."""
    await _answers_in(world, "BAC")


@behaviour("P30", GATED, PARALLEL)
async def partial_answers_redo_nothing(world: World) -> None:
    """What ran beside the pauses does not run again when some of them are answered."""
    world.rules(free("note"))
    run = await world.start(Scene.of((note(), pay("A", 1.5), pay("B", 2.5))))
    await world.say(_orders(run)["B"], "reject", "no")
    run = await world.resume(run)
    expect("what still waits", [*_orders(run)], ["A"])
    await world.decide(run, "approve")
    expect("the notes", world.happened("note"), 1)
    expect("what was paid", world.paid(), [1.5])


@behaviour("P30", GATED, PARALLEL)
async def kinds_wait_side_by_side(world: World) -> None:
    """A call, a question and a choice that come at once are all there, and all are answered."""
    run = await world.start(Scene.of((pay(), ask(), pick())))
    expect("the tools", [each.action.tool for each in run.pending], ["pay", "ask", "pick"])
    for request, said in zip(run.pending, (("approve",), ("answer", "because"), ("choose", "green")), strict=True):
        await world.say(request, *said)
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    for words in ("paid 40.5", "because", "green"):
        expect_in("what the agent heard", words, world.heard())


@behaviour("P31", GATED, PARALLEL)
async def each_answer_reaches_its_own_call(world: World) -> None:
    """Of three calls of one tool, one is approved, one rejected and one edited, and each gets its own."""
    run = await world.start(THREE)
    waiting = _orders(run)
    await world.say(waiting["C"], "approve")
    await world.say(waiting["A"], "reject", "not A")
    await world.say(waiting["B"], "edit", {"order": "B", "amount": 9.5})
    await world.resume(run)
    found = sorted((line["order"], line["amount"]) for line in world.stage.happened("pay"))
    expect("what was paid", found, [("B", 9.5), ("C", 3.5)])


@behaviour("P31", GATED, PARALLEL)
async def equal_calls_need_an_answer_each(world: World) -> None:
    """Two calls with equal arguments at once are two requests; one approval lets one of them run."""
    run = await world.start(Scene.of((pay(), pay())))
    expect("how many requests", len({each.call for each in run.pending}), 2)
    await world.say(run.pending[0], "approve")
    await world.say(run.pending[1], "reject", "once is enough")
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P31", GATED)
async def the_same_call_again_needs_an_answer_again(world: World) -> None:
    """The same call in a later turn is a place of its own, with a key of its own."""
    run = await world.start(Scene.of(pay(), pay()))
    first = only(run)
    run = await world.decide(run, "approve")
    expect("what was paid", world.paid(), [40.5])
    expect_that("the place is another one", only(run).call != first.call)
    await world.decide(run, "approve")
    expect("how many keys", len({line["key"] for line in world.stage.happened("pay")}), 2)


@behaviour("P31", GATED)
async def ids_that_repeat_are_told_apart(world: World) -> None:
    """A model that gives its calls the same ids in every turn does not reuse an approval."""
    run = await world.decide(await world.start(Scene.of(pay(), pay(), same_ids=True)), "approve")
    expect("what was paid", world.paid(), [40.5])
    expect("what waits", only(run).action.tool, "pay")
    await world.decide(run, "reject", "once is enough")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P31", GATED)
async def runs_do_not_share_answers(world: World) -> None:
    """The same call in two runs needs two answers."""
    one, other = await world.start(Scene.of(pay())), await world.start()
    await world.say(only(one), "approve")
    expect("the other run", (await world.resume(other)).state, RunState.PAUSED)
    await world.resume(one)
    expect("what was paid", world.paid(), [40.5])


DELEGATED = Scene.of(delegate(), helper=(pay(),))


@behaviour("P32", GATED, NESTED)
async def a_sub_agents_pause_is_in_the_inbox(world: World) -> None:
    """A call inside a sub-agent waits in the same inbox, and runs once when it is approved."""
    run = await world.start(DELEGATED)
    expect("the inbox", [each.action.tool for each in await world.inbox()], ["pay"])
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])
    expect("repeated model calls", world.stage.repeated_thoughts(), 0)


@behaviour("P32", GATED, NESTED)
async def a_sub_agents_pause_has_its_lineage(world: World) -> None:
    """The request names the sub-agent that asks."""
    origin = only(await world.start(DELEGATED)).action.origin
    expect_that(f"{HELPER!r} is in the origin {origin}", HELPER in (origin.agent, *origin.path))


@behaviour("P32", GATED, NESTED)
async def a_sub_agent_hears_a_refusal(world: World) -> None:
    """A rejection inside a sub-agent reaches that agent, and the outer one goes on."""
    run = await world.decide(await world.start(DELEGATED), "reject", "not from the helper")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what was heard", "not from the helper", world.heard())


@behaviour("P32", GATED, NESTED)
async def a_sub_agent_pauses_more_than_once(world: World) -> None:
    """Two pauses in a row inside a sub-agent, and one outside afterwards; each call runs once."""
    scene = Scene.of(delegate(), note(), helper=(pay("A", 1.5), pay("B", 2.5)))
    run = await world.decide(await world.start(scene), "approve")
    run = await world.decide(run, "approve")
    expect("what waits outside", only(run).action.tool, "note")
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [1.5, 2.5])


@behaviour("P32", GATED, NESTED, PARALLEL)
async def pauses_inside_and_outside_wait_together(world: World) -> None:
    """A sub-agent's pause and one of the agent itself are both there at once."""
    run = await world.start(Scene.of((delegate(), pay("B", 2.5)), helper=(pay("A", 1.5),)))
    expect("the requests", sorted(_orders(run)), ["A", "B"])
    for request in run.pending:
        await world.say(request, "approve")
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", sorted(world.paid()), [1.5, 2.5])
