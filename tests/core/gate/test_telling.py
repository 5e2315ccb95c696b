"""What the agent is told of what people did, as configured."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain import gate
from tests.core.shop import Shop, decide, one_refund, policy, refund_tool, rule


@pytest.mark.parametrize(
    ("decision", "notes"),
    [
        (("approve",), ["A person approved this call before it ran."]),
        (("answer", "done by phone"), ["A person gave this result; the tool did not run."]),
        (("reject", "no"), []),
    ],
)
async def test_everything_is_told_where_that_is_configured(shop: Shop, decision: Any, notes: list[str]) -> None:
    async with shop.open(one_refund(shop.ledger), tells_everything=True) as hitl:
        run = await decide(hitl, await hitl.start(None), *decision)
    output: Any = run.output
    assert output["notes"] == notes


async def test_an_edit_is_told_as_an_edit(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger), tells_everything=True) as hitl:
        run = await decide(hitl, await hitl.start(None), "edit", {"order": "A-1042", "amount": 90})
    output: Any = run.output
    (note,) = output["notes"]
    assert "A person changed this call" in note


async def test_what_nobody_did_is_not_told(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="for the test"))
    async with shop.open(one_refund(shop.ledger), tells_everything=True) as hitl:
        run = await hitl.start(None)
    assert run.output == {"said": "paid 120.5", "notes": []}


async def test_silence_that_counts_as_a_yes_is_nobodys_approval(shop: Shop) -> None:
    shop.policy = policy(rule("veto", level="notify", veto="1h", allow_irreversible="for the test"))
    async with shop.open(one_refund(shop.ledger), tells_everything=True) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        run = await hitl.wait(run.id)
    assert run.output == {"said": "paid 120.5", "notes": []}


async def test_it_is_told_again_when_the_run_goes_on_elsewhere(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        said = [await refund("A-1", 1.0), await refund("A-2", 2.0)]
        return {"said": said, "notes": list(gate.notes)}

    async with shop.open(app, tells_everything=True) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
    async with shop.open(app, tells_everything=True) as hitl:
        run = await decide(hitl, await hitl.run(run.id), "approve")
    output: Any = run.output
    assert output["notes"] == ["A person approved this call before it ran."] * 2
    assert [line["amount"] for line in shop.ledger.lines()] == [1.0, 2.0]


async def test_a_question_and_a_choice_are_answered_and_nothing_is_said_of_it(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return {"said": await gate.ask("Why?"), "notes": list(gate.notes)}

    async with shop.open(app, tells_everything=True) as hitl:
        run = await decide(hitl, await hitl.start(None), "answer", "because")
    assert run.output == {"said": "because", "notes": []}
