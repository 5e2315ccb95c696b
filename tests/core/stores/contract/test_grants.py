"""Standing grants in the store: a use is counted where the effect begins, and two at once cannot both take the last."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import GiveGrant, ListEffects, ListGrants, MoveEffect, RevokeGrant
from hitl_core.errors import GrantNotFound, GrantRefused
from hitl_core.lifecycle import ActionEvent
from hitl_core.protocol import Allowance, AuditEvent, Grant, Responder, new_id
from tests.core.stores.world import REFUND, World


async def give(world: World, *, lasts: float = 3600, **allows: Any) -> Grant:
    grant = Grant(
        id=new_id(world.now),
        allows=Allowance.model_validate({"tool": "refund", **allows}),
        tenant="default",
        by=Responder(id="ann"),
        given_at=world.now,
        expires_at=world.now + timedelta(seconds=lasts),
    )
    return await world.store.apply(GiveGrant(grant, world.now))


async def known(world: World, **narrow: Any) -> list[Grant]:
    return list(await world.store.fetch(ListGrants(**narrow)))


async def used(world: World) -> list[tuple[int, float]]:
    return [(each.used, each.spent) for each in await known(world)]


async def test_a_grant_comes_back_as_it_was_given(world: World) -> None:
    grant = await give(world, times=3, when={"argument": "amount", "at_most": 200})
    other = await give(world, tool="note")
    assert await known(world) == [other, grant]
    assert await known(world, tool="refund", tenant="default") == [grant]
    assert await known(world, tenant="other") == []
    assert await known(world, limit=1) == [other]


async def test_of_many_at_once_one_takes_the_last_use(world: World) -> None:
    grant = await give(world, times=2, sum_of="amount", most=10_000)
    leases = [(await world.open()).lease for _ in range(8)]
    tries = (world.begin(lease, grant_id=grant.id) for lease in leases)
    begun = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, GrantRefused) for each in begun) == 6
    assert await used(world) == [(2, 241)]
    effects = [await world.store.fetch(ListEffects(lease.run_id)) for lease in leases]
    assert [each.grant_id for found in effects for each in found] == [grant.id] * 2


async def test_a_sum_is_counted_in_millionths_rounded_up(world: World) -> None:
    grant = await give(world, sum_of="amount", most=1)
    await world.begin((await world.open()).lease, grant_id=grant.id, action=REFUND.edited({"amount": 0.0000001}))
    assert await used(world) == [(1, 0.000001)]


async def test_nothing_begins_under_a_grant_that_does_not_reach(world: World) -> None:
    spent = await give(world, when={"argument": "amount", "at_most": 5})
    over = await give(world, lasts=60)
    revoked = await give(world)
    await world.store.apply(RevokeGrant(revoked.id, "bob", "enough", world.now))
    elsewhere = await give(world, run_id=(await world.open()).run.id)
    world.later(60)
    for grant_id, why in (
        (spent.id, "does not hold"),
        (over.id, "it ended"),
        (revoked.id, "bob has revoked it"),
        (elsewhere.id, "another run"),
        ("nothing", "no such grant"),
    ):
        lease = (await world.open()).lease
        with pytest.raises(GrantRefused, match=why):
            await world.begin(lease, grant_id=grant_id)
        assert await world.store.fetch(ListEffects(lease.run_id)) == ()
    refused = [entry for entry in await world.trail() if entry.event == AuditEvent.ACTION_REFUSED]
    assert len(refused) == 5
    assert {each.used for each in await known(world)} == {0}


async def test_a_call_that_begins_again_counts_once_and_is_not_held_back_by_itself(world: World) -> None:
    grant = await give(world, times=1, sum_of="amount", most=120.5)
    lease = (await world.open()).lease
    for attempt in (1, 2):
        begun = await world.begin(lease, grant_id=grant.id)
        assert (begun.attempts, begun.grant_id) == (attempt, grant.id)
        await world.store.apply(MoveEffect(lease, begun.call, ActionEvent.SUSPEND, "w", world.now))
    assert await used(world) == [(1, 120.5)]
    (seen,) = await known(world, run_id=lease.run_id, call=begun.call)
    assert (seen.used, seen.spent) == (0, 0)
    asked = await world.begin(lease)
    assert asked.grant_id is None
    assert await used(world) == [(1, 120.5)]


async def test_revoking_is_recorded_once(world: World) -> None:
    grant = await give(world)
    first = await world.store.apply(RevokeGrant(grant.id, "bob", "enough", world.now))
    world.later(5)
    assert await world.store.apply(RevokeGrant(grant.id, "cid", "", world.now)) == first
    assert (first.revoked_by, first.revoked_at) == ("bob", grant.given_at)
    with pytest.raises(GrantNotFound):
        await world.store.apply(RevokeGrant("nothing", "bob", "", world.now))
    events = [entry.event for entry in await world.trail()]
    assert events == [AuditEvent.GRANT_GIVEN, AuditEvent.GRANT_REVOKED]
