"""`hitl undo`: the undo of an unchanged app stands in hitl.toml; what was not taken back is no success."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hitl_core.clock import SystemClock
from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]

UNDOS = """
from pathlib import Path

HERE = Path(__file__).parent


def take_back(receipt, arguments):
    with (HERE / "taken_back").open("a") as file:
        file.write(f"{receipt} {arguments['order']}\\n")
    return "taken back"


NUMBER = 7
"""
POLICY = """
version = "1"
[[rules]]
id = "refunds"
why = "a test"
match = { tool = "refund" }
level = "autonomous"
allow_irreversible = "a test"
"""
FREE_UNDO = (
    POLICY
    + """
[[rules]]
id = "undos"
why = "a test"
match = { tool = "undo:refund" }
level = "autonomous"
allow_irreversible = "a test"
"""
)
"""The undo of a refund runs unasked."""
JOTS = """
[[rules]]
id = "jots"
why = "a test"
match = { tool = "jot" }
level = "autonomous"
"""


def refunded(hitl: Hitl, shop: Shop, policy: str, do: str = "pay", **tool: str) -> str:
    """A run that has paid money back, in a shop that says how that is undone."""
    (shop.folder / f"undos_{shop.module}.py").write_text(UNDOS)
    (shop.folder / "policy.toml").write_text(policy)
    lines = "".join(f'{key} = "{value}"\n' for key, value in {"undo": f"undos_{shop.module}:take_back", **tool}.items())
    config = shop.config.read_text()
    if "[policy]" not in config:
        config += '\n[policy]\nfile = "policy.toml"\n'
    shop.config.write_text(f"{config}\n[tools.refund]\n{lines}")
    run = hitl("run", "--input", order(do), "--by", "carol", "--json").json
    assert run["state"] == "completed", run
    return str(run["id"])


def taken_back(shop: Shop) -> str:
    file = shop.folder / "taken_back"
    return file.read_text() if file.exists() else ""


def test_undo_asks_then_takes_back_what_the_tool_did(hitl: Hitl, shop: Shop) -> None:
    run = refunded(hitl, shop, POLICY, compensates="the fee stays")
    undo = hitl("undo", run, "--as", "bob", "--reason", "wrong customer", "--json")
    assert (undo.code, undo.json["whole"], taken_back(shop)) == (3, False, "")
    (asked,) = undo.json["run"]["pending"]
    assert (asked["tool"], asked["started_by"], asked["title"]) == ("undo:refund", "bob", "Compensate refund")
    assert hitl("respond", asked["id"], "approve", "--as", "ann").code == 0
    assert hitl("resume", undo.json["id"], "--json").code == 0
    told = hitl("undo", undo.json["id"], "--as", "bob", "--json")
    assert (told.code, [each["state"] for each in told.json["calls"]]) == (0, ["compensated"])
    assert len(taken_back(shop).splitlines()) == 1
    shown = hitl("undo", run, "--as", "bob")
    assert (shown.code, "compensated" in shown.out, len(taken_back(shop).splitlines())) == (0, True, 1)


def test_a_part_that_was_not_taken_back_is_no_success(hitl: Hitl, shop: Shop) -> None:
    run = refunded(hitl, shop, FREE_UNDO, undo="json:missing")
    refused = hitl("undo", run, "--as", "bob", "--json")
    assert (refused.code, refused.json["run"]["state"]) == (1, "failed")
    assert "tools.refund.undo" in refused.json["run"]["error"]
    said = hitl("undo", run, "refund#9", "--as", "bob")
    assert (said.code, "HITL-U09" in said.err) == (1, True)
    shown = hitl("undo", refused.json["id"], "--as", "bob")
    assert (shown.code, "NOT EVERYTHING was taken back" in shown.out) == (1, True)


def test_what_has_no_undo_is_said_and_what_has_one_is_taken_back(hitl: Hitl, shop: Shop) -> None:
    run = refunded(hitl, shop, FREE_UNDO + JOTS, "jot_and_pay")
    partial = hitl("undo", run, "--as", "bob", "--json")
    assert (partial.code, partial.json["whole"], partial.json["run"]["state"]) == (1, False, "completed")
    assert [(each["tool"], each["state"]) for each in partial.json["calls"]] == [
        ("refund", "undone"),
        ("jot", "not_undoable"),
    ]
    assert "declares no undo" in partial.json["calls"][1]["why"]
    shown = hitl("undo", partial.json["id"], "--as", "bob")
    assert (shown.code, "NOT EVERYTHING was taken back" in shown.out) == (1, True)
    alone = hitl("undo", run, "refund#1", "--as", "bob", "--json")
    assert (alone.code, alone.json["calls"][0]["run_id"]) == (0, partial.json["id"])
    listed = hitl("runs", run, "--json").json["undos"]
    assert listed == [partial.json, alone.json]
    page = hitl("runs", run).flat
    assert all(word in page for word in (alone.json["id"], "refund#1", "jot#1 (not undoable)"))
    assert f"undoes what run {run} has done" in hitl("runs", alone.json["id"]).flat
    assert f"undo of run {run}" in hitl("runs").flat
    assert len(taken_back(shop).splitlines()) == 1


def test_after_its_window_nothing_is_taken_back(hitl: Hitl, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run = refunded(hitl, shop, FREE_UNDO, undo_window="1h")
    now = SystemClock.now

    def later(clock: SystemClock) -> datetime:
        return now(clock) + timedelta(hours=2)

    monkeypatch.setattr(SystemClock, "now", later)
    late = hitl("undo", run, "--as", "bob", "--json")
    assert (late.code, [each["state"] for each in late.json["calls"]], taken_back(shop)) == (1, ["too_late"], "")
    assert "too late" in hitl("undo", late.json["id"], "--as", "bob").flat


@pytest.mark.parametrize("decision", ["reject", "cancel"])
def test_an_undo_that_people_refuse_takes_nothing_back(hitl: Hitl, shop: Shop, decision: str) -> None:
    run = refunded(hitl, shop, POLICY)
    undo: Any = hitl("undo", run, "--as", "bob", "--json").json
    asked = hitl("undo", undo["id"], "--as", "bob")
    assert (asked.code, "people are asked first" in asked.flat) == (3, True)
    own = hitl("respond", undo["run"]["pending"][0]["id"], "approve", "--as", "bob", "--json")
    assert (own.code, own.json["error"]["code"]) == (1, "HITL-D06")
    hitl("respond", undo["run"]["pending"][0]["id"], decision, "--message", "keep it", "--as", "ann", "--resume")
    told = hitl("undo", undo["id"], "--as", "bob", "--json")
    assert (told.code, [each["state"] for each in told.json["calls"]]) == (1, ["refused"])
    assert ("keep it" in told.json["calls"][0]["why"], taken_back(shop)) == (True, "")


def test_an_undo_is_not_undone(hitl: Hitl, shop: Shop) -> None:
    run = refunded(hitl, shop, FREE_UNDO)
    undo = hitl("undo", run, "--as", "bob", "--json").json["id"]
    refused = hitl("undo", undo, "undo:refund#1", "--as", "bob", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "HITL-U09")
    assert "an undo is not undone" in refused.json["error"]["message"]
    assert (len(hitl("runs", "--json").json["runs"]), len(taken_back(shop).splitlines())) == (2, 1)
