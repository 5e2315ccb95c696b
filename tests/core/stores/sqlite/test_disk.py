"""A full disk, a file that is gone, a lock that is held: nothing half-done, and the store works again afterwards."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hitl_core.commands import GetRun, PauseRun
from hitl_core.errors import StoreUnavailable
from hitl_core.protocol import RunState
from hitl_core.stores.sql.waking import Doorbell
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.file import connection
from tests.core.stores.world import World

FULL = """
import asyncio, resource, signal, sys
from hitl_core.commands import GetRun, OpenRun, PauseRun
from hitl_core.errors import StoreUnavailable
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World

async def main(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = await SqliteStore.open(path)
    world = World(store)
    claimed = await world.open()
    whole = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, whole[1]))
    try:
        import os
        noise = os.urandom(2_000_000).hex()
        big = PauseRun(claimed.lease, noise, (), world.now)
        small = OpenRun(world.run(), "w", 30, world.now)
        refused, opened = await asyncio.gather(store.apply(big), store.apply(small), return_exceptions=True)
        assert isinstance(refused, StoreUnavailable), refused
        assert "full" in str(refused) or "disk" in str(refused), refused
        assert not isinstance(opened, BaseException), opened
        assert (await store.fetch(GetRun(claimed.run.id))).state == "running"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, whole)
    assert (await store.apply(big)).state == "ready"
    assert [entry.event for entry in await world.trail()] == ["run.started", "run.started", "run.paused"]
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.processes
def test_a_full_disk_refuses_what_is_too_much_and_works_when_there_is_space_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "desk.db")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr


async def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    path.unlink()
    with pytest.raises(StoreUnavailable):
        await World(store).open()
    assert not path.exists()
    await store.close()


async def test_a_lock_of_another_program_is_reported_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY_MS", 1)
    store = await SqliteStore.open(tmp_path / "desk.db")
    world = World(store)
    other = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another program has locked it"):
        await world.open()
    other.execute("ROLLBACK")
    other.close()
    claimed = await world.open()
    assert (await store.fetch(GetRun(claimed.run.id))).state is RunState.RUNNING
    await store.close()


async def test_a_read_only_connection_is_reported(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    world = World(store)
    claimed = await world.open()
    writing = store._parts.engine._connection
    assert writing is not None
    writing.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="only be read"):
        await world.pause(claimed)
    assert (await store.apply(PauseRun(claimed.lease, {}, (), world.now))).state is RunState.READY
    await store.close()


@pytest.mark.parametrize("url", ["sqlite:///desk.db", "sqlite://"])
async def test_a_file_that_may_not_grow_refuses_what_does_not_fit(tmp_path: Path, url: str) -> None:
    store = await SqliteStore.open(url, folder=tmp_path)
    world = World(store)
    claimed = await world.open()
    writing = store._parts.engine._connection
    assert writing is not None
    writing.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await world.pause(claimed, checkpoint=os.urandom(50_000).hex())
    writing = store._parts.engine._connection
    if writing is not None:
        writing.execute("PRAGMA max_page_count = 1000000")
    assert (await world.pause(claimed, checkpoint={})).state is RunState.READY
    await store.close()


async def test_a_part_that_cannot_be_closed_leaves_no_other_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell is closed first, the writer last: it tidies the write-ahead log, which shows that it was closed."""
    real = Doorbell.close

    def closes(bell: Doorbell) -> None:
        real(bell)
        raise OSError("the bell is stuck")

    store = await SqliteStore.open(tmp_path / "desk.db")
    await World(store).open()
    monkeypatch.setattr(Doorbell, "close", closes)
    with pytest.raises(OSError, match="the bell is stuck"):
        await store.close()
    assert not (tmp_path / "desk.db-wal").exists()


async def test_a_damaged_file_is_reported_on_reading(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    await World(store).open()
    await store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = bytes([0xFF]) * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await SqliteStore.open(path)
