"""The doorbell across processes: quick, without polling, and tidy after a crash."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_core.commands import GetRun
from hitl_core.protocol import RunState
from hitl_core.stores.sql.waking import changes
from hitl_core.stores.sql.waking.doorbell import LONGEST_PATH, Doorbell
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.clock import ManualClock
from tests.core.stores.crowd import CONTEXT, crowd, finish_run
from tests.core.stores.world import World

LONG = 60.0


@pytest.fixture
def near() -> Iterator[Path]:
    """A folder with a short name: a socket's path must be short, and pytest's own may be too long for one."""
    with tempfile.TemporaryDirectory(prefix="hitl-") as folder:
        yield Path(folder)


@pytest.mark.processes
async def test_a_commit_in_another_process_wakes_at_once_and_waiting_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "SLOW", LONG)
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    world = World(store)
    claimed = await world.open()
    run = await world.pause(claimed)
    ready, go = CONTEXT.Event(), CONTEXT.Event()
    with crowd(finish_run, [(path, run.id, ready, go)]):
        await asyncio.to_thread(ready.wait)
        await store.changed(timeout=0)
        cpu, wall = time.process_time(), time.monotonic()
        waiting = asyncio.ensure_future(store.changed(timeout=LONG))
        await asyncio.sleep(0)
        go.set()
        async with asyncio.timeout(LONG / 2):
            await waiting
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    assert wall < LONG / 4, "woken by the clock, not by the bell"
    assert cpu < 0.2
    assert (await store.fetch(GetRun(run.id))).state in (RunState.RUNNING, RunState.COMPLETED)
    await store.close()


async def test_the_slow_look_finds_what_no_bell_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "SLOW", 0.01)
    one, other = await SqliteStore.open(tmp_path / "desk.db"), await SqliteStore.open(tmp_path / "desk.db")
    monkeypatch.setattr(other._parts.bell, "ring", lambda: None)
    await one.changed(timeout=0)
    waiting = asyncio.ensure_future(one.changed(timeout=LONG))
    await asyncio.sleep(0)
    await World(other).open()
    async with asyncio.timeout(LONG / 2):
        await waiting
    await one.close()
    await other.close()


async def test_time_passes_on_the_stores_clock(tmp_path: Path) -> None:
    clock = ManualClock()
    store = await SqliteStore.open(tmp_path / "desk.db", clock=clock)
    waiting = asyncio.ensure_future(store.changed(timeout=3600))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(hours=1)
    async with asyncio.timeout(LONG):
        await waiting
    await store.close()


def listening(bell: Doorbell) -> asyncio.Future[None]:
    """Wait for a ring on the running loop."""

    async def hear() -> None:
        with bell.ear().listening() as heard:
            await heard

    return asyncio.ensure_future(hear())


async def test_a_dead_listener_is_swept_away(near: Path) -> None:
    (near / "bell").mkdir()
    (near / "bell" / "folder").mkdir()
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(near / "bell" / "4194304-deadbeef"))
    dead.close()
    bell = Doorbell(near / "bell")
    bell.ring()
    assert os.listdir(near / "bell") == ["folder"]
    bell.close()


def test_a_listener_that_has_just_gone_is_passed_over(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (near / "bell").mkdir()
    monkeypatch.setattr(os, "listdir", lambda path: ["4194304-deadbeef"])
    bell = Doorbell(near / "bell")
    bell.ring()
    bell.close()


async def test_many_rings_are_one_wake_up_and_never_block(near: Path) -> None:
    one, other = Doorbell(near / "bell"), Doorbell(near / "bell")
    heard = listening(one)
    await asyncio.sleep(0)
    for _ in range(1000):
        other.ring()
    async with asyncio.timeout(LONG):
        await heard
    again = listening(one)
    await asyncio.sleep(0)
    other.ring()
    async with asyncio.timeout(LONG):
        await again
    one.close()
    other.close()
    assert list((near / "bell").iterdir()) == []


async def test_a_folder_that_stands_still_is_listed_once(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Doorbell(near / "bell"), Doorbell(near / "bell")
    one.ear()
    os.utime(near / "bell", (1, 1))
    other.ring()
    with monkeypatch.context() as blind:
        blind.setattr(os, "listdir", lambda path: [])
        heard = listening(one)
        await asyncio.sleep(0)
        other.ring()
        async with asyncio.timeout(LONG):
            await heard
    one.close()
    other.close()


async def test_a_store_may_be_closed_from_another_thread(near: Path) -> None:
    store = await SqliteStore.open(near / "desk.db")
    await store.changed(timeout=0)
    await asyncio.to_thread(store.close_blocking)
    await asyncio.sleep(0)
    assert os.listdir(near / "desk.db.bell") == []


async def test_two_rings_at_once_wake_once(near: Path) -> None:
    bell = Doorbell(None)
    heard = listening(bell)
    await asyncio.sleep(0)
    bell.ring()
    bell.ring()
    async with asyncio.timeout(LONG):
        await heard
    bell.close()


async def test_a_long_path_rings_in_the_temporary_folder(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(near))
    folder = near / ("x" * LONGEST_PATH) / "bell"
    one, other = Doorbell(folder), Doorbell(folder)
    heard = listening(one)
    await asyncio.sleep(0)
    assert one.ear().hears_others
    other.ring()
    async with asyncio.timeout(LONG):
        await heard
    assert not folder.exists()
    one.close()
    other.close()


async def test_where_no_socket_can_be_the_look_is_quick(near: Path) -> None:
    (near / "bell").write_text("a file in the way")
    bell = Doorbell(near / "bell")
    assert not bell.ear().hears_others
    bell.ring()
    heard = listening(bell)
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(LONG):
        await heard
    bell.close()


def test_loops_that_are_gone_are_forgotten(near: Path) -> None:
    bell = Doorbell(near / "bell")

    async def listen() -> str:
        return bell.ear().name

    names = {asyncio.run(listen()) for _ in range(3)}
    assert len(names) == 3
    assert len(os.listdir(near / "bell")) == 1
    bell.ring()
    bell.close()
    assert os.listdir(near / "bell") == []


def test_a_loop_may_end_while_somebody_waits(near: Path) -> None:
    bell = Doorbell(near / "bell")

    async def abandon() -> None:
        listening(bell)
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(abandon())
    ear = next(iter(bell._ears.values()))
    tasks = asyncio.all_tasks(loop)
    loop.stop()
    loop.close()
    ear.wake_from_any_thread()
    bell.close()
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_listener_that_goes_while_it_is_rung_harms_nobody(near: Path) -> None:
    folder = near / "bell"
    bell = Doorbell(folder)
    folder.mkdir(exist_ok=True)
    (folder / "gone").symlink_to(folder / "nowhere")  # its name is still listed, and nobody is there any more
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(folder / "z"))
        bell.ring()
        assert listening.recv(1) == b"!"
    bell.close()
