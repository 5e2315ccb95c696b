"""Traps of the SDK, each closed: every test names the section of the research on it that the trap is from.

Others have a place of their own: changed agents and older states (§3) in test_changed, agents inside agents (§4) in
test_traps_inside and test_sub_agents, sessions (§4) in test_streaming_and_sessions, a model that speaks for a person
(§5) in test_handoff, crashes (§6) in test_killed, tools without approval (§1) in test_around_the_gate, local tools
(§2.1, §2.2) in test_local_tools, what a tool and its guardrails see of an edit (§2.1) in test_edited.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, RunHooks, Tool, add_trace_processor, function_tool
from agents.tracing import TracingProcessor

from hitl_adapters.openai_agents import AgentApp, gated
from hitl_adapters.openai_agents.errors import at_least
from hitl_core.errors import NoRun, RunBusy
from hitl_core.gate import NOT_HAPPENED
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Script

from .desk import READS, Desk, answering, approve, chat_model, editing, record, recorded, reject
from .native import above_ten, function_tools, unchanged
from .responses import Says, function_call, text
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
    limited = Desk(at.app, at.folder / "limited", at.model, policy=READS, options={"max_turns": 3})
    limited.folder.mkdir()
    run = await limited.start()
    assert (run.state, "limit of turns" in run.error) == (RunState.FAILED, True)


async def test_a_limit_that_was_reached_can_be_raised(desk: Made) -> None:
    """§3: the SDK keeps the limit of the start in its state, and a run that reached it never goes on (#844)."""
    turns = [calls(("look_up", {"order": f"A{number}"})) for number in range(3)]
    at = desk(desk_spec, calls(REFUND), *turns, END, policy=READS, options={"max_turns": 3})
    run = await at.answer(await at.start(), approve)
    assert (run.state, "raise `max_turns` in [backend.options]" in run.error) == (RunState.FAILED, True)
    at.options = {"max_turns": 0}
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund", *["look_up"] * 3]), run.error
    assert at.asked == (5, 0)


async def test_a_predicate_that_raises_lets_nothing_run(desk: Made) -> None:
    """§2: the run ends; nobody decided anything, and it can be tried again."""
    broken = [True]

    async def unsure(context: Any, arguments: Any, call_id: str) -> bool:
        if broken.pop() if broken else False:
            raise LookupError("no such customer")
        return True

    at = desk(lambda url: _asking(url, unsure), calls(WHOLE), END)
    run = await at.start()
    assert (run.state, at.effects, "no such customer" in run.error) == (RunState.FAILED, [], True)
    run = await at.answer(await at.resume(run), approve)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["refund"], (2, 0)), run.error


@pytest.mark.parametrize(("say", "ran"), [(reject, []), (approve, ["refund"])], ids=["reject", "approve"])
async def test_a_predicate_that_thinks_again_changes_nothing_that_was_decided(desk: Made, say: Any, ran: Any) -> None:
    """§2: it is asked once; a call that was refused does not run because it would not be asked about now."""
    wanted = [True]

    async def now(context: Any, arguments: Any, call_id: str) -> bool:
        return wanted[0]

    at = desk(lambda url: _asking(url, now), calls(WHOLE), END)
    run = await at.start()
    wanted[0] = False
    run = await at.answer(run, say)
    assert (run.state, at.effects) == (RunState.COMPLETED, ran), run.error


async def test_a_conversation_that_the_provider_keeps_is_sent_nothing_twice(desk: Made) -> None:
    """§4: only what came of the calls is sent when the run goes on, under the ids that the provider knows."""
    model = Says([function_call("refund", '{"order": "A", "amount": 12.0, "note": ""}')], [text("done")])
    agent: Any = lambda url: Agent(name="desk", model=model, tools=_gated_tools())  # noqa: E731
    at = desk(lambda url: AgentApp(agent(url), how={"conversation_id": "c1"}), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error
    assert [(each["type"], each["call_id"]) for each in model.seen[-1]] == [("function_call_output", "f1")]


async def test_a_free_call_beside_a_gated_one_is_told_to_the_provider_once(desk: Made) -> None:
    """§9: the free one runs before the pause, and what came of it is not known there yet (#3004)."""
    both = [function_call("look_up", '{"order": "A"}'), function_call("refund", json.dumps(WHOLE[1]), call_id="f2")]
    model = Says(both, [text("unused")], [text("done")])
    agent = Agent(name="desk", model=model, tools=_gated_tools())
    at = desk(lambda url: AgentApp(agent, how={"conversation_id": "c1"}), END)
    run = await at.start()
    assert ([each.action.tool for each in run.pending], at.effects) == (["refund"], ["look_up"]), run.error
    run = await at.answer(run, approve)
    assert (run.state, at.effects, len(model.seen)) == (RunState.COMPLETED, ["look_up", "refund"], 2), run.error
    assert [(each["type"], each["call_id"]) for each in model.seen[-1]] == [
        ("function_call_output", "f1"),
        ("function_call_output", "f2"),
    ]


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
        @function_tool(needs_approval=True, timeout=1.0 if len(waits) == 2 else 60.0)
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


def _asking(url: str, predicate: Any) -> Agent[Any]:
    return Agent(name="desk", model=chat_model(url), tools=function_tools(needs_approval=predicate))


def _gated_tools() -> list[Tool]:
    return function_tools(needs_approval=True)


def _with_helper(url: str) -> Agent[Any]:
    helper = Agent(name="helper", instructions="You are a helper.", model=chat_model(url))
    return Agent(name="boss", instructions="Boss.", model=chat_model(url), tools=[helper.as_tool("help_out", "Help")])
