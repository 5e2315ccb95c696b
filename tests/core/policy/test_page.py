"""The page about the format tells the truth: its example loads and decides, its keys are all there are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hitl_core.policy import Facts, Op, Policy, Type
from hitl_core.policy.file.load import OVERLAY, TOP
from hitl_core.policy.file.read_condition import HEADS
from hitl_core.policy.file.read_names import CALENDAR
from hitl_core.policy.file.read_people import APPROVERS, ESCALATE
from hitl_core.policy.file.read_rule import DEFAULTS, MATCH, RULE
from hitl_core.policy.rules import PER_WORDS
from hitl_core.protocol import Action, Level, OnTimeout, Ruling

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
KEYS = dict.fromkeys((*TOP, *OVERLAY, *RULE, *MATCH, *DEFAULTS, *APPROVERS, *ESCALATE, *CALENDAR, *HEADS, *PER_WORDS))
WORDS = (*Op, *Type, *Level, *OnTimeout)
NIGHT = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tool", "arguments", "facts", "expected"),
    [
        ("lookup_order", {}, {"reversible": True}, "autonomous by look-up"),
        ("search_orders", {}, {}, "confirm by default"),
        ("issue_refund", {"amount": 50, "currency": "EUR"}, {}, "autonomous by small-refunds"),
        ("issue_refund", {"amount": 50, "currency": "USD"}, {}, "confirm by default"),
        ("issue_refund", {"amount": 501, "currency": "EUR"}, {}, "confirm by large-refunds"),
        ("send_mail", {"to": ["a@example.com"]}, {"reversible": True}, "notify by mail-inside"),
        ("send_mail", {"to": []}, {"reversible": True}, "confirm by default"),
        ("chat", {}, {"tags": ("customer-facing",), "confidence": 0.9, "now": NIGHT}, "collaborate by unsure"),
        ("delete_order", {}, {"environment": "production"}, "deny by no-deletes"),
    ],
)
def test_the_example(tool: str, arguments: dict[str, object], facts: dict[str, object], expected: str) -> None:
    known = {"now": datetime(2026, 11, 2, 10, 0, tzinfo=UTC), "environment": "test", **facts}
    action = Action.model_validate({"tool": tool, "arguments": arguments})
    ruling = Policy.from_toml(EXAMPLE).decide(action, facts=Facts(**known))  # type: ignore[arg-type]
    assert _short(ruling) == expected
    assert ruling.version == "2026-11-01"


@pytest.mark.parametrize("word", [*KEYS, *WORDS])
def test_every_word_of_the_format_is_on_the_page(word: str) -> None:
    assert re.search(rf"[`\s{{]{re.escape(word)}\b", PAGE)


def _short(ruling: Ruling) -> str:
    return f"{'deny' if ruling.denied else ruling.level} by {ruling.rule}"
