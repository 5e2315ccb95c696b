"""Overriding what came out: the original is kept, the agent hears of a call's, an undo still gets the receipt."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.errors import NotCanonical, OverrideRefused, RunNotFound
from hitl_core.protocol import Json, RunState
from tests.core.runtime.test_undo import EVERYTHING, desk
from tests.core.shop import Ledger, Shop, decide, policy, rule

PAYS = policy(rule("pay", match={"tool": "pay"}, level="autonomous", allow_irreversible="a test"))


def asks_after(ledger: Ledger) -> Any:
    """An app that pays, asks, and returns what came of the payment and what it was told."""

    @gate.guard
    async def pay(order: str) -> str:
        ledger.write("pay", order=order)
        return f"paid {order}"

    async def app(input: Any) -> Any:
        result = await pay(order="A-1")
        await gate.ask("Good?")
        return {"result": result, "told": list(await gate.guidance())}

    return app


async def test_a_result_is_replaced_before_it_is_used_further(shop: Shop) -> None:
    shop.policy = PAYS
    async with shop.open(asks_after(shop.ledger)) as hitl:
        run = await hitl.start(None)
        made = await hitl.override(run.id, "bounced", "pay#1", by="bob", reason="the bank says so")
        assert (made.original, made.value, made.call) == ("paid A-1", "bounced", "pay#1")
        again = await hitl.override(run.id, "bounced twice", "pay#1", by="mia")
        run = await decide(hitl, run, "answer", "yes")
        assert isinstance(run.output, dict)
        assert run.output["result"] == "bounced twice"
        assert str(run.output["told"]).count("bounced") == 2
        assert (await hitl.overrides(run.id), again.original) == ((made, again), "bounced")
        with pytest.raises(OverrideRefused, match="in use, or was used"):
            await hitl.override(run.id, "late", "pay#1", by="bob")
    assert (shop.ledger.count("pay"), (await shop.verified()).exit_code) == (1, 0)


async def test_what_is_not_there_or_too_long_is_not_replaced(shop: Shop) -> None:
    shop.policy = PAYS
    async with shop.open(asks_after(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(OverrideRefused, match="no result at the call 'pay#2'"):
            await hitl.override(run.id, "x", "pay#2", by="bob")
        with pytest.raises(OverrideRefused, match="at most 3,000"):
            await hitl.override(run.id, "x" * 3_000, "pay#1", by="bob")
        with pytest.raises(NotCanonical):
            await hitl.override(run.id, float("nan"), "pay#1", by="bob")
        with pytest.raises(RunNotFound):
            await hitl.override("run-7", 1, by="bob")
        with pytest.raises(OverrideRefused, match="is paused and has no output yet"):
            await hitl.override(run.id, 1, by="bob")
        assert await hitl.overrides(run.id) == ()


async def test_an_undo_gets_the_receipt_and_its_own_output_stays(shop: Shop) -> None:
    shop.policy = policy(
        rule("some", match={"tool": {"glob": "*pay"}}, level="autonomous", allow_irreversible="a test")
    )
    async with shop.open(desk(shop.ledger, "pay", "ship")) as hitl:
        run = await hitl.start(None)
        await hitl.override(run.id, "bounced", "pay#1", by="bob")
        undoing = await hitl.undo(run.id, by="bob")
        assert (undoing.run.state, shop.ledger.lines("undo pay")[0]["receipt"]) == (RunState.COMPLETED, "pay of A-1")
        with pytest.raises(OverrideRefused, match="an undo"):
            await hitl.override(undoing.run.id, {}, by="bob")


async def test_an_output_is_replaced_as_often_as_people_say(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay")) as hitl:
        run = await hitl.start(None)
        values: tuple[Json, ...] = (None, {"a": 1})
        for value in values:
            await hitl.override(run.id, value, by="bob", reason="wrong")
        run = await hitl.run(run.id)
        assert run.overridden is not None
        assert (run.output, run.overridden.reason) == ({"a": 1}, "wrong")
        assert [each.original for each in await hitl.overrides(run.id)] == ["done", None]
