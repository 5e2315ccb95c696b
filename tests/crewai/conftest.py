"""What every test of the CrewAI adapter has: a ledger of its own, a scripted model, and a desk maker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.scripted_model import Script, ScriptedModel, Step

from .desk import LEDGER, Desk

Made = Callable[..., Desk]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """CrewAI reads its own deprecated fields whenever an agent is made."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setenv(LEDGER, str(path))
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Made]:
    """`desk(build, steps…)`: a desk in the test's own folder; `build(base_url)` gives the app: a factory or a spec."""
    with ExitStack() as stack:

        def made(build: Callable[[str], Any], *steps: Step | Script, **options: Any) -> Desk:
            script = steps[0] if isinstance(steps[0], Script) else Script.of(*steps)  # type: ignore[arg-type]
            model = stack.enter_context(ScriptedModel(script, log_bodies=True))
            return Desk(build(model.base_url), tmp_path, model, **options)

        yield made
