"""The OpenAI Agents adapter keeps every promise, or refuses by name."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from hitl_adapters.openai_agents.adapter import CAPABILITIES
from hitl_adapters.openai_agents.kit import Kit
from hitl_core.testing.pytest_plugin import ConformanceSuite
from scripts.generate_capabilities import reports

pytestmark = pytest.mark.processes


class TestOpenAIAgents(ConformanceSuite):
    kit = Kit()


def test_the_report_is_about_the_adapter_as_it_is() -> None:
    """The newest release has a report and the oldest has one; they differ in agents inside agents."""
    installed = version("openai-agents")
    about = [each for each in reports() if each["versions"].get("openai-agents") == installed]
    declared = {name.value: {"level": each.level, "because": each.because} for name, each in CAPABILITIES.items()}
    assert [report["capabilities"] for report in about] == [declared]
