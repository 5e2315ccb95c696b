"""The bench of the inbox finds what it measures: answers are taken, and everybody hears what they listen to."""

from __future__ import annotations

from pathlib import Path

from bench.inbox_figures import measured
from bench.yardsticks import Figure


async def test_it_measures_pages_events_and_the_way_to_an_answer(tmp_path: Path) -> None:
    found = await measured(tmp_path, few=20, many=60, rounds=1, listeners=4, events=2, starts=1, answers=2)
    figures = [each for each in found if isinstance(each, Figure)]
    assert len(figures) == len(found) == 10
    assert [each.name for each in figures if not each.ratio > 0] == ["events that one of 4 listeners did not hear"]
    assert [each.met for each in figures if "style and scripts" in each.name] == [True, True]
