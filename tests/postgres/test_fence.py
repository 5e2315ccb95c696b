"""What a transactional effect may do with our connection, and what not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.commands import BeginEffect, Effect, ListEffects, PerformEffect
from hitl_core.errors import StoreUnavailable
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import EffectMode, Json
from hitl_core.stores.postgres import PostgresStore
from hitl_core.testing.clock import START
from tests.core.stores.world import REFUND, World

pytestmark = pytest.mark.postgres

PATIENCE = 60.0
NAMED = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'theirs'"

FORBIDDEN = [
    "UPDATE hitl_runs SET owner = 'eve'",
    "DELETE FROM hitl_runs",
    "INSERT INTO HITL_stops VALUES ('all', '', '', '', 0)",
    "TRUNCATE hitl_audit",
    "DROP TABLE hitl_audit",
    "ALTER TABLE hitl_audit RENAME TO mine",
]

ALLOWED = [
    "CREATE TABLE paid (amount BIGINT)",
    "INSERT INTO paid VALUES (1)",
    "SAVEPOINT mine",
    "ROLLBACK TO mine",
    "SELECT count(*) FROM hitl_runs",
    "SET application_name = 'theirs'",
]


async def performed(store: PostgresStore, *statements: str) -> Effect:
    claimed = await World(store).open()

    def effect(connection: Any) -> Json:
        for statement in statements:
            connection.execute(statement)
        return "done"

    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    return await store.apply(PerformEffect(begin, effect))


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_what_is_ours_stays_ours(store: PostgresStore, statement: str) -> None:
    effect = await performed(store, statement)
    assert effect.state is ActionState.FAILED
    assert (await performed(store, "SELECT 1")).state is ActionState.EXECUTED
    assert (await World(store).events()).count("effect.started") == 2


async def test_where_the_server_does_not_count_no_effect_runs(url: str, tmp_path: Path) -> None:
    """Else its changes to our tables would not be seen."""
    blind = await PostgresStore.open(f"{url}%20-ctrack_counts%3Doff", folder=tmp_path)
    effect = await performed(blind, "CREATE TABLE paid (amount BIGINT)", "UPDATE hitl_runs SET owner = 'eve'")
    assert effect.state is ActionState.FAILED
    assert "track_counts = on" in effect.error
    assert "it did not run" in effect.error
    await blind.close()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('paid')").fetchone() == (None,)
        assert connection.execute("SELECT count(*) FROM hitl_runs WHERE owner = 'eve'").fetchone() == (0,)


async def test_an_effect_that_stops_the_counting_is_not_kept(store: PostgresStore, url: str) -> None:
    effect = await performed(store, "SET track_counts = off", "UPDATE hitl_runs SET owner = 'eve'")
    assert effect.state is ActionState.FAILED
    assert "track_counts = on" in effect.error
    assert (await performed(store, "SELECT 1")).state is ActionState.EXECUTED
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM hitl_runs WHERE owner = 'eve'").fetchone() == (0,)


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
async def test_an_effect_that_ends_the_transaction_did_not_happen_nor_begin(
    store: PostgresStore, url: str, statement: str
) -> None:
    claimed = await World(store).open()
    calls = []

    def effect(connection: Any) -> Json:
        calls.append(statement)
        connection.execute("CREATE TABLE paid (amount BIGINT)")
        connection.execute(statement)
        return "done"

    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    with pytest.raises(StoreUnavailable, match="the transaction was lost"):
        await store.apply(PerformEffect(begin, effect))
    assert calls == [statement], "it is not called again"
    assert await store.fetch(ListEffects(claimed.run.id)) == ()
    assert (await performed(store, "SELECT 1")).state is ActionState.EXECUTED
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('paid')").fetchone() == (None,)


@pytest.mark.parametrize("name", ["commit", "rollback"])
async def test_the_connection_cannot_be_told_to_end_it(store: PostgresStore, name: str) -> None:
    claimed = await World(store).open()
    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    effect = await store.apply(PerformEffect(begin, lambda connection: getattr(connection, name)()))
    assert effect.state is ActionState.FAILED
    assert "forbidden" in effect.error


async def test_what_is_theirs_is_theirs_and_what_they_set_is_gone(store: PostgresStore, url: str) -> None:
    assert (await performed(store, *ALLOWED)).result == "done"
    with psycopg.connect(url, autocommit=True) as connection:
        ends = time.monotonic() + PATIENCE  # the server may take a moment for who is let go of
        while connection.execute(NAMED).fetchone() != (0,):
            assert time.monotonic() < ends, "a connection of that name goes on"
