"""What a deployment, other people or a wrong answer do to an open pause: named, nothing runs, and it can be mended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from hitl_adapters.langgraph import OversightMiddleware
from hitl_core.commands import Effect
from hitl_core.errors import AppRefused, StoreUnavailable
from hitl_core.gate import Gate
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Proceed, RunState

from . import agents, graphs
from .desk import GO, Desk, answering, approve, record, reject, thread
from .played import PlayedModel, call

Made = Callable[..., Desk]


@pytest.mark.parametrize(
    ("before", "later"),
    [
        (graphs.in_a_node, graphs.renamed),
        (graphs.in_a_subgraph, graphs.renamed_in_a_subgraph),
        (graphs.two_at_once, graphs.one_of_two_renamed),
    ],
)
async def test_a_renamed_node_is_named_nothing_runs_and_the_old_app_goes_on(
    desk: Made, before: Any, later: Any
) -> None:
    """LangGraph itself lets the pause vanish without a word and goes on, in strict mode too (research §1.1)."""
    at = desk(before)
    run = await at.start({"order": "A"})
    await at.say(*map(reject, run.pending))
    happened = at.effects
    at.app = later
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.FAILED, happened)
    assert "HITL-A07" in run.error
    at.app = before
    run = await at.resume(run)
    assert (run.state, at.effects.count("told"), "paid" in at.effects) == (RunState.COMPLETED, 1, False)


async def test_a_tool_that_was_removed_after_its_approval_is_named(desk: Made) -> None:
    model = PlayedModel(turns=[[call("refund", order="A", amount=12)], "done"])
    at = desk(agents.agent(model, [agents.refund, agents.look_up]))
    run = await at.start(GO)
    await at.say(approve(run.pending[0]))
    at.app = agents.agent(model, [agents.look_up])
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.FAILED, [])
    assert "HITL-A07" in run.error
    assert "'refund'" in run.error
    at.app = agents.agent(model, [agents.refund, agents.look_up])
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])


async def test_a_tool_that_was_redefined_after_its_approval_is_asked_about_again(desk: Made) -> None:
    model = PlayedModel(turns=[[call("refund", order="A", amount=12)], "done"])
    at = desk(agents.agent(model, [agents.refund]))
    run = await at.start(GO)
    await at.say(approve(run.pending[0]))
    at.app = agents.agent(model, [agents.sync_refund])
    run = await at.resume(run)
    assert (run.state, [r.round for r in run.pending], at.effects) == (RunState.PAUSED, [1], [])


async def test_a_thread_that_was_deleted_is_named(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    async with at.graph() as graph:
        await graph.checkpointer.adelete_thread(run.thread)
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.FAILED, ["asked"])
    assert "no thread" in run.error


async def test_a_thread_that_was_only_in_memory_is_said_to_be_gone_with_its_process(desk: Made) -> None:
    @asynccontextmanager
    async def forgetting(folder: Path) -> AsyncIterator[Any]:
        yield InMemorySaver()

    at = desk(graphs.in_a_node, saver=forgetting)
    run = await at.answer(await at.start({"order": "A"}), approve)
    assert (run.state, at.effects) == (RunState.FAILED, ["asked"])
    assert "InMemorySaver forgets every thread when its process ends" in run.error


# ── an answer that breaks the node ───────────────────────────────────────────────────────────────────────────


def picky(state: graphs.State) -> graphs.State:
    """Understands one word only; anything else raises."""
    answer = interrupt({"type": "approval", "question": "Shall we?"})
    record("asked")
    said = {"aye": "paid"}[answer]
    name = interrupt("And who are you?")
    record(said, by=name)
    return {"out": [said]}


def picky_graph(saver: Any) -> Any:
    graph = StateGraph(graphs.State).add_node("picky", picky).add_edge(START, "picky")
    return graph.compile(checkpointer=saver)


async def test_an_error_of_the_gate_ends_the_turn_and_what_the_graph_was_told_is_used_up(
    desk: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is not told a second time when the turn is tried again."""
    at = desk(agents.asks_and_pays, policy=agents.ALL_GO, harmless=("pay",))
    run = await at.start({"order": "A", "amount": 3.0})
    (asked,) = run.pending
    await at.say(answering("Ada")(asked))
    with monkeypatch.context() as patch:
        patch.setattr(Gate, "begin", _unavailable)
        run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.FAILED, [])
    assert "HITL-S02" in run.error
    async with at.open() as hitl:
        assert (await hitl.request(asked.id)).state is RequestState.CONSUMED
    run = await at.resume(run)
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", ["refund"])
    assert cast("Any", run.output)["out"] == "Ada: paid 3.0"


