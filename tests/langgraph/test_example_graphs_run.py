"""examples/existing_graphs, not a line changed, through the runtime; their own ledger says what happened."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl_core.protocol import Json, RunState

from .desk import Desk, answering, approve, choosing, reject

MINUTES = "The bridge stays closed. Costs were discussed."

CASES: list[tuple[str, Json, list[list[Any]], list[dict[str, Any]]]] = [
    (
        "approval_before_action",
        {"topic": "beans"},
        [[approve]],
        [{"effect": "newsletter_mailed", "text": "This month in the allotments: beans."}],
    ),
    (
        "approval_before_action",
        {"topic": "beans"},
        [[reject]],
        [{"effect": "newsletter_shelved", "note": "too risky"}],
    ),
    (
        "conditional_interrupt",
        {"item": "umbrella"},
        [[choosing("electronics")]],
        [{"effect": "item_shelved", "item": "umbrella", "shelf": "electronics", "decided_by": "person"}],
    ),
    (
        "conditional_interrupt",
        {"item": "scarf"},
        [],
        [{"effect": "item_shelved", "item": "scarf", "shelf": "clothes", "decided_by": "rule"}],
    ),
    (
        "edit_before_continue",
        {"notes": MINUTES},
        [[answering("In short: closed.")]],
        [{"effect": "minutes_filed", "summary": "In short: closed."}],
    ),
    (
        "several_interrupts",
        {"hall": "Mill Hall"},
        [[answering("Ada")], [choosing("stage")], [approve]],
        [{"effect": "hall_booked", "hall": "Mill Hall", "room": "stage", "name": "Ada"}],
    ),
    (
        "interrupt_status",
        {"bridge": "Ox Bridge"},
        [[approve, reject]],
        [{"effect": "bridge_closed", "bridge": "Ox Bridge", "failed": ["traffic"]}],
    ),
    (
        "tool_approval",
        {"messages": [["user", "look after the greenhouse"]]},
        [[approve]],
        [
            {"effect": "vents_opened", "minutes": 20},
            {"effect": "bed_watered", "bed": "tomatoes", "litres": 7.5},
        ],
    ),
    ("tool_approval", {"messages": [["user", "look after the greenhouse"]]}, [[reject]], []),
]


@pytest.mark.parametrize(("name", "given", "answers", "effects"), CASES)
async def test_it_runs_unchanged(
    desk: Callable[..., Desk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    given: Json,
    answers: list[list[Any]],
    effects: list[dict[str, Any]],
) -> None:
    ledger = tmp_path / "existing.jsonl"
    monkeypatch.setenv("EXISTING_GRAPHS_LEDGER", str(ledger))
    at = desk(importlib.import_module(f"existing_graphs.{name}").build)
    run = await at.start(given)
    for said in answers:
        assert run.state is RunState.PAUSED, run.error
        run = await at.answer(run, *said)
    assert run.state is RunState.COMPLETED, run.error
    happened = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    assert sorted(happened, key=str) == sorted(effects, key=str)
