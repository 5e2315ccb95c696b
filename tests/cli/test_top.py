"""`hitl top` at a terminal: it refreshes in place until Ctrl-C; anywhere else it looks once."""

from __future__ import annotations

import json

import pytest

from tests.cli.shop import Shop
from tests.cli.terminal import at_a_terminal

pytestmark = pytest.mark.processes


def test_it_refreshes_in_place_until_it_is_told_to_end(shop: Shop) -> None:
    with at_a_terminal(shop, "top", "--every", "0.5") as person:
        person.expect("nothing waits for people")
        person.expect("nothing waits for a worker")
        _, request = shop.paused()
        person.expect("1, the oldest for")
        person.expect("confirm")
        person.expect("anybody")
        shop.hitl("respond", request, "approve", "--as", "ann")
        person.expect("1 wait for a worker")
        person.press("\x03")
        assert person.ended() == 130


def test_elsewhere_it_looks_once(shop: Shop) -> None:
    shop.paused()
    shop.hitl("stop", "tool", "refund", "--as", "bob", "--reason", "a fault")
    done = shop.hitl("top")
    assert done.code == 0
    assert "none" not in done.flat
    assert "1 tool" in done.flat
    found = json.loads(shop.hitl("top", "--json").out)
    assert (found["open"], found["stops"], found["at_least"]) == (0, {"tool": 1}, False), "what is frozen is not open"
