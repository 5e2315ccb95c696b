"""What every test of the AutoGen adapter has: a ledger of its own, a scripted model over HTTP, and a desk maker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.scripted_model import Script, ScriptedModel

from .desk import LEDGER, Desk


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setenv(LEDGER, str(path))
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    return path


@pytest.fixture
def plays(tmp_path: Path) -> Iterator[Callable[[Script], ScriptedModel]]:
    """`plays(script)`: a model that plays it, at work until the test ends."""
    with ExitStack() as stack:

        def start(script: Script) -> ScriptedModel:
            return stack.enter_context(ScriptedModel(script, log=tmp_path / "model.jsonl", log_bodies=True))

        yield start


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    """`desk(app, policy=…)`: a desk for a spec or a factory, in the test's own folder."""

    def made(app: Any, **options: Any) -> Desk:
        return Desk(app, tmp_path, **options)

    return made
