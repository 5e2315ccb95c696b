"""With its runs on PostgreSQL: promises that the store keeps, and a storm. `make promises`, `make storm` do more."""

from __future__ import annotations

import pytest

from hitl_adapters.langgraph.kit import Kit
from tests.on_a_server import OnAServer

pytestmark = [pytest.mark.postgres, pytest.mark.processes]


class TestLangGraphOnAServer(OnAServer):
    kit = Kit()
