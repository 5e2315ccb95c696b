"""`hitl undo`: the undo of an unchanged app stands in hitl.toml; what was not taken back is no success."""

from __future__ import annotations

from collections.abc import Callable

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


def refunded(hitl: Hitl, shop: Shop, policy: str, **tool: str) -> str:
    """A run that has paid money back, in a shop that says how that is undone."""
    (shop.folder / f"undos_{shop.module}.py").write_text(UNDOS)
    (shop.folder / "policy.toml").write_text(policy)
    lines = "".join(f'{key} = "{value}"\n' for key, value in {"undo": f"undos_{shop.module}:take_back", **tool}.items())
    config = shop.config.read_text()
    if "[policy]" not in config:
        config += '\n[policy]\nfile = "policy.toml"\n'
    shop.config.write_text(f"{config}\n[tools.refund]\n{lines}")
    run = hitl("run", "--input", order(), "--by", "carol", "--json").json
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
