"""Client tools: what every backend does with them, and an app of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_core.errors import ToolsRefused
from hitl_core.testing.scripted_model import Step
from tests.client_tools import MAP, ClientTools, Play

from . import teams
from .desk import Desk


class TestClientTools(ClientTools):
    backend = "autogen"

    async def test_a_team_of_ones_own_has_no_room(self, play: Play, tmp_path: Path) -> None:
        model = play(Step(say="unused"))
        async with Desk(lambda: teams.assistant(model, "clerk"), tmp_path).open() as hitl:
            with pytest.raises(ToolsRefused, match="have no place here: the app builds its agents itself"):
                await hitl.start("go", tools=(MAP,))
            assert (await hitl.runs()).items == ()
        assert model.calls == ()
