"""What the suite says about itself: the promises of the protocol, behaviours that are small."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from hitl_core.capabilities import Capability
from hitl_core.testing.conformance import PROMISES, behaviour, chosen
from hitl_core.testing.conformance.catalogue import BEHAVIOURS

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol" / "1.0.md"
MOST_LINES = 25


def test_the_promises_are_those_of_the_protocol() -> None:
    assert re.findall(r"^\*\*(P\d\d)\*\*", PROTOCOL.read_text(), re.MULTILINE) == [*PROMISES]
    assert all(sentence.endswith(".") for sentence in PROMISES.values())


def test_there_are_at_least_eighty_behaviours() -> None:
    assert len(BEHAVIOURS) >= 80


def test_every_capability_is_asked_for() -> None:
    asked = {need for each in BEHAVIOURS.values() for need in each.needs}
    assert set(Capability) - asked == set(), "write a behaviour that needs it"


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_behaviour_is_one_sentence_and_few_lines(name: str) -> None:
    tried = BEHAVIOURS[name]
    assert tried.sentence.endswith(".")
    assert len(inspect.getsource(tried.acts).splitlines()) <= MOST_LINES


def test_a_slip_of_an_author_is_refused() -> None:
    async def nameless(world: object) -> None: ...

    with pytest.raises(ValueError, match="needs a known promise"):
        behaviour("P02")(nameless)


def test_behaviours_are_chosen_by_promise_and_by_name() -> None:
    assert {each.promise for each in chosen(["p31"])} == {"P31"}
    assert [each.name for each in chosen(names=["reject_never_runs"])] == ["reject_never_runs"]
    assert len(chosen()) == len(BEHAVIOURS)
