"""Workers: who goes on with answered runs, and takes over from those that died."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

import pytest

from hitl_adapters.plain import PlainAdapter
from hitl_core.apps import AppSource
from hitl_core.commands import (
    BeatWorker,
    ClaimRuns,
    FinishRun,
    FireTimers,
    ForgetWorker,
    LiftStop,
    NextDue,
    StopScope,
)
from hitl_core.contracts import Finding, Store
from hitl_core.errors import LeaseLost, StoreUnavailable
from hitl_core.logs import said_of
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.runtime import Runtime, Worker
from hitl_core.runtime import worker as worker_module
from hitl_core.runtime.worker import SCAN_SECONDS
from hitl_core.testing.around import StoreAround
from hitl_core.tools import Catalogue
from tests.core.shop import LEASE, Shop, one_refund, only, policy, rule


async def test_a_worker_finishes_everything_that_was_answered(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        for number in range(7):
            run = await hitl.start({"order": f"A-{number}"})
            if number != 3:
                await hitl.respond(only(run).approve(by="ann"))
        assert await Worker(hitl, concurrency=3).run_until_idle() == 6
        assert await Worker(hitl).run_until_idle() == 0
        assert len((await hitl.runs(states=(RunState.PAUSED,))).items) == 1
    assert shop.ledger.count() == 6


async def test_no_more_runs_are_taken_than_there_are_places(shop: Shop) -> None:
    working, most, first = 0, 0, asyncio.Event()

    async def app(input: Any) -> Any:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0)
        working -= 1
        first.set()

    async with shop.open(app) as hitl:
        claims = [await hitl._open(number, by=None, thread=None) for number in range(6)]
        shop.clock.advance(LEASE)  # six runs whose workers died
        assert await Worker(hitl, concurrency=2).run_until_idle() == len(claims)
    assert most <= 2


async def test_a_worker_waits_for_work_and_stops_when_told(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as people, shop.open(app) as hitl:
        worker = Worker(hitl)
        working = asyncio.ensure_future(worker.run())
        run = await people.start(None)
        await people.respond(only(run).approve(by="ann"))
        assert (await people.wait(run.id, through_pauses=True, timeout=30)).state is RunState.COMPLETED
        worker.stop()
        await working
    assert shop.ledger.count() == 1


async def test_a_worker_that_is_told_to_stop_finishes_what_it_holds(shop: Shop) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def app(input: Any) -> Any:
        inside.set()
        await go_on.wait()
        return "done"

    async with shop.open(app) as hitl:
        claimed = await hitl._open(None, by=None, thread=None)
        shop.clock.advance(LEASE)
        worker = Worker(hitl, concurrency=1)
        working = asyncio.ensure_future(worker.run())
        await inside.wait()
        worker.stop()
        go_on.set()
        await working
        assert (await hitl.run(claimed.run.id)).output == "done"


async def test_a_worker_fires_deadlines(shop: Shop) -> None:
    shop.policy = policy(rule("soon", level="confirm", deadline="1h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        await Worker(hitl).run_until_idle()
        assert (await hitl.run(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 0


async def rests(shop: Shop) -> None:
    """Return when the worker has heard of all that was before, and rests: it looks again a little later then."""
    async with asyncio.timeout(30):
        await shop.clock.asleep(until=shop.clock.now() + timedelta(seconds=SCAN_SECONDS))


S = TypeVar("S", bound=StoreAround)


@asynccontextmanager
async def resting(
    shop: Shop, kind: Callable[[Store], S]
) -> AsyncIterator[tuple[Runtime, PauseRequest, S, asyncio.Event]]:
    """A worker over a store of this kind, which rests: those who answer, what it waits for, the store, and when the
    app has had its answer."""
    stores: list[S] = []
    refunding, paid = one_refund(shop.ledger), asyncio.Event()

    def wrap(store: Store) -> Store:
        stores.append(kind(store))
        return stores[0]

    async def app(input: Any) -> Any:
        said = await refunding(input)
        paid.set()
        return said

    async with shop.open(app) as people, shop.open(app, wrap=wrap) as hitl:
        run = await people.start(None)
        worker = Worker(hitl)
        working = asyncio.ensure_future(worker.run())
        await rests(shop)
        yield people, only(run), stores[0], paid
        worker.stop()
        await working


class Overheard(StoreAround):
    """A store of which somebody else in the same process hears each time that a worker has found nothing to claim."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def apply(self, command: Any) -> Any:
        done = await self.inner.apply(command)
        if isinstance(command, ClaimRuns) and not done and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
            await asyncio.create_task(self.inner.changed(timeout=0))
        return done


