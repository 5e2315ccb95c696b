"""What a store does with guidance: each piece is queued, and enters at one place or is dropped with its run."""

from __future__ import annotations

from ....commands import CancelRun, Claimed, GiveGuidance, Lease, ListGuidance, TakeGuidance
from ....errors import LeaseLost, RunFinished
from ....protocol import Guidance, GuidanceState, Responder, new_id
from ..expect import expect, refuses
from .suite import store_behaviour
from .world import LEASE, StoreWorld


async def _gives(world: StoreWorld, claimed: Claimed, text: str) -> Guidance:
    by = Responder(id="bob")
    given = Guidance(id=new_id(world.now), run_id=claimed.run.id, text=text, by=by, given_at=world.now)
    return await world.apply(GiveGuidance(given, world.now))


async def _takes(world: StoreWorld, lease: Lease, place: str, *, seals: bool = False) -> list[str]:
    return [each.text for each in await world.apply(TakeGuidance(lease, place, world.now, seals))]


async def _stands(world: StoreWorld, claimed: Claimed) -> list[tuple[str, str]]:
    found = await (await world.store()).fetch(ListGuidance(claimed.run.id))
    return [(each.state.value, each.place) for each in found]


@store_behaviour("P63")
async def guidance_enters_at_one_place(world: StoreWorld) -> None:
    """What is queued enters at the place where it is taken, whoever comes there again finds it, nobody else does."""
    claimed = await world.opens()
    await _gives(world, claimed, "one")
    await _gives(world, claimed, "two")
    expect("what is queued", await _stands(world, claimed), [("queued", ""), ("queued", "")])
    expect("what enters", await _takes(world, claimed.lease, "m1"), ["one", "two"])
    await world.reopen()
    expect("what is found there again", await _takes(world, claimed.lease, "m1"), ["one", "two"])
    expect("what is found elsewhere", await _takes(world, claimed.lease, "m2"), [])
    expect("where it stands", await _stands(world, claimed), [("consumed", "m1"), ("consumed", "m1")])
    expect("the trail", (await world.events())[-2:], ["guidance.consumed", "guidance.consumed"])


@store_behaviour("P63")
async def a_sealed_place_takes_nothing_later(world: StoreWorld) -> None:
    """Where a place was sealed, empty or not, nothing enters afterwards."""
    claimed = await world.opens()
    expect("what enters first", await _takes(world, claimed.lease, "m1", seals=True), [])
    await _gives(world, claimed, "one")
    await world.reopen()
    expect("what enters there later", await _takes(world, claimed.lease, "m1", seals=True), [])
    expect("what enters elsewhere", await _takes(world, claimed.lease, "m2", seals=True), ["one"])


@store_behaviour("P63")
async def guidance_needs_a_run_that_goes_on(world: StoreWorld) -> None:
    """A lost lease takes nothing; a run that ends drops what is queued, and takes no more."""
    claimed = await world.opens()
    await _gives(world, claimed, "one")
    world.later(LEASE + 1)
    await world.claims(claimed.run)
    with refuses("taking under a lost lease", LeaseLost):
        await _takes(world, claimed.lease, "m1")
    await world.apply(CancelRun(claimed.run.id, "bob", "", world.now))
    expect("where it stands", await _stands(world, claimed), [(GuidanceState.DROPPED.value, "")])
    with refuses("guidance for a run that is over", RunFinished):
        await _gives(world, claimed, "two")
