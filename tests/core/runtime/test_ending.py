"""A worker that is told to end, what it leaves behind, what it tries again, and what it says of itself meanwhile."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from functools import partial
from typing import Any, TypeVar, cast

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import (
    BeatWorker,
    BeginEffect,
    ClaimRuns,
    EndEffect,
    ForgetWorker,
    ListWorkers,
    Look,
    PerformEffect,
    ReadLoad,
    ReleaseRun,
)
from hitl_core.contracts import Store
from hitl_core.errors import CallRefused, LeaseLost, StoreUnavailable
from hitl_core.protocol import Run, RunState
from hitl_core.runtime import Left, Runtime, Worker
from hitl_core.runtime import worker as of_workers
from hitl_core.runtime.worker import IDLE_SECONDS, SCAN_SECONDS
from hitl_core.testing.around import StoreAround
from hitl_core.testing.clock import ManualClock
from tests.core.shop import LEASE, Shop, one_refund, only, policy, rule
from tests.tried_again import Away

T = TypeVar("T")
FREE = policy(rule("free", match={"tool": "pay"}, level="autonomous", allow_irreversible="a test"))


class Failing(StoreAround):
    """A store that fails the commands of these kinds, and remembers all others."""

    def __init__(self, inner: Store, *kinds: type[Any], error: Exception | None = None) -> None:
        super().__init__(inner)
        self._kinds = kinds
        self._error = error or StoreUnavailable("away")
        self.seen: list[Any] = []
        self.after: dict[type[Any], asyncio.Event] = {}

    async def apply(self, command: Any) -> Any:
        self.seen.append(command)
        if isinstance(command, self._kinds):
            raise self._error
        try:
            return await self.inner.apply(command)
        finally:
            if type(command) in self.after:
                self.after[type(command)].set()

    async def changed(self, *, timeout: float) -> None:
        self.seen.append(timeout)
        await self.inner.changed(timeout=timeout)


class Place:
    """Where a run stands still until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.go_on.wait()


async def ready(hitl: Runtime) -> Run:
    """A run that was answered."""
    run = await hitl.start(None)
    await hitl.respond(only(run).answer("yes", by="ann"))
    return run


async def told_to_end(hitl: Runtime, place: Place, **more: Any) -> Left:
    worker = Worker(hitl, grace=0.0, **more)
    working = asyncio.ensure_future(worker.run())
    await place.reached.wait()
    worker.stop()
    return await ends(working, hitl)


async def ends(working: asyncio.Task[T], hitl: Runtime) -> T:
    """A grace of no time is over as soon as the clock is moved."""
    clock = cast("ManualClock", hitl.clock)
    while not working.done():
        clock.advance(0)
        await asyncio.wait((working,), timeout=0.01)
    return working.result()


def asking(place: Place, *tools: Any) -> Any:
    """An app that asks, stands still, and goes on."""

    async def app(input: Any) -> Any:
        await gate.ask("Now?")
        await place.wait()
        return [await tool() for tool in tools]

    return app


async def test_what_is_given_back_is_taken_over_at_once(shop: Shop) -> None:
    place = Place()
    app = asking(place)
    async with shop.open(app) as hitl, shop.open(app) as other:
        run = await ready(hitl)
        assert await told_to_end(hitl, place) == Left(released=(run.id,))
        place.go_on.set()
        assert await Worker(other).run_until_idle() == 1
        ended = await other.run(run.id)
    assert (ended.state, ended.tries) == (RunState.COMPLETED, 1)


def test_what_two_workers_leave_is_left_by_both() -> None:
    one, other = Left(("run-1",), (("run-2", ("pay#1",)),)), Left(("run-3",))
    assert sum((one, other), start=Left()) == Left(("run-1", "run-3"), (("run-2", ("pay#1",)),))


async def test_until_idle_gives_back_too(shop: Shop) -> None:
    place = Place()
    async with shop.open(asking(place)) as hitl:
        run = await ready(hitl)
        worker = Worker(hitl, grace=0.0)
        working = asyncio.ensure_future(worker.run_until_idle())
        await place.reached.wait()
        worker.stop()
        assert await ends(working, hitl) == 1
        assert worker.left == Left(released=(run.id,))


