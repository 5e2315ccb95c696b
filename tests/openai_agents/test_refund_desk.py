"""The refund desk of the examples on this backend: the same tests, and only the backend's name is another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.examples.desk import Desk, opened
from tests.examples.test_refund_desk import (
    test_a_large_refund_is_denied_and_the_model_is_told,
    test_a_refund_decided_after_a_kill,
    test_a_small_refund_runs_and_is_noticed,
    test_an_edit_is_checked_like_the_call_itself,
    test_the_whole_story_killed_at_every_pause,
)

pytestmark = pytest.mark.processes

__all__ = [
    "test_a_large_refund_is_denied_and_the_model_is_told",
    "test_a_refund_decided_after_a_kill",
    "test_a_small_refund_runs_and_is_noticed",
    "test_an_edit_is_checked_like_the_call_itself",
    "test_the_whole_story_killed_at_every_pause",
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path / "refund_desk") as ready:
        yield replace(ready, environment={**ready.environment, "HITL_BACKEND": "openai_agents"})
