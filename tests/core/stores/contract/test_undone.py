"""Undo, once: which effect was begun as the undo of which is written where it begins."""

from __future__ import annotations

import pytest

from hitl_core.commands import Claimed, EndEffect, ListUndone, Undone
from hitl_core.errors import EffectRefused
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Action, Executed, Failed
from tests.core.stores.world import World

UNDO = Action(tool="undo:refund", arguments={"receipt": "paid"})
CALL = "undo:refund#1"


async def refunded(world: World) -> Claimed:
    """A run that has carried out one refund."""
    claimed = await world.open()
    await world.begin(claimed.lease)
    ended = await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed("paid"), world.later(1)))
    assert ended.ended_at == world.now
    return claimed


async def test_of_two_undos_of_one_action_one_begins(world: World) -> None:
    run = (await refunded(world)).run
    first, second = [await world.open(undoes=run.id) for _ in range(2)]
    await world.begin(first.lease, CALL, UNDO)
    with pytest.raises(EffectRefused, match="another undo of run"):
        await world.begin(second.lease, CALL, UNDO)
    found = await world.store.fetch(ListUndone(run.id))
    assert found == {"refund#1": Undone(first.run.id, ActionState.EXECUTING)}
    assert (await world.events(second.run))[-1] == "action.refused"


async def test_one_that_failed_is_not_begun_by_another_one(world: World) -> None:
    run = (await refunded(world)).run
    first, second = [await world.open(undoes=run.id) for _ in range(2)]
    await world.begin(first.lease, CALL, UNDO)
    await world.store.apply(EndEffect(first.lease, CALL, Failed("no line"), world.now))
    with pytest.raises(EffectRefused, match="another undo of run"):
        await world.begin(second.lease, CALL, UNDO)
    assert (await world.store.fetch(ListUndone(run.id)))["refund#1"].error == "no line"


@pytest.mark.parametrize("call", ["undo:refund#2", "refund#1"])
async def test_what_was_not_carried_out_is_not_taken_back(world: World, call: str) -> None:
    run = (await refunded(world)).run
    undo = await world.open(undoes=run.id)
    with pytest.raises(EffectRefused, match="has carried out nothing"):
        await world.begin(undo.lease, call, UNDO)
    assert await world.store.fetch(ListUndone(run.id)) == {}


async def test_nothing_was_undone_in_a_run_that_there_is_not(world: World) -> None:
    assert await world.store.fetch(ListUndone("run-7")) == {}


async def test_undos_alone_are_claimed_by_who_has_nothing_else(world: World) -> None:
    run = (await refunded(world)).run
    undo = await world.open(undoes=run.id)
    world.later(31)
    assert await world.claims(only_undos=True) == [undo.run.id]
    assert (await world.claims(), undo.run.undoes) == ([run.id], run.id)
