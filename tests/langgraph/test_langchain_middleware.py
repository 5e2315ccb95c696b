"""LangChain's own HumanInTheLoopMiddleware, unchanged: one request per call, mixed decisions (research §3.1)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool

from hitl_core.errors import ResponseRefused
from hitl_core.protocol import RunState

from .desk import Desk, answering, approve, editing, record, recorded, reject
from .played import PlayedModel, call

HAS_PER_CALL = "interrupt_mode" in inspect.signature(HumanInTheLoopMiddleware.__init__).parameters
TURNS = [
    [call("refund", "1", order="A", amount=10), call("refund", "2", order="B", amount=20), call("mail", "3", to="c")],
    "done",
]


@tool
def refund(order: str, amount: int) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount)
    return f"paid {amount}"


@tool
def mail(to: str) -> str:
    """Send a mail."""
    record("mail", to=to)
    return "sent"


def agent(mode: str, model: PlayedModel) -> Callable[[Any], Any]:
    how: dict[str, Any] = {"interrupt_mode": mode} if HAS_PER_CALL else {}
    gate = HumanInTheLoopMiddleware(interrupt_on={"refund": True, "mail": True}, **how)
    return lambda saver: create_agent(model, [refund, mail], middleware=[gate], checkpointer=saver)


@pytest.fixture(params=["batched", "per_call"])
def mode(request: pytest.FixtureRequest) -> str:
    if request.param == "per_call" and not HAS_PER_CALL:
        pytest.skip("this langchain has no per_call mode")
    return str(request.param)


async def test_every_call_is_a_request_of_its_own_and_answers_are_mixed(desk: Callable[..., Desk], mode: str) -> None:
    model = PlayedModel(turns=TURNS)
    at = desk(agent(mode, model))
    run = await at.start({"messages": [["user", "go"]]})
    assert [r.action.tool for r in run.pending] == ["refund", "refund", "mail"]
    run = await at.answer(run, editing(amount=15), reject, answering("I did it myself"))
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert recorded() == [{"effect": "refund", "order": "A", "amount": 15}]
    told = model.told()
    assert len(told) == 3
    assert "I did it myself" in told
    assert any("paid 15" in each for each in told)
    assert any("too risky" in each for each in told)


async def test_half_answered_nothing_runs(desk: Callable[..., Desk], mode: str) -> None:
    at = desk(agent(mode, PlayedModel(turns=TURNS)))
    run = await at.start({"messages": [["user", "go"]]})
    await at.say(approve(run.pending[0]), approve(run.pending[1]))
    run = await at.resume(run)
    assert (run.state, [r.action.tool for r in run.pending], at.effects) == (RunState.PAUSED, ["mail"], [])
    run = await at.answer(run, reject)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund", "refund"])


async def test_an_edit_that_does_not_fit_the_tool_is_refused_and_the_thread_unharmed(
    desk: Callable[..., Desk], mode: str
) -> None:
    """A bad value would be persisted and brick the thread (research §2.4)."""
    at = desk(agent(mode, PlayedModel(turns=TURNS)))
    run = await at.start({"messages": [["user", "go"]]})
    with pytest.raises(ResponseRefused, match="amount"):
        await at.say(editing(amount="many")(run.pending[0]))
    run = await at.answer(run, approve, approve, approve)
    assert (run.state, sorted(at.effects)) == (RunState.COMPLETED, ["mail", "refund", "refund"])
