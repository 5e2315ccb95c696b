"""A part of the conformance suite on each framework, where all of them share the versions of their packages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hitl_core.testing.conformance import Behaviour, Trial, chosen, find_kit

from .test_one_process import BACKENDS

PART = ("P02", "P03", "P04", "P06", "P09", "P31", "P32", "P41", "P72", "P92")
"""One promise of each kind: decided, edited, refused, asked, handed over, several, nested, killed, watched, native."""

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module", params=BACKENDS)
def trial(request: pytest.FixtureRequest) -> Iterator[Trial]:
    with Trial(find_kit(request.param)) as trial:
        yield trial


@pytest.mark.parametrize("tried", chosen(PART), ids=lambda each: f"{each.promise}-{each.name}")
def test_it_is_kept_or_refused_by_name(tried: Behaviour, trial: Trial) -> None:
    result = trial.of(tried)
    assert result.outcome.good, f"{tried.sentence} {result.outcome.value}: {result.because}"
