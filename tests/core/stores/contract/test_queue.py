"""The queue: the same requests in three orders, narrowed, page by page, and counted up to a bound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import CountQueue, DeferRequest, ListQueue, Order
from hitl_core.errors import RecordError
from hitl_core.protocol import Action, Approvers, Kind, Level, Origin, Responder
from hitl_core.testing.clock import START
from tests.core.stores.world import World

LEVELS = (Level.CONFIRM, Level.HUMAN_LEADS, Level.COLLABORATE, Level.CONFIRM)


async def four(world: World) -> list[str]:
    """Four open requests of one run; the second has no deadline, the fourth the soonest."""
    claimed = await world.open()
    due = (9, None, 5, 1)
    requests = [
        world.request(
            claimed.run,
            call=f"refund#{number}",
            level=level,
            deadline=None if hours is None else START + timedelta(hours=hours),
            action=Action(tool=f"tool-{number % 2}", origin=Origin(agent=f"clerk-{number}", path=("desk",))),
        )
        for number, (level, hours) in enumerate(zip(LEVELS, due, strict=True))
    ]
    await world.pause(claimed, *requests)
    return [each.id for each in requests]


async def listed(world: World, **how: Any) -> list[str]:
    """All of it, one by one, so that every cursor is used."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await world.store.fetch(ListQueue(limit=1, cursor=cursor, **how))
        found += [each.request.id for each in page.items]
        if page.cursor is None:
            return found
        cursor = page.cursor


async def test_each_order_has_every_request_once(world: World) -> None:
    a, b, c, d = await four(world)
    assert await listed(world) == [a, b, c, d]
    assert await listed(world, order=Order.DEADLINE) == [d, c, a, b]
    assert await listed(world, order=Order.RISK) == [b, c, a, d]


@pytest.mark.parametrize("order", Order)
async def test_it_is_narrowed_in_each_order(world: World, order: Order) -> None:
    a, b, c, d = await four(world)
    assert set(await listed(world, order=order, levels=(Level.CONFIRM,))) == {a, d}
    assert set(await listed(world, order=order, tools=("tool-1",))) == {b, d}
    assert await listed(world, order=order, agents=("clerk-2", "nobody")) == [c]
    assert set(await listed(world, order=order, agents=("desk",))) == {a, b, c, d}
    assert await listed(world, order=order, tools=("unknown",)) == []
    assert await listed(world, order=order, tenant="elsewhere") == []


async def test_what_is_put_off_stands_apart(world: World) -> None:
    a, b, c, d = await four(world)
    await world.store.apply(DeferRequest(b, START + timedelta(hours=3), Responder(id="ann"), START))
    assert await listed(world, order=Order.RISK) == [c, a, d]
    assert await listed(world, put_off=True) == [b]
    counted = await world.store.fetch(CountQueue())
    assert counted.levels == {Level.CONFIRM: 2, Level.COLLABORATE: 1}
    assert (counted.put_off, counted.all) == (1, True)


async def test_no_more_are_counted_than_was_asked_for(world: World) -> None:
    await four(world)
    counted = await world.store.fetch(CountQueue(most=3))
    assert sum(counted.levels.values()) == 3
    assert not counted.all


async def test_only_what_somebody_may_decide_is_listed_and_counted(world: World) -> None:
    claimed = await world.open()
    mine = world.request(claimed.run, call="refund#1", approvers=Approvers(users=("ann",)))
    theirs = world.request(claimed.run, call="refund#2", approvers=Approvers(roles=("lead",)))
    await world.pause(claimed, mine, theirs)
    assert await listed(world, users=("ann",)) == [mine.id]
    assert await listed(world, users=("bob",), roles=("lead",)) == [theirs.id]
    assert sum((await world.store.fetch(CountQueue(users=("bob",)))).levels.values()) == 0


@pytest.mark.parametrize("cursor", ["", "a", "a.1", "x.0.1", "d.0.1", "a.x.1", "a.0.-1", "a.0.²"])
async def test_a_cursor_of_no_such_page_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(RecordError):
        await world.store.fetch(ListQueue(cursor=cursor))


async def test_what_people_are_only_told_comes_by_itself_newest_first(world: World) -> None:
    claimed = await world.open()
    asked = world.request(claimed.run, call="refund#1")
    told = [world.request(claimed.run, call=f"mail#{each}", kind=Kind.NOTICE, allowed=()) for each in range(3)]
    await world.pause(claimed, *told, asked)
    assert await listed(world, notices=True) == [each.id for each in reversed(told)]
    assert await listed(world) == [asked.id]
