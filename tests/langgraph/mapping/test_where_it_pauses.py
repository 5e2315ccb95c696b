"""`interrupt()` anywhere: subgraphs, tools, the functional API, `Send`, answers that travel through the state."""

from __future__ import annotations

import functools
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from hitl_adapters.langgraph.mapping import Codecs, words
from hitl_core.errors import PauseAmbiguous
from hitl_core.protocol import Answer, Approve, Reject, Reply

from . import existing_nodes as nodes
from .driving import Run, State, one_node, play

YES, NO = Approve(), Reject(message="not now")


def _inner() -> Any:
    return StateGraph(State).add_node("ask", nodes.word_yes).add_edge(START, "ask").compile()


@pytest.mark.parametrize(("decision", "out"), [(YES, "ran"), (NO, "denied")])
def test_in_a_subgraph_that_is_a_node(decision: Any, out: str) -> None:
    graph = StateGraph(State).add_node("sub", _inner()).add_edge(START, "sub").compile(checkpointer=InMemorySaver())
    run = Run(graph)
    assert (run.pauses[0].path, run.pauses[0].node) == (("sub",), "ask")
    assert run.answer(decision)["out"] == out


@pytest.mark.parametrize(("decision", "out"), [(YES, "ran"), (NO, "denied")])
def test_in_a_subgraph_that_a_node_calls(decision: Any, out: str) -> None:
    inner = _inner()

    def caller(state: State) -> State:
        return State(out=inner.invoke(state)["out"])

    assert Run(one_node(caller)).answer(decision)["out"] == out


@tool
def transfer(amount: int, to: str) -> str:
    """Move money."""
    response = interrupt({"tool": "transfer", "args": {"amount": amount, "to": to}, "question": "Move money?"})
    if response["approved"]:
        return f"moved {amount} to {to}"
    return f"not moved: {response['reason']}"


def _tool_graph() -> Any:
    def model(state: MessagesState) -> dict[str, Any]:
        call = {"name": "transfer", "args": {"amount": 5, "to": "bob"}, "id": "c1"}
        return {"messages": [AIMessage(content="", tool_calls=[call])]}

    graph = StateGraph(MessagesState).add_node("model", model).add_node("tools", ToolNode([transfer]))
    return graph.add_edge(START, "model").add_edge("model", "tools").compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize(("decision", "text"), [(YES, "moved 5 to bob"), (NO, "not moved: not now")])
def test_in_a_tool(decision: Any, text: str) -> None:
    run = Run(_tool_graph(), {"messages": []})
    (lifted,) = run.lifted()
    assert (lifted.tool, lifted.arguments) == ("transfer", {"amount": 5, "to": "bob"})
    assert lifted.arguments_schema is not None
    assert lifted.arguments_schema["required"] == ["amount", "to"]
    assert run.answer(decision)["messages"][-1].content == text


@task
def confirm(question: str) -> Any:
    return interrupt({"question": question})


@entrypoint(checkpointer=InMemorySaver())
def tidy(room: str) -> str:
    if confirm(f"Tidy the {room}?").result() == "yes":
        return "tidied"
    return "left alone"


@entrypoint(checkpointer=InMemorySaver())
def sweep(room: str) -> str:
    approved = interrupt({"question": f"Sweep the {room}?"})
    return "swept" if approved else "dusty"


@pytest.mark.parametrize(("decision", "out"), [(YES, "swept"), (NO, "dusty")])
def test_in_an_entrypoint(decision: Any, out: str) -> None:
    assert Run(sweep, "hall").answer(decision) == out


@pytest.mark.parametrize(("decision", "out"), [(YES, "tidied"), (NO, "left alone")])
def test_in_a_task_the_user_says_what_answers_mean(decision: Any, out: str) -> None:
    """A pause in a `@task` surfaces at the entrypoint, and what the task returns is used there (§1.2)."""
    with pytest.raises(PauseAmbiguous, match=r"confirm\(\) may have paused here"):
        Run(tidy, "hall").lifted()
    assert Run(tidy, "hall", Codecs({"tidy": words()})).answer(decision) == out


