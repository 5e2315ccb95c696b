"""FireTimers: a deadline fires once, late rather than never, and what it declared happens."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import chain

from hitl_core.commands import FireTimers, GetRun, LiftStop, StopScope
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Kind, OnTimeout, RunState
from tests.core.stores.world import World

MINUTE = timedelta(minutes=1)


async def test_nothing_fires_before_its_time(world: World) -> None:
    run, (request,) = await world.paused(deadline=world.now + MINUTE)
    world.later(59)
    assert await world.fire() == []
    world.later(1)
    assert await world.fire() == [request.id]
    assert await world.fire() == []
    assert await world.run_state(run) is RunState.READY


async def test_what_a_deadline_declared_is_left_to_the_reader(world: World) -> None:
    _, (request,) = await world.paused(deadline=world.now + MINUTE, on_timeout=OnTimeout.PROCEED)
    world.later(61)
    (fired,) = await world.store.apply(FireTimers(world.now))
    assert (fired.request, fired.state, fired.response) == (request, RequestState.EXPIRED, None)


async def test_a_deadline_may_cancel_the_run(world: World) -> None:
    run, (request, other) = await world.paused(count=2, on_timeout=OnTimeout.CANCEL_RUN)
    timed = world.request(run, "refund#3", deadline=world.now + MINUTE, on_timeout=OnTimeout.CANCEL_RUN)
    for each in (request, other):
        await world.answer(each.approve(by="ann"))
    await world.pause(await world.claim(run), timed)
    world.later(61)
    assert await world.fire() == [timed.id]
    cancelled = await world.store.fetch(GetRun(run.id))
    assert cancelled.state is RunState.CANCELLED
    assert timed.id in cancelled.error
    assert [await world.state(each) for each in (timed, other)] == [RequestState.EXPIRED, RequestState.CANCELLED]


async def test_two_deadlines_of_one_run_cancel_it_once(world: World) -> None:
    run, _ = await world.paused(count=2, deadline=world.now + MINUTE, on_timeout=OnTimeout.CANCEL_RUN)
    world.later(61)
    assert len(await world.fire()) == 2
    ended = [event for event in await world.events(run) if event not in ("run.started", "request.opened", "run.paused")]
    assert ended == ["request.expired", "request.expired", "run.cancelled"]


async def test_the_deadline_of_a_notice_cancels_nothing(world: World) -> None:
    claimed = await world.open()
    lapse = OnTimeout.CANCEL_RUN
    notice = world.request(claimed, kind=Kind.NOTICE, allowed=(), deadline=world.now + MINUTE, on_timeout=lapse)
    waiting = world.request(claimed, "refund#2")
    await world.pause(claimed, notice, waiting)
    world.later(61)
    assert await world.fire() == [notice.id]
    assert await world.run_state(claimed.run) is RunState.PAUSED


async def test_an_answered_request_does_not_expire(world: World) -> None:
    _, (request,) = await world.paused(deadline=world.now + MINUTE)
    await world.answer(request.approve(by="ann"))
    world.later(61)
    assert await world.fire() == []


async def test_deadlines_that_were_met_are_swept_away_and_hold_nobody_up(world: World) -> None:
    _, requests = await world.paused(count=20, deadline=world.now + MINUTE)
    for request in requests[:-1]:
        await world.answer(request.approve(by="ann"))
    world.later(61)
    assert await world.fire(limit=5) == [requests[-1].id]
    for _ in range(4):
        assert await world.fire(limit=5) == []
    assert {await world.state(each) for each in requests[:-1]} == {RequestState.DECIDED}


async def test_a_frozen_deadline_fires_after_the_stop(world: World) -> None:
    _, (request,) = await world.paused(deadline=world.now + MINUTE)
    await world.stop(StopScope.ALL)
    world.later(61)
    assert await world.fire() == []
    await world.store.apply(LiftStop(StopScope.ALL, "", "r", "boss", world.now))
    assert await world.fire() == [request.id]


async def test_a_thousand_at_once_fire_once_each_whoever_looks(world: World) -> None:
    claimed = await world.open()
    requests = [world.request(claimed, f"refund#{n}", deadline=world.now + MINUTE) for n in range(1000)]
    await world.pause(claimed, *requests)
    world.later(61)
    fired = list(chain(*await asyncio.gather(*(world.fire(limit=150) for _ in range(8)))))
    assert sorted(fired) == sorted(each.id for each in requests)
    assert await world.run_state(claimed.run) is RunState.READY


async def test_a_worker_that_was_away_fires_what_is_overdue_and_says_when_it_was_due(world: World) -> None:
    due = world.now + MINUTE
    run, (request,) = await world.paused(deadline=due)
    world.later(86_400)
    assert await world.fire() == [request.id]
    entry = next(each for each in await world.trail(run) if each.event == "request.expired")
    assert entry.at == world.now
    assert f'"due":{round(due.timestamp() * 1_000_000)}' in entry.body
