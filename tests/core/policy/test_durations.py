"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.policy.rules.durations import LONGEST, parse_duration, written


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200), ("1h30m", 5_400), ("1d1h1m1s", 90_061), ("007s", 7)],
)
def test_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "s", "5 m", "5M", "1.5h", "-5m", "5m1h", "5m5m", "1h ", "٣m", "0s", "0d0h", "367d", "9" * 9 + "s"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|no time|more than"):
        parse_duration(text)


@given(st.text("0123456789dhms .", max_size=12))
def test_anything_is_a_duration_in_range_or_a_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert timedelta(0) < duration <= LONGEST


@given(st.integers(1, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_is_written_is_read_as_the_same(duration: timedelta) -> None:
    assert parse_duration(written(duration)) == duration


def test_less_than_a_second_is_written_as_none() -> None:
    assert written(timedelta(milliseconds=1)) == "0s"
