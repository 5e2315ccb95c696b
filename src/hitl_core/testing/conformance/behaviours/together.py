"""P14, P15: an agent and people share a draft, or talk about a call, before it is decided."""

from __future__ import annotations

from typing import Final

from ....capabilities import Capability
from ....errors import DraftMoved
from ....protocol import Arguments, DraftVersion, PauseRequest, Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import HELPER, ORDER, Scene, ask, delegate, note, pay, saying
from ..world import World, free, only, rule

GATED = Capability.GATE_TOOLS
EDITS = Capability.EDIT_ARGUMENTS
WORDS = Capability.SHOW_WORDS
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


@behaviour("P14", GATED, EDITS, Capability.NESTED_PAUSES)
async def a_sub_agents_draft_that_was_sent_back_survives_a_crash(world: World) -> None:
    """A sub-agent's draft is sent back, the process dies, and its next call is the next version of the same draft."""
    world.rules(TOGETHER)
    world.sets(Scene.of(delegate(), helper=(pay(), pay(amount=20.5))))
    await world.dies(("start",), ("say", "revise", "half of it at most"))
    (run,) = (await (await world.hitl()).runs()).items
    run = await world.resume(run)
    expect("the draft", await _amounts(world, run), [40.5, 20.5])
    expect_in("what the agent heard", "half of it at most", world.heard())
    await world.decide(run, "accept")
    expect("what was paid", world.paid(), [20.5])


# ── P15: ask-back ────────────────────────────────────────────────────────────────────────────────────────────

WHICH: Final = "Which invoice is that?"
SEVEN: Final = "It is invoice 7."


def _asked(request: PauseRequest) -> list[tuple[str, str, str]]:
    return [(each.by, each.question, each.answer) for each in request.asked]


@behaviour("P15", GATED)
async def a_question_back_runs_nothing_and_is_told(world: World) -> None:
    """The agent hears the question and that it may call again; what it called did not run."""
    run = await world.decide(await world.start(Scene.of(pay(), ask())), "ask", WHICH)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", WHICH, world.heard())
    await world.decide(run, "answer", "because")
    expect("what was paid", world.paid(), [])


@behaviour("P15", GATED)
async def an_agent_that_does_not_call_again_has_run_nothing(world: World) -> None:
    """If the agent never calls again the run ends, nothing waits, and nothing ran."""
    run = await world.decide(await world.start(Scene.of(pay())), "ask", WHICH)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what waits", await world.inbox(), [])
    expect("what was paid", world.paid(), [])


@behaviour("P15", GATED)
async def the_next_call_shows_what_was_asked(world: World) -> None:
    """When it calls the tool again, people see what was asked, by whom, and decide; once, also after a crash. What the
    agent did not say is not made up."""
    world.sets(Scene.of(pay(), pay(amount=20.5)))
    await world.dies(("start",), ("say", "ask", WHICH), ("resume",))
    (request,) = await world.inbox()
    expect("what was asked", _asked(request), [("ann", WHICH, "")])
    expect("what was paid", world.paid(), [])
    await world.say(request, "approve")
    await world.resume(await (await world.hitl()).run(request.run_id))
    expect("what was paid", world.paid(), [20.5])


@behaviour("P15", GATED, WORDS)
async def the_agents_answer_is_shown_with_the_question(world: World) -> None:
    """The next request shows the question and what the agent has said to it, as its words; what it had said before is
    no answer. Approved, it runs once."""
    scene = Scene.of(saying("I pay it.", pay()), saying(SEVEN, pay(amount=20.5)))
    run = await world.decide(await world.start(scene), "ask", WHICH)
    expect("what was asked", _asked(only(run)), [("ann", WHICH, SEVEN)])
    expect("what the agent says", only(run).context.message, SEVEN)
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [20.5])


@behaviour("P15", GATED, WORDS)
async def an_answer_that_does_not_convince_is_rejected(world: World) -> None:
    """After its answer the call can be rejected as any other, and nothing ran."""
    run = await world.decide(await world.start(Scene.of(pay(), saying(SEVEN, pay()))), "ask", WHICH)
    expect("what was asked", _asked(only(run)), [("ann", WHICH, SEVEN)])
    run = await world.decide(run, "reject", "That one is paid.")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "That one is paid.", world.heard())
    expect("what was paid", world.paid(), [])


