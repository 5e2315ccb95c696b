"""Scenario 10: the command that stops everything is killed, at each statement of its transaction and around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from hitl_core.cli.app import run
from hitl_core.commands import LiftStop, ListStops, SetStop, StopScope
from hitl_core.config import config as configuring
from hitl_core.contracts import Store
from hitl_core.errors import Stopped
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest
from hitl_core.stores.postgres.server import PostgresLink
from hitl_core.stores.sqlite.file import SqliteLink
from hitl_core.testing.crashing import die
from hitl_core.testing.processes import Ended, Order, Processes
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.places import Place
from tests.faults.scenarios import FULL, scenario

pytestmark = pytest.mark.processes
CONFIG = "hitl.toml"


# ── in a process ─────────────────────────────────────────────────────────────────────────────────────────────


class Watching:
    """A store that says when a stop begins and when it has been kept."""

    def __init__(self, inner: Store, begins: Callable[[], None], kept: Callable[[], None]) -> None:
        self._inner, self._begins, self._kept = inner, begins, kept
        self.fetch, self.changed, self.close = inner.fetch, inner.changed, inner.close

    async def apply(self, command: Any) -> Any:
        if not isinstance(command, SetStop):
            return await self._inner.apply(command)
        self._begins()
        done = await self._inner.apply(command)
        self._kept()
        return done


class Counting:
    """Counts the statements of the stop, and dies at one of them. The last of them is after its commit."""

    def __init__(self, dies_at: int) -> None:
        self.seen, self._dies_at, self._counts = 0, dies_at, False

    def begins(self) -> None:
        self._counts = True
        self.heard()

    def kept(self) -> None:
        self.heard()
        self._counts = False

    def heard(self) -> None:
        self.seen += self._counts
        if self._counts and self.seen == self._dies_at:
            die()

    def hears(self, statement: Callable[..., Any]) -> Callable[..., Any]:
        def heard(*given: Any) -> Any:
            self.heard()
            return statement(*given)

        return heard


def stops_everything(folder: str, dies_at: int, more: list[str]) -> list[int]:
    """`hitl stop all` in this folder: its exit status, and how many places it has to die at."""
    os.chdir(folder)
    counting, opening = Counting(dies_at), configuring.open_store  # type: ignore[attr-defined]  # where `build` finds it
    sqlite, postgres, made = SqliteLink, PostgresLink, SqliteLink.__init__

    async def opened(*args: Any, **how: Any) -> Any:
        return Watching(await opening(*args, **how), counting.begins, counting.kept)

    def making(self: Any, connection: Any) -> None:
        made(self, connection)
        self.execute = counting.hears(self.execute)

    links: Any = (sqlite, postgres)
    for link in links:
        link.many, link.insert = counting.hears(link.many), counting.hears(link.insert)
    links[0].__init__ = making
    links[1].execute = counting.hears(links[1].execute)
    configuring.open_store = opened  # type: ignore[attr-defined]
    return [run(["-c", CONFIG, "stop", "all", "--as", "boss", "--reason", "too fast", *more]), counting.seen]


# ── what is left ─────────────────────────────────────────────────────────────────────────────────────────────


def command(place: Place, processes: Processes, dies_at: int = 0, *more: str) -> Ended:
    return processes.run(Order.of(stops_everything, folder=str(place.folder), dies_at=dies_at, more=[*more]))


def configure(place: Place, url: str = "") -> None:
    text = f'[backend]\nname = "plain"\napp = "desk:app"\n\n[store]\nurl = "{url or place.url}"\n'
    (place.folder / CONFIG).write_text(text)


async def in_force(place: Place, requests: list[PauseRequest]) -> bool:
    """Whether there is a stop. Raises AssertionError if it is one in part, and lifts it."""
    world = World(await place.store())
    stops = await world.store.fetch(ListStops())
    states = {await world.state(request) for request in requests}
    assert states == {RequestState.FROZEN if stops else RequestState.OPEN}
    if not stops:
        await world.begin((await world.open()).lease)
    else:
        with pytest.raises(Stopped):
            await world.open()
        await world.store.apply(LiftStop(StopScope.ALL, "", "a test", "boss", world.now))
    await world.store.close()
    return bool(stops)


@scenario(10)
async def test_a_stop_whose_command_is_killed(place: Place, processes: Processes) -> None:
    """Fails if `set_stop` (stores/sql/commands) commits the stop before it has frozen what it covers."""
    world = World(await place.store())
    requests = [request for _ in range(3) for request in (await world.paused(count=5))[1]]
    await world.store.close()
    configure(place)
    status, places = command(place, processes).result
    assert (status, await in_force(place, requests)) == (0, True)
    assert places > 5
    was = list[bool]()
    for number in sorted({*range(1, places + 1, 1 if FULL else 3), 1, places - 1, places}):
        assert command(place, processes, number).killed
        was.append(await in_force(place, requests))
    assert (was[0], was[-1]) == (False, True)
    assert was == sorted(was), "before its commit a stop is not in force, after it it is"
    found = await left(place)
    assert faults(found) == []


@scenario(10)
async def test_a_stop_that_cannot_be_kept(place: Place, processes: Processes) -> None:
    """Fails if the command line takes a StoreUnavailable for something else than a failure."""
    world = World(await place.store())
    _, requests = await world.paused()
    await world.store.close()
    nowhere = "postgresql://nobody@/nothing?host=/nowhere" if place.on_postgres else "sqlite:////nowhere/store.db"
    configure(place, nowhere)
    status, _ = command(place, processes, 0, "--give-up", "0").result
    assert (status, await in_force(place, requests)) == (1, False)
