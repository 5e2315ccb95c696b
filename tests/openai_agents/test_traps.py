"""Traps of the SDK, each closed: every test names the section of the research on it that the trap is from.

Others have a place of their own: changed agents and older states (§3) in test_changed, equal call ids and depth (§4) in
test_sub_agents, sessions (§4) in test_streaming_and_sessions, a model that speaks for a person (§5) in test_handoff,
crashes (§6) in test_killed, tools without approval (§1) in test_around_the_gate, local tools (§2.1, §2.2) in
test_local_tools, what a tool and its guardrails see of an edit (§2.1) in test_edited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, RunConfig, RunHooks, Runner, Tool, add_trace_processor, function_tool
from agents.tracing import TracingProcessor

from hitl_adapters.openai_agents import AgentApp, gate_agent, gated
from hitl_adapters.openai_agents.errors import TOLD_APART, at_least
from hitl_core.errors import AppRefused, NoRun, RunBusy
from hitl_core.gate import NOT_HAPPENED
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Refuse, Script, Step

from .desk import READS, Desk, answering, approve, chat_model, editing, record, recorded, reject
from .native import above_ten, function_tools, unchanged
from .specs import LOOK_UP, REFUND, calls, desk_spec, says

Made = Callable[..., Desk]
END = says("done: {{tool_result}}")
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})
OTHER = ("refund", {"order": "B", "amount": 3.0, "note": ""})


async def test_one_state_resumed_by_two_runs_its_tool_once(desk: Made) -> None:
    """§2: the SDK has no lock; the same string restored twice runs the tool twice."""
    at = desk(unchanged, calls(WHOLE), END)
    run = await at.start()
    await at.say(approve(run.pending[0]))
    async with at.open() as one, at.open() as two:
        ended = await asyncio.gather(one.resume(run.id), two.resume(run.id), return_exceptions=True)
    assert all(isinstance(each, RunBusy) or not isinstance(each, BaseException) for each in ended)
    run = await at.resume(run)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["refund"], (2, 0)), run.error


async def test_a_run_that_is_over_is_not_run_again(desk: Made) -> None:
    """§2: the same RunState resumed twice calls the model again."""
    at = desk(unchanged, calls(WHOLE), END)
    run = await at.answer(await at.start(), approve)
    assert (await at.resume(run)).output == run.output
    assert at.asked == (2, 0)


async def test_an_approval_is_for_one_call_and_not_for_its_tool(desk: Made) -> None:
    """§2, §4: always_approve on one call releases a pending sibling of the same tool."""
    at = desk(unchanged, calls(WHOLE, OTHER), END)
    run = await at.start()
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        assert [each.id for each in (await hitl.run(run.id)).pending] == [run.pending[1].id]
    assert at.effects == []


async def test_an_edit_beside_a_pending_call_spoils_nothing(desk: Made) -> None:
    """§2.1: changing arguments in a guardrail corrupts the state if a sibling stays pending."""
    at = desk(unchanged, calls(WHOLE, OTHER), END)
    run = await at.start()
    first, second = run.pending
    await at.say(editing(amount=7.5)(first), reject(second))
    run = await at.resume(run)
    assert (run.state, [(each["order"], each["amount"]) for each in recorded()]) == (RunState.COMPLETED, [("A", 7.5)])
    assert ["A person changed" in text for text in at.heard()] == [True, False]


async def test_an_answer_ends_a_run_that_stops_at_its_first_tool(desk: Made) -> None:
    """§2.2: a rejected call ends such a run on some releases and goes back to the model on others; an answer is a
    result on all of them."""
    at = desk(lambda url: unchanged(url, tool_use_behavior="stop_on_first_tool"), calls(WHOLE), END)
    run = await at.answer(await at.start(), answering("paid by hand"))
    assert (run.output, at.effects, at.asked) == ({"answer": "paid by hand"}, [], (1, 0)), run.error


async def test_more_turns_than_the_sdk_admits_by_itself(desk: Made) -> None:
    """§3, §5: the limit of turns is fixed at the start, and a long conversation is over it."""
    turns = [calls(("look_up", {"order": f"A{number}"})) for number in range(12)]
    at = desk(desk_spec, *turns, END, policy=READS)
    run = await at.start()
    assert (run.state, len(at.effects)) == (RunState.COMPLETED, 12), run.error
    limited = Desk(at.app, at.folder / "limited", at.model, READS, {"max_turns": 3})
    limited.folder.mkdir()
    run = await limited.start()
    assert (run.state, "limit of turns" in run.error) == (RunState.FAILED, True)


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


async def test_a_gated_call_beside_a_handoff_is_decided_before_the_transfer(desk: Made) -> None:
    """§4: a tool that needs approval and a handoff in one answer."""

    def app(url: str) -> Agent[Any]:
        clerk = Agent(name="Clerk", instructions="You are a clerk.", model=chat_model(url))
        return unchanged(url, handoffs=[clerk])

    script = Script(
        conversations=(Conversation(name="clerk", system="a clerk", steps=(says("no"), says("the clerk says hello"))),),
        steps=(calls(WHOLE, ("transfer_to_clerk", {})),),
    )
    at = desk(app, script)
    run = await at.start()
    assert ([each.action.tool for each in run.pending], at.asked) == (["refund"], (1, 0))
    run = await at.answer(run, approve)
    assert (run.output, at.effects) == ({"answer": "the clerk says hello"}, ["refund"]), run.error


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


async def test_a_hook_that_raises_before_the_tool_leaves_it_not_run(desk: Made) -> None:
    """§6: a hook that raises in on_tool_start leaves the call marked as executed in the SDK's own state."""
    fails = [True, False]

    class Hooks(RunHooks[Any]):
        async def on_tool_start(self, context: Any, agent: Any, tool: Tool) -> None:
            if fails.pop(0):
                raise RuntimeError("a hook of the app failed")

    at = desk(lambda url: AgentApp(unchanged(url), hooks=Hooks()), calls(WHOLE), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects, "a hook of the app failed" in run.error) == (RunState.FAILED, [], True)
    run = await at.resume(run)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["refund"], (2, 0)), run.error


