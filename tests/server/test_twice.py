"""One post that reaches two servers at once, on one store: one run is begun, and both tell the same of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.agui.page import Page, resolved
from tests.cli.shop import PATIENCE, Shop
from tests.server.served import Served
from tests.server.test_apps_beside import APPS, ONE

pytestmark = [pytest.mark.processes, pytest.mark.postgres]

Serve = Callable[..., Served]
TIMES = 5
OWN = """
[[rules]]
id = "refunds"
why = "Whoever is at the page decides."
match = { tool = "refund" }
level = "confirm"
approvers = { allow_self = true }
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    from tests.postgres.server import a_server

    with a_server() as url:
        yield url


def on_sqlite(request: pytest.FixtureRequest, folder: Path) -> str:
    return "sqlite:///hitl.db"


def on_postgres(request: pytest.FixtureRequest, folder: Path) -> str:
    from tests.postgres.server import a_schema

    return a_schema(request.getfixturevalue("postgres"), folder)


@pytest.fixture(params=[on_sqlite, on_postgres], ids=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, shop: Shop) -> Shop:
    (shop.folder / f"{shop.module}_apps.py").write_text(APPS.format(module=shop.module))
    (shop.folder / "policy.toml").write_text(OWN)
    url = request.param(request, shop.folder)
    said = ONE.format(module=shop.module, app="payments").replace("sqlite:///hitl.db", url)
    shop.config.write_text(f'{said}\n[policy]\nfile = "policy.toml"\n\n[server]\ncopilotkit = "desk"\n')
    return shop


Story = Callable[[list[httpx.AsyncClient]], Coroutine[Any, Any, None]]


def at_two(shop: Shop, served: Serve, story: Story) -> None:
    """The story of one person at two servers."""
    rights = ("--right", "requests", "--right", "start")
    token = shop.hitl("token", "make", "pages", "--as", "ann", *rights, "--json").json["token"]
    urls = [served(shop, "--no-worker").url for _ in range(2)]

    async def told() -> None:
        async with AsyncExitStack() as around:
            headers = {"authorization": f"Bearer {token}"}
            made = (httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE) for url in urls)
            await story([await around.enter_async_context(each) for each in made])

    asyncio.run(told())


def told(page: Page) -> Any:
    """What a page holds in the end, whichever way it was told."""
    messages = {each["id"]: (each["role"], each.get("content"), each.get("toolCalls")) for each in page.messages}
    return messages, [each["id"] for each in page.interrupts]


def test_the_same_post_at_two_servers_begins_one_run_and_both_tell_the_same(desk: Shop, served: Serve) -> None:
    """And so does the same answer."""

    async def story(clients: list[httpx.AsyncClient]) -> None:
        for at in range(TIMES):
            pages = [Page(client, f"t-{at}") for client in clients]
            await asyncio.gather(*(page.say("hello", id=f"m-{at}") for page in pages))
            assert told(pages[0]) == told(pages[1])
            assert (pages[0].texts, len(pages[0].interrupts)) == (["payments: hello"], 1)
            yes = resolved(pages[0].interrupts[0]["id"], {"approved": True})
            await asyncio.gather(*(page.resume(yes) for page in pages))
            assert told(pages[0]) == told(pages[1])
            assert [each["content"] for each in pages[0].messages if each["role"] == "tool"] == ["paid 10.0"]

    at_two(desk, served, story)
    runs = desk.hitl("runs", "--json").json["runs"]
    assert sorted(each["thread"] for each in runs) == [f"t-{at}" for at in range(TIMES)]
    assert len(desk.ledger("refund")) == TIMES
