"""P60-P66: stopping, lifting, cancelling and revoking win over everything that was granted before."""

from __future__ import annotations

from typing import Final

from ....capabilities import Capability
from ....commands import StopScope
from ....errors import OverrideRefused, RequestClosed, RunFinished, Stopped
from ....lifecycle import IllegalMove, RequestState
from ....protocol import Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that, refuses
from ..scenes import AGENT, Scene, ask, pay
from ..world import World, free, only

GATED = Capability.GATE_TOOLS

BY = {"by": "bob", "reason": "audit"}


async def _freezes(world: World, scope: StopScope, target: str | None) -> None:
    """What waits under a stop takes no answer and does not run; lifted, it does."""
    run = await world.start(Scene.of(pay()))
    where = run.id if target is None else target
    hitl = await world.hitl()
    expect("how many it froze", await hitl.stop(scope, where, **BY), 1)
    expect("its state", (await hitl.request(only(run).id)).state, RequestState.FROZEN)
    with refuses("an answer", RequestClosed, "frozen"):
        await world.say(only(run), "approve")
    expect("the run", (await world.wait(run)).state, RunState.PAUSED)
    expect("what was paid", world.paid(), [])
    await hitl.lift(scope, where, **BY)
    await world.decide(run, "approve")
    expect("what was paid after it was lifted", world.paid(), [40.5])


@behaviour("P60", GATED)
async def a_stop_for_everything_freezes(world: World) -> None:
    """Under a stop for everything, what waits takes no answer."""
    await _freezes(world, StopScope.ALL, "")


@behaviour("P60", GATED)
async def a_stop_for_a_tenant_freezes(world: World) -> None:
    """Under a stop for the tenant, what waits takes no answer."""
    await _freezes(world, StopScope.TENANT, "default")


@behaviour("P60", GATED)
async def a_stop_for_a_run_freezes(world: World) -> None:
    """Under a stop for the run, what waits in it takes no answer."""
    await _freezes(world, StopScope.RUN, None)


@behaviour("P60", GATED)
async def a_stop_for_a_tool_freezes(world: World) -> None:
    """Under a stop for the tool, what waits for it takes no answer."""
    await _freezes(world, StopScope.TOOL, "pay")


@behaviour("P60", GATED)
async def a_stop_for_an_agent_freezes(world: World) -> None:
    """Under a stop for the agent, what it waits for takes no answer."""
    await _freezes(world, StopScope.AGENT, AGENT)


async def _goes_on(world: World, run: Run) -> None:
    """Resume under a stop: it is refused, or the run stops; nothing else."""
    try:
        run = await world.resume(run)
    except Stopped:
        return
    expect("the run", run.state, RunState.STOPPED)


