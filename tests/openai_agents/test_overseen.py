"""People over the agent, in real processes: quorum, escalation, veto, grant, stop, undo."""

from __future__ import annotations

import pytest

from hitl_adapters.openai_agents.kit import Kit
from hitl_core.testing.pytest_plugin import OverseenSuite

pytestmark = pytest.mark.processes


class TestOpenAIAgentsOverseen(OverseenSuite):
    kit = Kit()
