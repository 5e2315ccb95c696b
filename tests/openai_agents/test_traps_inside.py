"""Traps of agents inside agents, each closed: every test names the section of the research that the trap is from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, GuardrailFunctionOutput, InputGuardrail, RunConfig, Runner, Tool, function_tool

from hitl_adapters.openai_agents import AgentApp, gate_agent
from hitl_adapters.openai_agents.errors import TOLD_APART, at_least
from hitl_core.errors import AppRefused
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Refuse, Script, Step

from .desk import Desk, approve, chat_model, editing, record, recorded, reject
from .native import function_tools
from .specs import calls, says

Made = Callable[..., Desk]
END = says("done: {{tool_result}}")
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})


def _gated_tools() -> list[Tool]:
    return function_tools(needs_approval=True)


async def test_agents_of_one_name_are_told_apart(desk: Made) -> None:
    """§3: an agent tool named like its parent is asked for again for ever on older releases (#5141)."""

    def app(url: str) -> Agent[Any]:
        inner = Agent(name="desk", instructions="You are inside.", model=chat_model(url), tools=_gated_tools())
        ask = inner.as_tool("ask_inside", "Ask inside")
        return Agent(name="desk", instructions="You are outside.", model=chat_model(url), tools=[ask])

    inside = Conversation(name="inside", system="inside", steps=(calls(WHOLE), says("inside is done")))
    script = Script(conversations=(inside,), steps=(calls(("ask_inside", {"input": "pay"})), says("all done")))
    at = desk(app, script)
    if not at_least(TOLD_APART):
        with pytest.raises(AppRefused, match="cannot tell agents of one name apart"):
            await at.start()
        return
    run = await at.answer(await at.start(), approve)
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, {"answer": "all done"}, ["refund"]), run.error


async def test_two_runs_in_one_process_do_not_mix(desk: Made) -> None:
    """§4: older releases look for the state of an agent tool by its call id, in every run of the process (#5123)."""

    def app(url: str) -> Agent[Any]:
        inner = Agent(name="clerk", instructions="You are a clerk.", model=chat_model(url), tools=_gated_tools())
        ask = inner.as_tool("ask_clerk", "Ask the clerk")
        return Agent(name="boss", instructions="You are the boss.", model=chat_model(url), tools=[ask])

    clerk = Conversation(name="clerk", system="a clerk", steps=(calls(WHOLE), says("clerk is done")))
    script = Script(conversations=(clerk,), steps=(calls(("ask_clerk", {"input": "pay"})), says("all done")))
    at = desk(app, script)
    async with at.open() as hitl:
        first, second = await hitl.start("go"), await hitl.start("go")
        assert [len(run.pending) for run in (first, second)] == [1, 1]
        await hitl.respond(reject(second.pending[0]))
        await hitl.respond(approve(first.pending[0]))
        ended = [await hitl.resume(run.id) for run in (second, first)]
    assert [run.state for run in ended] == [RunState.COMPLETED] * 2, [run.error for run in ended]
    assert at.effects == ["refund"]


async def test_an_edit_inside_an_agent_tool(desk: Made) -> None:
    """§2.1, §4: the call is known to the outer run only by what its inner one asked for."""

    def app(url: str) -> Agent[Any]:
        inner = Agent(name="clerk", instructions="You are a clerk.", model=chat_model(url), tools=_gated_tools())
        ask = inner.as_tool("ask_clerk", "Ask the clerk")
        return Agent(name="boss", instructions="You are the boss.", model=chat_model(url), tools=[ask])

    clerk = Conversation(name="clerk", system="a clerk", steps=(calls(WHOLE), says("clerk: {{tool_result}}")))
    at = desk(app, Script(conversations=(clerk,), steps=(calls(("ask_clerk", {"input": "pay"})), END)))
    run = await at.answer(await at.start(), editing(amount=7.5))
    assert (run.state, [each["amount"] for each in recorded()]) == (RunState.COMPLETED, [7.5]), run.error
    assert "A person changed this call" in str(run.output)


@pytest.mark.parametrize("known", [False, True], ids=["an agent of its own", "one of the app's agents"])
async def test_an_agent_that_a_tool_runs_by_hand_cannot_lose_a_pause(desk: Made, known: bool) -> None:
    """§4: a manual Runner.run inside a tool hands the pause to the tool, and it is lost."""

    def app(url: str) -> Agent[Any]:
        inner = gate_agent(Agent(name="inner", instructions="Inner.", model=chat_model(url), tools=function_tools()))

        @function_tool
        async def by_hand(task: str) -> str:
            """Let the inner agent do it."""
            result = await Runner.run(inner, task)
            return str(result.final_output)

        handoffs: list[Any] = [inner] if known else []
        return Agent(name="outer", instructions="Outer.", model=chat_model(url), tools=[by_hand], handoffs=handoffs)

    inner = Conversation(name="inner", system="Inner.", steps=(calls(WHOLE), says("unused")))
    at = desk(app, Script(conversations=(inner,), steps=(calls(("by_hand", {"task": "pay"})), END)))
    run = await at.start()
    assert (run.state, at.effects) == (RunState.FAILED, []), run
    assert "which goes around oversight; make that agent a tool" in run.error


