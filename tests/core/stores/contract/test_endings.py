"""FinishRun, RetryRun, CancelRun, ReopenRun: how a run ends, and how it goes on after its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hitl_core.commands import (
    CancelRun,
    Claimed,
    EndEffect,
    FinishRun,
    GetCheckpoint,
    GetRun,
    LiftStop,
    ListEffects,
    ReopenRun,
    RetryRun,
    StopScope,
)
from hitl_core.errors import EffectRefused, LeaseLost, RunBusy, RunFinished, RunNotFound, Stopped, TooLarge
from hitl_core.lifecycle import ActionState, IllegalMove, RequestState
from hitl_core.protocol import (
    AuditEvent,
    Executed,
    Failed,
    Kind,
    OnTimeout,
    Outcome,
    Run,
    RunState,
)
from tests.core.stores.world import World


async def finish(world: World, claimed: Claimed, state: RunState, **more: object) -> Run:
    return await world.store.apply(FinishRun(claimed.lease, state, world.now, **more))  # type: ignore[arg-type]


async def cancel(world: World, run: Run) -> Run:
    return await world.store.apply(CancelRun(run.id, "ann", "changed my mind", world.now))


# ── finishing ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_completed_run_keeps_its_output(world: World) -> None:
    claimed = await world.open()
    run = await finish(world, claimed, RunState.COMPLETED, output={"paid": 120.5})
    assert (run.state, run.output, run.pending) == (RunState.COMPLETED, {"paid": 120.5}, ())
    assert await world.store.fetch(GetRun(run.id)) == run
    assert await world.claims() == []


async def test_completing_uses_up_decisions_and_cancels_what_is_open_but_no_notice(world: World) -> None:
    run, (used, unused) = await world.paused(count=2)
    for each in (used, unused):
        await world.answer(each.approve(by="ann"))
    claimed = await world.claim(run)
    notice = world.request(claimed, "refund#3", kind=Kind.NOTICE, allowed=())
    await world.pause(claimed, notice)
    claimed = await world.claim(run)
    await finish(world, claimed, RunState.COMPLETED, consumed=(used.call,))
    states = [await world.state(each) for each in (used, unused, notice)]
    assert states == [RequestState.CONSUMED, RequestState.DECIDED, RequestState.OPEN]


async def test_a_failed_run_keeps_its_error_its_checkpoint_and_its_decisions(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    failed = await finish(world, await world.claim(run), RunState.FAILED, error="ValueError: no such order")
    assert (failed.state, failed.error) == (RunState.FAILED, "ValueError: no such order")
    assert await world.state(request) is RequestState.DECIDED
    assert await world.store.fetch(GetCheckpoint(run.id)) == {"step": 1}


async def test_a_run_that_failed_with_a_checkpoint_goes_on_from_it(world: World) -> None:
    claimed = await world.open()
    await finish(world, claimed, RunState.FAILED, error="e", checkpoint={"step": "half way"})
    await world.store.apply(RetryRun(claimed.run.id, "ann", world.now))
    again = await world.claim()
    assert again.checkpoint == {"step": "half way"}
    assert not again.first
    assert again.run.error == ""


async def test_a_run_that_failed_before_any_checkpoint_starts_again(world: World) -> None:
    claimed = await world.open()
    await finish(world, claimed, RunState.FAILED, error="e")
    await world.store.apply(RetryRun(claimed.run.id, "ann", world.now))
    assert (await world.claim()).first


async def test_a_very_long_error_is_cut(world: World) -> None:
    run = await finish(world, await world.open(), RunState.FAILED, error="x" * 100_000)
    assert len(run.error) == 65_536


async def test_an_output_over_a_megabyte_is_refused(world: World) -> None:
    claimed = await world.open()
    with pytest.raises(TooLarge, match="output"):
        await finish(world, claimed, RunState.COMPLETED, output="x" * 1024 * 1024)
    assert await world.run_state(claimed.run) is RunState.RUNNING


async def test_a_run_is_finished_once_and_only_as_something_final(world: World) -> None:
    claimed = await world.open()
    for state in (RunState.PAUSED, RunState.READY, RunState.RUNNING, RunState.CANCELLED):
        with pytest.raises(IllegalMove, match=f"cannot be finished as {state}"):
            await finish(world, claimed, state)
    await finish(world, claimed, RunState.FAILED, error="given up")
    with pytest.raises(LeaseLost):
        await finish(world, claimed, RunState.COMPLETED)


async def test_a_run_that_a_stop_ended_goes_on_when_it_is_lifted(world: World) -> None:
    claimed = await world.open(tenant="shop")
    await world.stop(StopScope.TOOL, "refund")
    await world.stop(StopScope.TENANT, "shop")
    assert (await finish(world, claimed, RunState.STOPPED, error="stopped")).state is RunState.STOPPED
    await world.store.apply(LiftStop(StopScope.TOOL, "refund", "fixed", "boss", world.now))
    assert await world.run_state(claimed.run) is RunState.STOPPED
    await world.store.apply(LiftStop(StopScope.TENANT, "shop", "fixed", "boss", world.now))
    assert await world.run_state(claimed.run) is RunState.READY


# ── retrying ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_a_failed_run_is_retried(world: World) -> None:
    claimed = await world.open()

    def retry(run_id: str) -> RetryRun:
        return RetryRun(run_id, "ann", world.now)

    with pytest.raises(RunNotFound):
        await world.store.apply(retry("nobody"))
    with pytest.raises(RunBusy, match="is running"):
        await world.store.apply(retry(claimed.run.id))
    await finish(world, claimed, RunState.COMPLETED)
    with pytest.raises(RunFinished, match="is completed"):
        await world.store.apply(retry(claimed.run.id))


# ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_cancelling_ends_all_that_waits(world: World) -> None:
    run, (opened, decided, frozen) = await world.paused(count=3)
    await world.answer(decided.approve(by="ann"))
    await world.stop(StopScope.RUN, run.id)
    await world.store.apply(LiftStop(StopScope.RUN, run.id, "r", "boss", world.now))
    await world.stop(StopScope.RUN, run.id)
    cancelled = await cancel(world, run)
    assert cancelled.state is RunState.CANCELLED
    assert "changed my mind" in cancelled.error
    assert {await world.state(each) for each in (opened, decided, frozen)} == {RequestState.CANCELLED}


async def test_a_running_run_that_is_cancelled_loses_its_lease(world: World) -> None:
    claimed = await world.open()
    await cancel(world, claimed.run)
    with pytest.raises(LeaseLost, match="it is cancelled"):
        await finish(world, claimed, RunState.COMPLETED)
    world.later(100)
    assert await world.claims() == []


async def begun(world: World) -> Claimed:
    """A run with a call under way, cancelled then."""
    claimed = await world.open()
    await world.begin(claimed.lease)
    await cancel(world, claimed.run)
    return claimed


@pytest.mark.parametrize(
    ("outcome", "state", "event"),
    [
        (Executed("paid"), ActionState.EXECUTED, AuditEvent.EFFECT_EXECUTED),
        (Failed("no such card"), ActionState.FAILED, AuditEvent.EFFECT_FAILED),
    ],
)
async def test_what_is_under_way_when_its_run_is_cancelled_is_in_doubt_until_it_has_come_out(
    world: World, outcome: Outcome, state: ActionState, event: AuditEvent
) -> None:
    claimed = await begun(world)
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert effect.state is ActionState.IN_DOUBT
    ended = await world.store.apply(EndEffect(claimed.lease, "refund#1", outcome, world.now, late=True))
    assert (ended.state, ended.result or ended.error) == (state, getattr(outcome, "result", None) or "no such card")
    assert (await world.events())[-2:] == [AuditEvent.EFFECT_IN_DOUBT, event]


async def test_only_who_had_begun_it_says_how_it_came_out_and_once(world: World) -> None:
    claimed = await begun(world)
    for lease, call in (
        (replace(claimed.lease, fence=claimed.lease.fence + 1), "refund#1"),
        (claimed.lease, "refund#2"),
        (replace(claimed.lease, run_id="nobody"), "refund#1"),
    ):
        with pytest.raises(LeaseLost):
            await world.store.apply(EndEffect(lease, call, Executed("paid"), world.now, late=True))
    with pytest.raises(LeaseLost):  # who has not heard of it hears of it now
        await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed("paid"), world.now))
    await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed("paid"), world.now, late=True))
    with pytest.raises(LeaseLost):
        await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed("paid"), world.now, late=True))


async def test_what_is_over_or_unknown_is_not_cancelled(world: World) -> None:
    claimed = await world.open()
    await cancel(world, claimed.run)
    with pytest.raises(RunFinished, match="is cancelled"):
        await cancel(world, claimed.run)
    with pytest.raises(RunNotFound):
        await world.store.apply(CancelRun("nobody", "ann", "", world.now))


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.STOPPED])
async def test_a_run_that_failed_or_was_stopped_can_be_cancelled(world: World, state: RunState) -> None:
    claimed = await world.open()
    await finish(world, claimed, state)
    assert (await cancel(world, claimed.run)).state is RunState.CANCELLED


# ── stopped while it is lifted ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("held", "goes_on"),
    [(("tool", "refund"), True), (("all", ""), False), (None, False)],
    ids=["lifted meanwhile", "still in force", "not known"],
)
async def test_a_run_whose_stop_was_lifted_before_it_had_ended_goes_on(
    world: World, held: tuple[str, str] | None, goes_on: bool
) -> None:
    """Whoever lifts a stop wakes the runs that it has ended: this one had not ended yet."""
    claimed = await world.open()
    await world.stop(StopScope.TOOL, "refund")
    await world.store.apply(LiftStop(StopScope.TOOL, "refund", "fine", "boss", world.now))
    await world.stop(StopScope.ALL)
    await finish(world, claimed, RunState.STOPPED, error="stopped", held=held)
    assert await world.claims() == []
    woken = (await world.store.fetch(GetRun(claimed.run.id))).state is RunState.READY
    assert woken is goes_on
    await world.store.apply(LiftStop(StopScope.ALL, "", "fine", "boss", world.now))
    assert len(await world.claims()) == 1


# ── reopening ────────────────────────────────────────────────────────────────────────────────────────────────


def reopen(world: World, run_id: str) -> ReopenRun:
    return ReopenRun(run_id, "worker-9", 30, "ann", "wrong order", world.now)


async def test_a_run_is_taken_back_to_work_and_its_questions_are_superseded(world: World) -> None:
    run, (opened, decided) = await world.paused(count=2)
    await world.answer(decided.approve(by="ann"))
    claimed = await world.store.apply(reopen(world, run.id))
    assert (claimed.run.state, claimed.lease.owner) == (RunState.RUNNING, "worker-9")
    assert claimed.checkpoint == {"step": 1}
    assert {await world.state(each) for each in (opened, decided)} == {RequestState.SUPERSEDED}
    await finish(world, claimed, RunState.COMPLETED)


async def test_a_completed_run_that_is_reopened_has_no_output_any_more(world: World) -> None:
    claimed = await world.open()
    await finish(world, claimed, RunState.COMPLETED, output="paid")
    again = await world.store.apply(reopen(world, claimed.run.id))
    assert again.run.output is None
    assert (await finish(world, again, RunState.COMPLETED, output="paid twice")).output == "paid twice"


async def test_what_runs_was_cancelled_is_stopped_or_unknown_is_not_reopened(world: World) -> None:
    claimed = await world.open()
    with pytest.raises(RunBusy, match="worker-1"):
        await world.store.apply(reopen(world, claimed.run.id))
    await cancel(world, claimed.run)
    with pytest.raises(RunFinished, match="cancelled"):
        await world.store.apply(reopen(world, claimed.run.id))
    with pytest.raises(RunNotFound):
        await world.store.apply(reopen(world, "nobody"))
    run, _ = await world.paused()
    await world.stop(StopScope.ALL)
    with pytest.raises(Stopped):
        await world.store.apply(reopen(world, run.id))


async def test_a_stopped_run_is_lifted_not_reopened(world: World) -> None:
    claimed = await world.open()
    await finish(world, claimed, RunState.STOPPED)
    with pytest.raises(IllegalMove, match="stopped"):
        await world.store.apply(reopen(world, claimed.run.id))


async def test_reopening_withdraws_a_window_that_ran_out_unused(world: World) -> None:
    """Else what was asked again would run on the silence of before."""
    deadline = world.now + timedelta(seconds=60)
    run, (request,) = await world.paused(deadline=deadline, on_timeout=OnTimeout.PROCEED)
    world.later(61)
    assert await world.fire() == [request.id]
    claimed = await world.store.apply(reopen(world, run.id))
    assert await world.state(request) is RequestState.SUPERSEDED
    with pytest.raises(EffectRefused, match="superseded"):
        await world.begin(claimed.lease, request_id=request.id)
