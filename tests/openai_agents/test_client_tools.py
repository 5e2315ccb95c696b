"""Client tools: what every backend does with them, and an app of one's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hitl_core.errors import ToolsRefused
from hitl_core.testing.scripted_model import Step
from tests.client_tools import MAP, ClientTools

from . import native
from .desk import Desk


class TestClientTools(ClientTools):
    backend = "openai_agents"

    async def test_an_agent_of_ones_own_has_no_room(self, desk: Callable[..., Desk]) -> None:
        at = desk(native.unchanged, Step(say="unused"))
        async with at.open() as hitl:
            with pytest.raises(ToolsRefused, match="have no place here: the app builds its agents itself"):
                await hitl.start("go", tools=(MAP,))
            assert (await hitl.runs()).items == ()
        assert at.calls == ()
