"""The server as other agents' clients reach it: a shop, real sockets, and callers with tokens.

`planner` starts runs, and its client carries nobody's answers; `portal` does; `asker` starts and carries. Who a token
is of is tested with the server's authentication.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from hitl_adapters.plain import Refused, gate
from hitl_core.a2a import mount_a2a
from hitl_core.config import Agents
from hitl_core.contracts import Store
from hitl_core.mcp import mount_mcp
from hitl_core.protocol import AuditEvent, Response, Run
from hitl_core.runtime import Runtime
from hitl_core.server.auth import Right, Visitor
from tests.core.shop import Ledger, Shop, policy, refund_tool, rule, trail
from tests.server.api.calling import OTHER, program
from tests.server.site import served

AGENTS = Agents(a2a=True, mcp=True, may_answer=("portal", "asker"), name="Refunds", description="Pays money back.")
RULES = policy(
    rule("refunds", level="confirm"),
    rule("letters", match={"tool": "letter"}, level="collaborate"),
    rule("led", match={"tool": "sign"}, level="human_leads"),
    rule("looks", match={"tool": "look_up"}, level="autonomous"),
)
INBOX = "http://inbox.test"
ALL = frozenset(Right)
STARTS = frozenset((Right.START, Right.REQUESTS))
CALLERS = {
    "planner": program("planner", rights=STARTS),
    "portal": program("portal", rights=ALL),
    "asker": program("asker", rights=STARTS),
    "stranger": program("stranger", rights=STARTS),
    "looker": program("looker", rights=frozenset((Right.RUNS,))),
    "acme": program("acme", tenant=OTHER, rights=ALL),
}


NESTED: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "object", "properties": {"town": {"type": "string"}}}},
}
Back = Callable[[], Awaitable[None]]


def desk(ledger: Ledger, held: asyncio.Event, back: Back) -> Callable[[Any], Any]:
    """Does what its input says, by the name under `do`; `back` is what its code does by itself while it is at work."""
    refund = refund_tool(ledger, reversible=True)

    @gate.guard
    async def letter(text: str) -> str:
        ledger.write("letter", text=text)
        return "sent"

    @gate.guard
    async def sign(contract: str) -> str:
        ledger.write("sign", contract=contract)
        return "signed"

    @gate.guard
    async def book(number: int, items: list[str]) -> str:
        ledger.write("book", number=number, items=items)
        return "booked"

    async def said(given: dict[str, Any]) -> Any:
        match given.get("do", "refund"):
            case "letter":
                return await letter("Dear Sir or Madam")
            case "sign":
                return await sign("C-7")
            case "book":
                return await book(7, ["a", "b"])
            case "question":
                return await gate.ask("Why is it due?")
            case "nested":
                return await gate.ask("Where to?", answer_schema=NESTED)
            case "choice":
                return await gate.choose("Which road?", ["left", "right"])
            case "review":
                return await gate.review("A first draft", title="The letter")
            case "twice":
                return [await refund("A-1", 1.5), await refund("A-2", 2.5)]
            case "both":
                return list(await asyncio.gather(refund("A-1", 1.5), refund("A-2", 2.5)))
            case "fail":
                raise KeyError("the warehouse")
            case "back":
                await back()
                return await refund("A-1", 1.5)
            case "slow":
                await held.wait()
                return "at last"
            case _:
                return await refund(given.get("order", "A-1042"), given.get("amount", 120.5))

    async def app(input: Any) -> Any:
        given = input if isinstance(input, dict) else {"do": "question"} if input == "ask" else {}
        try:
            return {"said": await said(given), "input": input, "notes": list(gate.notes)}
        except Refused as exc:
            return {"said": f"refused: {exc}", "input": input, "notes": list(gate.notes)}

    return app


@dataclass
class Street:
    """A shop and its address; a later one over the same shop is what a new process would be."""

    shop: Shop
    hitl: Runtime
    port: int
    held: asyncio.Event
    known: dict[str, Visitor]
    calls: list[Back]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def run(self, run_id: str) -> Run:
        return await self.hitl.run(run_id)

    async def refusals(self) -> list[dict[str, Any]]:
        return await self._lines(AuditEvent.REQUEST_REFUSED)

    async def decisions(self) -> list[dict[str, Any]]:
        return await self._lines(AuditEvent.REQUEST_DECIDED)

    async def _lines(self, event: AuditEvent) -> list[dict[str, Any]]:
        return [{**json.loads(line.body), "by": line.actor} for line in await trail(self.hitl, event)]

    async def start(self, by: str | None = "planner", **given: Any) -> Run:
        return await self.hitl.start(given, by=by)

    async def of_another(self) -> Run:
        """A run of another tenant."""
        before = self.hitl.settings
        self.hitl.settings = replace(before, tenant=OTHER)
        try:
            return await self.hitl.start({})
        finally:
            self.hitl.settings = before

    async def decide(self, *responses: Response) -> None:
        for each in responses:
            await self.hitl.respond(each)


@asynccontextmanager
async def street(
    shop: Shop, *, agents: Agents = AGENTS, inbox: str = INBOX, wrap: Callable[[Store], Store] = lambda store: store
) -> AsyncIterator[Street]:
    """An application of its own, which knows by itself who calls; what the inbox makes of it is test_agents.

    `wrap` puts something around its store.
    """
    shop.policy = RULES
    held, known, calls = asyncio.Event(), dict(CALLERS), list[Back]()

    async def back() -> None:
        for call in calls:
            await call()

    async def who(connection: HTTPConnection) -> Visitor | None:
        scheme, _, name = connection.headers.get("authorization", "").partition(" ")
        return known.get(name) if scheme == "Bearer" else None

    async with shop.open(desk(shop.ledger, held, back), wrap=wrap) as hitl:
        app, may = Starlette(), agents.may_answer
        mount_a2a(
            app, hitl, who=who, url=INBOX, may_answer=may, inbox=inbox, name=agents.name, description=agents.description
        )
        sessions = mount_mcp(app, hitl, who=who, may_answer=may, inbox=inbox)
        try:
            async with served(app) as port:
                yield Street(shop, hitl, port, held, known, calls)
        finally:
            held.set()
            await sessions.close()
