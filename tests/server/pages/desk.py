"""A shop that people look at in a browser: runs of every kind, stops, grants, a policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from hitl_core.protocol import Run
from hitl_core.runtime import Runtime
from hitl_core.server.auth import Visitor
from tests.core.shop import Shop, one_refund, policy, rule
from tests.server.pages.browser import Browser
from tests.server.site import AsVisitor, browsing

HOSTILE = "x</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}\u202egnp\u200b\x1b[31m"
"""Text that would forge a page, hide something, or run, where it were taken for more than text."""

RULES = policy(rule("refunds", level="confirm", approvers={"users": ["ann", "bob"]}, deadline="2h"))


async def give_back(receipt: Any, arguments: Any) -> str:
    return f"took {arguments['amount']} back, which {receipt}"


class Desk:
    """A shop, its runtime, and a browser at its server."""

    def __init__(self, shop: Shop, hitl: Runtime, browser: Browser, door: AsVisitor) -> None:
        self.shop, self.hitl, self.browser, self.door = shop, hitl, browser, door

    async def asked(self, order: str = "A-1042", amount: float = 120.5) -> Run:
        return await self.hitl.start({"order": order, "amount": amount}, by="customer-7")


@asynccontextmanager
async def at_desk(folder: Path, come: Visitor | None = None, app: Any = None, **traits: Any) -> AsyncIterator[Desk]:
    """By default refunds can be taken back within two hours."""
    shop = Shop(folder, policy=RULES)
    given = {"reversible": True, "undo": give_back, "undo_window": timedelta(hours=2), **traits}
    async with shop.open(app or one_refund(shop.ledger, **given)) as hitl, browsing(hitl, come) as (client, door):
        yield Desk(shop, hitl, Browser(client), door)
