"""OpenRun, RenewLease, ClaimRuns: who works on a run, and how another worker takes over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hitl_core.commands import (
    ClaimRuns,
    EraseRun,
    FinishRun,
    GetRun,
    ListLeases,
    ListRuns,
    OpenRun,
    PauseRun,
    Remember,
    RenewLease,
    StopScope,
)
from hitl_core.errors import LeaseLost, NotCanonical, RunBusy, RunNotFound, Stopped, TooLarge
from hitl_core.protocol import ClientTool, RunState
from tests.core.stores.world import World


async def test_a_new_run_is_running_and_leased(world: World) -> None:
    claimed = await world.open(owner="me", lease_seconds=30, started_by="ann", tenant="shop", app_version="3")
    assert claimed.first
    assert not claimed.interrupted
    assert claimed.checkpoint is None
    assert claimed.lease.owner == "me"
    assert claimed.lease.until == world.now + timedelta(seconds=30)
    run = await world.store.fetch(GetRun(claimed.run.id))
    assert run == claimed.run
    assert (run.state, run.attempts, run.started_by, run.tenant, run.app_version) == ("running", 1, "ann", "shop", "3")


async def test_the_tools_of_a_run_are_there_for_whoever_goes_on_with_it(world: World) -> None:
    tools = (
        ClientTool(name="pick", description="Pick.", parameters={"type": "object", "a": [1]}),
        ClientTool(name="b"),
    )
    claimed = await world.open(tools=tools)
    other = await world.open()
    assert (claimed.run.tools, other.run.tools) == (tools, ())
    run = await world.pause(claimed)
    assert run.tools == tools
    found = {each.id: each.tools for each in (await world.store.fetch(ListRuns())).items}
    assert found == {run.id: tools, other.run.id: ()}
    (again,) = await world.store.apply(ClaimRuns("worker-2", 30, world.now, run_id=run.id))
    assert again.run.tools == tools
    done = await world.store.apply(FinishRun(again.lease, RunState.COMPLETED, world.now, output="done"))
    assert (done.tools, done.output) == (tools, "done")
    erased = await world.store.apply(EraseRun(run.id, "ann", "asked", world.now))
    assert (erased.tools, (await world.store.fetch(GetRun(run.id))).tools) == ((), ())


@pytest.mark.parametrize("name", ["run-1", "0190163D-8694-739B-AEA5-966C26F8AD91", "ä/…", "x" * 256])
async def test_any_text_is_a_run_id(world: World, name: str) -> None:
    await world.open(id=name, thread=name)
    run = await world.store.fetch(GetRun(name))
    assert (run.id, run.thread) == (name, name)


async def test_ids_that_differ_in_case_only_are_two_runs(world: World) -> None:
    name = "0190163d-8694-739b-aea5-966c26f8ad91"
    await world.open(id=name)
    await world.open(id=name.upper())
    assert (await world.store.fetch(GetRun(name.upper()))).id == name.upper()


async def test_fields_that_this_release_does_not_know_are_kept(world: World) -> None:
    claimed = await world.open(colour="green")
    run = await world.store.fetch(GetRun(claimed.run.id))
    assert run.model_extra == {"colour": "green"}


async def test_a_run_without_input_has_none(world: World) -> None:
    claimed = await world.open(input=None)
    assert (await world.store.fetch(GetRun(claimed.run.id))).input is None


async def test_an_id_is_used_once(world: World) -> None:
    claimed = await world.open()
    with pytest.raises(RunBusy, match="already"):
        await world.open(id=claimed.run.id)


async def test_an_input_over_a_megabyte_is_refused(world: World) -> None:
    with pytest.raises(TooLarge, match="input"):
        await world.open(input="x" * 1024 * 1024)
    assert await world.events() == []


async def test_an_input_with_a_lone_surrogate_is_refused(world: World) -> None:
    run = world.run().model_copy(update={"input": "\ud800"})
    with pytest.raises(NotCanonical, match="surrogate"):
        await world.store.apply(OpenRun(run, "w", 30, world.now))


async def test_an_unknown_run_is_not_found(world: World) -> None:
    with pytest.raises(RunNotFound, match="no run 'nobody'"):
        await world.store.fetch(GetRun("nobody"))


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_renewing_moves_the_end_of_the_lease(world: World) -> None:
    claimed = await world.open(lease_seconds=30)
    world.later(20)
    renewed = await world.store.apply(RenewLease(claimed.lease, 30, world.now))
    assert renewed.until == world.now + timedelta(seconds=30)
    assert renewed.fence == claimed.lease.fence
    world.later(29)
    assert await world.claims() == []
    assert await world.store.fetch(ListLeases()) == (renewed,)


async def test_a_lease_that_was_ended_by_hand_frees_the_run_at_once(world: World) -> None:
    claimed = await world.open(lease_seconds=30)
    await world.store.apply(RenewLease(claimed.lease, 0.0, world.now))
    assert await world.claims() == [claimed.run.id]


async def test_a_run_under_an_ended_lease_is_taken_over(world: World) -> None:
    first = await world.open(lease_seconds=30)
    world.later(30)
    second = await world.claim()
    assert second.interrupted
    assert second.first
    assert second.lease.fence > first.lease.fence
    assert second.run.attempts == 2


async def test_whoever_lost_the_lease_can_write_nothing_more(world: World) -> None:
    lost = await world.open(lease_seconds=30)
    world.later(31)
    await world.claim()
    commands = [
        RenewLease(lost.lease, 30, world.now),
        PauseRun(lost.lease, {}, (), world.now),
        FinishRun(lost.lease, RunState.COMPLETED, world.now),
        Remember(lost.lease, "key", 1, world.now),
    ]
    for command in commands:
        with pytest.raises(LeaseLost, match="worker-2"):
            await world.store.apply(command)
    with pytest.raises(LeaseLost):
        await world.begin(lost.lease)
    assert await world.run_state(lost.run) is RunState.RUNNING


async def test_a_lease_on_a_run_that_is_not_running_or_not_there_is_lost(world: World) -> None:
    claimed = await world.open()
    await world.pause(claimed, world.request(claimed))
    with pytest.raises(LeaseLost, match="it is paused"):
        await world.store.apply(RenewLease(claimed.lease, 30, world.now))
    unknown = type(claimed.lease)("nobody", "me", 1, world.now)
    with pytest.raises(LeaseLost, match="no such run"):
        await world.store.apply(RenewLease(unknown, 30, world.now))


# ── claiming ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_ready_run_is_claimed_with_its_checkpoint(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    claimed = await world.claim(run)
    assert claimed.checkpoint == {"step": 1}
    assert not claimed.first
    assert not claimed.interrupted
    assert claimed.run.state is RunState.RUNNING


async def test_what_is_held_paused_or_unknown_is_not_claimed(world: World) -> None:
    held = await world.open()
    paused, _ = await world.paused()
    for run_id in (held.run.id, paused.id, "nobody"):
        assert await world.store.apply(ClaimRuns("w", 30, world.now, run_id=run_id)) == ()


async def test_of_those_who_ask_for_one_run_at_once_one_gets_it(world: World) -> None:
    """All of them have seen it ready before any of them has it."""
    for _ in range(3):
        run = await world.pause(await world.open())
        claims = [ClaimRuns(f"worker-{number}", 30, world.now, run_id=run.id) for number in range(5)]
        taken = [each for found in await asyncio.gather(*map(world.store.apply, claims)) for each in found]
        assert [each.lease.fence for each in taken] == [2]
        assert await world.store.fetch(ListLeases()) == (taken[0].lease,)
        await world.store.apply(FinishRun(taken[0].lease, RunState.COMPLETED, world.now))


async def test_a_claim_takes_the_longest_waiting_first_and_no_more_than_asked_for(world: World) -> None:
    ready = []
    for _ in range(3):
        run, (request,) = await world.paused()
        world.later(1)
        await world.answer(request.approve(by="ann"))
        ready.append(run.id)
    assert await world.claims(limit=2) == ready[:2]
    assert await world.claims(limit=2) == ready[2:]
    assert await world.claims(limit=2) == []


async def test_a_claim_takes_only_what_its_worker_can_load(world: World) -> None:
    ours = await world.open(backend="plain", app="desk:app")
    await world.open(backend="other", app="desk:app")
    await world.open(backend="plain", app="other:app")
    world.later(31)
    assert await world.claims(backends=("plain", "further"), apps=("desk:app",)) == [ours.run.id]


async def test_stopped_runs_are_left_alone(world: World) -> None:
    one = await world.open(tenant="a")
    other = await world.open(tenant="b")
    world.later(31)
    await world.stop(StopScope.TENANT, "a")
    assert await world.claims(limit=1) == [other.run.id]
    await world.stop(StopScope.RUN, other.run.id)
    world.later(31)
    assert await world.claims(run_id=one.run.id) == []
    assert await world.claims() == []


@pytest.mark.parametrize(
    ("scope", "target"), [(StopScope.ALL, ""), (StopScope.TENANT, "default"), (StopScope.RUN, "run-1")]
)
async def test_nothing_opens_under_a_stop(world: World, scope: StopScope, target: str) -> None:
    await world.stop(scope, target)
    with pytest.raises(Stopped, match="boss has stopped"):
        await world.open(id="run-1")
    with pytest.raises(RunNotFound):
        await world.store.fetch(GetRun("run-1"))


async def test_a_stop_of_an_agent_or_a_tool_does_not_keep_a_run_from_opening(world: World) -> None:
    await world.stop(StopScope.AGENT, "default")
    await world.stop(StopScope.TOOL, "refund")
    assert (await world.open()).first
