"""A slip that is damaged: it is used for nothing, said to be damaged, and in nobody's way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_core.commands import ErasePerson, GetSlip, ListSlips, PutSlip, Slip, SlipKind, TakeSlips
from hitl_core.errors import RowCorrupt
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.columns import without_a_row
from tests.core.stores.world import World

KIND = SlipKind.MESSAGE


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """Three messages that are due, of which the second is damaged."""
    world = World(await SqliteStore.open(tmp_path / "desk.db"))
    for name in ("one", "two", "three"):
        slip = Slip(KIND, name, world.now, body={"text": f"{name} for ann"}, due=world.now)
        await world.store.apply(PutSlip(slip, world.now))
    with closing(sqlite3.connect(tmp_path / "desk.db")) as connection, connection:
        (body,) = connection.execute("SELECT body FROM hitl_slips WHERE name = 'two'").fetchone()
        connection.execute("UPDATE hitl_bodies SET data = CAST(data || ' ' AS BLOB) WHERE key = ?", (body,))
    return world


async def test_it_is_passed_over_and_said_to_be_damaged(world: World) -> None:
    with pytest.raises(RowCorrupt, match="slip two no longer matches its digest"):
        await world.store.fetch(GetSlip(KIND, "two", world.now))
    listed = await world.store.fetch(ListSlips(KIND, world.now))
    assert [each.key for each in listed.items] == ["three", "one"]
    until = world.now + timedelta(seconds=60)
    assert [each.key for each in await world.store.apply(TakeSlips(KIND, until, world.now))] == ["one", "three"]
    assert await world.store.apply(TakeSlips(KIND, until, world.now)) == ()
    assert "row.damaged" in await world.events()
    await world.store.close()


async def test_nothing_of_it_is_left_where_it_names_a_person_who_is_erased(world: World, tmp_path: Path) -> None:
    await world.store.apply(ErasePerson("ann", "dora", "", world.now))
    await world.store.close()
    with closing(sqlite3.connect(tmp_path / "desk.db")) as connection:
        left = connection.execute("SELECT data FROM hitl_bodies b JOIN hitl_slips s ON s.body = b.key").fetchall()
    assert b"" in [data for (data,) in left]
    assert not any(b"ann" in data for (data,) in left)
    assert without_a_row(tmp_path / "desk.db") == 0
