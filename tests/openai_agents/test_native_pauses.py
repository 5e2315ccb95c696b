"""Unchanged agents: what `needs_approval` asks is lifted, and the answer lowered; nothing else changes (P92)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, RunConfig, RunHooks, function_tool

from hitl_adapters.openai_agents import AgentApp
from hitl_core.protocol import RunState

from .desk import Desk, answering, approve, chat_model, editing, record, recorded, reject
from .native import above_ten, function_tools, unchanged
from .specs import LOOK_UP, REFUND, calls, says

END = says("done: {{tool_result}}")
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})


@pytest.mark.parametrize(
    ("say", "effects", "told"),
    [
        (approve, [12], "paid 12.0 for A"),
        (editing(amount=7.5), [7.5], "paid 7.5 for A"),
        (reject, [], "too risky"),
        (answering("paid by hand"), [], "paid by hand"),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
async def test_an_unchanged_approval(desk: Callable[..., Desk], say: Any, effects: list[float], told: str) -> None:
    at = desk(unchanged, calls(LOOK_UP, WHOLE), END)
    run = await at.start()
    (request,) = run.pending
    assert (request.action.tool, request.action.origin.agent, at.effects) == ("refund", "desk", ["look_up"])
    run = await at.answer(run, say)
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert [each["amount"] for each in recorded() if each["effect"] == "refund"] == effects
    assert told in at.heard()[-1]


async def test_a_policy_that_lets_it_run_does_not_answer_for_the_app(desk: Callable[..., Desk]) -> None:
    policy = '[[rules]]\nid = "all"\nwhy = "a test"\nmatch = { tool = { glob = "*" } }\nlevel = "autonomous"\n'
    at = desk(unchanged, calls(WHOLE), END, policy=policy, harmless=("refund",))
    run = await at.start()
    assert [(each.action.tool, each.because.rule) for each in run.pending] == [("refund", "all")]


async def test_a_policy_that_denies_it_is_obeyed(desk: Callable[..., Desk]) -> None:
    policy = '[[rules]]\nid = "no"\nwhy = "never"\nmatch = { tool = "refund" }\neffect = "deny"\n'
    at = desk(unchanged, calls(WHOLE), END, policy=policy)
    run = await at.start()
    assert (run.state, at.effects) == (RunState.COMPLETED, [])
    assert "never" in at.heard()[0]


async def test_the_apps_own_predicate_is_asked(desk: Callable[..., Desk]) -> None:
    def app(url: str) -> Agent[Any]:
        return Agent(name="desk", model=chat_model(url), tools=function_tools(needs_approval=above_ten))

    small = ("refund", {"order": "B", "amount": 3.0, "note": ""})
    at = desk(app, calls(small, WHOLE), END)
    run = await at.start()
    assert [(each.action.arguments["order"], at.effects) for each in run.pending] == [("A", ["refund"])]
    run = await at.answer(run, approve)
    assert (run.state, [each["order"] for each in recorded()]) == (RunState.COMPLETED, ["B", "A"]), run.error


async def test_the_context_and_hooks_of_the_app_are_its_own(desk: Callable[..., Desk]) -> None:
    """A context is made anew in each process and never stored (research §3)."""
    seen: list[str] = []

    class Hooks(RunHooks[Any]):
        async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: object) -> None:
            seen.append(f"{tool.name} with {context.context.secret}")

    class Secrets:
        secret = "s3cret"

    def app(url: str) -> AgentApp:
        return AgentApp(unchanged(url), context=lambda given: Secrets(), hooks=Hooks())

    at = desk(app, calls(WHOLE), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, seen) == (RunState.COMPLETED, ["refund with s3cret"]), run.error
    assert b"s3cret" not in (at.folder / "store.db").read_bytes()


async def test_without_a_context_there_is_none_after_a_pause_either(desk: Callable[..., Desk]) -> None:
    seen: list[Any] = []

    class Hooks(RunHooks[Any]):
        async def on_llm_start(self, context: Any, *args: Any) -> None:
            seen.append(context.context)

    at = desk(lambda url: AgentApp(unchanged(url), hooks=Hooks()), calls(WHOLE), END)
    await at.answer(await at.start(), approve)
    assert seen == [None, None]


async def test_structured_output_is_the_output(desk: Callable[..., Desk]) -> None:
    from pydantic import BaseModel

    class Result(BaseModel):
        paid: float

    def app(url: str) -> AgentApp:
        return AgentApp(unchanged(url, output_type=Result), run_config=RunConfig(workflow_name="refunds"))

    at = desk(app, calls(WHOLE), says('{"paid": 12}'))
    run = await at.answer(await at.start(), approve)
    assert run.output == {"paid": 12.0}


async def test_what_the_tool_makes_of_its_own_errors_is_read_and_the_failure_is_on_record(
    desk: Callable[..., Desk],
) -> None:
    def app(url: str) -> Agent[Any]:
        @function_tool(needs_approval=True)
        def breaks(order: str) -> str:
            """Raises."""
            record("breaks")
            raise RuntimeError("the bank is closed")

        return Agent(name="desk", model=chat_model(url), tools=[breaks])

    at = desk(app, calls(("breaks", {"order": "A"})), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["breaks"]), run.error
    assert "An error occurred while running the tool" in at.heard()[0]
    async with at.open() as hitl:
        (effect,) = await hitl.effects(run.id)
    assert (effect.state, "the bank is closed" in effect.error) == ("failed", True)


async def test_run_by_itself_the_agent_is_what_it_was(desk: Callable[..., Desk]) -> None:
    from agents import Runner

    at = desk(unchanged, calls(REFUND), END)
    agent = unchanged(at.model.base_url)
    from hitl_adapters.openai_agents.gating import oversee

    oversee(agent, model=None, provider=None)
    result = await Runner.run(agent, "go", run_config=RunConfig(tracing_disabled=True))
    assert [item.tool_name for item in result.interruptions] == ["refund"]
