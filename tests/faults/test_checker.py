"""The checker has teeth: what must not be is found, on both stores, in what is left of a run that went well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hitl_core.commands import EndEffect, FinishRun
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import AuditEvent, Executed, RunState
from hitl_core.testing.clock import START
from tests.core.stores.world import REFUND, World
from tests.faults.checker import Left, faults, left
from tests.faults.diary import ACKNOWLEDGED, LEDGER, Diary
from tests.faults.places import Place


@pytest.fixture
async def well(place: Place) -> Left:
    """One refund that was asked for, approved, paid and recorded."""
    store = await place.store()
    world = World(store)
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    Diary(place.folder / ACKNOWLEDGED).write(request=request.id, by="ann", decision="approve", got="won")
    lease = (await world.claim(run)).lease
    await world.begin(lease, request_id=request.id)
    Diary(place.folder / LEDGER).write(tool="refund", key=f"{run.id}:refund#1", **REFUND.arguments)
    await store.apply(EndEffect(lease, "refund#1", Executed("paid"), START))
    await store.apply(FinishRun(lease, RunState.COMPLETED, START, consumed=(request.call,)))
    await store.close()
    return await left(place)


def test_nothing_is_wrong_with_what_went_well(well: Left) -> None:
    assert faults(well, over=True) == []
    assert (len(well.runs), len(well.requests), len(well.ledger), len(well.acknowledged)) == (1, 1, 1, 1)


def without(well: Left, event: AuditEvent) -> Left:
    return replace(well, audit=tuple(entry for entry in well.audit if entry.event != event))


def effect(well: Left, **changed: Any) -> Left:
    ((run, (known,)),) = well.effects.items()
    return replace(well, effects={run: (replace(known, **changed),)})


def said(well: Left, **changed: Any) -> Left:
    return replace(well, acknowledged=(well.acknowledged[0] | changed,))


def happened(well: Left, **changed: Any) -> Left:
    return replace(well, ledger=(well.ledger[0] | changed,))


def under_way(well: Left) -> Left:
    return replace(well, runs=(well.runs[0].model_copy(update={"state": RunState.RUNNING}),))


BROKEN: dict[str, Callable[[Left], Left]] = {
    "was acknowledged and is lost": lambda well: said(well, request="another"),
    "was told to have won": lambda well: said(well, by="bob"),
    "the store has": lambda well: without(well, AuditEvent.REQUEST_DECIDED),
    "the trail has": lambda well: replace(well, requests=()),
    "the effect of": lambda well: replace(well, ledger=well.ledger * 2),
    "the decision of": lambda well: replace(well, audit=well.audit * 2),
    "an open request for": lambda well: replace(well, requests=well.requests * 2),
    "do not know that it began": lambda well: without(well, AuditEvent.EFFECT_STARTED),
    "no decision before it": lambda well: without(well, AuditEvent.REQUEST_DECIDED),
    "not with": lambda well: happened(well, amount=1.5),
    "has not come to its end": under_way,
    "is executing": lambda well: effect(well, state=ActionState.EXECUTING),
    "the ledger does not know of it": lambda well: happened(well, key="other:refund#1"),
    "trail: line 3": lambda well: replace(well, findings=("line 3",)),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_what_must_not_be_is_found(well: Left, sentence: str) -> None:
    if sentence == "an open request for":
        opened = tuple(replace(each, state=RequestState.OPEN) for each in well.requests)
        well = replace(well, requests=opened)
    assert any(sentence in fault for fault in faults(BROKEN[sentence](well), over=True))