class Items(TypedDict, total=False):
    items: list[str]
    item: str
    done: Annotated[list[str], operator.add]


def each(state: Items) -> Items:
    ok = interrupt({"question": f"Pack {state['item']}?"})
    return {"done": [f"{state['item']}: {'packed' if ok else 'left'}"]}


def test_parallel_tasks_answered_in_one_map() -> None:
    """§0.7, §1.2: all are visible at once, each has an id and a codec of its own."""
    graph = StateGraph(Items).add_node("each", each)
    graph.add_conditional_edges(START, lambda s: [Send("each", {"item": i}) for i in s["items"]], ["each"])
    run = Run(graph.compile(checkpointer=InMemorySaver()), {"items": ["hat", "map", "tea"]})
    assert len({pause.interrupt_id for pause in run.pauses}) == 3
    run.resume({pause.interrupt_id: index != 1 for index, pause in enumerate(run.pauses)})
    assert run.result["done"] == ["hat: packed", "map: left", "tea: packed"]


# ── an answer that travels through the state ─────────────────────────────────────────────────────────────────


def asks(state: State) -> State:
    return {"decision": interrupt({"question": "Print the book?"})}


def prints(state: State) -> State:
    return {"out": "printed"}


def shelves(state: State) -> State:
    return {"out": "shelved"}


def route_by_word(state: State) -> str:
    return "prints" if state["decision"] == "approve" else "shelves"


def route_by_truth(state: State) -> str:
    if state.get("decision"):
        return "prints"
    return "shelves"


def route_by_helper(state: State) -> str:
    return _helper(state)


def _helper(state: State) -> str:
    return "prints" if state["decision"] else "shelves"


def _routed(node: Any, router: Any) -> Any:
    graph = StateGraph(State).add_node("asks", node).add_node("prints", prints).add_node("shelves", shelves)
    graph.add_edge(START, "asks").add_conditional_edges("asks", router, ["prints", "shelves"])
    return graph.add_edge("prints", END).add_edge("shelves", END).compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize(("decision", "out"), [(YES, "printed"), (NO, "shelved")])
def test_a_router_compares_what_the_node_stored(decision: Any, out: str) -> None:
    assert Run(_routed(asks, route_by_word)).answer(decision)["out"] == out


def asks_approved(state: State) -> State:
    return {"approved": interrupt({"question": "Print the book?"})}


def route_by_approved(state: State) -> str:
    return "prints" if state["approved"] else "shelves"


@pytest.mark.parametrize(("decision", "out"), [(YES, "printed"), (NO, "shelved")])
def test_a_router_tests_what_the_node_stored_under_a_plain_name(decision: Any, out: str) -> None:
    assert Run(_routed(asks_approved, route_by_approved)).answer(decision)["out"] == out


@pytest.mark.parametrize("router", [route_by_truth, route_by_helper])
def test_a_router_that_proves_nothing_is_ambiguous(router: Any) -> None:
    with pytest.raises(PauseAmbiguous):
        Run(_routed(asks, router)).lifted()


def asks_into_a_typed_key(state: State) -> State:
    return {"approved": interrupt("Do you approve?")}


def test_a_state_key_of_type_bool_says_what_the_answer_is() -> None:
    run = Run(one_node(asks_into_a_typed_key))
    assert run.lifted()[0].allowed == (Reply.APPROVE, Reply.REJECT)
    assert run.answer(NO)["approved"] is False


# ── forms of nodes ───────────────────────────────────────────────────────────────────────────────────────────


class Reviewer:
    def __call__(self, state: State) -> State:
        return {"out": "yes!" if interrupt("Called as an object?") == "yes" else "no!"}

    def review(self, state: State) -> State:
        return {"out": "yes!" if interrupt("Called as a method?") == "yes" else "no!"}


