"""Compacting: of a run that is over only what going on needs goes, and never before its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_core.audit import verify
from hitl_core.commands import (
    CompactRun,
    EndEffect,
    EraseRun,
    FinishRun,
    GetCheckpoint,
    GetRequest,
    GetRun,
    ListCompactable,
    ListEffects,
    Recall,
    Remember,
    ReopenRun,
)
from hitl_core.errors import RunBusy, RunFinished
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Executed, PauseRequest, Run, RunState
from tests.core.stores.world import World

DAY = 86_400.0


async def ended(world: World) -> tuple[str, PauseRequest]:
    """A run with a checkpoint, a journal, a decision and an action whose result is kept; and it is over."""
    lease, request = await world.approved()
    await world.store.apply(Remember(lease, "model#1", {"said": "hello"}, world.now))
    await world.begin(lease, request_id=request.id)
    await world.store.apply(EndEffect(lease, "refund#1", Executed("paid"), world.now))
    await world.store.apply(FinishRun(lease, RunState.COMPLETED, world.now, "done", checkpoint={"step": 2}))
    return lease.run_id, request


async def compact(world: World, run_id: str, days: float = 90) -> int:
    return await world.store.apply(CompactRun(run_id, world.now - timedelta(days=days), world.now))


async def listed(world: World, days: float = 90, limit: int = 100) -> list[str]:
    found, cursor = list[str](), None
    while True:
        query = ListCompactable(world.now - timedelta(days=days), limit, cursor)
        page = await world.store.fetch(query)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


async def left(world: World, run_id: str) -> tuple[Any, ...]:
    (effect,) = await world.store.fetch(ListEffects(run_id))
    journal = await world.store.fetch(Recall(run_id))
    return await world.store.fetch(GetCheckpoint(run_id)), journal, effect.result, effect.ended_at


async def test_what_going_on_needs_goes_and_what_people_decided_stays(world: World) -> None:
    run_id, request = await ended(world)
    before = await world.store.fetch(GetRun(run_id))
    asked = await world.store.fetch(GetRequest(request.id))
    assert None not in await left(world, run_id)
    world.later(91 * DAY)
    assert (await listed(world), await compact(world, run_id)) == ([run_id], 3)
    assert await left(world, run_id) == (None, {}, None, None)
    (effect,) = await world.store.fetch(ListEffects(run_id))
    assert (effect.state, effect.action, effect.request_id) == (ActionState.EXECUTED, request.action, request.id)
    assert await world.store.fetch(GetRequest(request.id)) == asked
    after = await world.store.fetch(GetRun(run_id))
    assert (after.output, after.input, after.state) == (before.output, before.input, before.state)
    line = (await world.trail())[-1]
    assert (line.event, line.subject, line.actor) == ("run.compacted", run_id, "store")
    assert '"checkpoints":1,"journal":1,"results":1' in line.body
    assert (await listed(world), await compact(world, run_id)) == ([], 0)
    assert (await world.events()).count("run.compacted") == 1


async def test_the_trail_still_verifies(make_shared_store: Any) -> None:
    world = World(await make_shared_store())
    run_id, _ = await ended(world)
    world.later(91 * DAY)
    await compact(world, run_id)
    await world.store.close()
    again: Any = await make_shared_store()
    assert (await verify(again, again.custody)).findings == ()


async def test_what_is_younger_or_not_over_is_not_touched(world: World) -> None:
    run_id, _ = await ended(world)
    paused, _ = await world.paused()
    world.later(89 * DAY)
    assert (await listed(world), await compact(world, run_id)) == ([], 0)
    with pytest.raises(RunBusy, match="is paused; only a run that is over can be compacted"):
        await compact(world, paused.id, days=0)
    assert None not in await left(world, run_id)
    assert await world.store.fetch(GetCheckpoint(paused.id)) == {"step": 1}
    assert "run.compacted" not in await world.events()


async def test_a_failed_run_can_be_tried_again_so_it_is_not_over(world: World) -> None:
    claimed = await world.open()
    await world.store.apply(FinishRun(claimed.lease, RunState.FAILED, world.now, error="broke"))
    world.later(91 * DAY)
    assert await listed(world) == []
    with pytest.raises(RunBusy):
        await compact(world, claimed.run.id)


async def test_what_is_erased_has_nothing_left(world: World) -> None:
    run_id, _ = await ended(world)
    world.later(91 * DAY)
    await world.store.apply(EraseRun(run_id, "dora", "asked for", world.now))
    assert (await listed(world), await compact(world, run_id)) == ([], 0)


async def test_a_run_that_is_being_undone_keeps_its_receipts(world: World) -> None:
    run_id, _ = await ended(world)
    world.later(91 * DAY)
    undo = await world.open(undoes=run_id)
    assert (await listed(world), await compact(world, run_id)) == ([], 0)
    await world.store.apply(FinishRun(undo.lease, RunState.COMPLETED, world.now))
    assert (await listed(world), await compact(world, run_id)) == ([run_id], 3)
    assert (await world.store.fetch(GetRun(undo.run.id))).undoes == run_id


async def test_nobody_goes_back_in_it(world: World) -> None:
    run_id, _ = await ended(world)
    world.later(91 * DAY)
    await compact(world, run_id)
    with pytest.raises(RunFinished, match="is compacted, so there is no state to go back to"):
        await world.store.apply(ReopenRun(run_id, "worker-3", 30, "ann", "again", world.now))


async def test_all_are_listed_page_by_page(world: World) -> None:
    runs: list[str] = [(await ended(world))[0] for _ in range(5)]
    world.later(91 * DAY)
    assert await listed(world, limit=2) == runs
    for each in runs[:3]:
        await compact(world, each)
    assert await listed(world, limit=1) == runs[3:]


async def test_compacting_twice_says_so_once(world: World) -> None:
    run_id, _ = await ended(world)
    world.later(91 * DAY)
    run: Run = await world.store.fetch(GetRun(run_id))
    assert await compact(world, run.id) == 3
    assert await compact(world, run.id, days=0) == 0
