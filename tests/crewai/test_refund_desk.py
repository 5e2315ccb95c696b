"""The refund desk on this backend: `backend.name` is all that changes; real processes, killed while they wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples import test_refund_desk as story
from tests.examples.desk import Desk, opened

pytestmark = pytest.mark.processes


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path / "refund_desk") as ready:
        config = ready.folder / "hitl.toml"
        config.write_text(config.read_text().replace('name = "langgraph"', 'name = "crewai"'))
        assert 'name = "crewai"' in config.read_text()
        yield ready


test_the_whole_story_killed_at_every_pause = story.test_the_whole_story_killed_at_every_pause
test_a_refund_decided_after_a_kill = story.test_a_refund_decided_after_a_kill
test_an_edit_is_checked_like_the_call_itself = story.test_an_edit_is_checked_like_the_call_itself
test_a_small_refund_runs_and_is_noticed = story.test_a_small_refund_runs_and_is_noticed
test_a_large_refund_is_denied_and_the_model_is_told = story.test_a_large_refund_is_denied_and_the_model_is_told
