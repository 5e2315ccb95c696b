"""The refund desk from outside: real processes, killed while they wait, and what really happened afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.scripted_model import repeated_calls
from tests.examples.desk import COMPLETED, PAUSED, Desk, opened

pytestmark = pytest.mark.processes

WHOLE_STORY = '{"order": "A-1042"}'
ONE_REFUND = '{"order": "A-1043"}'
SMALL_REFUND = '{"order": "A-1044"}'
LARGE_REFUND = '{"order": "A-1045"}'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path / "refund_desk") as ready:
        yield ready


def effects_of(desk: Desk) -> list[tuple[str, Any]]:
    """What happened, each effect under a key of its own."""
    keys = [line["key"] for line in desk.ledger]
    assert len(keys) == len(set(keys)), "one call had its effect twice"
    return [(line["effect"], line["arguments"].get("amount")) for line in desk.ledger]


def assert_each_model_call_once(desk: Desk, *, calls: int) -> None:
    assert not repeated_calls(desk.calls)
    assert [(entry.number, entry.status) for entry in desk.calls] == [(n, 200) for n in range(1, calls + 1)]


def test_the_whole_story_killed_at_every_pause(desk: Desk) -> None:
    question = desk.killed_at_the_next_pause("run", "--input", WHOLE_STORY)
    assert (question["tool"], question["kind"]) == ("ask_lead", "input")
    run = desk.run_of(question)
    desk.respond(question, "answer", "--message", "Yes, let them keep it.")

    carrier = desk.killed_at_the_next_pause("resume", run)
    assert (carrier["tool"], carrier["kind"]) == ("choose_carrier", "choice")
    assert [option["id"] for option in carrier["options"]] == ["post", "courier", "none"]
    desk.respond(carrier, "choose", "--option", "none")

    refund = desk.killed_at_the_next_pause("resume", run)
    assert (refund["tool"], refund["kind"], refund["arguments"]["amount"]) == ("issue_refund", "approval", 48.5)
    assert refund["preview"]["effect"] == "Pay back 48.50 EUR of 129.00 EUR for the desk lamp"
    assert refund["because"]["rule"] == "refunds-are-confirmed"
    assert effects_of(desk) == [("draft_email", None)]
    desk.respond(refund, "approve")

    ended = desk.hitl("resume", run)
    assert (ended.status, ended.document["state"]) == (COMPLETED, "completed")
    assert effects_of(desk) == [("draft_email", None), ("issue_refund", 48.5)]
    assert_each_model_call_once(desk, calls=6)
    assert "Paid 48.50 EUR back" in json.dumps(ended.document["output"])

    again = desk.hitl("resume", run)
    assert again.document["output"] == ended.document["output"]
    assert len(effects_of(desk)) == 2
    assert_each_model_call_once(desk, calls=6)


EDITED = '{"order": "A-1043", "amount": 45.5}'


@pytest.mark.parametrize(
    ("answer", "effects", "said"),
    [
        (["approve"], [("issue_refund", 60)], "Done: Paid 60.00 EUR"),
        (["edit", "--args", EDITED], [("issue_refund", 45.5)], "paid as a person changed it"),
        (["reject", "--message", "Send another one."], [], "Send another one."),
        (["answer", "--message", "I gave them a voucher."], [], "I gave them a voucher."),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
def test_a_refund_decided_after_a_kill(desk: Desk, answer: list[str], effects: list[Any], said: str) -> None:
    request = desk.killed_at_the_next_pause("run", "--input", ONE_REFUND)
    assert desk.respond(request, *answer).status == COMPLETED
    ended = desk.hitl("resume", desk.run_of(request))
    assert ended.status == COMPLETED
    assert effects_of(desk) == effects
    assert_each_model_call_once(desk, calls=2)
    assert said in json.dumps(ended.document["output"])


def test_an_edit_is_checked_like_the_call_itself(desk: Desk) -> None:
    run = desk.hitl("run", "--input", ONE_REFUND)
    assert run.status == PAUSED
    request = run.document["pending"][0]
    too_large = desk.respond(request, "edit", "--args", '{"order": "A-1043", "amount": 700}')
    wrong_type = desk.respond(request, "edit", "--args", '{"order": "A-1043", "amount": "forty"}')
    assert "accounting" in json.dumps(too_large.document["error"])
    assert "arguments.amount" in json.dumps(wrong_type.document["error"])
    assert effects_of(desk) == []
    assert [open_["id"] for open_ in desk.inbox()] == [request["id"]]


def test_a_small_refund_runs_and_is_noticed(desk: Desk) -> None:
    assert desk.hitl("run", "--input", SMALL_REFUND).status == COMPLETED
    assert effects_of(desk) == [("issue_refund", 8)]
    [notice] = desk.hitl("inbox", "--notices").document["requests"]
    assert (notice["kind"], notice["tool"]) == ("notice", "issue_refund")
    assert "8.00 EUR of 25.00 EUR for the gift card" in notice["preview"]["effect"]


def test_a_large_refund_is_denied_and_the_model_is_told(desk: Desk) -> None:
    ended = desk.hitl("run", "--input", LARGE_REFUND)
    assert ended.status == COMPLETED
    assert effects_of(desk) == []
    assert "Refunds above 500 EUR go through accounting." in json.dumps(ended.document["output"])


def test_the_desk_in_langgraphs_own_idiom(tmp_path: Path) -> None:
    with opened(tmp_path / "refund_desk", config="langgraph_app.toml") as desk:
        question = desk.hitl("run", "--input", WHOLE_STORY).document["pending"][0]
        assert question["kind"] == "input"
        desk.respond(question, "answer", "--message", "Yes, let them keep it.")
        run = desk.run_of(question)
        carrier = desk.hitl("resume", run).document["pending"][0]
        desk.respond(carrier, "choose", "--option", "none")
        refund = desk.hitl("resume", run).document["pending"][0]
        assert (refund["tool"], refund["arguments"]["amount"]) == ("issue_refund", 48.5)
        desk.respond(refund, "approve")
        assert desk.hitl("resume", run).status == COMPLETED
        assert effects_of(desk) == [("draft_email", None), ("issue_refund", 48.5)]
        assert_each_model_call_once(desk, calls=6)
