"""A person asks the agent before deciding: nothing runs, and the next request shows what was asked and answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_adapters.plain import Refused
from hitl_core.errors import ResponseRefused
from hitl_core.gate import Form, Gate
from hitl_core.protocol import Action, Context, Json, RunState
from tests.core.shop import App, Shop, decide, one_refund, only, policy, refund_tool, rule

NO_FORM = Form()


def tries(shop: Shop, *amounts: float) -> App:
    """An agent that calls again whenever it is refused."""
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        told: list[Json] = []
        for amount in amounts:
            try:
                return {"told": told, "said": await refund("A-1042", amount)}
            except Refused as exc:
                told.append(str(exc))
        return {"told": told}

    return app


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework hands on what the agent says with each of its calls."""
    propose = Gate.propose

    async def saying(self: Gate, action: Action, *, call: str, form: Form = NO_FORM) -> Any:
        words = Context(message=f"I want {action.arguments['amount']} because of invoice 7")
        return await propose(self, action, call=call, form=Form(context=words))

    monkeypatch.setattr(Gate, "propose", saying)


@pytest.mark.usefixtures("answering")
async def test_the_next_request_shows_every_question_and_what_the_agent_said(shop: Shop) -> None:
    async with shop.open(tries(shop, 1.0, 2.0, 3.0)) as hitl:
        run = await hitl.start(None)
        run = await decide(hitl, run, "ask", "Which invoice?")
        run = await decide(hitl, run, "ask", "Sure?", by="bob")
        assert [(each.by, each.question, each.answer) for each in only(run).asked] == [
            ("ann", "Which invoice?", "I want 2.0 because of invoice 7"),
            ("bob", "Sure?", "I want 3.0 because of invoice 7"),
        ]
        assert shop.ledger.count() == 0
        run = await decide(hitl, run, "approve")
    assert [line["amount"] for line in shop.ledger.lines()] == [3.0]
    output: Any = run.output
    assert "ann, a person, asks before anybody decides; the call did not run: Which invoice?" in output["told"][0]


async def test_an_agent_that_does_not_call_again_has_run_nothing(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None), "ask", "Which invoice?")
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 0)


async def test_a_question_is_nobodys_consent_and_one_person_is_enough_for_it(shop: Shop) -> None:
    shop.policy = policy(rule("two", level="confirm", approvers={"users": ["ann", "bob"], "quorum": 2}))
    async with shop.open(tries(shop, 1.0, 2.0)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match="question"):
            await hitl.respond(only(run).ask(" ", by="ann"))
        run = await decide(hitl, run, "ask", "Which invoice?")
        assert [each.question for each in only(run).asked] == ["Which invoice?"]
        run = await decide(hitl, run, "approve")
        assert run.state is RunState.PAUSED
        await decide(hitl, run, "approve", by="bob")
    assert [line["amount"] for line in shop.ledger.lines()] == [2.0]


async def test_after_an_answer_a_refusal_is_a_refusal(shop: Shop) -> None:
    async with shop.open(tries(shop, 1.0, 2.0)) as hitl:
        run = await hitl.start(None)
        run = await decide(hitl, run, "ask", "Which invoice?")
        run = await decide(hitl, run, "reject", "no")
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 0)


@pytest.mark.parametrize("window", [timedelta(hours=2), None])
async def test_a_notice_says_until_when_it_can_be_undone(shop: Shop, window: timedelta | None) -> None:
    shop.policy = policy(rule("noticed", level="notify", allow_irreversible="for the test"))
    async with shop.open(one_refund(shop.ledger, undo=str, undo_window=window)) as hitl:
        await hitl.start(None)
        (notice,) = (await hitl.inbox(notices=True)).items
    until = None if window is None else shop.clock.now() + window
    assert notice.request.undo_until == until
