"""Promises P30 and P31: several pauses at once, and that each answer reaches its own call."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.protocol import RunState
from hitl_core.runtime import Runtime
from tests.core.shop import App, Ledger, Shop, only, refund_tool

ORDERS = ("A", "B", "C")


def three_refunds(ledger: Ledger) -> App:
    refund = refund_tool(ledger)

    async def one(order: str) -> str:
        try:
            return str(await refund(order, 10.0))
        except Refused:
            return "refused"

    async def app(input: Any) -> Any:
        await gate.step(lambda: ledger.write("look up"), name="look up")
        return await gate.together(*(one(order) for order in ORDERS))

    return app


async def requests(hitl: Runtime, run_id: str) -> dict[str, Any]:
    return {str(each.action.arguments["order"]): each for each in (await hitl.run(run_id)).pending}


async def test_p30_parallel_pauses_are_all_visible_at_once(shop: Shop) -> None:
    async with shop.open(three_refunds(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert [each.action.arguments["order"] for each in run.pending] == list(ORDERS)
        assert [each.call for each in run.pending] == ["refund#1", "refund#2", "refund#3"]


@pytest.mark.parametrize("order", list(itertools.permutations(ORDERS)), ids="".join)
async def test_p30_they_are_answered_in_any_order_and_nothing_is_done_twice(shop: Shop, order: tuple[str, ...]) -> None:
    async with shop.open(three_refunds(shop.ledger)) as hitl:
        run = await hitl.start(None)
        waiting = await requests(hitl, run.id)
        for each in order:
            assert (await hitl.resume(run.id)).state is RunState.PAUSED
            await hitl.respond(waiting[each].approve(by="ann"))
        run = await hitl.resume(run.id)
    assert (run.state, run.output) == (RunState.COMPLETED, ["paid 10.0"] * 3)
    assert sorted(line["order"] for line in shop.ledger.lines("refund")) == list(ORDERS)
    assert shop.ledger.count("look up") == 1


async def test_p31_each_answer_reaches_its_own_call(shop: Shop) -> None:
    async with shop.open(three_refunds(shop.ledger)) as hitl:
        run = await hitl.start(None)
        waiting = await requests(hitl, run.id)
        await hitl.respond(waiting["C"].reject(by="ann"))
        await hitl.respond(waiting["A"].answer("voucher", by="ann"))
        await hitl.respond(waiting["B"].edit({"order": "B", "amount": 5}, by="ann"))
        run = await hitl.resume(run.id)
    assert run.output == ["voucher", "paid 5.0", "refused"]
    assert [(line["order"], line["amount"]) for line in shop.ledger.lines("refund")] == [("B", 5)]


async def test_p31_two_identical_calls_need_two_answers(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return [await refund("A", 10.0), await refund("A", 10.0)]

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        first = only(run)
        await hitl.respond(first.approve(by="ann"))
        run = await hitl.resume(run.id)
        second = only(run)
        assert (second.digest, second.call) == (first.digest, "refund#2")
        assert shop.ledger.count() == 1
        await hitl.respond(second.approve(by="ann"))
        run = await hitl.resume(run.id)
    assert [line["key"] for line in shop.ledger.lines()] == [f"{run.id}:refund#1", f"{run.id}:refund#2"]


async def test_p31_the_same_call_of_two_runs_needs_two_answers(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return await refund("A", 10.0)

    async with shop.open(app) as hitl:
        one, other = await hitl.start(None), await hitl.start(None)
        await hitl.respond(only(one).approve(by="ann"))
        assert (await hitl.resume(other.id)).state is RunState.PAUSED
        await hitl.resume(one.id)
    assert shop.ledger.count() == 1
