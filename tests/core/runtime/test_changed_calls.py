"""P31 and P44: what is known of a place is about the action that was asked about or begun there, and about no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.errors import HitlError
from hitl_core.protocol import Kind, Run, RunState
from tests.core.runtime.test_restart import FREE, crashed
from tests.core.shop import App, Crash, Shop, decide, one_refund, only, policy, refund_tool, rule

SMALL_IS_FREE = rule(
    "small",
    match={"tool": "pay"},
    when={"argument": "amount", "at_most": 10},
    level="autonomous",
    allow_irreversible="x",
)
FREE_FOR_A = policy(SMALL_IS_FREE)


def swapping(shop: Shop, turns: dict[str, int], *, swallow: bool = False, key: Any = None) -> App:
    """An app that pays A and B side by side; how long a look-up takes decides who reaches `pay` first."""

    @gate.guard(key=key)
    async def pay(who: str, amount: float) -> str:
        shop.ledger.write("pay", who=who)
        return f"paid {who}"

    async def branch(who: str, amount: float) -> str:
        for _ in range(turns[who]):
            await asyncio.sleep(0)
        try:
            return str(await pay(who, amount))
        except HitlError as exc:
            if swallow:
                return f"swallowed {exc}"
            raise

    async def app(input: Any) -> Any:
        return await gate.together(branch("A", 5.0), branch("B", 50.0))

    return app


@pytest.mark.parametrize("swallow", [False, True], ids=["told", "swallowed by the app"])
async def test_p31_a_place_that_is_another_call_now_gives_nothing_and_pays_nobody_twice(
    shop: Shop, swallow: bool
) -> None:
    shop.policy, turns = FREE_FOR_A, {"A": 0, "B": 20}
    async with shop.open(swapping(shop, turns, swallow=swallow)) as hitl:
        run = await hitl.start(None)
        assert [line["who"] for line in shop.ledger.lines()] == ["A"]
        turns.update(A=20, B=0)
        await hitl.respond(only(run).approve(by="ann"))
        run = await hitl.resume(run.id)
        assert (run.state, [line["who"] for line in shop.ledger.lines()]) == (RunState.FAILED, ["A"])
        assert run.error.startswith("HITL-A07")
        assert (
            'the call \'pay#1\' was pay({"who": "A", "amount": 5.0}), which is executed, and is pay({"who": "B"'
            in run.error
        )
        turns.update(A=0, B=20)
        run = await hitl.resume(run.id)
    assert (run.state, run.output) == (RunState.COMPLETED, ["paid A", "paid B"])
    assert [line["who"] for line in shop.ledger.lines()] == ["A", "B"]


async def test_p31_calls_that_are_named_by_a_key_may_come_in_any_order(shop: Shop) -> None:
    shop.policy, turns = FREE_FOR_A, {"A": 0, "B": 20}
    async with shop.open(swapping(shop, turns, key=lambda who, amount: who)) as hitl:
        run = await hitl.start(None)
        assert only(run).call == "pay:B#1"
        turns.update(A=20, B=0)
        run = await decide(hitl, run, "approve")
    assert (run.state, run.output) == (RunState.COMPLETED, ["paid A", "paid B"])
    assert [line["who"] for line in shop.ledger.lines()] == ["A", "B"]


async def test_p31_after_a_changed_call_nothing_else_starts_in_the_turn(shop: Shop) -> None:
    """An app that catches the error and goes on has its next calls refused too."""
    amounts = {"first": 5.0}

    @gate.guard
    async def pay(who: str, amount: float) -> str:
        shop.ledger.write("pay", who=who)
        return f"paid {who}"

    async def app(input: Any) -> Any:
        try:
            await pay("A", amounts["first"])
        except HitlError:
            return await pay("C", 7.0)
        return await pay("B", 50.0)

    shop.policy = FREE_FOR_A
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        amounts["first"] = 6.0
        run = await decide(hitl, run, "approve")
    assert (run.state, [line["who"] for line in shop.ledger.lines()]) == (RunState.FAILED, ["A"])


SMALL_IS_NOTICED = policy(
    rule("small", level="notify", when={"argument": "amount", "at_most": 50}, allow_irreversible="small change"),
)


@pytest.mark.parametrize("before", ["approve", "reject"])
async def test_p11_what_was_said_about_other_arguments_hides_no_notice_and_forbids_nothing(
    shop: Shop, before: str
) -> None:
    shop.policy, amounts = SMALL_IS_NOTICED, [100.0, 10.0]
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return await refund("A-1", amounts.pop(0))

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), before)
        notices = (await hitl.inbox(notices=True)).items
    assert (run.state, [line["amount"] for line in shop.ledger.lines()]) == (RunState.COMPLETED, [10.0])
    assert [(each.request.kind, each.request.action.arguments["amount"]) for each in notices] == [(Kind.NOTICE, 10.0)]


async def test_p42_a_call_that_was_only_announced_is_asked_about_when_it_is_in_doubt(shop: Shop) -> None:
    """Its notice has used up the first round of the place; the question must not be taken for it."""
    shop.policy = policy(rule("noticed", level="notify", allow_irreversible="small change"))
    run_id = await crashed(shop, redefining(shop, 1, dies=True))
    async with shop.open(redefining(shop, 1)) as hitl:
        run = await hitl.wait(run_id)
        assert (run.state, only(run).in_doubt, only(run).round) == (RunState.PAUSED, True, 1)
        await decide(hitl, run, "choose", "not_happened")
    assert shop.ledger.count() == 2


def redefining(shop: Shop, version: int, *, dies: bool = False, **traits: Any) -> App:
    """An app whose one tool pays once in version 1, and many times over in version 2."""

    @gate.guard(**traits)
    async def refund(order: str) -> str:
        """Pay."""
        shop.ledger.write("refund", version=1)
        if dies:
            raise Crash
        return "paid"

    @gate.guard(name="refund", **traits)
    async def refund_often(order: str, times: int = 100) -> str:
        """Pay many times."""
        shop.ledger.write("refund", version=2)
        return "paid a lot"

    async def app(input: Any) -> Any:
        called = refund if version == 1 else refund_often
        try:
            return [await called("A-1"), await gate.ask("Anything else?")]
        except Refused as exc:
            return str(exc)

    return app


async def test_p44_a_tool_that_was_redefined_while_in_doubt_does_not_run(shop: Shop) -> None:
    shop.policy = FREE
    run_id = await crashed(shop, redefining(shop, 1, dies=True))
    async with shop.open(redefining(shop, 1)) as hitl:
        run = await hitl.wait(run_id)
        await hitl.respond(only(run).choose("not_happened", by="ann"))
    async with shop.open(redefining(shop, 2)) as hitl:
        run = await hitl.resume(run_id)
        assert (run.state, run.error[:8], shop.ledger.count()) == (RunState.FAILED, "HITL-A07", 1)
        assert "has another definition now" in run.error
    async with shop.open(redefining(shop, 1)) as hitl:
        run = await hitl.resume(run_id)
    assert [line["version"] for line in shop.ledger.lines()] == [1, 1]


async def test_p44_an_idempotent_tool_that_was_redefined_is_not_retried(shop: Shop) -> None:
    shop.policy = FREE
    run_id = await crashed(shop, redefining(shop, 1, dies=True, idempotent=True))
    async with shop.open(redefining(shop, 2, idempotent=True)) as hitl:
        run = await hitl.wait(run_id)
    assert (run.state, run.error[:8], shop.ledger.count()) == (RunState.FAILED, "HITL-A07", 1)


async def test_p40_what_a_redefined_tool_returned_before_is_still_its_result(shop: Shop) -> None:
    shop.policy = FREE
    async with shop.open(redefining(shop, 1)) as hitl:
        run = await hitl.start(None)
    async with shop.open(redefining(shop, 2)) as hitl:
        run = await decide(hitl, run, "answer", "no")
    assert (run.output, shop.ledger.count()) == (["paid", "no"], 1)


async def test_p03_an_edited_call_is_known_by_what_the_model_proposed(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        first = await refunding(input)
        return [first, await gate.ask("Anything else?")]

    refunding = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        run = await decide(hitl, run, "edit", {"order": "A-1042", "amount": 90.0}, reason="the limit")
        run = await decide(hitl, run, "answer", "no")
    output: Any = run.output
    assert (output[0]["said"], output[1], shop.ledger.count()) == ("paid 90.0", "no", 1)
    assert "the limit" in output[0]["notes"][0]


async def test_p03_a_call_that_was_edited_and_is_another_one_now_is_refused(shop: Shop) -> None:
    amounts = [120.5, 120.5, 300.0]

    async def app(input: Any) -> Any:
        first = await refunding({"amount": amounts.pop(0)})
        return [first, await gate.ask("Anything else?")]

    refunding = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run: Run = await hitl.start(None)
        run = await decide(hitl, run, "edit", {"order": "A-1042", "amount": 90.0})
        run = await decide(hitl, run, "answer", "no")
    assert (run.state, run.error[:8]) == (RunState.FAILED, "HITL-A07")
    assert [line["amount"] for line in shop.ledger.lines()] == [90.0]
