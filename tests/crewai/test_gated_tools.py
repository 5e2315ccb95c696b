"""Tools behind the gate, in agents built from a spec and in unchanged crews: by effects and by what the model read."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crewai.agent.planning_config import PlanningConfig
from crewai.mcp import MCPServerStdio

from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Rule, Script, Step, When

from . import agents
from .desk import READS, Desk, answering, approve, calls, editing, ended, recorded, reject

Made = Callable[..., Desk]
ROOT = Path(__file__).resolve().parents[2]

ONE = (calls(("look_up", {"order": "A"})), calls(("refund", {"order": "A", "amount": 12})), Step(say="done"))
PAY = calls(("refund", {"order": "A", "amount": 12}))
DONE = Step(say="done")


@pytest.fixture(
    params=[agents.spec(agents.look_up, agents.refund), agents.crew(agents.LookUp, agents.Refund)],
    ids=["spec", "crew"],
)
def app(request: pytest.FixtureRequest) -> Any:
    return request.param


def refunds() -> list[tuple[str, Any]]:
    return [(each["order"], each["amount"]) for each in recorded() if each["effect"] == "refund"]


async def test_an_approved_call_runs_once_as_shown(desk: Made, app: Any) -> None:
    at = desk(app, *ONE, policy=READS)
    run = await at.start()
    assert [(r.action.tool, r.action.arguments) for r in run.pending] == [("refund", {"order": "A", "amount": 12})]
    run = await at.answer(run, approve)
    ended(run, {"answer": "done"})
    assert at.effects == ["looked", "refund"]
    assert at.told() == ["A cost 12", "paid 12.0 for A"]
    assert len(at.calls) == 3


async def test_an_edited_call_runs_with_types_kept_and_the_model_is_told(desk: Made, app: Any) -> None:
    at = desk(app, PAY, DONE)
    ended(await at.answer(await at.start(), editing(amount=7.5)))
    assert refunds() == [("A", 7.5)]
    (told,) = at.told()
    assert '{"order": "A", "amount": 7.5}' in told
    assert "Do not repeat the original" in told
    assert told.endswith("paid 7.5 for A")


async def test_a_refused_call_never_runs_and_the_model_reads_why(desk: Made, app: Any) -> None:
    at = desk(app, PAY, DONE)
    ended(await at.answer(await at.start(), reject))
    assert at.effects == []
    assert "too risky" in at.told()[0]


async def test_an_answer_stands_for_the_result(desk: Made, app: Any) -> None:
    at = desk(app, PAY, DONE)
    ended(await at.answer(await at.start(), answering("paid by hand")))
    assert (at.effects, at.told()) == ([], ["paid by hand"])


@pytest.mark.parametrize("arguments", [{"order": "A"}, {"order": "A", "amount": "much"}])
async def test_nobody_is_asked_about_invalid_arguments(desk: Made, app: Any, arguments: dict[str, Any]) -> None:
    at = desk(app, calls(("refund", arguments)), DONE)
    ended(await at.start())
    assert at.effects == []
    assert "amount" in at.told()[0]


async def test_nobody_is_asked_about_an_unknown_tool(desk: Made, app: Any) -> None:
    at = desk(app, calls(("delete_everything", {})), DONE)
    ended(await at.start())
    assert "delete_everything" in at.told()[0]


async def test_two_identical_calls_need_two_answers(desk: Made, app: Any) -> None:
    same = ("refund", {"order": "A", "amount": 12})
    at = desk(app, calls(same, same), DONE)
    run = await at.start()
    assert len(run.pending) == 2
    ended(await at.answer(run, approve, reject))
    assert refunds() == [("A", 12)]
    assert [text.startswith("paid") for text in at.told()] == [True, False]
    assert len(at.calls) == 2


async def test_one_answer_of_two_redoes_nothing(desk: Made, app: Any) -> None:
    two = calls(("refund", {"order": "A", "amount": 12}), ("refund", {"order": "B", "amount": 3}))
    at = desk(app, calls(("look_up", {"order": "A"})), two, DONE, policy=READS)
    run = await at.start()
    second = next(request for request in run.pending if request.action.arguments["order"] == "B")
    await at.say(approve(second))
    run = await at.look(run)
    assert (run.state, len(run.pending)) == (RunState.PAUSED, 1)
    ended(await at.answer(run, approve))
    assert sorted(refunds()) == [("A", 12), ("B", 3)]
    assert (at.effects.count("looked"), len(at.calls)) == (1, 3)


async def test_the_same_call_in_a_later_turn_is_asked_again(desk: Made, app: Any) -> None:
    at = desk(app, PAY, PAY, DONE)
    run = await at.answer(await at.start(), approve)
    assert (run.state, len(run.pending), refunds()) == (RunState.PAUSED, 1, [("A", 12)])
    ended(await at.answer(run, reject))
    assert refunds() == [("A", 12)]


async def test_a_tool_that_raises_is_not_tried_again(desk: Made) -> None:
    at = desk(agents.spec(agents.breaks), calls(("breaks", {"order": "A"})), DONE)
    ended(await at.answer(await at.start(), approve))
    assert at.effects == ["breaks"]
    assert "the bank is closed" in at.told()[0]


async def test_an_async_tool_of_a_crew(desk: Made) -> None:
    at = desk(agents.crew(agents.async_refund), PAY, DONE)
    ended(await at.answer(await at.start(), approve))
    assert refunds() == [("A", 12)]


# ── an agent that plans, and calls its tools in steps ────────────────────────────────────────────────────────


def planned(*orders: str) -> Script:
    """A plan of steps that need nothing of each other: each pays one order back."""
    steps: Any = [
        {"step_number": number, "description": f"Pay {order} back", "tool_to_use": "refund", "depends_on": []}
        for number, order in enumerate(orders, 1)
    ]
    plan = calls(("create_reasoning_plan", {"plan": "Pay.", "steps": steps, "ready": True}))
    says = [
        rule
        for order in orders
        for rule in (
            Rule(when=When(user=f"Pay {order} back", turn=0), call=_pays(order).call),
            Rule(when=When(user=f"Pay {order} back", turn=1), say=f"settled {order}"),
        )
    ]
    planner = Conversation(name="planner", system="strategic planning assistant", steps=(plan,))
    summary = Conversation(name="summary", system="You have completed a multi-step task", steps=(Step(say="all paid"),))
    return Script(conversations=(planner, summary), rules=tuple(says), steps=(Step(say="nothing"),))


def _pays(order: str) -> Step:
    return calls(("refund", {"order": order, "amount": 12}))


PLANS: dict[str, Any] = {"planning_config": PlanningConfig(reasoning_effort="low", max_attempts=1)}


async def test_the_steps_of_a_plan_are_gated_side_by_side_and_repeat_nothing(desk: Made) -> None:
    """CrewAI gives the planner's model a function to call by itself; that one only writes the plan down."""
    at = desk(agents.crew(agents.Refund, **PLANS), planned("A", "B"))
    run = await at.start()
    assert (run.state, at.effects) == (RunState.PAUSED, [])
    while run.pending:
        run = await at.answer(run, *[approve] * len(run.pending))
    ended(run, {"answer": "all paid"})
    assert (sorted(refunds()), len(at.calls)) == ([("A", 12), ("B", 12)], 6)


async def test_a_refused_step_of_a_plan_never_runs(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund, **PLANS), planned("A"))
    ended(await at.answer(await at.start(), reject), {"answer": "all paid"})
    assert at.effects == []
    assert any("too risky" in text for text in at.told(-2))


# ── tools of a server in another process ─────────────────────────────────────────────────────────────────────


@pytest.mark.processes
@pytest.mark.parametrize(("say", "paid"), [(approve, [("A", 12)]), (reject, [])], ids=["approve", "reject"])
async def test_a_tool_of_an_mcp_server_is_gated(desk: Made, say: Any, paid: list[Any]) -> None:
    """Its server is started anew for each call, and the effect is that process's."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = MCPServerStdio(command=sys.executable, args=["-m", "tests.crewai.mcp_server"], env=env)
    (offered,) = await asyncio.to_thread(agents.agent("http://nobody", mcps=[server]).get_mcp_tools, [server])
    at = desk(agents.crew(mcps=[server]), calls((offered.name, {"order": "A", "amount": 12})), DONE)
    run = await at.start()
    assert (run.state, refunds()) == (RunState.PAUSED, [])
    ended(await at.answer(run, say), {"answer": "done"})
    assert (refunds(), len(at.calls)) == (paid, 2)
