"""A server that is killed at every step of a conversation: its page goes on as if nothing were, and nothing runs twice.

Each process is real and dies of SIGKILL; its page knows only what it has been told, and says again what had no answer.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hitl_core.gate import HAPPENED, NOT_HAPPENED
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint
from tests.agui.page import Page, resolved, served
from tests.agui.test_conversation import OWN, app_of
from tests.core.shop import LEASE, Shop
from tests.forking import KILLED, child, on_two_cores

pytestmark = pytest.mark.processes

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


def places(folder: Path) -> list[CrashPoint]:
    """Where a server can die while it has this conversation."""
    logs = list[CommandLog]()

    def logged(store: Any) -> Any:
        logs.append(CommandLog(store))
        return logs[-1]

    asyncio.run(talks(Shop(folder, policy=OWN), logged))
    return logs[0].points()


def killed_and_gone_on(folder: Path, at: CrashPoint) -> None:
    folder.mkdir()
    assert child(lambda: talks(Shop(folder, policy=OWN), lambda store: CrashingStore(store, at))) == KILLED, at
    later = Shop(folder, policy=OWN)
    later.clock.advance(LEASE + 1)
    asyncio.run(talks(later))
    assert later.ledger.count("refund") == 1, at
    assert len(asyncio.run(_runs(later))) == 2, at


async def _runs(shop: Shop) -> Any:
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        return (await hitl.runs()).items


def test_a_conversation_goes_on_wherever_its_server_is_killed(tmp_path: Path) -> None:
    (tmp_path / "rehearsed").mkdir()
    found = places(tmp_path / "rehearsed")
    assert {each.command for each in found} >= {"PutSlip", "OpenRun", "PauseRun", "RecordResponse", "BeginEffect"}
    cases = [partial(killed_and_gone_on, tmp_path / str(at).replace(" ", "-"), at) for at in found]
    assert on_two_cores(cases) == [0, 0]
