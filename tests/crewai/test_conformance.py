"""The CrewAI adapter keeps every promise, or refuses by name."""

from __future__ import annotations

import pytest

from hitl_adapters.crewai.adapter import CAPABILITIES
from hitl_adapters.crewai.kit import Kit
from hitl_core.testing.pytest_plugin import ConformanceSuite
from scripts.generate_capabilities import reports

pytestmark = pytest.mark.processes


class TestCrewAI(ConformanceSuite):
    kit = Kit()


def test_the_report_is_about_the_adapter_as_it_is() -> None:
    (report,) = [each for each in reports() if each["adapter"] == "crewai"]
    declared = {name.value: {"level": each.level, "because": each.because} for name, each in CAPABILITIES.items()}
    assert report["capabilities"] == declared
