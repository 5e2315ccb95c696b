"""`hitl override`: something else counts in the place of what came out; what it was is kept, the agent is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]

POLICY = """version = "1"
[[rules]]
id = "jots"
why = "a test"
match = { tool = "jot" }
level = "autonomous"
"""


@pytest.fixture
def waiting(hitl: Hitl, shop: Shop) -> Any:
    """A run that has jotted something down, and waits for an answer before it goes on."""
    (shop.folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    shop.config.write_text(shop.config.read_text() + '\n[policy]\nfile = "policy.toml"\n', encoding="utf-8")
    return hitl("run", "--json", "--input", order("jot_and_ask", text="green")).json


def answered(hitl: Hitl, run: Any) -> Any:
    return hitl("respond", run["pending"][0]["id"], "answer", "--message", "yes", "--as", "ann", "--resume", "--json")


def test_the_output_of_a_run_is_replaced_and_what_it_was_is_kept(hitl: Hitl, shop: Shop, waiting: Any) -> None:
    was = answered(hitl, waiting).json["output"]
    made = hitl("override", waiting["id"], "--output", '{"a": 1}', "--as", "bob", "--reason", "it was red", "--json")
    assert made.code == 0
    assert made.json.keys() == {"kind", "call", "original", "value", "by", "reason", "at"}
    assert (made.json["original"], made.json["value"], made.json["call"]) == (was, {"a": 1}, None)
    shown = hitl("override", waiting["id"], "--output", "2", "--as", "mia", "--role", "lead").flat
    assert all(word in shown for word in ("overridden", "output", "mia", '"a": 1'))
    run = hitl("runs", waiting["id"], "--json").json
    assert (run["output"], run["overridden"]["by"], len(shop.ledger("jot"))) == (2, "mia", 1)
    assert [(each["original"], each["value"], each["reason"]) for each in run["overrides"]] == [
        (was, {"a": 1}, "it was red"),
        ({"a": 1}, 2, ""),
    ]
    assert "the output was replaced by mia" in hitl("runs", waiting["id"]).flat


def test_the_result_of_a_call_is_replaced_before_it_is_used_and_the_agent_is_told(
    hitl: Hitl, shop: Shop, waiting: Any
) -> None:
    made = hitl("override", waiting["id"], "jot#1", "--output", '"in red"', "--as", "bob", "--json")
    assert (made.code, made.json["call"], made.json["original"]) == (0, "jot#1", "jotted")
    (effect,) = hitl("runs", waiting["id"], "--json").json["effects"]
    assert (effect["result"], effect["arguments"]["text"]) == ("in red", "green")
    output = answered(hitl, waiting).json["output"]
    assert output["done"] == "in red"
    assert "in red" in str(output["told"])
    assert [line["text"] for line in shop.ledger("jot")] == ["green"]
    assert hitl("audit", "verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("--output", "1"), 1, "HITL-U10"),
        (("jot#2", "--output", "1"), 1, "HITL-U10"),
        (("jot#1", "--output", f'"{"x" * 3_000}"'), 1, "HITL-U10"),
        (("jot#1", "--output", "NaN"), 2, "usage"),
        (("jot#1", "--output", "@missing.json"), 2, "usage"),
        (("jot#1",), 2, "usage"),
    ],
)
def test_what_is_refused_changes_nothing(
    hitl: Hitl, waiting: Any, arguments: tuple[str, ...], status: int, code: str
) -> None:
    refused = hitl("override", waiting["id"], *arguments, "--as", "bob", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (status, code)
    after = hitl("runs", waiting["id"], "--json").json
    assert (after["overrides"], after["effects"][0]["result"], after["guidance"]) == ([], "jotted", [])
    assert answered(hitl, waiting).json["output"]["done"] == "jotted"


def test_whose_name_is_missing_and_which_run_there_is_not(hitl: Hitl, waiting: Any) -> None:
    nobody = hitl("override", waiting["id"], "jot#1", "--output", "1")
    assert (nobody.code, "--as" in nobody.err) == (2, True)
    nowhere = hitl("override", "0" * 36, "--output", "1", "--as", "bob", "--json")
    assert (nowhere.code, nowhere.json["error"]["code"]) == (1, "HITL-U02")


def test_what_was_used_is_not_replaced_behind_the_agents_back(hitl: Hitl, waiting: Any) -> None:
    answered(hitl, waiting)
    late = hitl("override", waiting["id"], "jot#1", "--output", "1", "--as", "bob")
    assert (late.code, "HITL-U10" in late.err, "was used" in late.flat + late.err) == (1, True, True)
    assert hitl("runs", waiting["id"], "--json").json["effects"][0]["result"] == "jotted"
