"""Several agents behind one page: each is an app of its own, on one store, and has its own conversations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from hitl_core.agui import Agent
from hitl_core.commands import ListRuns
from hitl_core.config.deferred import DeferredAdapter
from hitl_core.contracts import Adapter
from hitl_core.errors import AdapterNotInstalled
from hitl_core.protocol import RunState
from hitl_core.runtime import Runtime
from tests.agui.page import Page, served
from tests.agui.test_conversation import OWN, app_of
from tests.core.shop import Shop

NAMES = ("desk", "office")


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Shop, dict[str, Runtime], httpx.AsyncClient]]:
    """Two apps of one kind, which run under names of their own."""
    shop = Shop(folder, policy=OWN)
    async with (
        shop.open(app_of(shop), transcripts=True, name="shop:desk") as desk,
        shop.open(app_of(shop), transcripts=True, name="shop:office") as office,
        served({"desk": desk, "office": office}) as client,
    ):
        yield shop, {"desk": desk, "office": office}, client


def at(client: httpx.AsyncClient, agent: str, thread: str = "") -> Page:
    return Page(client, thread or f"of-{agent}", agent=agent)


async def waiting(client: httpx.AsyncClient, agent: str) -> list[str]:
    return [each["threadId"] for each in (await client.get(f"/copilotkit/agent/{agent}/waiting")).json()]


async def test_info_lists_them_and_each_runs_its_own_app(tmp_path: Path) -> None:
    async with two(tmp_path) as (shop, apps, client):
        assert list((await client.get("/copilotkit/info")).json()["agents"]) == list(NAMES)
        for name in NAMES:
            page = at(client, name)
            await page.say("refund")
            (run,) = (await apps[name].store.fetch(ListRuns(thread=page.thread))).items
            assert (run.app, run.state) == (f"shop:{name}", RunState.PAUSED)
            await page.resolve({"approved": True})
            assert page.texts[-1] == "refunded 10.0 for A-1"
        assert shop.ledger.count("refund") == 2


async def test_a_conversation_with_one_is_nothing_to_the_other(tmp_path: Path) -> None:
    async with two(tmp_path) as (shop, apps, client):
        desk, office = at(client, "desk", "t"), at(client, "office", "t")
        await desk.say("refund")
        asked = desk.interrupts[0]["id"]
        await office.connect()
        assert (office.interrupts, "You said" in str(office.events)) == ([], False)
        assert "is with another agent" in office.texts[-1]
        await office.resume({"interruptId": asked, "status": "resolved", "payload": {"approved": True}})
        await office.say("refund")
        stopped = await client.post("/copilotkit/agent/office/stop/t")
        assert (stopped.status_code, stopped.json()["stopped"]) == (403, False)
        assert shop.ledger.count("refund") == 0
        assert [(run.app, run.state) for run in (await apps["desk"].runs()).items] == [("shop:desk", RunState.PAUSED)]
        await desk.resolve({"approved": True})
        assert shop.ledger.count("refund") == 1


async def test_each_lists_what_waits_in_its_own(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, _, client):
        for name in NAMES:
            await at(client, name).say("refund")
        for name in NAMES:
            assert await waiting(client, name) == [f"of-{name}"]


async def test_of_two_that_are_begun_under_one_name_at_once_one_is(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, apps, client):
        await asyncio.gather(*(at(client, name, "t").say("hello", id=f"m-{name}") for name in NAMES))
        assert len((await apps["desk"].runs()).items) == 1


async def test_one_app_under_two_names_has_one_set_of_conversations(tmp_path: Path) -> None:
    shop = Shop(tmp_path, policy=OWN)
    async with (
        shop.open(app_of(shop), transcripts=True) as hitl,
        served({"desk": hitl, "office": hitl}) as client,
    ):
        await at(client, "desk", "t").say("refund")
        office = at(client, "office", "t")
        await office.connect()
        await office.resolve({"approved": True})
        assert shop.ledger.count("refund") == 1


async def test_one_whose_framework_is_not_here_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    """What it asks can be answered here; it goes on where its framework is."""
    shop = Shop(tmp_path, policy=OWN)

    def missing() -> Adapter:
        raise AdapterNotInstalled("its package is not installed")

    async with shop.open(app_of(shop), transcripts=True, name="shop:away") as elsewhere:
        await elsewhere.start({"messages": [{"role": "user", "content": "refund"}]}, thread="t", by="ann")
    away = DeferredAdapter("plain", missing)
    async with (
        shop.open(app_of(shop), transcripts=True) as hitl,
        shop.open(None, transcripts=True, name="shop:away", adapter=away) as not_here,
        served({"desk": hitl, "away": not_here}) as client,
    ):
        assert list((await client.get("/copilotkit/info")).json()["agents"]) == ["desk", "away"]
        page = at(client, "away", "t")
        await page.connect()
        await page.resolve({"approved": True})
        assert "its package is not installed" in page.texts[-1]
        await at(client, "away").say("refund")
        assert [(run.app, run.state) for run in (await hitl.runs()).items] == [("shop:away", RunState.READY)]
        assert shop.ledger.count("refund") == 0
    async with shop.open(app_of(shop), transcripts=True, name="shop:away") as elsewhere:
        await elsewhere.resume((await elsewhere.runs()).items[0].id)
    assert shop.ledger.count("refund") == 1


async def test_an_agent_is_known_by_the_name_that_it_is_given_here(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with (
        shop.open(app_of(shop), transcripts=True) as hitl,
        served({"desk": Agent("another", hitl, "Answers.")}) as client,
    ):
        agents = (await client.get("/copilotkit/info")).json()["agents"]
        assert {name: (each["name"], each["description"]) for name, each in agents.items()} == {
            "desk": ("desk", "Answers.")
        }
