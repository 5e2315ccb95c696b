"""PauseRun: a turn ends with questions. Checkpoint, requests, timers and the run's state are one transaction."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.commands import GetCheckpoint, GetRun, PauseRun, StopScope
from hitl_core.errors import NotCanonical, RecordError, RequestNotFound, TooLarge
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Json, Kind, RunState
from tests.core.stores.world import World

MIB = 1024 * 1024


async def test_a_pause_keeps_checkpoint_and_requests_in_order(world: World) -> None:
    claimed = await world.open()
    requests = [world.request(claimed, f"refund#{number}") for number in range(3)]
    checkpoint: Json = {"messages": ["ä", 1, None, 2**60, 0.1]}
    run = await world.pause(claimed, *requests, checkpoint=checkpoint)
    assert run.state is RunState.PAUSED
    assert list(run.pending) == requests
    assert await world.store.fetch(GetRun(run.id)) == run
    assert await world.store.fetch(GetCheckpoint(run.id)) == checkpoint


@pytest.mark.parametrize("second", [{"step": 2}, {"step": "x" * 5000}, None])
async def test_a_later_pause_replaces_the_checkpoint(world: World, second: Json) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    claimed = await world.claim(run)
    await world.pause(claimed, world.request(claimed, "refund#2"), checkpoint=second)
    assert await world.store.fetch(GetCheckpoint(run.id)) == second


async def test_a_run_may_pause_without_a_checkpoint(world: World) -> None:
    claimed = await world.open()
    await world.pause(claimed, world.request(claimed), checkpoint=None)
    assert await world.store.fetch(GetCheckpoint(claimed.run.id)) is None


async def test_a_place_and_round_that_are_known_are_kept_as_they_are(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    claimed = await world.claim(run)
    again = world.request(claimed, request.call, title="asked again after a crash")
    paused = await world.pause(claimed, again)
    assert paused.state is RunState.READY
    assert (await world.settled(request)).request == request
    with pytest.raises(RequestNotFound):
        await world.settled(again)


async def test_another_round_at_the_same_place_is_another_request(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.revise("shorter", by="ann"))
    claimed = await world.claim(run)
    second = world.request(claimed, request.call, round=1)
    paused = await world.pause(claimed, second, consumed=(request.call,))
    assert paused.pending == (second,)
    assert await world.state(request) is RequestState.CONSUMED


async def test_a_run_with_nothing_open_is_ready_at_once(world: World) -> None:
    claimed = await world.open()
    assert (await world.pause(claimed)).state is RunState.READY
    assert not (await world.claim()).first


async def test_a_notice_makes_nobody_wait(world: World) -> None:
    claimed = await world.open()
    run = await world.pause(claimed, world.request(claimed, kind=Kind.NOTICE, allowed=()))
    assert run.state is RunState.READY
    assert run.pending == ()
    assert "action.noticed" in await world.events()


async def test_orphaned_requests_are_superseded(world: World) -> None:
    run, (used, orphan, other) = await world.paused(count=3)
    for each in (used, orphan, other):
        await world.answer(each.approve(by="ann"))
    claimed = await world.claim(run)
    gone = (used.id, orphan.id, "nobody")
    await world.pause(claimed, world.request(claimed, "refund#4"), consumed=(used.call,), orphaned=gone)
    states = [await world.state(each) for each in (used, orphan, other)]
    assert states == [RequestState.CONSUMED, RequestState.SUPERSEDED, RequestState.DECIDED]


async def test_a_request_of_another_run_is_refused_and_nothing_kept(world: World) -> None:
    one, other = await world.open(), await world.open()
    with pytest.raises(RecordError, match="is for run"):
        await world.pause(one, world.request(one), world.request(other, "refund#2"))
    assert await world.run_state(one.run) is RunState.RUNNING
    assert await world.events() == ["run.started", "run.started"]


async def test_a_request_id_is_used_once(world: World) -> None:
    _, (known,) = await world.paused()
    claimed = await world.open()
    with pytest.raises(RecordError, match="exists already"):
        await world.pause(claimed, world.request(claimed), world.request(claimed, "refund#2", id=known.id))
    assert await world.run_state(claimed.run) is RunState.RUNNING
    assert await world.events(claimed.run) == ["run.started"]


async def test_a_request_under_a_stop_is_frozen_from_the_start(world: World) -> None:
    claimed = await world.open()
    request = world.request(claimed)
    notice = world.request(claimed, "refund#2", kind=Kind.NOTICE, allowed=())
    await world.stop(StopScope.TOOL, "refund")
    run = await world.pause(claimed, request, notice)
    assert run.state is RunState.PAUSED
    assert await world.state(request) is RequestState.FROZEN
    assert await world.state(notice) is RequestState.OPEN


async def test_what_is_too_large_is_refused_before_anything_is_written(world: World) -> None:
    claimed = await world.open()
    large = world.request(claimed, handle={"x": "y" * 256 * 1024})
    cases: list[tuple[str, dict[str, Any]]] = [
        ("request", {"requests": (large,), "checkpoint": {}}),
        ("checkpoint", {"requests": (), "checkpoint": "x" * 8 * MIB}),
    ]
    for what, given in cases:
        with pytest.raises(TooLarge, match=what):
            await world.store.apply(PauseRun(claimed.lease, now=world.now, **given))
    assert await world.run_state(claimed.run) is RunState.RUNNING


async def test_what_is_just_within_the_limits_is_kept(world: World) -> None:
    claimed = await world.open()
    checkpoint: Json = {"x": "y" * (8 * MIB - 20)}
    request = world.request(claimed, handle={"x": "y" * 255 * 1024})
    await world.pause(claimed, request, checkpoint=checkpoint)
    assert await world.store.fetch(GetCheckpoint(claimed.run.id)) == checkpoint
    assert (await world.settled(request)).request == request


async def test_a_checkpoint_that_is_not_json_is_refused(world: World) -> None:
    claimed = await world.open()
    nested: Any = []
    for _ in range(200_000):
        nested = [nested]
    for bad in (float("nan"), {1, 2}, "\ud800", nested):
        with pytest.raises(NotCanonical, match="checkpoint"):
            await world.pause(claimed, checkpoint=bad)
    assert await world.run_state(claimed.run) is RunState.RUNNING
