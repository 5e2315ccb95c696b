"""Client tools: what every backend does with them, and an app of one's own."""

from __future__ import annotations

from tests.client_tools import ClientTools


class TestClientTools(ClientTools):
    backend = "autogen"