async def _unavailable(gate: Gate, allowed: Proceed) -> Effect:
    raise StoreUnavailable("disk hiccup")


WRONG = {"codecs": {"picky": {"approve": "yes", "reject": "no", "answer": {"$": "value"}}}}
RIGHT = {"codecs": {"picky": {"approve": "aye", "reject": "nay", "answer": {"$": "value"}}}}


async def poisoned(desk: Made) -> tuple[Desk, Any]:
    at = desk(picky_graph, options=WRONG)
    run = await at.answer(await at.start({}), approve)
    assert (run.state, at.effects) == (RunState.FAILED, ["asked"])
    assert "KeyError: 'yes'" in run.error
    return at, run


async def test_a_retry_uses_the_stored_answer_and_never_answers_the_next_question_with_it(desk: Made) -> None:
    """A second answer would be queued and answer the next question of the node unseen (research §2.4)."""
    at, run = await poisoned(desk)
    run = await at.resume(run)
    assert run.state is RunState.FAILED
    assert "KeyError: 'yes'" in run.error
    assert "paid" not in at.effects


async def test_a_poisoned_thread_is_asked_again(desk: Made) -> None:
    at, run = await poisoned(desk)
    at.options = RIGHT
    run = await at.resume(run, ask_again=True)
    assert (run.state, [r.title for r in run.pending]) == (RunState.PAUSED, ["Shall we?"])
    run = await at.answer(run, approve)
    assert [r.title for r in run.pending] == ["And who are you?"]
    run = await at.answer(run, answering("Ada"))
    assert (run.state, run.output) == (RunState.COMPLETED, {"out": ["paid"]})
    assert at.effects.count("paid") == 1


async def test_a_node_that_failed_for_another_reason_goes_on_with_its_answer(desk: Made) -> None:
    broken = [True]

    def flaky(state: graphs.State) -> graphs.State:
        ok = interrupt({"type": "approval", "question": "Pay?"})
        if broken.pop() if broken else False:
            raise ConnectionError("no bank")
        if ok:
            record("paid")
        name = interrupt("Who?")
        return {"out": [name]}

    def build(saver: Any) -> Any:
        return StateGraph(graphs.State).add_node("flaky", flaky).add_edge(START, "flaky").compile(checkpointer=saver)

    at = desk(build)
    run = await at.answer(await at.start({}), approve)
    assert run.state is RunState.FAILED
    assert "no bank" in run.error
    run = await at.resume(run)
    assert (run.state, [r.title for r in run.pending], at.effects) == (RunState.PAUSED, ["Who?"], ["paid"])
    run = await at.answer(run, answering("Ada"))
    assert (run.state, run.output) == (RunState.COMPLETED, {"out": ["Ada"]})


async def test_a_run_that_fails_before_it_ever_paused_goes_on_where_it_failed(desk: Made) -> None:
    broken = [True]

    def flaky(state: graphs.State) -> graphs.State:
        if broken:
            broken.pop()
            raise ConnectionError("no bank")
        record("paid")
        return {}

    def build(saver: Any) -> Any:
        graph = StateGraph(graphs.State).add_node("after", graphs.after).add_node("flaky", flaky)
        return graph.add_edge(START, "after").add_edge("after", "flaky").compile(checkpointer=saver)

    at = desk(build)
    run = await at.start({})
    assert (run.state, at.effects) == (RunState.FAILED, ["told"])
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["told", "paid"])


async def test_asking_again_is_refused_where_finished_work_beside_it_would_run_twice(desk: Made) -> None:
    def build(saver: Any) -> Any:
        graph = StateGraph(graphs.State).add_node("picky", picky).add_node("after", graphs.after)
        return graph.add_edge(START, "picky").add_edge(START, "after").compile(checkpointer=saver)

    at = desk(build, options=WRONG)
    run = await at.answer(await at.start({}), approve)
    run = await at.resume(run, ask_again=True)
    assert (run.state, at.effects.count("told")) == (RunState.FAILED, 1)
    assert "cannot ask again: after" in run.error


