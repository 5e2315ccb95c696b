"""ClaimRuns among many: tenants take turns, workers take what they can load, and a run that kills them is parked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import (
    Again,
    Build,
    CancelRun,
    Claimed,
    EndEffect,
    FinishRun,
    GetRun,
    ListWaiting,
    NextDue,
    ReleaseRun,
    ReopenRun,
    RetryRun,
    StopScope,
)
from hitl_core.errors import LeaseLost
from hitl_core.protocol import EffectMode, Executed, Run, RunState
from hitl_core.stores.sql.commands.endings import LONGEST_WAIT
from tests.core.stores.world import World

TRIES = 3
AGAIN = Again(TRIES, 1.0)


async def ready(world: World, count: int = 1, **fields: Any) -> list[str]:
    """Runs that were paused with nothing open, so that a worker can go on with them."""
    return [(await world.pause(await world.open(**fields))).id for _ in range(count)]


async def fails(world: World, claimed: Claimed, again: Again | None = AGAIN, **more: Any) -> Run:
    return await world.store.apply(
        FinishRun(claimed.lease, RunState.FAILED, world.now, error="it broke", again=again, **more)
    )


async def found(world: World, run_id: str) -> Run:
    return await world.store.fetch(GetRun(run_id))


# ── tenants ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_tenants_many_runs_do_not_hold_up_anothers_one(world: World) -> None:
    await ready(world, 30, tenant="big")
    (lone,) = await ready(world, tenant="small")
    (last,) = await world.claims(limit=1)
    assert lone in await world.claims(limit=2, after=last)


async def test_tenants_take_turns(world: World) -> None:
    theirs = {tenant: await ready(world, 4, tenant=tenant) for tenant in ("a", "b", "c")}
    taken, after = list[str](), None
    while claimed := await world.claims(limit=1, after=after):
        (after,) = claimed
        taken.append(after)
    assert taken == [run for turn in zip(*theirs.values(), strict=True) for run in turn]


async def test_places_are_shared_among_those_who_wait(world: World) -> None:
    theirs = {tenant: await ready(world, 4, tenant=tenant) for tenant in ("a", "b")}
    assert await world.claims(limit=4) == [*theirs["a"][:2], *theirs["b"][:2]]
    assert await world.claims(limit=4, after=theirs["b"][1]) == [*theirs["a"][2:], *theirs["b"][2:]]


async def test_what_nobody_else_needs_goes_to_who_is_there(world: World) -> None:
    (first,), many = await ready(world, tenant="a"), await ready(world, 5, tenant="b")
    assert await world.claims(limit=4) == [first, *many[:3]]
    assert await world.claims(limit=4, after="nobody") == many[3:]


async def test_a_run_that_is_taken_over_does_not_wait_for_all_that_are_ready(world: World) -> None:
    lost = await world.open(lease_seconds=30)
    await ready(world, 20)
    world.later(31)
    assert (await world.claims(limit=2))[0] == lost.run.id


async def test_tenants_that_are_stopped_are_passed_over(world: World) -> None:
    await ready(world, 3, tenant="a")
    others = await ready(world, 2, tenant="b")
    await world.stop(StopScope.TENANT, "a")
    await world.stop(StopScope.RUN, others[0])
    assert await world.claims() == others[1:]


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_old_and_new_workers_take_each_their_own(world: World) -> None:
    (old,), (new,) = await ready(world, app_version="1"), await ready(world, app_version="2")
    (any_,) = await ready(world)
    assert await world.claims(versions=("", "2")) == [new, any_]
    assert await world.claims(versions=("", "1")) == [old]


async def test_only_checkpoints_that_can_be_read_are_taken(world: World) -> None:
    (one,) = await ready(world, checkpoint_format="1")
    await ready(world, checkpoint_format="2")
    assert await world.claims(formats=("", "1")) == [one]


async def test_a_pause_says_what_its_run_needs_from_now_on(world: World) -> None:
    claimed = await world.open(app_version="1")
    run = await world.pause(claimed, by=Build("2", "f"))
    assert (run.app_version, run.checkpoint_format) == ("2", "f")
    assert await world.claims(versions=("1",)) == []
    again = await world.claim(run, versions=("2",), formats=("f",))
    assert (await world.pause(again, by=Build("2", "f"))).app_version == "2"


async def test_a_failure_with_a_checkpoint_says_so_too_and_one_without_does_not(world: World) -> None:
    one, other = await world.open(app_version="1"), await world.open(app_version="1")
    assert (await fails(world, one, None, by=Build("2"))).app_version == "1"
    assert (await fails(world, other, None, by=Build("2"), checkpoint={"step": 1})).app_version == "2"


async def test_what_waits_is_counted_by_what_it_needs(world: World) -> None:
    await ready(world, 2, app_version="1", tenant="a")
    await ready(world, app_version="1", tenant="b", checkpoint_format="f")
    since, lost = world.now, await world.open(app_version="1", tenant="a", lease_seconds=30)
    world.later(60)
    waiting = await world.store.fetch(ListWaiting(world.now))
    kinds = [(each.backend, each.app, each.version, each.format, each.tenant, each.count) for each in waiting]
    assert kinds == [("plain", "desk:app", "1", "", "a", 3), ("plain", "desk:app", "1", "f", "b", 1)]
    assert waiting[0].since == since
    assert lost.run.id in await world.claims()


# ── runs that end their workers ──────────────────────────────────────────────────────────────────────────────


async def died(world: World, times: int) -> Claimed:
    """A run whose workers died in one turn, so many of them."""
    claimed = await world.open(lease_seconds=30)
    for number in range(times):
        world.later(31)
        if number < times - 1:
            claimed = await world.claim(tries=TRIES)
    return claimed


async def test_a_run_whose_workers_die_is_parked_after_its_tries(world: World) -> None:
    claimed = await died(world, TRIES)
    assert await world.claims(tries=TRIES) == []
    parked = await found(world, claimed.run.id)
    assert (parked.state, parked.tries) == (RunState.FAILED, TRIES)
    assert f"the last {TRIES} workers" in parked.error
    assert "worker-2" in parked.error
    assert (await world.events(claimed.run))[-1] == "run.failed"
    world.later(3600)
    assert await world.claims(tries=TRIES) == []


async def test_what_workers_may_die_of_is_worked_on_alone(world: World) -> None:
    """Twice it may have been anything else that they worked on; the third time nothing is beside it."""
    claimed = await died(world, TRIES - 1)
    (other,) = await ready(world)
    assert await world.claims(tries=TRIES, alone=False) == [other]
    (other,) = await ready(world)
    assert await world.claims(tries=TRIES) == [claimed.run.id]
    assert await world.claims(tries=TRIES) == [other]


async def test_nobody_takes_anything_else_if_it_has_waited_for_long_until_one_is_free(world: World) -> None:
    claimed = await died(world, TRIES - 1)
    await ready(world)
    world.later(30)
    assert await world.claims(tries=TRIES, alone=False) == []
    assert await world.claims(tries=TRIES) == [claimed.run.id]


async def test_what_stands_behind_a_run_that_is_parked_is_taken_with_the_same_claim(world: World) -> None:
    await died(world, TRIES)
    (other,) = await ready(world)
    assert await world.claims(limit=1, tries=TRIES) == [other]


async def test_a_person_has_a_parked_run_tried_again_and_its_adapter_is_told_of_the_crash(world: World) -> None:
    claimed = await died(world, TRIES)
    await world.claims(tries=TRIES)
    run = await world.store.apply(RetryRun(claimed.run.id, "ann", world.now))
    assert (run.state, run.error, run.tries) == (RunState.READY, "", 0)
    again = await world.claim(tries=TRIES)
    assert (again.interrupted, again.run.tries) == (True, 1)
    ended = await world.pause(again)
    assert (await world.claim(ended)).interrupted is False


@pytest.mark.parametrize("again", [None, AGAIN])
async def test_whoever_goes_on_after_a_turn_that_could_not_ask_is_told_of_the_crash_too(
    world: World, again: Again | None
) -> None:
    await died(world, 1)
    claimed = await world.claim(tries=TRIES)
    run = await fails(world, claimed, again, interrupted=True)
    assert (run.state, run.retry_at is None) == ((RunState.FAILED, True) if again is None else (RunState.READY, False))
    if again is None:
        await world.store.apply(RetryRun(run.id, "ann", world.now))
    else:
        assert await world.claims() == []
        world.later(60)
    told = await world.claim(tries=TRIES)
    assert told.interrupted
    assert (await world.claim(await world.pause(told))).interrupted is False


async def test_a_run_that_is_named_is_taken_whatever_became_of_its_workers(world: World) -> None:
    claimed = await died(world, TRIES)
    assert (await world.claim(claimed.run, tries=TRIES)).run.id == claimed.run.id


async def test_a_pause_ends_the_count(world: World) -> None:
    claimed = await died(world, TRIES - 1)
    claimed = await world.claim(tries=TRIES)
    await world.pause(claimed)
    assert (await world.claim(tries=TRIES)).run.tries == 1


async def test_going_back_ends_the_count(world: World) -> None:
    claimed = await died(world, TRIES)
    await world.claims(tries=TRIES)
    again = await world.store.apply(ReopenRun(claimed.run.id, "me", 30, "ann", "", world.now))
    assert (again.run.tries, again.interrupted) == (1, False)


# ── turns that break ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_turn_that_broke_before_anything_ran_is_tried_again_later_and_later(world: World) -> None:
    claimed, waits = await world.open(), list[float]()
    while (run := await fails(world, claimed)).state is RunState.READY:
        assert run.retry_at is not None
        assert run.error == "it broke"
        waits.append((run.retry_at - world.now).total_seconds())
        assert await world.store.fetch(NextDue()) == run.retry_at
        assert await world.claims() == []
        world.now = run.retry_at
        claimed = await world.claim()
        assert not claimed.interrupted
    assert (run.state, run.tries, waits) == (RunState.FAILED, TRIES, [1.0, 2.0])
    assert (await world.events(claimed.run)).count("run.retried") == TRIES - 1
    assert await world.claims() == []


async def test_no_wait_is_longer_than_the_longest(world: World) -> None:
    run = await fails(world, await world.open(), Again(9, 10_000.0))
    assert run.retry_at == world.now + timedelta(seconds=LONGEST_WAIT)


async def test_a_turn_that_has_begun_an_action_is_not_tried_again_by_itself(world: World) -> None:
    claimed = await world.open()
    begun = await world.begin(claimed.lease, mode=EffectMode.IDEMPOTENT)
    assert begun.fence == claimed.lease.fence
    assert (await fails(world, claimed)).state is RunState.FAILED


async def test_an_action_of_an_earlier_turn_is_in_nobodys_way(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    await world.pause(claimed)
    assert (await fails(world, await world.claim())).state is RunState.READY


async def test_what_waits_for_its_next_try_can_be_taken_at_once_by_name_or_ended(world: World) -> None:
    one, other = await fails(world, await world.open()), await fails(world, await world.open())
    assert (await world.claim(one)).run.id == one.id
    ended = await world.store.apply(CancelRun(other.id, "ann", "enough", world.now))
    assert (ended.state, ended.retry_at) == (RunState.CANCELLED, None)
    world.later(LONGEST_WAIT)
    assert await world.claims() == [one.id]


async def test_an_error_is_gone_when_the_run_comes_forward(world: World) -> None:
    run = await fails(world, await world.open())
    assert (await world.pause(await world.claim(run))).error == ""


# ── giving back ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_run_that_is_given_back_is_taken_over_at_once_and_counts_as_no_try(world: World) -> None:
    claimed = await world.open(lease_seconds=30)
    assert await world.store.apply(ReleaseRun(claimed.lease, world.now)) == ()
    again = await world.claim(tries=1)
    assert (again.interrupted, again.run.tries) == (True, 1)
    assert await world.events(claimed.run) == ["run.started", "run.released", "run.claimed"]
    with pytest.raises(LeaseLost):
        await world.store.apply(ReleaseRun(claimed.lease, world.now))


async def test_a_run_in_the_middle_of_an_action_is_not_given_back(world: World) -> None:
    claimed = await world.open(lease_seconds=30)
    await world.begin(claimed.lease)
    assert await world.store.apply(ReleaseRun(claimed.lease, world.now)) == ("refund#1",)
    assert await world.claims() == []
    world.later(31)
    again = await world.claim()
    assert (again.interrupted, again.run.tries) == (True, 2)


async def test_a_run_between_two_actions_is_given_back(world: World) -> None:
    claimed = await world.open(lease_seconds=30)
    await world.begin(claimed.lease)
    await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed("paid"), world.now))
    assert await world.store.apply(ReleaseRun(claimed.lease, world.now)) == ()
