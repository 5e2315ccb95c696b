"""Where the source proves nothing, nothing is lowered: each of these would fail open, or take a yes for a no (§3.4)."""

from __future__ import annotations

import json
import operator
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import interrupt

from hitl_adapters.langgraph.mapping import Codecs
from hitl_core.errors import PauseAmbiguous
from hitl_core.protocol import Approve, Reject, Reply

from ..desk import advised
from . import existing_nodes as nodes
from . import turned_round
from .driving import Run, State, one_node, play


def helper(state: State) -> State:
    return {"out": "deployed" if operator.truth(interrupt("Deploy?")) else "held"}


class Judge:
    def __call__(self, answer: Any) -> bool:
        return bool(answer)


judge = Judge()


def object_that_judges(state: State) -> State:
    return {"out": "deployed" if judge(interrupt("Deploy?")) else "held"}


def _opposite(answer: Any) -> Any:
    return answer


def helper_that_turns_it_round(state: State) -> State:
    return {"out": "cancelled" if _opposite(interrupt("Sure?")) else "deployed"}


def _compares(answer: Any) -> bool:
    return answer == "yes" or bool(answer)


def helper_with_two_shapes(state: State) -> State:
    return {"out": "deployed" if _compares(interrupt("Deploy?")) else "held"}


def opposite_in_a_conjunction(state: State) -> State:
    if state.get("order") != "x" and interrupt("Hm?"):
        return {"out": "cancelled"}
    return {"out": "deployed"}


def reason_or_new_value(state: State) -> State:
    reply = interrupt({"question": "Pay?", "tool_call": {"name": "pay", "args": {"n": 1}}})
    if reply.get("data"):
        return {"out": ("paid", reply["data"])}
    return {"out": "paid" if reply["approved"] else "held"}


