"""A shop for tests of the pages, behind the real application, with a browser for whoever looks at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from hitl_core.protocol import PauseRequest, Run
from hitl_core.runtime import Runtime
from hitl_core.server.auth import Visitor
from hitl_core.server.pages import give_held
from tests.core.shop import App, Ledger, Shop, one_refund, only, policy, rule
from tests.server.pages.browser import Browser, Page
from tests.server.site import AsVisitor, browsing, somebody

HOSTILE = "x</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}\u202egnp\u200b\x1b[31m"
"""Text that would forge a page, hide something, or run, where it were taken for more than text."""

RULES = policy(rule("refunds", level="confirm", approvers={"users": ["ann", "bob"]}, deadline="2h"))

UNDO = 6
"""Seconds after which an answer that was held is given."""


@dataclass
class Desk:
    """A shop, its runtime, and who looks at its pages now."""

    hitl: Runtime
    shop: Shop
    browser: Browser
    door: AsVisitor

    async def asked(self, order: str = "A-1042", amount: float = 120.5) -> Run:
        """A run that waits for people."""
        return await self.hitl.start({"order": order, "amount": amount}, by="customer-7")

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
async def at_desk(
    folder: Path, app: Callable[[Ledger], App], *, visitor: Visitor | None = None, people: str = "", **how: Any
) -> AsyncIterator[Desk]:
    """`how` is that of the shop: its policy, its time …"""
    shop = Shop(folder, **how)
    if people:
        shop.people(people)
    async with shop.open(app(shop.ledger)) as hitl, browsing(hitl, visitor) as (client, door):
        yield Desk(hitl, shop, Browser(client), door)


@asynccontextmanager
async def at_refund_desk(
    folder: Path, visitor: Visitor | None = None, app: App | None = None, **traits: Any
) -> AsyncIterator[Desk]:
    """Refunds wait for people under RULES; by default they can be taken back within two hours."""
    given = {"reversible": True, "undo": give_back, "undo_window": timedelta(hours=2), **traits}

    def opened(ledger: Ledger) -> App:
        return one_refund(ledger, **given) if app is None else app

    async with at_desk(folder, opened, visitor=visitor, policy=RULES) as desk:
        yield desk


async def give_back(receipt: Any, arguments: Any) -> str:
    return f"took {arguments['amount']} back, which {receipt}"
