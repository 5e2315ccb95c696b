"""P40-P44: what a new process finds, what happened to a tool whose process died in it, and apps that changed.

The processes that die here are real, and killed. What they leave behind is found by this one.
"""

from __future__ import annotations

from ....capabilities import Capability
from ....commands import ClaimRuns, PauseRun
from ....errors import AppChanged, LeaseLost, RunBusy
from ....gate import ABORT, HAPPENED, NOT_HAPPENED
from ....lifecycle import ActionState
from ....protocol import Kind, PauseRequest, Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that, refuses
from ..scenes import Scene, ask, book, note, pay, ship
from ..world import LEASE, World, free, only

GATED, RESTART, DOUBT = Capability.GATE_TOOLS, Capability.SURVIVE_RESTART, Capability.DETECT_IN_DOUBT

START, APPROVE, RESUME = ("start",), ("say", "approve"), ("resume",)


async def found(world: World) -> Run:
    """The run that a process left behind, brought as far as it goes without people."""
    hitl = await world.hitl()
    (left,) = (await hitl.runs()).items
    return await world.wait(left)


async def _nothing_repeated(world: World, *, in_flight: int = 0) -> None:
    again = world.stage.repeated_thoughts()
    expect_that(f"{again} model calls more than one each are at most {in_flight}", again <= in_flight)


# ── P40: killed while paused ─────────────────────────────────────────────────────────────────────────────────


@behaviour("P40", GATED, RESTART)
async def a_pause_outlives_its_process(world: World) -> None:
    """Killed while paused: another process finds the request as it was shown, and resumes; no model call is repeated."""
    world.sets(Scene.of(pay("A-7", 99.5)))
    await world.dies(START)
    run = await found(world)
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])
    expect("what is shown", only(run).action.arguments, {"order": "A-7", "amount": 99.5})
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [99.5])
    await _nothing_repeated(world)


@behaviour("P40", GATED, RESTART)
async def what_ran_before_the_pause_does_not_run_again(world: World) -> None:
    """A call that ran before the pause is not repeated by the process that resumes."""
    world.rules(free("note"))
    world.sets(Scene.of(note(), pay()))
    await world.dies(START)
    await world.decide(await found(world), "approve")
    expect("the notes", world.happened("note"), 1)
    expect("what was paid", world.paid(), [40.5])
    await _nothing_repeated(world)


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
    await _nothing_repeated(world)


@behaviour("P40", GATED, RESTART)
async def a_pause_that_was_not_stored_is_asked_again(world: World) -> None:
    """Killed before the pause was stored: the next process asks once, and at most the model call in flight repeats."""
    world.sets(Scene.of(pay()))
    await world.dies(START, crash="before PauseRun 1")
    run = await found(world)
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [40.5])
    await _nothing_repeated(world, in_flight=1)


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
    await _nothing_repeated(world)


@behaviour("P40", GATED, RESTART, Capability.NESTED_PAUSES)
async def a_sub_agents_pause_outlives_its_process(world: World) -> None:
    """Killed while a sub-agent waits: another process resumes inside it, and no model call is repeated."""
    from ..scenes import delegate

    world.sets(Scene.of(delegate(), helper=(pay(),)))
    await world.dies(START)
    await world.dies(APPROVE)
    expect("the run", (await found(world)).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])
    await _nothing_repeated(world)


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
    await _nothing_repeated(world)


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


# ── P42: killed inside a tool ────────────────────────────────────────────────────────────────────────────────


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


# ── P43: two workers ─────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P43", GATED, RESTART)
async def two_workers_share_the_work(world: World) -> None:
    """Two processes work on six answered runs at once; each call runs once."""
    run = await world.start(Scene.of(pay()))
    for _ in range(5):
        await world.say(only(run), "approve")
        run = await world.start()
    await world.say(only(run), "approve")
    ended = await world.elsewhere((("work",),), (("work",),), survive=True)
    expect("their errors", [each.error for each in ended], ["", ""])
    states = [each.state for each in (await (await world.hitl()).runs()).items]
    expect("the runs", states, [RunState.COMPLETED] * 6)
    expect("what was paid", world.paid(), [40.5] * 6)
    await _nothing_repeated(world)


@behaviour("P43", GATED)
async def a_run_that_is_worked_on_is_not_taken(world: World) -> None:
    """While a worker holds a run, another one is told so and does nothing."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    async with world.another() as one:
        (claimed,) = await one.claim(limit=1)
        with refuses("the second worker", RunBusy):
            await world.resume(run)
        expect("what was paid meanwhile", world.paid(), [])
        await one.drive(claimed)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P43", GATED)
async def a_worker_that_froze_is_refused(world: World) -> None:
    """A worker that lost its lease while it was frozen can do nothing when it thaws."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    async with world.another() as frozen:
        (claimed,) = await frozen.claim(limit=1)
        world.clock.advance(LEASE)
        expect("the run of the other", (await world.wait(run)).state, RunState.COMPLETED)
        with refuses("the frozen worker", LeaseLost):
            await frozen.drive(claimed)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P43", GATED)
async def a_worker_that_froze_cannot_begin_a_tool(world: World) -> None:
    """A worker that thaws beside the next one, before anything ran, does not run the call."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    async with world.another() as frozen, world.another() as other:
        (old,) = await frozen.claim(limit=1)
        world.clock.advance(LEASE)
        (new,) = await other.claim(limit=1)
        with refuses("the frozen worker", LeaseLost):
            await frozen.drive(old)
        expect("what was paid by the frozen one", world.paid(), [])
        await other.drive(new)
    expect("what was paid", world.paid(), [40.5])


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
