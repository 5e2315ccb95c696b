"""The refund desk of the examples on this backend: only a line of its configuration is another."""

from __future__ import annotations

import pytest

from tests.examples.refund_desk import RefundDesk

pytestmark = pytest.mark.processes


class TestOnOpenAIAgents(RefundDesk):
    config = "openai_agents.toml"
