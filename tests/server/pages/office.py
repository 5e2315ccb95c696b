"""An office for tests of the pages: the shop behind the real application, with a browser for each person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_core.protocol import PauseRequest, Run
from hitl_core.runtime import Runtime
from hitl_core.server.auth import Visitor
from hitl_core.server.pages import give_held
from hitl_core.server.site import site_of
from tests.core.shop import App, Ledger, Shop, only
from tests.server.site import AsVisitor, browsing, somebody

from .reader import Browser, Page

UNDO = 6
"""Seconds after which an answer that was held is given."""


@dataclass
class Office:
    """A runtime, and who looks at it now."""

    hitl: Runtime
    shop: Shop
    browser: Browser
    door: AsVisitor

    async def ask(self, input: Any = None, *, by: str | None = None) -> PauseRequest:
        """Start a run; the one request that it waits for."""
        return only(await self.hitl.start({} if input is None else input, by=by))

    async def open(self, request: PauseRequest) -> Page:
        return await self.browser.open(f"/requests/{request.id}")

    def come(self, name: str, **how: Any) -> None:
        self.door.now = somebody(name, **how)

    async def decide(self, request: PauseRequest, decision: str, **typed: str | None) -> Page:
        page = await self.open(request)
        return await self.browser.send(page.form(decision), **typed)

    async def give(self) -> int:
        """Let the seconds pass in which answers can be taken back."""
        self.shop.clock.advance(UNDO)
        return await give_held(self.door.app.state.site)  # type: ignore[attr-defined]  # the application of FastAPI

    async def done(self, request: PauseRequest) -> Run:
        await self.give()
        return await self.hitl.resume(request.run_id)


@asynccontextmanager
async def office(folder: Path, app: Callable[[Ledger], App], **how: Any) -> AsyncIterator[Office]:
    shop = Shop(folder, **how)
    async with shop.open(app(shop.ledger)) as hitl, browsing(hitl) as (client, door):
        yield Office(hitl, shop, Browser(client), door)


__all__ = ["Office", "Refused", "Visitor", "gate", "office", "site_of"]
