"""PerformEffect: the effect and its record commit together or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.commands import BeginEffect, Effect, PerformEffect
from hitl_core.errors import AlreadyStarted
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import EffectMode, Json
from tests.core.stores.world import REFUND, World

TABLE = "CREATE TABLE IF NOT EXISTS paid (amount NUMERIC)"


async def perform(world: World, effect: Any, call: str = "refund#1", **more: Any) -> Effect:
    lease = more.pop("lease", None) or (await world.open()).lease
    begin = BeginEffect(lease, call, REFUND, EffectMode.TRANSACTIONAL, world.now, **more)
    return await world.store.apply(PerformEffect(begin, effect))


def pay(transaction: Any) -> Json:
    transaction.execute(TABLE)
    transaction.execute("INSERT INTO paid (amount) VALUES (120.5)")
    return {"paid": 120.5}


async def paid(world: World) -> list[tuple[float]]:
    """What is in the user's own table, read in another effect."""
    rows: list[tuple[float]] = []

    def look(transaction: Any) -> Json:
        transaction.execute(TABLE)
        rows.extend(transaction.execute("SELECT amount FROM paid").fetchall())
        return None

    await perform(world, look)
    return rows


async def test_effect_and_record_commit_together(world: World) -> None:
    lease, request = await world.approved()
    effect = await perform(world, pay, lease=lease, request_id=request.id)
    assert (effect.state, effect.result, effect.attempts) == (ActionState.EXECUTED, {"paid": 120.5}, 1)
    assert await world.state(request) is RequestState.CLOSED
    assert await paid(world) == [(120.5,)]


async def test_nothing_is_kept_of_an_effect_that_raises_but_that_it_failed(world: World) -> None:
    def pay_and_fail(transaction: Any) -> Json:
        pay(transaction)
        raise ValueError("the account is closed")

    effect = await perform(world, pay_and_fail)
    assert (effect.state, effect.error) == (ActionState.FAILED, "ValueError: the account is closed")
    assert await paid(world) == []


async def test_a_result_that_cannot_be_kept_undoes_the_effect(world: World) -> None:
    def pay_and_boast(transaction: Any) -> Json:
        pay(transaction)
        return "x" * 1024 * 1024

    effect = await perform(world, pay_and_boast)
    assert effect.state is ActionState.FAILED
    assert "TooLarge" in effect.error
    assert await paid(world) == []


async def test_what_may_not_begin_is_not_called(world: World) -> None:
    claimed = await world.open()
    await perform(world, pay, lease=claimed.lease)
    calls: list[Any] = []
    with pytest.raises(AlreadyStarted):
        await perform(world, calls.append, lease=claimed.lease)
    assert calls == []
    assert await paid(world) == [(120.5,)]
