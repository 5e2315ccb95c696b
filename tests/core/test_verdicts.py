"""What every state and decision of a request means for the action behind it."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.commands import Settled
from hitl_core.gate.verdicts import edit_note, verdict
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Json, Kind, OnTimeout, Option, Proceed, Refuse, Substitute, Verdict, Wait
from tests.core import desk

STANDING = [RequestState.DECIDED, RequestState.CONSUMED, RequestState.CLOSED]
EDITED = {"order": "A-1042", "amount": 90}
DECISIONS: dict[str, dict[str, Any]] = {
    "approve": {},
    "accept": {},
    "edit": {"arguments": EDITED},
    "reject": {"message": "too much"},
    "answer": {"value": "no refund is due"},
    "report": {"outcome": "done"},
    "choose": {"option": "dhl"},
    "revise": {"feedback": "shorter"},
    "ask": {"question": "which?"},
    "delegate": {"to": "bob"},
    "take_over": {"text": "hello"},
    "hand_back": {},
    "cancel": {},
}


def said(decision: str, state: RequestState = RequestState.DECIDED, **fields: Any) -> Verdict:
    request = desk.request(options=(Option(id="dhl", value={"code": 7}), Option(id="ups")), **fields)
    return verdict(desk.settled(request, {"type": decision, **DECISIONS[decision]}, state))


@pytest.mark.parametrize("state", [RequestState.OPEN, RequestState.FROZEN])
def test_an_undecided_request_waits(state: RequestState) -> None:
    request = desk.request()
    assert verdict(desk.settled(request, state=state)) == Wait(request)


@pytest.mark.parametrize("state", STANDING)
@pytest.mark.parametrize("decision", DECISIONS)
def test_only_approve_accept_and_edit_let_an_action_run(decision: str, state: RequestState) -> None:
    assert isinstance(said(decision, state), Proceed) == (decision in ("approve", "accept", "edit"))


@pytest.mark.parametrize("state", [each for each in RequestState if each not in (*STANDING, RequestState.EXPIRED)])
@pytest.mark.parametrize("decision", DECISIONS)
def test_in_no_other_state_a_decision_lets_an_action_run(decision: str, state: RequestState) -> None:
    assert not isinstance(said(decision, state, on_timeout=OnTimeout.PROCEED), Proceed)


def test_an_approved_action_runs_as_shown() -> None:
    assert said("approve") == Proceed(desk.REFUND, call="refund#1", request_id="request-1")


def test_an_edited_action_runs_with_the_edit_and_the_model_is_told() -> None:
    request = desk.request()
    answer = desk.response(request, {"type": "edit", "arguments": EDITED}, reason="90 is the limit")
    found = verdict(Settled(request, RequestState.DECIDED, answer))
    assert isinstance(found, Proceed)
    assert (found.action.tool, found.action.arguments) == ("refund", EDITED)
    assert '"amount": 90' in found.note
    assert "Reason: 90 is the limit" in found.note


def test_a_rejected_action_does_not_run_and_the_reason_reaches_the_model() -> None:
    found = said("reject")
    assert isinstance(found, Refuse)
    assert "it did not run. Reason: too much. Do not try this call again." in found.text
    assert "Do not try this call again" in found.text


def test_the_reason_of_a_response_counts_if_the_rejection_has_no_message() -> None:
    request = desk.request()
    answer = desk.response(request, {"type": "reject"}, reason="see the ticket")
    found = verdict(Settled(request, RequestState.DECIDED, answer))
    assert isinstance(found, Refuse)
    assert "Reason: see the ticket" in found.text


def test_an_answer_stands_for_the_result() -> None:
    assert said("answer") == Substitute("no refund is due")


@pytest.mark.parametrize(
    ("report", "found"),
    [
        (
            {"outcome": "done", "result": {"receipt": 7}},
            Substitute({"receipt": 7}, note="A person has done this by hand; the tool did not run."),
        ),
        (
            {"outcome": "partly", "result": "half", "note": "the rest in May"},
            Substitute(
                "half",
                note="A person has done this in part only; the tool did not run. They say: the rest in May.",
            ),
        ),
        (
            {"outcome": "not_done", "note": "closed!"},
            Refuse("A person was to do this and has not done it. Reason: closed! Do not try this call again."),
        ),
    ],
)
def test_a_report_is_the_result_and_says_that_a_person_did_it(report: dict[str, Any], found: Verdict) -> None:
    assert verdict(desk.settled(desk.request(), {"type": "report", **report})) == found


def test_a_choice_is_the_value_of_its_option() -> None:
    assert said("choose", kind=Kind.CHOICE) == Substitute({"code": 7})


def test_a_choice_that_was_never_offered_is_refused() -> None:
    request = desk.request(kind=Kind.CHOICE, options=(Option(id="ups"),))
    assert isinstance(verdict(desk.settled(request, {"type": "choose", "option": "dhl"})), Refuse)


@pytest.mark.parametrize(
    ("decision", "outcome", "content", "feedback"),
    [
        ({"type": "accept"}, "accepted", "Dear A.", ""),
        ({"type": "approve"}, "accepted", "Dear A.", ""),
        ({"type": "edit", "arguments": {"content": "Dear B."}}, "edited", "Dear B.", ""),
        ({"type": "revise", "feedback": "shorter"}, "revise", "Dear A.", "shorter"),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_a_review_says_what_became_of_the_draft(
    decision: dict[str, Any], outcome: str, content: str, feedback: str
) -> None:
    request = desk.request(desk.REFUND.edited({"content": "Dear A."}), kind=Kind.REVIEW)
    expected: Json = {"outcome": outcome, "content": content, "feedback": feedback}
    assert verdict(desk.settled(request, decision)) == Substitute(expected)


@pytest.mark.parametrize("decision", ["reject", "answer", "choose", "delegate", "take_over", "hand_back", "cancel"])
def test_a_review_refuses_what_is_no_review(decision: str) -> None:
    assert isinstance(said(decision, kind=Kind.REVIEW), Refuse)


@pytest.mark.parametrize(
    ("decision", "floor", "text"),
    [
        ({"type": "take_over", "text": "hello", "heard": ["hi"]}, "person", "hello"),
        ({"type": "hand_back", "text": "go on", "heard": ["hi"]}, "agent", "go on"),
        ({"type": "answer", "value": "bye"}, "nobody", "bye"),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_a_turn_of_a_person_says_who_has_the_floor_after_it(decision: dict[str, Any], floor: str, text: str) -> None:
    found = verdict(desk.settled(desk.request(kind=Kind.HANDOFF), decision))
    assert isinstance(found, Substitute)
    assert isinstance(found.result, dict)
    assert (found.result["floor"], found.result["text"]) == (floor, text)
    assert found.result["heard"] == decision.get("heard", [])
    assert found.result["by"]


def test_a_handoff_refuses_what_is_no_turn() -> None:
    assert isinstance(said("approve", kind=Kind.HANDOFF), Refuse)


@pytest.mark.parametrize("state", [RequestState.EXPIRED, *STANDING])
@pytest.mark.parametrize("lapse", OnTimeout)
def test_without_a_decision_the_declared_outcome_holds(lapse: OnTimeout, state: RequestState) -> None:
    found = verdict(desk.settled(desk.request(on_timeout=lapse), state=state))
    assert isinstance(found, Proceed) == (lapse is OnTimeout.PROCEED)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (RequestState.VETOED, "vetoed"),
        (RequestState.REVOKED, "revoked"),
        (RequestState.CANCELLED, "withdrawn"),
        (RequestState.SUPERSEDED, "withdrawn"),
    ],
)
def test_what_was_taken_back_does_not_run(state: RequestState, word: str) -> None:
    found = verdict(desk.settled(desk.request(), state=state))
    assert isinstance(found, Refuse)
    assert word in found.text


def test_a_veto_gives_its_reason() -> None:
    found = said("reject", RequestState.VETOED)
    assert isinstance(found, Refuse)
    assert "A person vetoed this call; it did not run. Reason: too much" in found.text


@pytest.mark.parametrize(
    ("reason", "said"),
    [("no", " Reason: no."), ("No!", " Reason: No!"), ("why? ", " Reason: why?"), ("  ", ""), ("", "")],
)
def test_a_reason_is_a_sentence_of_its_own(reason: str, said: str) -> None:
    assert edit_note({}, reason).endswith(f"Do not repeat the original.{said}")
