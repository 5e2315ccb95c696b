"""The effect modes of neutral tools in a LangGraph agent: transactional in the store's own file, idempotent by key."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import tools_condition
from langgraph.types import interrupt

from hitl_adapters.langgraph import gated_tool_node
from hitl_adapters.langgraph.building import as_langchain
from hitl_adapters.langgraph.suspend import current
from hitl_core import AgentSpec, AppSource, Config, ModelSpec, connect, current_call, tool
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import EffectMode, RunState
from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step
from tests.crash_desk import CRASH
from tests.forking import KILLED, child, model_process

from .desk import GO, Desk, approve, editing, record, recorded
from .played import PlayedModel, call

CALLS = Step(call=(Call(name="book", arguments={"order": "A", "amount": 12}),))
SCRIPT = Script.of(CALLS, Step(say="booked"))


@tool(transactional=True)
def book(order: str, amount: float, transaction: Any) -> str:
    """Book it beside the record of it."""
    transaction.execute("CREATE TABLE IF NOT EXISTS bookings (key TEXT, amount REAL)")
    transaction.execute("INSERT INTO bookings VALUES (?, ?)", (order, amount))
    if amount > 100:
        raise ValueError("too much")
    return f"booked {amount}"


@tool(idempotent=True, name="book")
def book_again(order: str, amount: float) -> str:
    """Safe to repeat with the same key."""
    record("booked", key=current_call().key)
    if os.environ.get(CRASH) == "book":
        die()
    return "booked"


def config(folder: Path, url: str, made: Any) -> Config:
    return Config(
        backend="langgraph",
        app=AppSource("desk:spec", AgentSpec("desk", "You book.", (made,), ModelSpec("m", url)), folder=folder),
        store_url="sqlite:///store.db",
        options={"checkpointer": "sqlite:///threads.db"},
        folder=folder,
    )


@pytest.mark.parametrize(("amount", "kept", "state"), [(12.0, 1, "executed"), (500.0, 0, "failed")])
async def test_a_transactional_effect_commits_with_its_record_or_not_at_all(
    tmp_path: Path, amount: float, kept: int, state: str
) -> None:
    with ScriptedModel(SCRIPT) as model:
        async with connect(config(tmp_path, model.base_url, book)) as hitl:
            run = await hitl.start("go")
            (request,) = run.pending
            await hitl.respond(request.edit({"order": "A", "amount": amount}, by="ann"))
            run = await hitl.resume(run.id)
            (effect,) = await hitl.effects(run.id)
    assert (effect.mode, effect.state) == (EffectMode.TRANSACTIONAL, state)
    database = sqlite3.connect(tmp_path / "store.db")
    tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'bookings'").fetchall()
    rows = database.execute("SELECT amount FROM bookings").fetchall() if tables else []
    database.close()
    assert len(rows) == kept


@pytest.mark.processes
def test_an_idempotent_effect_is_repeated_with_its_key_and_nobody_is_asked(tmp_path: Path, warm: None) -> None:
    with model_process(SCRIPT, tmp_path / "model.jsonl") as url:

        async def dies() -> None:
            os.environ[CRASH] = "book"
            async with connect(config(tmp_path, url, book_again)) as hitl:
                run = await hitl.start("go")
                await hitl.respond(approve(run.pending[0]))
                await hitl.resume(run.id)

        async def recovers() -> None:
            async with connect(config(tmp_path, url, book_again)) as hitl:
                (run,) = (await hitl.runs()).items
                run = await hitl.resume(run.id)
                assert (run.state, run.pending) == (RunState.COMPLETED, ()), run
                (effect,) = await hitl.effects(run.id)
                assert (effect.state, effect.attempts) == (ActionState.EXECUTED, 2)

        assert [child(dies), child(recovers)] == [KILLED, 0]
    assert len({each["key"] for each in recorded()}) == 1
    assert len(recorded()) == 2


@tool(transactional=True)
def receipt(amount: float, transaction: Any) -> dict[str, Any]:
    """Its result looks like something that an adapter might keep."""
    return {"message": {"text": f"paid {amount}"}, "parts": [1], "command": {}}


async def test_a_result_that_is_handed_out_again_is_what_the_tool_returned_and_says_that_it_was_edited(
    desk: Callable[..., Desk],
) -> None:
    """A node that asks once its tool is done runs again with the answer, and so does the call (P03)."""
    model = PlayedModel(turns=[[call("receipt", amount=3)], "done"])
    node = gated_tool_node([as_langchain(receipt)])

    async def chat(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def tools(state: MessagesState) -> Any:
        current("receipt").gate.catalogue.learn(receipt)  # as a spec makes it known
        done = await node.ainvoke(state)
        approved = interrupt("Show it to the model?")
        return done if approved else {}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("chat", chat).add_node("tools", tools)
        graph.add_conditional_edges("chat", tools_condition, ["tools", END])
        return graph.add_edge(START, "chat").add_edge("tools", "chat").compile(checkpointer=saver)

    at = desk(build)
    run = await at.answer(await at.start(GO), editing(amount=2.0))
    run = await at.answer(run, approve)
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    (told,) = model.told()
    assert told.startswith("A person changed this call")
    assert '"message": {"text": "paid 2.0"}' in told
