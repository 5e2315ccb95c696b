"""The refund desk on this backend: `backend.name` is all that changes; real processes, killed while they wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.scripted_model import repeated_calls
from tests.examples.desk import COMPLETED, Desk, opened

pytestmark = pytest.mark.processes


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path / "refund_desk") as ready:
        config = ready.folder / "hitl.toml"
        there = config.read_text()
        config.write_text(there.replace('name = "langgraph"', 'name = "autogen"'))
        assert config.read_text() != there
        yield ready


def effects_of(desk: Desk) -> list[tuple[str, Any]]:
    keys = [line["key"] for line in desk.ledger]
    assert len(keys) == len(set(keys)), "one call had its effect twice"
    return [(line["effect"], line["arguments"].get("amount")) for line in desk.ledger]


def assert_each_model_call_once(desk: Desk, *, calls: int) -> None:
    assert not repeated_calls(desk.calls)
    assert [(entry.number, entry.status) for entry in desk.calls] == [(n, 200) for n in range(1, calls + 1)]


def test_the_whole_story_killed_at_every_pause(desk: Desk) -> None:
    question = desk.killed_at_the_next_pause("run", "--input", '{"order": "A-1042"}')
    assert (question["tool"], question["kind"]) == ("ask_lead", "input")
    run = desk.run_of(question)
    desk.respond(question, "answer", "--message", "Yes, let them keep it.")

    carrier = desk.killed_at_the_next_pause("resume", run)
    assert [option["id"] for option in carrier["options"]] == ["post", "courier", "none"]
    desk.respond(carrier, "choose", "--option", "none")

    refund = desk.killed_at_the_next_pause("resume", run)
    assert (refund["tool"], refund["arguments"]["amount"]) == ("issue_refund", 48.5)
    assert refund["preview"]["effect"] == "Pay back 48.50 EUR of 129.00 EUR for the desk lamp"
    assert effects_of(desk) == [("draft_email", None)]
    desk.respond(refund, "approve")

    ended = desk.hitl("resume", run)
    assert (ended.status, ended.document["state"]) == (COMPLETED, "completed")
    assert effects_of(desk) == [("draft_email", None), ("issue_refund", 48.5)]
    assert_each_model_call_once(desk, calls=6)
    assert "Paid 48.50 EUR back" in json.dumps(ended.document["output"])


@pytest.mark.parametrize(
    ("answer", "effects", "said"),
    [
        (["approve"], [("issue_refund", 60)], "Done: Paid 60.00 EUR"),
        (
            ["edit", "--args", '{"order": "A-1043", "amount": 45.5}'],
            [("issue_refund", 45.5)],
            "paid as a person changed it",
        ),
        (["reject", "--message", "Send another one."], [], "Send another one."),
        (["answer", "--message", "I gave them a voucher."], [], "I gave them a voucher."),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
def test_a_refund_decided_after_a_kill(desk: Desk, answer: list[str], effects: list[Any], said: str) -> None:
    request = desk.killed_at_the_next_pause("run", "--input", '{"order": "A-1043"}')
    assert desk.respond(request, *answer).status == COMPLETED
    ended = desk.hitl("resume", desk.run_of(request))
    assert ended.status == COMPLETED
    assert effects_of(desk) == effects
    assert_each_model_call_once(desk, calls=2)
    assert said in json.dumps(ended.document["output"])
