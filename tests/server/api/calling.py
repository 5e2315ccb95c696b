"""The API in front of a shop, and callers with tokens. Whose a token is, is tested elsewhere; here it is its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from hitl_adapters.plain import Refused, gate
from hitl_core.config import Serving
from hitl_core.protocol import Responder, Run
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from hitl_core.server.auth import Right, Visitor
from tests.core.shop import App, Ledger, Shop, policy, refund_tool, rule

HOST = "http://127.0.0.1:8484"
EVERYTHING = frozenset(Right)
OTHER = "acme"
"""A tenant whose things nobody of the others sees."""

RULES = policy(
    rule("refunds", level="confirm", batch=True),
    rule("letters", match={"tool": "letter"}, level="collaborate"),
    rule("looks", match={"tool": "look_up"}, level="autonomous"),
)


def program(name: str, *, tenant: str | None = None, rights: frozenset[Right] = EVERYTHING) -> Visitor:
    return Visitor(Responder(id=name, channel="api", authenticated_by="token"), name, tenant, rights)


@dataclass
class Tokens:
    """Whoever brings a token that is known comes in; nobody else does."""

    app: ASGIApp
    known: dict[str, Visitor]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            said = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            scope.setdefault("state", {})["visitor"] = self.known.get(said.removeprefix("Bearer "))
        await self.app(scope, receive, send)


@dataclass
class Api:
    """A served runtime. `ann` starts and operates, `ben` decides; who else calls is made by `caller`."""

    hitl: Runtime
    shop: Shop
    door: Tokens
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def hitl_app(self) -> FastAPI:
        """The application itself, behind no door of the tests."""
        assert isinstance(self.door.app, FastAPI)
        return self.door.app

    def caller(self, visitor: Visitor | None) -> httpx.AsyncClient:
        """Somebody's client."""
        headers = {}
        if visitor is not None:
            token = f"token-{len(self.door.known)}"
            self.door.known[token] = visitor
            headers = {"Authorization": f"Bearer {token}"}
        made = httpx.AsyncClient(transport=httpx.ASGITransport(self.door), base_url=HOST, headers=headers)
        self._clients.append(made)
        return made

    async def close(self) -> None:
        self.held.set()
        for each in self._clients:
            await each.aclose()

    async def of_another(self, **input: Any) -> Run:
        """A run of another tenant, as a process of theirs would start it."""
        before = self.hitl.settings
        self.hitl.settings = replace(before, tenant=OTHER)
        try:
            return await self.hitl.start(input)
        finally:
            self.hitl.settings = before


def desk(ledger: Ledger, held: asyncio.Event) -> App:
    """Does what its input says: `refund` (asks), `letter` (a shared draft), `look` (free), `question`, `slow`,
    `page` (a client tool)."""
    refund = refund_tool(ledger, reversible=True, undo=lambda receipt, arguments: ledger.write("undo", **arguments))

    @gate.guard
    async def letter(text: str) -> str:
        ledger.write("letter", text=text)
        return "sent"

    @gate.guard(reversible=True)
    async def look_up(order: str) -> str:
        ledger.write("look_up", order=order)
        return "found"

    async def said(input: dict[str, Any]) -> Any:
        match input.get("do", "refund"):
            case "letter":
                return await letter("Dear Sir or Madam")
            case "look":
                return await look_up("A-1042")
            case "question":
                return await gate.ask("Why is it due?")
            case "page":
                return await gate.ask_page("pickColour", {"of": ["red", "blue"]})
            case "slow":
                await held.wait()
                return "at last"
            case _:
                return await refund(input.get("order", "A-1042"), input.get("amount", 120.5))

    async def app(input: Any) -> Any:
        try:
            return {"said": await said(input if isinstance(input, dict) else {}), "notes": list(gate.notes)}
        except Refused as exc:
            return {"said": f"refused: {exc}", "notes": list(gate.notes)}

    return app


@asynccontextmanager
async def api(shop: Shop, **how: Any) -> AsyncIterator[Api]:
    shop.policy = RULES
    held = asyncio.Event()
    async with shop.open(desk(shop.ledger, held), **how) as hitl:
        made = Api(hitl, shop, Tokens(create_app(hitl, Serving(calls_a_minute=0)), {}), held)
        try:
            yield made
        finally:
            await made.close()
