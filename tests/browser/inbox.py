"""The inbox as it is served: the real application on a socket of this machine, over a store in a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, expect

from hitl_core.channels.messages import Route
from hitl_core.clock import SystemClock
from hitl_core.commands import Settled
from hitl_core.config import Serving
from hitl_core.contracts import Clock
from hitl_core.protocol import PauseRequest, Run
from hitl_core.runtime import Runtime
from hitl_core.server import Site, create_app
from hitl_core.server.auth import login_links
from hitl_core.server.listening import Listener, address_of, bound
from tests.core.shop import App, Ledger, Shop, only

from .watched import Watch

PATIENCE = 30.0
"""Seconds that something may take which the server, or the browser, does by itself. Other work may share the machine.
"""


@dataclass
class Inbox:
    """A runtime that is served at `url`, and the browser that people come to it with."""

    shop: Shop
    hitl: Runtime
    site: Site
    url: str
    browser: Browser
    watches: list[Watch] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def ask(self, input: Any = None, **how: Any) -> PauseRequest:
        """Start a run; the one request that it waits for."""
        return only(await self.hitl.start({} if input is None else input, **how))

    async def stranger(self, **how: Any) -> Page:
        """A browser that nobody has signed in with."""
        context = await self.browser.new_context(base_url=self.url, **how)
        context.set_default_timeout(PATIENCE * 1000)
        self.contexts.append(context)
        self.watches.append(Watch.over(context, self.url))
        return await context.new_page()

    async def visit(self, name: str = "ann", **how: Any) -> Page:
        """A browser of somebody who has come in by a link."""
        page = await self.stranger(**how)
        await page.goto(f"{self.url}/login/{await login_links.new_link(self.site, name)}")
        await page.get_by_role("button", name="Sign in here").click()
        await expect(page.locator(".who summary")).to_contain_text(name)
        return page

    def allow(self, *statuses: int) -> None:
        """Answers that this test asks for, which a browser calls errors."""
        for watch in self.watches:
            watch.allowed.update(statuses)

    async def decided(self, request: PauseRequest) -> Settled:
        """The request, when what was held has been given."""
        return await self._once(request, lambda settled: settled.response is not None)

    async def voted(self, request: PauseRequest) -> Settled:
        """The request, when somebody has said something that does not settle it."""
        return await self._once(request, lambda settled: bool(settled.votes))

    async def _once(self, request: PauseRequest, holds: Callable[[Settled], bool]) -> Settled:
        async with asyncio.timeout(PATIENCE):
            while True:
                settled = await self.hitl.request(request.id)
                if holds(settled):
                    return settled
                await asyncio.sleep(0.02)

    async def done(self, request: PauseRequest) -> Run:
        """The run, after it has gone on with what was answered."""
        await self.decided(request)
        return await self.hitl.resume(request.run_id)

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()


def _mounted(built: FastAPI, below: str) -> FastAPI:
    if not below:
        return built
    outer = FastAPI()
    outer.mount(below, built)
    return outer


@asynccontextmanager
async def serving(
    browser: Browser,
    folder: Path,
    app: Callable[[Ledger], App],
    *,
    undo: float = 0,
    people: str = "",
    routes: tuple[Route, ...] = (),
    below: str = "",
    time: Clock | None = None,
    **how: Any,
) -> AsyncIterator[Inbox]:
    """Time is what it is, unless it is given: the browser has its own. At the end, what its pages did is judged.

    `below` is the path at which another app has mounted it.
    """
    shop = Shop(folder, time=time or SystemClock(), **how)
    if people:
        shop.people(people)
    async with shop.open(app(shop.ledger)) as hitl:
        with bound("127.0.0.1", 0) as socket:
            url = address_of(socket)
            serving = Serving(port=socket.getsockname()[1], undo=undo, sign_ins_a_minute=0, calls_a_minute=0)
            built = create_app(hitl, serving, messages=routes)
            begun = asyncio.Event()
            listener = Listener(built, serving, told=begun.set)
            listener.config.app = _mounted(built, below)
            serves = asyncio.create_task(listener.serve([socket]))
            await begun.wait()
            inbox = Inbox(shop, hitl, built.state.site, url + below, browser)
            try:
                yield inbox
            finally:
                await inbox.close()
                listener.end()
                await serves
    for watch in inbox.watches:
        watch.judge()
