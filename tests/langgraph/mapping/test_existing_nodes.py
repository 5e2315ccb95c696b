"""Unchanged nodes, each decision really resumed: what ran is what the person meant (promise P92)."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.errors import ResponseRefused
from hitl_core.protocol import Accept, Answer, Approve, Choose, Decision, Edit, Kind, Reject, Reply, Revise

from . import existing_nodes as nodes
from .driving import Run, one_node, play

YES, NO = Approve(), Reject(message="too risky")
SHOWN = nodes.CALL["args"]
CHANGED: dict[str, Any] = {"guests": 6, "time": "20:00"}
LETTER = {"to": "ada", "copies": 2}

CASES: list[tuple[Any, Decision, Any]] = [
    (nodes.truth_of_type_approval, YES, "deployed"),
    (nodes.truth_of_type_approval, NO, "held"),
    (nodes.truth_goto, YES, "proceeded"),
    (nodes.truth_goto, NO, "cancelled"),
    (nodes.truth_negated, YES, "archived"),
    (nodes.truth_negated, NO, "rejected"),
    (nodes.truth_bool_call, YES, "shipped"),
    (nodes.truth_bool_call, NO, "kept"),
    (nodes.truth_is_true, YES, "open"),
    (nodes.truth_is_true, NO, "shut"),
    (nodes.truth_kept_under_a_plain_name, YES, "done"),
    (nodes.truth_kept_under_a_plain_name, NO, "not done"),
    (nodes.truth_through_a_second_name, YES, "painted"),
    (nodes.truth_through_a_second_name, NO, "bare"),
    (nodes.truth_walrus, YES, "watered: True"),
    (nodes.truth_walrus, NO, "dry"),
    (nodes.word_yes, YES, "ran"),
    (nodes.word_yes, NO, "denied"),
    (nodes.word_folded, YES, "deleted"),
    (nodes.word_folded, NO, "spared"),
    (nodes.word_approved_or_ok, YES, "released"),
    (nodes.word_approved_or_ok, NO, "withheld"),
    (nodes.word_not_equal, YES, "raised"),
    (nodes.word_not_equal, NO, "no raise"),
    (nodes.word_only_no, YES, "posted"),
    (nodes.word_only_no, NO, "dropped"),
    (nodes.word_or_empty, YES, "continued"),
    (nodes.word_or_empty, NO, "stopped"),
    (nodes.word_else_is_feedback, YES, "sent"),
    (nodes.word_else_is_feedback, NO, "redo: too risky"),
    (nodes.word_else_is_feedback, Reject(message="approve"), "redo: reject"),
    (nodes.word_else_is_feedback, Answer(value="warmer, please"), "redo: warmer, please"),
    (nodes.word_checked, YES, "went"),
    (nodes.word_checked, NO, "stayed"),
    (nodes.word_match, YES, "signed"),
    (nodes.word_match, NO, "declined"),
    (nodes.word_enum, YES, "launched"),
    (nodes.word_enum, NO, "scrubbed"),
    (nodes.word_module_constant, YES, "mown"),
    (nodes.word_module_constant, NO, "wild"),
    (nodes.word_denied_text, YES, "called"),
    (nodes.word_denied_text, NO, "API call denied by user. Reasoning: 'too risky'."),
    (nodes.record_approved_feedback, YES, "sent"),
    (nodes.record_approved_feedback, Accept(), "sent"),
    (nodes.record_approved_feedback, NO, "dropped: too risky"),
    (nodes.record_approved_feedback, Revise(feedback="shorter"), "dropped: shorter"),
    (nodes.record_subscripts, YES, "paid"),
    (nodes.record_subscripts, NO, "unpaid: too risky"),
    (nodes.record_reason_first, YES, "posted"),
    (nodes.record_reason_first, NO, "kept"),
    (nodes.record_guarded, YES, "merged"),
    (nodes.record_guarded, NO, "open"),
    (nodes.record_or_empty, YES, "printed"),
    (nodes.record_or_empty, NO, "not printed"),
    (nodes.record_two_flags, YES, "ordered"),
    (nodes.record_two_flags, NO, "not ordered"),
    (nodes.record_docs, YES, ("called", SHOWN)),
    (nodes.record_docs, Edit(arguments=CHANGED), ("called", CHANGED)),
    (nodes.record_docs, NO, ("told", "too risky")),
    (nodes.record_docs, Answer(value="ask for a terrace"), ("told", "ask for a terrace")),
    (nodes.record_match, YES, ("called", SHOWN)),
    (nodes.record_match, Edit(arguments=CHANGED), ("called", CHANGED)),
    (nodes.record_match, NO, ("told", "too risky")),
    (nodes.record_flat_fields, YES, ("sent", "ada", "lunch")),
    (nodes.record_flat_fields, Edit(arguments={"to": "eve", "subject": "lunch"}), ("sent", "eve", "lunch")),
    (nodes.record_flat_fields, NO, "Email cancelled by user"),
    (nodes.record_edited_args, YES, ("transferred", {"amount": 10, "to": "bob"})),
    (nodes.record_edited_args, Edit(arguments={"amount": 7, "to": "bob"}), ("transferred", {"amount": 7, "to": "bob"})),
    (nodes.record_edited_args, NO, "refused"),
    (nodes.record_new_args_by_truth, YES, ("transferred", {"amount": 10})),
    (nodes.record_new_args_by_truth, Edit(arguments={"amount": 7}), ("transferred", {"amount": 7})),
    (nodes.record_new_args_by_truth, NO, "refused"),
    (nodes.record_whole_call, YES, ("book_table", SHOWN)),
    (nodes.record_whole_call, Edit(arguments=CHANGED), ("book_table", CHANGED)),
    (nodes.record_whole_call, NO, "not run"),
    (nodes.record_unpacked_names, YES, "published"),
    (nodes.record_unpacked_names, NO, "back to the author: too risky"),
    (nodes.helper_asks, YES, "moved"),
    (nodes.helper_asks, NO, "stayed"),
    (nodes.helper_judges, YES, "bought"),
    (nodes.helper_judges, NO, "not bought"),
    (nodes.helper_logs, YES, "hired"),
    (nodes.helper_logs, NO, "declined"),
    (nodes.text_question, Answer(value="Grace"), "Grace"),
    (nodes.text_greeting, Answer(value="Grace"), "hello Grace"),
    (nodes.text_concatenated, Answer(value="Grace"), "dear Grace"),
    (nodes.text_edited, Accept(), "old words"),
    (nodes.text_edited, Edit(arguments={"content": "new words"}), "new words"),
    (nodes.text_edited, Answer(value="other words"), "other words"),
    (nodes.text_back_into_the_same_key, Accept(), "rough"),
    (nodes.text_back_into_the_same_key, Edit(arguments={"output": "smooth"}), "smooth"),
    (nodes.choice_listed, Choose(option="rail"), "RAIL"),
    (nodes.choice_between_yes_and_no, Choose(option="reject"), "lapsed"),
    (nodes.choice_between_yes_and_no, YES, "renewed"),
    (nodes.choice_between_yes_and_no, NO, "lapsed"),
    (nodes.choice_of_records, Choose(option="b"), ("b", 5)),
    (nodes.acknowledged, YES, "continued"),
    (nodes.inbox_list, YES, ("sent", LETTER)),
    (nodes.inbox_list, Edit(arguments={"to": "eve", "copies": 3}), ("sent", {"to": "eve", "copies": 3})),
    (nodes.inbox_list, NO, ("ignore", None)),
    (nodes.inbox_list, Answer(value="call her"), ("response", "call her")),
    (nodes.inbox_bare, NO, ("ignore", None)),
    (nodes.inbox_bare, YES, ("accept", {"action": "send_letter", "args": LETTER})),
]


def _name(case: tuple[Any, Decision, Any]) -> str:
    return f"{case[0].__name__}-{case[1].type}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_what_runs_is_what_the_person_meant(case: tuple[Any, Decision, Any]) -> None:
    node, decision, expected = case
    assert play(node, decision) == expected


def test_at_least_forty_shapes_are_tried() -> None:
    assert len({case[0] for case in CASES}) >= 40


REFUSED: list[tuple[Any, Decision, str]] = [
    (nodes.text_question, YES, "'approve' cannot be told"),
    (nodes.text_concatenated, Answer(value=3), "not of type 'string'"),
    (nodes.word_yes, Answer(value="yes"), "'answer' cannot be told"),
    (nodes.word_else_is_feedback, Answer(value=" Approve "), "takes this for a decision"),
    (nodes.choice_listed, Choose(option="air"), "there are: ship, rail"),
    (nodes.choice_listed, Answer(value="rail"), "'answer' cannot be told"),
    (nodes.record_docs, Edit(arguments={"guests": "six", "time": "20:00"}), "arguments.guests"),
    (nodes.record_docs, Edit(arguments={"guests": 6}), "'time' is a required property"),
    (nodes.record_flat_fields, Edit(arguments={"to": "eve", "subject": "x", "bcc": "me"}), "bcc"),
    (nodes.acknowledged, NO, "'reject' cannot be told"),
    (nodes.inbox_list, Answer(value={"not": "text"}), "must be text"),
]


@pytest.mark.parametrize("case", REFUSED, ids=_name)
def test_an_answer_that_does_not_fit_leaves_the_pause_unharmed(case: tuple[Any, Decision, str]) -> None:
    """§2.4: a wrong value would be consumed and brick the thread, so it never gets there."""
    node, decision, why = case
    run = Run(one_node(node))
    before = run.pauses
    with pytest.raises(ResponseRefused, match=why.replace("(", r"\(")):
        run.answer(decision)
    assert run.pauses == before


KINDS = [
    (nodes.truth_of_type_approval, Kind.APPROVAL),
    (nodes.word_yes, Kind.APPROVAL),
    (nodes.record_approved_feedback, Kind.REVIEW),
    (nodes.text_edited, Kind.REVIEW),
    (nodes.text_question, Kind.INPUT),
    (nodes.choice_listed, Kind.CHOICE),
    (nodes.inbox_list, Kind.APPROVAL),
]


@pytest.mark.parametrize(("node", "kind"), KINDS)
def test_the_kind_follows_from_what_can_be_answered(node: Any, kind: Kind) -> None:
    assert Run(one_node(node)).lifted()[0].kind is kind


def test_a_tool_call_is_shown_as_one() -> None:
    (lifted,) = Run(one_node(nodes.record_docs)).lifted()
    assert (lifted.tool, lifted.arguments) == ("book_table", SHOWN)
    assert lifted.title == "Is this correct?"
    assert Reply.EDIT in lifted.allowed


def test_two_questions_in_one_node_have_codecs_of_their_own() -> None:
    """§1.2: they surface one after the other, and the first answer is replayed."""
    assert play(nodes.two_questions, Answer(value="Ada"), YES) == "Ada is in"
    assert play(nodes.two_questions, Answer(value="Ada"), NO) == "Ada is out"