def yes_only_with_a_reason(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    return {"out": "deployed" if reply["approved"] and reply["reason"] else "held"}


def reason_is_enough(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    return {"out": "deployed" if reply["approved"] or reply["reason"] else "held"}


def index_of_a_list(state: State) -> State:
    return {"out": ["held", "deployed"][interrupt("Deploy?")]}


def truth_of_an_unknown_key(state: State) -> State:
    return {"out": "deployed" if interrupt({"question": "Deploy?"})["go_live"] else "held"}


def both_shapes(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    ok = reply.get("approved") if isinstance(reply, dict) else bool(reply)
    return {"out": "deployed" if ok else "held"}


def truth_or_text(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    if reply:
        return {"out": f"deployed with {reply}"}
    return {"out": "held"}


def truth_before_the_word(state: State) -> State:
    reply = interrupt("Deploy?")
    if reply:
        return {"out": "deployed"}
    return {"out": "held" if reply == "no" else "deployed anyway"}


def means_the_opposite_by_name(state: State) -> State:
    abort = interrupt("Abort the deployment?")
    return {"out": "held" if abort else "deployed"}


def means_the_opposite_by_branch(state: State) -> State:
    if interrupt("Last chance to stop this"):
        return {"out": "cancelled"}
    return {"out": "deployed"}


def means_the_opposite_by_negation(state: State) -> State:
    if not interrupt("Keep it back?"):
        return {"out": "deployed"}
    return {"out": "aborted"}


def part_of_a_word(state: State) -> State:
    return {"out": "deployed" if "yes" in interrupt("Deploy?") else "held"}


def word_in_a_text(state: State) -> State:
    return {"out": "deployed" if interrupt("Deploy?") in "yes sure ok" else "held"}


def starts_with(state: State) -> State:
    return {"out": "deployed" if interrupt("Deploy?").startswith("y") else "held"}


def not_none(state: State) -> State:
    return {"out": "deployed" if interrupt("Deploy?") is not None else "held"}


def two_words_for_yes(state: State) -> State:
    reply = interrupt("Deploy?")
    if reply == "yes":
        return {"out": "staged"}
    if reply == "approve":
        return {"out": "deployed"}
    return {"out": "held"}


def not_an_edit(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    if reply == "approve":
        return {"out": "fast"}
    if reply != "edit":
        return {"out": "deployed"}
    return {"out": "held"}


def two_deciding_keys(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    if reply["status"] == "approved" and reply["mode"] == "confirm":
        return {"out": "deployed"}
    return {"out": "held"}


def unknown_needed_part(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    return {"out": ("deployed", reply["region"]) if reply["approved"] else "held"}


def key_from_elsewhere(state: State) -> State:
    key = state.get("order", "go")
    return {"out": "deployed" if interrupt({"question": "Deploy?"})[key] else "held"}


def parsed_by_json(state: State) -> State:
    return {"out": "deployed" if json.loads(interrupt("Deploy?")) else "held"}


def kept_in_a_list(state: State) -> State:
    replies: list[Any] = []
    replies.append(interrupt("Deploy?"))
    return {"out": "deployed" if replies[0] else "held"}


def looped_over(state: State) -> State:
    for reply in interrupt({"question": "Which?"}):
        if reply == "yes":
            return {"out": "deployed"}
    return {"out": "held"}


def by_attribute(state: State) -> State:
    return {"out": "deployed" if interrupt({"question": "Deploy?"}).approved else "held"}


def state_update(state: State) -> State:
    return interrupt({"question": "Deploy?"})  # type: ignore[no-any-return]


def inner_function(state: State) -> State:
    reply = interrupt("Deploy?")

    def decide() -> Any:
        return reply

    return {"out": "deployed" if decide() else "held"}


def same_payload_other_answers(state: State) -> State:
    if state.get("order") == "a":
        return {"out": "deployed" if interrupt({"question": state.get("text", "?")}) else "held"}
    return {"out": "deployed" if interrupt({"question": state.get("text", "!")}) == "yes" else "held"}


def approval_only_kept(state: State) -> State:
    return {"out": interrupt({"type": "approval", "content": "v2"})}


def records_to_choose_from(state: State) -> State:
    return {"out": interrupt({"question": "Which?", "options": [{"id": "a"}, {"id": "b"}]})}


def reply_word_is_unknown(state: State) -> State:
    return {"out": "deployed" if interrupt("Deploy?") == "banana" else "held"}


def dict_lookup(state: State) -> State:
    table = {"yes": 1}
    table[interrupt("Deploy?")] = 2
    return {"out": "deployed" if len(table) == 1 else "held"}


def truth_under_a_name_that_says_nothing(state: State) -> State:
    reply = interrupt({"question": "Open the gate?"})
    if reply is True:
        return {"out": "open"}
    return {"out": "shut"}


def in_a_comprehension(state: State) -> State:
    return {"out": "deployed" if [interrupt(f"{each}?") for each in ("test", "deploy")][1] else "held"}


def in_a_lambda(state: State) -> State:
    reply = interrupt("Deploy?")
    decide: Any = lambda: reply == "yes"  # noqa: E731 - as people write it
    return {"out": "deployed" if decide() else "held"}


AMBIGUOUS = [
    (truth_under_a_name_that_says_nothing, "nothing shows whether the truth"),
    (helper, "passed to truth"),
    (opposite_in_a_conjunction, "seems to refuse"),
    (reason_or_new_value, "a reason or a new value"),
    (yes_only_with_a_reason, "together with another part"),
    (reason_is_enough, "together with another part"),
    (index_of_a_list, "used as a key"),
    (object_that_judges, "passed to judge"),
    (helper_that_turns_it_round, "seems to refuse"),
    (helper_with_two_shapes, "a refusal in words is true"),
    (truth_of_an_unknown_key, "only the truth of answer"),
    (both_shapes, "both shapes are possible"),
    (truth_or_text, "may be a yes or no, or a text"),
    (truth_before_the_word, "a refusal in words is true"),
    (means_the_opposite_by_name, "called 'abort'"),
    (means_the_opposite_by_branch, "seems to refuse"),
    (means_the_opposite_by_negation, "seems to refuse"),
    (part_of_a_word, "more than one shape"),
    (word_in_a_text, "not a constant"),
    (starts_with, "more than one shape"),
    (not_none, "more than one shape"),
    (two_words_for_yes, "different words for yes"),
    (not_an_edit, "a yes and a no pass alike"),
    (two_deciding_keys, "several parts of the answer decide"),
    (unknown_needed_part, "'region'.* is needed"),
    (key_from_elsewhere, "key that is not a constant"),
    (parsed_by_json, "passed to loads"),
    (kept_in_a_list, "out of a container"),
    (looped_over, "looped over"),
    (by_attribute, "by attribute"),
    (state_update, "returned as the state update"),
    (inner_function, "inner function"),
    (same_payload_other_answers, "several interrupt"),
    (approval_only_kept, "only keeps the answer"),
    (records_to_choose_from, "a record or its id"),
    (reply_word_is_unknown, "neither a yes nor a no"),
    (dict_lookup, "used as a key"),
    (nodes.record_older_docs, "unpacked by position"),
    (nodes.text_quick_start, "'data', and nothing in that is a yes or a no"),
    (nodes.text_edited_field, "nothing in that is a yes or a no"),
    (nodes.number_checked, "more than one shape"),
    (nodes.number_parsed, "used as a number"),
    (nodes.choice_in_a_field, "nothing in that is a yes or a no"),
    (nodes.choice_from_comparisons, "only compared with 'tea', 'coffee', 'water'"),
    (nodes.choice_from_a_table, "used as a key"),
    (nodes.form_of_two, "'city', 'phone'"),
    (in_a_comprehension, "used in ListComp"),
    (in_a_lambda, "tested in Lambda"),
]


@pytest.mark.parametrize(("node", "why"), AMBIGUOUS, ids=lambda part: getattr(part, "__name__", ""))
def test_is_refused_with_the_reason_and_the_lines_that_settle_it(node: Any, why: str, tmp_path: Path) -> None:
    run = Run(one_node(node))
    with pytest.raises(PauseAmbiguous, match=why) as caught:
        run.lifted()
    run.codecs = Codecs.from_options(advised(str(caught.value), tmp_path)["codecs"])
    assert run.lifted()[0].allowed == (Reply.APPROVE, Reply.REJECT)


def test_the_advised_lines_answer_the_pause(tmp_path: Path) -> None:
    with pytest.raises(PauseAmbiguous) as caught:
        Run(one_node(truth_under_a_name_that_says_nothing)).lifted()
    codecs = Codecs.from_options(advised(str(caught.value), tmp_path)["codecs"])
    assert play(truth_under_a_name_that_says_nothing, Approve(), codecs=codecs) == "open"
    assert play(truth_under_a_name_that_says_nothing, Reject(message="no"), codecs=codecs) == "shut"


@pytest.mark.parametrize("node", turned_round.EVERY)
def test_a_rejection_never_runs_what_was_asked_about(node: Any) -> None:
    """Rule 1: where a yes may mean no, neither can be said; if it could be, a no had no effect."""
    turned_round.SENT.clear()
    run = Run(one_node(node))
    with pytest.raises(PauseAmbiguous):
        run.answer(Reject(message="no"))
    assert turned_round.SENT == []


def test_source_that_cannot_be_read_is_refused() -> None:
    namespace: dict[str, Any] = {"interrupt": interrupt}
    exec("def unseen(state):\n    return {'out': interrupt('Deploy?')}", namespace)  # noqa: S102
    with pytest.raises(PauseAmbiguous, match="no interrupt"):
        Run(one_node(namespace["unseen"])).lifted()


def truth_of_the_answer(state: State) -> State:
    return {"out": "deployed" if interrupt({"type": "approval", "content": "v2"}) else "held"}


def test_a_refusal_by_truth_is_false_itself() -> None:
    """§3.4 [e18]: {"approved": False}, {"type": "reject"}, "no" and [{"type": "ignore"}] all deployed here."""
    (lifted,) = Run(one_node(truth_of_the_answer)).lifted()
    assert lifted.codec["replies"] == {Reply.APPROVE.value: True, Reply.REJECT.value: False}
