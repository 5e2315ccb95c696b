"""examples/existing_agents, not a line changed, through the runtime; their own ledger says what happened."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Rule, Script, When

from .desk import Desk, approve, editing, reject
from .specs import calls, says

DONE = says("done: {{tool_result}}")
LIBRARY = Script.of(
    calls(("find_book", {"book": 8})),
    calls(("extend_loan", {"book": 8, "days": 14}), ("waive_fee", {"book": 8}), ("waive_fee", {"book": 7})),
    DONE,
)
HEDGE = {"street": "Mill Lane", "metres": 20}
VISIT = {"street": "Ox Street", "day": "Monday"}
GARDEN = Script(
    conversations=(
        Conversation(name="gardener", system="the gardener", steps=(calls(("cut_hedge", HEDGE)), DONE)),
        Conversation(
            name="complaints",
            system="You take complaints",
            rules=(Rule(when=When(tool="transfer_to_complaints"), call=calls(("promise_visit", VISIT)).call),),
            steps=(DONE, DONE, DONE),
        ),
    ),
    rules=(Rule(when=When(user="complain", turn=0), call=calls(("transfer_to_complaints", {})).call),),
    steps=(calls(("ask_gardener", {"input": "cut it"})), DONE),
)

CASES: list[tuple[str, Script, str, list[Any], list[dict[str, Any]]]] = [
    (
        "library_desk",
        LIBRARY,
        "Extend my loan of book 8",
        [editing(days=7), reject],
        [{"effect": "fee_waived", "book": 7}, {"effect": "loan_extended", "book": 8, "days": 7}],
    ),
    ("garden_office", GARDEN, "The hedge is too high", [approve], [{"effect": "hedge_cut", **HEDGE}]),
    ("garden_office", GARDEN, "I want to complain", [approve], [{"effect": "visit_promised", **VISIT}]),
]


@pytest.mark.parametrize(("name", "script", "input", "said", "effects"), CASES, ids=lambda each: str(each)[:24])
async def test_an_existing_agent(
    desk: Callable[..., Desk],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    script: Script,
    input: str,
    said: list[Any],
    effects: list[dict[str, Any]],
) -> None:
    module = importlib.import_module(f"existing_agents.{name}")
    at = desk(lambda url: module.build, script)
    ledger = at.folder / "existing_agents.jsonl"
    monkeypatch.setenv("EXISTING_AGENTS_LEDGER", str(ledger))
    monkeypatch.setenv("OPENAI_BASE_URL", at.model.base_url)
    run = await at.answer(await at.start(input), *said)
    assert run.state is RunState.COMPLETED, run.error
    assert [json.loads(line) for line in ledger.read_text().splitlines()] == effects
    assert at.asked[1] == 0


def test_they_know_nothing_of_us() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "existing_agents"
    assert not [path for path in folder.glob("*.py") if "hitl" in path.read_text()]