async def test_what_another_has_heard_of_is_heard_by_the_worker_too(shop: Shop) -> None:
    """The answer comes just after a look that found nothing, and no time passes."""
    async with resting(shop, Overheard) as (people, request, store, paid):
        store.meanwhile = partial(people.respond, request.approve(by="ann"))
        await people.comment(request.id, "I am looking at it.", by="ben")  # wakes it, to find nothing
        await asyncio.wait_for(paid.wait(), 30)
    assert shop.ledger.count() == 1


class Told(StoreAround):
    """A store before which something happens when a worker has seen to what is due."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def apply(self, command: Any) -> Any:
        done = await self.inner.apply(command)
        if isinstance(command, FireTimers) and self.meanwhile is not None:
            await self.meanwhile()
        return done


async def test_who_is_told_to_stop_while_it_sees_to_what_is_due_claims_nothing_more(shop: Shop) -> None:
    """What is answered then is for others, though it looks once more after that."""
    app, stores = one_refund(shop.ledger), list[Told]()

    def wrap(inner: Store) -> Store:
        stores.append(Told(inner))
        return stores[0]

    async with shop.open(app) as people, shop.open(app, wrap=wrap) as hitl:
        run = await people.start(None)
        worker = Worker(hitl)

        async def told() -> None:
            worker.stop()
            await people.respond(only(run).approve(by="ann"))

        stores[0].meanwhile = told
        await worker.run()
        assert (await people.run(run.id)).state is RunState.READY
    assert shop.ledger.count() == 0


class Recorded(Overheard):
    """A store that keeps what it was asked, in order."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.asked: list[str] = []

    async def apply(self, command: Any) -> Any:
        self.asked.append(type(command).__name__)
        return await super().apply(command)

    async def fetch(self, query: Any) -> Any:
        self.asked.append(type(query).__name__)
        return await super().fetch(query)


async def test_who_is_woken_asks_for_nothing_but_the_run_that_was_answered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if anything else is looked at before, or if what the claim has brought along is read once more."""
    monkeypatch.setattr(worker_module, "AHEAD", 60.0)  # the next look comes when the turn is over
    async with resting(shop, Recorded) as (people, request, store, paid):
        store.asked.clear()
        await people.respond(request.approve(by="ann"))
        await asyncio.wait_for(paid.wait(), 30)
        asked = store.asked[: store.asked.index("EndEffect")]  # the tool ran before it
    assert asked[0] == "ClaimRuns", "woken, it claims first; it may still have heard of the pause, and find nothing"
    assert asked[-3:] == ["ClaimRuns", "Look", "BeginEffect"]
    assert shop.ledger.count() == 1


async def test_what_is_asked_while_a_worker_rests_is_over_at_its_deadline(shop: Shop) -> None:
    """Fails if the worker goes by what was due when it went to rest."""
    shop.policy = policy(rule("soon", level="confirm", deadline="5s"))
    ended = asyncio.Event()
    refunding = one_refund(shop.ledger)

    async def app(input: Any) -> Any:
        said = await refunding(input)
        ended.set()
        return said

    async with shop.open(app) as people, shop.open(app) as hitl:
        worker = Worker(hitl)
        working = asyncio.ensure_future(worker.run())
        await shop.clock.asleep()
        await people.start(None)
        due = shop.clock.now() + timedelta(seconds=5)
        async with asyncio.timeout(30):
            for _ in range(5):
                await shop.clock.asleep(until=due)  # it has heard of that
                shop.clock.advance(1)
            await ended.wait()
        worker.stop()
        await working
    assert shop.ledger.count() == 0


class Unreachable:
    """A store that is away for a while; `down` altogether, or only for those who look for work."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.away = 0
        self.down: Exception | None = None
        self.looks = 0

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeatWorker | ForgetWorker):
            return await self.inner.apply(command)
        self.looks += 1
        if self.down is not None:
            raise self.down
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        return await self.inner.apply(command)

    async def fetch(self, query: Any) -> Any:
        if self.down is not None and isinstance(query, NextDue):
            raise self.down
        return await self.inner.fetch(query)

    async def changed(self, *, timeout: float) -> None:
        if self.down is not None:
            raise self.down
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self.inner.close()


