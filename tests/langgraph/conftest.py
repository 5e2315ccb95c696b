"""What every test of the LangGraph adapter has: a ledger of its own, and a desk maker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    from . import crash_desk
    from .processes import model_process

    folder = tmp_path_factory.mktemp("warm")

    async def once() -> None:
        async with crash_desk.CrashDesk(folder, url, folder / "model.jsonl").open() as hitl:
            await crash_desk.go_through(hitl, crash_desk.truthfully)

    with model_process(crash_desk.SCRIPT, folder / "model.jsonl") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LEDGER, str(folder / "ledger.jsonl"))
        patch.setenv("OPENAI_API_KEY", "test")
        asyncio.run(once())
    assert threading.active_count() == 1, threading.enumerate()
