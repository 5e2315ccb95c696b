"""P40, P41, P44: what a new process finds, and apps that changed under an open pause.

The processes that die here are real, and killed. What they leave behind is found by this one.
"""

from __future__ import annotations

from ....capabilities import Capability
from ....commands import ClaimRuns, PauseRun
from ....errors import AppChanged
from ....protocol import Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import Scene, ask, delegate, note, pay
from ..world import LEASE, World, free, only

GATED, RESTART = Capability.GATE_TOOLS, Capability.SURVIVE_RESTART

START, APPROVE, RESUME = ("start",), ("say", "approve"), ("resume",)


async def found(world: World) -> Run:
    """The run that a process left behind, brought as far as it goes without people."""
    hitl = await world.hitl()
    (left,) = (await hitl.runs()).items
    return await world.wait(left)


async def nothing_repeated(world: World, *, in_flight: int = 0) -> None:
    again = world.stage.repeated_thoughts()
    expect_that(f"{again} model calls more than one each are at most {in_flight}", again <= in_flight)


# ── P40: killed while paused ─────────────────────────────────────────────────────────────────────────────────


@behaviour("P40", GATED, RESTART)
async def a_pause_outlives_its_process(world: World) -> None:
    """Killed while paused: another process finds the request as it was shown, and resumes; nothing is repeated."""
    world.sets(Scene.of(pay("A-7", 99.5)))
    await world.dies(START)
    run = await found(world)
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])
    expect("what is shown", only(run).action.arguments, {"order": "A-7", "amount": 99.5})
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [99.5])
    await nothing_repeated(world)


@behaviour("P40", GATED, RESTART)
async def what_ran_before_the_pause_does_not_run_again(world: World) -> None:
    """A call that ran before the pause is not repeated by the process that resumes."""
    world.rules(free("note"))
    world.sets(Scene.of(note(), pay()))
    await world.dies(START)
    await world.decide(await found(world), "approve")
    expect("the notes", world.happened("note"), 1)
    expect("what was paid", world.paid(), [40.5])
    await nothing_repeated(world)


@behaviour("P40", GATED, RESTART)
async def every_process_dies_once(world: World) -> None:
    """Start, answer and resume, each in a process that is killed afterwards: everything happens once."""
    world.sets(Scene.of(pay("A", 1.5), pay("B", 2.5)))
    await world.dies(START)
    await world.dies(APPROVE)
    await world.dies(RESUME)
    await world.dies(APPROVE)
    await world.dies(RESUME)
    expect("the run", (await found(world)).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [1.5, 2.5])
    await nothing_repeated(world)


@behaviour("P40", GATED, RESTART)
async def a_pause_that_was_not_stored_is_asked_again(world: World) -> None:
    """Killed before the pause was stored: the next process asks once, and at most the model call in flight repeats."""
    world.sets(Scene.of(pay()))
    await world.dies(START, crash="before PauseRun 1")
    run = await found(world)
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [40.5])
    await nothing_repeated(world, in_flight=1)


@behaviour("P40", GATED, RESTART)
async def a_pause_that_was_just_stored_is_kept(world: World) -> None:
    """Killed in the instant after the pause was stored: it is the same request."""
    world.sets(Scene.of(pay()))
    await world.dies(START, crash="after PauseRun 1")
    expect("requests", len(await world.trail("request.opened")), 1)
    await world.decide(await found(world), "approve")
    expect("requests afterwards", len(await world.trail("request.opened")), 1)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P40", GATED, RESTART, Capability.PARALLEL_PAUSES)
async def parallel_pauses_outlive_their_process(world: World) -> None:
    """Of two pauses one was answered before the kill; the other is still open, and both calls run once."""
    run = await world.start(Scene.of((pay("A", 1.5), pay("B", 2.5))))
    await world.say(run.pending[1], "approve")
    await world.dies(RESUME)
    run = await found(world)
    expect("what still waits", only(run).action.arguments["order"], "A")
    await world.decide(run, "approve")
    expect("what was paid", sorted(world.paid()), [1.5, 2.5])
    await nothing_repeated(world)


@behaviour("P40", GATED, RESTART, Capability.NESTED_PAUSES)
async def a_sub_agents_pause_outlives_its_process(world: World) -> None:
    """Killed while a sub-agent waits: another process resumes inside it, and no model call is repeated."""
    world.sets(Scene.of(delegate(), helper=(pay(),)))
    await world.dies(START)
    await world.dies(APPROVE)
    expect("the run", (await found(world)).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])
    await nothing_repeated(world)