async def _blocks(world: World, scope: StopScope, target: str | None) -> None:
    """An approval that was granted before the stop and not used does not count until it is lifted."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    where = run.id if target is None else target
    hitl = await world.hitl()
    await hitl.stop(scope, where, **BY)
    await _goes_on(world, run)
    expect("what was paid", world.paid(), [])
    await hitl.lift(scope, where, **BY)
    expect("the run after it was lifted", (await world.wait(run)).state, RunState.COMPLETED)
    expect("what was paid after it was lifted", world.paid(), [40.5])


@behaviour("P60", GATED)
async def a_stop_for_everything_blocks_what_was_granted(world: World) -> None:
    """A stop for everything holds back an approval that was not used yet."""
    await _blocks(world, StopScope.ALL, "")


@behaviour("P60", GATED)
async def a_stop_for_a_tenant_blocks_what_was_granted(world: World) -> None:
    """A stop for the tenant holds back an approval that was not used yet."""
    await _blocks(world, StopScope.TENANT, "default")


@behaviour("P60", GATED)
async def a_stop_for_a_run_blocks_what_was_granted(world: World) -> None:
    """A stop for the run holds back an approval that was not used yet."""
    await _blocks(world, StopScope.RUN, None)


@behaviour("P60", GATED)
async def a_stop_for_a_tool_blocks_what_was_granted(world: World) -> None:
    """A stop for the tool holds back an approval that was not used yet."""
    await _blocks(world, StopScope.TOOL, "pay")


@behaviour("P60", GATED)
async def a_stop_for_an_agent_blocks_what_was_granted(world: World) -> None:
    """A stop for the agent holds back an approval that was not used yet."""
    await _blocks(world, StopScope.AGENT, AGENT)


@behaviour("P60", GATED)
async def under_a_stop_nothing_starts(world: World) -> None:
    """A run that would start under a stop for everything is refused, and the model is not asked."""
    world.rules(free())
    world.sets(Scene.of(pay()))
    await (await world.hitl()).stop(StopScope.ALL, **BY)
    with refuses("the start", Stopped, "bob"):
        await world.start()
    expect("model calls", world.stage.thoughts(), 0)
    expect("what was paid", world.paid(), [])


@behaviour("P60", GATED)
async def what_is_free_does_not_pass_a_stop(world: World) -> None:
    """A call that needs no approval does not run under a stop for its tool."""
    world.rules(free())
    world.sets(Scene.of(pay()))
    await (await world.hitl()).stop(StopScope.TOOL, "pay", **BY)
    run = await world.start()
    expect("the run", run.state, RunState.STOPPED)
    expect("what was paid", world.paid(), [])


@behaviour("P60", GATED)
async def what_is_asked_under_a_stop_is_frozen(world: World) -> None:
    """A request that comes up under a stop for its tool waits, unseen, until the stop is lifted."""
    world.sets(Scene.of(pay()))
    hitl = await world.hitl()
    await hitl.stop(StopScope.TOOL, "pay", **BY)
    run = await world.start()
    expect("the run", (run.state, await world.inbox()), (RunState.PAUSED, []))
    await hitl.lift(StopScope.TOOL, "pay", **BY)
    await world.decide(await hitl.run(run.id), "approve")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P60", GATED)
async def a_stop_that_races_a_resume_is_before_or_after_it(world: World) -> None:
    """One process resumes what was approved while another stops its tool: nothing has begun once the stop is there."""
    run = await world.start(Scene.of(pay()))
    for paid in range(1, _RACES + 1):
        await world.say(only(run), "approve")
        await world.elsewhere((("resume",),), (("stop", "tool", "pay"),), survive=True)
        events = await world.events()
        begun = [event for event in events[_last(events, "stop.set") :] if event == "effect.started"]
        expect("what began under the stop", begun, [])
        hitl = await world.hitl()
        expect_that("it ran, or it did not", world.happened("pay") in (paid - 1, paid))
        await hitl.lift(StopScope.TOOL, "pay", **BY)
        expect("the run after it was lifted", (await world.wait(run)).state, RunState.COMPLETED)
        expect("how often it ran in all", world.happened("pay"), paid)
        run = await world.start() if paid < _RACES else run


_RACES: Final = 3


def _last(events: list[str], event: str) -> int:
    return len(events) - 1 - events[::-1].index(event)


# ── P61: lifting ─────────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P61", GATED)
async def lifting_is_recorded(world: World) -> None:
    """Who stopped and who lifted are in the trail, each once."""
    await world.start(Scene.of(pay()))
    hitl = await world.hitl()
    await hitl.stop(StopScope.ALL, **BY)
    lifted = [await hitl.lift(StopScope.ALL, by="mia", reason="fine") for _ in range(2)]
    expect("how many are open again", lifted, [1, 0])
    expect("who stopped", [entry.actor for entry in await world.trail("stop.set")], ["bob"])
    expect("who lifted", [entry.actor for entry in await world.trail("stop.lifted")], ["mia"])


@behaviour("P61", GATED)
async def no_restart_lifts_a_stop(world: World) -> None:
    """A new process finds the stop in force."""
    run = await world.start(Scene.of(pay()))
    await (await world.hitl()).stop(StopScope.ALL, **BY)
    await world.leave()
    expect("the stops", [each.by for each in await (await world.hitl()).stops()], ["bob"])
    with refuses("an answer", RequestClosed, "frozen"):
        await world.say(only(run), "approve")
    expect("what was paid", world.paid(), [])


@behaviour("P61", GATED)
async def two_stops_need_two_liftings(world: World) -> None:
    """What two stops cover stays frozen until both are lifted."""
    run = await world.start(Scene.of(pay()))
    hitl = await world.hitl()
    await hitl.stop(StopScope.ALL, **BY)
    await hitl.stop(StopScope.TOOL, "pay", **BY)
    expect("open after the first", await hitl.lift(StopScope.ALL, **BY), 0)
    with refuses("an answer", RequestClosed):
        await world.say(only(run), "approve")
    expect("open after the second", await hitl.lift(StopScope.TOOL, "pay", **BY), 1)


# ── P62: cancel ──────────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P62", GATED)
async def cancel_closes_the_requests_of_its_run(world: World) -> None:
    """The requests of a cancelled run are closed; those of another run stay."""
    run, other = await world.start(Scene.of(pay())), await world.start()
    cancelled = await (await world.hitl()).cancel(run.id, by="bob", reason="sold out")
    expect("the run", (cancelled.state, cancelled.pending), (RunState.CANCELLED, ()))
    expect("what waits", [each.run_id for each in await world.inbox()], [other.id])
    with refuses("a second cancel", RunFinished):
        await (await world.hitl()).cancel(run.id, by="bob")


@behaviour("P62", GATED)
async def cancel_blocks_what_was_granted(world: World) -> None:
    """An approval that was not used when the run was cancelled is not used any more."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    await (await world.hitl()).cancel(run.id, by="bob")
    expect("the run", (await world.resume(run)).state, RunState.CANCELLED)
    expect("what was paid", world.paid(), [])


