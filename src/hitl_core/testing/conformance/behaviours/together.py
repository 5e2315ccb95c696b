"""P14, P15: an agent and people share a draft, or talk about a call, before it is decided."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import DraftMoved
from ....protocol import Arguments, DraftVersion, Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import ORDER, Scene, ask, pay
from ..world import World, only, rule

GATED = Capability.GATE_TOOLS
EDITS = Capability.EDIT_ARGUMENTS
TOGETHER = rule("together", level="collaborate")


async def _changes(world: World, run: Run, amount: float, *, base: int = 1, by: str = "ann") -> DraftVersion:
    arguments: Arguments = {"order": ORDER, "amount": amount}
    return await (await world.hitl()).change_draft(only(run).id, arguments, base=base, by=by)


async def _amounts(world: World, run: Run) -> list[object]:
    return [each.arguments["amount"] for each in await (await world.hitl()).draft(only(run).id)]


@behaviour("P14", GATED, EDITS)
async def a_change_to_a_draft_decides_nothing(world: World) -> None:
    """A person's change is the next version, with its author; the request stays open, and nothing runs."""
    world.rules(TOGETHER)
    run = await world.start(Scene.of(pay()))
    version = await _changes(world, run, 30.5)
    expect("the version", (version.number, version.by.id if version.by else ""), (2, "ann"))
    run = await world.resume(run)
    expect("the run", run.state, RunState.PAUSED)
    expect("the draft", await _amounts(world, run), [40.5, 30.5])
    expect("what was paid", world.paid(), [])


@behaviour("P14", GATED, EDITS)
async def exactly_the_accepted_version_runs(world: World) -> None:
    """The version that is taken runs once, whatever was proposed, and the agent is told."""
    world.rules(TOGETHER)
    run = await world.start(Scene.of(pay()))
    await _changes(world, run, 30.5)
    version = await _changes(world, run, 20.5, base=2, by="bob")
    await world.decide(run, "accept", version)
    expect("what was paid", world.paid(), [20.5])
    expect_in("what the agent heard", "A person changed this call", world.heard())


@behaviour("P14", GATED, EDITS)
async def only_the_newest_version_can_be_taken(world: World) -> None:
    """Whoever takes or changes what is not the newest version is told who was faster."""
    world.rules(TOGETHER)
    run = await world.start(Scene.of(pay()))
    older = await _changes(world, run, 30.5)
    await _changes(world, run, 20.5, base=2, by="bob")
    for decision, fields in (("accept", (older,)), ("approve", ())):
        with refuses(f"the decision {decision}", DraftMoved, "'bob' has made version 3"):
            await world.say(only(run), decision, *fields)
    with refuses("a change to version 1", DraftMoved, "'bob' has made version 3"):
        await _changes(world, run, 10.5)
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P14", GATED, EDITS)
async def what_was_sent_back_is_the_same_draft(world: World) -> None:
    """After feedback the agent's next call of that tool is the next version, and the one that runs if it is taken."""
    world.rules(TOGETHER)
    run = await world.decide(await world.start(Scene.of(pay(), pay(amount=20.5))), "revise", "half of it at most")
    expect("what was paid", world.paid(), [])
    expect("the draft", await _amounts(world, run), [40.5, 20.5])
    expect_in("what the agent heard", "half of it at most", world.heard())
    await world.decide(run, "accept")
    expect("what was paid", world.paid(), [20.5])


@behaviour("P14", GATED, EDITS)
async def after_a_crash_every_version_is_there(world: World) -> None:
    """The process dies while the draft is open; another one shows all versions, and runs the one that is taken."""
    world.rules(TOGETHER)
    world.sets(Scene.of(pay()))
    await world.dies(("start",))
    (request,) = await world.inbox()
    hitl = await world.hitl()
    version = await hitl.change_draft(request.id, {"order": ORDER, "amount": 30.5}, base=1, by="ann")
    await world.leave()
    hitl = await world.hitl()
    expect("the draft", [each.number for each in await hitl.draft(request.id)], [1, 2])
    run = await hitl.run(request.run_id)
    await world.decide(run, "accept", version)
    expect("what was paid", world.paid(), [30.5])


# ── P15: ask-back ────────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P15", GATED)
async def a_question_back_runs_nothing_and_is_told(world: World) -> None:
    """The agent hears the question and that it may call again; what it called did not run."""
    run = await world.decide(await world.start(Scene.of(pay(), ask())), "ask", "Which invoice is that?")
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "Which invoice is that?", world.heard())
    await world.decide(run, "answer", "because")
    expect("what was paid", world.paid(), [])


@behaviour("P15", GATED)
async def the_next_call_shows_what_was_asked(world: World) -> None:
    """When it calls the tool again, people see what was asked, by whom, and decide; once, also after a crash."""
    world.sets(Scene.of(pay(), pay(amount=20.5)))
    await world.dies(("start",), ("say", "ask", "Which invoice is that?"), ("resume",))
    (request,) = await world.inbox()
    asked = [(each.by, each.question) for each in request.asked]
    expect("what was asked", asked, [("ann", "Which invoice is that?")])
    expect("what was paid", world.paid(), [])
    await world.say(request, "approve")
    await world.resume(await (await world.hitl()).run(request.run_id))
    expect("what was paid", world.paid(), [20.5])
