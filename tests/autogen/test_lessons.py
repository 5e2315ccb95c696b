"""The lessons of the examples on AutoGen: `--backend` is all that differs."""

from __future__ import annotations

import pytest

from tests.examples.lessons import Lessons

pytestmark = pytest.mark.processes


class TestOnAutoGen(Lessons):
    backend = "autogen"
