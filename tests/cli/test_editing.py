"""Typed fields at a terminal: types are kept, an empty line keeps what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_core.cli.terminal.editing import answered, edited

SCHEMA: dict[str, Any] = {
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "number"},
        "urgent": {"type": "boolean"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "items": {"type": "array"},
    }
}
BEFORE: dict[str, Any] = {"order": "A-1", "amount": 48.5, "urgent": False}


def typing(*lines: str | None) -> Callable[[str], str | None]:
    left = iter(lines)
    return lambda question: next(left)


def test_an_empty_line_keeps_what_is_there_and_leaves_out_what_is_not() -> None:
    assert edited(BEFORE, SCHEMA, typing("", "", "", "", "")) == BEFORE


def test_types_are_kept() -> None:
    made = edited(BEFORE, SCHEMA, typing("42", "10", "true", "null", '["lamp"]'))
    assert made == {"order": "42", "amount": 10, "urgent": True, "note": None, "items": ["lamp"]}


@pytest.mark.parametrize(("line", "value"), [('""', ""), ('"42"', "42"), ("null", None), ("no, not", "no, not")])
def test_text_may_be_quoted(line: str, value: str | None) -> None:
    made = edited({}, {"properties": {"note": SCHEMA["properties"]["note"]}}, typing(line))
    assert made == {"note": value}


def test_a_wrong_type_is_asked_for_again(capsys: pytest.CaptureFixture[str]) -> None:
    made = edited({"amount": 1}, {"properties": {"amount": {"type": "number"}}}, typing("a lot", '"7"', "7"))
    assert made == {"amount": 7}
    assert capsys.readouterr().out.count("is not number") == 2


def test_without_a_schema_all_arguments_are_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert edited(BEFORE, None, typing("{oops", "[1]", '{"amount": 2}')) == {"amount": 2}
    assert "JSON object" in capsys.readouterr().out
    assert edited(BEFORE, None, typing("")) == BEFORE


def test_thinking_better_of_it_changes_nothing() -> None:
    assert edited(BEFORE, SCHEMA, typing("", None)) is None
    assert edited(BEFORE, None, typing(None)) is None
    assert answered(None, typing(None)) is None


def test_an_answer_is_words_unless_the_question_wants_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(None, typing("42")) == ("42",)
    assert answered({"type": "integer"}, typing("many", "42")) == (42,)
    assert answered({"properties": {"days": {"type": "integer"}}}, typing("3")) == ({"days": 3},)
    assert "is not number" in capsys.readouterr().out
