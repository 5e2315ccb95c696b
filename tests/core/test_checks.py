"""Whether a response may decide a request: every fault at once, and who may answer at all."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.checks import authorise, check, giving_on_faults, schema_faults
from hitl_core.protocol import Action, Approvers, Json, Kind, Option, Origin, PauseRequest, Reply
from tests.core import desk

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "number", "maximum": 500},
        "notify": {"type": "boolean"},
        "times": {"type": "integer"},
    },
    "required": ["order", "amount"],
    "additionalProperties": False,
}
CARRIERS = (Option(id="dhl", label="DHL"), Option(id="ups"))


def paths(request: PauseRequest, decision: dict[str, Any], **details: Any) -> list[str]:
    return [fault.path for fault in check(request, desk.response(request, decision, **details))]


# ── what each kind takes ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "decision"),
    [
        (Kind.APPROVAL, {"type": "approve"}),
        (Kind.APPROVAL, {"type": "edit", "arguments": {"order": "A-1", "amount": 1}}),
        (Kind.APPROVAL, {"type": "reject"}),
        (Kind.APPROVAL, {"type": "answer", "value": {"refunded": False}}),
        (Kind.APPROVAL, {"type": "cancel"}),
        (Kind.INPUT, {"type": "answer", "value": "because"}),
        (Kind.INPUT, {"type": "reject", "message": "not my job"}),
        (Kind.INPUT, {"type": "cancel"}),
        (Kind.CHOICE, {"type": "choose", "option": "dhl"}),
        (Kind.CHOICE, {"type": "reject"}),
        (Kind.REVIEW, {"type": "accept"}),
        (Kind.REVIEW, {"type": "revise", "feedback": "shorter"}),
        (Kind.REVIEW, {"type": "edit", "arguments": {"order": "A-1", "amount": 1.0}}),
        (Kind.HANDOFF, {"type": "take_over", "text": "hello"}),
        (Kind.HANDOFF, {"type": "take_over", "heard": ["it is 42"]}),
        (Kind.HANDOFF, {"type": "hand_back"}),
        (Kind.HANDOFF, {"type": "hand_back", "to": "dhl"}),
        (Kind.HANDOFF, {"type": "answer", "value": "bye"}),
        (Kind.HANDOFF, {"type": "cancel"}),
    ],
    ids=lambda value: str(value.get("type") if isinstance(value, dict) else value),
)
def test_a_kind_takes_what_it_offers(kind: Kind, decision: dict[str, Any]) -> None:
    assert paths(desk.request(kind=kind, options=CARRIERS), decision) == []


@pytest.mark.parametrize(
    ("kind", "decision", "fault"),
    [
        (Kind.APPROVAL, {"type": "choose", "option": "dhl"}, "'choose' is not offered here; offered: approve, edit"),
        (Kind.INPUT, {"type": "approve"}, "'approve' is not offered"),
        (Kind.INPUT, {"type": "answer", "value": 5}, "must be text, not number"),
        (Kind.INPUT, {"type": "answer", "value": None}, "must be text, not null"),
        (Kind.INPUT, {"type": "answer", "value": "  \n"}, "an empty text is not an answer"),
        (Kind.APPROVAL, {"type": "answer", "value": ""}, "an empty text is not an answer"),
        (Kind.CHOICE, {"type": "choose", "option": "DHL"}, "'DHL' was not offered; offered: ['dhl', 'ups']"),
        (Kind.CHOICE, {"type": "answer", "value": "dhl"}, "'answer' is not offered"),
        (Kind.REVIEW, {"type": "revise", "feedback": " "}, "say what should change"),
        (Kind.HANDOFF, {"type": "approve"}, "'approve' is not offered"),
        (Kind.HANDOFF, {"type": "take_over", "text": " "}, "say something, or hand back"),
        (Kind.HANDOFF, {"type": "hand_back", "to": "DHL"}, "those who can: ['dhl', 'ups']"),
        (Kind.HANDOFF, {"type": "answer", "value": 5}, "must be text, not number"),
    ],
    ids=str,
)
def test_a_kind_refuses_everything_else(kind: Kind, decision: dict[str, Any], fault: str) -> None:
    request = desk.request(kind=kind, options=CARRIERS)
    (found,) = check(request, desk.response(request, decision))
    assert fault in found.problem


def test_a_level_may_offer_less() -> None:
    request = desk.request(allowed=(Reply.ANSWER, Reply.REJECT))
    assert paths(request, {"type": "approve"}) == ["decision"]


def test_a_notice_takes_no_answer() -> None:
    request = desk.request(kind=Kind.NOTICE, allowed=())
    assert paths(request, {"type": "approve"}) == ["decision"]
    assert paths(request, {"type": "delegate", "to": "bob"}) == ["decision"]


def test_nobody_delegates_to_themselves() -> None:
    request = desk.request()
    assert paths(request, {"type": "delegate", "to": "ann"}, by="ann") == ["to"]
    assert paths(request, {"type": "delegate", "to": "bob"}, by="ann") == []


def test_a_decision_for_another_action_is_refused() -> None:
    request = desk.request()
    stale = desk.response(desk.request(desk.REFUND.edited({"amount": 9})), {"type": "approve"})
    (fault,) = check(request, stale)
    assert (fault.path, "show it again" in fault.problem) == ("digest", True)


@pytest.mark.parametrize(
    ("decision", "allowed"), [({"type": "approve"}, False), ({"type": "reject"}, True), ({"type": "cancel"}, True)]
)
def test_what_needs_a_look_of_its_own_is_not_let_through_with_others(decision: dict[str, Any], allowed: bool) -> None:
    assert (paths(desk.request(), decision, batch="all-of-today") == []) is allowed
    assert paths(desk.request(batch=True), decision, batch="all-of-today") == []


def test_every_fault_is_reported_at_once() -> None:
    request = desk.request(arguments_schema=SCHEMA)
    edit = {"type": "edit", "arguments": {"amount": "250", "note": 1}}
    stale = desk.response(request, edit).model_copy(update={"digest": "sha256:0"})
    assert [fault.path for fault in check(request, stale)] == ["digest", "arguments", "arguments", "arguments.amount"]


# ── edits ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"amount": 250}, None),
        ({"amount": 250.5, "notify": True, "times": 2}, None),
        ({"amount": "250"}, "'250' is not of type 'number'"),
        ({"amount": True}, "True is not of type 'number'"),
        ({"amount": None}, "None is not of type 'number'"),
        ({"amount": f"[secret {'0' * 32}]"}, "is not of type 'number'"),
        ({"amount": 501}, "501 is greater than the maximum of 500"),
        ({"notify": 1}, "1 is not of type 'boolean'"),
        ({"notify": "true"}, "'true' is not of type 'boolean'"),
        ({"times": 1.5}, "1.5 is not of type 'integer'"),
        ({"order": 1042}, "1042 is not of type 'string'"),
        ({"tool": "wire_transfer"}, "Additional properties are not allowed"),
        ({"amount": float("nan")}, "not a JSON number"),
        ({"amount": 2**60}, "beyond 2^53-1"),
        ({"order": "x" * 70_000}, "the limit is 65,536"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_edit_fits_the_tools_schema_with_its_types(change: dict[str, Any], fault: str | None) -> None:
    request = desk.request(arguments_schema=SCHEMA)
    edit = {"type": "edit", "arguments": desk.REFUND.arguments | change}
    found = [str(each) for each in check(request, desk.response(request, edit))]
    assert (not found) if fault is None else (len(found) == 1 and fault in found[0])


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"order": "A-1", "amount": 1}, None),
        ({"order": "A-1", "amount": "1"}, "arguments.amount: was number and is now text; keep the type"),
        ({"order": "A-1", "amount": True}, "arguments.amount: was number and is now boolean"),
        ({"order": None, "amount": 1}, "arguments.order: was text and is now null"),
        ({"order": ["A-1"], "amount": 1}, "arguments.order: was text and is now list"),
        ({"order": {}, "amount": 1}, "arguments.order: was text and is now object"),
        ({"amount": 1}, "arguments.order: is missing"),
        ({"order": "A-1", "amount": 1, "bcc": "x"}, "arguments.bcc: is not a parameter of this call"),
    ],
    ids=str,
)
def test_without_a_schema_an_edit_keeps_names_and_types(arguments: dict[str, Any], fault: str | None) -> None:
    request = desk.request()
    found = [str(each) for each in check(request, desk.response(request, {"type": "edit", "arguments": arguments}))]
    assert (not found) if fault is None else (len(found) == 1 and fault in found[0])


def test_an_edit_without_a_schema_reports_every_fault() -> None:
    request = desk.request()
    assert paths(request, {"type": "edit", "arguments": {"amount": "1", "bcc": "x"}}) == [
        "arguments.amount",
        "arguments.bcc",
        "arguments.order",
    ]


def test_an_answer_fits_its_schema() -> None:
    request = desk.request(kind=Kind.INPUT, answer_schema={"type": "integer", "minimum": 1})
    assert paths(request, {"type": "answer", "value": 3}) == []
    assert paths(request, {"type": "answer", "value": True}) == ["value"]
    assert paths(request, {"type": "answer", "value": "3"}) == ["value"]


def test_an_answer_that_cannot_be_kept_is_refused() -> None:
    request = desk.request(kind=Kind.INPUT)
    assert paths(request, {"type": "answer", "value": "\ud800"}) == ["value"]


def test_a_broken_schema_lets_nothing_through() -> None:
    (fault,) = schema_faults({"type": "no-such-type"}, {}, "arguments")
    assert "its schema is invalid" in fault.problem


@pytest.mark.parametrize(
    "schema", [{"$ref": "https://example.org/other.json"}, {"$ref": "#"}, {"pattern": "("}], ids=str
)
def test_a_schema_that_leads_nowhere_lets_nothing_through(schema: dict[str, Json]) -> None:
    (fault,) = schema_faults(schema, "text", "value")
    assert "cannot be checked" in fault.problem


# ── who may answer ───────────────────────────────────────────────────────────────────────────────────────────


LED = desk.request(allowed=(Reply.REPORT,), answer_schema={"type": "string"})


@pytest.mark.parametrize(
    ("report", "faults"),
    [
        ({"outcome": "done", "result": "receipt 7"}, []),
        ({"outcome": "done"}, ["result"]),
        ({"outcome": "done", "result": 7}, ["result"]),
        ({"outcome": "done", "result": float("nan")}, ["result"]),
        ({"outcome": "partly", "result": 7}, ["note"]),
        ({"outcome": "partly", "note": "the rest in May"}, []),
        ({"outcome": "partly", "result": 7, "note": "the rest in May"}, ["result"]),
        ({"outcome": "not_done"}, []),
        ({"outcome": "not_done", "result": "no"}, ["result"]),
    ],
)
def test_a_report_has_a_result_of_the_tools_form_if_it_was_done(report: dict[str, Any], faults: list[str]) -> None:
    assert paths(LED, {"type": "report", **report}) == faults


@pytest.mark.parametrize(
    ("decision", "faults"),
    [
        ({"type": "ask", "question": "which?"}, []),
        ({"type": "ask", "question": " "}, ["question"]),
        ({"type": "accept"}, []),
        ({"type": "accept", "version": 2, "arguments": {"order": "A-1042", "amount": 9.5}}, []),
        ({"type": "accept", "version": 2, "arguments": {"order": "A-1042", "amount": "9.5"}}, ["arguments.amount"]),
        ({"type": "accept", "version": 2}, ["version"]),
        ({"type": "accept", "arguments": {"order": "A-1042", "amount": 9.5}}, ["version"]),
    ],
)
def test_a_question_has_words_and_a_version_its_arguments(decision: dict[str, Any], faults: list[str]) -> None:
    assert paths(desk.request(allowed=(Reply.ASK, Reply.ACCEPT), draft="request-1"), decision) == faults


def test_without_a_draft_there_is_no_version_of_it() -> None:
    taken = {"type": "accept", "version": 1, "arguments": desk.REFUND.arguments}
    assert paths(desk.request(allowed=(Reply.ACCEPT,)), taken) == ["version"]


def test_without_a_form_of_the_tool_a_result_is_anything() -> None:
    free = LED.model_copy(update={"answer_schema": None})
    assert paths(free, {"type": "report", "outcome": "done", "result": [7]}) == []


def refusals(request: PauseRequest, decision: str = "approve", **who: Any) -> list[str]:
    fields = {"edit": {"arguments": dict(request.action.arguments)}}.get(decision, {})
    return [fault.problem for fault in authorise(request, desk.response(request, {"type": decision, **fields}, **who))]


def test_without_named_approvers_anybody_may_answer() -> None:
    assert refusals(desk.request()) == []


@pytest.mark.parametrize(
    ("by", "roles", "allowed"),
    [
        ("ann", (), True),
        ("bob", ("lead",), True),
        ("bob", ("clerk", "lead"), True),
        ("bob", ("clerk",), False),
        ("lead", (), False),
        ("Ann", (), False),
    ],
)
def test_named_approvers_and_their_roles_may_answer(by: str, roles: tuple[str, ...], allowed: bool) -> None:
    request = desk.request(approvers=Approvers(users=("ann",), roles=("lead",)))
    assert (refusals(request, by=by, roles=roles) == []) == allowed


def test_a_stranger_is_told_who_may_answer() -> None:
    request = desk.request(approvers=Approvers(users=("ann",), roles=("lead",)))
    assert refusals(request, by="eve") == ["'eve' may not decide this; it needs user ann or role lead"]


@pytest.mark.parametrize("origin", [Origin(agent="desk"), Origin(agent="inner", path=("desk", "inner"))], ids=repr)
def test_an_agent_never_decides_its_own_request(origin: Origin) -> None:
    request = desk.request(Action(tool="refund", origin=origin))
    assert "an agent never decides" in refusals(request, by="desk")[0]


@pytest.mark.parametrize(
    ("decision", "allowed"),
    [("approve", False), ("edit", False), ("accept", False), ("reject", True), ("cancel", True)],
)
def test_who_started_a_run_may_refuse_but_not_approve(decision: str, allowed: bool) -> None:
    request = desk.request(requested_for="ann")
    assert (refusals(request, decision, by="ann") == []) == allowed


def test_self_approval_can_be_allowed() -> None:
    request = desk.request(requested_for="ann", approvers=Approvers(allow_self=True))
    assert refusals(request, by="ann") == []


def test_every_reason_why_somebody_may_not_answer_is_given() -> None:
    request = desk.request(
        Action(tool="refund", origin=Origin(agent="ann")),
        requested_for="ann",
        approvers=Approvers(users=("bob",)),
    )
    assert len(refusals(request, by="ann")) == 3


@pytest.mark.parametrize("to", ["desk", "clerk"])
def test_nothing_is_given_on_to_an_agent_that_asks(to: str) -> None:
    action = desk.REFUND.model_copy(update={"origin": Origin(agent="clerk", path=("desk", "clerk"))})
    request = desk.request(action)
    (fault,) = giving_on_faults(request, desk.response(request, {"type": "delegate", "to": to}), request.approvers, ())
    assert (fault.path, "is the agent that asks" in fault.problem) == ("to", True)
