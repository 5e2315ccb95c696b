"""GiveGuidance, TakeGuidance, ListGuidance: each piece enters at one place, once, or is dropped with its run."""

from __future__ import annotations

import pytest

from hitl_core.commands import CancelRun, Claimed, FinishRun, GiveGuidance, Lease, ListGuidance, Recall, TakeGuidance
from hitl_core.errors import LeaseLost, RunFinished, RunNotFound
from hitl_core.protocol import Guidance, GuidanceState, Responder, Run, RunState, new_id
from tests.core.stores.world import World

BOB = Responder(id="bob", channel="terminal")


async def give(world: World, run: Run | Claimed, text: str = "be brief") -> Guidance:
    run_id = run.run.id if isinstance(run, Claimed) else run.id
    given = Guidance(id=new_id(world.now), run_id=run_id, text=text, by=BOB, given_at=world.now)
    return await world.store.apply(GiveGuidance(given, world.now))


async def take(world: World, lease: Lease, place: str, *, seals: bool = False) -> list[str]:
    return [each.text for each in await world.store.apply(TakeGuidance(lease, place, world.now, seals))]


async def known(world: World, run_id: str) -> list[tuple[str, GuidanceState, str]]:
    return [(each.text, each.state, each.place) for each in await world.store.fetch(ListGuidance(run_id))]


async def test_it_is_queued_as_given_and_recorded(world: World) -> None:
    run, _ = await world.paused()
    given = await give(world, run)
    assert await world.store.fetch(ListGuidance(run.id)) == (given,)
    entry = (await world.trail(run))[-1]
    assert (entry.event, entry.subject, entry.actor) == ("guidance.queued", given.id, "bob")
    assert "be brief" not in entry.body
    assert '"authenticated_by":"assertion"' in entry.body


async def test_it_enters_at_one_place_and_is_found_there_again(world: World) -> None:
    claimed = await world.open()
    await give(world, claimed, "one")
    await give(world, claimed, "two")
    world.later(5)
    assert await take(world, claimed.lease, "m1") == ["one", "two"]
    taken = await world.store.fetch(ListGuidance(claimed.run.id))
    assert {each.settled_at for each in taken} == {world.now}
    world.later(5)
    assert await take(world, claimed.lease, "m1") == ["one", "two"]
    assert await take(world, claimed.lease, "m2") == []
    assert await world.store.fetch(ListGuidance(claimed.run.id)) == taken
    assert (await world.events(claimed.run)).count("guidance.consumed") == 2


async def test_what_comes_before_the_call_is_made_enters_beside_it(world: World) -> None:
    claimed = await world.open()
    await give(world, claimed, "one")
    await take(world, claimed.lease, "m1")
    await give(world, claimed, "two")
    assert await take(world, claimed.lease, "m1") == ["one", "two"]


async def test_nothing_enters_at_a_sealed_place_afterwards(world: World) -> None:
    claimed = await world.open()
    assert await take(world, claimed.lease, "m1", seals=True) == []
    await give(world, claimed, "one")
    assert await take(world, claimed.lease, "m1", seals=True) == []
    assert await take(world, claimed.lease, "m2", seals=True) == ["one"]
    await give(world, claimed, "two")
    assert await take(world, claimed.lease, "m2", seals=True) == ["one"]
    assert await world.store.fetch(Recall(claimed.run.id)) == {"m1": None, "m2": None}


async def test_each_run_has_its_own(world: World) -> None:
    claimed, other = await world.open(), await world.open()
    await give(world, other)
    assert await take(world, claimed.lease, "m1") == []
    assert await known(world, other.run.id) == [("be brief", GuidanceState.QUEUED, "")]
    assert await known(world, "nowhere") == []


async def test_a_lost_lease_takes_nothing(world: World) -> None:
    claimed = await world.open()
    await give(world, claimed)
    world.later(31)
    await world.claim(claimed.run)
    with pytest.raises(LeaseLost):
        await take(world, claimed.lease, "m1")
    assert await known(world, claimed.run.id) == [("be brief", GuidanceState.QUEUED, "")]


@pytest.mark.parametrize("how", ["cancelled", "completed"])
async def test_a_run_that_ends_drops_what_is_queued(world: World, how: str) -> None:
    claimed = await world.open()
    await give(world, claimed, "one")
    await take(world, claimed.lease, "m1")
    await give(world, claimed, "two")
    if how == "cancelled":
        await world.store.apply(CancelRun(claimed.run.id, "bob", "", world.now))
    else:
        await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now))
    wanted = [("one", GuidanceState.CONSUMED, "m1"), ("two", GuidanceState.DROPPED, "")]
    assert await known(world, claimed.run.id) == wanted
    assert (await world.events(claimed.run)).count("guidance.dropped") == 1
    with pytest.raises(RunFinished, match=how):
        await give(world, claimed)


async def test_a_run_that_failed_keeps_it(world: World) -> None:
    claimed = await world.open()
    await give(world, claimed)
    await world.store.apply(FinishRun(claimed.lease, RunState.FAILED, world.now, error="no model"))
    await give(world, claimed, "again")
    assert [state for _, state, _ in await known(world, claimed.run.id)] == [GuidanceState.QUEUED] * 2


async def test_a_run_that_is_not_there_takes_none(world: World) -> None:
    with pytest.raises(RunNotFound):
        await give(world, world.run(id="nowhere"))
