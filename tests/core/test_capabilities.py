"""Declarations of what an adapter can do."""

from __future__ import annotations

import pytest

from hitl_core.capabilities import NATIVE, Support, absent, emulated


def test_native_needs_no_reason() -> None:
    assert Support("native") == NATIVE


def test_what_is_not_native_says_why() -> None:
    assert emulated("by replay") == Support("emulated", "by replay")
    assert absent("no loop") == Support("absent", "no loop")


@pytest.mark.parametrize("declare", [absent, emulated])
def test_silence_is_refused(declare: type[Support]) -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        declare("")  # type: ignore[arg-type]
