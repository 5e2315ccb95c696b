"""The AutoGen adapter keeps every promise, or refuses by name. Its own lane runs this."""

from __future__ import annotations

import pytest

from hitl_core.testing.conformance import find_kit
from hitl_core.testing.pytest_plugin import ConformanceSuite

pytest.importorskip("autogen_agentchat", reason="its own lane runs this")
pytestmark = pytest.mark.processes


class TestAutoGen(ConformanceSuite):
    kit = find_kit("autogen")
