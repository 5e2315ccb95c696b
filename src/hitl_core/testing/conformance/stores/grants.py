"""What a store does with standing grants: a use is counted where the action begins, or it does not begin."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from ....commands import GiveGrant, ListEffects, ListGrants, RevokeGrant
from ....errors import GrantRefused
from ....protocol import Allowance, Grant, Responder, new_id
from ..expect import expect, refuses
from .suite import store_behaviour
from .world import StoreWorld


async def _gives(world: StoreWorld, **allows: Any) -> Grant:
    given = Grant(
        id=new_id(world.now),
        allows=Allowance.model_validate({"tool": "pay", **allows}),
        tenant="default",
        by=Responder(id="ann"),
        given_at=world.now,
        expires_at=world.now + timedelta(hours=1),
    )
    return await world.apply(GiveGrant(given, world.now))


async def _stands(world: StoreWorld) -> list[tuple[int, float]]:
    return [(each.used, each.spent) for each in await (await world.store()).fetch(ListGrants())]


@store_behaviour("P83")
async def of_many_one_takes_the_last_use(world: StoreWorld) -> None:
    """Of many that begin under one grant as many do as it allows, and whoever opens the store finds the count."""
    grant = await _gives(world, times=3, sum_of="amount", most=100)
    leases = [(await world.opens()).lease for _ in range(8)]
    tries = (world.begins(lease, grant_id=grant.id) for lease in leases)
    begun = await asyncio.gather(*tries, return_exceptions=True)
    expect("refused", sum(isinstance(each, GrantRefused) for each in begun), 6)
    await world.reopen()
    expect("what is used", await _stands(world), [(2, 81.0)])


@store_behaviour("P83")
async def what_ended_lets_nothing_begin(world: StoreWorld) -> None:
    """Under a grant that is revoked, over, or for something else nothing begins, and nothing is counted."""
    revoked, over, other = await _gives(world), await _gives(world), await _gives(world, tool="note")
    await world.apply(RevokeGrant(revoked.id, "bob", "enough", world.now))
    lease = (await world.opens()).lease
    for grant in (revoked, other):
        with refuses("a start", GrantRefused):
            await world.begins(lease, grant_id=grant.id)
    world.later(3600)
    lease = (await world.opens()).lease
    with refuses("a start after its time", GrantRefused):
        await world.begins(lease, grant_id=over.id)
    expect("the effects", await (await world.store()).fetch(ListEffects(lease.run_id)), ())
    expect("what is used", await _stands(world), [(0, 0.0)] * 3)


@store_behaviour("P83")
async def the_grant_is_on_the_effect_and_in_the_trail(world: StoreWorld) -> None:
    """Under which grant an action has begun is known of it, and recorded with its start."""
    grant = await _gives(world)
    lease = (await world.opens()).lease
    begun = await world.begins(lease, grant_id=grant.id)
    expect("its grant", begun.grant_id, grant.id)
    expect("the trail", (await world.events())[-2:], ["grant.used", "effect.started"])
