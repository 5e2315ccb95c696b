"""What is asked of all requests of a run is asked of those behind the first page too."""

from __future__ import annotations

import pytest

from hitl_core.commands import Effect, ListProposed, ListRequests, ListRuns, ReadAudit
from hitl_core.contracts import Store, every, pages
from hitl_core.errors import AppChanged
from hitl_core.gate.lineage import note_on
from hitl_core.gate.places import knows
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import EffectMode, PauseRequest, Run
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import REFUND, World


@pytest.fixture(params=[1, 2, 3, 1000])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_core.contracts.PAGE", request.param)


async def three() -> tuple[Store, Run, list[PauseRequest]]:
    """A run that waits at three places."""
    world = World(await SqliteStore.open("sqlite://"))
    run, requests = await world.paused(3)
    return world.store, run, requests


@pytest.mark.usefixtures("_size")
async def test_every_item_comes_once_and_in_order() -> None:
    store, run, requests = await three()
    assert [each.request async for each in every(store, ListRequests(limit=2))] == requests
    assert [each.id async for each in every(store, ListRuns())] == [run.id]
    assert [each.request async for each in every(store, ListProposed())] == [each.id for each in requests]
    assert tuple([line async for line in every(store, ReadAudit())]) == (await store.fetch(ReadAudit())).items
    assert [each async for each in every(store, ListRequests(run_id="nowhere"))] == []
    await store.close()


async def test_a_page_holds_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_core.contracts.PAGE", 2)
    store, _, requests = await three()
    found = [[each.request for each in page.items] async for page in pages(store, ListRequests())]
    assert found == [requests[:2], requests[2:]]
    await store.close()


@pytest.mark.usefixtures("_size")
async def test_a_place_is_known_however_many_were_asked_about_before() -> None:
    store, run, _ = await three()
    assert [await knows(store, run, place) for place in ("refund#1", "refund#3", "refund#4")] == [True, True, False]
    await store.close()


@pytest.mark.usefixtures("_size")
async def test_an_edit_is_known_however_often_it_was_asked_before() -> None:
    """The first request at a place was withdrawn, the second edited: what runs then is what a person made of it."""
    world = World(await SqliteStore.open("sqlite://"))
    claimed = await world.open()
    first = world.request(claimed)
    run = await world.pause(claimed, first)
    await world.answer(first.approve(by="ann"))
    again = world.request(claimed, round=1)
    await world.pause(await world.claim(run), again, consumed=(first.id,))
    await world.answer(again.edit({"order": "A-1042", "amount": 10}, by="bob", reason="less"))
    edited = REFUND.edited({"order": "A-1042", "amount": 10})
    effect = Effect("refund#1", edited, ActionState.ALLOWED, EffectMode.LEDGER, 1, 1)
    assert "less" in await note_on(world.store, run.id, REFUND, effect)
    with pytest.raises(AppChanged):
        await note_on(world.store, "another", REFUND, effect)
    await world.store.close()
