"""The suite has teeth: each broken adapter, store or runtime is caught by the promise that it breaks."""

from __future__ import annotations

import pytest

from hitl_core.registry import known
from hitl_core.testing.conformance import PROMISES, Kit, Outcome, Trial, chosen, find_kit
from hitl_core.testing.conformance.broken import BROKEN, Broken
from hitl_core.testing.conformance.catalogue import BEHAVIOURS
from hitl_core.testing.conformance.promises import NOT_YET
from hitl_core.testing.conformance.suite import KITS as KIT_GROUP
from hitl_core.testing.conformance.suite import capabilities_of, versions

pytestmark = pytest.mark.processes


def installed() -> list[Kit]:
    """The kits of the frameworks that are installed here; the others have lanes of their own."""
    names = [name for name in known(KIT_GROUP) if name == "plain" or len(versions(name)) > 1]
    return [find_kit(name) for name in sorted(names, key=lambda name: name != "plain")]


KITS = installed()


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
    kits = kits_for(broken)
    if not kits:
        pytest.skip(f"another lane runs this: no adapter here has {', '.join(broken.needs)}")
    kit = kits[0]
    with Trial(kit, parts=broken.parts, parts_name=broken.place) as trial:
        results = (trial.of(each) for each in chosen([broken.promise]))
        caught = next((each for each in results if each.outcome is Outcome.FAILED), None)
    assert caught, f"{broken.sentence} Nothing of {broken.promise} noticed on {kit.backend!r}"
    assert caught.because


def test_each_promise_that_is_tried_has_teeth() -> None:
    tried = {each.promise for each in BEHAVIOURS.values()}
    bitten = {each.promise for each in BROKEN.values()}
    assert tried == bitten
    assert PROMISES.keys() - tried == NOT_YET.keys()
