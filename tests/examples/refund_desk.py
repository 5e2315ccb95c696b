"""The refund desk from outside, on any backend: real processes, killed while they wait, and what really happened.

What must have happened is in `examples/refund_desk/effects.toml`; each backend's lane holds its own run to that one
list, since no environment can have all frameworks.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from hitl_core.testing.processes import Processes
from hitl_core.testing.scripted_model import repeated_calls
from tests.examples.desk import COMPLETED, EXAMPLE, PAUSED, Desk, opened
from tests.killed import warm_parent


@dataclass(frozen=True)
class Expected:
    """One story of the list."""

    input: str
    effects: list[dict[str, Any]]
    model_calls: int

    @classmethod
    def of(cls, story: str) -> Self:
        listed = tomllib.loads((EXAMPLE / "effects.toml").read_text())[story]
        return cls(json.dumps(listed["input"]), listed["effects"], listed["model_calls"])

    def assert_all(self, desk: Desk) -> None:
        """Every effect and every model call of the story, once and in order."""
        assert effects_of(desk) == self.effects
        assert not repeated_calls(desk.calls)
        expected = [(number, 200) for number in range(1, self.model_calls + 1)]
        assert [(entry.number, entry.status) for entry in desk.calls] == expected


def effects_of(desk: Desk) -> list[dict[str, Any]]:
    """What happened, each effect under a key of its own."""
    keys = [line["key"] for line in desk.ledger]
    assert len(keys) == len(set(keys)), "one call had its effect twice"
    return [{"effect": line["effect"], "arguments": line["arguments"]} for line in desk.ledger]


EDITED = '{"order": "A-1043", "amount": 45.5}'


class RefundDesk:
    """The story on one backend: `config` is all that differs."""

    config: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def parent(cls) -> Iterator[Processes]:
        backend = tomllib.loads((EXAMPLE / cls.config).read_text())["backend"]["name"]
        with warm_parent(backend, "hitl_core.cli.app") as parent:
            yield parent

    @pytest.fixture
    def desk(self, tmp_path: Path, parent: Processes) -> Iterator[Desk]:
        with opened(tmp_path / "refund_desk", config=self.config, parent=parent) as ready:
            yield ready

    def test_the_whole_story_killed_at_every_pause(self, desk: Desk) -> None:
        expected = Expected.of("the_whole_story")
        question = desk.killed_at_the_next_pause("run", "--input", expected.input)
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
        assert effects_of(desk) == expected.effects[:1]
        desk.respond(refund, "approve")

        ended = desk.hitl("resume", run)
        assert (ended.status, ended.document["state"]) == (COMPLETED, "completed")
        expected.assert_all(desk)
        assert "Paid 48.50 EUR back" in json.dumps(ended.document["output"])

        again = desk.hitl("resume", run)
        assert again.document["output"] == ended.document["output"]
        expected.assert_all(desk)

    @pytest.mark.parametrize(
        ("decision", "answer", "said"),
        [
            ("approve", ["approve"], "Done: Paid 60.00 EUR"),
            ("edit", ["edit", "--args", EDITED], "paid as a person changed it"),
            ("reject", ["reject", "--message", "Send another one."], "Send another one."),
            ("respond", ["answer", "--message", "I gave them a voucher."], "I gave them a voucher."),
        ],
        ids=["approve", "edit", "reject", "respond"],
    )
    def test_a_refund_decided_after_a_kill(self, desk: Desk, decision: str, answer: list[str], said: str) -> None:
        expected = Expected.of(decision)
        request = desk.killed_at_the_next_pause("run", "--input", expected.input)
        assert effects_of(desk) == []
        assert desk.respond(request, *answer).status == COMPLETED
        ended = desk.hitl("resume", desk.run_of(request))
        assert ended.status == COMPLETED
        expected.assert_all(desk)
        assert said in json.dumps(ended.document["output"])

    def test_an_edit_is_checked_like_the_call_itself(self, desk: Desk) -> None:
        run = desk.hitl("run", "--input", Expected.of("edit").input)
        assert run.status == PAUSED
        request = run.document["pending"][0]
        too_large = desk.respond(request, "edit", "--args", '{"order": "A-1043", "amount": 700}')
        wrong_type = desk.respond(request, "edit", "--args", '{"order": "A-1043", "amount": "forty"}')
        assert "accounting" in json.dumps(too_large.document["error"])
        assert "arguments.amount" in json.dumps(wrong_type.document["error"])
        assert effects_of(desk) == []
        assert [open_["id"] for open_ in desk.inbox()] == [request["id"]]

    def test_a_small_refund_runs_and_is_noticed(self, desk: Desk) -> None:
        expected = Expected.of("small")
        assert desk.hitl("run", "--input", expected.input).status == COMPLETED
        expected.assert_all(desk)
        [notice] = desk.hitl("inbox", "--notices").document["requests"]
        assert (notice["kind"], notice["tool"]) == ("notice", "issue_refund")
        assert "8.00 EUR of 25.00 EUR for the gift card" in notice["preview"]["effect"]

    def test_a_large_refund_is_denied_and_the_model_is_told(self, desk: Desk) -> None:
        expected = Expected.of("large")
        ended = desk.hitl("run", "--input", expected.input)
        assert ended.status == COMPLETED
        expected.assert_all(desk)
        assert "Refunds above 500 EUR go through accounting." in json.dumps(ended.document["output"])
