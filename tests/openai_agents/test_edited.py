"""What a person decided, as the app's own code sees it: a tool's context, its guardrails, its error function."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from agents import (
    Agent,
    RunConfig,
    ToolExecutionConfig,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailData,
    function_tool,
    tool_input_guardrail,
)
from agents.tool_context import ToolContext

from hitl_adapters.openai_agents import AgentApp
from hitl_core.protocol import RunState

from .desk import Desk, answering, approve, chat_model, editing, record, recorded, reject
from .specs import calls, says

Made = Callable[..., Desk]
END = says("done: {{tool_result}}")


@tool_input_guardrail
def at_most_ten(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
    """What the app itself never lets happen."""
    if json.loads(data.context.tool_arguments)["amount"] <= 10:
        return ToolGuardrailFunctionOutput.allow()
    return ToolGuardrailFunctionOutput.reject_content("more than the app ever pays")


def paying(url: str, *, enabled: Any = True, before: bool = False) -> AgentApp:
    @function_tool(needs_approval=True, tool_input_guardrails=[at_most_ten], is_enabled=enabled)
    def pay(context: ToolContext[Any], amount: int) -> str:
        """Pay."""
        assert context.tool_call is not None
        record("pay", amount=amount, shown=context.tool_arguments, call=context.tool_call.arguments)
        return f"paid {amount}"

    config = RunConfig(tool_execution=ToolExecutionConfig(pre_approval_tool_input_guardrails=before))
    return AgentApp(Agent(name="desk", model=chat_model(url), tools=[pay]), run_config=config)


def asking(amount: int) -> Any:
    return calls(("pay", {"amount": amount}))


async def test_a_tool_sees_nowhere_what_a_person_changed_away(desk: Made) -> None:
    """§2.1: the SDK keeps the model's arguments beside those that the tool is called with."""
    at = desk(paying, asking(50), END)
    run = await at.answer(await at.start(), editing(amount=5))
    assert run.state is RunState.COMPLETED, run.error
    assert recorded() == [{"effect": "pay", "amount": 5, "shown": '{"amount": 5}', "call": '{"amount": 5}'}]
    assert at.heard()[0].endswith("paid 5")


@pytest.mark.parametrize(
    ("say", "paid", "told"),
    [
        (approve, 0, "more than the app ever pays"),
        (editing(amount=60), 0, "more than the app ever pays"),
        (editing(amount=5), 1, "paid 5"),
        (answering("paid by hand"), 0, "paid by hand"),
        (reject, 0, "too risky"),
    ],
    ids=["approve", "edit to as bad", "edit to good", "respond", "reject"],
)
async def test_the_apps_guardrails_are_asked_about_what_would_run(desk: Made, say: Any, paid: int, told: str) -> None:
    """§4: they come after the decision, and the SDK shows them what the model wrote."""
    at = desk(paying, asking(50), END)
    run = await at.answer(await at.start(), say)
    assert (run.state, len(recorded()), told in at.heard()[0]) == (RunState.COMPLETED, paid, True), run.error
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == ["executed"] * paid


async def test_an_edit_to_what_the_app_forbids_is_held_back(desk: Made) -> None:
    at = desk(paying, asking(5), END)
    run = await at.answer(await at.start(), editing(amount=500))
    assert (run.state, recorded(), at.heard()) == (RunState.COMPLETED, [], ["more than the app ever pays"]), run.error


async def test_guardrails_before_the_decision_see_what_the_model_wrote(desk: Made) -> None:
    at = desk(lambda url: paying(url, before=True), asking(50), END)
    run = await at.start()
    assert (run.state, run.pending, at.heard()) == (RunState.COMPLETED, (), ["more than the app ever pays"]), run.error


@pytest.mark.parametrize("enabled", [False, lambda context, agent: False], ids=["never", "not now"])
async def test_a_tool_that_is_switched_off_when_it_was_decided_does_not_run(desk: Made, enabled: Any) -> None:
    at = desk(paying, asking(5), END)
    run = await at.start()
    await at.say(approve(run.pending[0]))
    at.app = lambda url: paying(url, enabled=enabled)
    run = await at.resume(run)
    assert (run.state, recorded(), at.asked) == (RunState.FAILED, [], (1, 0))
    assert "no longer has the tool 'pay' that waits" in run.error
    at.app = paying
    run = await at.resume(run)
    assert (run.state, len(recorded())) == (RunState.COMPLETED, 1), run.error


async def test_a_tool_that_is_switched_on_by_code_is_found_again(desk: Made) -> None:
    at = desk(lambda url: paying(url, enabled=lambda context, agent: True), asking(5), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, len(recorded())) == (RunState.COMPLETED, 1), run.error


async def test_what_an_error_function_makes_of_a_failure_is_read_and_it_is_on_record_as_failed(desk: Made) -> None:
    """§6: the SDK takes such a text for a result like any other."""

    def app(url: str) -> Agent[Any]:
        def kindly(context: Any, error: Exception) -> str:
            return f"sorry, {error}"

        @function_tool(needs_approval=True, failure_error_function=kindly)
        def pay(amount: int) -> str:
            """Pay."""
            record("pay", amount=amount)
            raise RuntimeError("the bank is closed")

        return Agent(name="desk", model=chat_model(url), tools=[pay])

    at = desk(app, asking(50), END)
    run = await at.answer(await at.start(), editing(amount=5))
    assert (run.state, at.effects) == (RunState.COMPLETED, ["pay"]), run.error
    assert ("A person changed this call" in at.heard()[0], at.heard()[0].endswith("sorry, the bank is closed")) == (
        True,
        True,
    )
    async with at.open() as hitl:
        (effect,) = await hitl.effects(run.id)
    assert (effect.state, effect.error) == ("failed", "RuntimeError: the bank is closed")
