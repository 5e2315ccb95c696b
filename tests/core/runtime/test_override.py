"""Promises P60-P65: stopping, lifting, cancelling and revoking win over everything that was granted before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import StopScope
from hitl_core.errors import LeaseLost, RequestClosed, RunFinished, RunNotFound, Stopped
from hitl_core.lifecycle import ActionState, IllegalMove, RequestState
from hitl_core.protocol import RunState
from tests.core.shop import Shop, decide, one_refund, only, policy, refund_tool, rule, trail

STOPS = [(StopScope.ALL, ""), (StopScope.TENANT, "default"), (StopScope.RUN, None), (StopScope.TOOL, "refund")]
stops = pytest.mark.parametrize(("scope", "target"), STOPS, ids=[scope.value for scope, _ in STOPS])


@stops
async def test_p60_a_stop_freezes_what_waits(shop: Shop, scope: StopScope, target: str | None) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert await hitl.stop(scope, run.id if target is None else target, by="bob", reason="audit") == 1
        assert (await hitl.request(only(run).id)).state is RequestState.FROZEN
        with pytest.raises(RequestClosed, match="frozen by a stop"):
            await hitl.respond(only(run).approve(by="ann"))
        assert (await hitl.wait(run.id)).state is RunState.PAUSED
    assert shop.ledger.count() == 0


@stops
async def test_p60_a_stop_blocks_an_approval_that_was_granted(shop: Shop, scope: StopScope, target: str | None) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        target = run.id if target is None else target
        await hitl.stop(scope, target, by="bob", reason="audit")
        if scope is StopScope.TOOL:  # the run goes on, as far as that tool
            assert (await hitl.resume(run.id)).state is RunState.STOPPED
        else:
            with pytest.raises(Stopped):
                await hitl.resume(run.id)
        assert shop.ledger.count() == 0
        await hitl.lift(scope, target, by="bob", reason="all fine")
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


@pytest.mark.parametrize(("scope", "target"), [(StopScope.ALL, ""), (StopScope.TENANT, "default")])
async def test_p60_under_a_stop_nothing_new_starts(shop: Shop, scope: StopScope, target: str) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.stop(scope, target, by="bob", reason="audit")
        with pytest.raises(Stopped, match="bob has stopped"):
            await hitl.start(None)
        assert (await hitl.runs()).items == ()


async def test_p60_a_request_that_is_asked_under_a_stop_is_frozen_from_the_start(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="bob", reason="audit")
        run = await hitl.start(None)
        assert (run.state, run.pending, (await hitl.inbox()).items) == (RunState.PAUSED, (), ())
        assert await hitl.lift(StopScope.TOOL, "refund", by="bob", reason="fine") == 1
        await decide(hitl, await hitl.run(run.id), "approve")
    assert shop.ledger.count() == 1


async def test_p60_a_stop_that_comes_during_a_turn_holds_before_the_next_tool(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        first = await refund("A", 1.0)
        await hitl.stop(StopScope.ALL, by="bob", reason="enough")
        try:
            return [first, await refund("B", 2.0)]
        except Stopped:
            return "the app makes what it likes of it"

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (run.state, [line["order"] for line in shop.ledger.lines()]) == (RunState.STOPPED, ["A"])
        assert "bob has stopped everything (enough)" in run.error
        assert [entry.subject for entry in await trail(hitl, "run.stopped")] == [run.id]


async def test_p60_a_stop_inside_a_tool_lets_it_begin_again_afterwards(shop: Shop) -> None:
    shop.policy = policy(rule("free", match={"tool": ["outer", "refund"]}, level="autonomous", allow_irreversible="x"))
    refund = refund_tool(shop.ledger)

    @gate.guard
    async def outer(order: str) -> str:
        return f"outer {await refund(order, 1.0)}"

    async def app(input: Any) -> Any:
        return await outer("A")

    async with shop.open(app) as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="bob", reason="audit")
        run = await hitl.start(None)
        assert run.state is RunState.STOPPED
        assert {effect.call: effect.state for effect in await hitl.effects(run.id)} == {"outer#1": ActionState.ALLOWED}
        await hitl.lift(StopScope.TOOL, "refund", by="bob", reason="fine")
        run = await hitl.wait(run.id)
    assert (run.output, shop.ledger.count()) == ("outer paid 1.0", 1)


WINDOW = rule("window", level="notify", veto="1m", allow_irreversible="a minute is enough to object")


@stops
async def test_p12_a_stop_does_not_eat_the_time_to_object(shop: Shop, scope: StopScope, target: str | None) -> None:
    shop.policy = policy(WINDOW)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        target = run.id if target is None else target
        await hitl.stop(scope, target, by="bob", reason="it looks wrong")
        shop.clock.advance(hours=1)
        await hitl.lift(scope, target, by="bob", reason="have a look")
        await hitl.tick()
        assert (await hitl.run(run.id)).state is RunState.PAUSED
        run = await decide(hitl, run, "reject", "wrong customer")
    assert ("vetoed this call" in str(run.output), shop.ledger.count()) == (True, 0)


@stops
async def test_p60_what_is_frozen_can_be_refused(shop: Shop, scope: StopScope, target: str | None) -> None:
    shop.policy = policy(WINDOW)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        target = run.id if target is None else target
        await hitl.stop(scope, target, by="bob", reason="it looks wrong")
        shop.clock.advance(hours=1)
        recorded = await hitl.respond(only(run).reject("wrong customer", by="ann"))
        assert recorded.settled.state is RequestState.VETOED
        await hitl.lift(scope, target, by="bob", reason="fine")
        run = await hitl.wait(run.id)
    assert ("vetoed this call" in str(run.output), shop.ledger.count()) == (True, 0)


async def test_p60_a_run_can_be_ended_through_a_frozen_request(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.ALL, by="bob", reason="audit")
        assert (await hitl.respond(only(run).cancel(by="ann"))).run_state is RunState.CANCELLED
    assert shop.ledger.count() == 0


async def test_p60_a_stop_races_a_resume(shop: Shop) -> None:
    """Whoever commits first wins: the refund is paid and the stop comes after it, or it is not paid at all."""
    async with shop.open(one_refund(shop.ledger)) as one, shop.open(one_refund(shop.ledger)) as other:
        for _ in range(20):
            run = await one.start(None)
            await one.respond(only(run).approve(by="ann"))
            before = shop.ledger.count()
            stop = other.stop(StopScope.RUN, run.id, by="bob", reason="race")
            resumed, _ = await asyncio.gather(one.resume(run.id), stop, return_exceptions=True)
            paid = shop.ledger.count() - before
            ended = await one.run(run.id)
            assert paid == (ended.state is RunState.COMPLETED)
            assert isinstance(resumed, Stopped) or resumed == ended
            order = [entry.event for entry in await trail(one)]
            if paid:
                assert "effect.started" in order
            else:
                assert ended.state in (RunState.READY, RunState.STOPPED)


async def test_p61_lifting_is_a_separate_recorded_act(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.ALL, by="bob", reason="audit")
        assert [(stop.by, stop.reason) for stop in await hitl.stops()] == [("bob", "audit")]
        assert await hitl.lift(StopScope.ALL, by="eve", reason="all fine") == 1
        assert await hitl.lift(StopScope.ALL, by="eve", reason="twice") == 0
        assert await hitl.stops() == ()
        assert [entry.actor for entry in await trail(hitl, "stop.set")] == ["bob"]
        assert [entry.actor for entry in await trail(hitl, "stop.lifted")] == ["eve"]
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


async def test_p61_what_two_stops_cover_needs_both_lifted(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.ALL, by="bob", reason="audit")
        await hitl.stop(StopScope.TOOL, "refund", by="eve", reason="fraud")
        assert await hitl.lift(StopScope.ALL, by="bob", reason="done") == 0
        with pytest.raises(RequestClosed):
            await hitl.respond(only(run).approve(by="ann"))
        assert await hitl.lift(StopScope.TOOL, "refund", by="eve", reason="done") == 1
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


async def test_p62_cancel_closes_the_requests_of_a_run(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        other = await hitl.start(None)
        cancelled = await hitl.cancel(run.id, by="bob", reason="sold out")
        assert (cancelled.state, cancelled.pending) == (RunState.CANCELLED, ())
        assert (await hitl.request(only(run).id)).state is RequestState.CANCELLED
        assert [each.request.run_id for each in (await hitl.inbox()).items] == [other.id]
        with pytest.raises(RunFinished):
            await hitl.cancel(run.id, by="bob")
        with pytest.raises(RunNotFound):
            await hitl.cancel("no-such-run", by="bob")
    assert shop.ledger.count() == 0


async def test_p62_cancel_blocks_an_approval_that_was_granted(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await hitl.cancel(run.id, by="bob")
        assert (await hitl.resume(run.id)).state is RunState.CANCELLED
    assert shop.ledger.count() == 0


async def test_p62_cancelling_a_run_that_works_stops_it_before_its_next_tool(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        (run,) = (await hitl.runs()).items
        await hitl.cancel(run.id, by="bob")
        return await refund("A", 1.0)

    async with shop.open(app) as hitl:
        with pytest.raises(LeaseLost):
            await hitl.start(None)
        (run,) = (await hitl.runs()).items
    assert (run.state, shop.ledger.count()) == (RunState.CANCELLED, 0)


async def test_p65_an_unused_approval_can_be_revoked(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        settled = await hitl.revoke(only(run).id, by="bob", reason="wrong customer")
        assert settled.state is RequestState.REVOKED
        run = await hitl.resume(run.id)
    assert ("revoked before it was used" in str(run.output), shop.ledger.count()) == (True, 0)


async def test_p65_a_used_approval_cannot_be_revoked(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await decide(hitl, run, "approve")
        with pytest.raises(IllegalMove, match="cannot revoke"):
            await hitl.revoke(only(run).id, by="bob")
    assert shop.ledger.count() == 1


async def test_p65_a_used_answer_cannot_be_revoked_either(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        why = await gate.ask("Why?", name="why")
        return [why, await gate.ask("Really?", name="really")]

    async with shop.open(app) as hitl:
        first = await hitl.start(None)
        second = await decide(hitl, first, "answer", "empty")
        with pytest.raises(IllegalMove, match="cannot revoke"):
            await hitl.revoke(only(first).id, by="bob")
        run = await decide(hitl, second, "answer", "yes")
    assert run.output == ["empty", "yes"]


async def test_p65_a_revoked_approval_stays_revoked_after_the_run_went_on(shop: Shop) -> None:
    refunding = one_refund(shop.ledger)

    async def app(input: Any) -> Any:
        return [await refunding(input), await gate.ask("Anything else?")]

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await hitl.revoke(only(run).id, by="bob")
        run = await hitl.resume(run.id)
        await decide(hitl, run, "answer", "no")
    assert shop.ledger.count() == 0


async def test_p65_a_veto_window_that_ran_out_can_be_revoked_until_it_is_used(shop: Shop) -> None:
    shop.policy = policy(WINDOW)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(minutes=1)
        await hitl.tick()
        await hitl.revoke(only(run).id, by="bob", reason="not this one")
        run = await hitl.resume(run.id)
    assert ("revoked before it was used" in str(run.output), shop.ledger.count()) == (True, 0)