async def asynchronous(state: State) -> State:
    return {"out": "yes!" if interrupt("Called as a coroutine?") == "yes" else "no!"}


def logged(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(state: State) -> Any:
        return function(state)

    return wrapper


@logged
def decorated(state: State) -> State:
    return {"out": "yes!" if interrupt("Called through a wrapper?") == "yes" else "no!"}


@logged
def _asks_again(question: str) -> Any:
    return interrupt(question)


def asks_twice(state: State) -> State:
    question = state.get("text", "Sure?")
    approved = interrupt(question)
    return {"out": "done" if _asks_again(question) == "hold" and approved else "not done"}


def test_a_pause_of_a_function_that_is_not_read_is_not_taken_for_one_that_is() -> None:
    """Its payload may look the same, and its answer means something else."""
    with pytest.raises(PauseAmbiguous, match="may have paused here"):
        Run(one_node(asks_twice)).lifted()


def with_prefix(prefix: str, state: State) -> State:
    return {"out": "yes!" if interrupt(f"{prefix}?") == "yes" else "no!"}


def local_import(state: State) -> State:
    from langgraph.types import interrupt as ask_a_person

    return {"out": "yes!" if ask_a_person("Known by another name?") == "yes" else "no!"}


FORMS = [
    Reviewer(),
    Reviewer().review,
    decorated,
    functools.partial(with_prefix, "Called as a partial"),
    local_import,
    lambda state: {"out": "yes!" if interrupt("A lambda?") == "yes" else "no!"},
]


@pytest.mark.parametrize("node", FORMS)
@pytest.mark.parametrize(("decision", "out"), [(YES, "yes!"), (NO, "no!")])
def test_every_form_of_node_is_read(node: Any, decision: Any, out: str) -> None:
    assert play(node, decision) == out


async def test_a_coroutine_node_is_read() -> None:
    graph = one_node(asynchronous)
    config: Any = {"configurable": {"thread_id": "async"}}
    await graph.ainvoke({}, config)
    run = Run.__new__(Run)
    run.graph, run.config = graph, config
    assert run.pauses[0].value == "Called as a coroutine?"


class Ruling(BaseModel):
    approved: bool
    reason: str = ""


def parsed(state: State) -> State:
    ruling = interrupt({"question": "Knight her?"}, response_schema=Ruling)
    return {"out": "dame" if ruling.approved else f"no: {ruling.reason}"}


@pytest.mark.parametrize(("decision", "out"), [(YES, "dame"), (NO, "no: not now")])
def test_a_response_schema_parses_the_answer(decision: Any, out: str) -> None:
    assert play(parsed, decision) == out


def test_a_response_schema_takes_a_filled_in_form() -> None:
    assert play(parsed, Answer(value={"approved": False, "reason": "too young"})) == "no: too young"


KEPT: dict[str, Any] = {}


def keeps_it_in_a_global(state: State) -> State:
    KEPT["answer"] = interrupt("Deploy?")
    return {"out": "asked"}


def keeps_it_elsewhere(state: State) -> State:
    global _last
    _last = interrupt("Deploy?")
    return {"out": "asked"}


_last: Any = None


@pytest.mark.parametrize("node", [keeps_it_in_a_global, keeps_it_elsewhere])
def test_an_answer_that_leaves_by_the_back_door_is_ambiguous(node: Any) -> None:
    with pytest.raises(PauseAmbiguous, match="kept in"):
        Run(one_node(node)).lifted()


def test_a_reader_that_cannot_be_seen_is_ambiguous() -> None:
    namespace: dict[str, Any] = {}
    exec("def prints(state):\n    return {'out': 'printed' if state['approved'] else 'x'}", namespace)  # noqa: S102
    graph = StateGraph(State).add_node("asks", asks_approved).add_node("prints", namespace["prints"])
    graph.add_edge(START, "asks").add_edge("asks", "prints")
    with pytest.raises(PauseAmbiguous, match="where it cannot be seen"):
        Run(graph.compile(checkpointer=InMemorySaver())).lifted()
