"""The words after `hitl respond REQUEST`: every fault at once, and nothing that would be ignored."""

from __future__ import annotations

import pytest

from hitl_core.cli.commands.decisions import Given, Word, decision
from hitl_core.cli.errors_shown import WrongUsage
from hitl_core.protocol import Accept, Answer, Approve, Cancel, Choose, Decision, Edit, Reject, Revise


@pytest.mark.parametrize(
    ("word", "given", "expected"),
    [
        (Word.APPROVE, Given(message="fine"), (Approve(), "fine")),
        (Word.EDIT, Given(args='{"amount": 1.5}', message="less"), (Edit(arguments={"amount": 1.5}), "less")),
        (Word.REJECT, Given(message="no"), (Reject(message="no"), "no")),
        (Word.REJECT, Given(), (Reject(message=""), "")),
        (Word.ANSWER, Given(message="42"), (Answer(value="42"), "")),
        (Word.ANSWER, Given(args="42"), (Answer(value=42), "")),
        (Word.CHOOSE, Given(option="post", message="cheap"), (Choose(option="post"), "cheap")),
        (Word.ACCEPT, Given(), (Accept(), "")),
        (Word.REVISE, Given(message="shorter"), (Revise(feedback="shorter"), "")),
        (Word.CANCEL, Given(message="enough"), (Cancel(reason="enough"), "enough")),
    ],
)
def test_words_become_decisions(word: Word, given: Given, expected: tuple[Decision, str]) -> None:
    assert decision(word, given) == expected


@pytest.mark.parametrize(
    ("word", "given", "faults"),
    [
        (Word.APPROVE, Given(args="{}", option="x"), ["--args", "--option"]),
        (Word.EDIT, Given(option="x"), ["--option", "--args"]),
        (Word.ANSWER, Given(), ["--message"]),
        (Word.ANSWER, Given(args="1", message="1", option="x"), ["--option", "--message"]),
        (Word.CHOOSE, Given(args="1"), ["--args", "--option"]),
        (Word.REVISE, Given(), ["--message"]),
        (Word.CANCEL, Given(args="1", option="x"), ["--args", "--option"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(word: Word, given: Given, faults: list[str]) -> None:
    with pytest.raises(WrongUsage) as refused:
        decision(word, given)
    assert [fault.path for fault in refused.value.faults] == faults


@pytest.mark.parametrize("args", ['{"a": 1, "a": 2}', "{amount: 1}", "[1]", "NaN", "", "@/no/such/file"])
def test_arguments_are_one_strict_json_object(args: str) -> None:
    with pytest.raises(WrongUsage, match="--args"):
        decision(Word.EDIT, Given(args=args))
