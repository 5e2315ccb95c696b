"""Unchanged graphs that pause by themselves: lifted, answered, resumed, each step by a runtime of its own (P92)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from hitl_adapters.langgraph.suspend import Engine
from hitl_core.protocol import Kind, RunState

from . import graphs
from .desk import Desk, advised, answering, approve, choosing, editing, record, recorded, reject, thread

Made = Callable[..., Desk]


async def test_a_node_that_asks_is_approved(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    assert run.state is RunState.PAUSED
    assert [(r.kind, r.title) for r in run.pending] == [(Kind.APPROVAL, "Pay back A?")]
    assert at.effects == ["asked"]
    run = await at.answer(run, approve)
    assert (run.state, run.output) == (RunState.COMPLETED, {"order": "A", "out": ["paid"]})
    assert at.effects == ["asked", "asked", "paid", "told"]


async def test_a_node_that_asks_is_refused(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    run = await at.answer(await at.start({"order": "A"}), reject)
    assert (run.state, run.output) == (RunState.COMPLETED, {"order": "A", "out": ["kept"]})
    assert "paid" not in at.effects


@pytest.mark.parametrize(
    ("build", "path"),
    [(graphs.in_a_subgraph, ("sub", "ask")), (graphs.in_a_graph_called_by_a_node, ("calls_a_graph", "ask"))],
)
async def test_a_graph_inside_a_graph_pauses_with_its_lineage(desk: Made, build: Any, path: tuple[str, ...]) -> None:
    at = desk(build)
    run = await at.start({"order": "A"})
    assert run.pending[0].action.origin.path == path
    run = await at.answer(run, approve)
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert at.effects.count("paid") == at.effects.count("told") == 1


async def test_calls_of_an_agents_tool_pause_at_once_and_finished_tools_do_not_run_again(desk: Made) -> None:
    at = desk(graphs.in_a_tool_of_an_agent)
    run = await at.start({"messages": [["user", "pay both"]]})
    assert [r.title for r in run.pending] == ["Pay back A?", "Pay back B?"]
    run = await at.answer(run, reject, approve)
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done"})
    assert at.effects == ["looked", "paid"]


async def test_a_tool_in_a_tool_node_pauses(desk: Made) -> None:
    at = desk(graphs.in_one_tool_node)
    run = await at.answer(await at.start({"messages": []}), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["paid"])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
async def test_a_fan_out_is_answered_in_any_order(desk: Made, order: tuple[int, ...]) -> None:
    at = desk(graphs.fan_out)
    run = await at.start({"orders": ["A", "B", "C"]})
    assert [r.title for r in run.pending] == ["Pay back A?", "Pay back B?", "Pay back C?"]
    for index in order:
        request = run.pending[index]
        await at.say(reject(request) if index == 1 else approve(request))
    run = await at.resume(run)
    assert run.output == {"orders": ["A", "B", "C"], "out": ["A", "C"]}
    assert sorted(at.effects) == ["began"] * 6 + ["paid"] * 2 + ["told"]


async def test_while_others_wait_nothing_is_redone(desk: Made) -> None:
    """Answering one by one would run the others' nodes again each time (research/langgraph.md §0.7)."""
    at = desk(graphs.fan_out)
    run = await at.start({"orders": ["A", "B"]})
    await at.say(approve(run.pending[0]))
    run = await at.resume(run)
    assert [r.title for r in run.pending] == ["Pay back B?"]
    assert at.effects == ["began", "began"]


async def test_a_task_of_the_functional_api_pauses_and_finished_tasks_are_kept(desk: Made) -> None:
    at = desk(graphs.functional, options={"codecs": {"desk": "boolean"}})
    run = await at.answer(await at.start({"order": "A"}), approve)
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, "paid", ["priced", "paid"])


async def test_a_task_before_a_graph_that_pauses_is_kept(desk: Made) -> None:
    """What was done is said to be lost where the pause is in a graph that the entrypoint calls (langgraph#6792)."""
    at = desk(graphs.functional_around_a_graph)
    run = await at.answer(await at.start({"order": "A"}), answering("Mira"))
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, ["Mira"], ["priced", "paid"])


