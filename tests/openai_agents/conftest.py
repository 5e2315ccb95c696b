"""What every test of this adapter has: a ledger of its own, and a desk maker with a model that listens."""

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
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """`desk(app, *steps, policy=…)`: a desk for one app, whose model says the steps or plays a script."""
    with ExitStack() as stack:

        def made(app: Callable[[str], Any], *said: Any, **options: Any) -> Desk:
            script = said[0] if isinstance(said[0], Script) else Script.of(*said)
            model = stack.enter_context(ScriptedModel(script, log_bodies=True))
            return Desk(app, tmp_path, model, **options)

        yield made
