"""Times as people read them: how far away, in the unit in which they think."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hitl_core.cli.terminal.render import ago

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(seconds=90), "in 90 s"),
        (timedelta(hours=1) - timedelta(milliseconds=5), "in 60 min"),
        (timedelta(hours=4) - timedelta(milliseconds=5), "in 4 h"),
        (timedelta(hours=3, minutes=58), "in 3 h"),
        (timedelta(days=1) - timedelta(seconds=1), "in 24 h"),
        (timedelta(days=3) - timedelta(seconds=1), "in 3 d"),
        (timedelta(minutes=-5), "5 min ago"),
    ],
)
def test_a_gap_is_said_in_whole_units(gap: timedelta, said: str) -> None:
    assert ago(NOW + gap, NOW) == said