@behaviour("P40", RESTART, Capability.ASK_QUESTIONS)
async def an_answered_question_is_not_asked_again(world: World) -> None:
    """Killed after a question was answered: the answer reaches the agent, and nobody is asked twice."""
    world.sets(Scene.of(ask()))
    await world.dies(START)
    await world.dies(("say", "answer", "the parcel was empty"))
    expect("the run", (await found(world)).state, RunState.COMPLETED)
    expect("requests", len(await world.trail("request.opened")), 1)
    expect_in("what the agent heard", "the parcel was empty", world.heard())


# ── P41: killed after the answer ─────────────────────────────────────────────────────────────────────────────


@behaviour("P41", GATED, RESTART)
async def an_answered_run_is_resumed_once(world: World) -> None:
    """Killed after the answer and before the resume: whoever comes resumes, and the call runs once."""
    world.sets(Scene.of(pay()))
    await world.dies(START, APPROVE)
    run = await found(world)
    expect("the run", run.state, RunState.COMPLETED)
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])
    await nothing_repeated(world)


async def _resume_dies(world: World, crash: str) -> Run:
    await world.start(Scene.of(pay()))
    await world.dies(APPROVE)
    await world.dies(RESUME, crash=crash)
    return await found(world)


@behaviour("P41", GATED, RESTART)
async def a_resume_that_died_at_once_is_taken_over(world: World) -> None:
    """Killed in the instant after the run was claimed: the next process takes it over, and the call runs once."""
    run = await _resume_dies(world, "after ClaimRuns 1")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P41", GATED, RESTART)
async def a_resume_that_died_before_the_tool_is_taken_over(world: World) -> None:
    """Killed just before the tool would have begun: the approval still stands, and is used once."""
    run = await _resume_dies(world, "before BeginEffect 1")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P41", GATED, RESTART)
async def a_recorded_outcome_is_handed_out(world: World) -> None:
    """Killed after the outcome was recorded: the tool does not run again, and the agent hears its result."""
    run = await _resume_dies(world, "after EndEffect 1")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])
    expect_in("what the agent heard", "paid 40.5", world.heard())


@behaviour("P41", GATED, RESTART)
async def a_run_that_ended_unseen_ends_again(world: World) -> None:
    """Killed before the end of the run was stored: it ends, and nothing runs a second time."""
    run = await _resume_dies(world, "before FinishRun 1")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P41", GATED, RESTART)
async def a_rejection_outlives_its_process(world: World) -> None:
    """Killed after a rejection: the call never runs, and the reason reaches the agent."""
    world.sets(Scene.of(pay()))
    await world.dies(START, ("say", "reject", "the parcel arrived"))
    expect("the run", (await found(world)).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "the parcel arrived", world.heard())


# ── P44: the app changed under an open pause ─────────────────────────────────────────────────────────────────


@behaviour("P44", GATED, RESTART)
async def a_tool_that_is_gone_is_an_error_by_name(world: World) -> None:
    """The tool that was approved is gone: the run fails by name; with the older app back, it goes on."""
    scene = Scene.of(pay())
    run = await world.start(scene)
    await world.say(only(run), "approve")
    await world.changes_to(scene.lacking("pay"))
    run = await world.resume(run)
    expect("the run", run.state, RunState.FAILED)
    expect_in("its error", AppChanged.code, run.error)
    await world.changes_to(scene)
    expect("the run with the older app", (await world.resume(run)).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P44", GATED, RESTART)
async def a_tool_with_another_meaning_is_asked_about_again(world: World) -> None:
    """The tool was redefined after its approval: it does not run on it, and is asked about again."""
    scene = Scene.of(pay())
    run = await world.start(scene)
    first = only(run)
    await world.say(first, "approve")
    await world.changes_to(scene.redefining("pay"))
    run = await world.resume(run)
    expect("what was paid", world.paid(), [])
    expect_that("it is another request", only(run).digest != first.digest)


@behaviour("P44", GATED, RESTART)
async def a_checkpoint_of_another_release_is_an_error_by_name(world: World) -> None:
    """A checkpoint that this release cannot read is refused by name, and nothing runs."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    store = (await world.hitl()).store
    (claimed,) = await store.apply(ClaimRuns("another release", LEASE, world.clock.now()))
    await store.apply(PauseRun(claimed.lease, {"version": 1_000_000}, (), world.clock.now()))
    run = await world.resume(run)
    expect("the run", run.state, RunState.FAILED)
    expect_in("its error", AppChanged.code, run.error)
    expect("what was paid", world.paid(), [])
