"""The lessons of the examples on the OpenAI Agents SDK: `--backend` is all that differs."""

from __future__ import annotations

import pytest

from tests.examples.lessons import Lessons

pytestmark = pytest.mark.processes


class TestOnOpenAIAgents(Lessons):
    backend = "openai_agents"
