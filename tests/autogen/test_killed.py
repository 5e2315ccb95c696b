"""kill -9, in real processes: an agent of a spec, a team with a person in it, a graph in which both wait at once."""

from __future__ import annotations

import pytest

from tests.killed import Killed

from . import crash_desk

pytestmark = pytest.mark.processes


class TestSpecKilled(Killed):
    backend = "autogen"


class TestTeamKilled(Killed):
    backend = "autogen"
    app = staticmethod(crash_desk.team)
    script = crash_desk.SCRIPT
    answer = "closed"


class TestGraphKilled(Killed):
    backend = "autogen"
    app = staticmethod(crash_desk.graph)
    script = crash_desk.SCRIPT
    answer = "closed"
    calls = 4
