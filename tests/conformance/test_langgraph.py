"""The LangGraph adapter keeps every promise, or refuses by name."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from hitl_adapters.langgraph.kit import Kit
from hitl_core.testing.pytest_plugin import ConformanceSuite

pytestmark = pytest.mark.processes


class TestLangGraph(ConformanceSuite):
    kit = Kit()
    xfail = MappingProxyType(
        {"a_person_takes_the_conversation_and_gives_it_back": "AgentSpec.human is ignored, and declared as emulated"}
    )
