"""P05, P31, P40, once more: calls of tools that a run was started with, which whoever started it carries out."""

from __future__ import annotations

from ....capabilities import Capability
from ....protocol import Kind, Reply, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import LOCATE, Scene, ask, locate, pay
from ..world import World, free, only

CLIENT, PARALLEL, RESTART = Capability.CLIENT_TOOLS, Capability.PARALLEL_PAUSES, Capability.SURVIVE_RESTART


@behaviour("P05", CLIENT)
async def a_call_of_a_client_tool_is_answered(world: World) -> None:
    """The call is a request with its arguments; what is answered is what the agent hears, and nothing was begun."""
    run = await world.start(Scene.of(locate("the shop")))
    request = only(run)
    expect("the kind", request.kind, Kind.INPUT)
    expect("the call", (request.action.tool, request.action.arguments), (LOCATE.name, {"what": "the shop"}))
    expect("what is shown", request.title, LOCATE.description)
    expect("what is offered", request.allowed, (Reply.ANSWER, Reply.REJECT, Reply.CANCEL))
    run = await world.decide(run, "answer", "at the harbour")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "at the harbour", world.heard())
    expect("what was begun", await (await world.hitl()).effects(run.id), ())


@behaviour("P05", CLIENT)
async def a_client_tools_answer_may_be_any_json(world: World) -> None:
    """An object is a result as well as a text, and an empty text is one too."""
    run = await world.decide(await world.start(Scene.of(locate(), locate(), ask())), "answer", {"at": [54.5, 9.25]})
    run = await world.decide(run, "answer", "")
    expect("what is asked next", only(run).action.tool, "ask")
    for part in ("54.5", "9.25"):
        expect_in("what the agent heard", part, world.heard())


@behaviour("P05", CLIENT)
async def a_client_tool_that_is_refused_is_told(world: World) -> None:
    """Whoever is to carry it out may say no; the agent is told why, and goes on."""
    run = await world.decide(await world.start(Scene.of(locate(), pay())), "reject", "I share no places")
    expect_in("what the agent heard", "I share no places", world.heard())
    expect("what is asked next", only(run).action.tool, "pay")


@behaviour("P05", CLIENT)
async def a_client_tool_always_asks(world: World) -> None:
    """A rule that would let it run does not answer for anybody."""
    world.rules(free(LOCATE.name))
    expect("the kind", only(await world.start(Scene.of(locate()))).kind, Kind.INPUT)


@behaviour("P05", CLIENT)
async def what_a_client_tool_would_not_take_is_told(world: World) -> None:
    """Nobody is asked about arguments that do not fit its schema; the agent is told what is wrong with them."""
    run = await world.start(Scene.of(locate(3), locate()))
    expect("what is asked", only(run).action.arguments, {"what": "the shop"})
    expect_in("what the agent heard", "3 is not of type 'string'", world.heard())


@behaviour("P05", CLIENT)
async def a_client_tool_is_of_its_run_alone(world: World) -> None:
    """Another run of the same app, in the same process, has no such tool."""
    await world.start(Scene.of(locate()))
    hitl = await world.hitl()
    expect("its own", [each.name for each in (await hitl.run((await hitl.runs()).items[0].id)).tools], [LOCATE.name])
    other = await hitl.start("This is run 2.")
    expect("what waits", [each.run_id for each in await world.inbox() if each.run_id == other.id], [])


@behaviour("P31", CLIENT, PARALLEL)
async def each_call_of_a_client_tool_gets_its_own_answer(world: World) -> None:
    """Two calls of one client tool at once are two requests; answered backwards, one after the other, each gets its
    own."""
    run = await world.start(Scene.of((locate("the shop"), locate("the house")), ask()))
    waiting = {str(each.action.arguments["what"]): each for each in run.pending}
    expect("the requests", [*waiting], ["the shop", "the house"])
    await world.say(waiting["the house"], "answer", "in the second street")
    run = await world.resume(run)
    expect("what still waits", [each.id for each in run.pending], [waiting["the shop"].id])
    await world.say(waiting["the shop"], "answer", "in the first street")
    expect("what is asked next", only(await world.resume(run)).action.tool, "ask")
    heard = world.heard()
    first, second = heard.find("in the first street"), heard.find("in the second street")
    expect_that(f"both are heard, in the order of their calls: {heard!r}", -1 < first < second)
    expect("repeated model calls", world.stage.repeated_thoughts(), 0)


@behaviour("P40", CLIENT, RESTART)
async def a_client_tool_outlives_its_process(world: World) -> None:
    """Killed while it waits: another process has the same tool, and its answer reaches the agent."""
    world.sets(Scene.of(locate(), locate("the house")))
    await world.dies(("start",))
    hitl = await world.hitl()
    run = (await hitl.runs(limit=1)).items[0]
    expect("the tools", run.tools, (LOCATE,))
    run = await world.decide(await hitl.run(run.id), "answer", "at the harbour")
    expect("what is asked next", only(run).action.arguments, {"what": "the house"})
    await world.leave()
    await world.dies(("say", "answer", "uphill"), ("resume",))
    run = await (await world.hitl()).run(run.id)
    expect("the run", run.state, RunState.COMPLETED)
    for words in ("at the harbour", "uphill"):
        expect_in("what the agent heard", words, world.heard())
    expect("repeated model calls", world.stage.repeated_thoughts(), 0)
