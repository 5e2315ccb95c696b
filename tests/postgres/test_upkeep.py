"""What whoever runs a store on a server does to it as a whole."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from hitl_core.audit import verify
from hitl_core.commands import CancelRun, EraseRun
from hitl_core.errors import ConfigError, StoreUnavailable
from hitl_core.protocol import Run
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.upkeep import PostgresUpkeep
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres


async def test_the_room_of_what_was_deleted_is_there_for_what_comes_next(url: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(url, folder=tmp_path)
    await World(store).paused()
    await store.close()  # nobody looks at what is deleted any more, as who seals might
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE hitl_bodies SET (autovacuum_enabled = off)")  # nor is the server quicker
        connection.execute("""INSERT INTO hitl_bodies (digest, data)
            SELECT '', sha256(n::text::bytea) FROM generate_series(1, 20000) AS n""")
        connection.execute("DELETE FROM hitl_bodies WHERE digest = ''")
        connection.execute("CREATE TABLE others (a INT)")
    space = PostgresUpkeep.of(url).reclaim()
    assert space.after < space.before  # the end of a table that is empty is cut off
    store = await PostgresStore.open(url, folder=tmp_path)
    await World(store).paused()
    await store.close()


def test_a_place_without_a_server_is_said(tmp_path: Path) -> None:
    upkeep = PostgresUpkeep.of(f"postgresql://desk@/hitl?host={tmp_path}")
    for work in (upkeep.versions, upkeep.migrate, upkeep.reclaim):
        with pytest.raises(StoreUnavailable, match="see that the server runs"):
            work()
    with pytest.raises(ConfigError, match="is no postgresql:// URL"):
        PostgresUpkeep.of("sqlite:///desk.db")


async def test_a_user_that_makes_no_tables_can_work_with_those_of_another(
    server: str, url: str, tmp_path: Path
) -> None:
    PostgresUpkeep.of(url).migrate()
    with psycopg.connect(url, autocommit=True) as owner:
        (schema,) = owner.execute("SELECT current_schema()").fetchone() or ("",)
        owner.execute(f"CREATE ROLE worker_{schema} LOGIN")  # names of our own
        for right in (f"USAGE ON SCHEMA {schema}", f"USAGE ON ALL SEQUENCES IN SCHEMA {schema}"):
            owner.execute(f"GRANT {right} TO worker_{schema}")
        tables = f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}"
        owner.execute(f"GRANT {tables} TO worker_{schema}")
    works = url.replace("postgres:@", f"worker_{schema}@")
    assert works != url
    store = await PostgresStore.open(works, folder=tmp_path)
    world = World(store)
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    assert (await world.claim(run)).run.id == run.id
    await store.apply(EraseRun((await cancelled(world)).id, "dora", "asked for", world.now))
    await store.close()
    again = await PostgresStore.open(works, folder=tmp_path)
    assert (await verify(again, again.custody)).findings == ()
    await again.close()
    assert PostgresUpkeep.of(works).check() == ()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"DROP OWNED BY worker_{schema}")
        owner.execute(f"DROP ROLE worker_{schema}")


async def cancelled(world: World) -> Run:
    run, _ = await world.paused()
    return await world.store.apply(CancelRun(run.id, "ann", "no", world.now, "assertion"))
