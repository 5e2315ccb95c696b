"""Anything in any order on the frameworks that the `conformance` lane does not have."""

from __future__ import annotations

import pytest

from hitl_core.testing.conformance import find_kit
from hitl_core.testing.conformance.any_order import try_in_any_order

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(("name", "examples"), [("crewai", 3), ("autogen", 5), ("openai_agents", 5)])
def test_in_any_order(name: str, examples: int) -> None:
    try_in_any_order(find_kit(name), examples=examples)
