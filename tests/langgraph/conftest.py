"""What every test of the LangGraph adapter has: a ledger of its own, and a desk maker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forking import warmed

from .desk import LEDGER, Build, Desk


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setenv(LEDGER, str(path))
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    """`desk(build, policy=…)`: a desk for one graph, in the test's own folder."""

    def made(build: Build, **options: Any) -> Desk:
        return Desk(build, tmp_path, **options)

    return made


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything that children need is imported, and was used once, before the first fork."""
    warmed("langgraph", tmp_path_factory.mktemp("warm"))
