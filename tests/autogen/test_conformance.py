"""The AutoGen adapter keeps every promise, or refuses by name."""

from __future__ import annotations

import pytest

from hitl_adapters.autogen.adapter import CAPABILITIES
from hitl_adapters.autogen.kit import Kit
from hitl_core.testing.pytest_plugin import ConformanceSuite
from scripts.generate_capabilities import reports

pytestmark = pytest.mark.processes


class TestAutoGen(ConformanceSuite):
    kit = Kit()


def test_the_report_is_about_the_adapter_as_it_is() -> None:
    (report,) = [each for each in reports() if each["adapter"] == "autogen"]
    declared = {name.value: {"level": each.level, "because": each.because} for name, each in CAPABILITIES.items()}
    assert report["capabilities"] == declared
