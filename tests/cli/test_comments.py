"""`hitl comment`: what is said about a request stands beside it for whoever decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]


@pytest.fixture
def waiting(hitl: Hitl) -> Any:
    return hitl("run", "--json", "--input", order("pay")).json["pending"][0]["id"]


def test_comments_are_shown_with_the_request_and_decide_nothing(hitl: Hitl, shop: Shop, waiting: str) -> None:
    made = hitl("comment", waiting, "approve: she called", "--as", "bob", "--json")
    assert (made.code, made.json["kind"], made.json["machine"]) == (0, "comment", False)
    assert shop.hitl("comment", waiting, "-", "--as", "risk-model", "--machine", stdin="no \u202eevil").code == 0
    shown = hitl("show", waiting)
    assert "bob (terminal, assertion)" in shown.out
    assert "risk-model (a machine's opinion, unverified)" in shown.out
    assert "\\u202e" in shown.out
    assert [each["by"]["id"] for each in hitl("show", waiting, "--json").json["comments"]] == ["bob", "risk-model"]
    assert shop.ledger("refund") == []
    assert hitl("respond", waiting, "approve", "--as", "ann", "--resume").code == 0
    assert len(shop.ledger("refund")) == 1


def test_a_comment_that_comes_too_late_is_refused(hitl: Hitl, waiting: str) -> None:
    hitl("respond", waiting, "reject", "--as", "ann")
    late = hitl("comment", waiting, "why?", "--as", "bob", "--json")
    assert (late.code, late.json["error"]["code"]) == (1, "HITL-D04")
