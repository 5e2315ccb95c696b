"""The plain adapter keeps every promise, or refuses by name."""

from __future__ import annotations

import pytest

from hitl_adapters.plain.kit import Kit
from hitl_core.testing.pytest_plugin import ConformanceSuite

pytestmark = pytest.mark.processes


class TestPlain(ConformanceSuite):
    kit = Kit()
