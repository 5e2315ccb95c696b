"""The suite has teeth: each broken adapter, store or runtime is caught by the promise that it breaks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from hitl_core.capabilities import Capability
from hitl_core.config.registry import known
from hitl_core.testing.conformance import PROMISES, Kit, Outcome, Trial, chosen, find_kit
from hitl_core.testing.conformance.broken import BROKEN, Broken
from hitl_core.testing.conformance.catalogue import BEHAVIOURS
from hitl_core.testing.conformance.installed import capabilities_of, versions
from hitl_core.testing.conformance.promises import NOT_YET
from hitl_core.testing.conformance.suite import KITS as KIT_GROUP

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
        if can(kit, broken.needs) and not any(can(kit, [lack]) for lack in broken.lacks):
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


OVERSIGHT = (
    *("P10", "P11", "P12", "P13", "P14", "P15", "P24", "P25", "P50", "P51", "P52"),
    *("P60", "P61", "P62", "P63", "P64", "P65", "P66", "P67", "P73", "P80", "P81", "P82", "P83"),
)
"""The promises about levels, gates, time, overrides and policy."""


@pytest.mark.parametrize("promise", OVERSIGHT)
def test_each_of_its_behaviours_bites_something(promise: str) -> None:
    """A behaviour that no broken part fails would not be missed."""
    tried = {each.name: each for each in chosen([promise]) if any(can(kit, each.needs) for kit in KITS)}
    if not tried:
        pytest.skip(f"another lane runs this: no adapter here can do what {promise} needs")
    for broken in (each for each in BROKEN.values() if each.promise == promise):
        for kit in kits_for(broken)[:1]:
            with Trial(kit, parts=broken.parts, parts_name=broken.place) as trial:
                caught = [name for name, each in tried.items() if trial.of(each).outcome is Outcome.FAILED]
            tried = {name: each for name, each in tried.items() if name not in caught}
    assert not tried, f"nothing that is broken is caught by {', '.join(tried)}"


def can(kit: Kit, needs: Iterable[Capability]) -> bool:
    """Whether an adapter can do all of this, or emulate it."""
    levels = {name: support.level for name, support in capabilities_of(kit.backend).items()}
    return all(levels[need] != "absent" for need in needs)
