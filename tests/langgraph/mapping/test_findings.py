"""What is said about a graph when it is attached."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware, hook_config
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send, interrupt

from hitl_adapters.langgraph.mapping import Codecs, boolean, findings

from ..desk import advised
from . import existing_nodes as nodes
from . import test_ambiguous as traps
from .driving import State, one_node


def _messages(graph: Any, level: str, **more: Any) -> list[str]:
    return [f"{found.place}: {found.message}" for found in findings(graph, **more) if found.level == level]


def _of_sites(graph: Any, **more: Any) -> list[str]:
    return [message for message in _messages(graph, "warn", **more) if "InMemorySaver" not in message]


def test_a_graph_without_a_checkpointer_is_refused() -> None:
    """§1.4: its first run pauses, and then it cannot be resumed."""
    graph = StateGraph(State).add_node("ask", nodes.word_yes).add_edge(START, "ask").compile()
    (message,) = _messages(graph, "refuse")
    assert "has no checkpointer" in message


def test_a_sync_saver_is_noted(tmp_path: Path) -> None:
    graph = StateGraph(State).add_node("ask", nodes.word_yes).add_edge(START, "ask")
    with SqliteSaver.from_conn_string(str(tmp_path / "x.db")) as saver:
        assert any("AsyncSqliteSaver avoids that" in m for m in _messages(graph.compile(checkpointer=saver), "note"))


# ── swallowed pauses (§1.4) ──────────────────────────────────────────────────────────────────────────────────


def eats_all(state: State) -> State:
    try:
        return {"out": interrupt("?")}
    except Exception:
        return {"out": "went on"}


def eats_bare(state: State) -> State:
    try:
        return {"out": interrupt("?")}
    except:  # noqa: E722 - what people write
        return {"out": "went on"}


def eats_pause(state: State) -> State:
    try:
        return {"out": interrupt("?")}
    except (ValueError, GraphInterrupt):
        return {"out": "went on"}


def suppresses(state: State) -> State:
    with contextlib.suppress(Exception):
        return {"out": interrupt("?")}
    return {"out": "went on"}


def lets_it_pass(state: State) -> State:
    try:
        return {"out": interrupt("?")}
    except GraphBubbleUp:
        raise
    except Exception:
        return {"out": "went on"}


def catches_less(state: State) -> State:
    try:
        return {"out": interrupt("?")}
    except ValueError:
        return {"out": "went on"}


@pytest.mark.parametrize("node", [eats_all, eats_bare, eats_pause, suppresses])
def test_a_handler_that_eats_the_pause_is_refused(node: Any) -> None:
    (message,) = _messages(one_node(node), "refuse")
    assert "swallows the pause" in message


def test_such_a_graph_really_goes_on_unapproved() -> None:
    config: Any = {"configurable": {"thread_id": "eaten"}}
    assert one_node(eats_all).invoke({}, config)["out"] == "went on"


@pytest.mark.parametrize("node", [lets_it_pass, catches_less])
def test_a_handler_that_lets_it_pass_is_not(node: Any) -> None:
    assert _messages(one_node(node), "refuse") == []


def _retrying(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(state: State) -> Any:
        try:
            return function(state)
        except Exception:
            return {"out": "gave up"}

    return wrapper


@_retrying
def decorated(state: State) -> State:
    return {"out": "yes" if interrupt("?") == "yes" else "no"}


def test_a_decorator_that_eats_the_pause_is_warned_of() -> None:
    assert any("in its decorator" in message for message in _messages(one_node(decorated), "warn"))


# ── sites ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_site_is_printed_with_its_codec() -> None:
    (message,) = _messages(one_node(nodes.word_yes), "note")
    assert "inferred codec 'words': approve → 'yes', reject → 'no'" in message


def test_an_ambiguous_site_comes_with_the_lines_that_settle_it(tmp_path: Path) -> None:
    (message,) = _of_sites(one_node(traps.both_shapes))
    assert "ambiguous" in message
    codecs = Codecs.from_options(advised(message, tmp_path)["codecs"])
    assert _of_sites(one_node(traps.both_shapes), codecs=codecs) == []


def test_a_registered_site_is_no_longer_ambiguous() -> None:
    graph = one_node(traps.both_shapes)
    assert _of_sites(graph, codecs=Codecs({"ask": boolean()})) == []


def test_protocols_and_schemas_are_named() -> None:
    assert any("Agent Inbox" in message for message in _messages(one_node(nodes.inbox_list), "note"))


def test_static_breakpoints_are_listed() -> None:
    graph = one_node(nodes.word_yes, interrupt_before=["ask"], interrupt_after="*")
    notes = "\n".join(_messages(graph, "note"))
    assert "static breakpoint before" in notes
    assert "static breakpoint after" in notes


def test_a_subgraph_without_checkpoints_asks_for_ever() -> None:
    """Seen on 1.2.22: each resume re-runs the subgraph from its start, which asks again under a new id."""
    sub = StateGraph(State).add_node("ask", nodes.word_yes).add_edge(START, "ask").compile(checkpointer=False)
    graph = StateGraph(State).add_node("sub", sub).add_edge(START, "sub").compile(checkpointer=InMemorySaver())
    (message,) = _messages(graph, "refuse")
    assert "checkpointer=False" in message


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────


@tool
def pay(to: str) -> str:
    """Pay."""
    return "paid" if interrupt({"tool": "pay", "args": {"to": to}}) == "yes" else "not paid"


@tool
def wipe(disk: str) -> str:
    """Wipe."""
    return "wiped" if interrupt({"tool": "wipe", "args": {"disk": disk}}) == "yes" else "not wiped"


def _model(state: MessagesState) -> dict[str, Any]:
    return {"messages": [AIMessage("")]}


def _tool_graph(router: Any) -> Any:
    graph = StateGraph(MessagesState).add_node("model", _model).add_node("tools", ToolNode([pay, wipe]))
    graph.add_edge(START, "model").add_conditional_edges("model", router, ["tools"])
    return graph.compile(checkpointer=InMemorySaver())


def _all_at_once(state: MessagesState) -> str:
    return "tools"


def _one_by_one(state: MessagesState) -> list[Send]:
    return [Send("tools", [call]) for call in getattr(state["messages"][-1], "tool_calls", [])]


def test_two_pausing_tools_in_one_task_are_warned_of() -> None:
    """langgraph#6533, §2.5: the answer goes to whichever tool asks first."""
    assert any("langgraph#6533" in message for message in _messages(_tool_graph(_all_at_once), "warn"))
    assert not any("langgraph#6533" in message for message in _messages(_tool_graph(_one_by_one), "warn"))


