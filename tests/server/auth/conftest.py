"""A shop for the tests of authentication, in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)
