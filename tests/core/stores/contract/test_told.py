"""What a command tells of a run is what stands in the store, though it is not read again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hitl_core.commands import (
    Again,
    Build,
    CancelRun,
    Claimed,
    ClaimRuns,
    Command,
    FinishRun,
    GetCheckpoint,
    GetRun,
    ListLeases,
    PauseRun,
    ReopenRun,
    RetryRun,
    StopScope,
)
from hitl_core.errors import RunBusy
from hitl_core.protocol import Action, Approvers, Kind, Run, RunState, Stage
from tests.core.stores.world import World

Tell = Callable[[Command[Any]], Awaitable[Any]]

OTHER = Build("2.0", "desk 2")


@pytest.fixture
async def tell(world: World) -> Tell:
    """Carry out a command, and hold what it tells to what a query finds."""

    async def told(command: Command[Any]) -> Any:
        world.later(1)
        result = await world.store.apply(command)
        for each in result if isinstance(result, tuple) else (result,):
            await _holds(world, each)
        return result

    return told


async def _holds(world: World, told: Run | Claimed) -> None:
    run = told.run if isinstance(told, Claimed) else told
    assert run == await world.store.fetch(GetRun(run.id))
    leases = [each for each in await world.store.fetch(ListLeases()) if each.run_id == run.id]
    if isinstance(told, Run):
        assert leases == []
    else:
        assert (leases, told.checkpoint) == ([told.lease], await world.store.fetch(GetCheckpoint(run.id)))


async def _approved(world: World, tell: Tell, **fields: Any) -> Claimed:
    """A run that has gone through a pause and an answer."""
    opened = await world.open()
    request = world.request(opened, **fields)
    await tell(PauseRun(opened.lease, {"step": 1}, (request,), world.now))
    await world.answer(request.approve(by="ann"))
    (claimed,) = await tell(ClaimRuns("worker-2", 30, world.now, run_id=opened.run.id))
    assert isinstance(claimed, Claimed)
    return claimed


@pytest.mark.parametrize("state", [RunState.COMPLETED, RunState.FAILED, RunState.STOPPED])
async def test_of_a_run_that_ends(world: World, tell: Tell, state: RunState) -> None:
    claimed = await _approved(world, tell)
    assert (claimed.lease.fence, claimed.run.attempts, claimed.run.tries) == (2, 2, 1)
    command = FinishRun(
        claimed.lease, state, world.now, "paid", "broken", {"step": 2}, consumed=("refund#1",), by=OTHER
    )
    run = await tell(command)
    assert (run.app_version, run.checkpoint_format, run.output, run.error) == ("2.0", "desk 2", "paid", "broken")


async def test_of_a_run_that_pauses(world: World, tell: Tell) -> None:
    """What is known, frozen or a notice is not what it waits for."""
    claimed = await _approved(world, tell)
    await world.stop(StopScope.TOOL, "transfer")
    other = Action(tool="transfer")
    asked = (
        world.request(claimed, "refund#1", title="asked again after a crash"),
        world.request(claimed, "transfer#1", other, digest=other.digest),
        world.request(claimed, "notice#1", kind=Kind.NOTICE, allowed=()),
        world.request(claimed, "refund#2", approvers=Approvers(users=("ann", "bob"), quorum=2)),
        world.request(claimed, "refund#3", approvers=Approvers(stages=(Stage(roles=("lead",)), Stage(users=("eve",))))),
    )
    run = await tell(PauseRun(claimed.lease, None, asked, world.now, by=OTHER))
    assert (run.state, run.pending) == (RunState.PAUSED, asked[3:])


async def test_of_a_run_that_pauses_and_has_nothing_to_wait_for(world: World, tell: Tell) -> None:
    opened = await world.open()
    paused_at = world.later(5)
    run = await tell(PauseRun(opened.lease, {"step": 1}, (), paused_at))
    assert (run.state, run.updated_at) == (RunState.READY, paused_at)


async def test_of_a_run_that_fails_and_is_tried_again(world: World, tell: Tell) -> None:
    opened = await world.open()
    again = FinishRun(opened.lease, RunState.FAILED, world.now, error="once", again=Again(tries=3, wait=10))
    assert (await tell(again)).retry_at is not None
    world.later(60)
    (claimed,) = await tell(ClaimRuns("worker-2", 30, world.now))
    assert (claimed.run.tries, claimed.run.error) == (2, "once")
    await tell(FinishRun(claimed.lease, RunState.FAILED, world.now, error="twice"))
    assert (await tell(RetryRun(opened.run.id, "ann", world.now))).tries == 0


async def test_of_a_run_whose_stop_was_lifted_before_it_ended(world: World, tell: Tell) -> None:
    opened = await world.open()
    ends = FinishRun(opened.lease, RunState.STOPPED, world.now, error="stopped", held=("tool", "refund"))
    assert (await tell(ends)).state is RunState.READY


async def test_of_a_run_that_is_cancelled_or_reopened(world: World, tell: Tell) -> None:
    claimed = await _approved(world, tell)
    with pytest.raises(RunBusy):
        await tell(ReopenRun(claimed.run.id, "worker-9", 30, "ann", "wrong order", world.now))
    await tell(FinishRun(claimed.lease, RunState.COMPLETED, world.now, "paid"))
    again = await tell(ReopenRun(claimed.run.id, "worker-9", 30, "ann", "wrong order", world.now))
    assert (again.lease.fence, again.run.attempts, again.run.output) == (3, 3, None)
    run = await tell(CancelRun(claimed.run.id, "ann", "changed my mind", world.now))
    assert run.state is RunState.CANCELLED
