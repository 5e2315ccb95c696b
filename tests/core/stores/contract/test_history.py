"""History: what a rule counts is counted when an action begins, once, and nobody slips in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from hitl_core.commands import BeginEffect, Counted, Lease, ListEffects, MoveEffect, PerformEffect, ReadHistory
from hitl_core.errors import HistoryMoved
from hitl_core.lifecycle import ActionEvent
from hitl_core.policy import Past, Question, Tally
from hitl_core.protocol import EffectMode, sha256
from tests.core.stores.world import REFUND, World

HOUR = Question(sha256(b"refunds"), sha256(b"ann"), timedelta(hours=1))
EVER = Question(HOUR.series, HOUR.key)
OTHER = Question(HOUR.series, sha256(b"bob"), timedelta(hours=1))
NOTHING = Past()


def counted(amount: str = "0", past: Past = NOTHING, question: Question = HOUR) -> tuple[Counted, ...]:
    return (Counted(Tally(question, Decimal(amount)), past),)


async def read(world: World, *questions: Question, call: str = "", run: str = "") -> list[Past]:
    return list(await world.store.fetch(ReadHistory(questions, run, call, world.now)))


async def begun(world: World, amount: str = "0", past: Past = NOTHING) -> Lease:
    lease = (await world.open()).lease
    await world.begin(lease, counted=counted(amount, past))
    return lease


async def test_nothing_has_begun_at_first(world: World) -> None:
    assert await read(world, HOUR, EVER) == [NOTHING, NOTHING]
    assert await read(world) == []


async def test_what_begins_is_counted_and_summed_exactly(world: World) -> None:
    await begun(world, "0.1")
    await begun(world, "0.2", Past(1, Decimal("0.1")))
    assert await read(world, HOUR, OTHER, EVER) == [Past(2, Decimal("0.3")), NOTHING, Past(2, Decimal("0.3"))]


async def test_amounts_are_rounded_up_so_that_none_slips_under_a_limit(world: World) -> None:
    await begun(world, "0.0000001")
    assert await read(world, HOUR) == [Past(1, Decimal("0.000001"))]


async def test_an_action_that_counts_nowhere_leaves_no_row(world: World) -> None:
    await world.begin((await world.open()).lease)
    assert await read(world, HOUR) == [NOTHING]


async def test_a_window_slides(world: World) -> None:
    await begun(world, "5")
    world.later(3599)
    await begun(world, "7", Past(1, Decimal(5)))
    assert await read(world, HOUR) == [Past(2, Decimal(12))]
    world.later(1)
    assert await read(world, HOUR, EVER) == [Past(1, Decimal(7)), Past(2, Decimal(12))]


async def test_more_than_the_decision_knew_means_that_nothing_begins(world: World) -> None:
    await begun(world, "5")
    lease = (await world.open()).lease
    for known in (NOTHING, Past(1, Decimal(4)), Past(0, Decimal(5))):
        with pytest.raises(HistoryMoved):
            await world.begin(lease, counted=counted("1", known))
    assert await world.store.fetch(ListEffects(lease.run_id)) == ()
    assert await read(world, HOUR) == [Past(1, Decimal(5))]


async def test_less_than_the_decision_knew_is_in_order(world: World) -> None:
    await begun(world, "5", Past(3, Decimal(100)))
    assert await read(world, HOUR) == [Past(1, Decimal(5))]


async def test_of_many_at_once_who_knew_the_same_past_one_begins(world: World) -> None:
    leases = [(await world.open()).lease for _ in range(8)]
    tries = (world.begin(lease, counted=counted("10")) for lease in leases)
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Effect"] + ["HistoryMoved"] * 7
    assert await read(world, HOUR) == [Past(1, Decimal(10))]


async def test_a_call_that_begins_again_counts_once_and_is_no_past_of_itself(world: World) -> None:
    lease = await begun(world, "5")
    await world.store.apply(MoveEffect(lease, "refund#1", ActionEvent.SUSPEND, "w", world.now))
    assert await read(world, HOUR, run=lease.run_id, call="refund#1") == [NOTHING]
    world.later(60)
    await world.begin(lease, counted=counted("6"))
    assert await read(world, HOUR) == [Past(1, Decimal(6))]


async def test_a_transactional_effect_counts_too(world: World) -> None:
    lease = (await world.open()).lease
    begin = BeginEffect(lease, "refund#1", REFUND, EffectMode.TRANSACTIONAL, world.now, counted=counted("5"))
    await world.store.apply(PerformEffect(begin, lambda transaction: "paid"))
    assert await read(world, HOUR) == [Past(1, Decimal(5))]


async def test_windows_of_one_series_share_its_rows(world: World) -> None:
    lease = (await world.open()).lease
    await world.begin(lease, counted=counted("5") + counted("5", question=EVER))
    assert await read(world, HOUR, EVER) == [Past(1, Decimal(5)), Past(1, Decimal(5))]