async def test_an_action_that_has_begun_is_left_to_people(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    shop.policy = FREE

    @gate.guard
    async def pay() -> str:
        shop.ledger.write("pay")
        await place.wait()
        return "paid"

    async def app(input: Any) -> Any:
        await gate.ask("Now?")
        return await pay()

    async with shop.open(app) as hitl, shop.open(app) as other:
        run = await ready(hitl)
        left = await told_to_end(hitl, place)
        ((name, calls),) = left.begun
        assert (name, left.released, len(calls)) == (run.id, (), 1)
        assert await Worker(other).run_until_idle() == 0
        shop.clock.advance(LEASE)
        await Worker(other).run_until_idle()
        assert only(await other.run(run.id)).in_doubt
    assert "does not know whether that happened" in caplog.text
    assert shop.ledger.count() == 1


async def test_what_still_goes_on_after_it_was_given_back_begins_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that does not let itself be cut off, as one in a thread cannot be."""
    monkeypatch.setattr(of_workers, "CUT_SECONDS", 0.01)
    place, second, over = Place(), Place(), asyncio.Event()
    shop.policy = FREE
    refused: list[str] = []

    @gate.guard
    async def pay() -> str:
        shop.ledger.write("pay")
        return "paid"

    async def stubborn() -> None:
        await second.wait()
        try:
            await pay()
        except LeaseLost as exc:
            refused.append(str(exc))
            raise
        finally:
            over.set()

    async def app(input: Any) -> Any:
        await gate.ask("Now?")
        work = asyncio.ensure_future(stubborn())
        try:
            await place.wait()
        finally:
            await asyncio.gather(work, return_exceptions=True)

    stores: list[Failing] = []

    def wrap(store: Store) -> Store:
        stores.append(Failing(store))
        return stores[0]

    async with shop.open(app, wrap=wrap) as hitl:
        run = await ready(hitl)
        stores[0].after = {ReleaseRun: second.go_on}
        left = await told_to_end(hitl, place)
        assert left.released == (run.id,)
        await over.wait()
    assert refused
    assert shop.ledger.count() == 0


async def test_a_turn_that_ends_while_it_is_cut_off_is_not_left(shop: Shop) -> None:
    place = Place()
    async with shop.open(asking(place), wrap=lambda store: Failing(store, ReleaseRun, error=LeaseLost("over"))) as hitl:
        await ready(hitl)
        assert await told_to_end(hitl, place) == Left()


async def test_without_the_store_the_lease_ends_by_itself(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    async with shop.open(asking(place), wrap=lambda store: Failing(store, ReleaseRun)) as hitl:
        run = await ready(hitl)
        assert await told_to_end(hitl, place) == Left(released=(run.id,))
    assert "its lease has to end first" in caplog.text


# ── trying again ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_worker_tries_again_later_what_broke_before_anything_ran(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [ConnectionError("away"), ConnectionError("away"), None]

    async def app(input: Any) -> Any:
        await gate.ask("Now?")
        if (error := broken.pop(0)) is not None:
            raise error
        return "done"

    async with shop.open(app) as hitl:
        run, waits = await ready(hitl), list[float]()
        with caplog.at_level(logging.INFO, "hitl_core"):
            while broken:
                await Worker(hitl).run_until_idle()
                seen = await hitl.run(run.id)
                if seen.retry_at is not None:
                    assert (seen.state, "ConnectionError" in seen.error) == (RunState.READY, True)
                    waits.append((seen.retry_at - shop.clock.now()).total_seconds())
                    shop.clock.advance(waits[-1])
        assert (await hitl.run(run.id)).output == "done"
    assert waits == [1.0, 2.0]
    assert "is tried again at" in caplog.text


async def test_what_the_gate_has_refused_is_not_tried_again(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        await gate.ask("Now?")
        raise CallRefused("an error of ours says what to do")

    async with shop.open(app) as hitl:
        run = await ready(hitl)
        await Worker(hitl).run_until_idle()
        assert (await hitl.run(run.id)).state is RunState.FAILED


async def test_what_the_store_did_not_answer_is_tried_again_until_the_effect_has_begun(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    for number, kind in enumerate((Look, BeginEffect, EndEffect)):
        async with shop.open(app, wrap=partial(Away, kind=kind)) as hitl:
            await Worker(hitl).run_until_idle()
            seen = await hitl.run(run.id)
        began = kind is EndEffect
        assert (seen.state, seen.tries) == (RunState.FAILED if began else RunState.READY, number + 1)
        assert ("HITL-S02" in seen.error, shop.ledger.count()) == (True, began)
        shop.clock.advance(2**number)


class Losing(StoreAround):
    """A store that has called an effect and then loses its transaction."""

    async def apply(self, command: Any) -> Any:
        if not isinstance(command, PerformEffect):
            return await self.inner.apply(command)
        with closing(sqlite3.connect(":memory:")) as transaction:
            command.effect(transaction)
        raise StoreUnavailable("its transaction was lost")


async def test_an_effect_that_was_called_in_a_transaction_that_is_lost_is_not_called_again(shop: Shop) -> None:
    called: list[float] = []

    @gate.guard(transactional=True)
    def book(amount: float, transaction: Any) -> None:
        called.append(amount)

    async with shop.open(lambda input: book(5.0), wrap=Losing) as hitl:  # type: ignore[call-arg]  # the store adds it
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await Worker(hitl).run_until_idle()
        seen = await hitl.run(run.id)
    assert (seen.state, called, "HITL-S02" in seen.error) == (RunState.FAILED, [5.0], True)


async def test_whoever_waits_for_a_run_is_told_at_once_that_it_broke(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        raise ConnectionError("away")

    async with shop.open(app) as hitl:
        assert (await hitl.start(None)).state is RunState.FAILED


# ── signs of life ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_worker_is_seen_while_it_lives(shop: Shop) -> None:
    place = Place()
    stores: list[Failing] = []

    def wrap(store: Store) -> Store:
        stores.append(Failing(store))
        return stores[0]

    async with shop.open(asking(place), wrap=wrap) as hitl:
        run = await ready(hitl)
        worker = Worker(hitl, concurrency=3)
        working = asyncio.ensure_future(worker.run())
        await place.reached.wait()
        for _ in range(3):
            before = len(stores[0].seen)
            while not any(isinstance(each, BeatWorker) for each in stores[0].seen[before:]):
                shop.clock.advance(1)
                await asyncio.wait((working,), timeout=0.01)
        (seen,) = await hitl.store.fetch(ListWorkers())
        assert (seen.beat.worker, seen.beat.busy, seen.beat.places) == (hitl.owner, 1, 3)
        assert seen.beat.loads == hitl.loads()
        place.go_on.set()
        worker.stop()
        await working
        assert await hitl.store.fetch(ListWorkers()) == ()
        assert (await hitl.run(run.id)).state is RunState.COMPLETED


async def test_nothing_depends_on_the_signs_of_life(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    place.go_on.set()
    async with shop.open(asking(place), wrap=lambda store: Failing(store, BeatWorker, ForgetWorker)) as hitl:
        run = await ready(hitl)
        with caplog.at_level(logging.INFO, "hitl_core"):
            worker = Worker(hitl)
            working = asyncio.ensure_future(worker.run())
            await hitl.wait(run.id)
            worker.stop()
            await working
        assert (await hitl.run(run.id)).state is RunState.COMPLETED
    assert "was not written" in caplog.text
    assert "stays in the list" in caplog.text


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_how_long_a_worker_waits_before_it_looks_by_itself(shop: Shop) -> None:
    shop.policy = policy(rule("soon", level="confirm", deadline="4s"))
    async with shop.open(one_refund(shop.ledger)) as hitl, shop.open(one_refund(shop.ledger)) as other:
        worker = Worker(hitl)
        assert await worker._patience() == IDLE_SECONDS
        await other._open(None, by=None, thread=None)
        await hitl.tick()
        assert await worker._patience() == SCAN_SECONDS
        shop.clock.advance(LEASE)
        assert await worker._patience() == SCAN_SECONDS, "a lease is over, and somebody will take the run"
        await worker.run_until_idle()
        await hitl.tick()
        assert await worker._patience() == 4.0


async def test_beside_a_run_that_may_kill_its_worker_nothing_else_is_worked_on(shop: Shop) -> None:
    place = Place()
    stores: list[Failing] = []

    def wrap(store: Store) -> Store:
        stores.append(Failing(store))
        return stores[0]

    async with shop.open(asking(place)) as other, shop.open(asking(place), wrap=wrap) as hitl:
        run, beside = await ready(other), await ready(other)
        for _ in range(2):
            assert [each.run.id for each in await other.claim(limit=1, run_id=run.id)] == [run.id]
            shop.clock.advance(LEASE)
        worker = Worker(hitl, grace=0.0)
        working = asyncio.ensure_future(worker.run())
        await place.reached.wait()
        claims = [each for each in stores[0].seen if isinstance(each, ClaimRuns)]
        assert len(claims) == 1
        assert (await hitl.run(beside.id)).state is RunState.READY
        place.go_on.set()
        await hitl.wait(beside.id)
        worker.stop()
        await working


# ── what is done beside it ───────────────────────────────────────────────────────────────────────────────────


async def test_what_is_beside_a_runtime_ends_before_its_store(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start({})
        found, seen = await hitl.workload(seconds=30), list[int]()
        hitl.before_close(lambda: seen.append(hitl.store.fetch_blocking(ReadLoad()).open))  # type: ignore[attr-defined]  # a store in a file
    assert seen == [1]
    assert (found.at, found.load.open, found.pace.seconds, found.workers) == (shop.clock.now(), 1, 30, ())