async def test_a_store_that_is_away_is_waited_for(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    stores: list[Unreachable] = []
    refunding, paid = one_refund(shop.ledger), asyncio.Event()

    async def app(input: Any) -> Any:
        said = await refunding(input)
        paid.set()
        return said

    def wrap(store: Store) -> Store:
        stores.append(Unreachable(store))
        return stores[0]

    async with shop.open(app, wrap=wrap) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        stores[0].away = 3
        worker = Worker(hitl)
        working = asyncio.ensure_future(worker.run())
        await paid.wait()
        worker.stop()
        await working
    assert caplog.text.count("could not look for work: away") == 3
    assert shop.ledger.count() == 1


async def test_a_worker_rests_while_the_store_is_down(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    stores: list[Unreachable] = []
    riddles: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: riddles.append(context))

    def wrap(store: Store) -> Store:
        stores.append(Unreachable(store))
        return stores[0]

    async with shop.open(one_refund(shop.ledger), wrap=wrap) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        stores[0].down, stores[0].looks = StoreUnavailable("down"), 0
        worker = Worker(hitl)
        working = asyncio.ensure_future(worker.run())
        for _ in range(100):
            await asyncio.sleep(0)
        assert stores[0].looks == 1
        stores[0].down = None
        shop.clock.advance(SCAN_SECONDS)
        await hitl.wait(run.id, through_pauses=True, timeout=30)
        stores[0].down = StoreUnavailable("down again")
        await shop.clock.asleep()
        worker.stop()  # it is heard while the worker rests
        await working
    gc.collect()
    assert (shop.ledger.count(), riddles) == (1, [])
    assert "could not wait for changes: down" in caplog.text
    assert "could not see what is due next: down" in caplog.text


@pytest.mark.parametrize(
    "error", [LeaseLost("taken over"), RuntimeError("a bug")], ids=lambda error: type(error).__name__
)
async def test_a_turn_that_breaks_does_not_break_the_worker(
    shop: Shop, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        one, other = await hitl.start(None), await hitl.start(None)
        for run in (one, other):
            await hitl.respond(only(run).approve(by="ann"))
        drive = hitl.drive

        async def breaks_once(claimed: Any, **more: Any) -> Any:
            hitl.drive = drive  # type: ignore[method-assign]
            raise error

        hitl.drive = breaks_once  # type: ignore[method-assign]
        with caplog.at_level(logging.WARNING, "hitl_core"):
            await Worker(hitl, concurrency=2).run_until_idle()
    (said,) = [record for record in caplog.records if record.name == "hitl_core" and "run " in record.getMessage()]
    assert said_of(error) in caplog.text
    assert bool(said.exc_info) is isinstance(error, RuntimeError)
    assert shop.ledger.count() == 1


async def test_an_app_that_cannot_be_built_now_is_tried_again(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A server of its own may be away, and what it raises then is no error of ours."""

    class Late(PlainAdapter):
        away = 2

        async def attach(self) -> tuple[Finding, ...]:
            if self.away:
                self.away -= 1
                raise ConnectionError("its server is away")
            return await super().attach()

    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    adapter = Late(AppSource("shop:app", one_refund(shop.ledger)), catalogue=Catalogue())
    async with shop.open(None, adapter=adapter) as hitl:
        worker = Worker(hitl)
        assert [await worker.run_until_idle() for _ in range(3)] == [0, 0, 1]
    assert caplog.text.count("could not look for work") == 2
    assert shop.ledger.count() == 1


async def test_a_stop_that_is_lifted_while_it_ends_a_run_holds_nobody(shop: Shop) -> None:
    class Lifts:
        """Somebody lifts the stop between the refusal of the call and the end of its run."""

        def __init__(self, inner: Store) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        async def apply(self, command: Any) -> Any:
            if isinstance(command, FinishRun) and command.state is RunState.STOPPED:
                await self.inner.apply(LiftStop(StopScope.TOOL, "refund", "fine", "boss", command.now))
            return await self.inner.apply(command)

    async with shop.open(one_refund(shop.ledger), wrap=lambda store: cast("Store", Lifts(store))) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await hitl.stop(StopScope.TOOL, "refund", by="max", reason="wait")
        assert await Worker(hitl).run_until_idle() == 2
        assert (await hitl.run(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 1
