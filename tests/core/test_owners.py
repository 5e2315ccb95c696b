"""Names of workers: whether the process behind one has certainly died, and what happens to its leases then."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from hitl_core.commands import Command, Lease, ListLeases, Query, RenewLease
from hitl_core.contracts import Store
from hitl_core.errors import LeaseLost
from hitl_core.runtime import leases
from hitl_core.runtime.leases import has_died, owner_name, release_dead
from hitl_core.testing.clock import START


class Leases:
    """The part of a store that knows leases; `lost` are those that somebody else took meanwhile."""

    def __init__(self, *leases: Lease, lost: tuple[str, ...] = ()) -> None:
        self.leases = {lease.run_id: lease for lease in leases}
        self.lost = lost

    async def fetch(self, query: Query[Any]) -> tuple[Lease, ...]:
        assert isinstance(query, ListLeases)
        return tuple(self.leases.values())

    async def apply(self, command: Command[Any]) -> Lease:
        assert isinstance(command, RenewLease)
        if command.lease.run_id in self.lost:
            raise LeaseLost("somebody was faster")
        ended = Lease(command.lease.run_id, command.lease.owner, command.lease.fence, command.now)
        self.leases[ended.run_id] = ended
        return ended


def lease(run_id: str, owner: str, until: datetime = START + timedelta(seconds=30)) -> Lease:
    return Lease(run_id, owner, 1, until)


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a process that has ended."""
    program = "from hitl_core.runtime.leases import owner_name; print(owner_name())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_every_name_is_unique() -> None:
    assert len({owner_name() for _ in range(100)}) == 100


def test_we_are_alive() -> None:
    assert not has_died(owner_name())


@pytest.mark.processes
def test_a_dead_process_is_recognised(dead: str) -> None:
    assert has_died(dead)


@pytest.mark.processes
def test_a_killed_process_is_dead_before_anybody_collects_it() -> None:
    program = "from hitl_core.runtime.leases import owner_name; print(owner_name(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        assert not has_died(owner)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie still has its number
        assert has_died(owner)


def test_a_number_that_another_process_has_now_is_not_the_old_one() -> None:
    host, pid, started, mark = owner_name().split("/")
    assert has_died("/".join((host, pid, str(int(started) - 1), mark)))


@pytest.mark.processes
def test_another_host_is_never_declared_dead(dead: str) -> None:
    assert not has_died("elsewhere:" + dead)


@pytest.mark.parametrize("owner", ["", "worker-1", "a/b", "host/pid/0/x", "a/1/2/3/4"])
def test_a_name_of_somebody_elses_is_never_declared_dead(owner: str) -> None:
    assert not has_died(owner)


def test_a_process_number_that_is_none_is_never_declared_dead() -> None:
    host, _, started, mark = owner_name().split("/")
    assert not has_died("/".join((host, "none", started, mark)))


def test_without_proc_nobody_is_declared_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoProc(type(leases.Path())):  # type: ignore[misc]
        def exists(self) -> bool:
            return not str(self).startswith("/proc") and super().exists()

    monkeypatch.setattr(leases, "Path", NoProc)
    host, pid, _, mark = owner_name().split("/")
    assert ":" not in host
    assert not has_died("/".join((host, pid, "1", mark)))


@pytest.mark.processes
async def test_only_current_leases_of_the_dead_are_ended(dead: str) -> None:
    living, ended = lease("living", owner_name()), lease("ended", dead, until=START)
    store = Leases(living, ended, lease("orphan", dead))
    assert await release_dead(cast("Store", store), START)
    assert store.leases["orphan"].until == START
    assert store.leases["living"] == living


@pytest.mark.processes
async def test_whether_others_are_at_work() -> None:
    mine = lease("mine", owner_name())
    store = Leases(mine, lease("ended", owner_name(), until=START))
    assert not await release_dead(cast("Store", store), START, besides=mine.owner)
    assert await release_dead(cast("Store", store), START)


async def test_a_lease_that_somebody_else_took_first_is_left_to_them(dead: str) -> None:
    store = Leases(lease("orphan", dead), lost=("orphan",))
    await release_dead(cast("Store", store), START)
    assert store.leases["orphan"].until > START
