"""What a page sends back, as a decision. Each kind has a short form; what is not understood decides nothing."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from hitl_core.agui.answers import ABANDONED, abandoned, answer_schema, decision_in
from hitl_core.errors import ResponseRefused
from hitl_core.gate.forms import SHARED
from hitl_core.protocol import (
    Accept,
    Answer,
    Approve,
    Cancel,
    Choose,
    Delegate,
    Edit,
    HandBack,
    Json,
    Kind,
    Option,
    Reject,
    Reply,
    Report,
    Revise,
    TakeOver,
)
from tests.core.desk import request

APPROVAL: dict[str, Any] = {"allowed": (Reply.APPROVE, Reply.EDIT, Reply.REJECT)}
QUESTION: dict[str, Any] = {"kind": Kind.INPUT, "allowed": (Reply.ANSWER, Reply.CANCEL)}
CHOICE: dict[str, Any] = {
    "kind": Kind.CHOICE,
    "allowed": (Reply.CHOOSE,),
    "options": (Option(id="small"), Option(id="large")),
}
REVIEW: dict[str, Any] = {"kind": Kind.REVIEW, "allowed": (Reply.ACCEPT, Reply.REVISE)}
DRAFT: dict[str, Any] = {"allowed": SHARED, "draft": "request-1"}
HANDOFF: dict[str, Any] = {"kind": Kind.HANDOFF, "allowed": (Reply.TAKE_OVER, Reply.HAND_BACK, Reply.ANSWER)}
LED: dict[str, Any] = {"allowed": (Reply.REPORT, Reply.REJECT)}
VETO: dict[str, Any] = {"allowed": (Reply.REJECT,)}
ORDER = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}


@pytest.mark.parametrize(
    ("fields", "payload", "decision"),
    [
        (APPROVAL, {"approved": True}, Approve()),
        (APPROVAL, {"approved": False}, Reject()),
        (APPROVAL, {"approved": False, "reason": "too much"}, Reject(message="too much")),
        (APPROVAL, {"approved": True, "editedArgs": {"amount": 5}}, Edit(arguments={"amount": 5})),
        (APPROVAL, {"approved": False, "editedArgs": {"amount": 5}}, Reject()),
        (QUESTION, "A-1042", Answer(value="A-1042")),
        (QUESTION, {"answer": "A-1042"}, Answer(value="A-1042")),
        (QUESTION, {"order": "A-1042"}, Answer(value={"order": "A-1042"})),
        ({**QUESTION, "answer_schema": ORDER}, {"order": "A-1042"}, Answer(value={"order": "A-1042"})),
        ({**QUESTION, "answer_schema": ORDER}, {"answer": "A-1042"}, Answer(value={"answer": "A-1042"})),
        (CHOICE, "large", Choose(option="large")),
        (CHOICE, {"option": "large"}, Choose(option="large")),
        (REVIEW, {"accepted": True}, Accept()),
        (REVIEW, {"accepted": True, "feedback": "fine"}, Accept()),
        (REVIEW, {"accepted": False, "feedback": "shorter"}, Revise(feedback="shorter")),
        (DRAFT, {"approved": True}, Approve()),
        (DRAFT, {"approved": False, "reason": "no"}, Reject(message="no")),
        (DRAFT, {"approved": False, "feedback": "half of it"}, Revise(feedback="half of it")),
        (
            DRAFT,
            {"approved": True, "version": 2, "arguments": {"amount": 5}},
            Accept(version=2, arguments={"amount": 5}),
        ),
        (HANDOFF, "hello", TakeOver(text="hello")),
        (HANDOFF, {"text": "hello"}, TakeOver(text="hello")),
        (HANDOFF, {"text": "all yours", "then": "hand_back"}, HandBack(text="all yours")),
        (HANDOFF, {"text": "good bye", "then": "finish"}, Answer(value="good bye")),
        (
            LED,
            {"outcome": "done", "result": "R-1", "note": "by hand"},
            Report(outcome="done", result="R-1", note="by hand"),
        ),
        (VETO, {"approved": False, "reason": "stop"}, Reject(message="stop")),
        (APPROVAL, {"decision": {"type": "delegate", "to": "bob"}}, Delegate(to="bob")),
        (QUESTION, {"decision": {"type": "answer", "value": {"decision": 1}}}, Answer(value={"decision": 1})),
    ],
)
def test_each_short_form_is_read(fields: dict[str, Any], payload: Json, decision: object) -> None:
    assert decision_in(request(**fields), payload) == decision


@pytest.mark.parametrize(
    ("fields", "payload", "path"),
    [
        (APPROVAL, None, ""),
        (APPROVAL, "yes", ""),
        (APPROVAL, True, ""),
        (APPROVAL, {}, "approved"),
        (APPROVAL, {"approved": "true"}, "approved"),
        (APPROVAL, {"approved": 1}, "approved"),
        (APPROVAL, {"approve": True}, "approve"),
        (APPROVAL, {"approved": True, "amount": 5}, "amount"),
        (APPROVAL, {"approved": True, "editedArgs": [5]}, "editedArgs"),
        (APPROVAL, {"approved": True, "editedArgs": None}, "editedArgs"),
        (APPROVAL, {"decision": {"type": "aprove"}}, ""),
        (APPROVAL, {"decision": {"type": "edit"}}, "arguments"),
        (CHOICE, {"option": 2}, "option"),
        (CHOICE, ["large"], ""),
        (REVIEW, {"accepted": False}, "feedback"),
        (REVIEW, {"accepted": True, "version": 2}, "version"),
        (APPROVAL, {"approved": False, "feedback": "half of it"}, "feedback"),
        (DRAFT, {"approved": True, "feedback": "half of it"}, "feedback"),
        (DRAFT, {"approved": True, "version": True}, "version"),
        (HANDOFF, {"text": "x", "then": "leave"}, "then"),
        (LED, {"outcome": "maybe"}, "outcome"),
        (VETO, {"approved": "no"}, "approved"),
    ],
)
def test_what_is_not_understood_decides_nothing(fields: dict[str, Any], payload: Json, path: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        decision_in(request(**fields), payload)
    assert path in {fault.path for fault in caught.value.faults}


def test_all_faults_of_an_answer_are_told_at_once() -> None:
    with pytest.raises(ResponseRefused) as caught:
        decision_in(request(**APPROVAL), {"approve": True, "reason": 3})
    assert {fault.path for fault in caught.value.faults} == {"approve", "reason", "approved"}


@pytest.mark.parametrize("fields", [APPROVAL, QUESTION, CHOICE, REVIEW, DRAFT, HANDOFF, LED, VETO])
def test_what_a_page_is_asked_for_is_an_object_with_a_schema(fields: dict[str, Any]) -> None:
    schema = answer_schema(request(**fields))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"


def test_the_schema_offers_an_edit_with_the_tools_own_arguments() -> None:
    asked = request(allowed=(Reply.APPROVE, Reply.EDIT, Reply.REJECT), arguments_schema=ORDER)
    properties: Any = answer_schema(asked)["properties"]
    assert properties["editedArgs"] == ORDER
    plain: Any = answer_schema(request(allowed=(Reply.APPROVE, Reply.REJECT)))["properties"]
    assert "editedArgs" not in plain


def test_a_question_that_is_closed_unanswered_runs_nothing() -> None:
    assert abandoned(request(**APPROVAL)) == Reject(message=ABANDONED)
    assert abandoned(request(**QUESTION)) == Cancel(reason=ABANDONED)
    with pytest.raises(ResponseRefused, match="cannot be dismissed"):
        abandoned(request(**CHOICE))
