"""What a stop is said to reach comes from what the adapter declares, and is said without the framework too."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain.adapter import CAPABILITIES
from hitl_core.capabilities import NATIVE, Capability, absent
from hitl_core.commands import StopScope
from hitl_core.runtime import reach
from tests.core.runtime.test_undo import elsewhere
from tests.core.shop import Shop, one_refund

AT_WORK = "a framework that is at work"


def said(scope: StopScope, **declared: Any) -> dict[str, tuple[bool, str]]:
    capabilities = {**CAPABILITIES, **{Capability(name): support for name, support in declared.items()}}
    return {each.what: (each.reached, each.when) for each in reach(scope, capabilities)}


@pytest.mark.parametrize("scope", [StopScope.RUN, StopScope.TENANT, StopScope.ALL])
def test_a_framework_at_work_hears_of_it_as_it_declares(scope: StopScope) -> None:
    assert said(scope)[AT_WORK] == (True, CAPABILITIES[Capability.DRAIN].because)
    assert said(scope, drain=NATIVE)[AT_WORK] == (True, "when the step that it is in has ended")
    assert said(scope, drain=absent("no way in"))[AT_WORK] == (False, "it goes on until its next gated call: no way in")


@pytest.mark.parametrize("scope", [StopScope.TOOL, StopScope.AGENT])
def test_a_stop_of_a_part_ends_no_run_by_itself(scope: StopScope) -> None:
    found = said(scope)
    assert not any(found[what][0] for what in (AT_WORK, "new runs", "runs that wait or are ready"))
    assert found["gated calls that have not begun"][0]


def test_a_pause_of_the_app_is_reached_where_there_is_one() -> None:
    what = "a pause that the app made itself"
    assert (said(StopScope.ALL)[what][0], said(StopScope.ALL, lift_native_pauses=NATIVE)[what][0]) == (False, True)


def test_what_the_gate_does_not_cover_is_said() -> None:
    found = said(StopScope.ALL, gate_tools=absent("a tool runs by itself"))
    assert found["what does not pass the gate"] == (
        False,
        "not held back; `hitl doctor` lists what was found (a tool runs by itself)",
    )


async def test_the_runtime_says_it_of_its_adapter_and_without_one(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert await hitl.reach(StopScope.ALL) == reach(StopScope.ALL, CAPABILITIES)
    async with elsewhere(shop, {}) as hitl:
        assert await hitl.stop(StopScope.ALL, by="bob", reason="audit") == 0
        (unknown,) = [each for each in await hitl.reach(StopScope.ALL) if each.what == AT_WORK]
    assert (unknown.reached, "not known here" in unknown.when) == (False, True)
