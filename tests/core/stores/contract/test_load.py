"""What a store says of its load: the behaviours of the store suite, and the bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_core.commands import ReadLoad
from hitl_core.contracts import Store
from hitl_core.protocol import Approvers
from hitl_core.stores.sql.reading.load import MOST_APPROVERS
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.conformance.stores import STORE_BEHAVIOURS, load, try_store
from tests.core.stores.world import World

NAMES = [name for name, each in STORE_BEHAVIOURS.items() if each.acts.__module__ == load.__name__]


async def sqlite(folder: Path) -> Store:
    return await SqliteStore.open(folder / "load.db")


@pytest.mark.parametrize("name", NAMES)
def test_a_behaviour_of_the_suite(name: str) -> None:
    (result,) = try_store("sqlite", sqlite, only=(name,)).results
    assert not result.because


async def test_of_many_who_are_asked_the_largest_groups_are_named(world: World) -> None:
    for number in range(MOST_APPROVERS + 2):
        count = 2 if number == MOST_APPROVERS + 1 else 1
        await world.paused(count, approvers=Approvers(users=(f"person-{number}",)))
    found = await world.store.fetch(ReadLoad())
    assert found.open == MOST_APPROVERS + 3
    assert len(found.approvers) == MOST_APPROVERS
    assert (found.approvers[0].name, found.approvers[0].count) == (f"person-{MOST_APPROVERS + 1}", 2)
