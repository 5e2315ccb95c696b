"""`hitl policy`: what is said about a policy, and with which exit status; nothing is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]

POLICY = """
version = "v1"
[[rules]]
id = "small"
why = "Small change."
match = { tool = "jot" }
when = { argument = "amount", at_most = 50 }
level = "autonomous"
[[rules]]
id = "large"
why = "Somebody has to look."
match = { tool = "jot" }
when = { argument = "amount", above = 50 }
level = "confirm"
deadline = "2h"
approvers = { roles = ["lead"], quorum = 2 }
"""
CASES = """
[tools.jot]
reversible = true
[[cases]]
name = "small runs"
tool = "jot"
arguments = { amount = 50 }
expect = { level = "autonomous" }
[[cases]]
name = "large asks"
tool = "jot"
arguments = { amount = 51 }
expect = { level = "confirm", rule = "large", roles = ["lead"], quorum = 2 }
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop.build(tmp_path, more='[policy]\nfile = "policy.toml"\n')
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    return made


def action(shop: Shop, **asked: Any) -> str:
    file = shop.folder / "action.json"
    file.write_text(json.dumps({"tool": "jot", **asked}), encoding="utf-8")
    return str(file)


# ── explain ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_which_rule_why_and_what_would_change_it(hitl: Hitl, shop: Shop) -> None:
    told = hitl("policy", "explain", action(shop, arguments={"amount": 90}))
    assert told.code == 0
    for words in (
        "confirm by large, version v1",
        "Somebody has to look.",
        "2 of role lead",
        "7200 seconds, then refuse",
        "holds argument 'amount' above 50 90",
        "its condition does not hold (nearly)",
        "argument 'amount': 90 → 50: autonomous by small (at the edge of large: argument 'amount' above 50)",
    ):
        assert words in told.flat, words
    assert shop.ledger() == []


def test_explain_as_json(hitl: Hitl, shop: Shop) -> None:
    found = hitl("policy", "explain", action(shop, arguments={"amount": 90}), "--json").json
    assert (found["level"], found["rule"], found["untried"]) == ("confirm", "large", [])
    assert found["nearest"] == found["changes"][0]
    edge = {"rule": "large", "condition": "argument 'amount' above 50"}
    assert (found["nearest"]["to"], found["nearest"]["level"], found["nearest"]["edge"]) == (50, "autonomous", edge)
    small, large = found["rules"]
    assert (small["fate"], small["nearly"], large["fate"]) == ("condition_false", True, "won")
    assert large["conditions"][0] == {
        "says": "argument 'amount' above 50",
        "value": 90,
        "there": True,
        "holds": True,
        "doubt": "",
    }


def test_explain_takes_standard_input_and_another_policy(shop: Shop) -> None:
    (shop.folder / "other.toml").write_text(
        '[[rules]]\nid = "no"\nwhy = "No."\nmatch = { tool = "jot" }\neffect = "deny"'
    )
    told = shop.hitl("policy", "explain", "-", "--policy", "other.toml", "--json", stdin='{"tool": "jot"}')
    assert (told.json["level"], told.json["nearest"]) == ("deny", None)
    assert (
        "none by one value"
        in shop.hitl("policy", "explain", "-", "--policy", "other.toml", stdin='{"tool": "jot"}').out
    )


def test_explain_knows_what_has_begun(hitl: Hitl, shop: Shop) -> None:
    rule = 'id = "often"\nwhy = "x"\nmatch = { tool = "jot" }\nwhen = { rate = { within = "1d", above = 1 } }'
    free = 'id = "free"\nwhy = "x"\nmatch = { tool = "jot" }\nlevel = "autonomous"'
    (shop.folder / "policy.toml").write_text(f'[[rules]]\n{free}\n[[rules]]\n{rule}\nlevel = "confirm"')
    assert hitl("policy", "explain", action(shop), "--json").json["rule"] == "free"
    hitl("run", "--json", "--input", order("jot_it"))
    assert hitl("policy", "explain", action(shop), "--json").json["rule"] == "often"
    assert len(shop.ledger("jot")) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"tol": "jot"}', "'tol' is not a known key; did you mean 'tool'?"),
        ("[]", "must be a JSON object"),
        ("{", "ACTION.json"),
        ('{"tool": "jot", "time": "noon"}', "must be a date and time with its offset"),
    ],
)
def test_an_action_that_cannot_be_read(hitl: Hitl, shop: Shop, text: str, fault: str) -> None:
    file = shop.folder / "action.json"
    file.write_text(text, encoding="utf-8")
    told = hitl("policy", "explain", str(file))
    assert (told.code, fault in told.err) == (2, True), told.err


# ── test ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cases_that_pass(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / "policy.cases.toml").write_text(CASES, encoding="utf-8")
    told = hitl("policy", "test")
    assert (told.code, "2 passed, 0 failed" in told.flat) == (0, True)
    assert not (shop.folder / "hitl.db").exists()


def test_a_case_that_fails(hitl: Hitl, shop: Shop) -> None:
    file = shop.folder / "policy.cases.toml"
    file.write_text(CASES.replace("quorum = 2", "quorum = 3"), encoding="utf-8")
    told = hitl("policy", "test", str(shop.folder / "policy.toml"), "--json")
    assert (told.code, told.json["passed"], told.json["failed"]) == (1, 1, 1)
    failed = told.json["cases"][1]
    assert (failed["line"], failed["faults"]) == (9, ["quorum is 2, expected 3"])
    assert "FAIL large asks (line 9) confirm large quorum is 2, expected 3" in hitl("policy", "test").flat


def test_cases_that_cannot_be_read(hitl: Hitl, shop: Shop) -> None:
    missing = hitl("policy", "test")
    assert (missing.code, "policy.cases.toml: cannot be read" in missing.err) == (2, True)
    (shop.folder / "policy.cases.toml").write_text(CASES.replace("roles", "rolls"), encoding="utf-8")
    told = hitl("policy", "test")
    assert told.code == 2
    assert "policy.cases.toml:13: cases[1].expect.rolls: 'rolls' is not a known key; did you mean 'roles'?" in told.err


def test_without_a_policy_file_there_is_nothing_to_try(shop: Shop) -> None:
    text = shop.config.read_text(encoding="utf-8").replace('[policy]\nfile = "policy.toml"\n', "")
    shop.config.write_text(text, encoding="utf-8")
    told = shop.hitl("policy", "test")
    assert (told.code, "name the policy file" in told.err) == (2, True)
