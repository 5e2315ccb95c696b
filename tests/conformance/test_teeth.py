"""The suite has teeth: each broken adapter, store or runtime is caught by the promise that it breaks."""

from __future__ import annotations

import pytest

from hitl_adapters.langgraph.kit import Kit as LangGraphKit
from hitl_adapters.plain.kit import Kit as PlainKit
from hitl_core.testing.conformance import PROMISES, Kit, Outcome, Trial, chosen
from hitl_core.testing.conformance.broken import BROKEN, Broken
from hitl_core.testing.conformance.catalogue import BEHAVIOURS
from hitl_core.testing.conformance.promises import NOT_YET
from hitl_core.testing.conformance.suite import capabilities_of

pytestmark = pytest.mark.processes

KITS: tuple[Kit, ...] = (PlainKit(), LangGraphKit())
HANDOFF = "P09"
"""No adapter of this release offers a handoff, so none can be broken in it."""


def kits_for(broken: Broken) -> list[Kit]:
    """Those of the kits on which this difference can be seen."""
    found = []
    for kit in KITS:
        levels = {name: support.level for name, support in capabilities_of(kit).items()}
        can = all(levels[need] != "absent" for need in broken.needs)
        if can and all(levels[lack] == "absent" for lack in broken.lacks):
            found.append(kit)
    return found


@pytest.mark.parametrize("broken", BROKEN.values(), ids=lambda broken: f"{broken.promise}-{broken.name}")
def test_it_is_caught(broken: Broken) -> None:
    kit = kits_for(broken)[0]
    with Trial(kit, parts=broken.parts, parts_name=broken.place) as trial:
        results = (trial.of(each) for each in chosen([broken.promise]))
        caught = next((each for each in results if each.outcome is Outcome.FAILED), None)
    assert caught, f"{broken.sentence} Nothing of {broken.promise} noticed on {kit.backend!r}"
    assert caught.because


def test_each_promise_that_is_tried_has_teeth() -> None:
    tried = {each.promise for each in BEHAVIOURS.values()}
    bitten = {each.promise for each in BROKEN.values()}
    assert tried - bitten == {HANDOFF}
    assert PROMISES.keys() - tried == NOT_YET.keys()
