"""The OpenAI Agents adapter keeps every promise, or refuses by name."""

from __future__ import annotations

import pytest

from hitl_adapters.openai_agents.adapter import CAPABILITIES
from hitl_adapters.openai_agents.errors import NESTED_TWICE, at_least
from hitl_adapters.openai_agents.kit import Kit
from hitl_core.testing.pytest_plugin import ConformanceSuite
from scripts.generate_capabilities import reports

pytestmark = pytest.mark.processes


class TestOpenAIAgents(ConformanceSuite):
    kit = Kit()


def test_the_report_is_about_the_adapter_as_it_is() -> None:
    """The report is from the newest release; older ones are less sure of agents inside agents."""
    (report,) = [each for each in reports() if each["adapter"] == "openai_agents"]
    declared = {name.value: {"level": each.level, "because": each.because} for name, each in CAPABILITIES.items()}
    differs = () if at_least(NESTED_TWICE) else ("nested_pauses",)
    for name in declared.keys() - set(differs):
        assert report["capabilities"][name] == declared[name]
    assert report["capabilities"].keys() == declared.keys()
