"""`response_schema`: the answer is any value that fits, checked before it can poison the thread (§2.4, §3.3)."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from langgraph.types import interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from hitl_adapters.langgraph.mapping import NativePause, lift
from hitl_core.errors import PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Answer, Approve, Choose, Decision, Kind, Reject, Reply

from .driving import Run, State, one_node, play

NO = Reject(message="because")


class Typed(TypedDict):
    name: str
    seats: int


class Verdict(BaseModel):
    decision: Literal["approve", "reject"]
    reason: str


def as_dict(state: State) -> State:
    schema = {"type": "object", "properties": {"seats": {"type": "integer"}}, "required": ["seats"]}
    return {"out": interrupt({"question": "How many?"}, response_schema=schema)["seats"]}


def as_typed_dict(state: State) -> State:
    return {"out": interrupt("Who?", response_schema=Typed)["name"]}


def as_model(state: State) -> State:
    verdict = interrupt({"question": "Promote?"}, response_schema=Verdict)
    return {"out": (verdict.decision, verdict.reason)}


def as_boolean(state: State) -> State:
    return {"out": "on" if interrupt("Lights?", response_schema={"type": "boolean", "title": "Ok"}) else "off"}


def as_enum(state: State) -> State:
    return {"out": interrupt("Colour?", response_schema={"enum": ["red", "blue"]})}


CASES: list[tuple[Any, Decision, Any]] = [
    (as_dict, Answer(value={"seats": 4}), 4),
    (as_typed_dict, Answer(value={"name": "Ada", "seats": 1}), "Ada"),
    (as_model, Approve(), ("approve", "")),
    (as_model, NO, ("reject", "because")),
    (as_model, Answer(value={"decision": "reject", "reason": "x"}), ("reject", "x")),
    (as_boolean, Approve(), "on"),
    (as_boolean, NO, "off"),
    (as_enum, Choose(option="blue"), "blue"),
]


@pytest.mark.parametrize(("node", "decision", "out"), CASES)
def test_a_fitting_answer_goes_through(node: Any, decision: Decision, out: Any) -> None:
    assert play(node, decision) == out


@pytest.mark.parametrize(
    ("node", "value", "fault"),
    [
        (as_dict, {"seats": "four"}, "decision.value.seats"),
        (as_dict, {}, "'seats' is a required property"),
        (as_typed_dict, {"name": "Ada"}, "'seats' is a required property"),
        (as_boolean, "no", "is not of type 'boolean'"),
        (as_enum, "green", "is not one of"),
    ],
)
def test_every_fault_is_named_and_the_pause_stays(node: Any, value: Any, fault: str) -> None:
    run = Run(one_node(node))
    with pytest.raises(ResponseRefused, match=fault):
        run.answer(Answer(value=value))
    assert len(run.pauses) == 1


def test_all_faults_at_once() -> None:
    with pytest.raises(ResponseRefused) as caught:
        Run(one_node(as_typed_dict)).answer(Answer(value={"name": 3, "seats": "x"}))
    assert [fault.path for fault in caught.value.faults] == ["decision.value.name", "decision.value.seats"]


def test_the_schema_is_shown() -> None:
    (lifted,) = Run(one_node(as_dict)).lifted()
    assert (lifted.kind, lifted.codec["name"]) == (Kind.INPUT, "form")
    assert lifted.answer_schema is not None
    assert lifted.answer_schema["required"] == ["seats"]


def _allowed(schema: dict[str, Any]) -> tuple[Reply, ...]:
    found = lift(NativePause("i", "n", value="?", response_schema=schema))
    assert isinstance(found, tuple)
    return found[0].allowed


ANSWER_ONLY: list[dict[str, Any]] = [
    {"type": "boolean"},
    {"type": "boolean", "title": "Needs changes"},
    {"type": "object", "properties": {"action": {"enum": ["continue", "stop"]}}},
    {"type": "boolean", "title": "cancel_order"},
    {"type": "object", "properties": {"urgent": {"type": "boolean"}}},
    {"type": "object", "properties": {"approved": {"type": "boolean"}, "confirmed": {"type": "boolean"}}},
    {
        "type": "object",
        "properties": {"approved": {"type": "boolean"}, "amount": {"type": "number"}},
        "required": ["amount"],
    },
    {"type": "object", "properties": {"decision": {"enum": ["approve", "later"]}}},
    {},
]


@pytest.mark.parametrize("schema", ANSWER_ONLY)
def test_a_form_without_a_plain_yes_and_no_only_takes_answers(schema: dict[str, Any]) -> None:
    assert _allowed(schema) == (Reply.ANSWER,)


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "https://example.org/none.json"}])
def test_an_unusable_schema_is_ambiguous_rather_than_ignored(schema: dict[str, Any]) -> None:
    def node(state: State) -> State:
        return {"out": interrupt("?", response_schema=schema)}

    with pytest.raises(PauseAmbiguous, match="schema of this pause"):
        play(node, Answer(value=1))
