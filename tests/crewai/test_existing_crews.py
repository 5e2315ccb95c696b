"""examples/existing_crews, not a line changed, through the runtime; their own ledger says what happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from existing_crews import approved_notice, reviewed_report
from hitl_core.testing.scripted_model import Conversation, Script, Step

from .desk import Desk, accept, approve, calls, choosing, editing, ended, revising

Made = Callable[..., Desk]

MARKET = Script(
    conversations=(
        Conversation(
            name="planner",
            system="every market",
            steps=(
                calls(("find_stalls", {"market": "honey market"})),
                calls(("book_stall", {"stall": "river side", "price": 65})),
                Step(say="{{tool_result}}"),
            ),
        ),
    ),
    steps=(Step(say="Dear all, we have a stall."), Step(say="Dear all, we have the north gate.")),
)


@pytest.fixture(autouse=True)
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """What the examples did."""
    path = tmp_path / "existing_crews.jsonl"
    monkeypatch.setenv("EXISTING_CREWS_LEDGER", str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_crew_whose_booking_is_changed_and_whose_letter_is_sent_back(
    desk: Made, effects: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk(lambda url: reviewed_report.build, MARKET, harmless=("find_stalls",))
    at.policy = '[[rules]]\nid = "r"\nwhy = "reads"\nmatch = { tool = "find_stalls" }\nlevel = "autonomous"\n'
    monkeypatch.setenv("OPENAI_BASE_URL", at.model.base_url)
    run = await at.start({"market": "honey market"})
    assert run.pending[0].action.arguments == {"stall": "river side", "price": 65}
    run = await at.answer(run, editing(stall="north gate", price=40.0))
    run = await at.answer(run, revising("say where"))
    ended(await at.answer(run, accept), {"answer": "Dear all, we have the north gate."})
    assert effects() == [{"effect": "stall_booked", "stall": "north gate", "price": 40.0}]
    assert len(at.calls) == 5


async def test_a_crew_whose_booking_is_approved(desk: Made, effects: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at = desk(lambda url: reviewed_report.build, MARKET)
    monkeypatch.setenv("OPENAI_BASE_URL", at.model.base_url)
    run = await at.answer(await at.start({"market": "honey market"}), approve)
    run = await at.answer(run, approve)
    ended(await at.answer(run, accept), {"answer": "Dear all, we have a stall."})
    assert effects() == [{"effect": "stall_booked", "stall": "river side", "price": 65}]


async def test_a_flow_that_drafts_again(desk: Made, effects: Any) -> None:
    at = desk(lambda url: approved_notice.NoticeFlow, Step(say="never asked"))
    run = await at.answer(await at.start({"topic": "the bees"}), choosing("again"))
    ended(await at.answer(run, choosing("good")), "up: Draft 2: please mind the bees.")
    assert effects() == [{"effect": "hung_up", "text": "Draft 2: please mind the bees."}]
    assert at.calls == ()


async def test_a_flow_whose_notice_is_thrown_away(desk: Made, effects: Any) -> None:
    at = desk(lambda url: approved_notice.NoticeFlow, Step(say="never asked"))
    ended(await at.answer(await at.start({}), choosing("never")), "nothing is up")
    assert effects() == [{"effect": "thrown_away", "drafts": 1}]
