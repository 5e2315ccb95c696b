"""`hitl draft`: versions from a shell, and the one that is taken is the one that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]

POLICY = """version = "1"
[[rules]]
id = "together"
match = { tool = "refund" }
level = "collaborate"
why = "People and the agent write it together."
"""
LESS = '{"order": "A-1042", "amount": 40, "note": ""}'


@pytest.fixture
def waiting(hitl: Hitl, shop: Shop) -> Any:
    (shop.folder / "policy.toml").write_text(POLICY)
    with (shop.folder / "hitl.toml").open("a") as config:
        config.write('\n[policy]\nfile = "policy.toml"\n')
    return hitl("run", "--json", "--input", order("pay")).json["pending"][0]


def test_a_version_is_added_and_the_newest_is_taken(hitl: Hitl, shop: Shop, waiting: Any) -> None:
    added = hitl("draft", waiting["id"], "--args", LESS, "--version", "1", "--as", "ann", "--message", "less", "--json")
    assert added.code == 0
    assert added.json.keys() == {"id", "kind", "request_id", "run_id", "versions"}
    assert [(each["number"], each["by"] and each["by"]["id"]) for each in added.json["versions"]] == [
        (1, None),
        (2, "ann"),
    ]
    shown = hitl("draft", waiting["id"]).out
    assert "version 2 by ann (terminal, assertion)" in shown
    ended = hitl("respond", waiting["id"], "accept", "--as", "bob", "--resume", "--json")
    assert (ended.code, ended.json["output"]["done"]) == (0, "paid 40.0")
    assert [line["amount"] for line in shop.ledger("refund")] == [40.0]


def test_an_older_version_is_refused_by_name(hitl: Hitl, waiting: Any) -> None:
    hitl("draft", waiting["id"], "--args", LESS, "--version", "1", "--as", "ann")
    for late in (
        ("draft", waiting["id"], "--args", LESS, "--version", "1", "--as", "bob"),
        ("respond", waiting["id"], "accept", "--version", "1", "--as", "bob"),
        ("respond", waiting["id"], "approve", "--as", "bob"),
    ):
        refused = hitl(*late, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (1, "HITL-D07")


def test_what_is_missing_is_said(hitl: Hitl, waiting: Any) -> None:
    both = hitl("draft", waiting["id"], "--args", LESS, "--json")
    assert both.code == 2
    assert [each["path"] for each in both.json["error"]["faults"]] == ["--as", "--version"]
    none = hitl("respond", waiting["id"], "accept", "--version", "7", "--as", "bob")
    assert none.code == 2


def test_without_a_draft_there_is_none(hitl: Hitl) -> None:
    asked = hitl("run", "--json", "--input", order("pay")).json["pending"][0]
    assert hitl("draft", asked["id"], "--json").json["versions"] == []
    assert "no shared draft" in hitl("draft", asked["id"]).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [('{"order": "A-1042"}', "amount"), ('{"order": "A-1042", "amount": "much"}', "amount")],
)
def test_a_version_that_the_tool_would_not_take_is_none(
    hitl: Hitl, shop: Shop, waiting: Any, arguments: str, said: str
) -> None:
    refused = hitl("draft", waiting["id"], "--args", arguments, "--version", "1", "--as", "ann", "--json")
    assert (refused.code, said in str(refused.json["error"]["faults"])) == (1, True)
    assert len(hitl("draft", waiting["id"], "--json").json["versions"]) == 1
    hitl("respond", waiting["id"], "accept", "--as", "bob", "--resume")
    assert [line["amount"] for line in shop.ledger("refund")] == [48.5]


def test_a_draft_that_is_decided_has_no_further_version(hitl: Hitl, shop: Shop, waiting: Any) -> None:
    hitl("respond", waiting["id"], "reject", "--as", "bob", "--resume")
    late = hitl("draft", waiting["id"], "--args", LESS, "--version", "1", "--as", "ann", "--json")
    assert (late.code, late.json["error"]["code"], shop.ledger("refund")) == (1, "HITL-D04", [])
