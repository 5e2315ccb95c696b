"""Scenario 30 on a real file system that is full, and then can only be read: on a file and on a server."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hitl_core.commands import GetRequest, GetRun
from hitl_core.errors import HitlError, StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest, Run, RunState
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.conftest import STORES
from tests.faults.diary import ACKNOWLEDGED, Diary
from tests.faults.places import SQLITE, Place
from tests.faults.scenarios import scenario
from tests.faults.small import fill, make_room, read_only, small_disk
from tests.postgres.server import a_schema, a_server

MEGABYTES = 24
NO_ROOM = ("disk is full", "no room")


@pytest.fixture
def disk() -> Iterator[Path]:
    """Beside pytest's own folders: every start of pytest shuts other users, and so the server, out of those."""
    folder = Path(tempfile.mkdtemp(prefix="hitl-disk-"))
    with small_disk(folder, megabytes=MEGABYTES):
        yield folder
    folder.rmdir()


@pytest.fixture(params=STORES)
def small(request: pytest.FixtureRequest, disk: Path, tmp_path: Path) -> Iterator[Place]:
    """A store on the small disk: the whole of it, or the tables of a server."""
    if request.param == "sqlite":
        yield Place(SQLITE, disk)
        return
    with a_server() as url:
        (disk / "tables").mkdir()
        _give_to_the_server(url, disk)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'")
        yield Place(f"{a_schema(url, tmp_path)}%20-cdefault_tablespace%3Dsmall", tmp_path)


def _give_to_the_server(url: str, disk: Path) -> None:
    """It runs as another user where the tests run as root."""
    with psycopg.connect(url) as connection:
        (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    owner = os.stat(data)
    shutil.chown(disk / "tables", owner.st_uid, owner.st_gid)
    disk.chmod(0o711)


@scenario(30)
async def test_a_full_disk_refuses_and_forgets_nothing(small: Place, disk: Path) -> None:
    """Fails if a command is acknowledged before its COMMIT, or if the store stays broken after the first error."""
    store = await small.store()
    world = World(store)
    waiting = [await world.paused() for _ in range(400)]
    fill(disk)
    refused = [each for each in waiting if not await _answered(world, *each)]
    assert refused, "the disk was never full"
    for run, (request,) in refused:
        assert (await store.fetch(GetRequest(request.id))).state is RequestState.OPEN
        assert (await store.fetch(GetRun(run.id))).state is RunState.PAUSED
    await until_refused(world)
    make_room(disk)
    for run, requests in refused:
        assert await _answered(world, run, requests)
    await store.close()
    diary = Diary(small.folder / ACKNOWLEDGED)
    for _, (request,) in waiting:
        diary.write(request=request.id, by="ann", decision="approve", got="won")
    assert faults(await left(small)) == []


async def _answered(world: World, run: Run, requests: list[PauseRequest]) -> bool:
    """Whether an answer counts; if not, because there is no room."""
    (request,) = requests
    try:
        await world.answer(request.approve(by="ann", reason=os.urandom(1_500).hex()))
    except StoreUnavailable as exc:
        return not any(words in str(exc) for words in NO_ROOM)
    return True


@scenario(30)
async def test_a_file_that_can_only_be_read_is_refused_by_name(disk: Path) -> None:
    store = await (place := Place(SQLITE, disk)).store()
    _, (request,) = await World(store).paused()
    await store.close()
    with read_only(disk), pytest.raises(HitlError, match=r"lock file|only be read"):
        await place.store()
    store = await place.store()
    await World(store).answer(request.approve(by="ann"))
    await store.close()
    assert faults(await left(place)) == []


@scenario(30)
@pytest.mark.postgres
async def test_a_server_that_can_only_be_read_is_refused_by_name(on_postgres: Place, server: str) -> None:
    """As a standby is, or a server whose disk the provider has locked. Fails if 25006 has no advice (failures.py)."""
    store = await on_postgres.store()
    world = World(store)
    run, (request,) = await world.paused()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        try:
            await until_refused(world)
            with pytest.raises(StoreUnavailable, match="can only be read"):
                await world.answer(request.approve(by="ann"))
            assert (await store.fetch(GetRequest(request.id))).state is RequestState.OPEN
            assert await world.run_state(run) is RunState.PAUSED
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
    await store.close()
    store = await on_postgres.store()
    await World(store).answer(request.approve(by="ann"))
    await store.close()
    assert faults(await left(on_postgres)) == []


async def until_refused(world: World) -> None:
    """Write until that is refused."""
    async with asyncio.timeout(30):
        while True:
            try:
                await world.paused()
            except StoreUnavailable:
                return
