"""The office of each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.shop import Shop
from tests.server.messages.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(Shop(tmp_path))