async def test_an_entrypoint_asks_for_words(desk: Made) -> None:
    at = desk(graphs.functional_body)
    run = await at.start({"order": "A"})
    assert run.pending[0].kind is Kind.INPUT
    run = await at.answer(run, answering("Mira"))
    assert (run.output, at.effects) == ("paid by Mira", ["priced", "paid"])


@pytest.mark.parametrize(("build", "waiting"), [(graphs.breakpoint_before, []), (graphs.breakpoint_after, ["paid"])])
async def test_a_static_breakpoint_asks_to_go_on(desk: Made, build: Any, waiting: list[str]) -> None:
    """It has neither payload nor id (research/langgraph.md §1.2)."""
    at = desk(build)
    run = await at.start({"order": "A"})
    assert (run.state, at.effects) == (RunState.PAUSED, waiting)
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["paid", "told"])


@pytest.mark.parametrize(("build", "happened"), [(graphs.breakpoint_before, []), (graphs.breakpoint_after, ["paid"])])
async def test_a_refused_breakpoint_ends_the_thread(desk: Made, build: Any, happened: list[str]) -> None:
    at = desk(build)
    run = await at.answer(await at.start({"order": "A"}), reject)
    assert (run.state, at.effects) == (RunState.COMPLETED, happened)
    async with at.graph() as graph:
        assert (await graph.aget_state(thread(run))).next == ()
        await graph.ainvoke(None, thread(run))
    assert at.effects == happened


async def test_a_breakpoint_inside_a_subgraph_asks_too(desk: Made) -> None:
    at = desk(graphs.breakpoint_in_a_subgraph)
    run = await at.start({"order": "A"})
    assert (run.state, at.effects) == (RunState.PAUSED, [])
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["paid", "told"])


async def test_a_question_and_then_a_breakpoint(desk: Made) -> None:
    at = desk(graphs.breakpoint_and_question)
    run = await at.answer(await at.start({"order": "A"}), reject)
    assert (run.state, len(run.pending), at.effects) == (RunState.PAUSED, 1, ["asked", "asked"])
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["asked", "asked", "paid"])


async def test_questions_in_sequence_each_get_their_own_answer(desk: Made) -> None:
    at = desk(graphs.in_sequence)
    run = await at.answer(await at.start({}), answering("Ada"))
    assert [(r.kind, [o.id for o in r.options]) for r in run.pending] == [(Kind.CHOICE, ["S", "M", "L"])]
    run = await at.answer(run, choosing("M"))
    assert (run.output, at.effects) == ({"out": ["M for Ada"]}, ["sewn"])


@pytest.mark.parametrize(
    "build", [graphs.in_a_loop, graphs.questions_in_a_subgraph, graphs.questions_in_a_called_graph]
)
async def test_a_loop_asks_each_time_anew(desk: Made, build: Any) -> None:
    """All interrupts of one task, told apart by their ids (research/langgraph.md §1.1)."""
    at = desk(build)
    run = await at.start({})
    for number in range(3):
        assert [r.title for r in run.pending] == [f"Line {number}?"]
        run = await at.answer(run, answering(f"line {number}"))
    assert (run.state, run.output) == (RunState.COMPLETED, {"out": ["line 0", "line 1", "line 2"]})
    assert at.effects == ["written"]


