"""What all records have in common, and the answers a request helps to make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from hitl_core.protocol import (
    Action,
    Approve,
    AuditEntry,
    Because,
    Choose,
    Context,
    Edit,
    Kind,
    Level,
    LiveEvent,
    LiveKind,
    Option,
    PauseRequest,
    Record,
    Reply,
    Responder,
    Response,
    Ruling,
    Run,
    RunState,
    Undoing,
    UndoneCall,
    UndoState,
    decision_of,
)
from hitl_core.testing.clock import START
from tests.core import desk
from tests.core.protocol.json_values import arguments

UNDONE = UndoneCall(call="pay#1", tool="pay", state=UndoState.UNDONE, run_id="run-1")
RECORDS: list[Record] = [
    desk.REFUND,
    desk.request(),
    desk.request(kind=Kind.CHOICE, options=(Option(id="a"), Option(id="b", value=False))),
    desk.response(desk.request(), {"type": "edit", "arguments": {"order": None}}),
    desk.run(pending=(desk.request(),)),
    Ruling(rule="r", version="1", why="because"),
    Undoing(run=desk.run(undoes="run-0"), undoes="run-0", calls=(UNDONE, UNDONE)),
    LiveEvent(run_id="run-1", kind=LiveKind.TEXT, text="hello"),
    AuditEntry(seq=1, at=START, event="run.started", subject="run-1", actor="ann", body="{}", mac="00"),
]

DECISIONS: dict[str, dict[str, Any]] = {
    "approve": {},
    "edit": {"arguments": {"amount": None}},
    "reject": {"message": "no"},
    "answer": {"value": None},
    "report": {"outcome": "done"},
    "ask": {"question": "which?"},
    "choose": {"option": "a"},
    "accept": {},
    "revise": {"feedback": "shorter"},
    "delegate": {"to": "bob"},
    "take_over": {"text": "hello", "heard": ("hi",)},
    "hand_back": {"text": "done", "to": "desk"},
    "cancel": {"reason": "enough"},
}


def named(record: object) -> str:
    return type(record).__name__


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_record_comes_back_from_its_json(record: Record) -> None:
    assert type(record).model_validate_json(record.to_json()) == record


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_record_cannot_be_changed(record: Record) -> None:
    first = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, first, "other")


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_fields_of_a_later_release_are_kept(record: Record) -> None:
    data = json.loads(record.to_json()) | {"from_the_future": [1, None]}
    read = type(record).model_validate(data)
    assert json.loads(read.to_json())["from_the_future"] == [1, None]


def test_nested_fields_of_a_later_release_are_kept() -> None:
    data = json.loads(desk.request().to_json())
    data["because"]["link"] = "https://wiki/refunds"
    assert json.loads(PauseRequest.model_validate(data).to_json())["because"]["link"] == "https://wiki/refunds"


@pytest.mark.parametrize("record", [desk.request(), desk.run(), desk.response(desk.request(), Approve())], ids=named)
def test_a_record_that_travels_names_its_protocol(record: Record) -> None:
    data = json.loads(record.to_json())
    assert data["protocol"] == "1.0"
    with pytest.raises(ValidationError, match="protocol"):
        type(record).model_validate(data | {"protocol": "2.0"})


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (PauseRequest, {"kind": "poll"}),
        (PauseRequest, {"level": "reckless"}),
        (PauseRequest, {"on_timeout": "approve"}),
        (PauseRequest, {"allowed": ["approve", "shrug"]}),
        (PauseRequest, {"created_at": "2026-01-05T09:00:00"}),
        (PauseRequest, {"round": -1}),
        (PauseRequest, {"action": {"tool": "", "arguments": {}}}),
        (PauseRequest, {"action": {"tool": "refund", "arguments": {"x": {1, 2}}}}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_an_unknown_word_is_refused(model: type[Record], change: dict[str, Any]) -> None:
    data = desk.request().model_dump()
    with pytest.raises(ValidationError, match=next(iter(change))):
        model.model_validate(data | change)


@pytest.mark.parametrize("data", [{"type": "shrug"}, {}, "approve", {"type": "edit"}, {"type": "answer"}], ids=repr)
def test_an_unknown_decision_is_refused(data: object) -> None:
    with pytest.raises(ValidationError):
        decision_of(data)


def test_every_reply_is_the_type_of_a_decision() -> None:
    assert {decision_of({"type": name, **fields}).type for name, fields in DECISIONS.items()} == set(Reply)


def test_an_unknown_run_state_is_refused() -> None:
    with pytest.raises(ValidationError, match="state"):
        Run.model_validate(desk.run().model_dump() | {"state": "dreaming"})


def test_levels_go_from_least_to_most_human() -> None:
    assert [level.rank for level in Level] == [0, 1, 2, 3, 4]
    assert Level.AUTONOMOUS.rank < Level.CONFIRM.rank < Level.HUMAN_LEADS.rank


@pytest.mark.parametrize("state", RunState)
def test_only_completed_and_cancelled_runs_are_over(state: RunState) -> None:
    assert state.over == (state in ("completed", "cancelled"))


def test_an_option_without_a_value_is_its_id() -> None:
    assert Option(id="dhl").chosen == "dhl"
    assert Option(id="dhl", value=0).chosen == 0


# ── the request ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_is_stored_without_what_has_its_default() -> None:
    stored = json.loads(desk.request().to_json())
    assert next(iter(stored)) == "protocol"
    assert not {"preview", "context", "veto", "deadline", "options"} & stored.keys()


@given(arguments)
def test_a_request_keeps_its_arguments_exactly(given: dict[str, Any]) -> None:
    before = desk.request(Action(tool="t", arguments=given))
    after = PauseRequest.model_validate_json(before.to_json())
    assert after == before
    assert repr(after.action.arguments) == repr(before.action.arguments)
    assert after.action.digest == before.digest


def test_a_request_keeps_null_arguments_and_empty_schemas() -> None:
    before = desk.request(Action(tool="t", arguments={"note": None}), arguments_schema={}, answer_schema={})
    after = PauseRequest.model_validate_json(before.to_json())
    assert after.action.arguments == {"note": None}
    assert (after.arguments_schema, after.answer_schema) == ({}, {})


@pytest.mark.parametrize(
    ("method", "positional"),
    [
        ("approve", ()),
        ("edit", ({"amount": None},)),
        ("reject", ("no",)),
        ("answer", (None,)),
        ("choose", ("a",)),
        ("accept", ()),
        ("revise", ("shorter",)),
        ("delegate", ("bob",)),
        ("cancel", ("enough",)),
    ],
)
def test_a_request_helps_to_answer_it(method: str, positional: tuple[Any, ...]) -> None:
    request = desk.request()
    made: Response = getattr(request, method)(*positional, by="ann", roles=("lead",), channel="console")
    assert (made.request_id, made.digest) == (request.id, request.digest)
    assert made.decision == decision_of({"type": method, **DECISIONS[method]})
    assert made.responder == Responder(id="ann", roles=("lead",), channel="console")


def test_an_answer_may_have_a_reason_besides_its_content() -> None:
    assert desk.request().edit({"amount": 1}, by="ann", reason="too much").reason == "too much"


def test_a_responder_may_be_given_whole() -> None:
    ann = Responder(id="ann", authenticated_by="sso")
    assert Response.to(desk.request(), Choose(option="a"), by=ann).responder == ann


def test_confidence_lies_between_nought_and_one() -> None:
    assert Context(confidence=0.5).confidence == 0.5
    with pytest.raises(ValidationError):
        Context(confidence=1.5)


@pytest.mark.parametrize("text", ["", "x" * 257])
def test_names_have_a_length(text: str) -> None:
    with pytest.raises(ValidationError):
        Because(rule=text, version="1", why="")


def test_an_edit_needs_all_arguments_as_an_object() -> None:
    with pytest.raises(ValidationError):
        Edit.model_validate({"arguments": [1]})


@pytest.mark.parametrize(
    ("ruling", "asks"),
    [
        ({"level": "autonomous"}, False),
        ({"level": "notify"}, False),
        ({"level": "notify", "veto_seconds": 60}, True),
        ({"level": "confirm"}, True),
        ({"level": "human_leads"}, True),
    ],
    ids=repr,
)
def test_a_ruling_knows_whether_it_asks(ruling: dict[str, Any], asks: bool) -> None:
    assert Ruling(rule="r", version="1", why="", **ruling).asks == asks


def test_a_denial_is_stricter_than_every_level() -> None:
    leads = Ruling(rule="r", version="1", why="", level=Level.HUMAN_LEADS)
    denies = Ruling(rule="r", version="1", why="", effect="deny", level=Level.AUTONOMOUS)
    assert denies.denied
    assert all(denies.stricter_than(level) for level in Level)
    assert [level for level in Level if not leads.stricter_than(level)] == [Level.HUMAN_LEADS]


def test_a_handoff_is_answered_turn_by_turn() -> None:
    request = desk.request(kind=Kind.HANDOFF)
    spoken = request.take_over("hello", by="ann", heard=["hi"])
    returned = request.hand_back("go on", by="ann", to="desk")
    assert spoken.decision == decision_of({"type": "take_over", "text": "hello", "heard": ("hi",)})
    assert returned.decision == decision_of({"type": "hand_back", "text": "go on", "to": "desk"})
