"""P91: every adapter answers for every capability; what is emulated or absent says why.

An adapter whose framework is not installed is not looked at here but in its own lane; test_lanes.py holds that.
"""

from __future__ import annotations

import pytest

from hitl_core.capabilities import Capability, Support
from hitl_core.config.registry import ADAPTERS, known, load
from hitl_core.errors import AdapterNotInstalled

NAMES = sorted(known(ADAPTERS))


def declared(name: str) -> dict[Capability, Support]:
    try:
        adapter = load(ADAPTERS, name)
    except AdapterNotInstalled as exc:
        pytest.skip(f"its own lane runs this: {exc}")
    return dict(adapter.capabilities)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_every_capability_has_an_answer_and_no_other_word_has_one(name: str) -> None:
    assert set(declared(name)) == set(Capability)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_native_says_why(name: str) -> None:
    silent = {each for each, support in declared(name).items() if not support.because.strip()}
    assert all(declared(name)[each].level == "native" for each in silent)


@pytest.mark.parametrize("name", NAMES)
def test_a_level_is_one_of_three(name: str) -> None:
    assert {support.level for support in declared(name).values()} <= {"native", "emulated", "absent"}