async def test_an_answer_that_was_told_already_never_answers_the_next_question(
    desk: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker stalled before telling; another one told it. Without strict resume it would (decision 0008)."""
    at = desk(graphs.in_a_loop)
    run = await at.start({})
    drive = Engine.drive

    async def stalled(engine: Engine, thread: str, given: Any, **how: Any) -> Any:
        await drive(engine, thread, given, **how)
        return await drive(engine, thread, given, **how)

    monkeypatch.setattr(Engine, "drive", stalled)
    await at.answer(run, answering("line 0"))
    async with at.graph() as graph:
        (waiting,) = (await graph.aget_state(thread(run))).interrupts
    assert (waiting.value, at.effects) == ("Line 1?", [])


@pytest.mark.parametrize("value", [{}, [], False, 0, {"0" * 32: True}], ids=str)
async def test_an_answer_that_looks_like_none_or_like_a_map_of_answers_arrives_as_it_is(desk: Made, value: Any) -> None:
    """Given by itself, LangGraph would not hand an empty map over, nor one whose keys could be ids (research §2.1)."""

    def asks(state: graphs.State) -> graphs.State:
        record("heard", value=interrupt({"question": "What?"}, response_schema={}))
        return {}

    at = desk(lambda saver: StateGraph(graphs.State).add_node(asks).add_edge(START, "asks").compile(checkpointer=saver))
    run = await at.answer(await at.start({}), answering(value))
    assert (run.state, run.error, recorded()) == (RunState.COMPLETED, "", [{"effect": "heard", "value": value}])


async def test_a_conditional_pause(desk: Made) -> None:
    at = desk(graphs.conditional)
    small = await at.start({"order": "small"})
    assert (small.state, at.effects) == (RunState.COMPLETED, ["paid"])
    big = await at.answer(await at.start({"order": "big"}), reject)
    assert (big.output, at.effects) == ({"order": "big", "out": ["kept"]}, ["paid"])


@pytest.mark.parametrize(
    ("say", "told", "paid"),
    [
        (approve, "accept", [12]),
        (editing(amount=7), "edit", [7]),
        (reject, "ignore", []),
        (answering("no"), "response", []),
    ],
)
async def test_the_agent_inbox_protocol(desk: Made, say: Any, told: str, paid: list[int]) -> None:
    at = desk(graphs.agent_inbox)
    run = await at.answer(await at.start({"order": "A"}), say)
    assert run.output == {"order": "A", "out": [told]}
    assert [each["amount"] for each in recorded()] == paid


async def test_a_payload_that_claims_to_be_the_gates_own_is_never_answered(desk: Made) -> None:
    """Any node can write the key; only the store makes a call ours."""
    at = desk(graphs.forged, options={"codecs": {"forges": "boolean"}})
    run = await at.start({})
    assert (run.state, run.pending, at.effects) == (RunState.FAILED, (), [])


async def test_what_a_graph_was_bound_to_stays(desk: Made) -> None:
    heard: list[str] = []

    class Listens(BaseCallbackHandler):
        def on_chain_start(self, *args: Any, **more: Any) -> None:
            heard.append("start")

    at = desk(lambda saver: graphs.in_a_node(saver).with_config({"callbacks": [Listens()], "metadata": {"mine": "1"}}))
    run = await at.start({"order": "A"})
    assert heard
    async with at.graph() as graph:
        assert (await graph.aget_state(thread(run))).metadata["mine"] == "1"


@pytest.mark.parametrize(("say", "effects"), [(approve, ["paid", "told"]), (reject, ["told"])])
async def test_the_lines_that_an_ambiguous_pause_is_refused_with_make_it_answerable(
    desk: Made, say: Any, effects: list[str]
) -> None:
    at = desk(graphs.unclear_truth)
    run = await at.start({})
    assert (run.state, run.pending) == (RunState.FAILED, ())
    assert "HITL-A08" in run.error
    at.options = advised(run.error, at.folder)
    run = await at.answer(await at.resume(run), say)
    assert (run.state, at.effects) == (RunState.COMPLETED, effects)


async def test_an_ambiguous_pause_goes_on_with_the_words_that_its_code_expects(desk: Made) -> None:
    at = desk(graphs.ambiguous)
    run = await at.start({})
    at.options = {"codecs": {"unclear": {"approve": "aye", "reject": "nay"}}}
    run = await at.resume(run)
    assert run.state is RunState.PAUSED
    run = await at.answer(run, approve)
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, {"out": ["aye"]}, ["paid", "told"])
