"""A request that is parsed when it is looked at is like any other Settled."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path

import pytest

from hitl_core.commands import GetRequest, ListRequests, Settled
from hitl_core.lifecycle import RequestState
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World


@pytest.fixture
async def listed(tmp_path: Path) -> Settled:
    store = await SqliteStore.open(tmp_path / "desk.db")
    world = World(store)
    _, (request, other) = await world.paused(count=2)
    await world.answer(request.approve(by="ann"))
    (found,) = (await store.fetch(ListRequests(states=(RequestState.DECIDED,)))).items
    assert found == await store.fetch(GetRequest(request.id))
    assert found != await store.fetch(GetRequest(other.id))
    await store.close()
    return found


def test_it_equals_one_made_by_hand(listed: Settled) -> None:
    by_hand = Settled(listed.request, listed.state, listed.response, listed.votes)
    assert by_hand == listed
    assert listed == by_hand
    assert listed != dataclasses.replace(by_hand, state=RequestState.OPEN)
    other: object = "something else"
    assert listed != other
    assert repr(by_hand).removeprefix("Settled") == repr(listed).removeprefix("StoredRequest")


def test_it_is_replaced_copied_and_pickled(listed: Settled) -> None:
    assert dataclasses.replace(listed, state=RequestState.OPEN).request == listed.request
    assert copy.copy(listed) == pickle.loads(pickle.dumps(listed)) == listed  # noqa: S301


def test_it_is_parsed_once_and_stays_frozen(listed: Settled) -> None:
    assert listed.request is listed.request
    assert listed.response is listed.response
    with pytest.raises(dataclasses.FrozenInstanceError):
        listed.state = RequestState.OPEN  # type: ignore[misc]
    with pytest.raises(AttributeError):
        _ = listed.nothing  # type: ignore[attr-defined]
