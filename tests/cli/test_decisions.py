"""The words after `hitl respond REQUEST`: every fault at once, and nothing that would be ignored."""

from __future__ import annotations

import pytest

from hitl_core.cli.commands.decisions import Given, decision
from hitl_core.cli.errors_shown import WrongUsage
from hitl_core.protocol import (
    Accept,
    Answer,
    Approve,
    Ask,
    Cancel,
    Choose,
    Decision,
    Edit,
    Reject,
    Reply,
    Report,
    Revise,
)


@pytest.mark.parametrize(
    ("word", "given", "expected"),
    [
        (Reply.APPROVE, Given(message="fine"), (Approve(), "fine")),
        (Reply.EDIT, Given(args='{"amount": 1.5}', message="less"), (Edit(arguments={"amount": 1.5}), "less")),
        (Reply.REJECT, Given(message="no"), (Reject(message="no"), "no")),
        (Reply.REJECT, Given(), (Reject(message=""), "")),
        (Reply.ANSWER, Given(message="42"), (Answer(value="42"), "")),
        (Reply.ANSWER, Given(args="42"), (Answer(value=42), "")),
        (Reply.REPORT, Given(outcome="done", args="7"), (Report(outcome="done", result=7), "")),
        (Reply.REPORT, Given(outcome="partly", message="half"), (Report(outcome="partly", note="half"), "")),
        (Reply.CHOOSE, Given(option="post", message="cheap"), (Choose(option="post"), "cheap")),
        (Reply.ACCEPT, Given(), (Accept(), "")),
        (Reply.REVISE, Given(message="shorter"), (Revise(feedback="shorter"), "")),
        (Reply.ASK, Given(message="which?"), (Ask(question="which?"), "")),
        (Reply.CANCEL, Given(message="enough"), (Cancel(reason="enough"), "enough")),
    ],
)
def test_words_become_decisions(word: Reply, given: Given, expected: tuple[Decision, str]) -> None:
    assert decision(word, given) == expected


@pytest.mark.parametrize(
    ("word", "given", "faults"),
    [
        (Reply.APPROVE, Given(args="{}", option="x"), ["--args", "--option"]),
        (Reply.EDIT, Given(option="x"), ["--option", "--args"]),
        (Reply.ANSWER, Given(), ["--message"]),
        (Reply.ANSWER, Given(args="1", message="1", option="x"), ["--option", "--message"]),
        (Reply.REPORT, Given(option="x"), ["--option", "--outcome"]),
        (Reply.APPROVE, Given(outcome="done"), ["--outcome"]),
        (Reply.CHOOSE, Given(args="1"), ["--args", "--option"]),
        (Reply.REVISE, Given(), ["--message"]),
        (Reply.ASK, Given(), ["--message"]),
        (Reply.CANCEL, Given(args="1", option="x"), ["--args", "--option"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(word: Reply, given: Given, faults: list[str]) -> None:
    with pytest.raises(WrongUsage) as refused:
        decision(word, given)
    assert [fault.path for fault in refused.value.faults] == faults


@pytest.mark.parametrize("args", ['{"a": 1, "a": 2}', "{amount: 1}", "[1]", "NaN", "", "@/no/such/file"])
def test_arguments_are_one_strict_json_object(args: str) -> None:
    with pytest.raises(WrongUsage, match="--args"):
        decision(Reply.EDIT, Given(args=args))
