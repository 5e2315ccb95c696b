"""Leases of turns under way: kept while a tool stands in the way of the loop, and asked for once more before a tool."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from hitl_core.clock import SystemClock
from hitl_core.commands import BeginEffect, RenewLease
from hitl_core.contracts import Store
from hitl_core.errors import LeaseLost, StoreUnavailable
from hitl_core.protocol import RunState
from hitl_core.runtime import Runtime, Worker
from hitl_core.testing.around import StoreAround
from hitl_core.testing.processes import Order, Processes
from tests.core.shop import LEASE, Shop, one_refund, only, policy, refund_tool, rule

FREE = policy(rule("free", level="autonomous", allow_irreversible="a test"))
QUICK = 0.6
"""Seconds of a lease that real time ends."""


class Around(StoreAround):
    """A store around another one; `after` is told of every command that is done."""

    def __init__(self, inner: Store, after: Any) -> None:
        super().__init__(inner)
        self._after = after

    async def apply(self, command: Any) -> Any:
        done = await self.inner.apply(command)
        await self._after(command)
        return done


@pytest.mark.parametrize("failing", [None, StoreUnavailable("away"), LeaseLost("taken over")], ids=str)
async def test_a_tool_that_stops_the_loop_keeps_its_lease(tmp_path: Path, failing: Exception | None) -> None:
    """A thread renews it meanwhile. What fails there is found by the turn when its loop goes on."""
    shop, enough, beside = Shop(tmp_path, policy=FREE, time=SystemClock()), threading.Event(), list[str]()

    async def counted(command: Any) -> None:
        if isinstance(command, RenewLease) and threading.current_thread() is not threading.main_thread():
            beside.append(command.lease.run_id)
            if len(beside) == 3:
                enough.set()
            if len(beside) == 1 and failing is not None:
                raise failing

    async def app(input: Any) -> Any:
        assert enough.wait(60), "nobody renewed the lease"
        return await refund_tool(shop.ledger)("A-1", 1.0)

    async with shop.open(app, wrap=lambda store: Around(store, counted), lease_seconds=QUICK) as hitl:
        run = await hitl.start(None)
    assert (run.state, set(beside)) == (RunState.COMPLETED, {run.id})
    assert shop.ledger.count() == 1


class Freezing(Around):
    """Stands still after an action was begun, with all that renews leases, for as long as `meanwhile` takes."""

    def __init__(self, inner: Store, meanwhile: Any) -> None:
        super().__init__(inner, self._freeze)
        self._meanwhile = meanwhile
        self._thawed = asyncio.Event()

    async def apply(self, command: Any) -> Any:
        if isinstance(command, RenewLease):
            await self._thawed.wait()
        return await super().apply(command)

    async def _freeze(self, command: Any) -> None:
        if isinstance(command, BeginEffect):
            await self._meanwhile()
            self._thawed.set()


async def test_who_was_frozen_between_the_beginning_and_the_tool_does_not_run_it(shop: Shop) -> None:
    others: list[Runtime] = []

    async def meanwhile() -> None:
        shop.clock.advance(LEASE)
        assert await Worker(others[0]).run_until_idle() == 1

    app = one_refund(shop.ledger)
    async with shop.open(app) as other, shop.open(app, wrap=lambda store: Freezing(store, meanwhile)) as hitl:
        others.append(other)
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        with pytest.raises(LeaseLost):
            await hitl.resume(run.id)
        assert only(await other.run(run.id)).in_doubt
    assert shop.ledger.count() == 0


async def test_who_was_frozen_before_the_beginning_goes_on_if_nobody_took_the_run(shop: Shop) -> None:
    renewed: list[str] = []

    async def seen(command: Any) -> None:
        renewed.extend([command.lease.run_id] if isinstance(command, RenewLease) else [])

    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        shop.clock.advance(LEASE)
        return await refund("A-1", 1.0)

    shop.policy = FREE
    async with shop.open(app, wrap=lambda store: Around(store, seen)) as hitl:
        run = await hitl.start(None)
    assert run.state is RunState.COMPLETED
    assert renewed
    assert shop.ledger.count() == 1


# ── a process that is really frozen ──────────────────────────────────────────────────────────────────────────


def note(folder: str) -> None:
    Path(folder, "pid").write_text(str(os.getpid()))


async def freezes(folder: str) -> str:
    """A worker that is stopped, as by SIGSTOP, after it has begun the refund and before it pays."""

    async def stopped(command: Any) -> None:
        if isinstance(command, BeginEffect):
            note(folder)
            os.kill(os.getpid(), signal.SIGSTOP)

    shop = Shop(Path(folder), time=SystemClock())
    app = one_refund(shop.ledger)
    async with shop.open(app, wrap=lambda store: Around(store, stopped), lease_seconds=QUICK) as hitl:
        (run,) = (await hitl.runs()).items
        try:
            return str((await hitl.resume(run.id)).state)
        except LeaseLost:
            return "lost"


def is_frozen(folder: str) -> bool:
    return Path(folder, "pid").exists()


def frozen_one(folder: str) -> int:
    return int(Path(folder, "pid").read_text())


async def thaws(folder: str) -> bool:
    """Another worker, until it asks people what became of the refund; then the first one goes on."""
    shop = Shop(Path(folder), time=SystemClock())
    async with shop.open(one_refund(shop.ledger), lease_seconds=QUICK) as hitl:
        (run,) = (await hitl.runs()).items
        while not is_frozen(folder):
            await hitl.store.changed(timeout=0.05)
        while (await hitl.run(run.id)).state is not RunState.PAUSED:
            await Worker(hitl).run_until_idle()
            await hitl.store.changed(timeout=0.05)
        os.kill(frozen_one(folder), signal.SIGCONT)
        return only(await hitl.run(run.id)).in_doubt


@pytest.mark.processes
async def test_a_process_that_was_stopped_before_its_tool_does_not_run_it_when_it_goes_on(tmp_path: Path) -> None:
    shop = Shop(tmp_path, time=SystemClock())
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    with Processes(__name__) as processes:
        orders = [Order.of(each, folder=str(tmp_path)) for each in (freezes, thaws)]
        frozen, other = processes.together(*orders)
    assert (frozen.result, other.result, frozen.error, other.error) == ("lost", True, "", "")
    assert shop.ledger.count() == 0
