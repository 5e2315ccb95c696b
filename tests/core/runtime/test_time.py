"""Promises P50 and P51, and leases: deadlines, late answers, signs of life. Time moves by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import ListLeases, RenewLease
from hitl_core.contracts import Store
from hitl_core.errors import LeaseLost, NotAuthorised, RequestExpired, StoreUnavailable
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import OnTimeout, RunState
from hitl_core.testing.around import StoreAround
from tests.core.shop import LEASE, Shop, decide, one_refund, only, policy, rule, trail


def due_in_an_hour(on_timeout: OnTimeout, **more: Any) -> str:
    return rule("soon", level="confirm", deadline="1h", on_timeout=on_timeout.value, **more)


@pytest.mark.parametrize(
    ("on_timeout", "effects", "state"),
    [
        (OnTimeout.REFUSE, 0, RunState.COMPLETED),
        (OnTimeout.CANCEL_RUN, 0, RunState.CANCELLED),
        (OnTimeout.PROCEED, 1, RunState.COMPLETED),
    ],
)
async def test_p50_a_deadline_has_its_declared_outcome(
    shop: Shop, on_timeout: OnTimeout, effects: int, state: RunState
) -> None:
    more = {"allow_timeout_approval": True} if on_timeout is OnTimeout.PROCEED else {}
    shop.policy = policy(due_in_an_hour(on_timeout, match={"tool": "refund", "reversible": True}, **more))
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(minutes=59)
        assert (await hitl.wait(run.id)).state is RunState.PAUSED
        shop.clock.advance(minutes=1)
        run = await hitl.wait(run.id)
        assert len(await trail(hitl, "request.expired")) == 1
    assert (run.state, shop.ledger.count()) == (state, effects)


async def test_p50_a_passed_deadline_is_told_to_the_agent(shop: Shop) -> None:
    shop.policy = policy(due_in_an_hour(OnTimeout.REFUSE))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        run = await hitl.wait(run.id)
    assert "Nobody decided before the deadline" in str(run.output)


async def test_p50_a_deadline_that_passed_while_nobody_was_there_still_holds(shop: Shop) -> None:
    shop.policy = policy(due_in_an_hour(OnTimeout.REFUSE))
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    shop.clock.advance(days=30)
    async with shop.open(app) as hitl:
        assert await hitl.tick() == 1
        assert await hitl.tick() == 0
        assert (await hitl.inbox()).items == ()
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 0


async def test_p50_a_question_may_have_a_deadline_too(shop: Shop) -> None:
    shop.policy = policy(rule("soon", match={"tool": "ask"}, level="confirm", deadline="1h"))

    async def app(input: Any) -> Any:
        return await gate.ask("Why?")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert only(run).deadline == shop.clock.now() + timedelta(hours=1)
        shop.clock.advance(hours=1)
        run = await hitl.wait(run.id)
    assert (run.state, "Nobody decided" in run.error) == (RunState.FAILED, True)


@pytest.mark.parametrize("fired", [True, False], ids=["after the timer", "before the timer"])
async def test_p51_a_late_answer_is_refused(shop: Shop, fired: bool) -> None:
    shop.policy = policy(due_in_an_hour(OnTimeout.REFUSE))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        if fired:
            await hitl.tick()
        with pytest.raises(RequestExpired):
            await hitl.respond(only(run).approve(by="ann"))
        await hitl.tick()
        assert (await hitl.request(only(run).id)).state is RequestState.EXPIRED
        await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_p51_an_answer_in_the_last_moment_counts(shop: Shop) -> None:
    shop.policy = policy(due_in_an_hour(OnTimeout.REFUSE))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(3599.999999)
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


async def test_an_answer_that_was_in_time_is_used_however_late_the_run_goes_on(shop: Shop) -> None:
    shop.policy = policy(due_in_an_hour(OnTimeout.REFUSE))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        shop.clock.advance(days=1)
        await hitl.resume(run.id)
    assert shop.ledger.count() == 1


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────


class Pulse(StoreAround):
    """Passes everything on, counts renewals, and refuses the first `times` of them with `error` if there is one."""

    def __init__(self, inner: Store, error: Exception | None = None, times: int = 1_000_000) -> None:
        super().__init__(inner)
        self.error = error
        self.times = times
        self.renewed = asyncio.Event()
        self.count = 0

    async def apply(self, command: Any) -> Any:
        if not isinstance(command, RenewLease):
            return await self.inner.apply(command)
        self.count += 1
        try:
            if self.error is not None and self.count <= self.times:
                raise self.error
            return await self.inner.apply(command)
        finally:
            self.renewed.set()


async def test_a_long_turn_keeps_its_lease(shop: Shop) -> None:
    pulses: list[Pulse] = []

    async def app(input: Any) -> Any:
        (pulse,) = pulses
        for _ in range(10):
            await shop.clock.asleep()
            pulse.renewed.clear()
            shop.clock.advance(LEASE / 3)
            await pulse.renewed.wait()
        (lease,) = await pulse.fetch(ListLeases())
        return (lease.until - shop.clock.now()).total_seconds()

    def wrap(store: Store) -> Store:
        pulses.append(Pulse(store))
        return pulses[0]

    async with shop.open(app, wrap=wrap) as hitl:
        run = await hitl.start(None)
    assert (run.state, run.output, pulses[0].count) == (RunState.COMPLETED, LEASE, 10)


@pytest.mark.parametrize("error", [LeaseLost("taken over"), StoreUnavailable("gone")], ids=["lost", "unreachable"])
async def test_a_turn_without_its_lease_is_stopped_in_its_tool(shop: Shop, error: Exception) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    finished: list[str] = []

    @gate.guard
    async def refund(order: str) -> str:
        shop.ledger.write("refund")
        try:
            while True:  # as long as anybody tries to keep the lease
                await shop.clock.asleep()
                shop.clock.advance(1)
                await asyncio.sleep(0)
        finally:
            finished.append("stopped")

    async def app(input: Any) -> Any:
        return await refund("A-1")

    async with shop.open(app, wrap=lambda store: Pulse(store, error)) as hitl:
        began = shop.clock.now()
        with pytest.raises(type(error)):
            await hitl.start(None)
        assert finished == ["stopped"]
        worked = (shop.clock.now() - began).total_seconds()
        assert worked == pytest.approx(LEASE if isinstance(error, StoreUnavailable) else LEASE / 3, abs=2)
    shop.clock.advance(LEASE)
    async with shop.open(app) as hitl:
        (found,) = (await hitl.runs()).items
        run = await hitl.wait(found.id)
        (effect,) = await hitl.effects(run.id)
    assert (effect.state, only(run).in_doubt, shop.ledger.count()) == (ActionState.IN_DOUBT, True, 1)


async def test_a_tool_outlives_a_store_that_is_away_while_its_lease_stands(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    pulses: list[Pulse] = []

    @gate.guard
    async def refund(order: str) -> str:
        (pulse,) = pulses
        while pulse.count <= pulse.times:
            await shop.clock.asleep()
            shop.clock.advance(1)
            await asyncio.sleep(0)
        shop.ledger.write("refund")
        return "paid"

    async def app(input: Any) -> Any:
        return await refund("A-1")

    def wrap(store: Store) -> Store:
        pulses.append(Pulse(store, StoreUnavailable("locked for a moment"), times=3))
        return pulses[0]

    async with shop.open(app, wrap=wrap) as hitl:
        run = await hitl.start(None)
        (effect,) = await hitl.effects(run.id)
    assert (run.output, effect.state, shop.ledger.count()) == ("paid", ActionState.EXECUTED, 1)


async def test_a_turn_that_is_cancelled_leaves_its_run_to_the_next_worker(shop: Shop) -> None:
    entered, first = asyncio.Event(), [True]

    async def app(input: Any) -> Any:
        if first.pop() if first else False:
            entered.set()
            await asyncio.Event().wait()
        return "done"

    async with shop.open(app) as hitl:
        turn = asyncio.ensure_future(hitl.start(None))
        await entered.wait()
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
    shop.clock.advance(LEASE)
    async with shop.open(app) as hitl:
        (run,) = (await hitl.runs()).items
        assert (run.state, (await hitl.wait(run.id)).state) == (RunState.RUNNING, RunState.COMPLETED)


# ── a clock that jumps ────────────────────────────────────────────────────────────────────────────────────────


async def test_p52_a_clock_that_is_set_back_fires_nothing_twice(shop: Shop) -> None:
    shop.policy = policy(rule("chased", level="confirm", remind=["30m"], deadline="1h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(minutes=30)
        await hitl.tick()
        shop.clock.advance(minutes=-25)
        await hitl.tick()
        shop.clock.advance(minutes=25)
        await hitl.tick()
        assert len(await trail(hitl, "request.reminded")) == 1
        shop.clock.advance(minutes=30)
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
        shop.clock.advance(hours=-2)
        assert await hitl.tick() == 0
        assert len(await trail(hitl, "request.expired")) == 1
        with pytest.raises(RequestExpired):
            await hitl.respond(only(run).approve(by="ann"))
    assert shop.ledger.count() == 0


async def test_p50_a_clock_that_leaps_forward_passes_reminders_and_deadline_once(shop: Shop) -> None:
    steps = [{"after": "40m", "roles": ["lead"]}]
    shop.policy = policy(rule("chased", level="confirm", remind=["30m"], escalate=steps, deadline="1h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(days=400)
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
        assert await hitl.tick() == 0
        assert len(await trail(hitl, "request.expired")) == 1
    assert shop.ledger.count() == 0


async def test_p50_a_deadline_in_working_hours_stands_on_the_request_as_a_date(shop: Shop) -> None:
    hours = '[hours.office]\nfrom = "09:00"\nto = "17:00"\nzone = "Europe/Berlin"\nweekdays = ["mon", "fri"]\n'
    asks = rule("soon", level="confirm", deadline="10h", remind=["9h"], hours="office")
    shop.policy = policy(hours, asks)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        # Monday 9:00 in UTC is 10:00 in Berlin: 7 hours are left of that day, and the next one is Friday.
        assert request.deadline == shop.clock.now() + timedelta(days=4, hours=2)
        assert request.remind_seconds == (timedelta(days=4, hours=1).total_seconds(),)


async def test_p52_what_begins_counts_the_working_hours_too(shop: Shop) -> None:
    """Who was asked by the time of an answer is the same when the call begins as when it was answered."""
    hours = '[hours.office]\nfrom = "09:00"\nto = "17:00"\nweekdays = ["mon"]\n'
    steps = [{"after": "10h", "roles": ["lead"]}]
    asks = rule("chased", level="confirm", approvers={"users": ["ann"]}, escalate=steps, hours="office")
    shop.policy = policy(hours, asks)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(days=7, hours=1)
        with pytest.raises(NotAuthorised):
            await decide(hitl, run, "approve", by="mia", roles=("lead",))
        shop.clock.advance(hours=1)
        run = await decide(hitl, run, "approve", by="mia", roles=("lead",))
        assert run.state is RunState.COMPLETED
    assert shop.ledger.count() == 1
