"""A shop whose inbox is served behind real authentication: browsers with cookies, programs with tokens, a set clock."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, FastAPI

from hitl_core.commands import ReadAudit
from hitl_core.config import Serving
from hitl_core.protocol import AuditEntry
from hitl_core.runtime import Runtime
from hitl_core.server import Site, create_app
from hitl_core.server.auth import Right, Visitor, current_visitor, login_links, needs
from tests.core.shop import Shop, one_refund

HOST = "https://inbox.test"
PEOPLE = """
[people.ann]
name = "Ann Archer"
roles = ["lead"]
tenant = "default"

[people.bob]
tenant = "shop"

[people.root]
roles = ["lead"]
tenant = "*"
"""


asked = APIRouter()
"""What a test asks: who has come, and whether they may do something."""


@asked.get("/who")
async def who_has_come(come: Annotated[Visitor, Depends(current_visitor)]) -> dict[str, Any]:
    who = come.responder
    told = {"id": who.id, "roles": who.roles, "channel": who.channel, "how": who.authenticated_by}
    return {**told, "name": come.name, "tenant": come.tenant, "rights": sorted(come.rights), "csrf": come.csrf}


@asked.post("/operate")
async def operate(come: Annotated[Visitor, Depends(needs(Right.OPERATE))]) -> str:
    return come.responder.id


class House:
    """One server, and whoever comes to it."""

    def __init__(self, hitl: Runtime, serving: Serving, shop: Shop) -> None:
        self.hitl, self.shop = hitl, shop
        self.serving = serving = replace(serving, hosts=(*serving.hosts, "inbox.test"), sign_ins_a_minute=0)
        self.app: FastAPI = create_app(hitl, serving)
        self.site: Site = self.app.state.site
        self._clients: list[httpx.AsyncClient] = []
        self.app.include_router(asked)

    def browser(self, *, at: str = HOST, peer: str = "192.0.2.7", **headers: str) -> httpx.AsyncClient:
        """A browser of its own, which keeps cookies and follows nothing by itself."""
        transport = httpx.ASGITransport(self.app, client=(peer, 5000))
        self._clients.append(httpx.AsyncClient(transport=transport, base_url=at, headers=headers))
        return self._clients[-1]

    async def signed_in(self, person: str = "ann", **kwargs: str) -> httpx.AsyncClient:
        """A browser in which somebody has signed in by a link."""
        browser = self.browser(**kwargs)
        answer = await by_link(browser, await self.link(person))
        assert answer.status_code == 303, answer.text
        return browser

    async def link(self, person: str = "ann") -> str:
        return f"/login/{await login_links.new_link(self.site, person)}"

    async def lines(self, *events: str) -> list[AuditEntry]:
        """The lines of the trail that say this."""
        page = await self.hitl.store.fetch(ReadAudit(limit=1000))
        return [entry for entry in page.items if entry.event in events]

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def house(shop: Shop, serving: Serving | None = None) -> AsyncIterator[House]:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        made = House(hitl, serving or Serving(), shop)
        try:
            yield made
        finally:
            await made.close()


async def by_link(browser: httpx.AsyncClient, path: str) -> httpx.Response:
    """Open a link and press its button."""
    page = await browser.get(path)
    return await browser.post(path, data={"csrf": csrf_in(page)})


def csrf_in(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]*)"', page.text)
    return "" if found is None else found[1]


async def who(browser: httpx.AsyncClient, **headers: str | bytes) -> str:
    """Whom the server takes this browser for: "" for nobody."""
    raw = {name: value.encode() if isinstance(value, str) else value for name, value in headers.items()}
    answer = await browser.get("/who", headers={name.encode(): value for name, value in raw.items()})
    return "" if answer.status_code == 401 else str(answer.json()["id"])


def body_of(entry: AuditEntry) -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(entry.body)
    return told
