"""A server that is killed at every step of a conversation: its page goes on as if nothing were, and nothing runs twice.

Each process is real and dies of SIGKILL; its page knows only what it has been told, and says again what had no answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hitl_core.gate import HAPPENED, NOT_HAPPENED
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, points
from tests.agui.page import Page, resolved, served
from tests.agui.test_conversation import OWN, app_of
from tests.core.shop import LEASE, Shop
from tests.forking import KILLED, child, on_two_cores

pytestmark = pytest.mark.processes

EACH = 1 if os.environ.get("HITL_FAULTS") == "all" else 8
"""Of so many places one is tried on PostgreSQL."""
SAID = {"id": "m-1", "role": "user", "content": "refund"}
NEXT = {"id": "m-2", "role": "user", "content": "hello"}


async def talks(shop: Shop, wrap: Any = lambda store: store) -> None:
    """A page says what it wants, or says it again; it approves, is loaded again, and says something else."""
    async with shop.open(app_of(shop), transcripts=True, wrap=wrap) as hitl, served(hitl) as client:
        page = Page(client, messages=[SAID])
        await page.post()
        while page.interrupts:
            approved = len([each for each in (await hitl.runs()).items if each.state == "completed"])
            assert shop.ledger.count("refund") == approved or page.interrupts[0]["metadata"]["request"].get("in_doubt")
            await page.resume(*(resolved(each["id"], _answer(shop, each)) for each in page.interrupts))
        await page.connect()
        page.messages += [] if any(each["id"] == "m-2" for each in page.messages) else [NEXT]
        await page.post()
        assert page.texts[-1].endswith(" messages"), page.texts
        assert [each["id"] for each in page.messages if each["role"] == "user"] == ["m-1", "m-2"]


def _answer(shop: Shop, interrupt: dict[str, Any]) -> Any:
    """Yes; of what is in doubt, what the ledger says."""
    if not interrupt["metadata"]["request"].get("in_doubt"):
        return {"approved": True}
    return {"option": (HAPPENED if shop.ledger.count("refund") else NOT_HAPPENED).id}


Opens = Callable[[Path], Shop]
"""The shop of a folder, in a process of its own."""


def on_sqlite(folder: Path) -> Shop:
    return Shop(folder, policy=OWN)


class OnPostgres(Shop):
    """A shop whose store is a schema of a server."""

    url: str

    async def store(self) -> Any:
        from hitl_core.stores.postgres import PostgresStore

        return await PostgresStore.open(self.url, folder=self.folder, clock=self.clock)


def on_postgres(server: str, folder: Path) -> Shop:
    from tests.postgres.server import a_schema

    shop = OnPostgres(folder, policy=OWN)
    shop.url = a_schema(server, folder)
    return shop


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    from tests.postgres.server import a_server

    with a_server() as url:
        yield url


def places(opens: Opens, folder: Path) -> list[CrashPoint]:
    """Where a server can die while it has this conversation."""

    async def rehearses() -> None:
        logs = list[CommandLog]()

        def logged(store: Any) -> Any:
            logs.append(CommandLog(store))
            return logs[-1]

        await talks(opens(folder), logged)
        (folder / "names").write_text("\n".join(logs[0].names))

    folder.mkdir()
    assert child(rehearses) == 0
    return points((folder / "names").read_text().splitlines())


def killed_and_gone_on(opens: Opens, folder: Path, at: CrashPoint) -> None:
    folder.mkdir()
    assert child(lambda: talks(opens(folder), lambda store: CrashingStore(store, at))) == KILLED, at
    assert child(lambda: goes_on(opens(folder))) == 0, at


async def goes_on(shop: Shop) -> None:
    shop.clock.advance(LEASE + 1)
    await talks(shop)
    assert shop.ledger.count("refund") == 1
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        assert len((await hitl.runs()).items) == 2


def tried(opens: Opens, folder: Path, each: int = 1) -> list[int]:
    found = places(opens, folder / "rehearsed")
    assert {at.command for at in found} >= {"PutSlip", "OpenRun", "PauseRun", "RecordResponse", "BeginEffect"}
    cases = [partial(killed_and_gone_on, opens, folder / str(at).replace(" ", "-"), at) for at in found[::each]]
    return on_two_cores(cases)


def test_a_conversation_goes_on_wherever_its_server_is_killed(tmp_path: Path) -> None:
    assert tried(on_sqlite, tmp_path) == [0, 0]


@pytest.mark.postgres
def test_and_wherever_one_is_whose_store_is_postgresql(tmp_path: Path, postgres: str) -> None:
    assert tried(partial(on_postgres, postgres), tmp_path, EACH) == [0, 0]
