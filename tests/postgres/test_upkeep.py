"""What whoever runs a store on a server does to it as a whole."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from hitl_core.errors import ConfigError, StoreUnavailable
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.upkeep import PostgresUpkeep
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres


async def test_the_room_of_what_was_deleted_is_there_for_what_comes_next(url: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(url, folder=tmp_path)
    await World(store).paused()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("""INSERT INTO hitl_bodies (digest, data)
            SELECT '', sha256(n::text::bytea) FROM generate_series(1, 20000) AS n""")
        connection.execute("DELETE FROM hitl_bodies WHERE digest = ''")
        connection.execute("CREATE TABLE others (a INT)")
    space = PostgresUpkeep.of(url).reclaim()
    assert space.after < space.before  # the end of a table that is empty is cut off
    await World(store).paused()
    await store.close()


def test_a_place_without_a_server_is_said(tmp_path: Path) -> None:
    upkeep = PostgresUpkeep.of(f"postgresql://desk@/hitl?host={tmp_path}")
    for work in (upkeep.versions, upkeep.migrate, upkeep.reclaim):
        with pytest.raises(StoreUnavailable, match="see that the server runs"):
            work()
    with pytest.raises(ConfigError, match="is no postgresql:// URL"):
        PostgresUpkeep.of("sqlite:///desk.db")
