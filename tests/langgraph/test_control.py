"""Time and override: deadlines, veto windows, cancel, stop and drain, rewind (P50, P51, P12, P60 to P66)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from hitl_adapters.langgraph import gated_tool_node
from hitl_adapters.langgraph.errors import in_words
from hitl_core.commands import CancelRun, MoveRequest, ReopenRun, StopScope
from hitl_core.errors import EffectRefused, LeaseLost, RequestClosed, RequestExpired, ResponseRefused
from hitl_core.gate.stops import EVERY
from hitl_core.lifecycle import ActionState, RequestEvent, RequestState
from hitl_core.protocol import RunState
from hitl_core.testing.clock import ManualClock

from . import agents, graphs
from .desk import GO, Desk, answering, approve, record, recorded, reject, thread
from .played import PlayedModel, call
from .test_gated_tools import in_threads

Made = Callable[..., Desk]


def rule(tool: str, **effect: Any) -> str:
    """A rule about a reversible tool; "proceed" at a deadline is for those only, and has to be allowed by name."""
    lines = [f"{name} = {value!r}" for name, value in effect.items()]
    head = ["[[rules]]", 'id = "r"', 'why = "a test"', f'match = {{ tool = "{tool}", reversible = true }}']
    allowed = ["allow_timeout_approval = true"] if effect.get("on_timeout") == "proceed" else []
    return "\n".join([*head, *lines, *allowed])


def refunds() -> PlayedModel:
    return PlayedModel(turns=[[call("refund", order="A", amount=12)], "done"])


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("then", "paid"), [("refuse", 0), ("proceed", 1)])
async def test_a_deadline_decides_about_a_gated_call(desk: Made, then: str, paid: int) -> None:
    clock, model = ManualClock(), refunds()
    at = desk(agents.agent(model, [agents.refund]), clock=clock, harmless=("refund",))
    at.policy = rule("refund", level="confirm", deadline="1h", on_timeout=then)
    run = await at.start(GO)
    clock.advance(hours=1)
    run = await at.resume(run)
    assert (run.state, at.effects.count("refund")) == (RunState.COMPLETED, paid)
    assert ("deadline" in model.told()[0]) is (paid == 0)


@pytest.mark.parametrize(("then", "out"), [("refuse", "kept"), ("proceed", "paid")])
async def test_a_deadline_decides_about_a_native_pause_and_a_late_answer_is_refused(
    desk: Made, then: str, out: str
) -> None:
    clock = ManualClock()
    at = desk(graphs.in_a_node, clock=clock, harmless=("ask",))
    at.policy = rule("ask", level="confirm", deadline="1h", on_timeout=then)
    run = await at.start({"order": "A"})
    clock.advance(hours=2)
    with pytest.raises(RequestExpired):
        await at.say(approve(run.pending[0]))
    run = await at.resume(run)
    assert (run.state, run.output) == (RunState.COMPLETED, {"order": "A", "out": [out]})


async def test_where_people_lead_a_native_pause_cannot_be_approved(desk: Made) -> None:
    at = desk(graphs.in_a_node, harmless=("ask",), policy=rule("ask", level="human_leads"))
    run = await at.start({"order": "A"})
    assert not {"approve", "edit", "accept"} & set(run.pending[0].allowed)
    with pytest.raises(ResponseRefused, match="'approve' is not offered"):
        await at.say(approve(run.pending[0]))
    run = await at.answer(run, reject)
    assert (run.state, run.output) == (RunState.COMPLETED, {"order": "A", "out": ["kept"]})


@pytest.mark.parametrize("vetoed", [True, False])
async def test_in_a_veto_window_the_call_runs_unless_somebody_vetoes(desk: Made, vetoed: bool) -> None:
    clock, model = ManualClock(), refunds()
    at = desk(agents.agent(model, [agents.refund]), clock=clock, harmless=("refund",))
    at.policy = rule("refund", level="notify", veto="10m")
    run = await at.start(GO)
    assert (len(run.pending), at.effects) == (1, [])
    if vetoed:
        await at.say(reject(run.pending[0]))
    clock.advance(minutes=10)
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, [] if vetoed else ["refund"])


# ── override ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_cancelled_run_takes_no_answer_from_anybody(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    async with at.graph() as graph:
        (waiting,) = (await graph.aget_state(thread(run))).interrupts
    async with at.open() as hitl:
        assert (await hitl.cancel(run.id, by="ann", reason="closed")).state is RunState.CANCELLED
    with pytest.raises(RequestClosed):
        await at.say(approve(run.pending[0]))
    async with at.graph() as graph:
        assert (await graph.aget_state(thread(run))).next == ()
        await graph.ainvoke(Command(resume={waiting.id: True}), thread(run))
    assert at.effects == ["asked"]


async def test_a_cancel_as_an_answer(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    await at.say(run.pending[0].cancel(by="ann"))
    assert (await at.look(run)).state is RunState.CANCELLED
    async with at.graph() as graph:
        assert (await graph.aget_state(thread(run))).next == ()


async def test_a_stop_while_a_graph_works_ends_it_after_its_step_and_lifting_goes_on(desk: Made) -> None:
    """RunControl.request_drain (research §1.4)."""
    began, clock = asyncio.Event(), ManualClock()

    async def works(state: graphs.State, runtime: Runtime[None]) -> graphs.State:
        began.set()
        assert runtime.control is not None
        while not runtime.control.drain_requested:  # noqa: ASYNC110 - it is told in no other way
            await asyncio.sleep(0)
        record("worked")
        return {}

    def build(saver: Any) -> Any:
        graph = StateGraph(graphs.State).add_node("works", works).add_node("after", graphs.after)
        return graph.add_edge(START, "works").add_edge("works", "after").compile(checkpointer=saver)

    at = desk(build, clock=clock)
    async with at.open() as hitl:
        working = asyncio.create_task(hitl.start({}))
        await began.wait()
        await hitl.stop(StopScope.ALL, by="ann", reason="fire")
        clock.advance(seconds=EVERY)
        run = await working
        assert (run.state, at.effects) == (RunState.STOPPED, ["worked"])
        assert "fire" in run.error
        await hitl.lift(StopScope.ALL, by="ann", reason="over")
        run = await hitl.resume(run.id)
        assert (run.state, at.effects) == (RunState.COMPLETED, ["worked", "told"])


async def test_a_graph_in_a_thread_ends_with_its_turn(desk: Made) -> None:
    """A thread cannot be cancelled: the step that runs comes to its end, and nothing new starts (P43, P62)."""
    began, go_on = threading.Event(), threading.Event()

    def works(state: graphs.State) -> graphs.State:
        began.set()
        go_on.wait()
        record("worked")
        return {}

    def build(saver: Any) -> Any:
        graph = StateGraph(graphs.State).add_node("works", works).add_node("after", graphs.after)
        return graph.add_edge(START, "works").add_edge("works", "after").compile(checkpointer=saver)

    at = desk(build, saver=in_threads)
    async with at.open() as hitl:
        working = asyncio.create_task(hitl.start({}))
        await asyncio.to_thread(began.wait)
        working.cancel()  # as the end of its lease does
        asyncio.get_running_loop().call_later(0, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await working
        await asyncio.get_running_loop().shutdown_default_executor()  # until every thread has ended
        assert at.effects == ["worked"]


@pytest.mark.parametrize("way", [agents.agent, agents.node_graph], ids=["middleware", "tool node"])
async def test_a_stopped_tool_does_not_start_and_what_runs_beside_it_ends(desk: Made, way: Any) -> None:
    model = PlayedModel(turns=[[call("refund", order="A", amount=12), call("slow", name="x", seconds=0.1)], "done"])
    at = desk(way(model, [agents.refund, agents.slow]), policy=agents.READS.replace("look_up", "slow"))
    run = await at.start(GO)
    assert at.effects == ["slow"]
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="ann", reason="fraud")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.STOPPED, ["slow"])
    async with at.open() as hitl:
        await hitl.lift(StopScope.TOOL, "refund", by="ann", reason="over")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["slow", "refund"])
    assert len(model.told()) == 2


@pytest.mark.parametrize("scope", [StopScope.AGENT, StopScope.TOOL])
@pytest.mark.parametrize("build", [graphs.in_a_node, graphs.breakpoint_before], ids=["interrupt", "breakpoint"])
async def test_a_stop_holds_back_what_was_granted_at_a_native_pause(desk: Made, scope: StopScope, build: Any) -> None:
    """Nothing of ours is between the decision and what the node does with it, so it is not handed over."""
    at = desk(build)
    run = await at.start({"order": "A"})
    (waiting,), before = run.pending, at.effects
    target = waiting.action.tool if scope is StopScope.TOOL else waiting.action.origin.path[-1]
    await at.say(approve(waiting))
    async with at.open() as hitl:
        await hitl.stop(scope, target, by="ann", reason="fire")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.STOPPED, before)
    assert "fire" in run.error
    async with at.open() as hitl:
        await hitl.lift(scope, target, by="ann", reason="over")
    run = await at.resume(run)
    assert (run.state, at.effects.count("paid")) == (RunState.COMPLETED, 1)


async def test_a_stop_of_something_else_holds_nothing_back(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="ann", reason="fire")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["asked", "asked", "paid", "told"])


async def test_tool_error_handling_does_not_hide_a_stop(desk: Made) -> None:
    async def wants(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await refunds().ainvoke(state["messages"])]}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("wants", wants)
        graph.add_node("tools", gated_tool_node([agents.refund], handle_tool_errors=True))
        return graph.add_edge(START, "wants").add_edge("wants", "tools").compile(checkpointer=saver)

    at = desk(build)
    run = await at.start(GO)
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="ann", reason="fraud")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.STOPPED, [])


@pytest.mark.parametrize("handles", [False, True])
async def test_tool_error_handling_does_not_hide_that_the_run_was_taken_away(desk: Made, handles: bool) -> None:
    """The tool has had its effect, its outcome may not be reported any more: nothing after it runs."""

    @tool
    async def takes_away(order: str) -> str:
        """Cancels its own run from another runtime."""
        async with at.open() as other:
            (run,) = (await other.runs()).items
            await other.store.apply(CancelRun(run.id, "ann", "now", datetime.now(UTC)))
        record("effect")
        return "done"

    async def wants(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("", tool_calls=[call("takes_away", order="A")])]}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("wants", wants).add_node("after", after)
        graph.add_node("tools", gated_tool_node([takes_away], **({"handle_tool_errors": True} if handles else {})))
        graph.add_edge(START, "wants").add_edge("wants", "tools").add_edge("tools", "after")
        return graph.compile(checkpointer=saver)

    def after(state: MessagesState) -> dict[str, Any]:
        record("after")
        return {}

    at = desk(build)
    run = await at.start(GO)
    await at.say(approve(run.pending[0]))
    with pytest.raises(LeaseLost):
        await at.resume(run)
    assert ((await at.look(run)).state, at.effects) == (RunState.CANCELLED, ["effect"])


async def test_a_rewind_asks_again_on_a_branch_and_what_happened_stays_on_record(desk: Made) -> None:
    """Fork of the paused checkpoint (research §1.5)."""
    model = refunds()
    at = desk(agents.agent(model, [agents.refund]))
    first = await at.start(GO)
    run = await at.answer(first, approve)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="ann", reason="wrong customer")
    assert (run.state, len(run.pending)) == (RunState.PAUSED, 1)
    assert run.pending[0].id != first.pending[0].id
    run = await at.answer(run, reject)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == [ActionState.EXECUTED]
    async with at.graph() as graph:
        snapshot = await graph.aget_state(thread(run))
        assert "too risky" in str(snapshot.values["messages"])
        history = [each.metadata["source"] async for each in graph.aget_state_history(thread(run))]
        assert "fork" in history


@pytest.mark.parametrize("build", [graphs.in_a_node, graphs.in_a_subgraph, graphs.in_a_graph_called_by_a_node])
async def test_a_rewind_of_a_native_pause(desk: Made, build: Any) -> None:
    at = desk(build)
    run = await at.answer(await at.start({"order": "A"}), approve)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="ann", reason="wrong")
    assert [r.title for r in run.pending] == ["Pay back A?"]
    run = await at.answer(run, reject)
    assert (run.state, cast("Any", run.output)["out"], at.effects.count("paid")) == (RunState.COMPLETED, ["kept"], 1)


async def test_a_rewind_of_a_pause_that_is_still_open_supersedes_it(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    first = await at.start({"order": "A"})
    async with at.open() as hitl:
        run = await hitl.rewind(first.id, by="ann", reason="again")
        assert (await hitl.request(first.pending[0].id)).state is RequestState.SUPERSEDED
    run = await at.answer(run, approve)
    assert (run.state, at.effects.count("paid")) == (RunState.COMPLETED, 1)


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("native", [True, False])
async def test_a_process_that_dies_in_a_rewind_before_the_fork_runs_nothing_unasked(
    desk: Made, native: bool, answered: bool
) -> None:
    """What was asked is superseded then, and the framework still stands where it stood. Rewound once more, it asks."""
    clock = ManualClock()
    at = desk(graphs.in_a_node if native else agents.agent(refunds(), [agents.refund]), clock=clock)
    run = await at.start({"order": "A"} if native else GO)
    run = await at.answer(run, approve) if answered else run
    paid = "paid" if native else "refund"
    async with at.open() as hitl:
        await hitl.store.apply(ReopenRun(run.id, "dead", 30, "ann", "wrong", clock.now()))
    clock.advance(minutes=5)
    run = await at.resume(run)
    assert at.effects.count(paid) == int(answered)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="ann", reason="wrong")
    assert (run.state, len(run.pending)) == (RunState.PAUSED, 1)
    run = await at.answer(run, reject)
    assert (run.state, at.effects.count(paid)) == (RunState.COMPLETED, int(answered))


async def test_a_withdrawn_request_is_no_approval_even_where_a_deadline_would_be(desk: Made) -> None:
    clock = ManualClock()
    at = desk(graphs.in_a_node, clock=clock, harmless=("ask",))
    at.policy = rule("ask", level="confirm", deadline="1h", on_timeout="proceed")
    run = await at.start({"order": "A"})
    async with at.open() as hitl:
        move = MoveRequest(run.pending[0].id, RequestEvent.CANCEL, "ann", "no", clock.now())
        await hitl.store.apply(move)
    run = await at.resume(run)
    assert (run.state, cast("Any", run.output)["out"]) == (RunState.COMPLETED, ["kept"])


async def test_an_answer_that_does_not_fit_never_reaches_the_graph(desk: Made) -> None:
    at = desk(graphs.in_sequence)
    run = await at.start({})
    wrongs: tuple[Any, ...] = (7, "", {"name": "Ada"})
    for wrong in wrongs:
        with pytest.raises(ResponseRefused):
            await at.say(answering(wrong)(run.pending[0]))
    run = await at.answer(run, answering("Ada"))
    assert len(run.pending) == 1


async def test_what_was_found_at_attach_time_is_told(desk: Made) -> None:
    async with desk(graphs.ambiguous).open() as hitl:
        found = {(each.level, each.place.partition(":")[0]) for each in await hitl.attach()}
    assert ("warn", "unclear") in found
    assert recorded() == []


def test_an_error_of_ours_that_ends_a_run_says_its_code() -> None:
    assert in_words(EffectRefused("it is used up")) == "HITL-E01 it is used up"
    assert in_words(KeyError("x")) == "KeyError: 'x'"
