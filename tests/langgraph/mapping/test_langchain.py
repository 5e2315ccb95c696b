"""`HumanInTheLoopMiddleware` of the installed LangChain, in both modes, with real agents (§3.1)."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from hitl_adapters.langgraph.mapping import Expired, lower
from hitl_core.errors import DigestMismatch, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Answer, Approve, Decision, Edit, OnTimeout, Reject, Reply

from .driving import Run, request_from

PER_CALL = "interrupt_mode" in inspect.signature(HumanInTheLoopMiddleware).parameters
_effects: list[tuple[Any, ...]] = []


@tool
def send_email(to: str, copies: int = 1) -> str:
    """Send an e-mail."""
    _effects.append(("send_email", to, copies))
    return "sent"


@tool
def delete_file(path: str) -> str:
    """Delete a file."""
    _effects.append(("delete_file", path))
    return "deleted"


class Model(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


@pytest.fixture(autouse=True)
def _clean() -> None:
    _effects.clear()


def _agent(mode: Any, **interrupt_on: Any) -> Run:
    calls = [
        {"name": "send_email", "args": {"to": "ada", "copies": 2}, "id": "c1"},
        {"name": "delete_file", "args": {"path": "notes"}, "id": "c2"},
    ]
    model = Model(messages=iter([AIMessage(content="", tool_calls=calls), AIMessage(content="done")]))
    if mode == "per_call" and not PER_CALL:
        pytest.skip("interrupt_mode came with langchain 1.4")
    options = {"interrupt_mode": mode} if PER_CALL else {}
    gate = HumanInTheLoopMiddleware(interrupt_on or {"send_email": True, "delete_file": True}, **options)
    agent = create_agent(model, [send_email, delete_file], middleware=[gate], checkpointer=InMemorySaver())
    return Run(agent, {"messages": [("user", "go")]})


BATCHED: list[tuple[Decision, Decision, list[tuple[Any, ...]]]] = [
    (Approve(), Approve(), [("send_email", "ada", 2), ("delete_file", "notes")]),
    (Approve(), Reject(message="keep it"), [("send_email", "ada", 2)]),
    (Reject(), Approve(), [("delete_file", "notes")]),
    (Edit(arguments={"to": "eve", "copies": 3}), Reject(), [("send_email", "eve", 3)]),
    (Answer(value="already sent"), Answer(value="no such file"), []),
]


@pytest.mark.parametrize(("first", "second", "effects"), BATCHED)
def test_batched(first: Decision, second: Decision, effects: list[tuple[Any, ...]]) -> None:
    run = _agent("batched")
    result = run.answer(first, second)
    assert sorted(_effects) == sorted(effects)
    assert result["messages"][-1].content == "done"


@pytest.mark.parametrize(("first", "second", "effects"), BATCHED)
def test_per_call(first: Decision, second: Decision, effects: list[tuple[Any, ...]]) -> None:
    run = _agent("per_call")
    values = {}
    for index, decision in enumerate((first, second)):
        (lifted,) = run.lifted(index)
        values[run.pauses[index].interrupt_id] = lower(lifted.codec, [(request_from(lifted), decision)])
    run.resume(values)
    assert sorted(_effects) == sorted(effects)


def test_a_batch_is_one_request_per_call() -> None:
    first, second = _agent("batched").lifted()
    assert [(p.tool, p.index) for p in (first, second)] == [("send_email", 0), ("delete_file", 1)]
    schema: Any = first.arguments_schema
    assert schema["properties"]["copies"]["type"] == "integer"


def test_each_call_has_decisions_of_its_own() -> None:
    run = _agent("batched", send_email=True, delete_file={"allowed_decisions": ["approve", "reject"]})
    assert [set(part.allowed) for part in run.lifted()] == [
        {Reply.APPROVE, Reply.EDIT, Reply.REJECT, Reply.ANSWER},
        {Reply.APPROVE, Reply.REJECT},
    ]
    with pytest.raises(ResponseRefused, match="'edit' cannot be told"):
        run.answer(Approve(), Edit(arguments={"path": "x"}))
    assert _effects == []


def test_half_of_a_batch_cannot_be_lowered() -> None:
    """§2.4: a batch with the wrong number of decisions bricks the thread."""
    run = _agent("batched")
    first, _ = run.lifted()
    with pytest.raises(PauseAmbiguous, match="needs 2 answers at once, and 1 are there"):
        lower(first.codec, [(request_from(first), Approve())])


def test_swapped_answers_are_refused() -> None:
    """Positional: the right answer must reach the right call (P31)."""
    first, second = _agent("batched").lifted()
    with pytest.raises(DigestMismatch, match="'delete_file'"):
        lower(first.codec, [(request_from(second), Approve()), (request_from(first), Reject())])


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_an_edit_cannot_switch_tools(mode: Any) -> None:
    """langchain#40166: an edited `send_email` became `delete_file` and ran unreviewed."""
    first = _agent(mode).lifted()[0]
    forged = request_from(first).model_copy(update={"action": request_from(first).action.model_copy()})
    answers = [(forged, Edit(arguments={"to": "eve", "copies": 1}))]
    if mode == "batched":
        answers.append((request_from(_agent(mode).lifted()[1]), Reject()))  # type: ignore[arg-type]
    value = lower(first.codec, answers)
    assert "delete_file" not in str(value)
    assert "'name': 'send_email'" in str(value)


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_edits_keep_the_types_of_the_tool(mode: Any) -> None:
    run = _agent(mode)
    (first, *rest) = run.lifted()
    answers: Any = [(request_from(first), Edit(arguments={"to": "eve", "copies": "many"}))]
    answers += [(request_from(part), Reject()) for part in rest]
    with pytest.raises(ResponseRefused, match="copies"):
        lower(first.codec, answers)


def test_per_call_takes_its_decisions_and_schema_from_the_interrupt() -> None:
    run = _agent("per_call", send_email={"allowed_decisions": ["approve", "edit"]}, delete_file=True)
    (lifted,) = run.lifted(0)
    assert set(lifted.allowed) == {Reply.APPROVE, Reply.EDIT}
    assert lifted.arguments_schema is not None
    assert lifted.arguments_schema["required"] == ["to"]


def test_nobody_answered() -> None:
    run = _agent("batched")
    run.answer(Expired(OnTimeout.REFUSE), Expired(OnTimeout.PROCEED))
    assert _effects == [("delete_file", "notes")]
    texts = [m.content for m in run.result["messages"] if m.type == "tool"]
    assert any("Nobody answered before the deadline" in text for text in texts)
