"""`hitl policy`: what is said about a policy, and with which exit status; nothing is run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import Done, Shop, environment, order

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
        "2h, then refuse",
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


# ── check ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_finds_nothing(hitl: Hitl, shop: Shop) -> None:
    told = hitl("policy", "check")
    assert (told.code, "0 faults, 0 notes" in told.out) == (0, True)
    assert "not looked at: whether the approvers exist" in told.out
    assert not (shop.folder / "hitl.db").exists()


def test_check_finds_faults_with_their_lines(hitl: Hitl, shop: Shop) -> None:
    more = '[[rules]]\nid = "none"\nwhy = "x"\nmatch = { tool = "jot" }\neffect = "deny"\n'
    (shop.folder / "policy.toml").write_text(POLICY + more, encoding="utf-8")
    told = hitl("policy", "check")
    assert told.code == 1
    assert "fault " in told.out
    assert "policy.toml:3: rules[0]: never decides: 'none' is about everything that it is about" in told.out
    found = hitl("policy", "check", "--json").json
    assert (found["ok"], found["readable"], found["notes"]) == (False, True, [])
    assert [(each["kind"], each["line"], each["path"], each["rule"]) for each in found["faults"]] == [
        ("shadowed", 3, "rules[0]", "small"),
        ("shadowed", 9, "rules[1]", "large"),
    ]


def test_a_file_that_is_refused_has_faults_and_one_that_cannot_be_read_is_another_matter(
    hitl: Hitl, shop: Shop
) -> None:
    file = shop.folder / "policy.toml"
    file.write_text(POLICY.replace("above = 50", "above = '50'"), encoding="utf-8")
    told = hitl("policy", "check")
    assert (told.code, "policy.toml:13: rules[1].when.above: must be a finite number" in told.out) == (1, True)
    file.write_text("[[rules", encoding="utf-8")
    told = hitl("policy", "check", "--json")
    assert (told.code, told.json["readable"], told.json["faults"][0]["line"]) == (2, False, 1)


def test_check_of_a_file_alone(tmp_path: Path) -> None:
    shop = Shop.build(tmp_path)
    shop.config.unlink()
    (tmp_path / "other.toml").write_text(POLICY, encoding="utf-8")
    command = [
        each for each in shop.command("policy", "check", "other.toml", "--json") if each not in ("-c", str(shop.config))
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=tmp_path)
    assert (done.returncode, len(json.loads(done.stdout)["not_looked_at"])) == (0, 3)


# ── backtest ────────────────────────────────────────────────────────────────────────────────────────────────


def test_backtest_says_whose_fate_changes(hitl: Hitl, shop: Shop) -> None:
    free = 'version = "a"\n[[rules]]\nid = "free"\nwhy = "x"\nmatch = { tool = "jot" }\nlevel = "autonomous"\n'
    (shop.folder / "policy.toml").write_text(free, encoding="utf-8")
    run = hitl("run", "--json", "--input", order("jot_it", text="one")).json["id"]
    hitl("run", "--json", "--input", order("jot_it", text="two"))
    hitl("run", "--json", "--input", order("pay"))
    changed = shop.folder / "changed.toml"
    rule = '[[rules]]\nid = "no"\nwhy = "x"\nmatch = { tool = "jot" }\nwhen = { argument = "text", equals = "one" }\n'
    changed.write_text(free.replace('"a"', '"b"') + rule + 'effect = "deny"\n', encoding="utf-8")
    told = hitl("policy", "backtest", str(changed))
    assert told.code == 0
    for words in ("3 recorded actions, 1 of them with another fate", "let through 2 1", "refused 0 1", "no: 1"):
        assert words in told.flat, words
    assert f"run {run} jot#1: let through (autonomous) → refused" in told.flat
    found = hitl("policy", "backtest", str(changed), "--since", "30d", "--json").json
    assert (found["actions"], found["changed"], found["cannot_be_told"]) == (3, 1, {})
    assert found["before"] == {"let_through": 2, "asked": 1}
    (group,) = found["rules"]
    (action,) = group["actions"]
    assert (group["rule"], group["rest"], action["run"], action["after"]["came"]) == ("no", 0, run, "refused")
    assert hitl("policy", "backtest", str(shop.folder / "policy.toml"), "--json").json["changed"] == 0
    assert len(shop.ledger("jot")) == 2


def test_backtest_counts_what_cannot_be_told_and_what_is_not_listed(
    hitl: Hitl, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitl_core.policy.replaying.backtest.MOST_LISTED", 0)
    rule = '[[rules]]\nid = "r"\nwhy = "x"\nmatch = { tool = "jot" }\n'
    (shop.folder / "policy.toml").write_text(f'{rule}level = "autonomous"\n', encoding="utf-8")
    hitl("run", "--json", "--input", order("jot_it"))
    changed = shop.folder / "changed.toml"
    changed.write_text(f'{rule}level = "confirm"\n', encoding="utf-8")
    assert "and 1 more" in hitl("policy", "backtest", str(changed)).out
    changed.write_text(f'{rule}level = "autonomous"\nwhen = {{ confidence = {{ above = 0.5 }} }}\n', encoding="utf-8")
    assert "cannot be told for 1: a rule about it looks at" in hitl("policy", "backtest", str(changed)).flat


def test_backtest_of_a_file_that_is_not_there(hitl: Hitl) -> None:
    told = hitl("policy", "backtest", "missing.toml")
    assert (told.code, told.out) == (2, "")
    assert "cannot be read" in told.err


def test_a_time_that_is_none(hitl: Hitl, shop: Shop) -> None:
    told = hitl("policy", "backtest", str(shop.folder / "policy.toml"), "--since", "soon")
    assert (told.code, "is not a duration" in told.err) == (2, True)