@behaviour("P62", GATED)
async def cancel_is_an_answer_too(world: World) -> None:
    """Whoever is asked may end the whole run."""
    run = await world.start(Scene.of((pay("A", 1.5), pay("B", 2.5))))
    recorded = await world.say(run.pending[0], "cancel", "sold out")
    expect("the run", recorded.run_state, RunState.CANCELLED)
    expect("what waits", await world.inbox(), [])
    await world.resume(run)
    expect("what was paid", world.paid(), [])


# ── P65, P66: revoke, rewind ──────────────────────────────────────────────────────────────────────────────────


@behaviour("P67", GATED)
async def an_output_is_overridden_and_kept(world: World) -> None:
    """A completed run's output is replaced; what it was, who did it and why are seen by another process too."""
    run = await world.start(Scene.of(pay()))
    with refuses("before there is one", OverrideRefused, "paused"):
        await (await world.hitl()).override(run.id, "nothing", by="bob")
    run = await world.decide(run, "approve")
    await (await world.hitl()).override(run.id, {"paid": 0}, by="bob", reason="it bounced")
    await world.leave()
    hitl = await world.hitl()
    now, (override,) = await hitl.run(run.id), await hitl.overrides(run.id)
    expect("the output", now.output, {"paid": 0})
    expect("what it was", override.original, run.output)
    expect("who and why", (override.by, override.reason), ("bob", "it bounced"))
    expect("that it shows", now.overridden is not None and now.overridden.by, "bob")
    expect("who did it", [entry.actor for entry in await world.trail("output.overridden")], ["bob"])


@behaviour("P67", GATED, Capability.STEER)
async def the_agent_hears_of_a_result_that_was_overridden(world: World) -> None:
    """While the run waits, a call's result is replaced: its agent hears the new one, and nothing runs again."""
    world.rules(free())
    run = await world.start(Scene.of(ask(), pay(), ask()))
    hitl = await world.hitl()
    with refuses("an override where nothing was carried out", OverrideRefused):
        await hitl.override(run.id, "nothing", "nowhere", by="bob")
    run = await world.decide(run, "answer", "go on")
    (effect,) = [each for each in await hitl.effects(run.id) if each.action.tool == "pay"]
    await hitl.override(run.id, "paid nothing: it bounced", effect.call, by="bob", reason="the bank says so")
    await world.leave()
    await world.decide(run, "answer", "because")
    expect_in("what the agent heard", "paid nothing: it bounced", world.heard())
    expect("what was paid", world.paid(), [40.5])
    (effect,) = [each for each in await (await world.hitl()).effects(run.id) if each.action.tool == "pay"]
    expect("the result", effect.result, "paid nothing: it bounced")


@behaviour("P66", Capability.UNDO_BY_FORK)
async def a_rewind_goes_back_and_asks_again(world: World) -> None:
    """A rewind takes the run back to its last pause, asks again, and is itself recorded."""
    run = await world.start(Scene.of(ask()))
    first = only(run)
    run = await world.decide(run, "answer", "the first word")
    run = await (await world.hitl()).rewind(run.id, by="bob", reason="it was a slip")
    expect_that("it is a new request", only(run).id != first.id)
    expect_in("who did it", "bob", str([entry.actor for entry in await world.trail()]))
    run = await world.decide(run, "answer", "the second word")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "the second word", world.heard())


@behaviour("P65", GATED)
async def an_unused_approval_is_revoked(world: World) -> None:
    """After its approval was taken back the call does not run, and the agent is told."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    settled = await (await world.hitl()).revoke(only(run).id, by="bob", reason="wrong customer")
    expect("its state", settled.state, RequestState.REVOKED)
    await world.resume(run)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "revoked before it was used", world.heard())


@behaviour("P65", GATED)
async def a_used_approval_cannot_be_revoked(world: World) -> None:
    """What has run cannot be made undone by taking the approval back."""
    run = await world.start(Scene.of(pay(), ask()))
    request = only(run)
    await world.decide(run, "approve")
    with refuses("the revocation", IllegalMove, "cannot revoke"):
        await (await world.hitl()).revoke(request.id, by="bob")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P65", GATED)
async def a_revocation_outlives_its_process(world: World) -> None:
    """A revoked approval is not used by a process that comes later."""
    run = await world.start(Scene.of(pay(), ask()))
    await world.say(only(run), "approve")
    await (await world.hitl()).revoke(only(run).id, by="bob")
    await world.leave()
    run = await world.resume(run)
    await world.leave()
    await world.decide(run, "answer", "because")
    expect("what was paid", world.paid(), [])
