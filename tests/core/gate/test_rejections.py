"""A call that people keep rejecting: when nobody is asked about it any more, and what starts the count anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hitl_adapters.plain import Refused
from hitl_core.protocol import Allowance, AuditEvent, RunState
from tests.core.shop import App, Ledger, Shop, decide, only, refund_tool, trail


def insisting(ledger: Ledger, *amounts: float) -> App:
    """An agent that tries one refund after the other, whatever it is told; returns what it was told last."""
    refund = refund_tool(ledger, reversible=True)

    async def app(input: Any) -> Any:
        said: Any = None
        for amount in amounts:
            try:
                said = await refund("A-1042", amount)
            except Refused as exc:
                said = str(exc)
        return said

    return app


async def test_the_fourth_time_nobody_is_asked_and_the_agent_is_told(shop: Shop) -> None:
    async with shop.open(insisting(shop.ledger, 5, 5, 5, 5, 5)) as hitl:
        run = await hitl.start(None)
        for _ in range(3):
            run = await decide(hitl, run, "reject", "no")
        assert run.state is RunState.COMPLETED
        assert "people have rejected exactly this 3 times in a row" in str(run.output)
        assert "do not try it again" in str(run.output)
        refused = await trail(hitl, AuditEvent.ACTION_REFUSED)
        assert len(refused) == 2
        assert all("3 times in a row" in each.body for each in refused)
        assert len(await trail(hitl, AuditEvent.REQUEST_OPENED)) == 3
    assert shop.ledger.count("refund") == 0


async def test_after_a_crash_it_is_still_refused(shop: Shop) -> None:
    """What counts is in the store, and the refusal is recorded at its call."""
    app = insisting(shop.ledger, 5, 5, 5, 5, 7)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        run = await decide(hitl, await decide(hitl, run, "reject"), "reject")
        await hitl.respond(only(run).reject(by="ann"))
    async with shop.open(app) as hitl:
        run = await hitl.resume(run.id)
        assert only(run).action.arguments["amount"] == 7
    async with shop.open(app) as hitl:
        run = await decide(hitl, run, "approve")
        assert run.state is RunState.COMPLETED
        assert len(await trail(hitl, AuditEvent.ACTION_REFUSED)) == 1
    assert [line["amount"] for line in shop.ledger.lines("refund")] == [7]


async def test_another_decision_in_between_starts_anew(shop: Shop) -> None:
    async with shop.open(insisting(shop.ledger, *[5] * 7)) as hitl:
        run = await hitl.start(None)
        for said in ("reject", "reject", "approve", "reject", "reject"):
            run = await decide(hitl, run, said)
        run = await decide(hitl, run, "answer", "later")
        assert only(run).action.arguments["amount"] == 5
    assert shop.ledger.count("refund") == 1


async def test_other_arguments_and_other_runs_are_asked_about(shop: Shop) -> None:
    async with shop.open(insisting(shop.ledger, 5, 6, 5, 6, 5, 7)) as hitl:
        run = await hitl.start(None)
        for _ in range(5):
            run = await decide(hitl, run, "reject")
        assert only(run).action.arguments["amount"] == 7
        assert only(await hitl.start(None)).action.arguments["amount"] == 5


async def test_a_standing_grant_is_another_word(shop: Shop) -> None:
    async with shop.open(insisting(shop.ledger, 5, 5, 5, 6, 5)) as hitl:
        run = await hitl.start(None)
        for _ in range(3):
            run = await decide(hitl, run, "reject")
        await hitl.grant(Allowance(tool="refund", times=1), by="ann", lasts=timedelta(hours=1))
        run = await decide(hitl, run, "reject")
        assert run.state is RunState.COMPLETED
    assert [line["amount"] for line in shop.ledger.lines("refund")] == [5]


async def test_how_many_times_is_configured_and_it_can_be_for_ever(shop: Shop) -> None:
    shop.rejected_in_a_row = 1
    async with shop.open(insisting(shop.ledger, 5, 5)) as hitl:
        run = await decide(hitl, await hitl.start(None), "reject")
        assert "rejected exactly this once" in str(run.output)
    shop.rejected_in_a_row = 0
    async with shop.open(insisting(shop.ledger, *[5] * 6)) as hitl:
        run = await hitl.start(None)
        for _ in range(5):
            run = await decide(hitl, run, "reject")
        assert run.state is RunState.PAUSED