class Jumps(AgentMiddleware[Any, Any, Any]):
    @hook_config(can_jump_to=["tools"])
    def after_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        return None


def _agent(*middleware: Any) -> Any:
    model = GenericFakeChatModel(messages=iter([]))
    return create_agent(model, [pay, wipe], middleware=middleware, checkpointer=InMemorySaver())


def test_create_agent_sends_each_call_on_its_own() -> None:
    assert not any("langgraph#6533" in message for message in _messages(_agent(), "warn"))


def test_batched_approvals_are_noted_and_jumps_warned_of() -> None:
    graph = _agent(HumanInTheLoopMiddleware({"pay": True}), Jumps())
    assert any("langchain#40166" in message for message in _messages(graph, "note"))
    assert any("Jumps may jump to the tools" in message for message in _messages(graph, "warn"))


def test_when_predicates_are_warned_of() -> None:
    gate = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": ["approve"], "when": lambda request: True}})
    assert any("the `when` of 'pay'" in message for message in _messages(_agent(gate), "warn"))
    assert not any(
        "`when`" in message for message in _messages(_agent(HumanInTheLoopMiddleware({"pay": True})), "warn")
    )


def test_a_saver_that_forgets_is_warned_of(tmp_path: Path) -> None:
    graph = StateGraph(State).add_node("ask", nodes.word_yes).add_edge(START, "ask")
    assert any("forgets every pause" in m for m in _messages(graph.compile(checkpointer=InMemorySaver()), "warn"))
    with SqliteSaver.from_conn_string(str(tmp_path / "x.db")) as saver:
        assert not any("forgets" in m for m in _messages(graph.compile(checkpointer=saver), "warn"))
