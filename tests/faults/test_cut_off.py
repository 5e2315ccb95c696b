"""Scenarios 27, 29 and 51: the network between a machine and its PostgreSQL is cut, and nobody is told.

The machine is a network namespace; its cable is pulled by taking the other end down.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from hitl_core.commands import RecordResponse
from hitl_core.errors import StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest, Run, RunState
from hitl_core.stores.postgres.server import connection
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.diary import ACKNOWLEDGED, Diary
from tests.faults.installed import Installed, environment
from tests.faults.line import Cut, Line, a_line
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.postgres.server import a_schema

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
LONG = 120.0
"""Seconds: about ten times what it takes."""
NET = f"198.18.{os.getpid() % 250}"
HERE, THERE = f"{NET}.1", f"{NET}.2"
QUICK = "&keepalives_idle=1&keepalives_interval=1&keepalives_count=2&tcp_user_timeout=3000"
"""As the store has it by itself, in seconds instead of a quarter of a minute; the URL counts more."""


COUNT = itertools.count()


class Cable:
    """Between this machine and one that is a network namespace."""

    def __init__(self) -> None:
        self.name = f"hitl{os.getpid() % 10**6}{next(COUNT)}"

    @property
    def there(self) -> list[str]:
        """What runs a command on that machine."""
        return ["ip", "netns", "exec", self.name]

    def pull(self) -> None:
        _ip("link", "set", f"{self.name}a", "down")

    def plug_in(self) -> None:
        _ip("link", "set", f"{self.name}a", "up")

    @contextmanager
    def laid(self) -> Iterator[Cable]:
        _ip("netns", "add", self.name)
        try:
            _ip("link", "add", f"{self.name}a", "type", "veth", "peer", "name", f"{self.name}b", "netns", self.name)
            _ip("addr", "add", f"{HERE}/30", "dev", f"{self.name}a")
            _ip("-n", self.name, "addr", "add", f"{THERE}/30", "dev", f"{self.name}b")
            _ip("-n", self.name, "link", "set", f"{self.name}b", "up")
            self.plug_in()
            yield self
        finally:
            _ip("link", "del", f"{self.name}a")
            _ip("netns", "del", self.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[Cable]:
    if os.geteuid() != 0:
        pytest.skip("a network namespace can only be made by root")
    with Cable().laid() as laid:
        yield laid


@pytest.fixture
def line(server: str, cable: Cable) -> Iterator[Line]:
    with a_line(server, HERE) as made:
        yield made


@scenario(27)
async def test_a_worker_that_is_cut_off_comes_back_and_does_nothing_twice(
    server: str, folder: Path, cable: Cable, line: Line
) -> None:
    """Fails if a connection that hears nothing is never given up (connection.py, `_NOTICES_SILENCE`)."""
    near, far = Place(a_schema(server, folder), folder), Place(a_schema(line.url, folder) + QUICK, folder)
    runs = await Installed.at(near, lease=3.0).paused(9)
    away = Installed.at(far, lease=3.0)
    with away.worker(before=cable.there) as cut_off:
        await _done(near, runs[:3])
        cable.pull()
        with Installed.at(near, lease=3.0).worker():
            await _done(near, runs[3:6])
        await asyncio.to_thread(cut_off.wait_for, "trying again")
        cable.plug_in()
        await _done(near, runs[6:])
    assert faults(await left(near), over=True) == []


async def _done(place: Place, runs: list[Run]) -> None:
    """Answer these, and wait until workers have brought them to their end."""
    async with Installed.at(place).open() as hitl, asyncio.timeout(LONG):
        for run in runs:
            (request,) = run.pending
            await hitl.respond(request.approve(by="ann"))
            Diary(place.folder / ACKNOWLEDGED).write(request=request.id, by="ann", decision="approve", got="won")
        for run in runs:
            while (await hitl.run(run.id)).state is not RunState.COMPLETED:
                await hitl.store.changed(timeout=0.5)


# ── cut off while it answers ─────────────────────────────────────────────────────────────────────────────────


async def answer_all(place: Place, tell: Path) -> None:
    """Answer everything, on a machine of its own; what is not known is answered again. `tell` has each moment."""
    store = await place.store()
    diary = Diary(place.folder / ACKNOWLEDGED)
    world = World(store)
    async with Installed.at(place).open() as hitl:
        waiting = [settled.request for settled in (await hitl.inbox(limit=1_000)).items]
    for request in waiting:
        with tell.open("a") as file:
            file.write(f"{request.id}\n")
        await _answered(world, request)
        diary.write(request=request.id, by="ann", decision="approve", got="won")
    await store.close()


async def _answered(world: World, request: PauseRequest) -> None:
    while True:
        try:
            await world.answer(request.approve(by="ann"))
        except StoreUnavailable:
            continue
        return


@scenario(29)
async def test_answers_that_are_given_while_the_network_is_cut_count_once(
    server: str, folder: Path, cable: Cable, line: Line
) -> None:
    near, far = Place(a_schema(server, folder), folder), Place(a_schema(line.url, folder) + QUICK, folder)
    store = await near.store()
    world = World(store)
    requests = [each for _ in range(3) for each in (await world.paused(count=100))[1]]
    tell = folder / "tell"
    tell.touch()
    async with asyncio.timeout(LONG), _people(cable, far, tell, near) as people:
        for cut in (60, 150)[: many(1, full=2)]:
            while len(tell.read_text().splitlines()) < cut:
                await store.changed(timeout=0.5)
            cable.pull()
            stands = len(tell.read_text().splitlines())
            await asyncio.to_thread(_is_cut, cable)
            assert len(tell.read_text().splitlines()) <= stands + 1
            cable.plug_in()
        assert await people.wait() == 0
    assert {await world.state(request) for request in requests} == {RequestState.DECIDED}
    await store.close()
    assert faults(await left(near)) == []


@asynccontextmanager
async def _people(cable: Cable, far: Place, tell: Path, near: Place) -> AsyncIterator[asyncio.subprocess.Process]:
    """Who answers everything on the other machine; who hangs says where, and the server what it is at."""
    command = [*cable.there, sys.executable, "-X", "faulthandler", "-m", "tests.faults.test_cut_off", *far.told]
    people = await asyncio.create_subprocess_exec(*command, str(tell), env=environment(), cwd=far.folder)
    try:
        yield people
    finally:
        if people.returncode is None:
            print(*_activity(near, tell), sep="\n")
            people.send_signal(signal.SIGABRT)
            await people.wait()


def _activity(place: Place, tell: Path) -> list[str]:
    """How far it has come; who works on the server, and who waits there for whom."""
    tried = f"{len(tell.read_text().splitlines())} answers were tried"
    asked = "SELECT pid, state, wait_event, pg_blocking_pids(pid), xact_start, left(query, 90) FROM pg_stat_activity"
    with psycopg.connect(place.url) as link:
        return [tried, *map(str, link.execute(asked))]


def _is_cut(cable: Cable) -> None:
    """For as long as it takes to reach nobody."""
    tried = subprocess.run([*cable.there, sys.executable, "-c", _KNOCK], check=False, env=environment())
    assert tried.returncode == 0


_KNOCK = f"""
import socket
try:
    socket.create_connection(({HERE!r}, 9), timeout=4)