async def test_what_an_agent_says_that_a_tool_runs_by_hand_is_no_answer_to_another(desk: Made) -> None:
    """§4: it is one of the app's agents, so its model is behind our journal, in the middle of somebody else's turn."""

    def app(url: str) -> Agent[Any]:
        clerk = Agent(name="clerk", instructions="You are a clerk.", model=chat_model(url))

        @function_tool
        async def by_hand(task: str) -> str:
            """Let the clerk do it."""
            record("by_hand")
            return str((await Runner.run(clerk, task)).final_output)

        return Agent(name="outer", instructions="Outer.", model=chat_model(url), tools=[by_hand], handoffs=[clerk])

    clerk = Conversation(name="clerk", system="a clerk", steps=(says("the clerk is done"),))
    broken = Step(say="all done: {{tool_result}}", fault=Refuse(status=400, times=1))
    at = desk(app, Script(conversations=(clerk,), steps=(calls(("by_hand", {"task": "pay"})), broken)))
    run = await at.start()
    assert (run.state, at.effects) == (RunState.FAILED, ["by_hand"])
    run = await at.resume(run)
    assert (run.output, at.effects) == ({"answer": "all done: the clerk is done"}, ["by_hand"]), run.error


async def test_an_agent_tool_with_a_model_of_its_own_cannot_go_around(desk: Made) -> None:
    """§5: RunConfig(model=…) replaces the model of every agent in a run, ours among them."""

    def app(url: str) -> Agent[Any]:
        inner = Agent(
            name="inner", instructions="Inner.", model=chat_model("http://127.0.0.1:9/v1"), tools=_gated_tools()
        )
        ask = inner.as_tool("ask_inner", "Ask", run_config=RunConfig(model=chat_model(url), tracing_disabled=True))
        return Agent(name="outer", instructions="Outer.", model=chat_model(url), tools=[ask])

    inner = Conversation(name="inner", system="Inner.", steps=(calls(WHOLE), says("unused")))
    at = desk(app, Script(conversations=(inner,), steps=(calls(("ask_inner", {"input": "pay"})), END)))
    run = await at.start()
    assert (run.state, at.effects) == (RunState.FAILED, []), run
    assert "goes around oversight" in run.error


@pytest.mark.parametrize("of_the_run", [False, True], ids=["agent", "run"])
async def test_an_agent_that_a_guardrail_runs_by_hand_says_nothing_in_the_run(desk: Made, of_the_run: bool) -> None:
    """§4: guardrails run beside the first call of a model, many with an agent of their own, here one of the app's."""

    def app(url: str) -> AgentApp:
        clerk = Agent(name="clerk", instructions="You are a clerk.", model=chat_model(url))

        async def is_fine(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            said = await Runner.run(clerk, "Is that fine?")
            return GuardrailFunctionOutput(said.final_output, tripwire_triggered=said.final_output != "it is fine")

        checks = [InputGuardrail(is_fine)]
        desk = Agent(name="desk", model=chat_model(url), tools=_gated_tools(), handoffs=[clerk])
        if of_the_run:
            return AgentApp(desk, run_config=RunConfig(input_guardrails=checks))
        desk.input_guardrails = checks
        return AgentApp(desk)

    clerk = Conversation(name="clerk", system="a clerk", steps=(says("it is fine"),))
    at = desk(app, Script(conversations=(clerk,), steps=(calls(WHOLE), END)))
    run = await at.start()
    assert [each.action.tool for each in run.pending] == ["refund"], run.error
    run = await at.answer(run, approve)
    assert (run.output, at.effects) == ({"answer": "done: paid 12.0 for A"}, ["refund"]), run.error


async def test_a_gated_call_inside_a_guardrail_ends_the_run(desk: Made) -> None:
    def app(url: str) -> Agent[Any]:
        clerk = Agent(name="clerk", instructions="You are a clerk.", model=chat_model(url), tools=function_tools())

        async def is_fine(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            said = await Runner.run(clerk, "Is that fine?")
            return GuardrailFunctionOutput(said.final_output, tripwire_triggered=False)

        desk = Agent(name="desk", model=chat_model(url), input_guardrails=[InputGuardrail(is_fine)], handoffs=[clerk])
        return gate_agent(desk)

    clerk = Conversation(name="clerk", system="a clerk", steps=(calls(WHOLE), says("it is fine")))
    at = desk(app, Script(conversations=(clerk,), steps=(says("done"),)))
    run = await at.start()
    assert (run.state, at.effects) == (RunState.FAILED, []), run
    assert "the guardrail 'is_fine' runs by hand" in run.error
