"""Reminders and escalation: rows with a time, fired once each, that change who is asked and nothing else."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

from hitl_core.commands import FireTimers, GetRun, LiftStop, ListRequests, StopScope
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Approvers, AuditEvent, Escalation, PauseRequest
from tests.core.stores.world import World

LEADS = (Escalation(after_seconds=60, roles=("lead",)), Escalation(after_seconds=120, users=("boss",), instead=True))


async def asked(world: World, **fields: Any) -> PauseRequest:
    given: dict[str, Any] = {"approvers": Approvers(users=("ann",)), "escalation": LEADS, **fields}
    _, (request,) = await world.paused(**given)
    return request


async def lines(world: World, event: AuditEvent) -> list[Any]:
    return [json.loads(entry.body) for entry in await world.trail() if entry.event == event]


async def seen(world: World, role: str) -> int:
    return len((await world.store.fetch(ListRequests(roles=(role,)))).items)


async def test_a_reminder_is_fired_once_and_leaves_the_request_open(world: World) -> None:
    request = await asked(world, remind_seconds=(60.0, 90.0), escalation=())
    world.later(59)
    assert await world.fire() == []
    world.later(1)
    assert (await world.fire(), await world.fire()) == ([request.id], [])
    world.later(30)
    assert await world.fire() == [request.id]
    assert await world.state(request) is RequestState.OPEN
    told = await lines(world, AuditEvent.REQUEST_REMINDED)
    assert told == [{"digest": request.digest, "step": step} for step in (0, 1)]


async def test_an_escalation_stands_in_the_inbox_of_those_who_are_asked(world: World) -> None:
    request = await asked(world)
    before = await world.settled(request)
    assert await seen(world, "lead") == 0
    world.later(60)
    assert await world.fire() == [request.id]
    assert await seen(world, "lead") == 1
    world.later(60)
    await world.fire()
    assert await seen(world, "lead") == 0
    told = await lines(world, AuditEvent.REQUEST_ESCALATED)
    assert [(line["users"], line["roles"]) for line in told] == [(["ann"], ["lead"]), (["boss"], [])]
    assert (await world.events(await world.store.fetch(GetRun(request.run_id))))[-2:] == ["request.escalated"] * 2
    assert await world.settled(request) == before


async def test_what_came_due_together_is_one_request_to_show(world: World) -> None:
    request = await asked(world, remind_seconds=(30.0,))
    world.later(3600)
    assert await world.fire() == [request.id]
    assert len(await lines(world, AuditEvent.REQUEST_ESCALATED)) == 2


async def test_nobody_is_asked_about_what_is_decided_or_over(world: World) -> None:
    decided = await asked(world)
    expired = await asked(world, deadline=world.now + timedelta(seconds=30))
    await world.answer(decided.approve(by="ann"))
    world.later(3600)
    assert await world.fire() == [expired.id]
    assert await world.state(expired) is RequestState.EXPIRED
    assert await lines(world, AuditEvent.REQUEST_ESCALATED) == []
    assert await world.fire() == []


async def test_under_a_stop_nobody_is_asked_until_it_is_lifted(world: World) -> None:
    request = await asked(world)
    await world.stop(StopScope.ALL)
    world.later(60)
    assert await world.fire() == []
    await world.store.apply(LiftStop(StopScope.ALL, "", "fine", "boss", world.now))
    assert await world.fire() == [request.id]


async def test_eight_who_look_at_once_fire_it_once(world: World) -> None:
    await asked(world)
    world.later(60)
    fired = await asyncio.gather(*(world.store.apply(FireTimers(world.now)) for _ in range(8)))
    assert sorted(map(len, fired)) == [0] * 7 + [1]


async def test_votes_given_before_an_escalation_count_after_it(world: World) -> None:
    request = await asked(world, approvers=Approvers(users=("ann", "bob"), quorum=2))
    await world.answer(request.approve(by="ann"))
    world.later(3600)
    await world.fire()
    assert (await world.answer(request.approve(by="boss"))).settled.state is RequestState.DECIDED
