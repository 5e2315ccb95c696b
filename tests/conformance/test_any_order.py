"""Anything in any order, on every adapter that is installed here; and what is broken is found."""

from __future__ import annotations

import pytest

from hitl_adapters.langgraph.kit import Kit as LangGraphKit
from hitl_adapters.plain.kit import Kit as PlainKit
from hitl_core.testing.conformance import Kit
from hitl_core.testing.conformance.any_order import try_in_any_order
from hitl_core.testing.conformance.broken import BROKEN

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(("kit", "examples"), [(PlainKit(), 25), (LangGraphKit(), 10)], ids=["plain", "langgraph"])
def test_in_any_order(kit: Kit, examples: int) -> None:
    try_in_any_order(kit, examples=examples)


@pytest.mark.parametrize("name", ["RunsBeforeAsking", "RunsAfterReject", "RunsTwice", "RunsAgainWhatIsInDoubt"])
def test_what_is_broken_is_found(name: str) -> None:
    broken = BROKEN[name]
    with pytest.raises(AssertionError):
        try_in_any_order(PlainKit(), examples=200, shrinks=False, parts=broken.parts, parts_name=broken.place)