async def test_a_tool_that_raises_ends_the_run_and_is_not_tried_again(desk: Made) -> None:
    """§6: with failure_error_function=None the SDK keeps the call in doubt for ever; ours is on record as failed."""

    def app(url: str) -> Agent[Any]:
        @function_tool(needs_approval=True, failure_error_function=None)
        def breaks(order: str) -> str:
            """Raises."""
            record("breaks")
            raise RuntimeError("the bank is closed")

        return Agent(name="desk", model=chat_model(url), tools=[breaks])

    at = desk(app, calls(("breaks", {"order": "A"})), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.FAILED, ["breaks"])
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["breaks"]), run.error
    assert "tried and failed" in at.heard()[0]


async def test_a_tool_that_ran_out_of_time_is_in_doubt(desk: Made) -> None:
    """§6, §10: a timeout of the SDK cancels the tool, whatever it had done; the model is told, people are asked."""
    waits = [True, False]

    def app(url: str) -> Agent[Any]:
        @function_tool(needs_approval=True, timeout=0.05)
        async def pay(order: str) -> str:
            """Pay back."""
            if waits.pop(0):
                await asyncio.Event().wait()
            record("paid")
            return "paid"

        return Agent(name="desk", model=chat_model(url), tools=[pay])

    at = desk(app, calls(("pay", {"order": "A"})), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, "had no outcome" in run.error) == (RunState.FAILED, True), run
    run = await at.resume(run)
    assert [each.in_doubt for each in run.pending] == [True], run.error
    run = await at.answer(run, lambda request: request.choose(NOT_HAPPENED.id, by="ann"))
    assert at.effects == ["paid"], run


async def test_where_the_sdk_cannot_tell_a_person_is_asked(desk: Made) -> None:
    """§8.1: newer releases do not ask a predicate about arguments that were left out or changed; they pause."""

    def app(url: str) -> Agent[Any]:
        return Agent(name="desk", model=chat_model(url), tools=function_tools(needs_approval=above_ten))

    at = desk(app, calls(("refund", {"order": "B", "amount": 3.0})), END)
    run = await at.start()
    cautious = at_least("0.22.3")
    assert ([each.action.tool for each in run.pending], at.effects) == (
        (["refund"], []) if cautious else ([], ["refund"])
    )


async def test_nothing_is_traced_unless_asked_for(desk: Made) -> None:
    """The SDK sends traces to its own platform by itself."""
    seen: list[Any] = []

    class Seeing(TracingProcessor):
        def on_trace_start(self, trace: Any) -> None:
            seen.append(trace)

        def on_trace_end(self, trace: Any) -> None: ...
        def on_span_start(self, span: Any) -> None:
            seen.append(span)

        def on_span_end(self, span: Any) -> None: ...
        def shutdown(self) -> None: ...
        def force_flush(self) -> None: ...

    add_trace_processor(Seeing())
    script = Conversation(name="helper", system="You are a helper.", steps=(says("helped"),))
    at = desk(_with_helper, Script(conversations=(script,), steps=(calls(("help_out", {"input": "x"})), END)))
    run = await at.start()
    assert (run.output, seen) == ({"answer": "done: helped"}, [])


async def test_a_gated_tool_does_not_run_where_nobody_could_have_approved() -> None:
    @gated
    def pay(order: str) -> str:
        """Pay back."""
        record("paid")
        return "paid"

    with pytest.raises(NoRun):
        await pay.on_invoke_tool(object(), '{"order": "A"}')  # type: ignore[arg-type]
    assert recorded() == []


async def test_a_gated_function_of_an_unchanged_agent(desk: Made) -> None:
    def app(url: str) -> Agent[Any]:
        look_up, refund = function_tools()
        return Agent(name="desk", model=chat_model(url), tools=[look_up, gated(refund)])  # type: ignore[arg-type]

    at = desk(app, calls(LOOK_UP, REFUND), END)
    run = await at.start()
    assert ([each.action.tool for each in run.pending], at.effects) == (["refund"], ["look_up"])
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["look_up", "refund"]), run.error


def _gated_tools() -> list[Tool]:
    return function_tools(needs_approval=True)


def _with_helper(url: str) -> Agent[Any]:
    helper = Agent(name="helper", instructions="You are a helper.", model=chat_model(url))
    return Agent(name="boss", instructions="Boss.", model=chat_model(url), tools=[helper.as_tool("help_out", "Help")])
