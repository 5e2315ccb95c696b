"""How often a command goes to the server and waits: what is not needed at once travels with what is."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import (
    BeginEffect,
    ClaimRuns,
    EndEffect,
    FinishRun,
    GetRequest,
    GetRun,
    ListRequests,
    Look,
    PauseRun,
)
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Approvers, EffectMode, Executed, RunState
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server import link
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """One whose process has used its connections, numbers and statements before."""
    store = await PostgresStore.open(url, folder=tmp_path)
    _, (request,) = await World(store).paused()
    await World(store).answer(request.approve(by="ann"))
    await World(store).claim()
    yield store
    await store.close()


@contextmanager
def rounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The rounds of each transaction of a command or query; there is no sealer beside them."""
    counted, real = list[int](), link.PostgresLink.end

    def end(self: Any, *how: Any) -> None:
        real(self, *how)
        if threading.current_thread().name != "hitl-sealer":  # it may still be at what was there before
            counted.append(self.rounds)

    with monkeypatch.context() as patched:
        patched.setattr(link.PostgresLink, "end", end)
        yield counted


async def test_each_step_of_a_cycle_takes_six_rounds_at_most(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store)
    monkeypatch.setattr(store._engine, "sealer", None)
    with rounds(monkeypatch) as counted:
        opened = await world.open()
        request = world.request(opened)
        await store.apply(PauseRun(opened.lease, {"turn": 1}, (request,), START))
        await world.answer(request.approve(by="ann"))
        (claimed,) = await store.apply(ClaimRuns("worker", 60, START, 1))
        begin = BeginEffect(
            claimed.lease, request.call, request.action, EffectMode.LEDGER, START, request_id=request.id
        )
        await store.apply(begin)
        await store.apply(EndEffect(claimed.lease, request.call, Executed("done"), START))
        await store.apply(FinishRun(claimed.lease, RunState.COMPLETED, START))
    # Opening, pausing, answering, claiming, beginning, ending, finishing.
    assert counted == [3, 5, 3, 5, 6, 5, 5]


async def test_a_question_more_takes_one_round_more(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(store)
    monkeypatch.setattr(store._engine, "sealer", None)
    opened = await world.open()
    asked = tuple(world.request(opened, call=f"call-{number}") for number in range(5))
    with rounds(monkeypatch) as counted:
        await store.apply(PauseRun(opened.lease, {"turn": 1}, asked, START))
    assert counted == [9]
    assert (await store.fetch(GetRun(opened.run.id))).pending == asked


async def test_a_page_of_the_inbox_takes_two(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await World(store).paused(count=3)
    with rounds(monkeypatch) as counted:
        assert len((await store.fetch(ListRequests())).items) == 3
    assert counted == [2]


async def test_a_request_and_what_is_known_of_a_call_take_one(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, (request,) = await World(store).paused()
    with rounds(monkeypatch) as counted:
        known = await store.fetch(Look(run.id, request.call))
        assert (await store.fetch(GetRequest(request.id))).request == request
    assert known.settled is not None
    assert (known.settled.request, known.effect, known.next_round) == (request, None, 1)
    assert counted == [1, 1]


async def test_who_asks_for_more_than_one_round_has_it_from_one_state(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Votes are asked for once it is known that there are some. Fails if they are read after the transaction."""
    world = World(store)
    _, (request,) = await world.paused(approvers=Approvers(quorum=2))
    await world.answer(request.approve(by="ann"))
    with rounds(monkeypatch) as counted:
        settled = await store.fetch(GetRequest(request.id))
    assert [each.responder.id for each in settled.votes] == ["ann"]
    assert counted == [3]
    await world.answer(request.approve(by="ben"))
    assert (await store.fetch(GetRequest(request.id))).state is RequestState.DECIDED
