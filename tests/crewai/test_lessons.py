"""The lessons of the examples on CrewAI: `--backend` is all that differs."""

from __future__ import annotations

import pytest

from tests.examples.lessons import Lessons

pytestmark = pytest.mark.processes


class TestOnCrewAI(Lessons):
    backend = "crewai"
