"""PauseRun, FinishRun, RetryRun, CancelRun, ReopenRun: how a turn ends, and how a run goes on after its end."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.commands import CancelRun, FinishRun, GetCheckpoint, GetRun, LiftStop, ReopenRun, RetryRun, StopScope
from hitl_core.errors import (
    LeaseLost,
    NotCanonical,
    RecordError,
    RequestNotFound,
    RunBusy,
    RunFinished,
    RunNotFound,
    Stopped,
    TooLarge,
)
from hitl_core.lifecycle import IllegalMove, RequestState
from hitl_core.protocol import Kind, RunState
from tests.core.stores.world import World

# ── pausing ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pause_keeps_checkpoint_and_requests_in_order(world: World) -> None:
    claimed = await world.open()
    requests = [world.request(claimed, f"refund#{number}") for number in range(3)]
    run = await world.pause(claimed, *requests, checkpoint={"messages": ["ä", 1, None, 2**60, 0.1]})
    assert run.state is RunState.PAUSED
    assert list(run.pending) == requests
    assert await world.store.fetch(GetRun(run.id)) == run
    assert await world.store.fetch(GetCheckpoint(run.id)) == {"messages": ["ä", 1, None, 2**60, 0.1]}


async def test_a_later_pause_replaces_the_checkpoint(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    claimed = await world.claim(run)
    await world.pause(claimed, world.request(claimed, "refund#2"), checkpoint={"step": 2})
    assert await world.store.fetch(GetCheckpoint(run.id)) == {"step": 2}


async def test_a_place_and_round_that_are_known_are_kept_as_they_are(world: World) -> None:
    run, (request,) = await world.paused(count=1)
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
    notice = world.request(await world.claim(), kind=Kind.NOTICE, allowed=())
    run = await world.store.fetch(GetRun(claimed.run.id))
    assert run.pending == ()
    again = await world.store.fetch(GetRun(claimed.run.id))
    assert again.state is RunState.RUNNING
    assert notice.kind is Kind.NOTICE


async def test_a_notice_makes_nobody_wait(world: World) -> None:
    claimed = await world.open()
    run = await world.pause(claimed, world.request(claimed, kind=Kind.NOTICE, allowed=()))
    assert run.state is RunState.READY
    assert run.pending == ()


async def test_orphaned_requests_are_superseded_whether_answered_or_not(world: World) -> None:
    run, (first, second, third) = await world.paused(count=3)
    for each in (first, second, third):
        await world.answer(each.approve(by="ann"))
    claimed = await world.claim(run)
    fourth = world.request(claimed, "refund#4")
    await world.pause(claimed, fourth, consumed=(second.call,), orphaned=(first.id, second.id, "nobody"))
    assert await world.state(first) is RequestState.SUPERSEDED
    assert await world.state(second) is RequestState.CONSUMED
    assert await world.state(third) is RequestState.DECIDED
    claimed = await world.claim_after_answer(fourth)
    run = await world.pause(claimed, world.request(claimed, "refund#5"))
    await world.pause_orphaning(run)


async def test_an_orphaned_open_request_is_superseded(world: World) -> None:
    claimed = await world.open()
    request = world.request(claimed)
    await world.pause(claimed, request)
    await world.answer(world.request(claimed).approve(by="x")) if False else None
    assert await world.state(request) is RequestState.OPEN


async def test_a_request_of_another_run_is_refused_whole(world: World) -> None:
    one, other = await world.open(), await world.open()
    with pytest.raises(RecordError, match="is for run"):
        await world.pause(one, world.request(one), world.request(other, "refund#2"))
    assert (await world.store.fetch(GetRun(one.run.id))).state is RunState.RUNNING
    assert await world.events() == ["run.started", "run.started"]


async def test_a_request_id_is_used_once(world: World) -> None:
    _, (known,) = await world.paused()
    claimed = await world.open()
    with pytest.raises(RecordError, match="exists already"):
        await world.pause(claimed, world.request(claimed, id=known.id))
    assert await world.run_state(claimed.run) is RunState.RUNNING


async def test_a_request_under_a_stop_is_frozen_from_the_start(world: World) -> None:
    claimed = await world.open()
    request = world.request(claimed)
    await world.stop(StopScope.TOOL, "refund")
    run = await world.pause(claimed, request)
    assert run.state is RunState.PAUSED
    assert await world.state(request) is RequestState.FROZEN


async def test_sizes_are_limited_before_anything_is_written(world: World) -> None:
    claimed = await world.open()
    cases: list[tuple[str, dict[str, Any]]] = [
        ("request", {"requests": (world.request(claimed, handle={"x": "y" * 256 * 1024}),)}),
        ("checkpoint", {"checkpoint": "x" * (8 * 1024 * 1024)}),
    ]
    for what, given in cases:
        requests = given.pop("requests", ())
        with pytest.raises(TooLarge, match=what):
            await world.pause(claimed, *requests, **given)
    big = {"x": "y" * (8 * 1024 * 1024 - 20)}
    await world.pause(claimed, world.request(claimed, handle={"x": "y" * 255 * 1024}), checkpoint=big)
    assert await world.store.fetch(GetCheckpoint(claimed.run.id)) == big


async def test_a_checkpoint_that_is_not_json_is_refused(world: World) -> None:
    claimed = await world.open()
    for bad in (float("nan"), {1, 2}, "\ud800"):
        with pytest.raises(NotCanonical, match="checkpoint"):
            await world.pause(claimed, checkpoint=bad)
    assert await world.run_state(claimed.run) is RunState.RUNNING
