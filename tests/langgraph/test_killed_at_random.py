"""kill -9 at random places: a few here, in every run of this lane; `make kills` has fifty, elsewhere each time."""

from __future__ import annotations

import pytest

from hitl_adapters.langgraph.kit import Kit
from hitl_core.testing.pytest_plugin import KillSuite

pytestmark = pytest.mark.processes


class TestLangGraphKilled(KillSuite):
    kit = Kit()
