"""A thread of several runs: the model knows what was said in it before, and hears it once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversations import two_runs_are_one_conversation


async def test_the_second_run_knows_what_was_said_in_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_TEST_KEY", "none")
    await two_runs_are_one_conversation("langgraph", tmp_path)
