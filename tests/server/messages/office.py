"""The refund desk with messages: its runtime, its server, and people who have addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from hitl_core.channels.messages import Around, Route
from hitl_core.config import Serving
from hitl_core.config.messages import message_channels
from hitl_core.protocol import Run
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from tests.cli.shop import PATIENCE
from tests.core.shop import Shop, one_refund, policy, rule

URL = "https://inbox.example.com"
PEOPLE = """
[people.ann]
name = "Ann Ames"
roles = ["lead"]
addresses = { mail = "ann@example.com", slack = "U1ANN" }
[people.ben]
addresses = { mail = "ben@example.com", slack = "U2BEN" }
"""


class Office:
    """A shop whose policy asks the leads, with a server in front of it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        shop.policy = policy(rule("lead", level="confirm", approvers={"roles": ["lead"]}))
        shop.people(PEOPLE)

    @asynccontextmanager
    async def open(self, *routes: Route) -> AsyncIterator[tuple[Runtime, httpx.AsyncClient]]:
        """A runtime, and a browser (or whoever else calls) that reaches its server."""
        shop = self.shop
        store = await shop.store()
        channels = message_channels(routes, Around(store, shop.clock, shop.directory, URL))
        try:
            async with shop.open(one_refund(shop.ledger), channels=channels) as hitl:
                patiently(hitl)
                transport = httpx.ASGITransport(app=create_app(hitl, Serving(url=URL), messages=routes))
                async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                    yield hitl, client
        finally:
            await store.close()


def patiently(hitl: Runtime) -> None:
    """Who waits for what is being sent waits for it: a busy machine takes a while to load what sends."""
    hitl._announcer._patience = PATIENCE


async def asked(hitl: Runtime) -> Run:
    """A run that waits, and about which everybody has been told."""
    run = await hitl.start({})
    await hitl._announcer.close()
    return run