except OSError:
    raise SystemExit(0)
raise SystemExit("it is not cut")
"""


# ── cut off in the middle of a transaction ───────────────────────────────────────────────────────────────────


@scenario(51)
async def test_a_machine_that_is_cut_off_inside_a_transaction_holds_up_no_stop(
    server: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `idle_in_transaction_session_timeout`: the server waits for it, the stop behind it."""
    monkeypatch.setattr(connection, "IDLE_MS", 1_000)
    with a_line(server) as line:
        far, near = Place(a_schema(line.url, folder), folder), Place(a_schema(server, folder), folder)
        store = await far.store()
        world = World(store)
        run, (request,) = await world.paused()
        line.at_commit = Cut.SILENT
        answering = asyncio.ensure_future(store.apply(RecordResponse(request.approve(by="ann"), world.now)))
        await asyncio.to_thread(line.silent.wait, LONG)
        stopped = await asyncio.to_thread(
            Installed.at(near).hitl, "stop", "all", "--as", "boss", "--reason", "too fast"
        )
        assert stopped.returncode == 0, stopped.stderr
        assert "requests frozen: 1" in stopped.stdout
        line.hang_up()
        with pytest.raises(StoreUnavailable, match="whether it was kept is not known"):
            await answering
        assert await world.state(request) is RequestState.FROZEN
        assert await world.run_state(run) is RunState.PAUSED
        await store.close()
    lifted = Installed.at(near).hitl("lift", "all", "--as", "chief", "--reason", "all is well")
    assert "requests open again: 1" in lifted.stdout
    assert faults(await left(near)) == []


if __name__ == "__main__":
    asyncio.run(answer_all(Place.of(sys.argv[1:3]), Path(sys.argv[3])))