@behaviour("P15", GATED, WORDS)
async def each_question_has_its_own_answer(world: World) -> None:
    """Asked twice, the agent's call shows both questions, each with what was said to it."""
    scene = Scene.of(pay(), saying(SEVEN, pay(amount=30.5)), saying("Quite sure.", pay(amount=20.5)))
    run = await world.decide(await world.start(scene), "ask", WHICH)
    run = await world.decide(run, "ask", "Are you sure?", by="bob")
    expect("what was asked", _asked(only(run)), [("ann", WHICH, SEVEN), ("bob", "Are you sure?", "Quite sure.")])
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [20.5])


@behaviour("P15", GATED, WORDS)
async def what_is_said_on_the_way_belongs_to_the_answer(world: World) -> None:
    """An agent that does something else first, and says its answer then, has answered."""
    world.rules(free("note"))
    scene = Scene.of(pay(), saying(SEVEN, note("looked it up")), saying("So I pay it.", pay(amount=20.5)))
    run = await world.decide(await world.start(scene), "ask", WHICH)
    expect("what was asked", _asked(only(run)), [("ann", WHICH, f"{SEVEN}\n\nSo I pay it.")])
    expect("what the agent says", only(run).context.message, "So I pay it.")


@behaviour("P15", GATED, WORDS)
async def an_answer_survives_a_crash_before_and_after_it(world: World) -> None:
    """The process dies after the question, and again when the agent has answered; the answer is there."""
    world.sets(Scene.of(saying("I pay it.", pay()), saying(SEVEN, pay(amount=20.5))))
    await world.dies(("start",), ("say", "ask", WHICH))
    await world.dies(("resume",))
    (request,) = await world.inbox()
    expect("what was asked", _asked(request), [("ann", WHICH, SEVEN)])
    await world.say(request, "approve")
    await world.dies(("resume",))
    expect("what was paid", world.paid(), [20.5])


@behaviour("P15", GATED, WORDS, Capability.PARALLEL_PAUSES)
async def of_two_questions_each_finds_its_call(world: World) -> None:
    """Two calls at once are asked about; when both come again, each shows its own question."""
    first = (pay("A-1", 1.5), pay("A-2", 2.5))
    run = await world.start(Scene.of(first, (saying(SEVEN, pay("A-1", 3.5)), pay("A-2", 4.5))))
    for request in run.pending:
        await world.say(request, "ask", f"What about {request.action.arguments['order']}?")
    run = await world.resume(run)
    asked = {each.action.arguments["order"]: _asked(each) for each in run.pending}
    expected = {order: [("ann", f"What about {order}?", SEVEN)] for order in ("A-1", "A-2")}
    expect("what was asked", asked, expected)
    expect("what was paid", world.paid(), [])


@behaviour("P15", GATED, WORDS, Capability.NESTED_PAUSES)
async def the_answer_of_a_sub_agent_is_its_own(world: World) -> None:
    """A sub-agent that is asked answers in its own words, not in those of the agent that called it."""
    helper = (saying("I do as I am told.", pay()), saying(SEVEN, pay(amount=20.5)))
    scene = Scene.of(saying("Somebody has to pay it.", delegate()), helper=helper)
    run = await world.decide(await world.start(scene), "ask", WHICH)
    expect("what was asked", _asked(only(run)), [("ann", WHICH, SEVEN)])
    expect("the agent", only(run).action.origin.agent, HELPER)
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [20.5])


@behaviour("P15", GATED, WORDS, Capability.STREAM_EVENTS)
async def an_answer_that_is_watched_is_shown_as_well(world: World) -> None:
    """While somebody watches the agent speak, the request shows the same."""
    world.sets(Scene.of(saying("I pay it.", pay()), saying(SEVEN, pay(amount=20.5))))
    hitl = await world.hitl()
    run_id = [event async for event in hitl.stream("This is run 1.")][-1].run_id
    await world.say(only(await hitl.run(run_id)), "ask", WHICH)
    _ = [event async for event in hitl.stream_resume(run_id)]
    run = await hitl.run(run_id)
    expect("what was asked", _asked(only(run)), [("ann", WHICH, SEVEN)])
    expect("what the agent says", only(run).context.message, SEVEN)
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [20.5])
