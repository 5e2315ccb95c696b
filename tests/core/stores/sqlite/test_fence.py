"""What a transactional effect may do with our connection, and what not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import BeginEffect, ListEffects, PerformEffect
from hitl_core.errors import StoreUnavailable
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import EffectMode, Json
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.clock import START
from tests.core.stores.world import REFUND, World

FORBIDDEN = [
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "PRAGMA synchronous = OFF",
    "ATTACH ':memory:' AS other",
    "UPDATE hitl_audit SET actor = 'eve'",
    "DELETE FROM hitl_stops",
    "INSERT INTO HITL_stops VALUES ('all', '', '', '', 0)",
    "DROP TABLE hitl_audit",
    "ALTER TABLE hitl_audit RENAME TO mine",
]

ALLOWED = [
    "CREATE TABLE paid (amount)",
    "INSERT INTO paid VALUES (1)",
    "SAVEPOINT mine",
    "ROLLBACK TO mine",
    "SELECT count(*) FROM hitl_runs",
]


async def performed(store: SqliteStore, *statements: str) -> Any:
    claimed = await World(store).open()

    def effect(transaction: Any) -> Json:
        for statement in statements:
            transaction.execute(statement)
        return "done"

    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    return await store.apply(PerformEffect(begin, effect))


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_what_is_ours_stays_ours(tmp_path: Path, statement: str) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    effect = await performed(store, statement)
    assert effect.state is ActionState.FAILED
    assert "not authorized" in effect.error or "prohibited" in effect.error
    assert (await performed(store, "SELECT 1")).state is ActionState.EXECUTED
    assert (await World(store).events()).count("effect.started") == 2
    await store.close()


async def test_an_effect_that_loses_the_transaction_did_not_happen_nor_begin(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    world = World(store)
    claimed = await world.open()

    def effect(transaction: Any) -> Json:
        transaction.execute("CREATE TABLE paid (amount)")
        transaction.set_progress_handler(lambda: 1, 1)  # SQLite rolls the whole transaction back
        try:
            transaction.execute("INSERT INTO paid VALUES (1)")
        finally:
            transaction.set_progress_handler(None, 0)
        return None

    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    with pytest.raises(StoreUnavailable, match="the transaction was lost"):
        await store.apply(PerformEffect(begin, effect))
    assert await store.fetch(ListEffects(claimed.run.id)) == ()
    assert (await performed(store, "SELECT 1")).state is ActionState.EXECUTED
    await store.close()


async def test_what_is_theirs_is_theirs(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    assert (await performed(store, *ALLOWED)).result == "done"
    await store.close()