# ── other people ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("update", ["new input", "edited state"])
async def test_a_pause_that_somebody_else_replaced_is_superseded_and_the_new_one_shown(desk: Made, update: str) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    (old,) = run.pending
    async with at.graph() as graph:
        if update == "new input":
            await graph.ainvoke({"order": "B"}, thread(run))
        else:
            await graph.aupdate_state(thread(run), {"order": "B"})
    run = await at.answer(run, approve)
    assert (run.state, [r.title for r in run.pending]) == (RunState.PAUSED, ["Pay back B?"])
    assert "paid" not in at.effects
    async with at.open() as hitl:
        assert (await hitl.request(old.id)).state is RequestState.SUPERSEDED
    run = await at.answer(run, approve)
    assert (run.state, at.effects.count("paid")) == (RunState.COMPLETED, 1)


@pytest.mark.parametrize("how", ["answered", "skipped", "ended"])
async def test_a_thread_that_somebody_else_moved_past_the_pause_is_named(desk: Made, how: str) -> None:
    at = desk(graphs.in_a_node)
    run = await at.start({"order": "A"})
    async with at.graph() as graph:
        if how == "answered":
            (waiting,) = (await graph.aget_state(thread(run))).interrupts
            await graph.ainvoke(Command(resume={waiting.id: True}), thread(run))
        else:
            await graph.aupdate_state(thread(run), None, as_node="ask" if how == "skipped" else END)
    happened = at.effects
    run = await at.answer(run, reject)
    assert (run.state, at.effects) == (RunState.FAILED, happened)
    assert "moved on by somebody else" in run.error


async def test_an_edit_in_the_name_of_one_of_several_pauses_is_named_and_nothing_runs(desk: Made) -> None:
    """LangGraph lets the pauses beside it vanish without a word (research §1.6)."""
    at = desk(graphs.two_at_once)
    run = await at.start({"order": "A"})
    async with at.graph() as graph:
        await graph.aupdate_state(thread(run), {"out": ["skipped"]}, as_node="one")
    happened = at.effects
    run = await at.answer(run, approve, approve)
    assert (run.state, at.effects) == (RunState.FAILED, happened)
    assert "moved on by somebody else" in run.error


async def test_a_thread_that_waits_for_another_run_is_refused(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    first = await at.start({"order": "A"}, thread="shared")
    second = await at.start({"order": "B"}, thread="shared")
    assert (second.state, at.effects) == (RunState.FAILED, ["asked"])
    assert "waits for an answer of another run" in second.error
    first = await at.answer(first, approve)
    assert (first.state, at.effects.count("paid")) == (RunState.COMPLETED, 1)


async def test_a_thread_is_used_by_one_run_after_the_other(desk: Made) -> None:
    at = desk(graphs.in_a_node)
    await at.answer(await at.start({"order": "A"}, thread="shared"), approve)
    second = await at.answer(await at.start({"order": "B"}, thread="shared"), approve)
    assert second.output == {"order": "B", "out": ["paid", "paid"]}


async def test_a_pause_that_the_store_lost_sight_of_is_found(desk: Made) -> None:
    """LangGraph has paused, our process died before it could say so: covered with real deaths in test_killed.py; here
    the run broke instead."""
    at = desk(graphs.ambiguous)
    run = await at.start({})
    async with at.graph() as graph:
        assert (await graph.aget_state(thread(run))).interrupts
    at.options = {"codecs": {"unclear": "boolean"}}
    run = await at.resume(run)
    assert len(run.pending) == 1


def agent_without(saver: Any) -> Any:
    return create_agent(PlayedModel(turns=["hi"]), [], middleware=[OversightMiddleware()])


async def test_a_graph_without_a_checkpointer_is_refused_by_name(desk: Made) -> None:
    at = desk(agent_without)
    with pytest.raises(AppRefused, match="has no checkpointer"):
        await at.start(GO)


async def test_what_a_refused_app_has_opened_is_closed_at_each_try(desk: Made) -> None:
    @asynccontextmanager
    async def opened(_: Any) -> AsyncIterator[Any]:
        record("opened")
        yield None
        record("closed")

    at = desk(agent_without, saver=opened)
    async with at.open() as hitl:
        for _ in range(2):
            with pytest.raises(AppRefused, match="has no checkpointer"):
                await hitl.attach()
        assert at.effects == ["opened", "closed"] * 2
